//! An ear on the announce stream, against a second driver for our streams (D-008). Drivers of the same namespace are kept
//! away by a lock already; this one notices all others.

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::driver::{IdRange, Listening};
use tp_core_nostd::time::{Clock, Duration, Instant};
use tp_core_nostd::transport::Subscription;

use super::error::DriverError;

/// Announces read at a time.
const BATCH: u32 = 256;

/// The first announce period of a driver, in which it only listens.
#[derive(Debug)]
pub(super) struct Ear<S> {
    announces: S,
    listening: Listening,
    streams: Vec<IdRange>,
}

impl<S: Subscription> Ear<S> {
    /// Listens from `now` on.
    pub(super) fn new(
        announces: S,
        streams: Vec<IdRange>,
        now: Instant,
        announce_period: Duration,
    ) -> Self {
        Self {
            announces,
            listening: Listening::new(now, announce_period),
            streams,
        }
    }

    /// Whether it is over.
    ///
    /// # Errors
    /// [`DriverError::Rival`], or the announce stream cannot be read.
    pub(super) fn listen(&mut self, clock: &impl Clock) -> Result<bool, DriverError> {
        let (now, real_ns) = (clock.now(), clock.real_ns());
        self.announces.image_events(&mut |_, _| {});
        let mut rival = None;
        let (listening, streams) = (&self.listening, &self.streams);
        let is_ours = |stream: StreamId| streams.iter().any(|range| range.contains(stream));
        self.announces
            .poll(BATCH, &mut |message, _| {
                rival = rival.or_else(|| listening.hear(now, real_ns, message, is_ours));
            })
            .map_err(DriverError::Poll)?;
        match rival {
            Some(rival) => Err(DriverError::Rival(rival)),
            None => Ok(self.listening.is_over(now)),
        }
    }
}
