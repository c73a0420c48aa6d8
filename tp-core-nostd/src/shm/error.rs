//! Why memory, a slot or a tensor is refused. Small, and with the numbers a person needs.

use super::layout::{EMBEDDED_LEN, LAYOUT_VERSION, MAGIC, MAX_DIMS};
use crate::sbe::DecodeError;

/// Access past the end of a region, or of a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct OutOfBounds {
    /// Bytes that would be needed.
    pub needed: u64,
    /// Bytes there are.
    pub got: u64,
}

impl core::fmt::Display for OutOfBounds {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} bytes needed, {} are there", self.needed, self.got)
    }
}

impl core::error::Error for OutOfBounds {}

/// Memory that is not the region it should be. Nothing of it is used then (W-030). `field` is the specification's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RegionError {
    /// Shorter than its parameters say.
    TooShort(OutOfBounds),
    /// No region, or one that is still being created (W-020, T-01).
    Magic {
        /// What stands there.
        got: u64,
    },
    /// A layout of memory that we do not speak (W-028).
    LayoutVersion {
        /// What stands there.
        got: u32,
    },
    /// A number that no region of this layout has.
    Invalid {
        /// The field, `nslots`.
        field: &'static str,
        /// What it holds.
        got: u64,
    },
    /// Another number than was announced (W-025).
    NotAsAnnounced {
        /// The field, `nslots`.
        field: &'static str,
        /// What was announced.
        announced: u64,
        /// What it holds.
        got: u64,
    },
}

impl core::fmt::Display for RegionError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::TooShort(bounds) => write!(f, "too short: {bounds}"),
            Self::Magic { got } => write!(f, "magic {got:#018x}, a region has {MAGIC:#018x}"),
            Self::LayoutVersion { got } => {
                write!(f, "layout version {got}, only {LAYOUT_VERSION} is known")
            }
            Self::Invalid { field, got } => write!(f, "{field} must not be {got}"),
            Self::NotAsAnnounced {
                field,
                announced,
                got,
            } => write!(f, "{field} is {got}, announced was {announced}"),
        }
    }
}

impl core::error::Error for RegionError {}

impl From<OutOfBounds> for RegionError {
    fn from(bounds: OutOfBounds) -> Self {
        Self::TooShort(bounds)
    }
}

/// Why a slot holds no frame that can be used; it is dropped. The order is that of the checks (wire 3.3, steps 5 and 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SlotError {
    /// The length in front of the embedded message is not 192 (W-071).
    HeaderLength {
        /// What it is.
        got: u32,
    },
    /// The embedded message is not the tensor header of our version (W-071, W-072).
    Embedded(DecodeError),
    /// The payload is said to be in another slot than the header (W-124, W-126).
    PayloadSlot {
        /// Index of the header slot.
        expected: u32,
        /// What the header says.
        got: u32,
    },
    /// The payload does not begin where its slot does (W-076).
    PayloadOffset {
        /// What the header says.
        got: u32,
    },
    /// No such pool is mapped (W-125).
    UnknownPool {
        /// What the header says.
        got: u16,
    },
    /// The payload is longer than its slot (W-127).
    ValuesLength {
        /// Bytes of a slot.
        stride: u32,
        /// What the header says.
        got: u32,
    },
    /// The tensor makes no sense.
    Tensor(TensorError),
}

impl core::fmt::Display for SlotError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::HeaderLength { got } => {
                write!(f, "{got} header bytes, a slot has {EMBEDDED_LEN}")
            }
            Self::Embedded(error) => write!(f, "embedded header: {error}"),
            Self::PayloadSlot { expected, got } => {
                write!(f, "payload slot {got} in header slot {expected}")
            }
            Self::PayloadOffset { got } => write!(f, "payload offset {got} instead of 0"),
            Self::UnknownPool { got } => write!(f, "pool {got} is not mapped"),
            Self::ValuesLength { stride, got } => {
                write!(f, "{got} bytes of payload in a slot of {stride}")
            }
            Self::Tensor(error) => write!(f, "tensor: {error}"),
        }
    }
}

impl core::error::Error for SlotError {}

/// A tensor that does not make sense; its frame is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TensorError {
    /// An element type that is not assigned, or UNKNOWN.
    Dtype {
        /// The number.
        got: i16,
    },
    /// A major order that is not assigned, or UNKNOWN.
    MajorOrder {
        /// The number.
        got: i16,
    },
    /// No dimension, or more than eight (W-074).
    Ndims {
        /// How many.
        got: usize,
    },
    /// As many strides as dimensions are needed.
    StrideCount {
        /// How many dimensions.
        ndims: usize,
        /// How many strides.
        got: usize,
    },
    /// A dimension below zero (T-28).
    NegativeDim {
        /// Which.
        dim: u8,
        /// Its size.
        got: i32,
    },
    /// A stride below zero (W-080).
    NegativeStride {
        /// Of which dimension.
        dim: u8,
        /// In bytes.
        got: i32,
    },
    /// Elements, rows or columns overlap, or lie against the major order (W-082).
    StrideTooSmall {
        /// Of which dimension.
        dim: u8,
        /// Smallest stride without overlap, in bytes.
        needed: i64,
        /// In bytes.
        got: i32,
    },
    /// An inferred stride above 2^63 - 1.
    Overflow {
        /// Of which dimension.
        dim: u8,
    },
    /// A progress unit that is not assigned, or columns of a tensor with one dimension.
    ProgressUnit {
        /// The number.
        got: u8,
    },
    /// Rows or columns are not that many bytes apart, or none at all (W-166).
    ProgressStride {
        /// The effective stride of a row or column.
        needed: i64,
        /// What the header says, in bytes.
        got: u32,
    },
}

impl core::fmt::Display for TensorError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::Dtype { got } => write!(f, "{got} is no element type"),
            Self::MajorOrder { got } => write!(f, "{got} is no major order"),
            Self::Ndims { got } => write!(f, "{got} dimensions, 1 to {MAX_DIMS} are possible"),
            Self::StrideCount { ndims, got } => {
                write!(f, "{got} strides for {ndims} dimensions")
            }
            Self::NegativeDim { dim, got } => write!(f, "dimension {dim} has size {got}"),
            Self::NegativeStride { dim, got } => write!(f, "dimension {dim} has stride {got}"),
            Self::StrideTooSmall { dim, needed, got } => write!(
                f,
                "dimension {dim} has stride {got}, below {needed} elements overlap"
            ),
            Self::Overflow { dim } => write!(f, "the stride of dimension {dim} overflows"),
            Self::ProgressUnit { got } => {
                write!(f, "{got} is no progress unit for this tensor")
            }
            Self::ProgressStride { needed, got } => {
                write!(f, "progress stride {got}, the tensor has {needed}")
            }
        }
    }
}

impl core::error::Error for TensorError {}
