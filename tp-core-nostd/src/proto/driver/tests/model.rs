//! The engine against a slow observer that knows the rules, over arbitrary histories: messages in any order, publications
//! that refuse, files that fail, a clock that jumps, drivers that are killed and restarted.

use std::collections::{BTreeMap, BTreeSet};
use std::vec::Vec;

use proptest::prelude::*;

use super::super::*;
use super::rig::*;
use crate::ids::{ClientId, CorrelationId, LeaseId, StreamId};
use crate::time::{Duration, Instant};
use crate::wire::driver::*;

const STREAMS: [StreamId; 2] = [CAMERA, LIDAR];

#[derive(Clone, Copy, Debug)]
enum Step {
    Attach {
        client: u32,
        stream: usize,
        producer: bool,
        node: Option<u32>,
    },
    Repeat {
        client: u32,
    },
    /// Of the n-th lease ever granted, whether it still lives or not.
    Keepalive(usize),
    Detach(usize),
    Pass(u64),
    /// The control publication takes so many messages.
    Take(usize),
    Announce(usize),
    Order,
    /// The oldest order is carried out; `false`: it fails.
    CarryOut(bool),
    /// The process is killed and comes back; `true`: after a reboot, with a clock near zero.
    Restart(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1_u32..6, 0_usize..2, any::<bool>(), prop::option::weighted(0.2, 0_u32..4)).prop_map(
            |(client, stream, producer, node)| Step::Attach { client, stream, producer, node }
        ),
        1 => (1_u32..6).prop_map(|client| Step::Repeat { client }),
        4 => (0_usize..40).prop_map(Step::Keepalive),
        2 => (0_usize..40).prop_map(Step::Detach),
        4 => prop::sample::select(&[1, MS, 400 * MS, SECOND, 2 * SECOND, 5 * SECOND][..]).prop_map(Step::Pass),
        6 => (1_usize..4).prop_map(Step::Take),
        3 => (1_usize..4).prop_map(Step::Announce),
        5 => Just(Step::Order),
        5 => prop::bool::weighted(0.8).prop_map(Step::CarryOut),
        1 => any::<bool>().prop_map(Step::Restart),
    ]
}

/// What is known of one lease from the outside.
#[derive(Clone, Copy, Debug)]
struct Known {
    named: Named,
    expires_at: Instant,
    node: Option<u32>,
}

/// Knows everything that was said, and the rules it must follow.
struct Observer {
    rig: Rig,
    /// Orders taken and not carried out, oldest first.
    orders: Vec<FileOrder<'static>>,
    /// Leases in force.
    live: BTreeMap<LeaseId, Known>,
    /// Every lease of any driver so far, in order.
    ever: Vec<Named>,
    ended: BTreeSet<LeaseId>,
    last_request: BTreeMap<u32, ShmAttachRequest>,
    /// Per correlation id: how often it was asked, and how often answered.
    asked: BTreeMap<i64, (u32, u32)>,
    /// Clients with a lease that was revoked although its OK never got out.
    given_up: BTreeSet<ClientId>,
    /// Highest epoch ever ordered, and ever told, per stream.
    ordered: BTreeMap<StreamId, u64>,
    told: BTreeMap<StreamId, u64>,
    /// Highest epoch given to a producer, and announced without one, per stream.
    produced: BTreeMap<StreamId, u64>,
    idle: BTreeMap<StreamId, u64>,
    /// Epochs at or below this are dead: their producer was revoked.
    dead: BTreeMap<StreamId, u64>,
    correlation: i64,
    drivers: u64,
}

impl Observer {
    fn new() -> Self {
        let start = Instant::from_ns(100 * SECOND);
        Self {
            rig: Rig::fresh(CONFIG, start, BTreeMap::new()),
            orders: Vec::new(),
            live: BTreeMap::new(),
            ever: Vec::new(),
            ended: BTreeSet::new(),
            last_request: BTreeMap::new(),
            asked: BTreeMap::new(),
            given_up: BTreeSet::new(),
            ordered: BTreeMap::new(),
            told: BTreeMap::new(),
            produced: BTreeMap::new(),
            idle: BTreeMap::new(),
            dead: BTreeMap::new(),
            correlation: 0,
            drivers: 0,
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Attach {
                client: raw,
                stream,
                producer,
                node,
            } => {
                self.correlation += 1;
                let request = ShmAttachRequest {
                    correlation_id: CorrelationId(self.correlation),
                    stream_id: Some(STREAMS[stream]),
                    desired_node_id: node,
                    role: if producer {
                        Role::Producer
                    } else {
                        Role::Consumer
                    },
                    ..consumer(raw)
                };
                self.last_request.insert(raw, request);
                self.ask(request);
            }
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
            Step::Pass(ns) => {
                self.rig.pass_and_tick(ns);
                let now = self.rig.now;
                self.live.retain(|_, known| known.expires_at >= now);
            }
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
            Step::CarryOut(works) => {
                if !self.orders.is_empty() {
                    let order = self.orders.remove(0);
                    self.carry_out(order, works);
                }
            }
            Step::Restart(reboot) => self.restart(reboot),
        }
        self.check();
    }

    fn ask(&mut self, request: ShmAttachRequest) {
        self.asked.entry(request.correlation_id.0).or_default().0 += 1;
        self.rig.ask(request);
    }

    /// One more answer than there were requests would be one too many.
    fn answered(&mut self, correlation: CorrelationId) {
        let (asked, answered) = self.asked.entry(correlation.0).or_default();
        *answered += 1;
        assert!(answered <= asked, "{correlation} was answered too often");
    }

    /// The correlation id of the attach that a lease came from.
    fn origin(&self, lease: LeaseId) -> CorrelationId {
        match self.rig.driver.leases.find(lease) {
            super::super::leases::Known::Held(slot) => {
                self.rig.driver.leases.lease(slot).unwrap().correlation
            }
            other => panic!("{lease} is {other:?}"),
        }
    }

    fn pick(&self, at: usize) -> Option<Named> {
        self.ever.get(at % self.ever.len().max(1)).copied()
    }

    fn take(&mut self, order: FileOrder<'static>) {
        if let FileOrder::Provision { stream, epoch, .. } = order {
            // req: D-131
            let before = self.ordered.insert(stream, epoch.get());
            assert!(
                before.is_none_or(|before| before < epoch.get()),
                "{before:?} {order:?}"
            );
        }
        self.orders.push(order);
    }

    fn carry_out(&mut self, order: FileOrder<'static>, works: bool) {
        match order {
            FileOrder::Scan { stream } | FileOrder::Provision { stream, .. } if !works => {
                let error = FileError::NotPermitted;
                let result = FileResult::Failed { stream, error };
                self.rig.driver.handle_files(self.rig.now, result);
            }
            _ => self.rig.carry_out(order),
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Attached {
                again: true, lease, ..
            } => {
                self.answered(self.origin(lease));
                let known = self.live[&holder(&event).lease];
                assert_eq!(known.named, holder(&event));
                self.tell(known.named.stream, epoch_of(&event));
            }
            Event::Attached {
                lease,
                stream,
                client,
                role,
                ..
            } => {
                let named = holder(&event);
                // req: D-087
                assert!(
                    self.ever.iter().all(|other| other.lease != lease),
                    "{lease} was issued before"
                );
                for other in self.live.values() {
                    // req: D-057
                    assert_ne!(other.named.client, client);
                    // req: D-055
                    assert!(
                        role == Role::Consumer
                            || other.named.role == Role::Consumer
                            || other.named.stream != stream,
                        "two producers: {other:?} {named:?}"
                    );
                    // req: D-174
                    let node = node_of(&event);
                    assert!(node.is_none() || node != other.node, "{node:?} twice");
                }
                // req: D-124, D-128
                if role == Role::Producer {
                    let before = self.produced.insert(stream, epoch_of(&event));
                    let idle = self.idle.get(&stream).copied();
                    assert!(before.max(idle) < Some(epoch_of(&event)), "{event:?}");
                }
                self.tell(stream, epoch_of(&event));
                self.ever.push(named);
                self.live.insert(
                    lease,
                    Known {
                        named,
                        expires_at: self.rig.now.after(Duration::from_secs(3)),
                        node: node_of(&event),
                    },
                );
                self.answered(self.origin(lease));
            }
            Event::AttachRefused { correlation, .. } => {
                self.answered(correlation);
            }
            Event::Revoked {
                lease,
                stream,
                client,
                role,
                ..
            } => {
                if self.ever.iter().all(|other| other.lease != lease) {
                    self.given_up.insert(client);
                }
                // req: D-108, D-110
                assert!(self.ended.insert(lease), "{lease} revoked twice");
                assert!(!self.live.contains_key(&lease), "{lease} was in force");
                if role == Role::Producer {
                    let told = self.told.get(&stream).copied().unwrap_or(0);
                    self.dead.insert(stream, told);
                }
            }
            Event::Announced {
                stream,
                epoch,
                producer,
            } => {
                self.tell(stream, epoch.get());
                if producer.is_none() {
                    self.idle.insert(stream, epoch.get());
                }
                let mut holders = self.live.values().filter(|known| {
                    known.named.stream == stream && known.named.role == Role::Producer
                });
                let holder = holders.next().map(|known| known.named.client);
                // A producer may be announced before its OK is out (driver 12, trap 19).
                // req: D-137
                assert!(holder.is_none() || holder == producer, "{event:?}");
            }
            Event::Detached { .. } | Event::DetachRefused { .. } => {}
            Event::StrangerRevoked { lease, .. } => {
                // req: D-154
                assert!(!self.live.contains_key(&lease));
                assert!(self.ever.iter().any(|other| other.lease == lease));
            }
            Event::Configured { .. } => panic!("nobody asked for streams of its own"),
            Event::Shutdown { .. } => panic!("nobody stopped it"),
        }
    }

    /// An epoch was told to clients: it never falls, and is none whose producer was revoked before.
    fn tell(&mut self, stream: StreamId, epoch: u64) {
        // req: D-112, D-113, D-131
        let told = self.told.insert(stream, epoch).unwrap_or(0);
        assert!(told <= epoch, "{stream}: {epoch} after {told}");
        let dead = self.dead.get(&stream).copied().unwrap_or(0);
        assert!(dead < epoch, "{stream}: {epoch} is dead");
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
                disk.insert(stream, epoch.get());
            }
        }
        for (stream, told) in &self.told {
            // What nobody saw may be forgotten; what was told was on disk.
            assert!(disk.get(stream).is_some_and(|last| last >= told));
            self.dead.insert(*stream, *told);
        }
        self.ordered.clone_from(&disk);
        let config = Config {
            seed: SEED.wrapping_add(self.drivers << 40),
            ..CONFIG
        };
        self.rig = Rig::fresh(config, now, disk);
        self.live.clear();
        self.asked.clear();
    }

    /// After every step: leases in force are those that were told, with the expiry that was told.
    fn check(&mut self) {
        let seen: BTreeMap<_, _> = self
            .rig
            .in_force()
            .map(|status| (status.lease, status.expires_at))
            .collect();
        let expected: BTreeMap<_, _> = self
            .live
            .iter()
            .map(|(lease, known)| (*lease, known.expires_at))
            .collect();
        assert_eq!(seen, expected);
        for status in self.rig.driver.streams() {
            let consumers = self
                .rig
                .in_force()
                .filter(|lease| lease.stream == status.stream && lease.role == Role::Consumer);
            assert!(consumers.count() <= status.consumers as usize);
        }
    }

    /// Everything works from here on: every attach is answered, every stream announced, nothing is left over.
    fn heal(&mut self) {
        for order in core::mem::take(&mut self.orders) {
            self.carry_out(order, true);
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
                self.carry_out(order, true);
            }
        }
        self.check();
        let counters = *self.rig.driver.counters();
        assert_eq!(counters.too_long, 0);
        // Every attach was answered, unless its lease had to be given up (D-061) or the answers found no room.
        let room = counters.answers_dropped == 0;
        for request in self.last_request.values().filter(|_| room) {
            let (asked, answered) = self
                .asked
                .get(&request.correlation_id.0)
                .copied()
                .unwrap_or_default();
            assert!(
                asked == 0 || answered > 0 || self.given_up.contains(&request.client_id),
                "{request:?} was not answered"
            );
        }
        // In the end everybody leaves, and the tables are empty.
        self.rig.pass_and_tick(60 * SECOND);
        self.live.clear();
        while let Some((event, _)) = self.rig.hear_one() {
            self.hear(event);
        }
        assert_eq!(self.rig.driver.leases_in_use(), 0);
        for status in self.rig.driver.streams() {
            assert_eq!((status.producer, status.consumers), (None, 0));
        }
    }
}

proptest! {
    #[test] // req: D-055, D-056, D-083, D-086, D-087, D-108, D-110, D-124, D-128, D-131
    fn no_history_breaks_the_rules(steps in prop::collection::vec(step(), 1..200)) {
        let mut observer = Observer::new();
        for step in steps {
            observer.apply(step);
        }
        observer.heal();
    }

    #[test] // req: D-029
    fn no_bytes_make_the_driver_panic_or_speak_out_of_turn(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..20),
        templates in prop::collection::vec(0_u8..10, 20),
    ) {
        let mut rig = Rig::new();
        for (body, template) in messages.iter().zip(templates) {
            rig.send(body);
            // Right on the outside, arbitrary within.
            let lengths = [0, 27, 54, 25, 12, 25, 9, 26, 9, 0];
            let mut message = std::vec![lengths[usize::from(template)], 0, template, 0, 0x85, 3, 1, 0];
            message.extend_from_slice(body);
            rig.send(&message);
        }
        let answers = rig.settle().len();
        prop_assert!(answers <= 2 * messages.len());
    }
}
