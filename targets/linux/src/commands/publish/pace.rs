//! When the next frame is due.

use core::time::Duration;
use std::time::Instant;

/// A frame this late does not make the following ones hurry: whoever was stopped for a minute owes nobody a burst.
const FORGIVE_AFTER: Duration = Duration::from_secs(1);

/// Frames per second that can be asked for; 0 asks for as many as possible.
const RATES: core::ops::RangeInclusive<f64> = 0.001..=1e6;

/// How often frames are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rate {
    /// Each as soon as it is there.
    Unlimited,
    /// So many per second.
    Hz(f64),
}

impl core::str::FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(0.0) => Ok(Self::Unlimited),
            Ok(hz) if RATES.contains(&hz) => Ok(Self::Hz(hz)),
            _ => Err("a rate is 0.001 to 1000000 frames per second, or 0 for as fast as they go"),
        }
    }
}

/// Deadlines at a fixed rate, counted from one start, so that no error adds up.
#[derive(Debug)]
pub(super) struct Pace {
    rate: Rate,
    start: Instant,
    frames: u32,
}

impl Pace {
    /// The first frame is due `now`.
    pub(super) const fn new(rate: Rate, now: Instant) -> Self {
        Self {
            rate,
            start: now,
            frames: 0,
        }
    }

    /// The next frame is due `now`, whatever was before.
    pub(super) fn restart(&mut self, now: Instant) {
        *self = Self::new(self.rate, now);
    }

    /// How long it is until the next frame is due; zero when it is.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        self.due().saturating_duration_since(now)
    }

    /// A frame was sent; the next one is due one period after it was due, not after it was sent.
    pub(super) fn step(&mut self, now: Instant) {
        let late = now.saturating_duration_since(self.due());
        match self.frames.checked_add(1) {
            Some(frames) if late < FORGIVE_AFTER => self.frames = frames,
            _ => {
                self.restart(now);
                self.frames = 1;
            }
        }
    }

    fn due(&self) -> Instant {
        let Rate::Hz(hz) = self.rate else {
            return self.start;
        };
        let after =
            Duration::try_from_secs_f64(f64::from(self.frames) / hz).unwrap_or(Duration::MAX);
        self.start.checked_add(after).unwrap_or(self.start)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

    use super::*;

    #[test]
    fn deadlines_are_counted_from_the_start_and_do_not_drift() {
        let start = Instant::now();
        let mut pace = Pace::new(Rate::Hz(30.0), start);
        assert_eq!(pace.wait(start), Duration::ZERO);
        for _ in 0..3000 {
            // Each frame goes out a little late.
            pace.step(start + pace.wait(start) + Duration::from_millis(5));
        }
        assert_eq!(pace.wait(start), Duration::from_secs(100));
    }

    #[test]
    fn a_long_stop_is_not_made_up_for() {
        let start = Instant::now();
        let mut pace = Pace::new(Rate::Hz(10.0), start);
        let resumed = start + Duration::from_secs(60);
        assert_eq!(pace.wait(resumed), Duration::ZERO);
        pace.step(resumed);
        assert_eq!(pace.wait(resumed), Duration::from_millis(100));
    }

    #[test]
    fn an_unlimited_pace_never_waits() {
        let start = Instant::now();
        let mut pace = Pace::new(Rate::Unlimited, start);
        for _ in 0..10 {
            assert_eq!(pace.wait(start), Duration::ZERO);
            pace.step(start);
        }
    }

    #[test]
    fn rates_are_read_or_explained() {
        assert_eq!("0".parse(), Ok(Rate::Unlimited));
        assert_eq!("29.97".parse(), Ok(Rate::Hz(29.97)));
        for wrong in ["-1", "nan", "inf", "1e9", "fast", ""] {
            assert!(
                wrong.parse::<Rate>().unwrap_err().contains("0.001"),
                "{wrong}"
            );
        }
    }
}
