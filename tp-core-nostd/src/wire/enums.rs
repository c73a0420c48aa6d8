//! Enumerations of the wire (wire 4.1): closed here, open in blocks and views.
//!
//! A block keeps the raw number, so that a value nobody defined reaches the machine that must answer it; the types here
//! only hold defined ones, and the base type's null value is never among them (W-281).

use super::ValueError;

/// Defines an enumeration over the raw number that stands on the wire.
macro_rules! wire_enum {
    ($(#[$doc:meta])* $vis:vis enum $name:ident: $raw:ty { $($(#[$variant_doc:meta])* $variant:ident = $number:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[repr($raw)]
        $vis enum $name {
            $($(#[$variant_doc])* $variant = $number,)*
        }

        impl $name {
            /// Every constant, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The constant with this number, or `None` where none is defined.
            pub const fn new(raw: $raw) -> Option<Self> {
                match raw {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The number as it stands on the wire.
            pub const fn get(self) -> $raw {
                self as $raw
            }
        }
    };
}
pub(crate) use wire_enum;

wire_enum! {
    /// How a consumer wants its frames (wire 5.15).
    pub enum Mode: u8 {
        /// Every descriptor is processed.
        Stream = 1,
        /// At most `maxRateHz` frames per second are wanted.
        RateLimited = 2,
    }
}

wire_enum! {
    /// How far a frame being written has come. UNKNOWN is never sent, and ignored on receipt (wire T-21).
    pub enum FrameProgressState: u8 {
        /// The slot has been claimed.
        Started = 1,
        /// More bytes are there.
        Progress = 2,
        /// All bytes are there; whether they may be read is for the commit word to say (W-167).
        Complete = 3,
    }
}

wire_enum! {
    /// What a producer's progress counts besides bytes.
    pub enum ProgressUnit: u8 {
        /// Nothing.
        None = 0,
        /// Whole rows.
        Rows = 1,
        /// Whole columns.
        Columns = 2,
    }
}

wire_enum! {
    /// The clock of a timestamp that leaves the host's own bookkeeping (wire 5.3).
    pub enum ClockDomain: u8 {
        /// CLOCK_MONOTONIC of the sender's host.
        Monotonic = 1,
        /// CLOCK_REALTIME, disciplined to a shared source (W-045).
        RealtimeSynced = 2,
    }
}

wire_enum! {
    /// What a region holds.
    pub enum RegionType: i16 {
        /// Header slots.
        HeaderRing = 1,
        /// Payload slots.
        PayloadPool = 2,
    }
}

wire_enum! {
    /// Element type of a tensor. UNKNOWN (0) is no element type, 12 is not assigned (wire T-27).
    pub enum Dtype: i16 {
        /// Unsigned, 8 bits.
        Uint8 = 1,
        /// Signed, 8 bits.
        Int8 = 2,
        /// Unsigned, 16 bits.
        Uint16 = 3,
        /// Signed, 16 bits.
        Int16 = 4,
        /// Unsigned, 32 bits.
        Uint32 = 5,
        /// Signed, 32 bits.
        Int32 = 6,
        /// Unsigned, 64 bits.
        Uint64 = 7,
        /// Signed, 64 bits.
        Int64 = 8,
        /// IEEE 754, 32 bits.
        Float32 = 9,
        /// IEEE 754, 64 bits.
        Float64 = 10,
        /// One byte per element.
        Boolean = 11,
        /// Bytes without further type.
        Bytes = 13,
        /// Bits; their packing is the application's.
        Bit = 14,
    }
}

wire_enum! {
    /// Which dimension's neighbours are adjacent in memory. UNKNOWN (0) is no order.
    pub enum MajorOrder: i16 {
        /// The last dimension is contiguous.
        Row = 1,
        /// The first dimension is contiguous.
        Column = 2,
    }
}

wire_enum! {
    /// The outcome of a request (wire 4.9).
    pub enum ResponseCode: i32 {
        /// Done.
        Ok = 0,
        /// The capability is not built in.
        Unsupported = 1,
        /// Malformed or incompatible.
        InvalidParams = 2,
        /// Refused by policy.
        Rejected = 3,
        /// Unexpected or passing failure; the requester may try again after a pause (W-285).
        InternalError = 4,
    }
}

/// Reads the enumeration Bool: FALSE 0, TRUE 1, nothing else.
pub(crate) const fn flag(field: &'static str, raw: u8) -> Result<bool, ValueError> {
    match raw {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(ValueError::Number {
            field,
            got: raw as i128,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: W-281
    fn undefined_numbers_and_nulls_are_no_constants() {
        assert_eq!(Mode::new(0), None);
        assert_eq!(Mode::new(u8::MAX), None);
        assert_eq!(ClockDomain::new(3), None);
        assert_eq!(FrameProgressState::new(0), None);
        assert_eq!(ResponseCode::new(i32::MIN), None);
        assert_eq!(Dtype::new(i16::MIN), None);
        assert!(flag("supportsShm", 2).is_err());
    }

    #[test] // req: W-282, W-283, W-284, T-27
    fn tensor_registries_keep_their_numbers() {
        let dtypes: std::vec::Vec<i16> = (i16::MIN..=i16::MAX)
            .filter(|raw| Dtype::new(*raw).is_some())
            .collect();
        assert_eq!(dtypes, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14]);
        assert_eq!(
            [Dtype::Uint8, Dtype::Float32, Dtype::Float64].map(Dtype::get),
            [1, 9, 10]
        );
        assert_eq!(
            [MajorOrder::Row, MajorOrder::Column].map(MajorOrder::get),
            [1, 2]
        );
        assert_eq!(MajorOrder::new(0), None);
    }
}
