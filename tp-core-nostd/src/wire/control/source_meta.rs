//! DataSourceMeta: the metadata of a source, all of it at once (wire 4.7, 5.17).

use zerocopy::little_endian::{U32, U64};

use super::SCHEMA;
use crate::ids::StreamId;
use crate::sbe::{
    Cursor, DataKind, DecodeError, EncodeError, Entry, Group, GroupLayout, MessageLayout, Tail,
    Writer, block,
};
use crate::wire::value::legal;
use crate::wire::{Entries, Text, ValueError};

block! {
    /// Fixed block of DataSourceMeta (wire 4.7).
    pub struct DataSourceMetaBlock [16] {
        0 stream_id: U32 = "streamId",
        4 meta_version: U32 = "metaVersion",
        8 timestamp_ns: U64 = "timestampNs",
    }
}

block! {
    /// Fixed block of an `attributes` entry: nothing, an entry starts with the length of its key (wire 4.7).
    pub struct AttributeBlock [0] {}
}

/// One attribute: what it describes, how it is written, and what it says (W-226).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its name, `camera_serial`.
    pub key: Text<'a>,
    /// The media type of its value, `text/plain`, or `sbe:900.52`.
    pub format: Text<'a>,
    /// Its value.
    pub value: &'a [u8],
}

impl<'a> Entry<'a> for Attribute<'a> {
    type Block = AttributeBlock;

    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            key: Text(cursor.data()?),
            format: Text(cursor.data()?),
            value: cursor.data()?,
        })
    }
}

/// A DataSourceMeta found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct DataSourceMetaView<'a> {
    /// The fixed block.
    pub block: &'a DataSourceMetaBlock,
    /// `attributes`.
    pub attributes: Group<'a, Attribute<'a>>,
}

impl<'a> DataSourceMetaView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`] and [`Cursor::group`] refuse.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (mut cursor, block) = Cursor::message(bytes, SCHEMA, DataSourceMeta::TEMPLATE)?;
        Ok(Self {
            block,
            attributes: cursor.group()?,
        })
    }
}

/// The attributes of a source; there may be hundreds, so they stay where they are.
pub type Attributes<'a> = Entries<'a, Attribute<'a>, Attribute<'a>>;

/// One version of a source's metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataSourceMeta<'a> {
    /// The stream.
    pub stream_id: StreamId,
    /// The version, as frames name it (W-227).
    pub meta_version: u32,
    /// When it came to apply, in nanoseconds.
    pub timestamp_ns: u64,
    /// Everything that applies.
    pub attributes: Attributes<'a>,
}

impl DataSourceMeta<'_> {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 8;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout = MessageLayout::of::<DataSourceMetaBlock>(
        "DataSourceMeta",
        SCHEMA,
        Self::TEMPLATE,
        &[Tail::Group(GroupLayout::of::<AttributeBlock>(
            "attributes",
            &[
                Tail::Data("key", DataKind::Text),
                Tail::Data("format", DataKind::Text),
                Tail::Data("value", DataKind::Binary),
            ],
        ))],
    );

    /// Writes the message to the start of `out`; returns its length.
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`], [`EncodeError::TooLong`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let block = DataSourceMetaBlock {
            stream_id: self.stream_id.get().into(),
            meta_version: self.meta_version.into(),
            timestamp_ns: self.timestamp_ns.into(),
        };
        let mut writer = Writer::new(out);
        writer
            .message(SCHEMA, Self::TEMPLATE, &block)
            .group::<AttributeBlock>(self.attributes.iter().count());
        for attribute in self.attributes.iter() {
            writer
                .data(attribute.key.0)
                .data(attribute.format.0)
                .data(attribute.value);
        }
        writer.finish()
    }
}

impl<'a> TryFrom<DataSourceMetaView<'a>> for DataSourceMeta<'a> {
    type Error = ValueError;

    fn try_from(view: DataSourceMetaView<'a>) -> Result<Self, ValueError> {
        let block = view.block;
        Ok(Self {
            stream_id: legal("streamId", block.stream_id.get(), StreamId::new)?,
            meta_version: block.meta_version.get(),
            timestamp_ns: block.timestamp_ns.get(),
            attributes: Attributes::received(view.attributes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: W-226
    fn what_is_written_is_read_again() {
        let list = [
            Attribute {
                key: "camera_serial".into(),
                format: "text/plain".into(),
                value: b"SN-0042",
            },
            Attribute {
                key: "mask".into(),
                format: "".into(),
                value: &[0, 0xFF],
            },
        ];
        let meta = DataSourceMeta {
            stream_id: StreamId::new(1).unwrap(),
            meta_version: 2,
            timestamp_ns: 3,
            attributes: Attributes::listed(&list),
        };
        let mut bytes = [0; 100];
        let len = meta.encode(&mut bytes).unwrap();
        let view = DataSourceMetaView::parse(&bytes[..len]).unwrap();
        assert_eq!(view.block.meta_version.get(), 2);
        assert_eq!(DataSourceMeta::try_from(view), Ok(meta));
    }
}
