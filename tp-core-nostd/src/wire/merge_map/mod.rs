//! Schema 903: which input frames an output frame needs (join-barrier 1).

mod parameters;
mod request;
mod sequence;
mod timestamp;

pub use parameters::{Offset, OffsetNs, WindowNs, WindowSize};
pub use request::{
    MergeMapRequestBlock, SequenceMergeMapRequest, SequenceMergeMapRequestView,
    TimestampMergeMapRequest, TimestampMergeMapRequestView,
};
pub use sequence::{
    SequenceMergeMapAnnounce, SequenceMergeMapAnnounceBlock, SequenceMergeMapAnnounceView,
    SequenceNeed, SequenceRule, SequenceRuleBlock, SequenceRuleView,
};
pub use timestamp::{
    TimestampMergeMapAnnounce, TimestampMergeMapAnnounceBlock, TimestampMergeMapAnnounceView,
    TimestampNeed, TimestampRule, TimestampRuleBlock, TimestampRuleView, TimestampSource,
};

use super::ValueError;
use crate::ids::StreamId;
use crate::sbe::MessageLayout;

/// Schema id of these messages.
pub const SCHEMA: u16 = 903;

/// Every message of the schema, in the order of the template ids.
pub const MESSAGES: &[MessageLayout] = &[
    SequenceMergeMapAnnounce::LAYOUT,
    SequenceMergeMapRequest::LAYOUT,
    TimestampMergeMapAnnounce::LAYOUT,
    TimestampMergeMapRequest::LAYOUT,
];

/// Rule type OFFSET and OFFSET_NS (join-barrier 1).
const OFFSET: u8 = 0;
/// Rule type WINDOW and WINDOW_NS.
const WINDOW: u8 = 1;

/// Checks what all rules of a map have in common: there are some, and none reads the output (J-022).
fn check_inputs(
    out: StreamId,
    mut inputs: impl Iterator<Item = Result<StreamId, ValueError>>,
) -> Result<(), ValueError> {
    let first = inputs
        .next()
        .ok_or(ValueError::Missing { field: "rules" })?;
    for input in core::iter::once(first).chain(inputs) {
        let input = input?;
        if input == out {
            return Err(ValueError::Number {
                field: "inputStreamId",
                got: input.get().into(),
            });
        }
    }
    Ok(())
}
