//! The rules that everything a driver says and does is held against.

use std::collections::BTreeMap;
use std::vec::Vec;

use super::super::super::*;
use super::super::rig::*;
use super::observer::{InUse, Known, Observer};
use super::{CONSUMERS_MAX, CONTROLS, DESCRIPTORS, DYNAMIC, MIN_AGE};
use crate::ids::{ClientId, CorrelationId, StreamId};
use crate::time::Duration;
use crate::wire::driver::*;

impl Observer {
    /// Something was said.
    pub(super) fn hear(&mut self, event: Event) {
        match event {
            Event::Attached {
                again: true, lease, ..
            } => {
                self.answered(self.origin(lease));
                let known = self.live[&holder(&event).lease];
                assert_eq!(known.named, holder(&event));
                self.tell(known.named.stream, epoch_of(&event));
            }
            Event::Attached { .. } => self.attached(&event),
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
                // D-108, D-110
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
                // D-137
                assert!(holder.is_none() || holder == producer, "{event:?}");
            }
            Event::Configured {
                stream,
                consumer,
                descriptor,
                control,
            } => self.configured(stream, consumer, [descriptor, control]),
            Event::Detached { .. } | Event::DetachRefused { .. } => {}
            Event::StrangerRevoked { lease, .. } => {
                // D-154
                assert!(!self.live.contains_key(&lease));
                assert!(self.ever.iter().any(|other| other.lease == lease));
            }
            Event::Shutdown { .. } => panic!("nobody stopped it"),
        }
    }

    /// A lease was granted.
    fn attached(&mut self, event: &Event) {
        let named = holder(event);
        let Named { lease, stream, .. } = named;
        // D-087
        assert!(
            self.ever.iter().all(|other| other.lease != lease),
            "{lease} was issued before"
        );
        for other in self.live.values() {
            // D-057
            assert_ne!(other.named.client, named.client);
            // D-055
            assert!(
                named.role == Role::Consumer
                    || other.named.role == Role::Consumer
                    || other.named.stream != stream,
                "two producers: {other:?} {named:?}"
            );
            // D-174
            let node = node_of(event);
            assert!(node.is_none() || node != other.node, "{node:?} twice");
        }
        // D-166, D-167
        let asked = self.requests[&self.origin(lease).0];
        assert!(
            asked.map_or(DYNAMIC.contains(&stream), |asked| asked == stream),
            "{stream} instead of {asked:?}"
        );
        // D-124, D-128
        if named.role == Role::Producer {
            let before = self.produced.insert(stream, epoch_of(event));
            let idle = self.idle.get(&stream).copied();
            assert!(before.max(idle) < Some(epoch_of(event)), "{event:?}");
        }
        self.tell(stream, epoch_of(event));
        self.ever.push(named);
        self.live.insert(
            lease,
            Known {
                named,
                expires_at: self.rig.now.after(Duration::from_secs(3)),
                node: node_of(event),
                granted_at: self.rig.now,
                own: [None; 2],
            },
        );
        self.answered(self.origin(lease));
    }

    /// A consumer was told which streams of its own it has: the same ones as long as its lease lives, and nobody else's.
    fn configured(&mut self, stream: StreamId, consumer: ClientId, own: [Option<StreamId>; 2]) {
        self.configs += 1;
        let wanted = |known: &&mut Known| {
            let Named { client, role, .. } = known.named;
            (known.named.stream, client, role) == (stream, consumer, Role::Consumer)
        };
        let known = self
            .live
            .values_mut()
            .find(wanted)
            .expect("a lease in force");
        for (range, (own, held)) in [DESCRIPTORS, CONTROLS]
            .into_iter()
            .zip(own.into_iter().zip(&mut known.own))
        {
            // D-169
            assert!(
                own.is_none() || held.is_none() || own == *held,
                "{own:?} {held:?}"
            );
            assert!(own.is_none_or(|id| range.contains(id)));
            *held = own.or(*held);
        }
        let mut all: Vec<_> = self.live.values().flat_map(|known| known.own).collect();
        all.retain(Option::is_some);
        let held = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), held, "an id is held twice");
    }

    /// One more answer than there were requests would be one too many.
    fn answered(&mut self, correlation: CorrelationId) {
        let (asked, answered) = self.asked.entry(correlation.0).or_default();
        *answered += 1;
        assert!(answered <= asked, "{correlation} was answered too often");
    }

    /// An epoch was told to clients: it never falls, and is none whose producer was revoked before.
    fn tell(&mut self, stream: StreamId, epoch: u64) {
        // D-112, D-113, D-131
        let told = self.told.insert(stream, epoch).unwrap_or(0);
        assert!(told <= epoch, "{stream}: {epoch} after {told}");
        let dead = self.dead.get(&stream).copied().unwrap_or(0);
        assert!(dead < epoch, "{stream}: {epoch} is dead");
    }

    /// An order was given.
    pub(super) fn take(&mut self, order: FileOrder<'static>) {
        match order {
            FileOrder::Provision { stream, epoch, .. } => {
                // D-131
                let before = self.ordered.insert(stream, epoch.get());
                assert!(
                    before.is_none_or(|before| before < epoch.get()),
                    "{before:?} {order:?}"
                );
            }
            FileOrder::Scan { stream } => {
                // Numbers that were burned and never told may come again after the stream was forgotten.
                self.ordered.insert(stream, self.rig.disk.last(stream));
            }
            FileOrder::Collect { .. } | FileOrder::RefreshActivity { .. } => {}
        }
        self.orders.push(order);
    }

    /// Before old epochs are collected: nothing goes that is in use, or that a lease refers to.
    pub(super) fn check_collection(&self, order: FileOrder<'static>) {
        let FileOrder::Collect { stream, keep } = order else {
            return;
        };
        let Some(in_use) = self.in_use.get(&stream) else {
            return;
        };
        let now = self.rig.now;
        let refers = |known: &Known| {
            let Named {
                role, stream: of, ..
            } = known.named;
            (role, of) == (Role::Consumer, stream) && known.granted_at <= in_use.since
        };
        let is_recent = now < in_use.since.after(MIN_AGE);
        for epoch in self.rig.disk.doomed(now, stream, keep) {
            // D-197, D-198
            assert_ne!(epoch, in_use.epoch, "{order:?}");
            let is_before = in_use.before == Some(epoch);
            assert!(
                !(is_before && is_recent && self.live.values().any(refers)),
                "{order:?}"
            );
        }
    }

    /// After every step: leases in force are those that were told, with the expiry that was told.
    pub(super) fn check(&mut self) {
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
            // D-056
            assert!(status.consumers <= CONSUMERS_MAX);
            assert_eq!(status.dynamic, DYNAMIC.contains(&status.stream));
        }
        self.watch();
    }

    /// Which epochs are in use now.
    pub(super) fn watch(&mut self) {
        let mut in_use = BTreeMap::new();
        for status in self.rig.driver.streams() {
            let Some(epoch) = status.epoch else { continue };
            let before = self.in_use.get(&status.stream);
            let now = match before {
                Some(before) if before.epoch == epoch.get() => *before,
                _ => InUse {
                    epoch: epoch.get(),
                    since: self.rig.now,
                    before: before.map(|before| before.epoch),
                },
            };
            in_use.insert(status.stream, now);
        }
        self.in_use = in_use;
    }

    /// Every attach was answered, unless its lease had to be given up (D-061) or the answers found no room.
    pub(super) fn check_answers(&self) {
        let counters = self.rig.driver.counters();
        assert_eq!(counters.too_long, 0);
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
    }

    /// Nobody is left.
    pub(super) fn check_empty(&self) {
        assert_eq!(self.rig.driver.leases_in_use(), 0);
        for status in self.rig.driver.streams() {
            assert_eq!((status.producer, status.consumers), (None, 0));
            // D-168
            assert!(!status.dynamic, "{status:?}");
        }
    }
}
