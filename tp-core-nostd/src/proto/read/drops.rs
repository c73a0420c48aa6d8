//! Why frames are dropped, and how often each reason occurred. Drops are normal operation, not errors (W-107).

use crate::shm::{SlotError, TensorError};

/// Defines the reasons together with their list.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why a frame that was announced is not handed on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[repr(u8)]
        pub enum DropReason {
            $($(#[$doc])* $name,)*
        }

        impl DropReason {
            /// All of them, in the order of their discriminants.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name under which it is counted, for metrics and tools.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

reasons! {
    /// Regions are not mapped, or the stream has no mapping at the moment (3.3 step 1).
    Unmapped = "unmapped",
    /// The descriptor is of another epoch than the mapped one (3.3 step 1, T-13).
    WrongEpoch = "wrong_epoch",
    /// This consumer asked for fewer frames (T-45).
    RateLimited = "rate_limited",
    /// The slot is being written (W-099).
    InProgress = "in_progress",
    /// The commit word is lower than one accepted in the slot before (W-104).
    Stale = "stale",
    /// The slot holds a later frame already.
    Lapped = "lapped",
    /// The slot holds an earlier frame still; its descriptor was ahead of the memory, or is made up (W-100).
    NotThere = "not_there",
    /// The commit word changed while the slot was read (W-105).
    Changed = "changed",
    /// The embedded tensor header has another length than 192 (W-071).
    HeaderLength = "header_length",
    /// The embedded message is not a tensor header of our version (W-071, W-072).
    EmbeddedHeader = "embedded_header",
    /// The payload slot is not the header's index (W-124, W-126).
    PayloadSlot = "payload_slot",
    /// The payload offset is not 0 (W-076).
    PayloadOffset = "payload_offset",
    /// The pool is not mapped.
    UnknownPool = "unknown_pool",
    /// The payload is longer than its slot (W-127).
    PayloadLength = "payload_length",
    /// The element type is unknown (W-281).
    Dtype = "dtype",
    /// The major order is unknown (W-281).
    MajorOrder = "major_order",
    /// No dimension, or more than eight (W-074).
    Ndims = "ndims",
    /// A dimension is negative (T-28).
    NegativeDim = "negative_dim",
    /// A stride is negative (W-080).
    NegativeStride = "negative_stride",
    /// Elements overlap, or lie against the major order (W-082).
    StrideTooSmall = "stride_too_small",
    /// A stride cannot be computed in 63 bits (wire 2.6).
    StrideOverflow = "stride_overflow",
    /// The progress unit is unknown, or the tensor has no such lines.
    ProgressUnit = "progress_unit",
    /// The progress stride is not that of the tensor's lines (W-166).
    ProgressStride = "progress_stride",
}

impl DropReason {
    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Its place in a table with one counter per reason.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether it counts in drops_late: every descriptor whose frame failed a check of the slot. The others have local
    /// counters only; drops_gap is the [`Sequencer`](crate::proto::sequence::Sequencer)'s (T-45).
    pub const fn is_late(self) -> bool {
        !matches!(self, Self::Unmapped | Self::WrongEpoch | Self::RateLimited)
    }
}

impl core::fmt::Display for DropReason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

impl core::error::Error for DropReason {}

impl From<SlotError> for DropReason {
    fn from(error: SlotError) -> Self {
        match error {
            SlotError::HeaderLength { .. } => Self::HeaderLength,
            SlotError::Embedded(_) => Self::EmbeddedHeader,
            SlotError::PayloadSlot { .. } => Self::PayloadSlot,
            SlotError::PayloadOffset { .. } => Self::PayloadOffset,
            SlotError::UnknownPool { .. } => Self::UnknownPool,
            SlotError::ValuesLength { .. } => Self::PayloadLength,
            SlotError::Tensor(tensor) => match tensor {
                TensorError::Dtype { .. } => Self::Dtype,
                TensorError::MajorOrder { .. } => Self::MajorOrder,
                TensorError::Ndims { .. } | TensorError::StrideCount { .. } => Self::Ndims,
                TensorError::NegativeDim { .. } => Self::NegativeDim,
                TensorError::NegativeStride { .. } => Self::NegativeStride,
                TensorError::StrideTooSmall { .. } => Self::StrideTooSmall,
                TensorError::Overflow { .. } => Self::StrideOverflow,
                TensorError::ProgressUnit { .. } => Self::ProgressUnit,
                TensorError::ProgressStride { .. } => Self::ProgressStride,
            },
        }
    }
}

/// One counter per reason, for a consumer's whole life: neither remaps nor new epochs reset it (C-114, T-45).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DropCounts([u64; DropReason::COUNT]);

impl DropCounts {
    /// Nothing dropped yet.
    pub const fn new() -> Self {
        Self([0; DropReason::COUNT])
    }

    /// Counts one frame.
    pub fn count(&mut self, reason: DropReason) {
        if let Some(count) = self.0.get_mut(reason.index()) {
            *count = count.saturating_add(1);
        }
    }

    /// Frames dropped for this reason.
    pub fn of(&self, reason: DropReason) -> u64 {
        self.0.get(reason.index()).copied().unwrap_or_default()
    }

    /// What goes on the wire as drops_late.
    pub fn late(&self) -> u64 {
        let late = DropReason::ALL.iter().filter(|reason| reason.is_late());
        late.fold(0, |sum, reason| sum.saturating_add(self.of(*reason)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: C-114, T-45, W-111, W-117
    fn every_reason_has_its_own_counter_and_slot_checks_are_late() {
        let mut counts = DropCounts::new();
        for (index, reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(reason.index(), index);
            for _ in 0..=index {
                counts.count(*reason);
            }
        }
        for (times, reason) in (1..).zip(DropReason::ALL) {
            assert_eq!(counts.of(*reason), times);
        }
        // 1 + 2 + ... + 23, without the three local reasons that come first.
        assert_eq!(counts.late(), 23 * 24 / 2 - 6);
        assert_eq!(DropReason::COUNT, 23);
    }
}
