//! What repeats by itself, and how often.

use core::time::Duration;

use super::Context;

/// Periods that only some roles have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Periods {
    hello: Duration,
    merge_map_announce: Duration,
}

impl Default for Periods {
    fn default() -> Self {
        Self {
            hello: Duration::from_secs(1),
            merge_map_announce: Duration::from_secs(1),
        }
    }
}

impl Context {
    /// How often a consumer repeats its ConsumerHello; one second by default (C-094).
    #[must_use]
    pub const fn with_hello_period(mut self, period: Duration) -> Self {
        self.periods.hello = period;
        self
    }

    /// How often merge maps are repeated by the client that is their authority; one second by default. Zero: only when
    /// they change and when somebody asks, for where peers listen all the time (J-097).
    #[must_use]
    pub const fn with_merge_map_announce_period(mut self, period: Duration) -> Self {
        self.periods.merge_map_announce = period;
        self
    }

    /// See [`Context::with_hello_period`].
    pub const fn hello_period(&self) -> Duration {
        self.periods.hello
    }

    /// See [`Context::with_merge_map_announce_period`].
    pub const fn merge_map_announce_period(&self) -> Duration {
        self.periods.merge_map_announce
    }
}
