//! Asks discovery providers which streams there are, and which driver to ask for them (discovery 2.5, client 1.7).
//!
//! ```text
//!         ask                    sent: again a second later
//!  Free ────────► Asking ──────┐
//!   ▲ ▲ ▲          │ │ │  ▲    │
//!   │ │ └─ cancel ─┘ │ │  └────┘
//!   │ └─ answered ───┘ └─ five seconds over: expired ─┐
//!   └─────────────────────────────────────────────────┘
//! ```
//!
//! An answer is advice (R-001, R-002): it names a driver to attach at, and what that driver grants wins ([`agreement`]). Requests
//! stand in memory the caller lends, in the form they have on the wire, and go out again under the same id.
//!
//! ```
//! use tp_core_nostd::ids::StreamId;
//! use tp_core_nostd::proto::discovery_client::{DiscoveryClient, Filter, Query, Setup, Timing};
//! use tp_core_nostd::time::Instant;
//! use tp_core_nostd::wire::control::Endpoint;
//!
//! let stream = |raw| StreamId::new(raw).unwrap();
//! let responses = Endpoint { channel: "aeron:ipc?term-length=4m", stream_id: stream(7004) };
//! let driver_control = Endpoint { channel: "aeron:ipc?term-length=4m", stream_id: stream(1000) };
//! let setup = Setup { responses, driver_control: Some(driver_control), client_id: 7, timing: Timing::DEFAULT };
//! let mut client = DiscoveryClient::new(setup, [Query::<256>::FREE; 4], 0x5EED)?;
//!
//! let now = Instant::from_ns(1);
//! let request = client.ask(now, &Filter { stream_id: Some(10_000), ..Filter::default() })?;
//! let mut messages = 0;
//! while client.transmit(now, |_message| Ok::<(), ()>(messages += 1)).unwrap() {}
//! assert_eq!(messages, 1);
//! // … `client.handle(response)` until it is the answer to `request`, or:
//! assert_eq!(client.expire(client.poll_timeout()), None); // due again, not over
//! client.cancel(request);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod advice;

use core::fmt;

use crate::proto::cadence::Cadence;
use crate::proto::endpoint::OwnEndpoint;
use crate::sbe::EncodeError;
use crate::time::{Duration, Instant};
use crate::wire::Text;
use crate::wire::control::Endpoint;
use crate::wire::discovery::{
    DiscoveryOutcome, DiscoveryRequest, DiscoveryResponse, RequestId, Tag, Tags,
};

pub use advice::{Agreement, Collected, agreement, collect, is_contradicted};

/// How long an answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Timing {
    /// From one request to the next.
    pub every: Duration,
    /// In all.
    pub total: Duration,
}

impl Timing {
    /// Each second, for five (R-079).
    pub const DEFAULT: Self = Self {
        every: Duration::from_secs(1),
        total: Duration::from_secs(5),
    };
}

/// Who asks, and where answers go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup<'c> {
    /// Where answers go; all requests name it (C-126).
    pub responses: Endpoint<'c>,
    /// Where drivers listen, if that is known.
    pub driver_control: Option<Endpoint<'c>>,
    /// Told to providers; no proof of anything.
    pub client_id: u32,
    /// How long an answer is waited for.
    pub timing: Timing,
}

/// Why nothing is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum AskError {
    /// There is no channel for answers (R-018).
    NoResponseChannel,
    /// The channel for answers has more than 1024 bytes (R-094).
    LongResponseChannel,
    /// Answers would go where drivers listen (R-081).
    ResponsesAtDriver,
    /// As many questions are open as there is room for.
    TooManyQueries,
    /// The filters are too long for a request.
    TooLong(EncodeError),
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoResponseChannel => f.write_str("discovery needs a channel for responses"),
            Self::ResponsesAtDriver => {
                f.write_str("discovery responses must not go to the control stream of the driver")
            }
            Self::LongResponseChannel => {
                f.write_str("the channel for discovery responses is longer than 1024 bytes")
            }
            Self::TooManyQueries => f.write_str("too many discovery requests are open"),
            Self::TooLong(error) => write!(f, "the discovery request is too long: {error}"),
        }
    }
}

impl core::error::Error for AskError {}

/// Which streams are asked for: those that match all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter<'f> {
    /// This stream.
    pub stream_id: Option<u32>,
    /// Streams of this producer; 0 = streams without one.
    pub producer_id: Option<u32>,
    /// This data source.
    pub data_source_id: Option<u64>,
    /// Streams of this name, byte for byte.
    pub data_source_name: Option<&'f str>,
    /// Streams that bear all of these.
    pub tags: &'f [Tag<'f>],
}

/// Room for one open question of up to `N` bytes.
#[derive(Clone, Copy, Debug)]
pub struct Query<const N: usize> {
    asking: Option<Asking>,
    len: usize,
    bytes: [u8; N],
}

#[derive(Clone, Copy, Debug)]
struct Asking {
    id: RequestId,
    cadence: Cadence,
    until: Instant,
}

impl<const N: usize> Query<N> {
    /// No question.
    pub const FREE: Self = Self {
        asking: None,
        len: 0,
        bytes: [0; N],
    };
}

/// The answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'m> {
    /// The question.
    pub request: RequestId,
    /// What the provider says. Only success has results, and those that make no sense are passed over (C-127).
    pub outcome: DiscoveryOutcome<'m>,
}

/// Asks for one client. `S` lends the places of open questions.
#[derive(Clone, Debug)]
pub struct DiscoveryClient<S, const N: usize> {
    responses: OwnEndpoint,
    client_id: u32,
    timing: Timing,
    queries: S,
    last_id: u64,
}

impl<S: AsRef<[Query<N>]> + AsMut<[Query<N>]>, const N: usize> DiscoveryClient<S, N> {
    /// Asks nothing yet. `seed` is random, so that clients with the same response endpoint use different ids (R-080).
    ///
    /// # Errors
    /// [`AskError::NoResponseChannel`], [`AskError::ResponsesAtDriver`], [`AskError::LongResponseChannel`].
    pub fn new(setup: Setup<'_>, mut queries: S, seed: u64) -> Result<Self, AskError> {
        if setup.responses.channel.is_empty() {
            return Err(AskError::NoResponseChannel);
        }
        if setup
            .driver_control
            .is_some_and(|control| is_same_stream(control, setup.responses))
        {
            return Err(AskError::ResponsesAtDriver);
        }
        let responses = OwnEndpoint::copy(setup.responses).ok_or(AskError::LongResponseChannel)?;
        queries.as_mut().fill(Query::FREE);
        Ok(Self {
            responses,
            client_id: setup.client_id,
            timing: setup.timing,
            queries,
            last_id: seed,
        })
    }

    /// Asks a question, from the next [`Self::transmit`] on.
    ///
    /// # Errors
    /// [`AskError::TooManyQueries`], [`AskError::TooLong`].
    pub fn ask(&mut self, now: Instant, filter: &Filter<'_>) -> Result<RequestId, AskError> {
        let id = RequestId(self.last_id.wrapping_add(1));
        let responses = self.responses.get();
        let mut queries = self.queries.as_mut().iter_mut();
        let query = queries.find(|query| query.asking.is_none());
        let query = query.ok_or(AskError::TooManyQueries)?;
        let request = DiscoveryRequest {
            request_id: id,
            client_id: self.client_id,
            response_stream_id: responses.stream_id,
            response_channel: responses.channel,
            stream_id: filter.stream_id,
            producer_id: filter.producer_id,
            data_source_id: filter.data_source_id,
            data_source_name: filter.data_source_name.map(Text::from),
            tags: Tags::listed(filter.tags),
        };
        query.len = request
            .encode(&mut query.bytes)
            .map_err(AskError::TooLong)?;
        let mut cadence = Cadence::new(self.timing.every);
        cadence.hasten();
        query.asking = Some(Asking {
            id,
            cadence,
            until: now.after(self.timing.total),
        });
        self.last_id = id.0;
        Ok(id)
    }

    /// Forgets a question; a late answer is not ours any more.
    pub fn cancel(&mut self, request: RequestId) {
        let _ = self.take(|asking| asking.id == request);
    }

    /// A response arrived. The first one to an open question answers it; all others are somebody else's (R-035).
    pub fn handle<'m>(&mut self, response: &DiscoveryResponse<'m>) -> Option<Answer<'m>> {
        let answered = self.take(|asking| asking.id == response.request_id)?;
        Some(Answer {
            request: answered.id,
            outcome: response.outcome,
        })
    }

    /// A question nobody answered in time, which is none any more. Asked until there is none.
    pub fn expire(&mut self, now: Instant) -> Option<RequestId> {
        self.take(|asking| now >= asking.until)
            .map(|asking| asking.id)
    }

    /// Offers the request that is due to `emit`, which sends it; returns whether one was sent.
    ///
    /// # Errors
    /// What `emit` returned; the request stays due.
    pub fn transmit<E>(
        &mut self,
        now: Instant,
        emit: impl FnOnce(&[u8]) -> Result<(), E>,
    ) -> Result<bool, E> {
        for query in self.queries.as_mut() {
            let Some(asking) = &mut query.asking else {
                continue;
            };
            if asking.cadence.is_due(now) && now < asking.until {
                emit(query.bytes.get(..query.len).unwrap_or_default())?;
                asking.cadence.sent(now);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// When to come back: a request is due, or a question over.
    pub fn poll_timeout(&self) -> Instant {
        let open = self.queries.as_ref().iter();
        let open = open.filter_map(|query| query.asking);
        let due = open.map(|asking| asking.cadence.due_at().min(asking.until));
        due.min().unwrap_or(Instant::NEVER)
    }

    fn take(&mut self, is: impl Fn(&Asking) -> bool) -> Option<Asking> {
        let mut queries = self.queries.as_mut().iter_mut();
        queries.find_map(|query| query.asking.take_if(|asking| is(asking)))
    }
}

/// Whether both name one stream: parameters of a channel differ without naming another one, all but its endpoint.
pub fn is_same_stream(one: Endpoint<'_>, other: Endpoint<'_>) -> bool {
    fn medium(channel: &str) -> (&str, Option<&str>) {
        let (medium, parameters) = channel.split_once('?').unwrap_or((channel, ""));
        let mut parameters = parameters.split('|');
        (
            medium,
            parameters.find_map(|parameter| parameter.strip_prefix("endpoint=")),
        )
    }
    one.stream_id == other.stream_id && medium(one.channel) == medium(other.channel)
}

#[cfg(test)]
mod tests;
