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
