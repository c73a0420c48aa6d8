//! Where chance comes from: a seed, and nothing else.

use core::ops::RangeInclusive;
use core::time::Duration;

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice whose every throw follows from `seed`.
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// True in `percent` of all cases; consumes one roll whatever the percentage.
    pub const fn happens(&mut self, percent: u8) -> bool {
        self.roll() % 100 < percent as u64
    }

    /// A number within the range; consumes one roll.
    pub fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        let span = range.end().saturating_sub(*range.start());
        match self.roll().checked_rem(span.saturating_add(1)) {
            Some(extra) => range.start().saturating_add(extra),
            None => *range.start(),
        }
    }

    /// A whole number of milliseconds within the range; consumes one roll.
    pub fn delay(&mut self, range_ms: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.within(range_ms))
    }

    /// One of `choices`, which are not empty; consumes one roll.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        let last = choices.len().saturating_sub(1);
        let at = self.within(0..=last as u64);
        choices[usize::try_from(at).unwrap_or(0)]
    }
}
