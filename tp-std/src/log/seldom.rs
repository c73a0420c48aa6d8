//! What repeats is said once a second, with how often it happened meanwhile (C-140).

use core::time::Duration;

use tp_core_nostd::time::Instant;

/// No two lines about one condition are closer together.
const PAUSE: Duration = Duration::from_secs(1);

/// One condition that may repeat in every duty cycle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seldom {
    /// Nothing is said before.
    not_before: Instant,
    /// Occurrences that nobody was told of.
    unsaid: u64,
}

impl Seldom {
    pub(crate) const fn new() -> Self {
        Self {
            not_before: Instant::from_ns(0),
            unsaid: 0,
        }
    }

    /// It happened `times` at `now`. If it is time to say so: how often it happened since it was said last.
    pub(crate) fn happened(&mut self, now: Instant, times: u64) -> Option<u64> {
        self.unsaid = self.unsaid.saturating_add(times);
        if self.unsaid == 0 || now < self.not_before {
            return None;
        }
        self.not_before = now.after(PAUSE);
        Some(core::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: C-140
    fn the_first_time_is_said_at_once_and_the_next_thousand_with_their_number() {
        let start = Instant::from_ns(7);
        let at = |ms: u64| start.after(Duration::from_millis(ms));
        let mut seldom = Seldom::new();
        assert_eq!(seldom.happened(start, 0), None, "nothing happened");
        assert_eq!(seldom.happened(start, 1), Some(1));
        for ms in 0..1000 {
            assert_eq!(seldom.happened(at(ms), 1), None);
        }
        assert_eq!(seldom.happened(at(1000), 1), Some(1001));
        assert_eq!(seldom.happened(at(5000), 0), None, "it passed");
        assert_eq!(seldom.happened(at(5000), 3), Some(3));
    }

    #[test] // req: C-140
    fn what_was_not_said_is_said_when_its_time_comes() {
        let mut seldom = Seldom::new();
        assert_eq!(seldom.happened(Instant::from_ns(0), 1), Some(1));
        assert_eq!(seldom.happened(Instant::from_ns(1), 4), None);
        assert_eq!(
            seldom.happened(Instant::from_ns(0).after(PAUSE), 0),
            Some(4)
        );
    }
}
