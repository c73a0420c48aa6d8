//! ConsumerHello: a consumer says that it is there, and what it would like (wire 4.3, 5.13).

use zerocopy::little_endian::U32;

use super::{SCHEMA, StreamRequest};
use crate::ids::{ClientId, StreamId};
use crate::sbe::{Cursor, DataKind, DecodeError, EncodeError, MessageLayout, Tail, Writer, block};
use crate::wire::ValueError;
use crate::wire::enums::{Mode, flag};
use crate::wire::value::{legal, optional};

block! {
    /// Fixed block of ConsumerHello (wire 4.3).
    pub struct ConsumerHelloBlock [39] {
        0 stream_id: U32 = "streamId",
        4 consumer_id: U32 = "consumerId",
        8 supports_shm: u8 = "supportsShm",
        9 supports_progress: u8 = "supportsProgress",
        10 mode: u8 = "mode",
        11 max_rate_hz: U32 = "maxRateHz",
        15 expected_layout_version: U32 = "expectedLayoutVersion",
        19 progress_interval_us: U32 = "progressIntervalUs" null u32::MAX,
        23 progress_bytes_delta: U32 = "progressBytesDelta" null u32::MAX,
        27 progress_major_delta_units: U32 = "progressMajorDeltaUnits" null u32::MAX,
        31 descriptor_stream_id: U32 = "descriptorStreamId",
        35 control_stream_id: U32 = "controlStreamId",
    }
}

/// A ConsumerHello found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct ConsumerHelloView<'a> {
    /// The fixed block.
    pub block: &'a ConsumerHelloBlock,
    /// `descriptorChannel`.
    pub descriptor_channel: &'a [u8],
    /// `controlChannel`.
    pub control_channel: &'a [u8],
}

impl<'a> ConsumerHelloView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`] and [`Cursor::data`] refuse.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (mut cursor, block) = Cursor::message(bytes, SCHEMA, ConsumerHello::TEMPLATE)?;
        Ok(Self {
            block,
            descriptor_channel: cursor.data()?,
            control_channel: cursor.data()?,
        })
    }
}

/// A consumer's presence and wishes. Each hello replaces the one before (T-16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConsumerHello<'a> {
    /// The stream it consumes.
    pub stream_id: StreamId,
    /// The consumer.
    pub consumer_id: ClientId,
    /// Whether it can map shared memory.
    pub supports_shm: bool,
    /// Whether it wants progress messages.
    pub supports_progress: bool,
    /// Every frame, or a limited rate.
    pub mode: Mode,
    /// Frames per second in mode RATE_LIMITED; `None` is unlimited (W-211).
    pub max_rate_hz: Option<u32>,
    /// The layout version it can map; `None` is any (T-25).
    pub expected_layout_version: Option<u32>,
    /// How often it would like progress.
    pub progress: ProgressHints,
    /// Its own descriptor stream.
    pub descriptor: StreamRequest<'a>,
    /// Its own control stream, for progress alone.
    pub control: StreamRequest<'a>,
}

/// The least that should happen between two progress messages; the producer decides (W-178). All ones is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ProgressHints {
    /// Microseconds.
    pub interval_us: Option<u32>,
    /// Bytes.
    pub bytes_delta: Option<u32>,
    /// Rows or columns, along the major axis.
    pub major_delta_units: Option<u32>,
}

impl ConsumerHello<'_> {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 2;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout = MessageLayout::of::<ConsumerHelloBlock>(
        "ConsumerHello",
        SCHEMA,
        Self::TEMPLATE,
        &[
            Tail::Data("descriptorChannel", DataKind::Text),
            Tail::Data("controlChannel", DataKind::Text),
        ],
    );

    /// Writes the message to the start of `out`; returns its length.
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let (descriptor_channel, descriptor_stream_id) = self.descriptor.to_wire();
        let (control_channel, control_stream_id) = self.control.to_wire();
        let hint = |hint: Option<u32>| U32::new(hint.unwrap_or(u32::MAX));
        let block = ConsumerHelloBlock {
            stream_id: self.stream_id.get().into(),
            consumer_id: self.consumer_id.get().into(),
            supports_shm: self.supports_shm.into(),
            supports_progress: self.supports_progress.into(),
            mode: self.mode.get(),
            max_rate_hz: self.max_rate_hz.unwrap_or(0).into(),
            expected_layout_version: self.expected_layout_version.unwrap_or(0).into(),
            progress_interval_us: hint(self.progress.interval_us),
            progress_bytes_delta: hint(self.progress.bytes_delta),
            progress_major_delta_units: hint(self.progress.major_delta_units),
            descriptor_stream_id: descriptor_stream_id.into(),
            control_stream_id: control_stream_id.into(),
        };
        Writer::new(out)
            .message(SCHEMA, Self::TEMPLATE, &block)
            .data(descriptor_channel)
            .data(control_channel)
            .finish()
    }
}

impl<'a> TryFrom<ConsumerHelloView<'a>> for ConsumerHello<'a> {
    type Error = ValueError;

    fn try_from(view: ConsumerHelloView<'a>) -> Result<Self, ValueError> {
        let block = view.block;
        let hint = |raw: U32| optional(raw.get(), u32::MAX);
        Ok(Self {
            stream_id: legal("streamId", block.stream_id.get(), StreamId::new)?,
            consumer_id: legal("consumerId", block.consumer_id.get(), ClientId::new)?,
            supports_shm: flag("supportsShm", block.supports_shm)?,
            supports_progress: flag("supportsProgress", block.supports_progress)?,
            mode: legal("mode", block.mode, Mode::new)?,
            max_rate_hz: optional(block.max_rate_hz.get(), 0),
            expected_layout_version: optional(block.expected_layout_version.get(), 0),
            progress: ProgressHints {
                interval_us: hint(block.progress_interval_us),
                bytes_delta: hint(block.progress_bytes_delta),
                major_delta_units: hint(block.progress_major_delta_units),
            },
            descriptor: StreamRequest::of_wire(
                view.descriptor_channel,
                block.descriptor_stream_id.get(),
            ),
            control: StreamRequest::of_wire(view.control_channel, block.control_stream_id.get()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Endpoint;
    use super::*;

    #[test] // req: W-004, W-005, W-189, W-211, T-25
    fn what_is_written_is_read_again() {
        let modest = ConsumerHello {
            stream_id: StreamId::new(1).unwrap(),
            consumer_id: ClientId::new(2).unwrap(),
            supports_shm: true,
            supports_progress: false,
            mode: Mode::Stream,
            max_rate_hz: None,
            expected_layout_version: None,
            progress: ProgressHints::default(),
            descriptor: StreamRequest::None,
            control: StreamRequest::None,
        };
        let endpoint = |raw| {
            let stream_id = StreamId::new(raw).unwrap();
            StreamRequest::Of(Endpoint {
                channel: "aeron:ipc",
                stream_id,
            })
        };
        let demanding = ConsumerHello {
            supports_shm: false,
            supports_progress: true,
            mode: Mode::RateLimited,
            max_rate_hz: Some(30),
            expected_layout_version: Some(1),
            progress: ProgressHints {
                interval_us: Some(3),
                bytes_delta: Some(0),
                major_delta_units: Some(5),
            },
            descriptor: endpoint(6),
            control: endpoint(7),
            ..modest
        };
        for (hello, expected_len) in [(modest, 55), (demanding, 73)] {
            let mut bytes = [0; 100];
            assert_eq!(hello.encode(&mut bytes), Ok(expected_len));
            let view = ConsumerHelloView::parse(&bytes).unwrap();
            assert_eq!(ConsumerHello::try_from(view), Ok(hello));
        }
    }
}
