//! Schema 900.

use tp_core_nostd::sbe::DecodeError::{
    self, Truncated, UnsupportedVersion, WrongBlockLength, WrongSchema, WrongTemplate,
};
use tp_core_nostd::wire::ValueError;
use tp_core_nostd::wire::control::*;

use crate::harness::{Refusal, Suite, codec};

pub(crate) const SUITE: Suite = Suite {
    codecs: &[codec!(FrameDescriptorView => FrameDescriptor)],
    without_value: WITHOUT_VALUE,
    rewritten: REWRITTEN,
    refused: REFUSED,
    left_to: LEFT_TO,
};

#[test] // req: W-001, W-002
fn golden_vectors_both_ways() {
    SUITE.check_golden();
}

#[test]
fn malformed_messages_are_refused() {
    SUITE.check_malformed();
}

#[test]
fn odd_messages_are_tolerated() {
    SUITE.check_tolerated();
}

const WITHOUT_VALUE: &[(&str, ValueError)] = &[
    ("FrameDescriptor/extremes", number("streamId", 0xFFFF_FFFE)), // req: T-53
];

const REWRITTEN: &[&str] = &[
    "FrameDescriptor/trace_all_ones", // req: T-18
];

const REFUSED: &[(&str, Refusal)] = &[
    (
        "header/empty_buffer",
        codec(Truncated { needed: 8, got: 0 }),
    ),
    ("header/truncated_7", codec(Truncated { needed: 8, got: 7 })),
    (
        "header/truncated_block",
        codec(Truncated {
            needed: 40,
            got: 39,
        }),
    ),
    ("header/only", codec(Truncated { needed: 40, got: 0 })),
    ("header/wrong_schema_901", codec(WrongSchema { got: 901 })), // req: W-001
    ("header/big_endian", codec(WrongSchema { got: 0x8403 })),    // req: W-002, W-003
    ("header/unknown_template", codec(WrongTemplate { got: 999 })), // req: T-37
    ("header/other_template", codec(WrongTemplate { got: 11 })),
    (
        "header/higher_version",
        codec(UnsupportedVersion { got: 2 }),
    ), // req: T-37
    (
        "header/block_length_short",
        codec(WrongBlockLength {
            expected: 40,
            got: 39,
        }),
    ), // req: T-37
    (
        "header/block_length_zero",
        codec(WrongBlockLength {
            expected: 40,
            got: 0,
        }),
    ),
    (
        "header/block_length_past_end",
        codec(WrongBlockLength {
            expected: 40,
            got: 0xFFFF,
        }),
    ),
    (
        "header/block_length_grown",
        codec(WrongBlockLength {
            expected: 40,
            got: 44,
        }),
    ), // req: T-37
];

const LEFT_TO: &[(&str, &[&str])] = &[];

const fn codec(error: DecodeError) -> Refusal {
    Refusal::Codec(error)
}

const fn number(field: &'static str, got: i128) -> ValueError {
    ValueError::Number { field, got }
}
