//! FrameDescriptor: "frame `seq` is ready" (wire 4.5, 5.10).

use zerocopy::little_endian::{U32, U64};
use zerocopy::{Immutable, IntoBytes};

use super::SCHEMA;
use crate::ids::{Epoch, StreamId};
use crate::sbe::{Cursor, DecodeError, EncodeError, MessageHeader, MessageLayout, Writer, block};
use crate::seq::Seq;
use crate::wire::ValueError;
use crate::wire::value::{legal, optional};

block! {
    /// Fixed block of FrameDescriptor (wire 4.5).
    pub struct FrameDescriptorBlock [40] {
        0 stream_id: U32 = "streamId",
        4 epoch: U64 = "epoch",
        12 seq: U64 = "seq",
        20 timestamp_ns: U64 = "timestampNs" null u64::MAX,
        28 meta_version: U32 = "metaVersion" null u32::MAX,
        32 trace_id: U64 = "traceId" null 0,
    }
}

/// A FrameDescriptor found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct FrameDescriptorView<'a> {
    /// The fixed block.
    pub block: &'a FrameDescriptorBlock,
}

impl<'a> FrameDescriptorView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`] refuses.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (_, block) = Cursor::message(bytes, SCHEMA, FrameDescriptor::TEMPLATE)?;
        Ok(Self { block })
    }
}

/// One committed frame, announced to whoever reads the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FrameDescriptor {
    /// The stream the frame belongs to.
    pub stream_id: StreamId,
    /// The incarnation of the regions that hold it.
    pub epoch: Epoch,
    /// Its number; also says which slot holds it (W-096).
    pub seq: Seq,
    /// When the descriptor was sent, in nanoseconds (W-142, W-144).
    pub timestamp_ns: Option<u64>,
    /// The metadata that applies to it; 0 is a version, too.
    pub meta_version: Option<u32>,
    /// Set where the frame is traced. Never 0 or all ones, which both mean absent (T-18).
    pub trace_id: Option<u64>,
}

/// Header and block: all there is of this message.
#[derive(IntoBytes, Immutable)]
#[repr(C)]
struct Message {
    header: MessageHeader,
    block: FrameDescriptorBlock,
}

impl FrameDescriptor {
    /// Bytes of the whole message.
    pub const LEN: usize = size_of::<Message>();
    /// Template id of its header.
    pub const TEMPLATE: u16 = 4;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout =
        MessageLayout::of::<FrameDescriptorBlock>("FrameDescriptor", SCHEMA, Self::TEMPLATE, &[]);

    /// The message, for whoever sends one per frame.
    #[inline]
    pub fn message(&self) -> [u8; FrameDescriptor::LEN] {
        zerocopy::transmute!(Message {
            header: MessageHeader {
                block_length: (size_of::<FrameDescriptorBlock>() as u16).into(),
                template_id: Self::TEMPLATE.into(),
                schema_id: SCHEMA.into(),
                version: 1.into(),
            },
            block: self.block(),
        })
    }

    /// Writes the message to the start of `out`; returns its length, always [`FrameDescriptor::LEN`].
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        Writer::new(out)
            .message(SCHEMA, Self::TEMPLATE, &self.block())
            .finish()
    }

    #[inline]
    fn block(&self) -> FrameDescriptorBlock {
        FrameDescriptorBlock {
            stream_id: self.stream_id.get().into(),
            epoch: self.epoch.get().into(),
            seq: self.seq.get().into(),
            timestamp_ns: self.timestamp_ns.unwrap_or(u64::MAX).into(),
            meta_version: self.meta_version.unwrap_or(u32::MAX).into(),
            trace_id: self.trace_id.unwrap_or(0).into(),
        }
    }
}

impl TryFrom<FrameDescriptorView<'_>> for FrameDescriptor {
    type Error = ValueError;

    fn try_from(view: FrameDescriptorView<'_>) -> Result<Self, ValueError> {
        let block = view.block;
        Ok(Self {
            stream_id: legal("streamId", block.stream_id.get(), StreamId::new)?,
            epoch: legal("epoch", block.epoch.get(), Epoch::new)?,
            seq: legal("seq", block.seq.get(), Seq::new)?,
            timestamp_ns: optional(block.timestamp_ns.get(), u64::MAX),
            meta_version: optional(block.meta_version.get(), u32::MAX),
            trace_id: optional(block.trace_id.get(), 0).and_then(|id| optional(id, u64::MAX)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: W-004, W-005, T-18
    fn what_is_written_is_read_again() {
        let full = FrameDescriptor {
            stream_id: StreamId::new(1).unwrap(),
            epoch: Epoch::new(2).unwrap(),
            seq: Seq::new(3).unwrap(),
            timestamp_ns: Some(4),
            meta_version: Some(0),
            trace_id: Some(6),
        };
        let bare = FrameDescriptor {
            timestamp_ns: None,
            meta_version: None,
            trace_id: None,
            ..full
        };
        for (descriptor, trace_id) in [(full, 6), (bare, 0)] {
            let mut bytes = [0; 48];
            assert_eq!(descriptor.encode(&mut bytes), Ok(48));
            let view = FrameDescriptorView::parse(&bytes).unwrap();
            assert_eq!(view.block.trace_id.get(), trace_id);
            assert_eq!(FrameDescriptor::try_from(view), Ok(descriptor));
        }
    }
}
