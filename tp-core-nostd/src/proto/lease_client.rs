//! The client's half of a lease: attach, keepalive, detach, and what ends it (driver 3.4 to 3.6, 5).
//!
//! ```text
//!              wanted                    granted
//!  Unattached ────────► Attaching ─────────────────► Attached ── detach ──► Detaching
//!      ▲                  ▲    │ refused, broken,       │ revoked, expired,      │
//!      │                  │    │ timed out              │ driver gone            │ answered,
//!      │           delay  │    ▼                        ▼                        │ revoked, timed out
//!      │           over   └─ Backoff ◄──────────────────┘                        │
//!      └── given up ◄────────── ┴ ◄──────────────────────────────────────────────┘
//! ```
//!
//! One machine per lease. It sends through [`LeaseClient::transmit`], whose state moves on only when the message was
//! taken; [`LeaseClient::poll`] makes the moves that time alone decides.

mod by_hand;
mod config;
mod event;

pub use config::LeaseConfig;
pub use event::{Event, LeaseLost, Transmit};

use crate::ids::{ClientId, CorrelationId, LeaseId, NodeId, StreamId};
use crate::proto::random::Ids;
use crate::time::{Duration, Instant};
use crate::wire::driver::{
    LeaseRevokeReason, Refusal, RefusalCode, Role, ShmAttachRequest, ShmAttachResponse,
    ShmDetachRequest, ShmLeaseKeepalive,
};

/// What a refused automatic client id is recognised by, after trimming and case folding (C-029).
const ID_TAKEN: &[u8] = b"client_id already attached";
/// The only layout this library reads and writes.
const LAYOUT_VERSION: u32 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unattached,
    Attaching {
        correlation: CorrelationId,
        resend_at: Instant,
        give_up_at: Instant,
    },
    Attached {
        lease: LeaseId,
        keepalive_at: Instant,
        deadline: Deadline,
    },
    Detaching {
        lease: LeaseId,
        correlation: CorrelationId,
        resend_at: Instant,
        give_up_at: Instant,
    },
    Backoff {
        until: Instant,
    },
}

/// Until when a lease holds without another keepalive (C-039).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Deadline {
    at: Instant,
    /// How far a keepalive moves it.
    span: Duration,
}

/// One lease of one client.
#[derive(Clone, Debug)]
pub struct LeaseClient {
    config: LeaseConfig,
    client: ClientId,
    state: State,
    wanted: bool,
    /// The lease was ours at least once.
    was_held: bool,
    /// The attach we gave up on, with the id it asked for: its OK can still come (D-219).
    given_up: Option<(CorrelationId, ClientId)>,
    /// A lease that goes back at once, with the id it was granted to: it came too late (D-219), or its id is another's.
    unwanted: Option<(LeaseId, ClientId)>,
    refusals: u32,
}

impl LeaseClient {
    /// A lease that is wanted from now on.
    pub fn new(config: LeaseConfig, ids: &mut Ids) -> Self {
        let client = config.client.unwrap_or_else(|| ids.client());
        Self {
            config,
            client,
            // A pause that is over: the first poll starts the attach.
            state: State::Backoff {
                until: Instant::from_ns(0),
            },
            wanted: true,
            was_held: false,
            given_up: None,
            unwanted: None,
            refusals: 0,
        }
    }

    /// The id the lease has, or is being asked for with (C-031).
    pub const fn client(&self) -> ClientId {
        self.client
    }

    /// The lease, while it is ours to use.
    pub const fn lease(&self) -> Option<LeaseId> {
        match self.state {
            State::Attached { lease, .. } => Some(lease),
            _ => None,
        }
    }

    /// Whether nothing is held and nothing is wanted.
    pub const fn is_done(&self) -> bool {
        matches!(self.state, State::Unattached) && self.unwanted.is_none()
    }

    /// Gives the lease back and asks for it no more. Harmless in any state (D-105).
    pub fn detach(&mut self, now: Instant, ids: &mut Ids) {
        self.wanted = false;
        self.state = match self.state {
            State::Attached { lease, .. } => State::Detaching {
                lease,
                correlation: ids.correlation(),
                resend_at: now,
                give_up_at: now.after(self.config.timeout),
            },
            State::Attaching { correlation, .. } => {
                self.given_up = Some((correlation, self.client));
                State::Unattached
            }
            State::Backoff { .. } => State::Unattached,
            state @ (State::Unattached | State::Detaching { .. }) => state,
        };
    }

    /// Somebody else goes by our id: the lease goes back, and is asked for with another id (C-112). An id that the
    /// application set stays, and nothing happens.
    pub fn take_another_id(&mut self, now: Instant, ids: &mut Ids) -> Option<Event> {
        let State::Attached { lease, .. } = self.state else {
            return None;
        };
        if self.config.client.is_some() {
            return None;
        }
        self.unwanted = Some((lease, self.client));
        self.client = ids.client();
        self.lose(now, ids, LeaseLost::IdTaken)
    }

    /// The moves that time alone decides. Call it once per duty cycle, after the messages that have arrived.
    pub fn poll(&mut self, now: Instant, ids: &mut Ids) -> Option<Event> {
        match self.state {
            State::Backoff { until } if now >= until => {
                let correlation = ids.correlation();
                self.state = State::Attaching {
                    correlation,
                    resend_at: now,
                    give_up_at: now.after(self.config.timeout),
                };
                None
            }
            State::Attaching {
                correlation,
                give_up_at,
                ..
            } if now >= give_up_at => {
                self.given_up = Some((correlation, self.client));
                self.back_off(now, ids);
                Some(Event::TimedOut)
            }
            State::Attached { deadline, .. } if now > deadline.at => {
                self.lose(now, ids, LeaseLost::Expired)
            }
            State::Detaching { give_up_at, .. } if now >= give_up_at => {
                self.state = State::Unattached;
                Some(Event::Detached)
            }
            _ => None,
        }
    }

    /// Offers the message that is due at `now` to `emit`, which sends it; returns whether one was sent.
    ///
    /// # Errors
    /// What `emit` returned; the message stays due.
    pub fn transmit<E>(
        &mut self,
        now: Instant,
        ids: &mut Ids,
        emit: impl FnOnce(&Transmit) -> Result<(), E>,
    ) -> Result<bool, E> {
        if let Some((lease, client)) = self.unwanted {
            emit(&self.detach_request(lease, client, ids.correlation()))?;
            self.unwanted = None;
            return Ok(true);
        }
        let sent = match &mut self.state {
            State::Attaching {
                correlation,
                resend_at,
                ..
            } if now >= *resend_at => {
                emit(&Transmit::Attach(ShmAttachRequest {
                    correlation_id: *correlation,
                    stream_id: Some(self.config.stream),
                    client_id: self.client,
                    role: self.config.role,
                    expected_layout_version: LAYOUT_VERSION,
                    publish_mode: self.config.publish_mode,
                    require_hugepages: self.config.hugepages,
                    desired_node_id: self.config.desired_node.map(NodeId::get),
                }))?;
                *resend_at = now.after(self.config.resend_every);
                true
            }
            State::Attached {
                lease,
                keepalive_at,
                deadline,
            } if now >= *keepalive_at => {
                emit(&Transmit::Keepalive(ShmLeaseKeepalive {
                    lease_id: *lease,
                    stream_id: self.config.stream,
                    client_id: self.client,
                    role: self.config.role,
                    client_timestamp_ns: now.as_ns(),
                }))?;
                *keepalive_at = next_keepalive(&self.config, now, deadline.span);
                if deadline.at != Instant::NEVER {
                    deadline.at = now.after(deadline.span);
                }
                true
            }
            State::Detaching {
                lease,
                correlation,
                resend_at,
                ..
            } if now >= *resend_at => {
                let (lease, correlation) = (*lease, *correlation);
                *resend_at = now.after(self.config.resend_every);
                let due = self.detach_request(lease, self.client, correlation);
                if let Err(error) = emit(&due) {
                    if let State::Detaching { resend_at, .. } = &mut self.state {
                        *resend_at = now;
                    }
                    return Err(error);
                }
                true
            }
            _ => false,
        };
        Ok(sent)
    }

    /// When to come back at the latest if nothing arrives.
    pub fn poll_timeout(&self) -> Instant {
        match self.state {
            _ if self.unwanted.is_some() => Instant::from_ns(0),
            State::Unattached => Instant::NEVER,
            State::Attaching {
                resend_at,
                give_up_at,
                ..
            }
            | State::Detaching {
                resend_at,
                give_up_at,
                ..
            } => resend_at.min(give_up_at),
            State::Attached {
                keepalive_at,
                deadline,
                ..
            } => keepalive_at.min(deadline.at),
            State::Backoff { until } => until,
        }
    }

    /// An answer to some attach arrived; ours or not.
    pub fn handle_attach_response(
        &mut self,
        now: Instant,
        ids: &mut Ids,
        response: &ShmAttachResponse<'_>,
    ) -> Option<Event> {
        let correlation = response.correlation_id;
        let pending =
            matches!(self.state, State::Attaching { correlation: ours, .. } if ours == correlation);
        let late = self.given_up.filter(|(asked, _)| *asked == correlation);
        let holder = match pending {
            true => Some(self.client),
            false => late.map(|(_, client)| client),
        };
        match (&response.outcome, holder) {
            (Ok(grant), Some(holder)) => {
                let asked = (correlation, holder);
                self.take(now, asked, grant.lease_id, grant.lease_expires_at)
            }
            (Err(refusal), _) if pending => {
                if self.config.client.is_none() && is_id_taken(refusal) {
                    self.client = ids.client();
                }
                self.back_off(now, ids);
                Some(Event::Refused(refusal.code))
            }
            _ => None,
        }
    }

    /// An answer to some attach arrived that breaks the protocol (D-076 to D-082).
    pub fn handle_broken_response(
        &mut self,
        now: Instant,
        ids: &mut Ids,
        correlation: CorrelationId,
    ) -> Option<Event> {
        match self.state {
            State::Attaching {
                correlation: ours, ..
            } if ours == correlation => {
                self.back_off(now, ids);
                Some(Event::Broken)
            }
            _ => None,
        }
    }

    /// An answer to some detach arrived. Whatever it says, we are detached (D-105, C-047).
    pub fn handle_detach_response(&mut self, correlation: CorrelationId) -> Option<Event> {
        match self.state {
            State::Detaching {
                correlation: ours, ..
            } if ours == correlation => {
                self.state = State::Unattached;
                Some(Event::Detached)
            }
            _ => None,
        }
    }

    /// Some lease was revoked; ours is known by its id, stream and role (D-123, C-042).
    pub fn handle_revoked(
        &mut self,
        now: Instant,
        ids: &mut Ids,
        lease: LeaseId,
        stream: StreamId,
        role: Role,
        reason: LeaseRevokeReason,
    ) -> Option<Event> {
        if stream != self.config.stream || role != self.config.role {
            return None;
        }
        match self.state {
            State::Attached { lease: ours, .. } if ours == lease => {
                self.lose(now, ids, LeaseLost::Revoked(reason))
            }
            State::Detaching { lease: ours, .. } if ours == lease => {
                self.state = State::Unattached;
                Some(Event::Detached)
            }
            _ => None,
        }
    }

    /// The driver ended, with or without a word, or another producer took over the stream.
    pub fn handle_lost(&mut self, now: Instant, ids: &mut Ids, why: LeaseLost) -> Option<Event> {
        match self.state {
            State::Attached { .. } => self.lose(now, ids, why),
            State::Attaching { correlation, .. } => {
                self.given_up = Some((correlation, self.client));
                self.back_off(now, ids);
                None
            }
            State::Detaching { .. } => {
                self.state = State::Unattached;
                Some(Event::Detached)
            }
            State::Unattached | State::Backoff { .. } => None,
        }
    }

    /// A lease was granted to this request of ours, in time or late (D-219). It belongs to the id that the request
    /// named, and we may go by another one since.
    fn take(
        &mut self,
        now: Instant,
        asked: (CorrelationId, ClientId),
        lease: LeaseId,
        expires_at: Option<Instant>,
    ) -> Option<Event> {
        let (correlation, holder) = asked;
        if self.given_up == Some(asked) {
            self.given_up = None;
        }
        if !(self.wanted && matches!(self.state, State::Attaching { .. } | State::Backoff { .. })) {
            self.unwanted = Some((lease, holder));
            return None;
        }
        if let State::Attaching {
            correlation: newer, ..
        } = self.state
            && newer != correlation
        {
            // The newer request may be granted as well; that lease goes back.
            self.given_up = Some((newer, self.client));
        }
        self.client = holder;
        self.refusals = 0;
        self.was_held = true;
        self.state = State::Attached {
            lease,
            keepalive_at: self.first_keepalive(now),
            deadline: self.deadline(now, expires_at),
        };
        Some(Event::Attached(lease))
    }

    /// At once after the grant, unless keepalives are switched off (C-039).
    const fn first_keepalive(&self, now: Instant) -> Instant {
        if self.config.keepalive_interval.is_zero() {
            Instant::NEVER
        } else {
            now
        }
    }

    /// The first deadline is the driver's; each keepalive moves it by interval x grace or by the span first granted,
    /// whichever is shorter. A lease granted without expiry has none (D-095).
    fn deadline(&self, now: Instant, expires_at: Option<Instant>) -> Deadline {
        let own = self
            .config
            .keepalive_interval
            .saturating_mul(self.config.grace_intervals);
        match expires_at {
            None => Deadline {
                at: Instant::NEVER,
                span: own,
            },
            Some(at) if own.is_zero() => Deadline {
                at,
                span: at.since(now),
            },
            Some(at) => Deadline {
                at,
                span: own.min(at.since(now)),
            },
        }
    }

    fn lose(&mut self, now: Instant, ids: &mut Ids, why: LeaseLost) -> Option<Event> {
        self.back_off(now, ids);
        Some(Event::Lost(why))
    }

    fn back_off(&mut self, now: Instant, ids: &mut Ids) {
        let doubled = self
            .config
            .backoff_min
            .saturating_mul(1 << self.refusals.min(16));
        self.refusals = self.refusals.saturating_add(1);
        let delay = ids.jittered(doubled.min(self.config.backoff_max));
        let until = match self.config.reattach_by_hand && self.was_held {
            true => Instant::NEVER,
            false => now.after(delay),
        };
        self.state = State::Backoff { until };
    }

    fn detach_request(
        &self,
        lease: LeaseId,
        client: ClientId,
        correlation: CorrelationId,
    ) -> Transmit {
        Transmit::Detach(ShmDetachRequest {
            correlation_id: correlation,
            lease_id: lease,
            stream_id: self.config.stream,
            client_id: client,
            role: self.config.role,
        })
    }
}

/// When the keepalive after one at `now` is due: an interval later, but at least three are within the span, and never two
/// at one time. Never by itself while they are switched off (C-039).
fn next_keepalive(config: &LeaseConfig, now: Instant, span: Duration) -> Instant {
    if config.keepalive_interval.is_zero() {
        return Instant::NEVER;
    }
    let third = span.checked_div(3).unwrap_or(span);
    let pause = config.keepalive_interval.min(third);
    now.after(pause.max(Duration::from_nanos(1)))
}

/// Whether the driver refused because another lease has our id (C-029).
fn is_id_taken(refusal: &Refusal<'_>) -> bool {
    refusal.code == RefusalCode::Rejected
        && refusal
            .error_message
            .is_some_and(|text| text.0.trim_ascii().eq_ignore_ascii_case(ID_TAKEN))
}

#[cfg(test)]
mod tests;
