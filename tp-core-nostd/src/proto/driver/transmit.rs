//! What goes out. There are three outlets, each with a back-pressure of its own: [`Driver::transmit`] for the control
//! stream, [`Driver::announce`] for the announce stream, [`Driver::order`] (`orders.rs`) for files. Each offers what is due, one output
//! per call, and moves on only if it was taken; so a refusal means nothing but "ask again".

use super::answers::Answer;
use super::engine::{Driver, Life, bump};
use super::event::{Event, Output};
use super::lease::{Lease, LeaseEntry, LeaseState};
use super::messages::{self, Current, Holder, Message};
use super::stream::Cause;
use super::table::Slot;
use crate::ids::CorrelationId;
use crate::time::Instant;
use crate::wire::driver::{LeaseRevokeReason, Role};

impl<'a> Driver<'a> {
    /// Offers the next message for the control stream: revocations and OKs in the order they became due, then other
    /// answers, configs of consumers, at last the shutdown notice. `Ok(false)` if nothing is due. The message is written into `buffer`; one that
    /// does not fit is dropped and counted.
    ///
    /// # Errors
    /// What `emit` returns; then the message is still due.
    pub fn transmit<E>(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        emit: impl FnOnce(Output<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        if self.life == Life::Stopped {
            return Ok(false);
        }
        if let Some((slot, lease)) = self.next_outgoing(now) {
            self.transmit_lease(now, slot, &lease, buffer, emit)?;
            return Ok(true);
        }
        if let Some(message) = self.next_answer(now, buffer) {
            message.offer(buffer, &mut self.counters.too_long, emit)?;
            self.answers.pop();
            self.count(message.event());
            return Ok(true);
        }
        if let Some(message) = self.next_config(buffer) {
            message.offer(buffer, &mut self.counters.too_long, emit)?;
            self.consumers.told();
            self.count(message.event());
            return Ok(true);
        }
        match self.life {
            Life::Draining { until, reason } if until <= now => {
                let notice = messages::shutdown(now, reason, self.shutdown_message(), buffer);
                notice.offer(buffer, &mut self.counters.too_long, emit)?;
                self.life = Life::Stopped;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Offers the next announce that is due. `Ok(false)` if none is.
    ///
    /// # Errors
    /// What `emit` returns; then the announce is still due.
    pub fn announce<E>(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        emit: impl FnOnce(Output<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        let (due, first) = self.streams.next_announce();
        if due > now || self.life == Life::Stopped {
            return Ok(false);
        }
        let Some((at, stream)) = first.and_then(|at| Some((at, self.streams.get(at)?))) else {
            return Ok(false);
        };
        let producer = self.producer_of(stream);
        match Current::of(&self.config, stream, self.text) {
            Some(current) => {
                let message = current.announce(now, producer, buffer);
                message.offer(buffer, &mut self.counters.too_long, emit)?;
                bump(&mut self.counters.announces);
            }
            None => bump(&mut self.counters.too_long),
        }
        self.streams.announced(now, at);
        self.bid_farewell(at);
        self.leave_deserted(now, at);
        Ok(true)
    }

    /// When to call again although nothing arrived: the earliest deadline, or the beginning of time while an output waits
    /// to be taken.
    pub fn poll_timeout(&self) -> Instant {
        let notice = match self.life {
            Life::Stopped => return Instant::NEVER,
            Life::Draining { until, .. } => until,
            Life::Running => Instant::NEVER,
        };
        let waiting = self.leases.first_outgoing().is_some()
            || !self.answers.is_empty()
            || self.consumers.is_anyone_due()
            || self.streams.first_order().is_some();
        if waiting {
            return Instant::from_ns(0);
        }
        // A lease expires after its deadline, not at it.
        let expiry = Instant::from_ns(self.leases.next_due().as_ns().saturating_add(1));
        let (announce, _) = self.streams.next_announce();
        let (upkeep, _) = self.streams.next_upkeep();
        notice.min(expiry).min(announce).min(upkeep)
    }

    /// The next lease with something to say. OKs for epochs that died before they got out go back to wait for files.
    fn next_outgoing(&mut self, now: Instant) -> Option<(Slot<LeaseEntry>, Lease)> {
        loop {
            let slot = self.leases.first_outgoing()?;
            let lease = *self.leases.lease(slot)?;
            let has_epoch = self.streams.get(lease.stream)?.epoch.is_some();
            if lease.state != LeaseState::Granted || has_epoch {
                return Some((slot, lease));
            }
            self.leases.wait_again();
            self.streams.part(lease.stream);
            if let Some(stream) = self.streams.get_mut(lease.stream) {
                self.leases.join(&mut stream.waiting, slot);
            }
            self.serve(now, lease.stream);
        }
    }

    fn transmit_lease<E>(
        &mut self,
        now: Instant,
        slot: Slot<LeaseEntry>,
        lease: &Lease,
        buffer: &mut [u8],
        emit: impl FnOnce(Output<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let expires_at = now.after(self.config.lease_lifetime());
        let message = match lease.state {
            LeaseState::Ended { reason, .. } => self
                .holder(slot, lease)
                .map(|holder| messages::revocation(now, holder, reason, buffer)),
            _ => self.grant(slot, lease, expires_at, false, buffer),
        };
        match message {
            Some(message) => {
                message.offer(buffer, &mut self.counters.too_long, emit)?;
                self.count(message.event());
            }
            None => bump(&mut self.counters.too_long),
        }
        match lease.state {
            LeaseState::Ended { detach, .. } => self.revoked(now, lease, detach),
            // Only now the lease begins to age (D-215).
            _ => self.leases.activate(expires_at),
        }
        Ok(())
    }

    /// The revocation of the first outgoing lease was published: a producer's stream gets its new epoch now, and a
    /// producer's detach is answered after that (D-112).
    fn revoked(&mut self, now: Instant, lease: &Lease, detach: Option<CorrelationId>) {
        self.leases.release();
        self.streams.quit(lease.stream);
        match lease.role {
            Role::Producer => {
                if let Some(stream) = self.streams.get_mut(lease.stream) {
                    stream.farewell = detach;
                }
                self.streams.raise(lease.stream, Cause::Loss);
            }
            Role::Consumer => {
                if let Some(correlation) = detach {
                    self.answer(Answer::Detached { correlation });
                }
                self.leave_deserted(now, lease.stream);
            }
        }
    }

    /// The next answer that still has a meaning.
    fn next_answer(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Message> {
        loop {
            let message = match self.answers.first()? {
                Answer::AttachRefused { asker, why } => {
                    Some(messages::attach_refused(asker, why, buffer))
                }
                Answer::AttachedAgain { lease: slot, id } => {
                    let lease = self.leases.lease(slot).copied();
                    // Its lease may have ended meanwhile, or its stream be without an epoch; then the client hears of it.
                    lease
                        .filter(|lease| lease.state == LeaseState::Active)
                        .filter(|_| self.leases.id(slot) == Some(id))
                        .and_then(|lease| {
                            self.grant(slot, &lease, self.leases.due(slot), true, buffer)
                        })
                }
                Answer::Detached { correlation } => {
                    Some(messages::detach(correlation, Ok(()), buffer))
                }
                Answer::DetachRefused {
                    correlation,
                    refusal,
                } => Some(messages::detach(correlation, Err(refusal), buffer)),
                Answer::Stranger(holder) => Some(messages::stranger(now, holder, buffer)),
            };
            if message.is_some() {
                return message;
            }
            self.answers.pop();
        }
    }

    fn grant(
        &mut self,
        slot: Slot<LeaseEntry>,
        lease: &Lease,
        expires_at: Instant,
        again: bool,
        buffer: &mut [u8],
    ) -> Option<Message> {
        let id = self.leases.id(slot)?;
        let stream = self.streams.get(lease.stream)?;
        let current = Current::of(&self.config, stream, self.text)?;
        Some(current.grant(id, lease, expires_at, again, buffer))
    }

    fn holder(&self, slot: Slot<LeaseEntry>, lease: &Lease) -> Option<Holder> {
        Some(Holder {
            lease: self.leases.id(slot)?,
            stream: self.streams.get(lease.stream)?.id,
            client: lease.client,
            role: lease.role,
        })
    }

    fn count(&mut self, event: Event) {
        let counters = &mut self.counters;
        match event {
            Event::Attached { again, node, .. } => {
                if again {
                    return bump(&mut counters.attached_again);
                }
                if node.is_none() {
                    bump(&mut counters.without_node_id);
                }
                bump(&mut counters.attached);
            }
            Event::AttachRefused { .. } => bump(&mut counters.attach_refused),
            Event::DetachRefused { .. } => bump(&mut counters.detach_refused),
            Event::Revoked { reason, .. } => bump(match reason {
                LeaseRevokeReason::Detached => &mut counters.detached,
                LeaseRevokeReason::Expired => &mut counters.expired,
                LeaseRevokeReason::Revoked => &mut counters.revoked,
            }),
            Event::StrangerRevoked { .. } => bump(&mut counters.strangers),
            Event::Configured { .. } => bump(&mut counters.configs),
            Event::Detached { .. } | Event::Announced { .. } | Event::Shutdown { .. } => {}
        }
    }
}
