//! A driver with its surroundings: a clock, two publications that may be full, and a disk.

use std::boxed::Box;
use std::vec::Vec;

use super::super::*;
use super::disk::Disk;
pub(super) use super::requests::*;
use crate::ids::{ClientId, CorrelationId, PoolId, StreamId};
use crate::seq::SlotCount;
use crate::shm::PoolClass;
use crate::time::Instant;
use crate::wire::Stride;
use crate::wire::driver::*;

pub(super) const MS: u64 = 1_000_000;
pub(super) const SECOND: u64 = 1_000 * MS;
/// Two streams with a pool, one whose profile has none.
pub(super) const CAMERA: StreamId = StreamId::new(10_000).unwrap();
pub(super) const LIDAR: StreamId = StreamId::new(10_001).unwrap();
pub(super) const HOLLOW: StreamId = StreamId::new(10_002).unwrap();
/// What lease ids are made from.
pub(super) const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
/// Leases the rig has room for.
pub(super) const LEASES: usize = 8;

/// Consumers with streams of their own that it has room for.
pub(super) const CONSUMERS: usize = 4;
/// Streams it has room for.
pub(super) const STREAMS: usize = 6;

const PROFILES: &[Profile<'static>] = &[
    Profile {
        header_nslots: SlotCount::new(8).unwrap(),
        pools: &[PoolClass {
            pool_id: PoolId::new(1).unwrap(),
            stride: Stride::new(4096).unwrap(),
        }],
    },
    Profile {
        header_nslots: SlotCount::new(8).unwrap(),
        pools: &[],
    },
];

pub(super) const CONFIG: Config<'static> =
    Config::new("/dev/shm/tensorpool-ops/default", PROFILES, SEED);

/// The driver under test, at `now`.
pub(super) struct Rig {
    pub(super) driver: Driver<'static>,
    pub(super) now: Instant,
    pub(super) disk: Disk,
}

fn leak<T: Clone>(entry: T, len: usize) -> &'static mut [T] {
    Box::leak(std::vec![entry; len].into_boxed_slice())
}

pub(super) fn storage() -> Storage<'static> {
    Storage {
        leases: leak(LeaseEntry::new(), LEASES),
        streams: leak(StreamEntry::new(), STREAMS),
        consumers: leak(ConsumerEntry::new(), CONSUMERS),
        nodes: leak(NodeEntry::new(), 16),
        answers: leak(AnswerEntry::new(), 16),
        strangers: leak(None, 4),
        text: leak(0, 1024),
    }
}

impl Rig {
    /// At 100 s, with an empty disk that has been looked at.
    pub(super) fn new() -> Self {
        let mut rig = Self::fresh(CONFIG, Instant::from_ns(100 * SECOND), Disk::default());
        rig.files();
        rig
    }

    /// Just started.
    pub(super) fn fresh(config: Config<'static>, now: Instant, disk: Disk) -> Self {
        let mut driver = Driver::new(config, storage()).unwrap();
        for (stream, profile) in [(CAMERA, 0), (LIDAR, 0), (HOLLOW, 1)] {
            driver.add_stream(stream, profile).unwrap();
        }
        Self { driver, now, disk }
    }

    pub(super) fn pass(&mut self, ns: u64) -> &mut Self {
        self.now = Instant::from_ns(self.now.as_ns() + ns);
        self
    }

    /// Time goes by and expiries are judged.
    pub(super) fn pass_and_tick(&mut self, ns: u64) -> u32 {
        self.pass(ns);
        self.driver.tick(self.now)
    }

    pub(super) fn send(&mut self, message: &[u8]) {
        self.driver.handle(self.now, message);
    }

    pub(super) fn ask(&mut self, request: ShmAttachRequest) {
        self.send(&attach_message(&request));
    }

    pub(super) fn keepalive(&mut self, lease: &Event) {
        self.keepalive_of(holder(lease));
    }

    pub(super) fn keepalive_of(&mut self, named: Named) {
        let message = ShmLeaseKeepalive {
            lease_id: named.lease,
            stream_id: named.stream,
            client_id: named.client,
            role: named.role,
            client_timestamp_ns: 0,
        };
        let mut buffer = [0; 64];
        let len = message.encode(&mut buffer).unwrap();
        self.send(&buffer[..len]);
    }

    pub(super) fn detach(&mut self, lease: &Event, correlation: i64) {
        self.detach_of(holder(lease), correlation);
    }

    pub(super) fn detach_of(&mut self, named: Named, correlation: i64) {
        let message = ShmDetachRequest {
            correlation_id: CorrelationId(correlation),
            lease_id: named.lease,
            stream_id: named.stream,
            client_id: named.client,
            role: named.role,
        };
        let mut buffer = [0; 64];
        let len = message.encode(&mut buffer).unwrap();
        self.send(&buffer[..len]);
    }

    /// The leases in force.
    pub(super) fn in_force(&self) -> impl Iterator<Item = LeaseStatus> {
        let leases = self.driver.leases();
        leases.filter(|status| status.phase == LeasePhase::Active)
    }

    /// One control message, taken.
    pub(super) fn hear_one(&mut self) -> Option<(Event, Vec<u8>)> {
        let mut heard = None;
        let mut buffer = [0; 2048];
        let done = self.driver.transmit(self.now, &mut buffer, |output| {
            heard = Some((output.event, output.bytes.to_vec()));
            Ok::<_, ()>(())
        });
        assert_eq!(done, Ok(heard.is_some()));
        heard
    }

    /// Whether a control message is due; it is refused.
    pub(super) fn is_due(&mut self) -> bool {
        let mut buffer = [0; 2048];
        self.driver
            .transmit(self.now, &mut buffer, |_| Err(()))
            .is_err()
    }

    /// All control messages that are due.
    pub(super) fn hear(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.hear_one().map(|(event, _)| event)).collect()
    }

    /// One announce, taken.
    pub(super) fn announce_one(&mut self) -> Option<(Event, Vec<u8>)> {
        let mut heard = None;
        let mut buffer = [0; 2048];
        let done = self.driver.announce(self.now, &mut buffer, |output| {
            heard = Some((output.event, output.bytes.to_vec()));
            Ok::<_, ()>(())
        });
        assert_eq!(done, Ok(heard.is_some()));
        heard
    }

    /// All announces that are due, as (stream, epoch, producer).
    pub(super) fn announces(&mut self) -> Vec<(StreamId, u64, Option<u32>)> {
        core::iter::from_fn(|| self.announce_one())
            .map(|(event, _)| match event {
                Event::Announced {
                    stream,
                    epoch,
                    producer,
                } => (stream, epoch.get(), producer.map(ClientId::get)),
                other => panic!("not an announce: {other:?}"),
            })
            .collect()
    }

    /// One order, taken and not carried out.
    pub(super) fn order(&mut self) -> Option<FileOrder<'static>> {
        let mut given = None;
        let done = self.driver.order(self.now, |order| {
            given = Some(order);
            Ok::<_, ()>(())
        });
        assert_eq!(done, Ok(given.is_some()));
        given
    }

    /// Carries an order out as a working disk does.
    pub(super) fn carry_out(&mut self, order: FileOrder<'static>) {
        if let Some(result) = self.disk.carry_out(self.now, order) {
            self.driver.handle_files(self.now, result);
        }
    }

    /// Carries out all orders there are.
    pub(super) fn files(&mut self) -> Vec<FileOrder<'static>> {
        let mut given = Vec::new();
        while let Some(order) = self.order() {
            given.push(order);
            self.carry_out(order);
        }
        given
    }

    /// The next order fails.
    pub(super) fn fail_files(&mut self, error: FileError) {
        match self.order() {
            Some(FileOrder::Scan { stream } | FileOrder::Provision { stream, .. }) => {
                let result = FileResult::Failed { stream, error };
                self.driver.handle_files(self.now, result);
            }
            other => panic!("no order that can fail: {other:?}"),
        }
    }

    /// Files and control messages, until nothing is left to do.
    pub(super) fn settle(&mut self) -> Vec<Event> {
        let mut heard = Vec::new();
        loop {
            let orders = self.files();
            let before = heard.len();
            heard.extend(self.hear());
            heard.extend(core::iter::from_fn(|| {
                self.announce_one().map(|(event, _)| event)
            }));
            let only_refreshes = orders
                .iter()
                .all(|order| matches!(order, FileOrder::RefreshActivity { .. }));
            if only_refreshes && heard.len() == before {
                return heard;
            }
        }
    }

    /// Attaches with everything going well; the OK.
    pub(super) fn attached(&mut self, request: ShmAttachRequest) -> Event {
        self.ask(request);
        let heard = self.settle();
        let granted = heard
            .iter()
            .find(|event| matches!(event, Event::Attached { .. }));
        *granted.unwrap_or_else(|| panic!("{heard:?}"))
    }

    /// Asks and hears the one answer: its code and text.
    pub(super) fn answer_to(&mut self, message: &[u8]) -> (i32, std::string::String) {
        self.send(message);
        self.files();
        let (_, bytes) = self.hear_one().expect("an answer");
        let (code, text) = match bytes[2] {
            2 => {
                let view = ShmAttachResponseView::parse(&bytes).unwrap();
                (view.block.code.get(), view.error_message)
            }
            4 => {
                let view = ShmDetachResponseView::parse(&bytes).unwrap();
                (view.block.code.get(), view.error_message)
            }
            other => panic!("template {other} is no answer"),
        };
        (code, std::string::String::from_utf8(text.to_vec()).unwrap())
    }
}
