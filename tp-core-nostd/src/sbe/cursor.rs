//! Reading: a cursor that checks before it looks.

use core::marker::PhantomData;
use zerocopy::FromBytes;
use zerocopy::byteorder::little_endian::{U16, U32};

use super::block::{Block, block};

/// Bytes of the header in front of every message.
pub const MESSAGE_HEADER_LEN: usize = 8;
/// Longest legal var data, in bytes (wire 2.1).
pub const VAR_DATA_MAX: u32 = 1 << 30;

/// Bytes that are not the message they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum DecodeError {
    /// A part needs `needed` bytes, `got` are left.
    Truncated {
        /// Bytes the part needs.
        needed: usize,
        /// Bytes that are left.
        got: usize,
    },
    /// The header names another schema.
    WrongSchema {
        /// Schema id in the header.
        got: u16,
    },
    /// The header names another message of the schema, or one that does not exist.
    WrongTemplate {
        /// Template id in the header.
        got: u16,
    },
    /// The header names a version we do not speak; 1 is the only one.
    UnsupportedVersion {
        /// Version in the header.
        got: u16,
    },
    /// The header or a group dimension names another block length than version 1 has.
    WrongBlockLength {
        /// Length of version 1.
        expected: u16,
        /// Length in the header or dimension.
        got: u16,
    },
    /// Var data claims more than 2^30 bytes.
    VarDataTooLong {
        /// Length in its prefix.
        got: u32,
    },
}

impl core::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::Truncated { needed, got } => write!(f, "{needed} more bytes needed, {got} left"),
            Self::WrongSchema { got } => write!(f, "schema {got} is not the expected one"),
            Self::WrongTemplate { got } => write!(f, "template {got} is not the expected one"),
            Self::UnsupportedVersion { got } => {
                write!(f, "version {got} is not supported, only 1 is")
            }
            Self::WrongBlockLength { expected, got } => {
                write!(f, "block length {got}, version 1 has {expected}")
            }
            Self::VarDataTooLong { got } => write!(
                f,
                "var data of {got} bytes, at most {VAR_DATA_MAX} are legal"
            ),
        }
    }
}

impl core::error::Error for DecodeError {}

block! {
    /// The 8 bytes in front of every message (wire 2.1).
    pub struct MessageHeader [8] {
        0 block_length: U16 = "blockLength",
        2 template_id: U16 = "templateId",
        4 schema_id: U16 = "schemaId",
        6 version: U16 = "version",
    }
}

/// What is left to read of a message.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Starts at the first of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Starts behind the header of a message, after checking that it is `template` of `schema`, version 1, with
    /// exactly the block length of version 1 (wire T-37, D-029).
    ///
    /// # Errors
    /// The first check that fails, in the order: length, schema, template, version, block length.
    pub fn message<B: Block>(
        bytes: &'a [u8],
        schema: u16,
        template: u16,
    ) -> Result<(Self, &'a B), DecodeError> {
        let mut cursor = Self::new(bytes);
        let header: &MessageHeader = cursor.block()?;
        if header.schema_id.get() != schema {
            return Err(DecodeError::WrongSchema {
                got: header.schema_id.get(),
            });
        }
        if header.template_id.get() != template {
            return Err(DecodeError::WrongTemplate {
                got: header.template_id.get(),
            });
        }
        if header.version.get() != 1 {
            return Err(DecodeError::UnsupportedVersion {
                got: header.version.get(),
            });
        }
        exact_block_length::<B>(header.block_length.get())?;
        let block = cursor.block()?;
        Ok((cursor, block))
    }

    /// The bytes not read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Reads a fixed block.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn block<B: Block>(&mut self) -> Result<&'a B, DecodeError> {
        let (block, rest) = B::ref_from_prefix(self.rest).map_err(|_| DecodeError::Truncated {
            needed: size_of::<B>(),
            got: self.rest.len(),
        })?;
        self.rest = rest;
        Ok(block)
    }

    /// Reads length-prefixed var data.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`], or [`DecodeError::VarDataTooLong`] above 2^30.
    pub fn data(&mut self) -> Result<&'a [u8], DecodeError> {
        let (length, rest) =
            U32::read_from_prefix(self.rest).map_err(|_| DecodeError::Truncated {
                needed: size_of::<U32>(),
                got: self.rest.len(),
            })?;
        if length.get() > VAR_DATA_MAX {
            return Err(DecodeError::VarDataTooLong { got: length.get() });
        }
        // 2^30 fits usize on every machine this runs on.
        let needed = length.get() as usize;
        let (data, rest) = rest
            .split_at_checked(needed)
            .ok_or(DecodeError::Truncated {
                needed,
                got: rest.len(),
            })?;
        self.rest = rest;
        Ok(data)
    }

    /// Reads a repeating group whole, so that iterating it later cannot fail.
    ///
    /// # Errors
    /// What any of its entries meets, or [`DecodeError::WrongBlockLength`] of the dimension.
    pub fn group<E: Entry<'a>>(&mut self) -> Result<Group<'a, E>, DecodeError> {
        let dimension: &Dimension = self.block()?;
        exact_block_length::<E::Block>(dimension.block_length.get())?;
        let count = dimension.num_in_group.get();
        let group = Group {
            count,
            first: *self,
            entry: PhantomData,
        };
        for _ in 0..count {
            E::read(self)?;
        }
        Ok(group)
    }
}

block! {
    /// The 4 bytes in front of every repeating group (wire 2.1).
    pub struct Dimension [4] {
        0 block_length: U16 = "blockLength",
        2 num_in_group: U16 = "numInGroup",
    }
}

fn exact_block_length<B: Block>(got: u16) -> Result<(), DecodeError> {
    if usize::from(got) == size_of::<B>() {
        Ok(())
    } else {
        // Every block is far below 64 KiB.
        Err(DecodeError::WrongBlockLength {
            expected: size_of::<B>() as u16,
            got,
        })
    }
}

/// One entry of a repeating group: its block, then its own groups and var data.
pub trait Entry<'a>: Sized {
    /// The fixed part.
    type Block: Block;

    /// Reads one entry.
    ///
    /// # Errors
    /// The first part that does not fit the bytes left.
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError>;
}

/// A repeating group whose every entry has been found to fit.
#[derive(Debug)]
pub struct Group<'a, E> {
    count: u16,
    first: Cursor<'a>,
    entry: PhantomData<E>,
}

impl<E> Clone for Group<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<E> Copy for Group<'_, E> {}

impl<'a, E: Entry<'a>> Group<'a, E> {
    /// How many entries there are.
    pub const fn len(&self) -> u16 {
        self.count
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The entries in wire order.
    pub fn iter(&self) -> impl Iterator<Item = E> + Clone + use<'a, E> {
        let mut cursor = self.first;
        (0..self.count).map_while(move |_| E::read(&mut cursor).ok())
    }
}
