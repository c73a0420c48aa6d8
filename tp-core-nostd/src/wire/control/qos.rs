//! QosConsumer and QosProducer: how it goes, once a second (wire 4.6, 5.16).

use zerocopy::little_endian::{U32, U64};

use super::SCHEMA;
use crate::ids::{ClientId, Epoch, StreamId};
use crate::sbe::{Cursor, DecodeError, EncodeError, MessageLayout, Writer, block};
use crate::seq::Seq;
use crate::wire::ValueError;
use crate::wire::enums::Mode;
use crate::wire::value::{legal, optional};

block! {
    /// Fixed block of QosConsumer (wire 4.6).
    pub struct QosConsumerBlock [41] {
        0 stream_id: U32 = "streamId",
        4 consumer_id: U32 = "consumerId",
        8 epoch: U64 = "epoch",
        16 last_seq_seen: U64 = "lastSeqSeen",
        24 drops_gap: U64 = "dropsGap",
        32 drops_late: U64 = "dropsLate",
        40 mode: u8 = "mode",
    }
}

/// A QosConsumer found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct QosConsumerView<'a> {
    /// The fixed block.
    pub block: &'a QosConsumerBlock,
}

impl<'a> QosConsumerView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`] refuses.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (_, block) = Cursor::message(bytes, SCHEMA, QosConsumer::TEMPLATE)?;
        Ok(Self { block })
    }
}

/// What a consumer got and lost since it started. Counters never fall while it lives; readers bear it if they do (T-45).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct QosConsumer {
    /// The stream.
    pub stream_id: StreamId,
    /// The consumer.
    pub consumer_id: ClientId,
    /// The mapped incarnation; `None` while nothing is mapped (T-54).
    pub epoch: Option<Epoch>,
    /// The last frame it saw; also the first one while it saw none (T-42).
    pub last_seq_seen: Seq,
    /// Frames whose descriptor it never saw.
    pub drops_gap: u64,
    /// Frames that failed a check after their descriptor was seen.
    pub drops_late: u64,
    /// Every frame, or a limited rate.
    pub mode: Mode,
}

impl QosConsumer {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 5;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout =
        MessageLayout::of::<QosConsumerBlock>("QosConsumer", SCHEMA, Self::TEMPLATE, &[]);

    /// Writes the message to the start of `out`; returns its length, always 49.
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let block = QosConsumerBlock {
            stream_id: self.stream_id.get().into(),
            consumer_id: self.consumer_id.get().into(),
            epoch: self.epoch.map_or(0, Epoch::get).into(),
            last_seq_seen: self.last_seq_seen.get().into(),
            drops_gap: self.drops_gap.into(),
            drops_late: self.drops_late.into(),
            mode: self.mode.get(),
        };
        Writer::new(out)
            .message(SCHEMA, Self::TEMPLATE, &block)
            .finish()
    }
}

impl TryFrom<QosConsumerView<'_>> for QosConsumer {
    type Error = ValueError;

    fn try_from(view: QosConsumerView<'_>) -> Result<Self, ValueError> {
        let block = view.block;
        Ok(Self {
            stream_id: legal("streamId", block.stream_id.get(), StreamId::new)?,
            consumer_id: legal("consumerId", block.consumer_id.get(), ClientId::new)?,
            epoch: Epoch::new(block.epoch.get()),
            last_seq_seen: legal("lastSeqSeen", block.last_seq_seen.get(), Seq::new)?,
            drops_gap: block.drops_gap.get(),
            drops_late: block.drops_late.get(),
            mode: legal("mode", block.mode, Mode::new)?,
        })
    }
}

block! {
    /// Fixed block of QosProducer (wire 4.6).
    pub struct QosProducerBlock [28] {
        0 stream_id: U32 = "streamId",
        4 producer_id: U32 = "producerId",
        8 epoch: U64 = "epoch",
        16 current_seq: U64 = "currentSeq",
        24 watermark: U32 = "watermark" null u32::MAX,
    }
}

/// A QosProducer found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct QosProducerView<'a> {
    /// The fixed block.
    pub block: &'a QosProducerBlock,
}

impl<'a> QosProducerView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`] refuses.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (_, block) = Cursor::message(bytes, SCHEMA, QosProducer::TEMPLATE)?;
        Ok(Self { block })
    }
}

/// How far a producer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct QosProducer {
    /// The stream.
    pub stream_id: StreamId,
    /// The producer; foreign ones may not know theirs.
    pub producer_id: Option<ClientId>,
    /// The mapped incarnation; `None` while nothing is mapped (T-54).
    pub epoch: Option<Epoch>,
    /// The next frame to be written; readers take it as approximate (T-22).
    pub current_seq: Seq,
    /// The application's own figure; information only (T-23).
    pub watermark: Option<u32>,
}

impl QosProducer {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 6;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout =
        MessageLayout::of::<QosProducerBlock>("QosProducer", SCHEMA, Self::TEMPLATE, &[]);

    /// Writes the message to the start of `out`; returns its length, always 36.
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let block = QosProducerBlock {
            stream_id: self.stream_id.get().into(),
            producer_id: self.producer_id.map_or(0, ClientId::get).into(),
            epoch: self.epoch.map_or(0, Epoch::get).into(),
            current_seq: self.current_seq.get().into(),
            watermark: self.watermark.unwrap_or(u32::MAX).into(),
        };
        Writer::new(out)
            .message(SCHEMA, Self::TEMPLATE, &block)
            .finish()
    }
}

impl TryFrom<QosProducerView<'_>> for QosProducer {
    type Error = ValueError;

    fn try_from(view: QosProducerView<'_>) -> Result<Self, ValueError> {
        let block = view.block;
        Ok(Self {
            stream_id: legal("streamId", block.stream_id.get(), StreamId::new)?,
            producer_id: ClientId::new(block.producer_id.get()),
            epoch: Epoch::new(block.epoch.get()),
            current_seq: legal("currentSeq", block.current_seq.get(), Seq::new)?,
            watermark: optional(block.watermark.get(), u32::MAX),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: T-42, T-45, T-54
    fn a_consumers_counters_keep_their_places() {
        for epoch in [None, Epoch::new(3)] {
            let qos = QosConsumer {
                stream_id: StreamId::new(1).unwrap(),
                consumer_id: ClientId::new(2).unwrap(),
                epoch,
                last_seq_seen: Seq::new(4).unwrap(),
                drops_gap: 5,
                drops_late: 6,
                mode: Mode::Stream,
            };
            let mut bytes = [0; 49];
            assert_eq!(qos.encode(&mut bytes), Ok(49));
            let view = QosConsumerView::parse(&bytes).unwrap();
            assert_eq!(
                (view.block.drops_gap.get(), view.block.drops_late.get()),
                (5, 6)
            );
            assert_eq!(QosConsumer::try_from(view), Ok(qos));
        }
    }

    #[test] // req: W-004, T-22, T-23, T-54
    fn a_producers_absent_figures_are_null() {
        let full = QosProducer {
            stream_id: StreamId::new(1).unwrap(),
            producer_id: ClientId::new(2),
            epoch: Epoch::new(3),
            current_seq: Seq::new(4).unwrap(),
            watermark: Some(0),
        };
        let bare = QosProducer {
            producer_id: None,
            epoch: None,
            watermark: None,
            ..full
        };
        for qos in [full, bare] {
            let mut bytes = [0; 36];
            assert_eq!(qos.encode(&mut bytes), Ok(36));
            let view = QosProducerView::parse(&bytes).unwrap();
            assert_eq!(view.block.current_seq.get(), 4);
            assert_eq!(QosProducer::try_from(view), Ok(qos));
        }
    }
}
