//! DiscoveryRequest: a client asks which streams match its filters (discovery 1.1, 2.2).

use zerocopy::little_endian::{U32, U64};

use super::tags::{TAGS_LAYOUT, write_tags};
use super::{RequestId, SCHEMA, Tag, Tags};
use crate::ids::StreamId;
use crate::sbe::{
    Cursor, DataKind, DecodeError, EncodeError, Group, MessageLayout, Tail, Writer, block,
};
use crate::wire::value::{ascii, legal, optional, provided, text_bytes};
use crate::wire::{Text, ValueError};

block! {
    /// Fixed block of DiscoveryRequest (discovery 1.1).
    pub struct DiscoveryRequestBlock [32] {
        0 request_id: U64 = "requestId",
        8 client_id: U32 = "clientId",
        12 response_stream_id: U32 = "responseStreamId",
        16 stream_id: U32 = "streamId" null u32::MAX,
        20 producer_id: U32 = "producerId" null u32::MAX,
        24 data_source_id: U64 = "dataSourceId" null u64::MAX,
    }
}

/// A DiscoveryRequest found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct DiscoveryRequestView<'a> {
    /// The fixed block.
    pub block: &'a DiscoveryRequestBlock,
    /// `tags`.
    pub tags: Group<'a, Tag<'a>>,
    /// `responseChannel`.
    pub response_channel: &'a [u8],
    /// `dataSourceName`.
    pub data_source_name: &'a [u8],
}

impl<'a> DiscoveryRequestView<'a> {
    /// Reads the message at the start of `bytes`. One peer leaves out an unused `dataSourceName` together with its
    /// length; a request that ends exactly there is read as one without name (discovery 7, trap 5).
    ///
    /// # Errors
    /// What [`Cursor::message`], [`Cursor::group`] and [`Cursor::data`] refuse.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (mut cursor, block) = Cursor::message(bytes, SCHEMA, DiscoveryRequest::TEMPLATE)?;
        let tags = cursor.group()?;
        let response_channel = cursor.data()?;
        let data_source_name = match cursor.rest() {
            [] => &[],
            _ => cursor.data()?,
        };
        Ok(Self {
            block,
            tags,
            response_channel,
            data_source_name,
        })
    }
}

/// A question to a discovery provider: all filters must match, absent ones match everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiscoveryRequest<'a> {
    /// Ties the response to this request.
    pub request_id: RequestId,
    /// Who asks; for logs and rate limits, no proof of anything.
    pub client_id: u32,
    /// Where the response goes.
    pub response_stream_id: StreamId,
    /// Where the response goes: printable ASCII, not empty.
    pub response_channel: &'a str,
    /// Only this stream.
    pub stream_id: Option<u32>,
    /// Only streams of this producer; 0 = streams without one.
    pub producer_id: Option<u32>,
    /// Only this data source.
    pub data_source_id: Option<u64>,
    /// Only streams of this name, byte for byte.
    pub data_source_name: Option<Text<'a>>,
    /// Only streams that bear all of these. Repeated and empty ones count for nothing.
    pub tags: Tags<'a>,
}

impl DiscoveryRequest<'_> {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 1;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout = MessageLayout::of::<DiscoveryRequestBlock>(
        "DiscoveryRequest",
        SCHEMA,
        Self::TEMPLATE,
        &[
            TAGS_LAYOUT,
            Tail::Data("responseChannel", DataKind::Text),
            Tail::OptionalData("dataSourceName", DataKind::Text),
        ],
    );

    /// Writes the message to the start of `out`; returns its length.
    ///
    /// # Errors
    /// [`EncodeError`]: it does not fit, or there are too many tags.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut writer = Writer::new(out);
        let block = DiscoveryRequestBlock {
            request_id: self.request_id.0.into(),
            client_id: self.client_id.into(),
            response_stream_id: self.response_stream_id.get().into(),
            stream_id: self.stream_id.unwrap_or(u32::MAX).into(),
            producer_id: self.producer_id.unwrap_or(u32::MAX).into(),
            data_source_id: self.data_source_id.unwrap_or(u64::MAX).into(),
        };
        writer.message(SCHEMA, Self::TEMPLATE, &block);
        write_tags(&mut writer, &self.tags);
        writer
            .data(self.response_channel.as_bytes())
            .data(text_bytes(self.data_source_name))
            .finish()
    }
}

impl<'a> TryFrom<DiscoveryRequestView<'a>> for DiscoveryRequest<'a> {
    type Error = ValueError;

    /// A request that could not be answered is dropped and counted.
    fn try_from(view: DiscoveryRequestView<'a>) -> Result<Self, ValueError> {
        let block = view.block;
        Ok(Self {
            request_id: RequestId(block.request_id.get()),
            client_id: block.client_id.get(),
            response_stream_id: legal(
                "responseStreamId",
                block.response_stream_id.get(),
                StreamId::new,
            )?,
            response_channel: channel("responseChannel", view.response_channel)?,
            stream_id: optional(block.stream_id.get(), u32::MAX),
            producer_id: optional(block.producer_id.get(), u32::MAX),
            data_source_id: optional(block.data_source_id.get(), u64::MAX),
            data_source_name: provided(view.data_source_name),
            tags: Tags::received(view.tags),
        })
    }
}

/// Reads a channel that must be there.
pub(super) fn channel<'a>(field: &'static str, bytes: &'a [u8]) -> Result<&'a str, ValueError> {
    match ascii(field, bytes)? {
        "" => Err(ValueError::Missing { field }),
        channel => Ok(channel),
    }
}
