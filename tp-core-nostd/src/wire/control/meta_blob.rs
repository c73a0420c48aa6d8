//! MetaBlobAnnounce, MetaBlobChunk, MetaBlobComplete: metadata too large for an attribute (wire 4.8, 5.17, T-36).

use zerocopy::little_endian::{U32, U64};

use super::SCHEMA;
use crate::ids::StreamId;
use crate::sbe::{Cursor, DataKind, DecodeError, EncodeError, MessageLayout, Tail, Writer, block};
use crate::wire::ValueError;
use crate::wire::value::legal;

block! {
    /// Fixed block of MetaBlobAnnounce (wire 4.8).
    pub struct MetaBlobAnnounceBlock [28] {
        0 stream_id: U32 = "streamId",
        4 meta_version: U32 = "metaVersion",
        8 blob_type: U32 = "blobType",
        12 total_len: U64 = "totalLen",
        20 checksum: U64 = "checksum",
    }
}

block! {
    /// Fixed block of MetaBlobChunk (wire 4.8).
    pub struct MetaBlobChunkBlock [16] {
        0 stream_id: U32 = "streamId",
        4 meta_version: U32 = "metaVersion",
        8 chunk_offset: U64 = "chunkOffset",
    }
}

block! {
    /// Fixed block of MetaBlobComplete (wire 4.8).
    pub struct MetaBlobCompleteBlock [16] {
        0 stream_id: U32 = "streamId",
        4 meta_version: U32 = "metaVersion",
        8 checksum: U64 = "checksum",
    }
}

/// A MetaBlobAnnounce found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct MetaBlobAnnounceView<'a> {
    /// The fixed block.
    pub block: &'a MetaBlobAnnounceBlock,
}

impl<'a> MetaBlobAnnounceView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`] refuses.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (_, block) = Cursor::message(bytes, SCHEMA, MetaBlobAnnounce::TEMPLATE)?;
        Ok(Self { block })
    }
}

/// A MetaBlobChunk found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct MetaBlobChunkView<'a> {
    /// The fixed block.
    pub block: &'a MetaBlobChunkBlock,
    /// `bytes`.
    pub bytes: &'a [u8],
}

impl<'a> MetaBlobChunkView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`] and [`Cursor::data`] refuse.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (mut cursor, block) = Cursor::message(bytes, SCHEMA, MetaBlobChunk::TEMPLATE)?;
        Ok(Self {
            block,
            bytes: cursor.data()?,
        })
    }
}

/// A MetaBlobComplete found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct MetaBlobCompleteView<'a> {
    /// The fixed block.
    pub block: &'a MetaBlobCompleteBlock,
}

impl<'a> MetaBlobCompleteView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`] refuses.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (_, block) = Cursor::message(bytes, SCHEMA, MetaBlobComplete::TEMPLATE)?;
        Ok(Self { block })
    }
}

/// A blob is about to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MetaBlobAnnounce {
    /// The stream.
    pub stream_id: StreamId,
    /// The metadata version it belongs to.
    pub meta_version: u32,
    /// What it is; the application's numbers.
    pub blob_type: u32,
    /// Its length in bytes; to be bounded before anything is allocated.
    pub total_len: u64,
    /// CRC32C of the whole blob, or 0 for none.
    pub checksum: u64,
}

/// A part of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MetaBlobChunk<'a> {
    /// The stream.
    pub stream_id: StreamId,
    /// The metadata version the blob belongs to.
    pub meta_version: u32,
    /// Where the part starts within the blob; it ends below 2^64.
    pub chunk_offset: u64,
    /// The part.
    pub bytes: &'a [u8],
}

/// A blob has been sent whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MetaBlobComplete {
    /// The stream.
    pub stream_id: StreamId,
    /// The metadata version the blob belongs to.
    pub meta_version: u32,
    /// As announced.
    pub checksum: u64,
}

impl MetaBlobAnnounce {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 10;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout =
        MessageLayout::of::<MetaBlobAnnounceBlock>("MetaBlobAnnounce", SCHEMA, Self::TEMPLATE, &[]);

    /// Writes the message to the start of `out`; returns its length, always 36.
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let block = MetaBlobAnnounceBlock {
            stream_id: self.stream_id.get().into(),
            meta_version: self.meta_version.into(),
            blob_type: self.blob_type.into(),
            total_len: self.total_len.into(),
            checksum: self.checksum.into(),
        };
        Writer::new(out)
            .message(SCHEMA, Self::TEMPLATE, &block)
            .finish()
    }
}

impl MetaBlobChunk<'_> {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 12;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout = MessageLayout::of::<MetaBlobChunkBlock>(
        "MetaBlobChunk",
        SCHEMA,
        Self::TEMPLATE,
        &[Tail::Data("bytes", DataKind::Binary)],
    );

    /// Writes the message to the start of `out`; returns its length, 28 more than the part's.
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`], [`EncodeError::TooLong`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let block = MetaBlobChunkBlock {
            stream_id: self.stream_id.get().into(),
            meta_version: self.meta_version.into(),
            chunk_offset: self.chunk_offset.into(),
        };
        Writer::new(out)
            .message(SCHEMA, Self::TEMPLATE, &block)
            .data(self.bytes)
            .finish()
    }
}

impl MetaBlobComplete {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 13;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout =
        MessageLayout::of::<MetaBlobCompleteBlock>("MetaBlobComplete", SCHEMA, Self::TEMPLATE, &[]);

    /// Writes the message to the start of `out`; returns its length, always 24.
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let block = MetaBlobCompleteBlock {
            stream_id: self.stream_id.get().into(),
            meta_version: self.meta_version.into(),
            checksum: self.checksum.into(),
        };
        Writer::new(out)
            .message(SCHEMA, Self::TEMPLATE, &block)
            .finish()
    }
}

impl TryFrom<MetaBlobAnnounceView<'_>> for MetaBlobAnnounce {
    type Error = ValueError;

    fn try_from(view: MetaBlobAnnounceView<'_>) -> Result<Self, ValueError> {
        let block = view.block;
        Ok(Self {
            stream_id: legal("streamId", block.stream_id.get(), StreamId::new)?,
            meta_version: block.meta_version.get(),
            blob_type: block.blob_type.get(),
            total_len: block.total_len.get(),
            checksum: block.checksum.get(),
        })
    }
}

impl<'a> TryFrom<MetaBlobChunkView<'a>> for MetaBlobChunk<'a> {
    type Error = ValueError;

    fn try_from(view: MetaBlobChunkView<'a>) -> Result<Self, ValueError> {
        let block = view.block;
        let len = view.bytes.len() as u64;
        Ok(Self {
            stream_id: legal("streamId", block.stream_id.get(), StreamId::new)?,
            meta_version: block.meta_version.get(),
            chunk_offset: legal("chunkOffset", block.chunk_offset.get(), |offset| {
                offset.checked_add(len).and(Some(offset))
            })?,
            bytes: view.bytes,
        })
    }
}

impl TryFrom<MetaBlobCompleteView<'_>> for MetaBlobComplete {
    type Error = ValueError;

    fn try_from(view: MetaBlobCompleteView<'_>) -> Result<Self, ValueError> {
        let block = view.block;
        Ok(Self {
            stream_id: legal("streamId", block.stream_id.get(), StreamId::new)?,
            meta_version: block.meta_version.get(),
            checksum: block.checksum.get(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: W-229, T-36
    fn what_is_written_is_read_again() {
        let mut bytes = [0; 40];
        let stream_id = StreamId::new(1).unwrap();
        let announce = MetaBlobAnnounce {
            stream_id,
            meta_version: 2,
            blob_type: 3,
            total_len: 4,
            checksum: 5,
        };
        assert_eq!(announce.encode(&mut bytes), Ok(36));
        let view = MetaBlobAnnounceView::parse(&bytes).unwrap();
        assert_eq!(view.try_into(), Ok(announce));

        let chunk = MetaBlobChunk {
            stream_id,
            meta_version: 2,
            chunk_offset: u64::MAX - 4,
            bytes: b"last",
        };
        assert_eq!(chunk.encode(&mut bytes), Ok(32));
        let view = MetaBlobChunkView::parse(&bytes).unwrap();
        assert_eq!(view.try_into(), Ok(chunk));

        let complete = MetaBlobComplete {
            stream_id,
            meta_version: 2,
            checksum: 5,
        };
        assert_eq!(complete.encode(&mut bytes), Ok(24));
        let view = MetaBlobCompleteView::parse(&bytes).unwrap();
        assert_eq!(view.try_into(), Ok(complete));
    }
}
