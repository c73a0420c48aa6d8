//! Schema 903.

use tp_core_nostd::wire::merge_map::*;

use crate::harness::{Codec, check_golden, check_malformed, check_tolerated, codec};
use crate::refusal::{Refusal, block_length, missing, number, refusals, truncated};

pub(crate) const CODECS: &[Codec] = &[
    codec!(SequenceMergeMapAnnounceView => SequenceMergeMapAnnounce),
    codec!(SequenceMergeMapRequestView => SequenceMergeMapRequest),
    codec!(TimestampMergeMapAnnounceView => TimestampMergeMapAnnounce),
    codec!(TimestampMergeMapRequestView => TimestampMergeMapRequest),
];

#[test] // req: J-010, J-027, J-029, J-030, J-031, J-032, J-039, C-179
fn golden_vectors_both_ways() {
    check_golden(CODECS, WITHOUT_VALUE, REWRITTEN);
}

#[test]
fn malformed_messages_are_refused() {
    check_malformed(CODECS, REFUSED, &[]);
}

#[test]
fn odd_messages_are_tolerated() {
    check_tolerated(CODECS);
}

const WITHOUT_VALUE: &[(&str, Refusal)] = refusals! {
    "SequenceMergeMapAnnounce/extremes" => number("outStreamId", u32::MAX as i128), // req: T-53
    "SequenceMergeMapAnnounce/no_rules" => missing("rules"), // req: J-023
    "TimestampMergeMapAnnounce/extremes" => number("outStreamId", u32::MAX as i128), // req: T-53
    "TimestampMergeMapAnnounce/no_rules" => missing("rules"), // req: J-023
};

const REWRITTEN: &[&str] = &[
    "TimestampMergeMapAnnounce/offset_zero", // req: J-034
];

const REFUSED: &[(&str, Refusal)] = refusals! {
    headers { // req: J-006
        "SequenceMergeMapAnnounce": 20,
        "TimestampMergeMapRequest": 12,
    }
    "SequenceMap/dimension_missing" => truncated(4, 0),
    "SequenceMap/group_block_12" => block_length(13, 12),
    "SequenceMap/group_block_14" => block_length(13, 14),
    "SequenceMap/count_3" => truncated(13, 0),
    "SequenceMap/count_65535" => truncated(13, 0), // req: J-026
    "SequenceMap/rule_cut" => truncated(13, 12),
    "TimestampMap/dimension_missing" => truncated(4, 0),
    "TimestampMap/group_block_21" => block_length(22, 21),
    "TimestampMap/group_block_24" => block_length(22, 24),
    "TimestampMap/count_2" => truncated(22, 0),
    "TimestampMap/rule_cut" => truncated(22, 21),
    "SequenceMap/type_2" => number("ruleType", 2), // req: J-022
    "SequenceMap/type_255" => number("ruleType", 255), // req: J-022
    "SequenceMap/offset_null" => number("offset", i32::MIN as i128), // req: J-011, J-015
    "SequenceMap/offset_with_window" => number("windowSize", 3), // req: J-011, J-015
    "SequenceMap/window_null" => number("windowSize", u32::MAX as i128), // req: J-012, J-015
    "SequenceMap/window_0" => number("windowSize", 0), // req: J-012, J-015, J-017
    "SequenceMap/window_with_offset" => number("offset", 0), // req: J-012, J-015
    "SequenceMap/input_0" => number("inputStreamId", 0), // req: J-022
    "SequenceMap/input_is_output" => number("inputStreamId", 10_100), // req: J-022
    "TimestampMap/type_2" => number("ruleType", 2), // req: J-022
    "TimestampMap/source_0" => number("timestampSource", 0), // req: J-022
    "TimestampMap/source_3" => number("timestampSource", 3), // req: J-022
    "TimestampMap/source_255" => number("timestampSource", 255), // req: J-022
    "TimestampMap/offset_null" => number("offsetNs", i64::MIN as i128), // req: J-013, J-015
    "TimestampMap/offset_with_window" => number("windowNs", 5), // req: J-013, J-015
    "TimestampMap/window_null" => number("windowNs", u64::MAX as i128), // req: J-014, J-015
    "TimestampMap/window_0" => number("windowNs", 0), // req: J-017, J-014, J-015
    "TimestampMap/window_with_offset" => number("offsetNs", 0), // req: J-014, J-015
    "TimestampMap/clock_domain_0" => number("clockDomain", 0), // req: J-022, J-018
    "TimestampMap/clock_domain_3" => number("clockDomain", 3), // req: J-022, J-018
    "TimestampMap/clock_domain_255" => number("clockDomain", 255), // req: J-022, J-018
    "SequenceMap/no_rules" => missing("rules"), // req: J-022, J-023
    "SequenceMap/out_stream_0" => number("outStreamId", 0), // req: J-022
    "SequenceMap/epoch_0" => number("epoch", 0), // req: J-022
    "TimestampMap/no_rules" => missing("rules"), // req: J-022, J-023
    "TimestampMap/out_stream_0" => number("outStreamId", 0), // req: J-022
    "TimestampMap/epoch_0" => number("epoch", 0), // req: J-022
};
