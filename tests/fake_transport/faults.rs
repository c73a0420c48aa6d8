//! What may happen to a message on its way.
//!
//! Order: the real medium keeps it within an image and promises nothing across images, so delays shuffle messages of
//! different publications freely and those of one publication never. Only the second copy of a duplicate comes late.

use core::ops::RangeInclusive;

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
