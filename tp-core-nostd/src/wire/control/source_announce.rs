//! DataSourceAnnounce: a source says that it is there and which metadata applies (wire 4.7, 5.17).

use zerocopy::little_endian::{U32, U64};

use super::SCHEMA;
use crate::ids::{ClientId, Epoch, StreamId};
use crate::sbe::{Cursor, DataKind, DecodeError, EncodeError, MessageLayout, Tail, Writer, block};
use crate::wire::value::{legal, provided, text_bytes};
use crate::wire::{Text, ValueError};

block! {
    /// Fixed block of DataSourceAnnounce (wire 4.7).
    pub struct DataSourceAnnounceBlock [20] {
        0 stream_id: U32 = "streamId",
        4 producer_id: U32 = "producerId",
        8 epoch: U64 = "epoch",
        16 meta_version: U32 = "metaVersion",
    }
}

/// A DataSourceAnnounce found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct DataSourceAnnounceView<'a> {
    /// The fixed block.
    pub block: &'a DataSourceAnnounceBlock,
    /// `name`.
    pub name: &'a [u8],
    /// `summary`.
    pub summary: &'a [u8],
}

impl<'a> DataSourceAnnounceView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`] and [`Cursor::data`] refuse.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (mut cursor, block) = Cursor::message(bytes, SCHEMA, DataSourceAnnounce::TEMPLATE)?;
        Ok(Self {
            block,
            name: cursor.data()?,
            summary: cursor.data()?,
        })
    }
}

/// A data source's beacon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataSourceAnnounce<'a> {
    /// The stream.
    pub stream_id: StreamId,
    /// The producer; foreign ones may not know theirs.
    pub producer_id: Option<ClientId>,
    /// The incarnation of its regions.
    pub epoch: Epoch,
    /// The metadata that applies now.
    pub meta_version: u32,
    /// What people call it.
    pub name: Option<Text<'a>>,
    /// What it sends, for people.
    pub summary: Option<Text<'a>>,
}

impl DataSourceAnnounce<'_> {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 7;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout = MessageLayout::of::<DataSourceAnnounceBlock>(
        "DataSourceAnnounce",
        SCHEMA,
        Self::TEMPLATE,
        &[
            Tail::Data("name", DataKind::Text),
            Tail::Data("summary", DataKind::Text),
        ],
    );

    /// Writes the message to the start of `out`; returns its length.
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`], [`EncodeError::TooLong`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let block = DataSourceAnnounceBlock {
            stream_id: self.stream_id.get().into(),
            producer_id: self.producer_id.map_or(0, ClientId::get).into(),
            epoch: self.epoch.get().into(),
            meta_version: self.meta_version.into(),
        };
        Writer::new(out)
            .message(SCHEMA, Self::TEMPLATE, &block)
            .data(text_bytes(self.name))
            .data(text_bytes(self.summary))
            .finish()
    }
}

impl<'a> TryFrom<DataSourceAnnounceView<'a>> for DataSourceAnnounce<'a> {
    type Error = ValueError;

    fn try_from(view: DataSourceAnnounceView<'a>) -> Result<Self, ValueError> {
        let block = view.block;
        Ok(Self {
            stream_id: legal("streamId", block.stream_id.get(), StreamId::new)?,
            producer_id: ClientId::new(block.producer_id.get()),
            epoch: legal("epoch", block.epoch.get(), Epoch::new)?,
            meta_version: block.meta_version.get(),
            name: provided(view.name),
            summary: provided(view.summary),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: W-006, W-007, W-223
    fn what_is_written_is_read_again() {
        let named = DataSourceAnnounce {
            stream_id: StreamId::new(1).unwrap(),
            producer_id: ClientId::new(2),
            epoch: Epoch::new(3).unwrap(),
            meta_version: 4,
            name: Some("camera-1".into()),
            summary: Some("UINT16 ROW 2048x2048".into()),
        };
        let nameless = DataSourceAnnounce {
            producer_id: None,
            name: None,
            ..named
        };
        for (announce, expected_len) in [(named, 64), (nameless, 56)] {
            let mut bytes = [0; 64];
            assert_eq!(announce.encode(&mut bytes), Ok(expected_len));
            let view = DataSourceAnnounceView::parse(&bytes).unwrap();
            assert_eq!(DataSourceAnnounce::try_from(view), Ok(announce));
        }
    }
}
