//! One lease of one role: what the driver says about it, and what the stream's announces say about the driver.
//!
//! It puts the [lease client](super::lease_client) and the [announce filter](super::announce) together, so that whoever
//! holds a role hands in every message and hears only what concerns it.

use super::announce::{AnnounceFilter, Arrival, Stamp};
use super::dispatch::Message;
use super::lease_client::{Event, LeaseClient, LeaseConfig, LeaseLost, Transmit};
use super::random::Ids;
use crate::ids::{ClientId, CorrelationId, Epoch, StreamId};
use crate::sbe::EncodeError;
use crate::time::{Duration, Instant};
use crate::transport::{ImageId, Publication, SendError};
use crate::wire::Text;
use crate::wire::control::ShmPoolAnnounce;
use crate::wire::driver::{
    Grant, RefusalCode, Role, ShmAttachResponse, ShmDriverShutdown, ShmLeaseRevoked,
};
use crate::wire::enums::ClockDomain;

/// Longest message a lease client sends: header and 27 bytes.
const MESSAGE_MAX: usize = 64;

/// What all roles of a client share during one duty cycle.
#[derive(Debug)]
pub struct Cycle<'a> {
    /// The one reading of the monotonic clock (C-161).
    pub now: Instant,
    /// The time since 1970 in nanoseconds, where there is such a clock.
    pub real_ns: Option<u64>,
    /// Where ids and jitter come from.
    pub ids: &'a mut Ids,
}

/// A message and how it came.
#[derive(Clone, Copy, Debug)]
pub struct Inbound<'a> {
    /// The message.
    pub message: Message<'a>,
    /// The image it came through.
    pub image: ImageId,
    /// When its image became available.
    pub joined: Instant,
}

/// What a role has to act upon.
#[derive(Debug)]
pub enum Happened<'m> {
    /// The lease is ours, with these regions.
    Granted(Grant<'m>),
    /// The driver said no.
    Refused {
        /// Its code.
        code: RefusalCode,
        /// Its words.
        text: Option<Text<'m>>,
        /// Whether another try with another client id is under way (C-028).
        will_retry: bool,
    },
    /// The driver's answer made no sense.
    Broken,
    /// No answer in time.
    TimedOut,
    /// The lease is gone.
    Lost(LeaseLost),
    /// The lease was given back.
    Detached,
    /// An announce of our stream that counts, while we hold the lease.
    Announced(ShmPoolAnnounce<'m>),
    /// The lease of the stream's producer ended.
    ProducerRevoked {
        /// When the driver said so, in nanoseconds of its monotonic clock.
        timestamp_ns: u64,
    },
}

/// One lease of one role.
#[derive(Debug)]
pub struct Session {
    stream: StreamId,
    role: Role,
    lease: LeaseClient,
    /// Epoch of the last grant.
    granted: Option<Epoch>,
    /// Who the last announce says that produces.
    producer: Option<ClientId>,
    filter: AnnounceFilter,
    window: Duration,
    /// When the stream's driver lived for the last time that we heard of.
    heard: Instant,
}

impl Session {
    /// A lease that is wanted from now on; announces are fresh, and a silent driver lives, for `window`.
    pub fn new(config: LeaseConfig, window: Duration, ids: &mut Ids) -> Self {
        Self {
            stream: config.stream,
            role: config.role,
            granted: None,
            producer: None,
            lease: LeaseClient::new(config, ids),
            filter: AnnounceFilter::new(window),
            window,
            heard: Instant::from_ns(0),
        }
    }

    /// The lease itself.
    pub const fn lease(&self) -> &LeaseClient {
        &self.lease
    }

    /// A message arrived, for us or for somebody else.
    pub fn handle<'m>(
        &mut self,
        cycle: &mut Cycle<'_>,
        inbound: &Inbound<'m>,
    ) -> Option<Happened<'m>> {
        let now = cycle.now;
        match inbound.message {
            Message::ShmAttachResponse(view) => {
                let asked_as = self.lease.client();
                let Ok(response) = ShmAttachResponse::try_from(view) else {
                    let correlation = CorrelationId(view.block.correlation_id.get());
                    return self
                        .lease
                        .handle_broken_response(now, cycle.ids, correlation)
                        .map(happened);
                };
                match (
                    self.lease
                        .handle_attach_response(now, cycle.ids, &response)?,
                    response.outcome,
                ) {
                    (Event::Attached(_), Ok(grant)) => {
                        self.heard = now;
                        self.granted = Some(grant.epoch);
                        Some(Happened::Granted(grant))
                    }
                    (Event::Refused(code), Err(refusal)) => Some(Happened::Refused {
                        code,
                        text: refusal.error_message,
                        // Another id was taken in place of the refused one (C-028).
                        will_retry: self.lease.client() != asked_as,
                    }),
                    (event, _) => Some(happened(event)),
                }
            }
            Message::ShmDetachResponse(view) => {
                let correlation = CorrelationId(view.block.correlation_id.get());
                self.lease.handle_detach_response(correlation).map(happened)
            }
            Message::ShmLeaseRevoked(view) => {
                let revoked = ShmLeaseRevoked::try_from(view).ok()?;
                let ShmLeaseRevoked {
                    lease_id,
                    stream_id,
                    client_id,
                    role,
                    reason,
                    timestamp_ns,
                    ..
                } = revoked;
                let ours = self
                    .lease
                    .handle_revoked(now, cycle.ids, lease_id, stream_id, role, reason);
                // A lease of an earlier driver may be revoked long after somebody else produces (D-154).
                let of_producer = stream_id == self.stream
                    && role == Role::Producer
                    && self.producer.is_none_or(|producer| producer == client_id);
                ours.map(happened)
                    .or(of_producer.then_some(Happened::ProducerRevoked { timestamp_ns }))
            }
            Message::ShmDriverShutdown(view) => {
                ShmDriverShutdown::try_from(view).ok()?;
                self.lost(cycle, LeaseLost::DriverShutdown)
            }
            Message::ShmPoolAnnounce(view) if view.block.stream_id.get() == self.stream.get() => {
                let announce = ShmPoolAnnounce::try_from(view).ok()?;
                let stamp = Stamp {
                    epoch: announce.epoch,
                    timestamp_ns: announce.announce_timestamp_ns,
                    domain: announce.announce_clock_domain,
                };
                let arrival = Arrival {
                    now,
                    real_ns: cycle.real_ns,
                    joined: inbound.joined,
                };
                self.filter.judge(stamp, arrival).ok()?;
                self.heard = self.heard.max(sent_at(stamp, now));
                self.producer = announce.producer_id;
                self.lease.lease()?;
                // Somebody else's epoch: whatever a producer holds, it is not the stream any more (D-155).
                if self.role == Role::Producer
                    && self.granted.is_some_and(|granted| announce.epoch > granted)
                {
                    return self.lost(cycle, LeaseLost::Superseded);
                }
                Some(Happened::Announced(announce))
            }
            _ => None,
        }
    }

    /// What time alone decides: deadlines, and a driver that fell silent (D-155).
    pub fn poll(&mut self, cycle: &mut Cycle<'_>) -> Option<Happened<'static>> {
        if self.lease.lease().is_some() && cycle.now.since(self.heard) > self.window {
            return self.lost(cycle, LeaseLost::DriverGone);
        }
        self.lease.poll(cycle.now, cycle.ids).map(happened)
    }

    /// When to come back at the latest if nothing arrives.
    pub fn poll_timeout(&self) -> Instant {
        match self.lease.lease() {
            // One nanosecond past the window it is too long.
            Some(_) => self
                .lease
                .poll_timeout()
                .min(self.heard.after(self.window).after(Duration::from_nanos(1))),
            None => self.lease.poll_timeout(),
        }
    }

    /// The lease is gone for a reason the driver did not name.
    pub fn lost(&mut self, cycle: &mut Cycle<'_>, why: LeaseLost) -> Option<Happened<'static>> {
        self.lease
            .handle_lost(cycle.now, cycle.ids, why)
            .map(happened)
    }

    /// Gives the lease back, and wants it no more.
    pub fn detach(&mut self, cycle: &mut Cycle<'_>) {
        self.lease.detach(cycle.now, cycle.ids);
    }

    /// Sends what is due, as far as the publication takes it. Returns how many messages it took.
    pub fn transmit(&mut self, cycle: &mut Cycle<'_>, control: &mut impl Publication) -> u32 {
        let mut sent = 0_u32;
        let mut buffer = [0; MESSAGE_MAX];
        while let Ok(true) = self.lease.transmit(cycle.now, cycle.ids, |due| {
            // Every message of a lease client fits the buffer.
            let length = encode(due, &mut buffer).map_err(|_| SendError::Closed)?;
            control.offer(buffer.get(..length).unwrap_or_default())
        }) {
            sent = sent.saturating_add(1);
        }
        sent
    }
}

fn encode(due: &Transmit, buffer: &mut [u8]) -> Result<usize, EncodeError> {
    match due {
        Transmit::Attach(request) => request.encode(buffer),
        Transmit::Keepalive(keepalive) => keepalive.encode(buffer),
        Transmit::Detach(request) => request.encode(buffer),
    }
}

/// When an announce that counts was sent. It may have waited for us; its sender may have died since.
fn sent_at(stamp: Stamp, now: Instant) -> Instant {
    match stamp.domain {
        ClockDomain::Monotonic => Instant::from_ns(stamp.timestamp_ns).min(now),
        ClockDomain::RealtimeSynced => now,
    }
}

/// An event that needs no more than the lease client told.
fn happened(event: Event) -> Happened<'static> {
    match event {
        // Reached by no call above: grants and refusals are looked at with their response.
        Event::Attached(_) | Event::Broken => Happened::Broken,
        Event::Refused(code) => Happened::Refused {
            code,
            text: None,
            will_retry: false,
        },
        Event::TimedOut => Happened::TimedOut,
        Event::Lost(why) => Happened::Lost(why),
        Event::Detached => Happened::Detached,
    }
}

#[cfg(test)]
mod tests;
