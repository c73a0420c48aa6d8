//! Schema 904.

use tp_core_nostd::wire::tracelink::*;

use crate::harness::{Codec, check_golden, check_malformed, codec};
use crate::refusal::{
    Refusal, block_length, missing, number, refusals, repeated, too_many, truncated,
};

pub(crate) const CODECS: &[Codec] = &[codec!(TraceLinkSetView => TraceLinkSet)];

#[test] // req: K-026, K-031, K-033, C-179
fn golden_vectors_both_ways() {
    check_golden(CODECS, WITHOUT_VALUE, &[]);
}

#[test]
fn malformed_messages_are_refused() {
    check_malformed(CODECS, REFUSED, &[]);
}

const WITHOUT_VALUE: &[(&str, Refusal)] = refusals! {
    "TraceLinkSet/300_parents" => too_many("parents", 300, PARENTS_MAX), // req: K-037
    "TraceLinkSet/extremes" => number("streamId", u32::MAX as i128), // req: T-53
};

const REFUSED: &[(&str, Refusal)] = refusals! {
    headers { // req: K-026, K-034
        "TraceLinkSet": 28,
    }
    "TraceLinkSet/dimension_missing" => truncated(4, 0),
    "TraceLinkSet/group_block_4" => block_length(8, 4),
    "TraceLinkSet/group_block_16" => block_length(8, 16),
    "TraceLinkSet/count_3" => truncated(8, 0),
    "TraceLinkSet/count_65535" => truncated(8, 0), // req: K-037
    "TraceLinkSet/parent_cut" => truncated(8, 7),
    "TraceLinkSet/no_parents" => missing("parents"), // req: K-036, K-031
    "TraceLinkSet/parent_zero" => number("parents", 0), // req: K-036, K-030
    "TraceLinkSet/parent_twice" => repeated("parents", 1), // req: K-036, K-032
    "TraceLinkSet/trace_zero" => number("traceId", 0), // req: K-036, K-019
    "TraceLinkSet/trace_all_ones" => number("traceId", u64::MAX as i128), // req: K-042
    "TraceLinkSet/self_parent" => repeated("parents", 77), // req: K-041
};
