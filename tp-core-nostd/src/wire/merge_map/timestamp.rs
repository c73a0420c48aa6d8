//! TimestampMergeMapAnnounce: which input times an output needs (join-barrier 1, 2.2).

use zerocopy::little_endian::{I64, U32, U64};

use super::{OFFSET, OffsetNs, SCHEMA, WINDOW, WindowNs, check_inputs};
use crate::ids::{Epoch, StreamId};
use crate::sbe::{
    Cursor, DecodeError, EncodeError, Entry, Group, GroupLayout, MessageLayout, Tail, Writer, block,
};
use crate::wire::enums::{ClockDomain, wire_enum};
use crate::wire::value::{legal, optional};
use crate::wire::{Entries, ValueError};

block! {
    /// Fixed block of TimestampMergeMapAnnounce (join-barrier 1).
    pub struct TimestampMergeMapAnnounceBlock [29] {
        0 out_stream_id: U32 = "outStreamId",
        4 epoch: U64 = "epoch",
        12 stale_timeout_ns: U64 = "staleTimeoutNs" null u64::MAX,
        20 clock_domain: u8 = "clockDomain",
        21 lateness_ns: U64 = "latenessNs" null u64::MAX,
    }
}

block! {
    /// Fixed block of a `rules` entry.
    pub struct TimestampRuleBlock [22] {
        0 input_stream_id: U32 = "inputStreamId",
        4 rule_type: u8 = "ruleType",
        5 timestamp_source: u8 = "timestampSource",
        6 offset_ns: I64 = "offsetNs" null i64::MIN,
        14 window_ns: U64 = "windowNs" null u64::MAX,
    }
}

wire_enum! {
    /// Which time of an input's frames counts (J-062).
    pub enum TimestampSource: u8 {
        /// That of the descriptor: when it was published.
        FrameDescriptor = 1,
        /// That of the slot header: when it was captured.
        SlotHeader = 2,
    }
}

/// A `rules` entry found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct TimestampRuleView<'a> {
    /// The fixed block.
    pub block: &'a TimestampRuleBlock,
}

impl<'a> Entry<'a> for TimestampRuleView<'a> {
    type Block = TimestampRuleBlock;

    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            block: cursor.block()?,
        })
    }
}

/// What an output needs of one input. Several rules may name the same input; all apply (J-027).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TimestampRule {
    /// The input.
    pub input: StreamId,
    /// Which time of its frames.
    pub source: TimestampSource,
    /// Which times.
    pub need: TimestampNeed,
}

/// Which times of an input an output needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TimestampNeed {
    /// The output's time plus this (J-056).
    Offset(OffsetNs),
    /// So long a window that ends at the output's time (J-057).
    Window(WindowNs),
}

impl TimestampRule {
    fn block(&self) -> TimestampRuleBlock {
        let (rule_type, offset_ns, window_ns) = match self.need {
            TimestampNeed::Offset(offset) => (OFFSET, offset.get(), WindowNs::NULL),
            TimestampNeed::Window(window) => (WINDOW, OffsetNs::NULL, window.get()),
        };
        TimestampRuleBlock {
            input_stream_id: self.input.get().into(),
            rule_type,
            timestamp_source: self.source.get(),
            offset_ns: offset_ns.into(),
            window_ns: window_ns.into(),
        }
    }
}

impl TryFrom<TimestampRuleView<'_>> for TimestampRule {
    type Error = ValueError;

    /// Exactly the parameter that the type names must be there (J-013, J-014).
    fn try_from(view: TimestampRuleView<'_>) -> Result<Self, ValueError> {
        let block = view.block;
        let (offset_ns, window_ns) = (block.offset_ns.get(), block.window_ns.get());
        let need = match block.rule_type {
            OFFSET => {
                legal("windowNs", window_ns, |raw| {
                    (raw == WindowNs::NULL).then_some(())
                })?;
                TimestampNeed::Offset(legal("offsetNs", offset_ns, OffsetNs::new)?)
            }
            WINDOW => {
                legal("offsetNs", offset_ns, |raw| {
                    (raw == OffsetNs::NULL).then_some(())
                })?;
                TimestampNeed::Window(legal("windowNs", window_ns, WindowNs::new)?)
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
            source: legal(
                "timestampSource",
                block.timestamp_source,
                TimestampSource::new,
            )?,
            need,
        })
    }
}

/// A TimestampMergeMapAnnounce found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct TimestampMergeMapAnnounceView<'a> {
    /// The fixed block.
    pub block: &'a TimestampMergeMapAnnounceBlock,
    /// `rules`.
    pub rules: Group<'a, TimestampRuleView<'a>>,
}

impl<'a> TimestampMergeMapAnnounceView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`] and [`Cursor::group`] refuse.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (mut cursor, block) =
            Cursor::message(bytes, SCHEMA, TimestampMergeMapAnnounce::TEMPLATE)?;
        Ok(Self {
            block,
            rules: cursor.group()?,
        })
    }
}

/// The timestamp map of one output in one epoch. Two equal ones are the same map (J-021).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampMergeMapAnnounce<'a> {
    /// The output.
    pub out_stream_id: StreamId,
    /// Its epoch (J-009).
    pub epoch: Epoch,
    /// After how long without a frame an input counts as stale, in nanoseconds; 0 is a value (J-090).
    pub stale_timeout_ns: Option<u64>,
    /// The clock of all times in question (J-018).
    pub clock_domain: ClockDomain,
    /// By how much inputs may lag, in nanoseconds; absent and 0 are the same, strict (J-034).
    pub lateness_ns: u64,
    /// One or more; none names the output.
    pub rules: Entries<'a, TimestampRule, TimestampRuleView<'a>>,
}

impl TimestampMergeMapAnnounce<'_> {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 3;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout = MessageLayout::of::<TimestampMergeMapAnnounceBlock>(
        "TimestampMergeMapAnnounce",
        SCHEMA,
        Self::TEMPLATE,
        &[Tail::Group(GroupLayout::of::<TimestampRuleBlock>(
            "rules",
            &[],
        ))],
    );

    /// Writes the message to the start of `out`; returns its length, 41 and 22 per rule. Lateness is always explicit.
    ///
    /// # Errors
    /// [`EncodeError`]: it does not fit, or there are too many rules.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut writer = Writer::new(out);
        let block = TimestampMergeMapAnnounceBlock {
            out_stream_id: self.out_stream_id.get().into(),
            epoch: self.epoch.get().into(),
            stale_timeout_ns: self.stale_timeout_ns.unwrap_or(u64::MAX).into(),
            clock_domain: self.clock_domain.get(),
            lateness_ns: self.lateness_ns.into(),
        };
        writer
            .message(SCHEMA, Self::TEMPLATE, &block)
            .group::<TimestampRuleBlock>(self.rules.iter().count());
        for rule in self.rules.iter() {
            writer.block(&rule.block());
        }
        writer.finish()
    }
}

impl<'a> TryFrom<TimestampMergeMapAnnounceView<'a>> for TimestampMergeMapAnnounce<'a> {
    type Error = ValueError;

    /// One rule that makes no sense makes the whole map void (J-015, J-022).
    fn try_from(view: TimestampMergeMapAnnounceView<'a>) -> Result<Self, ValueError> {
        let block = view.block;
        let out_stream_id = legal("outStreamId", block.out_stream_id.get(), StreamId::new)?;
        let rules = view.rules.iter().map(TimestampRule::try_from);
        check_inputs(out_stream_id, rules.map(|rule| Ok(rule?.input)))?;
        Ok(Self {
            out_stream_id,
            epoch: legal("epoch", block.epoch.get(), Epoch::new)?,
            stale_timeout_ns: optional(block.stale_timeout_ns.get(), u64::MAX),
            clock_domain: legal("clockDomain", block.clock_domain, ClockDomain::new)?,
            lateness_ns: optional(block.lateness_ns.get(), u64::MAX).unwrap_or(0),
            rules: Entries::received(view.rules),
        })
    }
}
