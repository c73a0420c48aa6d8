//! The clock of a process. It stops where that is planted.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use tp_core_nostd::time::{Clock, Instant};
use tp_tests::fake_transport::FakeClock;

use super::planted::{Bug, Planted};

/// How long a clock that goes on again stands still: twice the life of a lease.
const PAUSE: Duration = Duration::from_secs(6);

/// See the module. Clones are the same clock.
#[derive(Clone, Debug)]
pub(super) struct Frozen {
    clock: FakeClock,
    since: Arc<Mutex<Option<Instant>>>,
    for_good: bool,
}

impl Frozen {
    pub(super) fn new(clock: FakeClock, planted: Planted) -> Self {
        Self {
            clock,
            since: Arc::default(),
            for_good: planted.is(Bug::Frozen),
        }
    }

    /// It stops now, unless it did so before.
    pub(super) fn stop(&self, now: Instant) {
        self.since.lock().unwrap().get_or_insert(now);
    }

    /// Since when it stands still, if it does.
    pub(super) fn since(&self) -> Option<Instant> {
        let since = (*self.since.lock().unwrap())?;
        let stands = self.for_good || self.clock.now().since(since) < PAUSE;
        stands.then_some(since)
    }
}

impl Clock for Frozen {
    fn now(&self) -> Instant {
        self.since().unwrap_or_else(|| self.clock.now())
    }

    fn real_ns(&self) -> Option<u64> {
        Some(self.now().as_ns())
    }
}
