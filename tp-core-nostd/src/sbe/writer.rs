//! Writing: into the caller's buffer, never past its end.

use core::fmt::{self, Write};

use super::block::Block;
use super::cursor::{Dimension, MessageHeader, VAR_DATA_MAX};

/// A message that could not be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum EncodeError {
    /// The message needs `needed` bytes, the buffer has `got`.
    DoesNotFit {
        /// Bytes of the whole message.
        needed: usize,
        /// Bytes of the buffer.
        got: usize,
    },
    /// Var data longer than 2^30 bytes, or a group of more than 65534 entries.
    TooLong {
        /// The refused length or count.
        got: usize,
    },
}

impl core::fmt::Display for EncodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::DoesNotFit { needed, got } => {
                write!(f, "the message needs {needed} bytes, the buffer has {got}")
            }
            Self::TooLong { got } => {
                write!(f, "{got} is above what a length or count field may say")
            }
        }
    }
}

impl core::error::Error for EncodeError {}

/// Most entries a group may have (the schemas' maximum of `numInGroup`).
pub const GROUP_MAX: usize = 65_534;

/// Appends the parts of one message. Past the end of the buffer it only counts, so that [`Writer::finish`] can say
/// how much would have been needed.
#[derive(Debug)]
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    at: usize,
    too_long: Option<usize>,
}

impl<'a> Writer<'a> {
    /// Writes from the start of `buffer`.
    pub const fn new(buffer: &'a mut [u8]) -> Self {
        Self {
            buffer,
            at: 0,
            too_long: None,
        }
    }

    /// Starts a message: header, then its fixed block.
    pub fn message<B: Block>(&mut self, schema: u16, template: u16, block: &B) -> &mut Self {
        self.block(&MessageHeader {
            block_length: block_length::<B>().into(),
            template_id: template.into(),
            schema_id: schema.into(),
            version: 1.into(),
        });
        self.block(block)
    }

    /// Appends a fixed block.
    pub fn block<B: Block>(&mut self, block: &B) -> &mut Self {
        self.bytes(block.as_bytes())
    }

    /// Appends the dimension of a group of `count` entries with block `B`; the entries follow.
    pub fn group<B: Block>(&mut self, count: usize) -> &mut Self {
        match u16::try_from(count) {
            Ok(small) if count <= GROUP_MAX => self.block(&Dimension {
                block_length: block_length::<B>().into(),
                num_in_group: small.into(),
            }),
            _ => self.refuse(count),
        }
    }

    /// Appends var data with its length.
    pub fn data(&mut self, data: &[u8]) -> &mut Self {
        match u32::try_from(data.len()) {
            Ok(length) if length <= VAR_DATA_MAX => self.bytes(&length.to_le_bytes()).bytes(data),
            _ => self.refuse(data.len()),
        }
    }

    /// Appends var data that is formatted in place, with its length.
    pub fn display(&mut self, text: &impl fmt::Display) -> &mut Self {
        let prefix = self.at;
        self.bytes(&[0; 4]);
        let start = self.at;
        // Only `text` itself could fail; what it wrote until then still stands behind its true length.
        let _ = write!(Appender(self), "{text}");
        let got = self.at.saturating_sub(start);
        match u32::try_from(got) {
            Ok(length) if length <= VAR_DATA_MAX => {
                if let Some(room) = self.buffer.get_mut(prefix..start) {
                    room.copy_from_slice(&length.to_le_bytes());
                }
                self
            }
            _ => self.refuse(got),
        }
    }

    /// Ends the message; returns its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`] with the full length, [`EncodeError::TooLong`].
    pub fn finish(&mut self) -> Result<usize, EncodeError> {
        match self.too_long {
            Some(got) => Err(EncodeError::TooLong { got }),
            None if self.at > self.buffer.len() => Err(EncodeError::DoesNotFit {
                needed: self.at,
                got: self.buffer.len(),
            }),
            None => Ok(self.at),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let end = self.at.saturating_add(bytes.len());
        if let Some(room) = self.buffer.get_mut(self.at..end) {
            room.copy_from_slice(bytes);
        }
        self.at = end;
        self
    }

    fn refuse(&mut self, got: usize) -> &mut Self {
        self.too_long.get_or_insert(got);
        self
    }
}

struct Appender<'w, 'a>(&'w mut Writer<'a>);

impl Write for Appender<'_, '_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.0.bytes(part.as_bytes());
        Ok(())
    }
}

const fn block_length<B: Block>() -> u16 {
    // Every block is far below 64 KiB.
    size_of::<B>() as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(out: &mut [u8]) -> Result<usize, EncodeError> {
        Writer::new(out)
            .display(&format_args!("a{}c", 20))
            .data(b"!")
            .finish()
    }

    #[test]
    fn formatted_text_is_var_data_like_any_other() {
        let mut out = [0xEE; 16];
        assert_eq!(formatted(&mut out), Ok(13));
        assert_eq!(out[..13], *b"\x04\0\0\0a20c\x01\0\0\0!");
        for got in 0..13 {
            let needed = 13;
            let result = formatted(&mut out[..got]);
            assert_eq!(result, Err(EncodeError::DoesNotFit { needed, got }));
        }
    }
}
