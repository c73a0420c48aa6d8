//! When a message that is repeated every so often is due.

use crate::time::{Duration, Instant};

/// The due times of one periodic message: at once, then each period, and in between when there is a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Cadence {
    period: Duration,
    due_at: Instant,
}

impl Cadence {
    /// Due each `period`, the first time at once; never by itself with a period of zero (client 1.1).
    pub const fn new(period: Duration) -> Self {
        Self {
            period,
            due_at: if period.is_zero() {
                Instant::NEVER
            } else {
                Instant::from_ns(0)
            },
        }
    }

    /// Whether it is due.
    pub fn is_due(&self, now: Instant) -> bool {
        now >= self.due_at
    }

    /// When it is due.
    pub const fn due_at(&self) -> Instant {
        self.due_at
    }

    /// There is a reason to send it now, period or not.
    pub const fn hasten(&mut self) {
        self.due_at = Instant::from_ns(0);
    }

    /// It was sent. One that was late is not made up for.
    pub fn sent(&mut self, now: Instant) {
        self.due_at = if self.period.is_zero() {
            Instant::NEVER
        } else {
            now.after(self.period)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: W-216, W-217
    fn due_at_once_then_each_period_and_with_a_reason() {
        let at = Instant::from_ns;
        let mut cadence = Cadence::new(Duration::from_nanos(100));
        assert!(cadence.is_due(at(0)));
        cadence.sent(at(7));
        assert_eq!(
            (cadence.is_due(at(106)), cadence.due_at()),
            (false, at(107))
        );
        cadence.sent(at(1_000));
        assert_eq!(cadence.due_at(), at(1_100), "no burst");
        cadence.hasten();
        assert!(cadence.is_due(at(1_001)));

        let mut silent = Cadence::new(Duration::ZERO);
        assert!(!silent.is_due(at(u64::MAX - 1)));
        silent.hasten();
        assert!(silent.is_due(at(0)));
        silent.sent(at(0));
        assert_eq!(silent.due_at(), Instant::NEVER);
    }
}
