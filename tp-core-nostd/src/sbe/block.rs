//! Fixed blocks as zero-copy structs, with the table of their fields beside them.

use zerocopy::byteorder::little_endian::{I16, I32, I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The fixed part of a message or group entry; its layout is the table of the specification.
pub trait Block: FromBytes + IntoBytes + KnownLayout + Immutable + Unaligned + 'static {
    /// Its fields in wire order.
    const FIELDS: &'static [Field];
}

/// One field of a block, for tools that print or build messages by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The specification's name, `streamId`.
    pub name: &'static str,
    /// Bytes from the start of the block.
    pub offset: usize,
    /// Type and count.
    pub kind: FieldKind,
    /// The bit pattern that means "not provided", where the field is optional.
    pub null: Option<u64>,
}

/// What stands in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Unsigned integer of this many bytes.
    Unsigned(usize),
    /// Two's complement integer of this many bytes.
    Signed(usize),
    /// So many signed 32-bit integers.
    SignedArray(usize),
    /// So many bytes without meaning.
    Padding(usize),
}

/// A type that may stand in a block.
pub trait Primitive {
    /// How it is described in a [`Field`].
    const KIND: FieldKind;
}

macro_rules! primitives {
    ($($t:ty => $kind:expr),* $(,)?) => { $(impl Primitive for $t { const KIND: FieldKind = $kind; })* };
}
primitives! {
    u8 => FieldKind::Unsigned(1), U16 => FieldKind::Unsigned(2), U32 => FieldKind::Unsigned(4), U64 => FieldKind::Unsigned(8),
    I16 => FieldKind::Signed(2), I32 => FieldKind::Signed(4), I64 => FieldKind::Signed(8),
    [I32; 8] => FieldKind::SignedArray(8),
}
impl<const N: usize> Primitive for [u8; N] {
    const KIND: FieldKind = FieldKind::Padding(N);
}

/// Declares a block the way the specification prints it: offset, name, type, wire name, null value.
/// The offsets and the total are checked at compile time.
macro_rules! block {
    ($(#[$doc:meta])* $vis:vis struct $name:ident [$len:literal] {
        $($offset:literal $field:ident: $ty:ty = $wire:literal $(null $null:expr)?),* $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable, zerocopy::Unaligned)]
        #[repr(C)]
        $vis struct $name {
            $(#[doc = concat!("`", $wire, "`, at offset ", stringify!($offset), ".")] $vis $field: $ty,)*
        }

        const _: () = assert!(size_of::<$name>() == $len);
        $(const _: () = assert!(core::mem::offset_of!($name, $field) == $offset);)*

        impl $crate::sbe::Block for $name {
            const FIELDS: &'static [$crate::sbe::Field] = &[
                $($crate::sbe::Field {
                    name: $wire,
                    offset: $offset,
                    kind: <$ty as $crate::sbe::Primitive>::KIND,
                    null: $crate::sbe::block!(@null $($null)?),
                },)*
            ];
        }
    };
    (@null) => { None };
    (@null $null:expr) => { Some($null as u64) };
}
pub(crate) use block;

#[cfg(test)]
mod tests {
    use super::*;

    block! {
        /// A block as in the specification's tables.
        struct Sample [15] {
            0 stream_id: U32 = "streamId",
            4 flag: u8 = "flag",
            5 code: I16 = "code",
            7 stamp: U64 = "stamp" null u64::MAX,
        }
    }

    #[test] // req: W-002
    fn fields_are_packed_and_little_endian() {
        let sample = Sample {
            stream_id: 0x0403_0201.into(),
            flag: 5,
            code: (-2).into(),
            stamp: 9.into(),
        };
        assert_eq!(
            sample.as_bytes(),
            [1, 2, 3, 4, 5, 0xFE, 0xFF, 9, 0, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!(
            Sample::FIELDS[2],
            Field {
                name: "code",
                offset: 5,
                kind: FieldKind::Signed(2),
                null: None
            }
        );
        assert_eq!(Sample::FIELDS[3].null, Some(u64::MAX));
    }
}
