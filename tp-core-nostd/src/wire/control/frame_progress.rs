//! FrameProgress: how much of a frame has been written (wire 4.8, 5.12).

use zerocopy::little_endian::{U32, U64};

use super::SCHEMA;
use crate::ids::{Epoch, StreamId};
use crate::sbe::{Cursor, DecodeError, EncodeError, MessageLayout, Writer, block};
use crate::seq::Seq;
use crate::wire::ValueError;
use crate::wire::enums::FrameProgressState;
use crate::wire::value::legal;

block! {
    /// Fixed block of FrameProgress (wire 4.8).
    pub struct FrameProgressBlock [29] {
        0 stream_id: U32 = "streamId",
        4 epoch: U64 = "epoch",
        12 seq: U64 = "seq",
        20 payload_bytes_filled: U64 = "payloadBytesFilled",
        28 state: u8 = "state",
    }
}

/// A FrameProgress found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct FrameProgressView<'a> {
    /// The fixed block.
    pub block: &'a FrameProgressBlock,
}

impl<'a> FrameProgressView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`] refuses.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (_, block) = Cursor::message(bytes, SCHEMA, FrameProgress::TEMPLATE)?;
        Ok(Self { block })
    }
}

/// A frame in the making. Before its commit this is a hint (T-21); it never stands in for the descriptor (W-168).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FrameProgress {
    /// The stream.
    pub stream_id: StreamId,
    /// The incarnation of its regions.
    pub epoch: Epoch,
    /// The frame, as its descriptor will name it (W-156).
    pub seq: Seq,
    /// Bytes of the payload that are there, from its start.
    pub payload_bytes_filled: u64,
    /// Where it stands.
    pub state: FrameProgressState,
}

impl FrameProgress {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 11;
    /// Bytes of each: header and block.
    pub const LEN: usize = 37;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout =
        MessageLayout::of::<FrameProgressBlock>("FrameProgress", SCHEMA, Self::TEMPLATE, &[]);

    /// Writes the message to the start of `out`; returns its length, always [`Self::LEN`].
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let block = FrameProgressBlock {
            stream_id: self.stream_id.get().into(),
            epoch: self.epoch.get().into(),
            seq: self.seq.get().into(),
            payload_bytes_filled: self.payload_bytes_filled.into(),
            state: self.state.get(),
        };
        Writer::new(out)
            .message(SCHEMA, Self::TEMPLATE, &block)
            .finish()
    }
}

impl TryFrom<FrameProgressView<'_>> for FrameProgress {
    type Error = ValueError;

    fn try_from(view: FrameProgressView<'_>) -> Result<Self, ValueError> {
        let block = view.block;
        Ok(Self {
            stream_id: legal("streamId", block.stream_id.get(), StreamId::new)?,
            epoch: legal("epoch", block.epoch.get(), Epoch::new)?,
            seq: legal("seq", block.seq.get(), Seq::new)?,
            payload_bytes_filled: block.payload_bytes_filled.get(),
            state: legal("state", block.state, FrameProgressState::new)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: W-156, T-21
    fn what_is_written_is_read_again() {
        let progress = FrameProgress {
            stream_id: StreamId::new(1).unwrap(),
            epoch: Epoch::new(2).unwrap(),
            seq: Seq::new(3).unwrap(),
            payload_bytes_filled: 4,
            state: FrameProgressState::Progress,
        };
        let mut bytes = [0; 37];
        assert_eq!(progress.encode(&mut bytes), Ok(37));
        let view = FrameProgressView::parse(&bytes).unwrap();
        assert_eq!(view.block.seq.get(), 3);
        assert_eq!(FrameProgress::try_from(view), Ok(progress));
    }
}
