//! One blob under way: whether a message continues it.

use super::continued;
use crate::ids::StreamId;
use crate::time::Instant;
use crate::wire::control::MetaBlobChunk;

/// Why a blob, or a message about one, came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Discarded {
    /// Nothing is known of it; the message is ignored.
    NotAnnounced,
    /// Bytes between the last chunk and this one are missing.
    Gap {
        /// Bytes that are there.
        have: u64,
        /// Where the chunk begins.
        got: u64,
    },
    /// The chunk repeats bytes that are there.
    Overlap {
        /// Bytes that are there.
        have: u64,
        /// Where the chunk begins.
        got: u64,
    },
    /// The chunk goes on behind the announced end.
    Overrun {
        /// Bytes of the blob.
        total: u64,
        /// Where the chunk ends.
        got: u64,
    },
    /// The chunk is empty.
    Empty,
    /// The blob was completed before its end.
    Incomplete {
        /// Bytes that are there.
        have: u64,
        /// Bytes of the blob.
        total: u64,
    },
    /// The checksum is not the announced one, or not that of the bytes.
    Checksum {
        /// As announced.
        announced: u64,
        /// As completed, or as computed.
        got: u64,
    },
}

/// A blob of which the first bytes are there.
#[derive(Clone, Debug)]
pub(super) struct Assembling {
    pub(super) stream: StreamId,
    pub(super) meta_version: u32,
    pub(super) blob_type: u32,
    pub(super) total: usize,
    pub(super) have: usize,
    pub(super) checksum: u64,
    /// CRC32C of what is there.
    pub(super) crc: u32,
    pub(super) heard_at: Instant,
}

impl Assembling {
    /// Adds a chunk, if it begins where the last one ended.
    pub(super) fn append(
        &mut self,
        now: Instant,
        chunk: &MetaBlobChunk<'_>,
        buffer: &mut [u8],
        verifies: bool,
    ) -> Result<(), Discarded> {
        let (have, total) = (self.have as u64, self.total as u64);
        let (begin, length) = (chunk.chunk_offset, chunk.bytes.len());
        if begin > have {
            return Err(Discarded::Gap { have, got: begin });
        }
        if begin < have {
            return Err(Discarded::Overlap { have, got: begin });
        }
        if length == 0 {
            return Err(Discarded::Empty);
        }
        let end = self.have.saturating_add(length);
        let room = buffer.get_mut(self.have..end).filter(|_| end <= self.total);
        let Some(room) = room else {
            let got = begin.saturating_add(length as u64);
            return Err(Discarded::Overrun { total, got });
        };
        room.copy_from_slice(chunk.bytes);
        // Chunk by chunk, so that no single message takes long.
        if verifies {
            self.crc = continued(self.crc, chunk.bytes);
        }
        self.have = end;
        self.heard_at = now;
        Ok(())
    }

    /// Whether it is whole, and what was announced.
    pub(super) fn check(&self, completed: u64, verifies: bool) -> Result<(), Discarded> {
        let (have, total) = (self.have as u64, self.total as u64);
        let announced = self.checksum;
        if have != total {
            return Err(Discarded::Incomplete { have, total });
        }
        let computed = match verifies && announced != 0 {
            true => self.crc.into(),
            false => announced,
        };
        match [completed, computed]
            .into_iter()
            .find(|got| *got != announced)
        {
            Some(got) => Err(Discarded::Checksum { announced, got }),
            None => Ok(()),
        }
    }
}
