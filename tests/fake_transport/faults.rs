//! What may happen to a message on its way, and the dice that decide.

use core::ops::RangeInclusive;
use core::time::Duration;

/// How a [`super::FakeNet`] treats each copy of a message that it carries to one subscription.
#[derive(Clone, Debug)]
pub struct Faults {
    /// Percentage that never arrives.
    pub loss_pct: u8,
    /// How long a message is under way; order per image is kept.
    pub delay_ms: RangeInclusive<u64>,
    /// Percentage that arrives a second time, later than what was sent meanwhile.
    pub duplicate_pct: u8,
}

impl Faults {
    /// Everything arrives at once and once.
    pub const NONE: Self = Self {
        loss_pct: 0,
        delay_ms: 0..=0,
        duplicate_pct: 0,
    };
}

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// True in `percent` of all cases; consumes one roll whatever the percentage.
    pub(super) fn happens(&mut self, percent: u8) -> bool {
        self.roll() % 100 < u64::from(percent)
    }

    /// A whole number of milliseconds within the range; consumes one roll.
    pub(super) fn delay(&mut self, range_ms: &RangeInclusive<u64>) -> Duration {
        let span = range_ms.end().saturating_sub(*range_ms.start());
        let extra = self.roll().checked_rem(span.saturating_add(1)).unwrap_or(0);
        Duration::from_millis(range_ms.start().saturating_add(extra))
    }
}
