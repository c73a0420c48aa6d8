//! Schema 900.

use tp_core_nostd::uri::UriError;
use tp_core_nostd::wire::control::*;

use crate::harness::{Codec, check_golden, check_malformed, check_tolerated, codec, tolerated};
use crate::refusal::{
    Refusal, block_length, missing, number, refusals, repeated, schema, template, truncated, uri,
    var_data, version,
};

pub(crate) const CODECS: &[Codec] = &[
    codec!(ShmPoolAnnounceView => ShmPoolAnnounce),
    codec!(ConsumerHelloView => ConsumerHello),
    codec!(ConsumerConfigView => ConsumerConfig),
    codec!(FrameDescriptorView => FrameDescriptor),
    codec!(QosConsumerView => QosConsumer),
    codec!(QosProducerView => QosProducer),
    codec!(DataSourceAnnounceView => DataSourceAnnounce),
    codec!(DataSourceMetaView => DataSourceMeta),
    codec!(ControlResponseView => ControlResponse),
    codec!(MetaBlobAnnounceView => MetaBlobAnnounce),
    codec!(FrameProgressView => FrameProgress),
    codec!(MetaBlobChunkView => MetaBlobChunk),
    codec!(MetaBlobCompleteView => MetaBlobComplete),
];

#[test] // req: W-001, W-002, W-006, W-009, T-50, T-52, C-179
fn golden_vectors_both_ways() {
    check_golden(CODECS, WITHOUT_VALUE, REWRITTEN);
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
    let announce = tolerated("announce/trailing_bytes");
    let announce = ShmPoolAnnounce::try_from(ShmPoolAnnounceView::parse(&announce).unwrap());
    assert_eq!(announce.unwrap().producer_id, None); // req: T-08

    let descriptor = tolerated("descriptor/trace_all_ones");
    let descriptor = FrameDescriptor::try_from(FrameDescriptorView::parse(&descriptor).unwrap());
    assert_eq!(descriptor.unwrap().trace_id, None); // req: T-18, W-137, I-17

    let source = tolerated("source/name_not_ascii");
    let source = DataSourceAnnounce::try_from(DataSourceAnnounceView::parse(&source).unwrap());
    assert_eq!(source.unwrap().name.unwrap().to_string(), "cam\u{E9}ra"); // req: T-47

    let hello = tolerated("hello/layout_version_0");
    let hello = ConsumerHello::try_from(ConsumerHelloView::parse(&hello).unwrap());
    assert_eq!(hello.unwrap().expected_layout_version, None); // req: T-25

    for name in ["config/ids_all_ones", "config/half_assignment"] {
        let config = tolerated(name);
        let config = ConsumerConfig::try_from(ConsumerConfigView::parse(&config).unwrap()).unwrap();
        assert_eq!((config.descriptor, config.control), (None, None), "{name}"); // req: T-17
        assert!(config.use_shm, "{name}");
    }
}

const WITHOUT_VALUE: &[(&str, Refusal)] = refusals! {
    "ShmPoolAnnounce/empty_group_empty_uri" => missing("payloadPools"), // req: T-07
    "ShmPoolAnnounce/empty_and_long_entry_uris" => missing("regionUri"), // req: W-007
    "ShmPoolAnnounce/extremes" => number("headerNslots", 1 << 31), // req: W-023
    "FrameDescriptor/extremes" => number("streamId", 0xFFFF_FFFE), // req: T-53
    "FrameProgress/unknown_state" => number("streamId", 0xFFFF_FFFF), // req: T-53
};

const REWRITTEN: &[&str] = &[
    "ShmPoolAnnounce/hugepages_false_spelled_out", // req: T-31
    "FrameDescriptor/trace_all_ones",              // req: T-18
];

const REFUSED: &[(&str, Refusal)] = refusals! {
    "header/empty_buffer" => truncated(8, 0),
    "header/truncated_7" => truncated(8, 7),
    "header/truncated_block" => truncated(40, 39),
    "header/only" => truncated(40, 0),
    "header/wrong_schema_901" => schema(901), // req: W-001
    "header/big_endian" => schema(0x8403), // req: W-002, W-003
    "header/unknown_template" => template(999), // req: T-37
    "header/other_template" => template(11),
    "header/higher_version" => version(2), // req: T-37
    "header/block_length_short" => block_length(40, 39), // req: T-37
    "header/block_length_zero" => block_length(40, 0),
    "header/block_length_past_end" => block_length(40, 0xFFFF),
    "header/block_length_grown" => block_length(40, 44), // req: T-37
    "group/missing_dimension" => truncated(4, 0),
    "group/truncated_dimension" => truncated(4, 3),
    // The entry that is not there is read out of the header URI, where the length of its var data is "le?p".
    "group/count_past_end" => var_data(u32::from_le_bytes(*b"le?p")), // req: T-38
    "group/count_65535" => var_data(u32::from_le_bytes(*b"le?p")), // req: T-38
    "group/block_length_short" => block_length(10, 9), // req: T-37
    "group/block_length_zero" => block_length(10, 0), // req: T-38
    "group/block_length_past_end" => block_length(10, 60_000),
    "group/entry_truncated" => truncated(10, 6),
    "vardata/entry_missing_length" => truncated(4, 0),
    "vardata/entry_length_past_end" => truncated(194, 133), // req: T-38
    "vardata/length_truncated" => truncated(4, 2),
    "vardata/missing_last" => truncated(4, 0),
    "vardata/length_one_past_end" => truncated(68, 67),
    "vardata/length_1GiB" => truncated(1 << 30, 67), // req: T-38
    "vardata/length_1GiB_plus_1" => var_data((1 << 30) + 1),
    "vardata/length_all_ones" => var_data(u32::MAX), // req: T-38
    "vardata/length_wraps_32" => var_data(0xFFFF_FFC3), // req: T-38
    "vardata/not_ascii" => forbidden_byte(0, 0xFF), // req: T-31, T-47
    "vardata/nul_inside" => forbidden_byte(20, 0), // req: T-31
    "announce/clock_domain_0" => number("announceClockDomain", 0), // req: W-281
    "announce/clock_domain_3" => number("announceClockDomain", 3), // req: W-281
    "announce/clock_domain_255" => number("announceClockDomain", 255), // req: W-281
    "announce/header_slot_bytes_512" => number("headerSlotBytes", 512), // req: W-012, W-023
    "announce/header_nslots_0" => number("headerNslots", 0), // req: W-023
    "announce/header_nslots_6" => number("headerNslots", 6), // req: W-023
    "announce/pool_nslots_differs" => number("poolNslots", 16), // req: W-123
    "announce/stride_0" => number("strideBytes", 0), // req: W-131, W-133
    "announce/stride_32" => number("strideBytes", 32), // req: W-131, W-133
    "announce/stride_100" => number("strideBytes", 100), // req: W-131, W-133, T-05
    "announce/duplicate_pool_id" => repeated("poolId", 1), // req: T-07
    "announce/no_pools" => missing("payloadPools"), // req: T-07
    "announce/no_header_uri" => missing("headerRegionUri"), // req: T-07
    "announce/uri_relative_path" => header_uri(UriError::RelativePath), // req: W-236, W-249
    "announce/uri_unknown_scheme" => header_uri(UriError::Scheme), // req: W-238
    "announce/uri_upper_case_scheme" => header_uri(UriError::Scheme), // req: W-234, W-238
    "announce/uri_unknown_parameter" => header_uri(UriError::Parameter), // req: W-239
    "announce/uri_ampersand" => header_uri(UriError::Flag), // req: W-235
    "announce/uri_bool_upper" => header_uri(UriError::Flag), // req: W-234
    "announce/uri_bool_one" => header_uri(UriError::Flag), // req: W-234
    "announce/uri_empty_path" => header_uri(UriError::RelativePath), // req: W-236
    "announce/uri_no_path" => header_uri(UriError::NoPath), // req: W-236
    "announce/uri_prefix_key" => header_uri(UriError::NoPath), // req: T-31
    "announce/uri_duplicate_path" => header_uri(UriError::Parameter), // req: T-31
    "announce/uri_duplicate_hugepages" => header_uri(UriError::Parameter), // req: T-31
    "announce/uri_trailing_separator" => header_uri(UriError::Parameter), // req: T-31
    "announce/uri_question_in_path" => forbidden_byte(24, b'?'), // req: W-234
    "announce/uri_space_in_path" => forbidden_byte(24, b' '), // req: W-234, T-31
    "hello/bool_2" => number("supportsShm", 2), // req: W-281
    "hello/mode_0" => number("mode", 0), // req: W-281
    "hello/mode_3" => number("mode", 3), // req: W-281
    "hello/mode_255" => number("mode", 255), // req: W-281
    "hello/second_var_data_missing" => truncated(4, 0),
    "response/code_5" => number("code", 5), // req: W-281, T-24
    "response/code_min" => number("code", i32::MIN as i128), // req: W-281
    "progress/state_0" => number("state", 0), // req: T-21
    "progress/state_4" => number("state", 4), // req: W-281
    "meta/count_past_end" => truncated(4, 0), // req: T-38
    "meta/truncated_value" => truncated(1, 0),
    "meta/key_length_past_end" => truncated(1 << 29, 20), // req: T-38
    "blob/chunk_cut" => truncated(6, 4),
    "blob/offset_overflow" => number("chunkOffset", 0xFFFF_FFFF_FFFF_FFFD), // req: T-36
};

/// The grammar allows `..`; only the file system can say where it leads.
const LEFT_TO: &[(&str, &[&str])] = &[("path containment", &["announce/uri_dot_dot"])];

const fn header_uri(error: UriError) -> Refusal {
    uri("headerRegionUri", error)
}

const fn forbidden_byte(at: usize, got: u8) -> Refusal {
    header_uri(UriError::Byte { at, got })
}
