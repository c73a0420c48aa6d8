//! The clock of this host.

use core::fmt;
use std::sync::Arc;

use rustix::time::{ClockId, clock_gettime};
use tp_core_nostd::time::{Clock, Instant};

/// CLOCK_MONOTONIC for every decision, CLOCK_REALTIME where a message asks for the time of day.
///
/// Reading it is no system call on Linux (vDSO), about 25 ns.
#[derive(Clone, Copy, Debug, Default)]
pub struct MonotonicClock;

impl Clock for MonotonicClock {
    fn now(&self) -> Instant {
        Instant::from_ns(nanoseconds(ClockId::Monotonic))
    }

    fn real_ns(&self) -> Option<u64> {
        Some(nanoseconds(ClockId::Realtime))
    }
}

/// The clock of a client and of all its roles (C-139).
#[derive(Clone)]
pub struct SharedClock(Arc<dyn Clock + Send + Sync>);

impl SharedClock {
    /// Any clock, for all to go by.
    pub fn new(clock: impl Clock + Send + Sync + 'static) -> Self {
        Self(Arc::new(clock))
    }
}

impl Default for SharedClock {
    /// The clock of this host.
    fn default() -> Self {
        Self::new(MonotonicClock)
    }
}

impl Clock for SharedClock {
    #[inline]
    fn now(&self) -> Instant {
        self.0.now()
    }

    fn real_ns(&self) -> Option<u64> {
        self.0.real_ns()
    }
}

impl fmt::Debug for SharedClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedClock")
    }
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    // Neither clock is negative on a machine that runs after 1970.
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let fraction = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: C-139
    fn monotonic_time_is_that_of_the_system_and_never_runs_backwards() {
        let mut last = MonotonicClock.now();
        assert!(last > Instant::from_ns(0));
        for _ in 0..10_000 {
            let now = MonotonicClock.now();
            assert!(now >= last);
            last = now;
        }
    }

    #[test] // req: C-139
    fn real_time_is_the_time_of_day() {
        let ours = MonotonicClock.real_ns().unwrap();
        let elsewhere = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        let difference = elsewhere.as_nanos().abs_diff(u128::from(ours));
        assert!(difference < 60_000_000_000, "{difference} ns apart");
    }
}
