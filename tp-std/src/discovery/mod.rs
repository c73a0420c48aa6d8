//! Which streams there are, asked of a discovery provider (client 1.7, discovery 2.5).
//!
//! ```text
//!   Discovery ── request, each second ──▶ provider          an answer is advice: nothing is mapped on its strength
//!       ▲                                    │
//!       └────────── response ◀───────────────┘
//!       │
//!     Found ──▶ ConsumerConfig::found ──▶ Client::consumer ──▶ the driver it names, whose word counts
//! ```
//!
//! A [`Discovery`] has two streams of its own and belongs to one thread. [`Discovery::poll`] never waits and suits any loop,
//! that of the conductor included ([`Client::register_work`]); [`Discovery::find`] waits.

mod attach;
mod config;
mod found;

use core::task::Poll;
use core::time::Duration;
use std::collections::VecDeque;
use std::thread;
use std::time::Instant;

use tp_core_nostd::agent::IdleStrategy;
use tp_core_nostd::proto::discovery_client::{AskError, DiscoveryClient, Query, Setup};
pub use tp_core_nostd::proto::discovery_client::{Filter, Timing};
use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::time::Clock;
use tp_core_nostd::transport::SendError;
use tp_core_nostd::wire::discovery::{DiscoveryOutcome, DiscoveryResponse};
pub use tp_core_nostd::wire::discovery::{RequestId, Tag};

pub use config::{DISCOVERY_REQUEST_STREAM, DISCOVERY_RESPONSE_STREAM, DiscoveryConfig};
pub use found::{Findings, Found, FoundPool};

use crate::client::handlers::Responses;
use crate::conductor::{Conductor, is_in_cycle};
use crate::context::Endpoint;
use crate::error::{ConfigError, Error};
use crate::idle::SleepingIdle;
use crate::{Client, Pending, Poller, PublicationHandle};

/// Questions that may be open at a time.
const OPEN_MAX: usize = 8;
/// Room for one question: a channel of 1024 bytes, a name of 256, and tags.
const REQUEST_MAX: usize = 4096;
/// How much longer than its questions a call waits whose clock may stand still.
const GRACE: Duration = Duration::from_secs(1);

/// Asks discovery providers on behalf of one client.
#[derive(Debug)]
pub struct Discovery {
    client: Client,
    timing: Timing,
    machine: DiscoveryClient<Vec<Query<REQUEST_MAX>>, REQUEST_MAX>,
    requests: Requests,
    responses: Poller<Responses>,
    /// Answers that came while another one was waited for.
    answered: VecDeque<(RequestId, Result<Findings, Error>)>,
    unknown: u64,
}

/// The way to the providers.
#[derive(Debug)]
struct Requests {
    endpoint: Endpoint,
    publication: Option<PublicationHandle>,
    asked: Option<Pending<PublicationHandle>>,
}

impl Discovery {
    /// Asks nothing yet. Answers at once; its streams follow while the client is driven.
    ///
    /// # Errors
    /// [`Error::Config`] for response endpoints that cannot be used (C-126, R-081), [`Error::QueueFull`].
    pub fn new(client: &Client, config: &DiscoveryConfig) -> Result<Self, Error> {
        let control = config::Own::of(client.control());
        let responses = config::Own::of(&config.responses);
        let setup = Setup {
            responses: responses.get().ok_or(ConfigError::Zero {
                knob: "the discovery response stream",
            })?,
            driver_control: control.get(),
            client_id: config.client_id,
            timing: config.timing,
        };
        let seed = config.seed.unwrap_or_else(crate::seed::random_seed);
        let queries = vec![Query::FREE; OPEN_MAX];
        let machine = DiscoveryClient::new(setup, queries, seed).map_err(ConfigError::from)?;
        let Endpoint { channel, stream_id } = &config.responses;
        let mut requests = Requests::new(config.requests.clone());
        requests.ask(client)?;
        Ok(Self {
            client: client.clone(),
            timing: config.timing,
            machine,
            requests,
            responses: Poller::new(client, &channel.to_string(), *stream_id)?,
            answered: VecDeque::new(),
            unknown: 0,
        })
    }

    /// Asks which streams match all of `filter`. The answer comes with [`Self::poll`], under this number.
    ///
    /// # Errors
    /// [`Error::QueueFull`] while eight questions are open, [`Error::Config`] for filters too long for a request.
    pub fn ask(&mut self, filter: &Filter<'_>) -> Result<RequestId, Error> {
        let now = self.client.clock().now();
        self.machine.ask(now, filter).map_err(|error| match error {
            AskError::TooManyQueries => Error::QueueFull,
            error => ConfigError::from(error).into(),
        })
    }

    /// Forgets a question; its answer is nobody's any more.
    pub fn cancel(&mut self, request: RequestId) {
        self.machine.cancel(request);
        self.answered.retain(|(answered, _)| *answered != request);
    }

    /// Sends what is due and hands out each answer once: what was found, or [`Error::Discovery`] with the provider's words,
    /// or [`Error::Timeout`]. Nothing found is an answer, too. Returns how much was done; never waits.
    ///
    /// # Errors
    /// Why its streams cannot be had, once; [`Error::Closed`] after that.
    pub fn poll(
        &mut self,
        mut handler: impl FnMut(RequestId, Result<Findings, Error>),
    ) -> Result<u32, Error> {
        let mut work = 0_u32;
        while let Some((request, answer)) = self.answered.pop_front() {
            handler(request, answer);
            work = work.saturating_add(1);
        }
        let now = self.client.clock().now();
        let (machine, unknown) = (&mut self.machine, &mut self.unknown);
        let taken = self.responses.take(|message| {
            let Message::DiscoveryResponse(view) = message else {
                return;
            };
            match machine.handle(&DiscoveryResponse::from(view)) {
                Some(answer) => handler(answer.request, told(answer.outcome)),
                None => *unknown = unknown.saturating_add(1),
            }
        })?;
        while let Some(request) = self.machine.expire(now) {
            handler(request, Err(Error::Timeout));
            work = work.saturating_add(1);
        }
        // Nobody is asked before the answer can be heard.
        if self.responses.is_open()
            && let Some(publication) = self.requests.follow(&self.client)?
        {
            let sent = loop {
                match self.machine.transmit(now, |bytes| publication.offer(bytes)) {
                    Ok(true) => work = work.saturating_add(1),
                    stop => break stop,
                }
            };
            if sent == Err(SendError::Closed) {
                self.requests.ask(&self.client)?;
            }
        }
        Ok(work.saturating_add(taken))
    }

    /// Asks, and waits for the answer, of a client whose conductor runs elsewhere; at most as long as
    /// [`Timing::total`] says. Answers to other questions wait for the next [`Self::poll`].
    ///
    /// # Errors
    /// As [`Self::ask`] and [`Self::poll`], what the answer says, or [`Error::InCallback`].
    pub fn find(&mut self, filter: &Filter<'_>) -> Result<Findings, Error> {
        self.find_driving(filter, || {
            thread::sleep(Duration::from_millis(1));
            Ok(())
        })
    }

    /// Asks, and waits for the answer while driving the conductor.
    ///
    /// # Errors
    /// As [`Self::find`], or what the conductor met.
    pub fn find_with(
        &mut self,
        conductor: &mut Conductor,
        filter: &Filter<'_>,
    ) -> Result<Findings, Error> {
        let mut idle = SleepingIdle::new(Duration::from_millis(1));
        self.find_driving(filter, || {
            idle.idle(conductor.do_work()?);
            Ok(())
        })
    }

    /// Answers that nobody waited for: late, repeated, or somebody else's who shares the response stream.
    pub const fn unknown_answers(&self) -> u64 {
        self.unknown
    }

    /// Messages on the response stream that did not fit.
    pub const fn malformed_messages(&self) -> u64 {
        self.responses.malformed_messages()
    }

    fn find_driving(
        &mut self,
        filter: &Filter<'_>,
        mut drive: impl FnMut() -> Result<(), Error>,
    ) -> Result<Findings, Error> {
        if is_in_cycle() {
            return Err(Error::InCallback);
        }
        let (started, at_most) = (Instant::now(), self.timing.total.saturating_add(GRACE));
        let ours = self.ask(filter)?;
        let (mut answer, mut others) = (None, VecDeque::new());
        while answer.is_none() {
            let polled = self.poll(|request, told| match request == ours {
                true => answer = Some(told),
                false => others.push_back((request, told)),
            });
            let driven = polled.and_then(|_| match started.elapsed() > at_most {
                true => Err(Error::Timeout),
                false => drive(),
            });
            if let Err(error) = driven {
                self.machine.cancel(ours);
                answer = answer.or(Some(Err(error)));
            }
        }
        self.answered.append(&mut others);
        answer.unwrap_or(Err(Error::Timeout))
    }
}

impl Requests {
    const fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            publication: None,
            asked: None,
        }
    }

    fn ask(&mut self, client: &Client) -> Result<(), Error> {
        self.publication = None;
        self.asked = Some(client.publish_on(&self.endpoint)?);
        Ok(())
    }

    /// The publication, once it is there.
    fn follow(&mut self, client: &Client) -> Result<Option<&mut PublicationHandle>, Error> {
        match &mut self.asked {
            Some(asked) => {
                if let Poll::Ready(publication) = asked.poll() {
                    self.asked = None;
                    self.publication = Some(publication?);
                }
            }
            None if self.publication.is_none() => self.ask(client)?,
            None => {}
        }
        Ok(self.publication.as_mut())
    }
}

/// An answer as the application gets it. That nothing may be seen is told like nothing there (discovery 7, trap 2).
fn told(outcome: DiscoveryOutcome<'_>) -> Result<Findings, Error> {
    match outcome {
        DiscoveryOutcome::Found(results) => Ok(Findings::of(results)),
        DiscoveryOutcome::NotFound => Ok(Findings::default()),
        DiscoveryOutcome::Error(text) => Err(Error::Discovery {
            text: text.map(|text| text.to_string()).unwrap_or_default(),
        }),
    }
}
