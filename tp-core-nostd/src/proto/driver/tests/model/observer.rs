//! What was done and said so far, as somebody outside of the driver knows it.

use std::collections::{BTreeMap, BTreeSet};
use std::vec::Vec;

use super::super::super::leases;
use super::super::super::*;
use super::super::disk::Disk;
use super::super::rig::*;
use super::{CONTROLS, DESCRIPTORS, DYNAMIC, MODEL, Outcome, STREAMS, Step};
use crate::ids::{ClientId, CorrelationId, LeaseId, StreamId};
use crate::time::{Duration, Instant};
use crate::wire::control::*;
use crate::wire::driver::*;
use crate::wire::enums::Mode;

/// What is known of one lease from the outside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) named: Named,
    pub(super) expires_at: Instant,
    pub(super) node: Option<u32>,
    pub(super) granted_at: Instant,
    /// The streams of its own that it was told of.
    pub(super) own: [Option<StreamId>; 2],
}

/// The epoch of a stream in use, since when, and the one before.
#[derive(Clone, Copy, Debug)]
pub(super) struct InUse {
    pub(super) epoch: u64,
    pub(super) since: Instant,
    pub(super) before: Option<u64>,
}

/// Knows everything that was said, and the rules it must follow (`rules.rs`).
pub(super) struct Observer {
    pub(super) rig: Rig,
    /// Orders taken and not carried out, oldest first.
    pub(super) orders: Vec<FileOrder<'static>>,
    /// Leases in force.
    pub(super) live: BTreeMap<LeaseId, Known>,
    /// Every lease of any driver so far, in order.
    pub(super) ever: Vec<Named>,
    pub(super) ended: BTreeSet<LeaseId>,
    pub(super) last_request: BTreeMap<u32, ShmAttachRequest>,
    /// Which stream was asked for, by correlation id.
    pub(super) requests: BTreeMap<i64, Option<StreamId>>,
    /// Per correlation id: how often it was asked, and how often answered.
    pub(super) asked: BTreeMap<i64, (u32, u32)>,
    /// Clients with a lease that was revoked although its OK never got out.
    pub(super) given_up: BTreeSet<ClientId>,
    /// Highest epoch ever ordered, and ever told, per stream.
    pub(super) ordered: BTreeMap<StreamId, u64>,
    pub(super) told: BTreeMap<StreamId, u64>,
    /// Highest epoch given to a producer, and announced without one, per stream.
    pub(super) produced: BTreeMap<StreamId, u64>,
    pub(super) idle: BTreeMap<StreamId, u64>,
    /// Epochs at or below this are dead: their producer was revoked.
    pub(super) dead: BTreeMap<StreamId, u64>,
    pub(super) in_use: BTreeMap<StreamId, InUse>,
    hellos: u64,
    pub(super) configs: u64,
    correlation: i64,
    drivers: u64,
}

impl Observer {
    pub(super) fn new() -> Self {
        let start = Instant::from_ns(100 * SECOND);
        Self {
            rig: Rig::fresh(MODEL, start, Disk::default()),
            orders: Vec::new(),
            live: BTreeMap::new(),
            ever: Vec::new(),
            ended: BTreeSet::new(),
            last_request: BTreeMap::new(),
            requests: BTreeMap::new(),
            asked: BTreeMap::new(),
            given_up: BTreeSet::new(),
            ordered: BTreeMap::new(),
            told: BTreeMap::new(),
            produced: BTreeMap::new(),
            idle: BTreeMap::new(),
            dead: BTreeMap::new(),
            in_use: BTreeMap::new(),
            hellos: 0,
            configs: 0,
            correlation: 0,
            drivers: 0,
        }
    }

    pub(super) fn apply(&mut self, step: Step) {
        match step {
            Step::Attach { .. } => self.attach(step),
            Step::Repeat { client } => {
                if let Some(request) = self.last_request.get(&client).copied() {
                    self.ask(request);
                }
            }
            Step::Keepalive(at) => {
                if let Some(named) = self.pick(at) {
                    let lifetime = Duration::from_secs(3);
                    if let Some(known) = self.live.get_mut(&named.lease) {
                        known.expires_at = self.rig.now.after(lifetime);
                    }
                    self.rig.keepalive_of(named);
                }
            }
            Step::Detach(at) => {
                if let Some(named) = self.pick(at) {
                    self.rig.detach_of(named, 1);
                    self.live.remove(&named.lease);
                }
            }
            Step::Revoke(at) => {
                if let Some(named) = self.pick(at) {
                    let revoked = self.rig.driver.revoke(self.rig.now, named.lease);
                    assert_eq!(revoked, self.live.remove(&named.lease).is_some());
                }
            }
            Step::Hello(at, descriptor, control) => self.hello(at, descriptor, control),
            Step::Pass(ns) => self.pass(ns),
            Step::Take(messages) => {
                for _ in 0..messages {
                    match self.rig.hear_one() {
                        Some((event, _)) => self.hear(event),
                        None => break,
                    }
                }
            }
            Step::Announce(messages) => {
                for _ in 0..messages {
                    match self.rig.announce_one() {
                        Some((event, _)) => self.hear(event),
                        None => break,
                    }
                }
            }
            Step::Order => {
                if let Some(order) = self.rig.order() {
                    self.take(order);
                }
            }
            Step::CarryOut(outcome) => {
                if !self.orders.is_empty() {
                    let order = self.orders.remove(0);
                    self.carry_out(order, outcome);
                }
            }
            Step::Settle => self.settle(),
            Step::Restart(reboot) => self.restart(reboot),
        }
        self.check();
    }

    fn attach(&mut self, step: Step) {
        let Step::Attach {
            client: raw,
            stream,
            producer,
            creates,
            node,
        } = step
        else {
            return;
        };
        self.correlation += 1;
        let request = ShmAttachRequest {
            correlation_id: CorrelationId(self.correlation),
            stream_id: STREAMS[stream],
            desired_node_id: node,
            publish_mode: if creates {
                PublishMode::ExistingOrCreate
            } else {
                PublishMode::RequireExisting
            },
            role: if producer {
                Role::Producer
            } else {
                Role::Consumer
            },
            ..consumer(raw)
        };
        self.requests.insert(self.correlation, request.stream_id);
        self.last_request.insert(raw, request);
        self.ask(request);
    }

    fn ask(&mut self, request: ShmAttachRequest) {
        self.asked.entry(request.correlation_id.0).or_default().0 += 1;
        self.rig.ask(request);
    }

    fn hello(&mut self, at: usize, descriptor: Option<u32>, control: Option<u32>) {
        let Some(named) = self.pick(at) else {
            return;
        };
        let wish = |range: IdRange, wish: Option<u32>| match wish {
            None => StreamRequest::None,
            // Some wishes lie outside of the range.
            Some(above) => StreamRequest::Of(Endpoint {
                channel: "aeron:ipc",
                stream_id: StreamId::new(range.first().get() + above).unwrap(),
            }),
        };
        let hello = ConsumerHello {
            stream_id: named.stream,
            consumer_id: named.client,
            supports_shm: true,
            supports_progress: false,
            mode: Mode::Stream,
            max_rate_hz: None,
            expected_layout_version: None,
            progress: ProgressHints::default(),
            descriptor: wish(DESCRIPTORS, descriptor),
            control: wish(CONTROLS, control),
        };
        let mut buffer = [0; 256];
        let len = hello.encode(&mut buffer).unwrap();
        self.rig.send(&buffer[..len]);
        self.hellos += 1;
    }

    fn pass(&mut self, ns: u64) {
        self.rig.pass_and_tick(ns);
        let now = self.rig.now;
        self.live.retain(|_, known| known.expires_at >= now);
    }

    /// The correlation id of the attach that a lease came from.
    pub(super) fn origin(&self, lease: LeaseId) -> CorrelationId {
        match self.rig.driver.leases.find(lease) {
            leases::Known::Held(slot) => self.rig.driver.leases.lease(slot).unwrap().correlation,
            other => panic!("{lease} is {other:?}"),
        }
    }

    /// By an even number a lease in force, by an odd one any lease there ever was.
    fn pick(&self, at: usize) -> Option<Named> {
        let live = self.live.values().nth(at / 2 % self.live.len().max(1));
        match live {
            Some(known) if at.is_multiple_of(2) => Some(known.named),
            _ => self.ever.get(at % self.ever.len().max(1)).copied(),
        }
    }

    fn carry_out(&mut self, order: FileOrder<'static>, outcome: Outcome) {
        let error = match outcome {
            Outcome::Works => None,
            Outcome::Fails => Some(FileError::NotPermitted),
            Outcome::NoRoom => Some(FileError::NoSpace { needed: 2, free: 1 }),
        };
        match (order, error) {
            (FileOrder::Scan { stream } | FileOrder::Provision { stream, .. }, Some(error)) => {
                let result = FileResult::Failed { stream, error };
                self.rig.driver.handle_files(self.rig.now, result);
            }
            (_, _) => {
                self.watch();
                self.check_collection(order);
                self.rig.carry_out(order);
            }
        }
    }

    fn restart(&mut self, reboot: bool) {
        self.drivers += 1;
        let now = if reboot {
            Instant::from_ns(SECOND)
        } else {
            self.rig.now
        };
        // What had been ordered and not carried out may be on disk or not.
        let mut disk = core::mem::take(&mut self.rig.disk);
        for (at, order) in core::mem::take(&mut self.orders).into_iter().enumerate() {
            if let (FileOrder::Provision { stream, epoch, .. }, 0) = (order, at % 2) {
                disk.create(now, stream, epoch.get());
            }
        }
        for (stream, told) in &self.told {
            // What nobody saw may be forgotten; what was told was on disk.
            // D-204
            assert!(disk.last(*stream) >= *told);
            self.dead.insert(*stream, *told);
        }
        self.ordered.clear();
        for stream in [CAMERA, LIDAR, HOLLOW, DYNAMIC[0], DYNAMIC[1]] {
            self.ordered.insert(stream, disk.last(stream));
        }
        let config = Config {
            seed: SEED.wrapping_add(self.drivers << 40),
            ..MODEL
        };
        self.rig = Rig::fresh(config, now, disk);
        self.live.clear();
        self.asked.clear();
        self.in_use.clear();
    }

    /// Everything works from here on: every attach is answered, every stream announced, nothing is left over.
    pub(super) fn heal(&mut self) {
        self.apply(Step::Settle);
        self.check_answers();
        assert!(self.configs <= self.hellos);
        // In the end everybody leaves, and the tables are empty: that takes the life of a lease, and the time that old
        // epochs are kept, after the last announce.
        for _ in 0..4 {
            self.pass(60 * SECOND);
            self.settle();
        }
        self.check_empty();
    }

    fn settle(&mut self) {
        for order in core::mem::take(&mut self.orders) {
            self.carry_out(order, Outcome::Works);
        }
        while self.rig.driver.poll_timeout() <= self.rig.now {
            while let Some((event, _)) = self.rig.hear_one() {
                self.hear(event);
            }
            while let Some((event, _)) = self.rig.announce_one() {
                self.hear(event);
            }
            while let Some(order) = self.rig.order() {
                self.take(order);
                let order = self.orders.remove(0);
                self.carry_out(order, Outcome::Works);
            }
        }
    }
}
