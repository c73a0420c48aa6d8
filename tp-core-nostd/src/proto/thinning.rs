//! Fewer frames than a shared stream brings, by its consumer's own hand (W-210, C-115).
//!
//! Time is the descriptor's where it has one, else the slot's, else the local clock (W-214, W-215). Two frames are compared
//! by the best clock that both of them have, so that frames found without their descriptor do not let others through.

use crate::time::Instant;

/// The times one frame has, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameTimes {
    /// When its descriptor was sent.
    pub descriptor_ns: Option<u64>,
    /// When it was captured, by its slot.
    pub slot_ns: Option<u64>,
    /// When it reached us, by the monotonic clock.
    pub now: Instant,
}

/// Lets so many frames through each second, the first at once.
#[derive(Clone, Copy, Debug)]
pub struct Thinner {
    period_ns: u64,
    /// The last frame that passed.
    passed: Option<FrameTimes>,
}

impl Thinner {
    /// Lets `max_rate_hz` through each second; `None` and 0 are unlimited (W-211).
    pub const fn new(max_rate_hz: Option<u32>) -> Self {
        let period_ns = match max_rate_hz {
            Some(hz) => 1_000_000_000_u64.checked_div(hz as u64),
            None => None,
        };
        Self {
            period_ns: match period_ns {
                Some(ns) => ns,
                None => 0,
            },
            passed: None,
        }
    }

    /// Whether every frame passes, so that nobody needs to look at times.
    pub const fn is_open(&self) -> bool {
        self.period_ns == 0
    }

    /// Whether the frame passes.
    pub fn admits(&mut self, times: FrameTimes) -> bool {
        let due = self.passed.is_none_or(|passed| self.is_due(passed, times));
        if due {
            self.passed = Some(times);
        }
        due
    }

    fn is_due(&self, passed: FrameTimes, times: FrameTimes) -> bool {
        let described = passed.descriptor_ns.zip(times.descriptor_ns);
        let captured = || passed.slot_ns.zip(times.slot_ns);
        let local = (passed.now.as_ns(), times.now.as_ns());
        let (before, after) = described.or_else(captured).unwrap_or(local);
        // A clock that went back is another one now: it says nothing about the time between.
        after
            .checked_sub(before)
            .is_none_or(|since| since >= self.period_ns)
    }

    /// The next frame passes: a new epoch began.
    pub const fn reset(&mut self) {
        self.passed = None;
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn times(descriptor_ms: Option<u64>, slot_ms: Option<u64>, now_ms: u64) -> FrameTimes {
        FrameTimes {
            descriptor_ns: descriptor_ms.map(|ms| ms * MS),
            slot_ns: slot_ms.map(|ms| ms * MS),
            now: Instant::from_ns(now_ms * MS),
        }
    }

    /// Ten a second, after a frame that has all three times: 100, 200 and 300 ms.
    // req: C-115, W-210, W-211, W-214, W-215
    #[test]
    fn the_best_clock_that_both_frames_have_decides() {
        #[rustfmt::skip]
        let rows = [
            // descriptor  slot        now
            (Some(199),    Some(900),  900, false), // the descriptor's first
            (Some(200),    Some(201),  301, true),
            (None,         Some(299),  900, false), // then the slot's
            (None,         Some(300),  301, true),
            (None,         None,       399, false), // then ours
            (None,         None,       400, true),
            (Some(99),     Some(201),  301, true),  // a clock that was set anew
        ];
        for (descriptor, slot, now, passes) in rows {
            let mut thinner = Thinner::new(Some(10));
            assert!(
                thinner.admits(times(Some(100), Some(200), 300)),
                "the first at once"
            );
            let frame = times(descriptor, slot, now);
            assert_eq!(thinner.admits(frame), passes, "{frame:?}");
            thinner.reset();
            assert!(thinner.admits(frame), "a new epoch");
        }
    }

    #[test] // req: C-115, W-215
    fn frames_without_a_descriptor_let_no_others_through() {
        let mut thinner = Thinner::new(Some(10));
        let mut passed = 0;
        for ms in 0..1_000 {
            let described = (ms % 2 == 0).then_some(ms);
            passed += u32::from(thinner.admits(times(described, None, ms)));
        }
        assert_eq!(passed, 10);
    }

    #[test] // req: W-211
    fn without_a_rate_everything_passes() {
        for unlimited in [None, Some(0)] {
            let mut thinner = Thinner::new(unlimited);
            assert!(thinner.is_open());
            assert!((0..5).all(|_| thinner.admits(times(None, None, 7))));
        }
    }
}
