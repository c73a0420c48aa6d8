//! What threads do after a duty cycle that found nothing to do (C-015).

use core::time::Duration;
use std::thread;

use tp_core_nostd::agent::IdleStrategy;

/// Sleeps for a fixed time: least processor time, reacts within the sleep.
#[derive(Clone, Copy, Debug)]
pub struct SleepingIdle(Duration);

impl SleepingIdle {
    /// Sleeps `pause` after each idle cycle.
    pub const fn new(pause: Duration) -> Self {
        Self(pause)
    }
}

impl IdleStrategy for SleepingIdle {
    fn idle(&mut self, work_count: u32) {
        if work_count == 0 {
            thread::sleep(self.0);
        }
    }
}

/// Spins: lowest latency, a whole processor.
#[derive(Clone, Copy, Debug, Default)]
pub struct BusySpinIdle;

impl IdleStrategy for BusySpinIdle {
    fn idle(&mut self, work_count: u32) {
        if work_count == 0 {
            core::hint::spin_loop();
        }
    }
}

/// Lets others run: reacts quickly where a processor is shared with few.
#[derive(Clone, Copy, Debug, Default)]
pub struct YieldingIdle;

impl IdleStrategy for YieldingIdle {
    fn idle(&mut self, work_count: u32) {
        if work_count == 0 {
            thread::yield_now();
        }
    }
}

/// Does nothing: for whoever idles by other means.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoOpIdle;

impl IdleStrategy for NoOpIdle {
    fn idle(&mut self, _: u32) {}
}

/// Spins, then yields, then sleeps ever longer, and starts over with the first work.
#[derive(Clone, Copy, Debug)]
pub struct BackoffIdle {
    idle_cycles: u32,
    park: Duration,
    longest: Duration,
}

/// Idle cycles that only spin.
const SPINS: u32 = 100;
/// Idle cycles that yield, after the spins.
const YIELDS: u32 = 100;
/// The first sleep.
const SHORTEST: Duration = Duration::from_micros(1);

impl BackoffIdle {
    /// Sleeps up to `longest` at a time.
    pub const fn new(longest: Duration) -> Self {
        Self {
            idle_cycles: 0,
            park: SHORTEST,
            longest,
        }
    }
}

impl IdleStrategy for BackoffIdle {
    fn idle(&mut self, work_count: u32) {
        if work_count > 0 {
            *self = Self::new(self.longest);
            return;
        }
        self.idle_cycles = self.idle_cycles.saturating_add(1);
        match self.idle_cycles {
            0..=SPINS => core::hint::spin_loop(),
            cycles if cycles <= SPINS.saturating_add(YIELDS) => thread::yield_now(),
            _ => {
                thread::sleep(self.park);
                self.park = self.park.saturating_mul(2).min(self.longest);
            }
        }
    }
}

/// One of the strategies, where it is a setting.
#[derive(Clone, Copy, Debug)]
pub enum Idle {
    /// See [`SleepingIdle`].
    Sleeping(SleepingIdle),
    /// See [`YieldingIdle`].
    Yielding(YieldingIdle),
    /// See [`BusySpinIdle`].
    BusySpin(BusySpinIdle),
    /// See [`NoOpIdle`].
    NoOp(NoOpIdle),
    /// See [`BackoffIdle`].
    Backoff(BackoffIdle),
}

impl Idle {
    /// Sleeps `pause` after each idle cycle.
    pub const fn sleeping(pause: Duration) -> Self {
        Self::Sleeping(SleepingIdle::new(pause))
    }

    /// Spins, then yields, then sleeps up to `longest` at a time.
    pub const fn backoff(longest: Duration) -> Self {
        Self::Backoff(BackoffIdle::new(longest))
    }
}

impl IdleStrategy for Idle {
    fn idle(&mut self, work_count: u32) {
        match self {
            Self::Sleeping(idle) => idle.idle(work_count),
            Self::Yielding(idle) => idle.idle(work_count),
            Self::BusySpin(idle) => idle.idle(work_count),
            Self::NoOp(idle) => idle.idle(work_count),
            Self::Backoff(idle) => idle.idle(work_count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test] // req: C-015
    fn a_cycle_with_work_is_never_followed_by_a_pause() {
        let pause = Duration::from_secs(60);
        let mut strategies = [
            Idle::sleeping(pause),
            Idle::Yielding(YieldingIdle),
            Idle::BusySpin(BusySpinIdle),
            Idle::NoOp(NoOpIdle),
            Idle::backoff(pause),
        ];
        // A pause would take a minute, and hang the test.
        for idle in &mut strategies {
            idle.idle(1);
        }
        for idle in &mut strategies[1..] {
            idle.idle(0);
        }
    }

    #[test] // req: C-015
    fn a_pause_lasts_as_long_as_asked_for() {
        let pause = Duration::from_millis(5);
        let started = Instant::now();
        Idle::sleeping(pause).idle(0);
        assert!(started.elapsed() >= pause);
        let mut backoff = BackoffIdle::new(pause);
        for _ in 0..=SPINS + YIELDS {
            backoff.idle(0);
        }
        assert_eq!(backoff.park, SHORTEST * 2);
        backoff.idle(1);
        assert_eq!((backoff.park, backoff.idle_cycles), (SHORTEST, 0));
    }
}
