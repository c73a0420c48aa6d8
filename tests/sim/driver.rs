//! The real driver engine on the fake medium, with a disk that outlives it.

use core::cell::RefCell;
use core::time::Duration;
use std::collections::BTreeMap;
use std::rc::Rc;

use tp_core_nostd::ids::{Epoch, PoolId, StreamId};
use tp_core_nostd::proto::driver::{
    AnswerEntry, Config, ConsumerEntry, Driver, Event, FileOrder, FileResult, LeaseEntry,
    NodeEntry, Profile, Storage, StreamEntry, TEXT_MAX,
};
use tp_core_nostd::seq::SlotCount;
use tp_core_nostd::shm::PoolClass;
use tp_core_nostd::time::Instant;
use tp_core_nostd::transport::{Publication, Subscription};
use tp_core_nostd::wire::Stride;
use tp_core_nostd::wire::driver::Role;
use tp_tests::fake_transport::{FakeNet, FakePublication, FakeSubscription, Owner};

use crate::{ANNOUNCE, CONTROL, STREAMS};

/// The highest epoch that each stream ever had.
pub(crate) type Disk = Rc<RefCell<BTreeMap<StreamId, u64>>>;

/// How long the disk takes.
const DISK_DELAY: Duration = Duration::from_millis(20);

const PROFILES: &[Profile<'static>] = &[Profile {
    header_nslots: SlotCount::new(8).unwrap(),
    pools: &[PoolClass {
        pool_id: PoolId::new(1).unwrap(),
        stride: Stride::new(4096).unwrap(),
    }],
}];

pub(crate) struct DriverActor {
    pub(crate) owner: Owner,
    pub(crate) engine: Driver<'static>,
    disk: Disk,
    inbox: FakeSubscription,
    control: FakePublication,
    announces: FakePublication,
    results: Vec<(Instant, FileResult)>,
    /// Producer leases granted since the last look, with their epochs.
    pub(crate) granted: Vec<(StreamId, Epoch)>,
}

fn leak<T: Clone>(entry: T, len: usize) -> &'static mut [T] {
    Box::leak(vec![entry; len].into_boxed_slice())
}

impl DriverActor {
    pub(crate) fn start(net: &FakeNet, owner: Owner, disk: Disk, seed: u64) -> Self {
        let config = Config {
            root: "/dev/shm/tensorpool-sim/default",
            hugepages: false,
            profiles: PROFILES,
            announce_period: Duration::from_secs(1),
            keepalive_interval: Duration::from_secs(1),
            expiry_grace_intervals: 3,
            node_id_cooldown: Duration::from_secs(1),
            seed,
            dynamic: None,
            private_descriptors: &[],
            private_controls: &[],
            shared_streams: &[],
            answers_hellos: false,
            consumer_limit: None,
            retention: None,
            shutdown: None,
            shutdown_timeout: Duration::from_secs(2),
        };
        let storage = Storage {
            leases: leak(LeaseEntry::new(), 16),
            streams: leak(StreamEntry::new(), STREAMS.len()),
            consumers: leak(ConsumerEntry::new(), 0),
            nodes: leak(NodeEntry::new(), 32),
            answers: leak(AnswerEntry::new(), 32),
            strangers: leak(None, 16),
            text: leak(0, TEXT_MAX),
        };
        let mut engine = Driver::new(config, storage).unwrap();
        for stream in STREAMS {
            engine.add_stream(stream, 0).unwrap();
        }
        Self {
            owner,
            engine,
            disk,
            inbox: net.tethered_subscription(CONTROL, owner),
            control: net.publication(CONTROL, owner),
            announces: net.publication(ANNOUNCE, owner),
            results: Vec::new(),
            granted: Vec::new(),
        }
    }

    pub(crate) fn step(&mut self, now: Instant) {
        let Self {
            engine,
            inbox,
            control,
            announces,
            disk,
            results,
            granted,
            ..
        } = self;
        inbox.image_events(&mut |_, _| {});
        inbox
            .poll(100, &mut |message, _| engine.handle(now, message))
            .unwrap();
        results.retain(|(at, result)| {
            let due = now >= *at;
            if due {
                engine.handle_files(now, *result);
            }
            !due
        });
        engine.tick(now);
        let mut buffer = [0; 4096];
        let heard = |granted: &mut Vec<_>, event| {
            if let Event::Attached {
                stream,
                epoch,
                role: Role::Producer,
                again: false,
                ..
            } = event
            {
                granted.push((stream, epoch));
            }
        };
        while let Ok(true) = engine.transmit(now, &mut buffer, |output| {
            control.offer(output.bytes)?;
            heard(granted, output.event);
            Ok::<_, tp_core_nostd::transport::SendError>(())
        }) {}
        while let Ok(true) =
            engine.announce(now, &mut buffer, |output| announces.offer(output.bytes))
        {}
        while let Ok(true) = engine.order(now, |order| {
            results.extend(
                carry_out(&mut disk.borrow_mut(), order)
                    .map(|result| (now.after(DISK_DELAY), result)),
            );
            Ok::<_, ()>(())
        }) {}
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        let results = self.results.iter().map(|(at, _)| *at);
        results
            .chain([self.engine.poll_timeout()])
            .min()
            .unwrap_or(Instant::NEVER)
    }
}

fn carry_out(disk: &mut BTreeMap<StreamId, u64>, order: FileOrder<'_>) -> Option<FileResult> {
    match order {
        FileOrder::Scan { stream } => Some(FileResult::Scanned {
            stream,
            last_epoch: disk.get(&stream).copied().unwrap_or(0),
        }),
        FileOrder::Provision { stream, epoch, .. } => {
            let last = disk.entry(stream).or_default();
            assert!(
                epoch.get() > *last,
                "an epoch at or below one that was on disk: {epoch} after {last}"
            );
            *last = epoch.get();
            Some(FileResult::Provisioned { stream, epoch })
        }
        FileOrder::Collect { stream, .. } => Some(FileResult::Collected { stream, removed: 0 }),
        FileOrder::RefreshActivity { .. } => None,
    }
}
