//! At most so many frames per second, the newest one each time (W-211, W-212, C-087).
//!
//! ```text
//!          offer, slot of time open: pass
//!       ┌──────┐
//!       ▼      │   offer, slot of time not open            next offer: replaced
//!     Empty ───┴──────────────────────────────► Pending ──────────┐
//!       ▲                                        │    ▲           │
//!       └────────────── poll, slot open: pass ───┘    └───────────┘
//! ```

use crate::time::{Duration, Instant};

/// Thins out what is sent to one rate-limited consumer. `T` is whatever is sent, a descriptor.
#[derive(Clone, Copy, Debug)]
pub struct RateGate<T> {
    period: Duration,
    open_at: Instant,
    pending: Option<T>,
}

impl<T> RateGate<T> {
    /// Lets `max_rate_hz` through each second, the first at once; `None` and 0 are unlimited.
    pub const fn new(max_rate_hz: Option<u32>) -> Self {
        Self {
            period: period(max_rate_hz),
            open_at: Instant::from_ns(0),
            pending: None,
        }
    }

    /// Lets another number through from now on: what was sent last counts for the new number already.
    pub fn set_rate(&mut self, max_rate_hz: Option<u32>) {
        let origin = Instant::from_ns(0);
        let sent_at = self.open_at.since(origin).saturating_sub(self.period);
        self.period = period(max_rate_hz);
        if self.open_at > origin {
            self.open_at = origin.after(sent_at).after(self.period);
        }
    }

    /// The newest frame is `item`: returned if it may be sent now, else kept for [`Self::poll`] in place of the one that
    /// was.
    #[inline]
    pub fn offer(&mut self, now: Instant, item: T) -> Option<T> {
        if now < self.open_at {
            self.pending = Some(item);
            return None;
        }
        self.pending = None;
        self.open_at = now.after(self.period);
        Some(item)
    }

    /// The frame whose time has come.
    pub fn poll(&mut self, now: Instant) -> Option<T> {
        let item = self.pending.take_if(|_| now >= self.open_at)?;
        self.open_at = now.after(self.period);
        Some(item)
    }

    /// When to call [`Self::poll`].
    pub const fn poll_timeout(&self) -> Instant {
        match self.pending {
            Some(_) => self.open_at,
            None => Instant::NEVER,
        }
    }

    /// Forgets what waits, and is open: for a new epoch.
    pub fn reset(&mut self) {
        self.pending = None;
        self.open_at = Instant::from_ns(0);
    }
}

/// How long one frame keeps the gate closed.
const fn period(max_rate_hz: Option<u32>) -> Duration {
    let period_ns = match max_rate_hz {
        Some(hz) => 1_000_000_000_u64.checked_div(hz as u64),
        None => None,
    };
    Duration::from_nanos(match period_ns {
        Some(ns) => ns,
        None => 0,
    })
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn at(ms: u64) -> Instant {
        Instant::from_ns(ms * 1_000_000)
    }

    #[test] // req: C-087, W-211, W-212
    fn every_input_in_every_state() {
        let mut gate = RateGate::new(Some(10));
        assert_eq!(
            (gate.poll(at(0)), gate.poll_timeout()),
            (None, Instant::NEVER)
        );
        assert_eq!(gate.offer(at(0), 1), Some(1), "the first at once");
        assert_eq!(gate.offer(at(1), 2), None);
        assert_eq!(gate.offer(at(50), 3), None);
        assert_eq!(gate.poll_timeout(), at(100));
        assert_eq!(gate.poll(at(99)), None);
        assert_eq!(gate.poll(at(105)), Some(3), "the newest");
        assert_eq!(gate.poll(at(300)), None, "once");
        assert_eq!(gate.offer(at(110), 4), None);
        assert_eq!(gate.offer(at(205), 5), Some(5), "the newest again");
        assert_eq!(gate.poll(at(400)), None, "what waited is superseded");
        assert_eq!(gate.offer(at(210), 6), None);
        gate.reset();
        assert_eq!(gate.poll(at(400)), None);
        assert_eq!(gate.offer(at(211), 7), Some(7));
    }

    #[test] // req: L-008
    fn another_rate_applies_from_the_last_frame_on() {
        let mut gate = RateGate::new(Some(10));
        gate.set_rate(Some(5));
        assert_eq!(gate.offer(at(1_000), 1), Some(1), "open before the first");
        assert_eq!(gate.offer(at(1_050), 2), None);
        gate.set_rate(Some(10));
        assert_eq!(gate.poll_timeout(), at(1_100));
        gate.set_rate(None);
        assert_eq!(gate.poll(at(1_050)), Some(2));
        gate.set_rate(Some(1));
        assert_eq!(gate.offer(at(1_060), 3), None);
        assert_eq!(gate.poll_timeout(), at(2_050));
    }

    #[test] // req: W-211
    fn no_limit_is_no_gate() {
        for unlimited in [None, Some(0)] {
            let mut gate = RateGate::new(unlimited);
            assert!((0..5).all(|n| gate.offer(at(7), n) == Some(n)));
        }
    }

    proptest! {
        #[test] // req: C-087
        fn never_too_many_and_always_the_newest(steps in prop::collection::vec((0_u64..80, any::<bool>()), 0..80)) {
            let mut gate = RateGate::new(Some(10));
            let (mut now, mut newest, mut sent) = (0, None, Vec::new());
            for (n, (ms, offers)) in steps.into_iter().enumerate() {
                now += ms;
                if offers {
                    newest = Some(n);
                }
                let passed = if offers { gate.offer(at(now), n) } else { gate.poll(at(now)) };
                // What a list of all that was sent says: the time is up, and there is something newer.
                let is_up = sent.last().is_none_or(|(last, _)| now - last >= 100);
                let is_new = newest > sent.last().map(|(_, n)| *n);
                let expected = if is_up && is_new { newest } else { None };
                prop_assert_eq!(passed, expected);
                sent.extend(passed.map(|n| (now, n)));
            }
        }
    }
}
