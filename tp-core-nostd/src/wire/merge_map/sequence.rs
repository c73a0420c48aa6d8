//! SequenceMergeMapAnnounce: which input sequence numbers an output needs (join-barrier 1, 2.2).

use zerocopy::little_endian::{I32, U32, U64};

use super::{OFFSET, Offset, SCHEMA, WINDOW, WindowSize, check_inputs};
use crate::ids::{Epoch, StreamId};
use crate::sbe::{
    Cursor, DecodeError, EncodeError, Entry, Group, GroupLayout, MessageLayout, Tail, Writer, block,
};
use crate::wire::value::{legal, optional};
use crate::wire::{Entries, ValueError};

block! {
    /// Fixed block of SequenceMergeMapAnnounce (join-barrier 1).
    pub struct SequenceMergeMapAnnounceBlock [20] {
        0 out_stream_id: U32 = "outStreamId",
        4 epoch: U64 = "epoch",
        12 stale_timeout_ns: U64 = "staleTimeoutNs" null u64::MAX,
    }
}

block! {
    /// Fixed block of a `rules` entry.
    pub struct SequenceRuleBlock [13] {
        0 input_stream_id: U32 = "inputStreamId",
        4 rule_type: u8 = "ruleType",
        5 offset: I32 = "offset" null i32::MIN,
        9 window_size: U32 = "windowSize" null u32::MAX,
    }
}

/// A `rules` entry found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct SequenceRuleView<'a> {
    /// The fixed block.
    pub block: &'a SequenceRuleBlock,
}

impl<'a> Entry<'a> for SequenceRuleView<'a> {
    type Block = SequenceRuleBlock;

    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            block: cursor.block()?,
        })
    }
}

/// What an output needs of one input. Several rules may name the same input; all apply (J-027).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SequenceRule {
    /// The input.
    pub input: StreamId,
    /// Which of its frames.
    pub need: SequenceNeed,
}

/// Which frames of an input an output needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SequenceNeed {
    /// The one at the output's number plus this (J-044).
    Offset(Offset),
    /// So many, the last at the output's number (J-045).
    Window(WindowSize),
}

impl SequenceRule {
    fn block(&self) -> SequenceRuleBlock {
        let (rule_type, offset, window_size) = match self.need {
            SequenceNeed::Offset(offset) => (OFFSET, offset.get(), WindowSize::NULL),
            SequenceNeed::Window(size) => (WINDOW, Offset::NULL, size.get()),
        };
        SequenceRuleBlock {
            input_stream_id: self.input.get().into(),
            rule_type,
            offset: offset.into(),
            window_size: window_size.into(),
        }
    }
}

impl TryFrom<SequenceRuleView<'_>> for SequenceRule {
    type Error = ValueError;

    /// Exactly the parameter that the type names must be there (J-011, J-012).
    fn try_from(view: SequenceRuleView<'_>) -> Result<Self, ValueError> {
        let block = view.block;
        let (offset, window_size) = (block.offset.get(), block.window_size.get());
        let need = match block.rule_type {
            OFFSET => {
                legal("windowSize", window_size, |raw| {
                    (raw == WindowSize::NULL).then_some(())
                })?;
                SequenceNeed::Offset(legal("offset", offset, Offset::new)?)
            }
            WINDOW => {
                legal("offset", offset, |raw| (raw == Offset::NULL).then_some(()))?;
                SequenceNeed::Window(legal("windowSize", window_size, WindowSize::new)?)
            }
            got => {
                return Err(ValueError::Number {
                    field: "ruleType",
                    got: got.into(),
                });
            }
        };
        Ok(Self {
            input: legal("inputStreamId", block.input_stream_id.get(), StreamId::new)?,
            need,
        })
    }
}

/// A SequenceMergeMapAnnounce found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct SequenceMergeMapAnnounceView<'a> {
    /// The fixed block.
    pub block: &'a SequenceMergeMapAnnounceBlock,
    /// `rules`.
    pub rules: Group<'a, SequenceRuleView<'a>>,
}

impl<'a> SequenceMergeMapAnnounceView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`] and [`Cursor::group`] refuse.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (mut cursor, block) =
            Cursor::message(bytes, SCHEMA, SequenceMergeMapAnnounce::TEMPLATE)?;
        Ok(Self {
            block,
            rules: cursor.group()?,
        })
    }
}

/// The sequence map of one output in one epoch. Two equal ones are the same map (J-021).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceMergeMapAnnounce<'a> {
    /// The output.
    pub out_stream_id: StreamId,
    /// Its epoch (J-009).
    pub epoch: Epoch,
    /// After how long without a frame an input counts as stale, in nanoseconds; 0 is a value (J-090).
    pub stale_timeout_ns: Option<u64>,
    /// One or more; none names the output.
    pub rules: Entries<'a, SequenceRule, SequenceRuleView<'a>>,
}

impl SequenceMergeMapAnnounce<'_> {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 1;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout = MessageLayout::of::<SequenceMergeMapAnnounceBlock>(
        "SequenceMergeMapAnnounce",
        SCHEMA,
        Self::TEMPLATE,
        &[Tail::Group(GroupLayout::of::<SequenceRuleBlock>(
            "rules",
            &[],
        ))],
    );

    /// Writes the message to the start of `out`; returns its length, 32 and 13 per rule.
    ///
    /// # Errors
    /// [`EncodeError`]: it does not fit, or there are too many rules.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut writer = Writer::new(out);
        let block = SequenceMergeMapAnnounceBlock {
            out_stream_id: self.out_stream_id.get().into(),
            epoch: self.epoch.get().into(),
            stale_timeout_ns: self.stale_timeout_ns.unwrap_or(u64::MAX).into(),
        };
        writer
            .message(SCHEMA, Self::TEMPLATE, &block)
            .group::<SequenceRuleBlock>(self.rules.iter().count());
        for rule in self.rules.iter() {
            writer.block(&rule.block());
        }
        writer.finish()
    }
}

impl<'a> TryFrom<SequenceMergeMapAnnounceView<'a>> for SequenceMergeMapAnnounce<'a> {
    type Error = ValueError;

    /// One rule that makes no sense makes the whole map void (J-015, J-022).
    fn try_from(view: SequenceMergeMapAnnounceView<'a>) -> Result<Self, ValueError> {
        let block = view.block;
        let out_stream_id = legal("outStreamId", block.out_stream_id.get(), StreamId::new)?;
        let rules = view.rules.iter().map(SequenceRule::try_from);
        check_inputs(out_stream_id, rules.map(|rule| Ok(rule?.input)))?;
        Ok(Self {
            out_stream_id,
            epoch: legal("epoch", block.epoch.get(), Epoch::new)?,
            stale_timeout_ns: optional(block.stale_timeout_ns.get(), u64::MAX),
            rules: Entries::received(view.rules),
        })
    }
}
