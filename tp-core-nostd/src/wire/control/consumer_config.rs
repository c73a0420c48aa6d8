//! ConsumerConfig: what a consumer is told to do (wire 4.4, 5.13).

use zerocopy::little_endian::U32;

use super::{Endpoint, SCHEMA};
use crate::ids::{ClientId, StreamId};
use crate::sbe::{Cursor, DataKind, DecodeError, EncodeError, MessageLayout, Tail, Writer, block};
use crate::wire::ValueError;
use crate::wire::enums::{Mode, flag};
use crate::wire::value::{ascii, legal};

block! {
    /// Fixed block of ConsumerConfig (wire 4.4).
    pub struct ConsumerConfigBlock [18] {
        0 stream_id: U32 = "streamId",
        4 consumer_id: U32 = "consumerId",
        8 use_shm: u8 = "useShm",
        9 mode: u8 = "mode",
        10 descriptor_stream_id: U32 = "descriptorStreamId",
        14 control_stream_id: U32 = "controlStreamId",
    }
}

/// A ConsumerConfig found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct ConsumerConfigView<'a> {
    /// The fixed block.
    pub block: &'a ConsumerConfigBlock,
    /// `payloadFallbackUri`.
    pub payload_fallback_uri: &'a [u8],
    /// `descriptorChannel`.
    pub descriptor_channel: &'a [u8],
    /// `controlChannel`.
    pub control_channel: &'a [u8],
}

impl<'a> ConsumerConfigView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`] and [`Cursor::data`] refuse.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (mut cursor, block) = Cursor::message(bytes, SCHEMA, ConsumerConfig::TEMPLATE)?;
        Ok(Self {
            block,
            payload_fallback_uri: cursor.data()?,
            descriptor_channel: cursor.data()?,
            control_channel: cursor.data()?,
        })
    }
}

/// Orders for one consumer of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConsumerConfig<'a> {
    /// The stream.
    pub stream_id: StreamId,
    /// The addressee.
    pub consumer_id: ClientId,
    /// Whether it reads shared memory, or falls back.
    pub use_shm: bool,
    /// Every frame, or a limited rate.
    pub mode: Mode,
    /// Where payloads come from without shared memory, printable ASCII.
    pub payload_fallback_uri: Option<&'a str>,
    /// Its own descriptor stream; `None` is the shared one (W-192).
    pub descriptor: Option<Endpoint<'a>>,
    /// Its own stream of progress messages; `None` is the shared one.
    pub control: Option<Endpoint<'a>>,
}

impl ConsumerConfig<'_> {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 3;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout = MessageLayout::of::<ConsumerConfigBlock>(
        "ConsumerConfig",
        SCHEMA,
        Self::TEMPLATE,
        &[
            Tail::Data("payloadFallbackUri", DataKind::Text),
            Tail::Data("descriptorChannel", DataKind::Text),
            Tail::Data("controlChannel", DataKind::Text),
        ],
    );

    /// Writes the message to the start of `out`; returns its length.
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let (descriptor_channel, descriptor_stream_id) = Endpoint::to_wire(self.descriptor);
        let (control_channel, control_stream_id) = Endpoint::to_wire(self.control);
        let block = ConsumerConfigBlock {
            stream_id: self.stream_id.get().into(),
            consumer_id: self.consumer_id.get().into(),
            use_shm: self.use_shm.into(),
            mode: self.mode.get(),
            descriptor_stream_id: descriptor_stream_id.into(),
            control_stream_id: control_stream_id.into(),
        };
        Writer::new(out)
            .message(SCHEMA, Self::TEMPLATE, &block)
            .data(self.payload_fallback_uri.unwrap_or_default().as_bytes())
            .data(descriptor_channel)
            .data(control_channel)
            .finish()
    }
}

impl<'a> TryFrom<ConsumerConfigView<'a>> for ConsumerConfig<'a> {
    type Error = ValueError;

    fn try_from(view: ConsumerConfigView<'a>) -> Result<Self, ValueError> {
        let block = view.block;
        let fallback = ascii("payloadFallbackUri", view.payload_fallback_uri)?;
        Ok(Self {
            stream_id: legal("streamId", block.stream_id.get(), StreamId::new)?,
            consumer_id: legal("consumerId", block.consumer_id.get(), ClientId::new)?,
            use_shm: flag("useShm", block.use_shm)?,
            mode: legal("mode", block.mode, Mode::new)?,
            payload_fallback_uri: (!fallback.is_empty()).then_some(fallback),
            // Half an assignment is none (T-17).
            descriptor: Endpoint::of_wire(
                view.descriptor_channel,
                block.descriptor_stream_id.get(),
            ),
            control: Endpoint::of_wire(view.control_channel, block.control_stream_id.get()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> ConsumerConfig<'static> {
        let endpoint = |channel, raw| {
            let stream_id = StreamId::new(raw).unwrap();
            Some(Endpoint { channel, stream_id })
        };
        ConsumerConfig {
            stream_id: StreamId::new(1).unwrap(),
            consumer_id: ClientId::new(2).unwrap(),
            use_shm: true,
            mode: Mode::RateLimited,
            payload_fallback_uri: Some("bridge://gui"),
            descriptor: endpoint("aeron:ipc", 3),
            control: endpoint("aeron:ipc?term-length=64k", 4),
        }
    }

    #[test] // req: W-191, W-197, W-200
    fn what_is_written_is_read_again() {
        let declined = ConsumerConfig {
            payload_fallback_uri: None,
            descriptor: None,
            control: None,
            ..config()
        };
        for config in [config(), declined] {
            let mut bytes = [0; 100];
            config.encode(&mut bytes).unwrap();
            let view = ConsumerConfigView::parse(&bytes).unwrap();
            assert_eq!(ConsumerConfig::try_from(view), Ok(config));
        }
    }

    #[test] // req: T-17, W-182, W-186
    fn half_an_assignment_is_none() {
        let mut bytes = [0; 100];
        config().encode(&mut bytes).unwrap();
        bytes[18..22].copy_from_slice(&[0; 4]);
        bytes[22..26].copy_from_slice(&[0xFF; 4]);
        let config = ConsumerConfig::try_from(ConsumerConfigView::parse(&bytes).unwrap()).unwrap();
        assert_eq!((config.descriptor, config.control), (None, None));
        assert_eq!(config.payload_fallback_uri, Some("bridge://gui"));
    }
}
