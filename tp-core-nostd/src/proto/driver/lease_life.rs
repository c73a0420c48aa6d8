//! The life of leases that were granted: kept alive, detached, expired, taken back (driver 3.5, 3.6).

use super::answers::Answer;
use super::engine::{Driver, Life, bump};
use super::lease::{LeaseEntry, LeaseState};
use super::leases::Known;
use super::messages::Holder;
use super::stream::StreamEntry;
use super::table::Slot;
use crate::ids::{CorrelationId, LeaseId};
use crate::time::Instant;
use crate::wire::driver::{
    LeaseRevokeReason, Refusal, RefusalCode, Role, ShmDetachRequest, ShmDetachRequestView,
    ShmLeaseKeepalive, ShmLeaseKeepaliveView,
};

/// Leases that one [`Driver::tick`] ends at most, so that a mass expiry does not hold up the duty cycle.
const ENDS_PER_TICK: usize = 256;

impl Driver<'_> {
    /// Time went by. To be called when everything that had arrived was handed to [`Driver::handle`], so that keepalives
    /// count before an expiry is judged (D-216). Returns how many leases were ended.
    pub fn tick(&mut self, now: Instant) -> u32 {
        let mut ended = 0_u32;
        if self.life == Life::Stopped {
            return ended;
        }
        for _ in 0..ENDS_PER_TICK {
            let Some(slot) = self.leases.overdue(now) else {
                break;
            };
            let granted = self
                .leases
                .lease(slot)
                .is_some_and(|lease| lease.state == LeaseState::Granted);
            let reason = if granted {
                // Its OK could not be published for too long (D-061).
                LeaseRevokeReason::Revoked
            } else {
                LeaseRevokeReason::Expired
            };
            self.end(now, slot, reason, None);
            ended = ended.saturating_add(1);
        }
        ended
    }

    pub(super) fn keepalive(&mut self, now: Instant, view: ShmLeaseKeepaliveView<'_>) {
        let Ok(keepalive) = ShmLeaseKeepalive::try_from(view) else {
            return bump(&mut self.counters.ignored.keepalives);
        };
        let named = Holder {
            lease: keepalive.lease_id,
            stream: keepalive.stream_id,
            client: keepalive.client_id,
            role: keepalive.role,
        };
        if let Some(slot) = self.active(named) {
            bump(&mut self.counters.keepalives);
            let expires_at = now.after(self.config.lease_lifetime());
            return self.leases.keep(slot, expires_at);
        }
        bump(&mut self.counters.ignored.keepalives);
        let is_strange = self.leases.find(keepalive.lease_id) == Known::Foreign
            && self.owns(keepalive.stream_id);
        if is_strange
            && !self.strangers.knows(keepalive.lease_id)
            && self.answers.push(Answer::Stranger(named))
        {
            self.strangers.remember(keepalive.lease_id);
        }
    }

    pub(super) fn detach(&mut self, now: Instant, view: ShmDetachRequestView<'_>) {
        let correlation = CorrelationId(view.block.correlation_id.get());
        let request = ShmDetachRequest::try_from(view);
        let active = request.map(|request| {
            self.active(Holder {
                lease: request.lease_id,
                stream: request.stream_id,
                client: request.client_id,
                role: request.role,
            })
        });
        let refusal = match active {
            Ok(Some(slot)) => {
                return self.end(now, slot, LeaseRevokeReason::Detached, Some(correlation));
            }
            Ok(None) => Refusal::new(RefusalCode::Rejected, "unknown lease"),
            Err(error) => Refusal::of_detach(error),
        };
        self.answer(Answer::DetachRefused {
            correlation,
            refusal,
        });
    }

    /// Takes a lease in force back. `false` if it is none.
    pub fn revoke(&mut self, now: Instant, lease: LeaseId) -> bool {
        let Known::Held(slot) = self.leases.find(lease) else {
            return false;
        };
        let is_active = self
            .leases
            .lease(slot)
            .is_some_and(|lease| lease.state == LeaseState::Active);
        if is_active {
            self.end(now, slot, LeaseRevokeReason::Revoked, None);
        }
        is_active
    }

    /// Ends a granted or active lease: its node id cools down, its revocation is due, a producer's epoch is dead.
    fn end(
        &mut self,
        now: Instant,
        slot: Slot<LeaseEntry>,
        reason: LeaseRevokeReason,
        detach: Option<CorrelationId>,
    ) {
        let Some(lease) = self.leases.lease(slot).copied() else {
            return;
        };
        if let Some(node) = lease.node {
            self.nodes.release(now, node);
        }
        if let Some(private) = lease.private {
            self.consumers.release(private);
        }
        match lease.role {
            Role::Producer => self.streams.fence(lease.stream),
            Role::Consumer => self.streams.part(lease.stream),
        }
        self.leases.end(slot, reason, detach);
    }

    /// The active lease that a message names, if all four fields are its own (D-092, D-102).
    fn active(&self, named: Holder) -> Option<Slot<LeaseEntry>> {
        let Known::Held(slot) = self.leases.find(named.lease) else {
            return None;
        };
        let lease = self.leases.lease(slot)?;
        let stream = self.streams.get(lease.stream)?;
        let matches = lease.state == LeaseState::Active
            && stream.id == named.stream
            && lease.client == named.client
            && lease.role == named.role;
        matches.then_some(slot)
    }

    /// The producer's detach, if it detached, can be answered.
    pub(super) fn bid_farewell(&mut self, at: Slot<StreamEntry>) {
        let farewell = self
            .streams
            .get_mut(at)
            .and_then(|stream| stream.farewell.take());
        if let Some(correlation) = farewell {
            self.answer(Answer::Detached { correlation });
        }
    }
}
