//! The right of one role to a stream: what the driver says about its lease, and what the stream's announces say about
//! the driver. Or, without a driver, the announces alone (C-048).
//!
//! It puts the [lease client](super::lease_client) and the [announce filter](super::announce) together, so that whoever
//! holds a role hands in every message and hears only what concerns it.

mod hearing;

use super::announce::AnnounceFilter;
use super::dispatch::Message;
use super::lease_client::{Event, LeaseClient, LeaseConfig, LeaseLost, Transmit};
use super::random::Ids;
use crate::ids::{ClientId, Epoch, NodeId, StreamId};
use crate::sbe::EncodeError;
use crate::time::{Duration, Instant};
use crate::transport::{ImageId, Publication, SendError};
use crate::wire::Text;
use crate::wire::control::ShmPoolAnnounce;
use crate::wire::driver::{Grant, RefusalCode, Role};

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
    /// There is no driver and no lease to wait for: the role begins with what its owner gave it.
    Begun,
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
    /// An announce of our stream that counts, while we hold the lease or need none.
    Announced(ShmPoolAnnounce<'m>),
    /// The lease of the stream's producer ended.
    ProducerRevoked {
        /// When the driver said so, in nanoseconds of its monotonic clock.
        timestamp_ns: u64,
    },
}

/// What a role's right to its stream rests on.
#[expect(
    clippy::large_enum_variant,
    reason = "one per role, and most of them are leased; a box needs an allocator"
)]
#[derive(Debug)]
enum Hold {
    /// A lease of the driver.
    Leased(LeaseClient),
    /// Its owner's word.
    Direct { client: ClientId, phase: Phase },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Begun,
    Done,
}

/// The right of one role to one stream.
#[derive(Debug)]
pub struct Session {
    stream: StreamId,
    role: Role,
    hold: Hold,
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
        let hold = Hold::Leased(LeaseClient::new(config, ids));
        Self::holding(config.stream, config.role, hold, window)
    }

    /// A role without a driver, which begins at the first [`Session::poll`]: a producer in regions of its own, a consumer
    /// of whatever is announced. Without a `client` id it picks one.
    pub fn direct(
        stream: StreamId,
        role: Role,
        client: Option<ClientId>,
        window: Duration,
        ids: &mut Ids,
    ) -> Self {
        let hold = Hold::Direct {
            client: client.unwrap_or_else(|| ids.client()),
            phase: Phase::Waiting,
        };
        Self::holding(stream, role, hold, window)
    }

    const fn holding(stream: StreamId, role: Role, hold: Hold, window: Duration) -> Self {
        Self {
            stream,
            role,
            granted: None,
            producer: None,
            hold,
            filter: AnnounceFilter::new(window),
            window,
            heard: Instant::from_ns(0),
        }
    }

    /// The lease itself; `None` without a driver.
    pub const fn lease(&self) -> Option<&LeaseClient> {
        match &self.hold {
            Hold::Leased(lease) => Some(lease),
            Hold::Direct { .. } => None,
        }
    }

    /// The id of the role: its producer or consumer id (C-030), which may change with the lease (C-031).
    pub const fn client(&self) -> ClientId {
        match &self.hold {
            Hold::Leased(lease) => lease.client(),
            Hold::Direct { client, .. } => *client,
        }
    }

    /// Whether the stream may be used now.
    const fn is_held(&self) -> bool {
        match &self.hold {
            Hold::Leased(lease) => lease.lease().is_some(),
            Hold::Direct { phase, .. } => matches!(phase, Phase::Begun),
        }
    }

    /// Whether nothing is held and nothing is wanted.
    pub const fn is_done(&self) -> bool {
        match &self.hold {
            Hold::Leased(lease) => lease.is_done(),
            Hold::Direct { phase, .. } => matches!(phase, Phase::Done),
        }
    }

    /// What time alone decides: deadlines, and a driver that fell silent (D-155).
    pub fn poll(&mut self, cycle: &mut Cycle<'_>) -> Option<Happened<'static>> {
        let is_silent = self.is_held() && cycle.now.since(self.heard) > self.window;
        match &mut self.hold {
            Hold::Leased(_) if is_silent => self.lost(cycle, LeaseLost::DriverGone),
            Hold::Leased(lease) => lease.poll(cycle.now, cycle.ids).map(happened),
            Hold::Direct { phase, .. } if *phase == Phase::Waiting => {
                *phase = Phase::Begun;
                Some(Happened::Begun)
            }
            Hold::Direct { .. } => None,
        }
    }

    /// When to come back at the latest if nothing arrives.
    pub fn poll_timeout(&self) -> Instant {
        match &self.hold {
            Hold::Leased(lease) if lease.lease().is_some() => lease
                .poll_timeout()
                // One nanosecond past the window it is too long.
                .min(self.heard.after(self.window).after(Duration::from_nanos(1))),
            Hold::Leased(lease) => lease.poll_timeout(),
            Hold::Direct { phase, .. } if *phase == Phase::Waiting => Instant::from_ns(0),
            Hold::Direct { .. } => Instant::NEVER,
        }
    }

    /// The lease is gone for a reason the driver did not name. Without a driver none can go.
    pub fn lost(&mut self, cycle: &mut Cycle<'_>, why: LeaseLost) -> Option<Happened<'static>> {
        match &mut self.hold {
            Hold::Leased(lease) => lease.handle_lost(cycle.now, cycle.ids, why).map(happened),
            Hold::Direct { .. } => None,
        }
    }

    /// Somebody else goes by our id: takes another one, and with it another lease (C-112). Nothing happens to an id that
    /// the application set. Without a driver the id is just another one from now on.
    pub fn take_another_id(&mut self, cycle: &mut Cycle<'_>) -> Option<Happened<'static>> {
        match &mut self.hold {
            Hold::Leased(lease) => lease.take_another_id(cycle.now, cycle.ids).map(happened),
            Hold::Direct { client, .. } => {
                *client = cycle.ids.client();
                None
            }
        }
    }

    /// Its stream.
    pub const fn stream(&self) -> StreamId {
        self.stream
    }

    /// As what it uses the stream.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Whether an attach is under way.
    pub const fn is_attaching(&self) -> bool {
        match &self.hold {
            Hold::Leased(lease) => lease.is_attaching(),
            Hold::Direct { .. } => false,
        }
    }

    /// See [`LeaseClient::reattach_at`].
    pub const fn reattach_at(&self) -> Option<Instant> {
        match &self.hold {
            Hold::Leased(lease) => lease.reattach_at(),
            Hold::Direct { .. } => None,
        }
    }

    /// See [`LeaseClient::keep_alive`].
    pub const fn keep_alive(&mut self, now: Instant) {
        if let Hold::Leased(lease) = &mut self.hold {
            lease.keep_alive(now);
        }
    }

    /// See [`LeaseClient::schedule_reattach`].
    pub const fn schedule_reattach(&mut self, now: Instant, delay: Duration) {
        if let Hold::Leased(lease) = &mut self.hold {
            lease.schedule_reattach(now, delay);
        }
    }

    /// See [`LeaseClient::clear_reattach`].
    pub const fn clear_reattach(&mut self) {
        if let Hold::Leased(lease) = &mut self.hold {
            lease.clear_reattach();
        }
    }

    /// See [`LeaseClient::desire_node`].
    pub const fn desire_node(&mut self, node: Option<NodeId>) {
        if let Hold::Leased(lease) = &mut self.hold {
            lease.desire_node(node);
        }
    }

    /// Gives the lease back, and wants it no more.
    pub fn detach(&mut self, cycle: &mut Cycle<'_>) {
        match &mut self.hold {
            Hold::Leased(lease) => lease.detach(cycle.now, cycle.ids),
            Hold::Direct { phase, .. } => *phase = Phase::Done,
        }
    }

    /// Sends what is due, as far as the publication takes it. Returns how many messages it took.
    pub fn transmit(
        &mut self,
        cycle: &mut Cycle<'_>,
        control: &mut (impl Publication + ?Sized),
    ) -> u32 {
        let Hold::Leased(lease) = &mut self.hold else {
            return 0;
        };
        let mut sent = 0_u32;
        let mut buffer = [0; MESSAGE_MAX];
        while let Ok(true) = lease.transmit(cycle.now, cycle.ids, |due| {
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
