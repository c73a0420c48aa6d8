//! Whose wish is the rate (L-008, L-009, L-039).
//!
//! ```text
//!          hello of anybody: its rate            hello of another: ignored
//!  Free ──────────────────────────────► Bound ──┐
//!    ▲                                    │  ▲  │ hello again: its rate
//!    └── no hello for too long: the ──────┘  └──┘
//!        configured rate
//! ```

use crate::ids::{ClientId, StreamId};
use crate::time::{Duration, Instant};
use crate::wire::control::ConsumerHello;

/// A consumer that said no hello for so long is gone: five of its hello periods, which are a second each (L-039).
pub const SILENT_FOR: Duration = Duration::from_secs(5);

/// What a hello did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the rate may be another one, or somebody has to be warned"]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Greeting {
    /// It is for another stream.
    NotOurs,
    /// It is of the consumer that sets the rate: [`Binding::rate`] applies.
    Heard,
    /// Another consumer sets the rate; to be warned of, once.
    Ignored {
        /// The one that does.
        bound: ClientId,
    },
}

#[derive(Clone, Copy, Debug)]
struct Bound {
    consumer: ClientId,
    /// `None` is what is configured.
    rate: Option<u32>,
    stale_at: Instant,
}

/// The consumer of a destination.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    destination: StreamId,
    configured: Option<u32>,
    bound: Option<Bound>,
}

impl Binding {
    /// Nobody's yet: the `configured` rate applies. A consumer that is not heard for [`SILENT_FOR`] is gone.
    pub const fn new(destination: StreamId, configured: Option<u32>) -> Self {
        Self {
            destination,
            configured,
            bound: None,
        }
    }

    /// A consumer says hello. Its rate counts whatever its mode; all ones are no rate.
    pub fn handle_hello(&mut self, now: Instant, hello: &ConsumerHello<'_>) -> Greeting {
        if hello.stream_id != self.destination {
            return Greeting::NotOurs;
        }
        let _ = self.expire(now);
        if let Some(bound) = self.bound
            && bound.consumer != hello.consumer_id
        {
            let bound = bound.consumer;
            return Greeting::Ignored { bound };
        }
        self.bound = Some(Bound {
            consumer: hello.consumer_id,
            rate: match hello.max_rate_hz {
                Some(u32::MAX) => None,
                rate => Some(rate.unwrap_or(0)),
            },
            stale_at: now.after(SILENT_FOR),
        });
        Greeting::Heard
    }

    /// Lets go of a consumer that is not heard any more; returns whether it did.
    pub fn expire(&mut self, now: Instant) -> bool {
        self.bound.take_if(|bound| now >= bound.stale_at).is_some()
    }

    /// Frames per second; `None` and 0 are unlimited.
    pub fn rate(&self) -> Option<u32> {
        let wish = self.bound.and_then(|bound| bound.rate);
        wish.or(self.configured)
    }

    /// When to call [`Self::expire`].
    pub fn poll_timeout(&self) -> Instant {
        self.bound.map_or(Instant::NEVER, |bound| bound.stale_at)
    }
}
