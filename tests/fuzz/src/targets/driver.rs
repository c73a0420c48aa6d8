//! The driver engine among clients that ask for anything, send anything, and go away: one producer per stream, epochs that
//! rise, answers that can be read, and never more to say than a cycle can.

mod clients;
mod said;

use std::collections::{BTreeMap, BTreeSet};

use tp_core_nostd::ids::{ClientId, Epoch, LeaseId, PoolId, StreamId};
use tp_core_nostd::proto::dispatch::classify;
use tp_core_nostd::proto::driver::{
    AnswerEntry, Config, ConsumerEntry, Driver, Dynamic, Event, FileError, FileOrder, FileResult,
    IdRange, LeaseEntry, NodeEntry, Profile, ShutdownPolicy, Storage, StreamEntry, TEXT_MAX,
};
use tp_core_nostd::seq::SlotCount;
use tp_core_nostd::shm::PoolClass;
use tp_core_nostd::time::{Duration, Instant};
use tp_core_nostd::wire::Stride;
use tp_core_nostd::wire::driver::Role;

use crate::Input;
use crate::reach::Reached;
use crate::seeds::vectors;
use said::name_of;

/// Leases there is room for.
const LEASES: usize = 8;
/// Outputs of each kind that a cycle takes.
const CYCLE: u32 = 64;

const PROFILES: &[Profile<'static>] = &[Profile {
    header_nslots: SlotCount::new(8).unwrap(),
    pools: &[PoolClass {
        pool_id: PoolId::new(1).unwrap(),
        stride: Stride::new(1024).unwrap(),
    }],
}];

/// A driver, and what its clients know of it.
struct House<'s> {
    engine: Driver<'s>,
    now: Instant,
    /// Leases that were granted, of which any may have ended.
    granted: Vec<(LeaseId, StreamId, ClientId, Role)>,
    /// The newest epoch that anybody was told of a stream.
    epochs: BTreeMap<StreamId, Epoch>,
    messages: Vec<Vec<u8>>,
    buffer: Vec<u8>,
    reached: Reached,
}

pub(super) fn run(bytes: &[u8]) {
    play(bytes);
}

fn play(bytes: &[u8]) -> Reached {
    let mut input = Input::new(bytes);
    let ranges = [(20_000, 20_002), (30_000, 30_002), (40_000, 40_000)]
        .map(|(first, last)| IdRange::new(stream(first), stream(last)).unwrap());
    let [descriptors, controls, dynamic] = &ranges;
    let dynamic = Dynamic {
        ids: core::slice::from_ref(dynamic),
        profile: 0,
    };
    let config = Config {
        root: "/dev/shm/tensorpool-fuzz/default",
        hugepages: false,
        profiles: PROFILES,
        announce_period: Duration::from_millis(100),
        keepalive_interval: Duration::from_millis(100),
        expiry_grace_intervals: 3,
        node_id_cooldown: Duration::from_millis(100),
        seed: input.u64(),
        dynamic: input.bool().then_some(dynamic),
        private_descriptors: core::slice::from_ref(descriptors),
        private_controls: core::slice::from_ref(controls),
        shared_streams: &[],
        answers_hellos: input.bool(),
        consumer_limit: input.bool().then_some(2),
        retention: None,
        shutdown: Some(ShutdownPolicy { token: b"t" }),
        shutdown_timeout: Duration::from_millis(200),
    };
    let mut leases = [const { LeaseEntry::new() }; LEASES];
    let mut streams = [const { StreamEntry::new() }; 3];
    let mut consumers = [const { ConsumerEntry::new() }; 4];
    let mut nodes = vec![NodeEntry::new(); LEASES + 1023];
    let mut answers = [const { AnswerEntry::new() }; 16];
    let mut strangers = [const { None }; 4];
    let mut text = [0; TEXT_MAX];
    let storage = Storage {
        leases: &mut leases,
        streams: &mut streams,
        consumers: &mut consumers,
        nodes: &mut nodes,
        answers: &mut answers,
        strangers: &mut strangers,
        text: &mut text,
    };
    let mut house = House {
        engine: Driver::new(config, storage).unwrap(),
        now: Instant::from_ns(1_000_000_000),
        granted: Vec::new(),
        epochs: BTreeMap::new(),
        messages: vectors(|name| name.starts_with("Shm") || name == "ConsumerHello"),
        buffer: vec![0; 64 << 10],
        reached: Reached::new(),
    };
    for id in [10_000, 10_001] {
        house.engine.add_stream(stream(id), 0).unwrap();
    }
    while !input.is_empty() {
        house.step(&mut input);
        house.check();
    }
    house.reached
}

fn stream(raw: u32) -> StreamId {
    StreamId::new(raw).unwrap()
}

impl House<'_> {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.u8() % 11 {
            0 | 1 => self.attach(input),
            2 => self.detach(input),
            3 => self.keep_alive(input),
            4 => {
                let message = self.messages[input.below(self.messages.len())].clone();
                self.engine.handle(self.now, &message);
            }
            5 => {
                let len = usize::from(input.u8());
                self.engine.handle(self.now, input.take(len));
            }
            6 => {
                self.now = self
                    .now
                    .after(Duration::from_millis(u64::from(input.u8()) * 4))
            }
            7 => self.hello(input),
            8 => self.revoke(input),
            9 if input.u8() < 16 => self.ask_to_stop(input),
            _ => self.cycle(input),
        }
    }

    /// What a driver does once it has heard what there was to hear; its publications and its disk may refuse.
    fn cycle(&mut self, input: &mut Input<'_>) {
        let (takes, has_disk) = (input.u8() > 32, input.u8() > 32);
        self.engine.tick(self.now);
        self.files(has_disk);
        self.talk(takes);
        for _ in 0..CYCLE {
            let now = self.now;
            let said = self.engine.announce(now, &mut self.buffer, |output| {
                assert!(classify(output.bytes).is_ok());
                if !takes {
                    return Err(());
                }
                self.reached.insert(name_of(&output.event));
                Ok(())
            });
            if said != Ok(true) {
                return;
            }
        }
        panic!("no end of announces");
    }

    fn talk(&mut self, takes: bool) {
        let Self {
            engine,
            now,
            granted,
            epochs,
            buffer,
            reached,
            ..
        } = self;
        for _ in 0..CYCLE {
            let said = engine.transmit(*now, buffer, |output| {
                assert!(classify(output.bytes).is_ok());
                if !takes {
                    return Err(());
                }
                reached.insert(name_of(&output.event));
                if let Event::Attached {
                    lease,
                    stream,
                    epoch,
                    client,
                    role,
                    ..
                } = output.event
                {
                    granted.push((lease, stream, client, role));
                    let before = epochs.insert(stream, epoch);
                    assert!(before.is_none_or(|before| before <= epoch), "an epoch fell");
                }
                Ok(())
            });
            if said != Ok(true) {
                return;
            }
        }
        panic!("no end of answers");
    }

    fn files(&mut self, has_disk: bool) {
        for _ in 0..CYCLE {
            let mut result = None;
            let ordered = self.engine.order(self.now, |order| {
                result = match order {
                    FileOrder::Scan { stream } => Some(FileResult::Scanned {
                        stream,
                        last_epoch: 0,
                    }),
                    FileOrder::Provision { stream, .. } if !has_disk => Some(FileResult::Failed {
                        stream,
                        error: FileError::NoSpace { needed: 2, free: 1 },
                    }),
                    FileOrder::Provision { stream, epoch, .. } => {
                        Some(FileResult::Provisioned { stream, epoch })
                    }
                    FileOrder::Collect { stream, .. } => {
                        Some(FileResult::Collected { stream, removed: 0 })
                    }
                    FileOrder::RefreshActivity { .. } => None,
                };
                Ok::<_, ()>(())
            });
            match (ordered, result) {
                (Ok(true), Some(result)) => self.engine.handle_files(self.now, result),
                (Ok(true), None) => {}
                _ => return,
            }
        }
    }

    /// One producer per stream, no client twice, and no lease beyond the room there is.
    fn check(&self) {
        let leases: Vec<_> = self.engine.leases().collect();
        assert!(leases.len() <= LEASES);
        let ids: BTreeSet<_> = leases.iter().map(|lease| lease.lease).collect();
        assert_eq!(ids.len(), leases.len());
        for status in self.engine.streams() {
            let producers = leases.iter().filter(|lease| {
                lease.stream == status.stream
                    && lease.role == Role::Producer
                    && lease.phase == tp_core_nostd::proto::driver::LeasePhase::Active
            });
            assert!(
                producers.count() <= 1,
                "two producers of {:?}",
                status.stream
            );
        }
    }
}
