//! Frame numbers, slot counts and their one relation: `slot = seq & (nslots - 1)`.

/// The logical number of a frame within an epoch: 0 to 2^63 - 1, one bit of the commit word is the state (wire 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Seq(u64);

impl Seq {
    /// The first frame of an epoch (W-050).
    pub const FIRST: Self = Self(0);
    /// The last one; beyond it a new epoch is needed (wire T-43).
    pub const LAST: Self = Self(u64::MAX >> 1);

    /// The frame number `raw`, or `None` above 2^63 - 1.
    pub const fn new(raw: u64) -> Option<Self> {
        if raw <= Self::LAST.0 {
            Some(Self(raw))
        } else {
            None
        }
    }

    /// The number as it stands on the wire.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The following frame, or `None` after the last.
    pub const fn next(self) -> Option<Self> {
        Self::new(self.0.wrapping_add(1))
    }
}

impl core::fmt::Display for Seq {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

/// How many slots a ring and each of its pools have: a power of two below 2^31 (W-023, E-03).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SlotCount(u32);

impl SlotCount {
    /// A slot count, or `None` unless it is a power of two below 2^31.
    pub const fn new(raw: u32) -> Option<Self> {
        if raw.is_power_of_two() && raw < 1 << 31 {
            Some(Self(raw))
        } else {
            None
        }
    }

    /// The number of slots.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The slot that frame `seq` occupies, in the ring and in its pool alike (W-096, W-124).
    pub const fn slot_of(self, seq: Seq) -> SlotIndex {
        // The mask keeps the low bits only, which fit an index.
        SlotIndex((seq.0 as u32) & self.0.wrapping_sub(1))
    }

    /// The index `raw`, or `None` past the end.
    pub const fn index(self, raw: u32) -> Option<SlotIndex> {
        if raw < self.0 {
            Some(SlotIndex(raw))
        } else {
            None
        }
    }
}

/// An index below the [`SlotCount`] it was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SlotIndex(u32);

impl SlotIndex {
    /// The index as a number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: W-096, W-023
    fn slots_follow_the_low_bits_of_the_sequence() {
        let count = SlotCount::new(8).unwrap();
        for raw in [0, 1, 7, 8, 9, u64::from(u32::MAX), (1 << 63) - 1] {
            assert_eq!(
                u64::from(count.slot_of(Seq::new(raw).unwrap()).get()),
                raw % 8
            );
        }
        for refused in [0, 3, 6, 1 << 31, u32::MAX] {
            assert_eq!(SlotCount::new(refused), None);
        }
    }

    #[test]
    fn sequences_end_at_63_bits() {
        assert_eq!(Seq::LAST.next(), None);
        assert_eq!(Seq::new(1 << 63), None);
        assert_eq!(Seq::FIRST.next(), Seq::new(1));
    }
}
