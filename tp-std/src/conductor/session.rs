//! One lease of one role: what the driver says about it, and what the stream's announces say about the driver.

use core::time::Duration;

use tp_core_nostd::ids::{CorrelationId, StreamId};
use tp_core_nostd::proto::announce::{AnnounceFilter, Arrival, Stamp};
use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::proto::lease_client::{Event, LeaseClient, LeaseConfig, LeaseLost, Transmit};
use tp_core_nostd::proto::random::Ids;
use tp_core_nostd::sbe::EncodeError;
use tp_core_nostd::time::Instant;
use tp_core_nostd::transport::{ImageId, Publication, SendError};
use tp_core_nostd::wire::control::ShmPoolAnnounce;
use tp_core_nostd::wire::driver::{RefusalCode, Role, ShmAttachResponse, ShmLeaseRevoked};

use crate::regions::Offer;

/// Longest message a lease client sends: header and 27 bytes.
const MESSAGE_MAX: usize = 64;

/// What all roles of a client share during one duty cycle.
pub(super) struct Cycle<'a> {
    pub(super) now: Instant,
    pub(super) real_ns: Option<u64>,
    pub(super) ids: &'a mut Ids,
}

/// A message and how it came.
#[derive(Clone, Copy)]
pub(super) struct Inbound<'a> {
    pub(super) message: Message<'a>,
    pub(super) image: ImageId,
    /// When its image became available.
    pub(super) joined: Instant,
}

/// What a role has to act upon.
#[derive(Debug)]
pub(super) enum Happened {
    /// The lease is ours, with these regions.
    Granted(Offer),
    /// The driver said no.
    Refused {
        code: RefusalCode,
        text: String,
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
    /// An announce of our stream that counts.
    Announced { offer: Offer, timestamp_ns: u64 },
    /// The lease of the stream's producer ended.
    ProducerRevoked { timestamp_ns: u64 },
}

/// One lease of one role.
#[derive(Debug)]
pub(super) struct Session {
    stream: StreamId,
    lease: LeaseClient,
    filter: AnnounceFilter,
    window: Duration,
    /// When we last heard that the stream's driver lives.
    heard: Instant,
}

impl Session {
    pub(super) fn new(config: LeaseConfig, window: Duration, ids: &mut Ids) -> Self {
        Self {
            stream: config.stream,
            lease: LeaseClient::new(config, ids),
            filter: AnnounceFilter::new(window),
            window,
            heard: Instant::from_ns(0),
        }
    }

    pub(super) const fn lease(&self) -> &LeaseClient {
        &self.lease
    }

    pub(super) fn handle(
        &mut self,
        cycle: &mut Cycle<'_>,
        inbound: &Inbound<'_>,
    ) -> Option<Happened> {
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
                        Some(Happened::Granted(Offer::of_grant(&grant)))
                    }
                    (Event::Refused(code), Err(refusal)) => Some(Happened::Refused {
                        code,
                        text: refusal
                            .error_message
                            .map(|text| text.to_string())
                            .unwrap_or_default(),
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
                    role,
                    reason,
                    timestamp_ns,
                    ..
                } = revoked;
                let ours = self
                    .lease
                    .handle_revoked(now, cycle.ids, lease_id, stream_id, role, reason);
                let other_producer = stream_id == self.stream && role == Role::Producer;
                ours.map(happened)
                    .or(other_producer.then_some(Happened::ProducerRevoked { timestamp_ns }))
            }
            Message::ShmDriverShutdown(_) => self.lost(cycle, LeaseLost::DriverShutdown),
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
                self.heard = now;
                let timestamp_ns = stamp.timestamp_ns;
                Some(Happened::Announced {
                    offer: Offer::of_announce(&announce),
                    timestamp_ns,
                })
            }
            _ => None,
        }
    }

    /// What time alone decides: deadlines, and a driver that fell silent (D-155).
    pub(super) fn poll(&mut self, cycle: &mut Cycle<'_>) -> Option<Happened> {
        if self.lease.lease().is_some() && cycle.now.since(self.heard) > self.window {
            return self.lost(cycle, LeaseLost::DriverGone);
        }
        self.lease.poll(cycle.now, cycle.ids).map(happened)
    }

    pub(super) fn lost(&mut self, cycle: &mut Cycle<'_>, why: LeaseLost) -> Option<Happened> {
        self.lease
            .handle_lost(cycle.now, cycle.ids, why)
            .map(happened)
    }

    pub(super) fn detach(&mut self, cycle: &mut Cycle<'_>) {
        self.lease.detach(cycle.now, cycle.ids);
    }

    /// Sends what is due, as far as the publication takes it. Returns how many messages it took.
    pub(super) fn transmit(
        &mut self,
        cycle: &mut Cycle<'_>,
        control: &mut impl Publication,
    ) -> u32 {
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

/// An event that needs no more than the lease client told.
fn happened(event: Event) -> Happened {
    match event {
        // Reached by no call above: grants and refusals are looked at with their response.
        Event::Attached(_) | Event::Broken => Happened::Broken,
        Event::Refused(code) => Happened::Refused {
            code,
            text: String::new(),
            will_retry: false,
        },
        Event::TimedOut => Happened::TimedOut,
        Event::Lost(why) => Happened::Lost(why),
        Event::Detached => Happened::Detached,
    }
}
