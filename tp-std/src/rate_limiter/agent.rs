//! The agent: two clients, one for each end, and lanes between them.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use tp_core_nostd::agent::Agent;
use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::rate_limiter::SetupError;
use tp_core_nostd::time::{Clock, Instant};

use super::config::RateLimiterConfig;
use super::lane::{Lane, LaneCounts};
use super::relay::Relay;
use crate::client::Client;
use crate::clock::SharedClock;
use crate::conductor::Conductor;
use crate::error::{ConfigError, Error};
use crate::medium::Medium;

/// Why a rate limiter does not start, or cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateLimiterError {
    /// Its mappings cannot work together; nothing was started (L-034).
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// There is no mapping.
    #[error("there is no mapping, so there is nothing to do")]
    NoMapping,
    /// One of its clients cannot be started, or ended.
    #[error(transparent)]
    Client(#[from] Error),
}

impl From<ConfigError> for RateLimiterError {
    fn from(error: ConfigError) -> Self {
        Self::Client(error.into())
    }
}

/// How one mapping does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneStatus {
    /// The stream that is consumed.
    pub source: StreamId,
    /// The stream that is produced.
    pub destination: StreamId,
    /// Frames per second that are let through; `None` is all of them.
    pub max_rate_hz: Option<u32>,
    /// What became of the frames.
    pub counts: LaneCounts,
    /// Frames of the source that never arrived.
    pub missed: u64,
    /// Whether a frame waits for its time.
    pub is_waiting: bool,
}

/// Makes streams with fewer frames; see the [module](super). Drive it by [`Agent::do_work`].
#[derive(Debug)]
pub struct RateLimiter {
    source: (Client, Conductor),
    destination: (Client, Conductor),
    clock: CycleClock,
    lanes: Vec<Lane>,
    relay: Relay,
}

impl RateLimiter {
    /// Connects both ends to the media driver. Leases are asked for in duty cycles.
    ///
    /// # Errors
    /// [`RateLimiterError`]
    pub fn connect(config: RateLimiterConfig) -> Result<Self, RateLimiterError> {
        Self::new(config, SharedClock::default(), |context, _| {
            Client::invoker(context)
        })
    }

    /// As [`Self::connect`], over transports and by a clock of the caller's: first the source's end, then the destination's.
    ///
    /// # Errors
    /// [`RateLimiterError`]
    pub fn over(
        mediums: [Box<dyn Medium>; 2],
        config: RateLimiterConfig,
        clock: SharedClock,
    ) -> Result<Self, RateLimiterError> {
        let mut mediums = mediums.map(Some);
        Self::new(config, clock, |context, end| {
            match mediums.get_mut(end).and_then(Option::take) {
                Some(medium) => Client::over(medium, context),
                None => Client::invoker(context),
            }
        })
    }

    fn new(
        config: RateLimiterConfig,
        clock: SharedClock,
        mut client: impl FnMut(crate::Context, usize) -> Result<(Client, Conductor), Error>,
    ) -> Result<Self, RateLimiterError> {
        config.check()?;
        let clock = CycleClock::new(clock);
        clock.tick();
        let (source, destination) = config.contexts()?;
        let shared = || SharedClock::new(clock.clone());
        let source = client(source.with_clock(shared()), 0)?;
        let destination = client(destination.with_clock(shared()), 1)?;
        let lanes = config.lanes.iter().map(|lane| Lane::new(&config, lane));
        Ok(Self {
            source,
            destination,
            lanes: lanes.collect(),
            relay: Relay::new(&config),
            clock,
        })
    }

    /// How each mapping does, in the order of the configuration.
    pub fn status(&self) -> impl Iterator<Item = LaneStatus> {
        self.lanes.iter().map(|lane| LaneStatus {
            source: lane.mapping.source,
            destination: lane.mapping.destination,
            max_rate_hz: lane.rate().filter(|hz| *hz > 0),
            counts: lane.counts(),
            missed: lane.missed(),
            is_waiting: lane.is_waiting(),
        })
    }

    /// Messages about sources that a stream of ours did not take: nobody listened, or somebody did not read on.
    pub fn untold(&self) -> u64 {
        self.relay.untold()
    }
}

impl Agent for RateLimiter {
    type Error = RateLimiterError;

    fn do_work(&mut self) -> Result<u32, RateLimiterError> {
        let now = self.clock.tick();
        let mut work = self.source.1.do_work()?;
        work = work.saturating_add(self.destination.1.do_work()?);
        let heard = self.relay.work(now, &self.destination.0, &mut self.lanes);
        work = work.saturating_add(heard);
        for lane in &mut self.lanes {
            let done = lane.work(now, &self.source.0, &self.destination.0);
            work = work.saturating_add(done);
        }
        Ok(work)
    }

    /// Gives the leases back, as far as one message each does that.
    fn on_close(&mut self) {
        self.clock.tick();
        self.source.1.close();
        self.destination.1.close();
    }

    fn role_name(&self) -> &str {
        "rate-limiter"
    }
}

/// The time at which the duty cycle began: all of a cycle is decided by one reading (C-161), and the descriptor of a frame
/// says the time at which its slot of time opened. So a consumer that counts the rate by descriptors agrees with us.
#[derive(Clone)]
struct CycleClock {
    real: SharedClock,
    now_ns: Arc<AtomicU64>,
}

impl CycleClock {
    fn new(real: SharedClock) -> Self {
        Self {
            real,
            now_ns: Arc::default(),
        }
    }

    fn tick(&self) -> Instant {
        let now = self.real.now();
        self.now_ns.store(now.as_ns(), Ordering::Relaxed);
        now
    }
}

impl Clock for CycleClock {
    fn now(&self) -> Instant {
        Instant::from_ns(self.now_ns.load(Ordering::Relaxed))
    }

    fn real_ns(&self) -> Option<u64> {
        self.real.real_ns()
    }
}

impl core::fmt::Debug for CycleClock {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("CycleClock")
    }
}
