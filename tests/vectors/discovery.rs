//! Schema 910.

use tp_core_nostd::wire::discovery::*;

use crate::harness::{
    Codec, MALFORMED, bytes, check_golden, check_malformed, check_tolerated, codec, encoded,
    entries, refused_when_short, tolerated,
};
use crate::refusal::{Refusal, block_length, missing, number, refusals, truncated, var_data};

pub(crate) const CODECS: &[Codec] = &[
    codec!(DiscoveryRequestView => DiscoveryRequest),
    Codec {
        layout: DiscoveryResponse::LAYOUT,
        // Every response has a value.
        round_trip: |bytes| {
            let view = DiscoveryResponseView::parse(bytes).map_err(Refusal::Codec)?;
            let value = DiscoveryResponse::from(view);
            Ok(encoded(|out| value.encode(out)))
        },
        into_short: |bytes| {
            let view = DiscoveryResponseView::parse(bytes).map_err(Refusal::Codec)?;
            let value = DiscoveryResponse::from(view);
            Ok(refused_when_short(|out| value.encode(out)))
        },
    },
];

#[test] // req, C-179
fn golden_vectors_both_ways() {
    check_golden(CODECS, &[], REWRITTEN);
}

#[test]
fn malformed_messages_are_refused() {
    check_malformed(CODECS, REFUSED, LEFT_TO);
}

#[test]
fn odd_messages_are_tolerated() {
    check_tolerated(CODECS);
}

#[test]
fn odd_messages_mean_what_the_files_say() {
    let request = tolerated("Request/name_prefix_missing_with_tags");
    let request = DiscoveryRequest::try_from(DiscoveryRequestView::parse(&request).unwrap());
    let request = request.unwrap(); // req: R-007, I-15
    assert_eq!(
        (request.response_channel, request.data_source_name),
        ("aeron:ipc", None)
    );
    assert_eq!(
        request.tags,
        Tags::listed(&[Tag("ab".into()), Tag("c".into())])
    );

    let response = tolerated("Response/ok_with_text");
    let response = DiscoveryResponse::from(DiscoveryResponseView::parse(&response).unwrap());
    let DiscoveryOutcome::Found(results) = response.outcome else {
        // req: R-036
        panic!("{response:?}");
    };
    assert_eq!(results.iter().count(), 1);
}

#[test] // req: R-054
fn responses_keep_what_makes_sense() {
    let mut seen = 0;
    for entry in entries(MALFORMED).filter(|entry| PARTLY.contains(&&*entry.name)) {
        let bytes = bytes(&entry);
        let view = DiscoveryResponseView::parse(&bytes).expect(&entry.name);
        let outcome = DiscoveryResponse::from(view).outcome;
        let kind = entry.name.trim_start_matches("Response/");
        let kept = match outcome {
            DiscoveryOutcome::Found(results) => Some((view.results.len(), results.iter().count())),
            DiscoveryOutcome::NotFound => None,
            DiscoveryOutcome::Error(_) => None,
        };
        if kind.starts_with("entry_") {
            assert_eq!(kept, Some((2, 1)), "{kind}");
        } else if kind == "not_found_with_results" {
            assert_eq!(outcome, DiscoveryOutcome::NotFound, "{kind}");
        } else {
            assert!(matches!(outcome, DiscoveryOutcome::Error(_)), "{kind}");
        }
        seen += 1;
    }
    assert_eq!(seen, PARTLY.len());
}

/// Responses of which a part makes no sense.
const PARTLY: &[&str] = &[
    "Response/status_0",                    // req: R-054
    "Response/status_4",                    // req: R-054
    "Response/status_255",                  // req: R-054
    "Response/error_with_results",          // req: R-040
    "Response/not_found_with_results",      // req: R-040
    "Response/entry_control_stream_0",      // req: R-049
    "Response/entry_control_channel_empty", // req: R-048
    "Response/entry_slot_bytes_128",        // req: R-041
    "Response/entry_max_dims_7",            // req: R-042
    "Response/entry_pool_nslots_differs",   // req
    "Response/entry_no_pools",              // req: R-053
    "Response/entry_pool_uri_empty",        // req: R-053
    "Response/entry_header_uri_empty",      // req: R-053
];

const REWRITTEN: &[&str] = &[
    "DiscoveryResponse/entry_without_pools", // req: R-053
    "DiscoveryResponse/result_extremes",     // req: R-054
];

const REFUSED: &[(&str, Refusal)] = refusals! {
    headers { // req
        "DiscoveryRequest": 32,
        "DiscoveryResponse": 9,
    }
    "Request/dimension_cut" => truncated(4, 2),
    "Request/tags_block_4" => block_length(0, 4),
    "Request/tags_block_65535" => block_length(0, 65_535),
    "Request/tags_count_65535" => truncated(4, 0), // req: T-38
    "Request/tag_length_past_end" => truncated(1000, 24),
    "Request/tag_length_all_ones" => var_data(u32::MAX), // req: T-38
    "Request/channel_cut" => truncated(9, 7),
    "Request/channel_prefix_missing" => truncated(4, 0),
    "Request/name_prefix_cut" => truncated(4, 2),
    "Request/channel_empty" => missing("responseChannel"), // req: R-018
    "Request/response_stream_0" => number("responseStreamId", 0), // req: R-019
    "Request/response_stream_too_big" => number("responseStreamId", 1 << 31), // req: R-033
    "Response/results_block_38" => block_length(39, 38),
    "Response/results_block_40" => block_length(39, 40),
    "Response/results_count_2" => truncated(39, 4),
    "Response/results_count_65535" => truncated(39, 4), // req: T-38
    "Response/entry_cut" => truncated(39, 38),
    "Response/pools_missing" => truncated(4, 0),
    "Response/pools_block_0" => block_length(10, 0),
    "Response/pools_count_9" => truncated(602_413, 43),
    "Response/pool_uri_length" => truncated(1 << 30, 228),
    "Response/tags_block_4" => block_length(0, 4),
    "Response/tags_count_65535" => truncated(4, 0), // req: T-38
    "Response/tag_length" => var_data(u32::MAX),
    "Response/error_prefix_missing" => truncated(4, 0),
};

const LEFT_TO: &[(&str, &[&str])] = &[
    ("the provider's allow list", &["Request/channel_scheme"]),
    (
        "the value, which takes what makes sense: tested below",
        PARTLY,
    ),
];
