//! Schema 901.

use tp_core_nostd::uri::UriError;
use tp_core_nostd::wire::driver::{self, *};

use crate::harness::{
    Codec, Entry, MALFORMED, bytes, check_golden, check_malformed, check_tolerated, codec, encoded,
    entries, tolerated,
};
use crate::refusal::{
    Refusal, block_length, missing, number, refusals, repeated, truncated, uri, var_data, version,
};

pub(crate) const CODECS: &[Codec] = &[
    codec!(ShmAttachRequestView => ShmAttachRequest),
    codec!(ShmAttachResponseView => ShmAttachResponse),
    codec!(ShmDetachRequestView => ShmDetachRequest),
    codec!(ShmDetachResponseView => ShmDetachResponse),
    codec!(ShmLeaseKeepaliveView => ShmLeaseKeepalive),
    codec!(ShmDriverShutdownView => ShmDriverShutdown),
    codec!(ShmLeaseRevokedView => ShmLeaseRevoked),
    codec!(ShmDriverShutdownRequestView => ShmDriverShutdownRequest),
];

#[test] // req: D-022, D-024, D-041, D-043, C-179
fn golden_vectors_both_ways() {
    check_golden(CODECS, WITHOUT_VALUE, REWRITTEN);
}

#[test]
fn malformed_messages_are_refused() {
    check_malformed(CODECS, REFUSED, LEFT_TO);
}

#[test] // req: D-029, D-064
fn odd_messages_are_tolerated() {
    check_tolerated(CODECS);
}

#[test]
fn odd_messages_mean_what_the_files_say() {
    let response = tolerated("AttachResponse/rejected_with_fields");
    let response = ShmAttachResponse::try_from(ShmAttachResponseView::parse(&response).unwrap());
    let refusal = response.unwrap().outcome.unwrap_err(); // req: D-041, D-043
    assert_eq!(refusal.code, RefusalCode::Rejected);

    let response = tolerated("AttachResponse/error_text_over_1024");
    let response = ShmAttachResponse::try_from(ShmAttachResponseView::parse(&response).unwrap());
    let response = response.unwrap(); // req: D-031, D-032
    assert_eq!(encoded(|out| response.encode(out)).len(), 74 + 1024);

    let response = tolerated("AttachResponse/error_text_not_ascii");
    let response = ShmAttachResponse::try_from(ShmAttachResponseView::parse(&response).unwrap());
    let refusal = response.unwrap().outcome.unwrap_err(); // req: T-47
    assert_eq!(refusal.error_message.unwrap().to_string(), "kapazit\u{E4}t");

    let request = tolerated("AttachRequest/publish_mode_null");
    let request = ShmAttachRequest::try_from(ShmAttachRequestView::parse(&request).unwrap());
    assert_eq!(request.unwrap().publish_mode, PublishMode::RequireExisting); // req: D-064
}

#[test] // req: D-028, D-054, D-062, D-063, D-104
fn senseless_requests_get_the_answer_their_vectors_name() {
    let mut answered = 0;
    for entry in entries(MALFORMED) {
        if let Some(answer) = answer(&entry) {
            let code = match answer.code {
                RefusalCode::Unsupported => "UNSUPPORTED",
                RefusalCode::InvalidParams => "INVALID_PARAMS",
                RefusalCode::Rejected => "REJECTED",
                RefusalCode::InternalError => "INTERNAL_ERROR",
            };
            assert!(entry.why.contains(code), "{}: {answer:?}", entry.name);
            answered += 1;
        } else {
            let left = LEFT_TO
                .iter()
                .any(|(_, names)| names.contains(&&*entry.name));
            let silent =
                !entry.why.contains("UNSUPPORTED") && !entry.why.contains("INVALID_PARAMS");
            assert!(left || silent, "{}: {}", entry.name, entry.why);
        }
    }
    assert_eq!(answered, 16);
}

/// What a driver answers to a message that it cannot take for a sensible request.
fn answer(entry: &Entry) -> Option<driver::Refusal<'static>> {
    let bytes = bytes(entry);
    if NewerRequest::recognise(&bytes).is_some() {
        return Some(driver::Refusal::unsupported_version());
    }
    if let Ok(view) = ShmAttachRequestView::parse(&bytes) {
        let error = ShmAttachRequest::try_from(view).err()?;
        return Some(driver::Refusal::of_attach(error));
    }
    let view = ShmDetachRequestView::parse(&bytes).ok()?;
    let error = ShmDetachRequest::try_from(view).err()?;
    Some(driver::Refusal::of_detach(error))
}

const WITHOUT_VALUE: &[(&str, Refusal)] = refusals! {
    "ShmAttachRequest/extremes" => number("clientId", u32::MAX as i128), // req: D-062
};

const REWRITTEN: &[&str] = &[
    "ShmAttachRequest/publish_mode_absent", // req: D-064
    "ShmAttachResponse/ok_hugepages_false_spelled_out", // req: T-31
];

const REFUSED: &[(&str, Refusal)] = refusals! {
    headers { // req: D-025, D-026, D-029
        "ShmAttachRequest": 27,
        "ShmDetachRequest": 25,
        "ShmLeaseKeepalive": 25,
    }
    "ShmAttachRequest/version_2_longer_block" => version(2), // req: D-025, D-028
    "ShmAttachRequest/version_2_no_correlation" => version(2), // req: D-025, D-028
    "ShmDetachRequest/version_2_longer_block" => version(2), // req: D-025, D-028
    "ShmDetachRequest/version_2_no_correlation" => version(2), // req: D-025, D-028
    "AttachResponse/dimension_missing" => truncated(4, 0),
    "AttachResponse/dimension_cut" => truncated(4, 3),
    "AttachResponse/group_block_9" => block_length(10, 9), // req: D-029
    "AttachResponse/group_block_0" => block_length(10, 0), // req: D-029
    "AttachResponse/group_block_12" => block_length(10, 12), // req: D-029
    "AttachResponse/group_block_65535" => block_length(10, 65_535), // req: D-029
    "AttachResponse/count_2" => var_data(u32::from_le_bytes(*b"le?p")),
    "AttachResponse/count_65535" => var_data(u32::from_le_bytes(*b"le?p")), // req: T-38
    "AttachResponse/entry_cut" => truncated(10, 9),
    "AttachResponse/uri_length_missing" => truncated(4, 0),
    "AttachResponse/uri_length_1GiB" => truncated(1 << 30, 165),
    "AttachResponse/uri_length_1GiB_plus_1" => var_data((1 << 30) + 1),
    "AttachResponse/uri_length_all_ones" => var_data(u32::MAX), // req: T-38
    "AttachResponse/error_prefix_missing" => truncated(4, 0), // req: D-024
    "AttachResponse/error_prefix_cut" => truncated(4, 3),
    "ShmDetachResponse/last_prefix_missing" => truncated(4, 0), // req: D-024
    "ShmDetachResponse/last_length_1" => truncated(1, 0),
    "ShmDriverShutdown/last_prefix_missing" => truncated(4, 0), // req: D-024
    "ShmDriverShutdown/last_length_1" => truncated(1, 0),
    "ShmLeaseRevoked/last_prefix_missing" => truncated(4, 0), // req: D-024
    "ShmLeaseRevoked/last_length_1" => truncated(1, 0),
    "ShmDriverShutdownRequest/last_prefix_missing" => truncated(4, 0), // req: D-024
    "ShmDriverShutdownRequest/last_length_1" => truncated(1, 0),
    "AttachRequest/role_0" => number("role", 0), // req: D-062
    "AttachRequest/role_3" => number("role", 3), // req: D-062
    "AttachRequest/role_255" => number("role", 255), // req: D-062
    "AttachRequest/client_0" => number("clientId", 0), // req: D-062
    "AttachRequest/client_all_ones" => number("clientId", u32::MAX as i128), // req: D-062
    "AttachRequest/stream_all_ones" => number("streamId", u32::MAX as i128), // req: D-062
    "AttachRequest/publish_mode_0" => number("publishMode", 0), // req: D-063
    "AttachRequest/publish_mode_3" => number("publishMode", 3), // req: D-063
    "AttachRequest/hugepages_3" => number("requireHugepages", 3), // req: D-062
    "AttachRequest/hugepages_255" => number("requireHugepages", 255), // req: D-062, D-023
    "AttachResponse/code_5" => number("code", 5), // req: D-081
    "AttachResponse/code_minus_1" => number("code", -1), // req: D-081
    "AttachResponse/code_null" => number("code", i32::MIN as i128), // req: D-081
    "AttachResponse/ok_lease_null" => number("leaseId", u64::MAX as i128), // req: D-036, D-076, C-035
    "AttachResponse/ok_lease_0" => number("leaseId", 0), // req: D-082
    "AttachResponse/ok_stream_null" => number("streamId", u32::MAX as i128), // req: D-036, D-076
    "AttachResponse/ok_epoch_null" => number("epoch", u64::MAX as i128), // req: D-036, D-076
    "AttachResponse/ok_epoch_0" => number("epoch", 0), // req: D-082
    "AttachResponse/ok_layout_null" => number("layoutVersion", u32::MAX as i128), // req: D-036, D-076
    "AttachResponse/ok_nslots_null" => number("headerNslots", u32::MAX as i128), // req: D-036, D-076
    "AttachResponse/ok_nslots_0" => number("headerNslots", 0), // req: D-082
    "AttachResponse/ok_nslots_6" => number("headerNslots", 6), // req: D-082
    "AttachResponse/ok_slot_bytes_null" => number("headerSlotBytes", 65_535), // req: D-036, D-076
    "AttachResponse/ok_slot_bytes_512" => number("headerSlotBytes", 512), // req: D-037, D-078, C-035
    "AttachResponse/ok_no_pools" => missing("payloadPools"), // req: D-078, C-035
    "AttachResponse/ok_pool_nslots_differs" => number("poolNslots", 16), // req: D-038, D-079, C-035
    "AttachResponse/ok_duplicate_pool" => repeated("poolId", 1), // req: D-082
    "AttachResponse/ok_stride_0" => number("strideBytes", 0), // req: D-082
    "AttachResponse/ok_stride_100" => number("strideBytes", 100), // req: D-082
    "AttachResponse/ok_pool_uri_empty" => missing("regionUri"), // req: D-077
    "AttachResponse/ok_pool_uri_blank" => uri("regionUri", UriError::Byte { at: 0, got: 32 }), // req: D-077, C-035
    "AttachResponse/ok_header_uri_empty" => missing("headerRegionUri"), // req: D-077
    "AttachResponse/ok_header_uri_blank" => uri("headerRegionUri", UriError::Byte { at: 0, got: 32 }), // req: D-077, C-035
    "AttachResponse/ok_header_uri_relative" => uri("headerRegionUri", UriError::RelativePath), // req: D-040, D-080, C-035
    "AttachResponse/ok_header_uri_scheme" => uri("headerRegionUri", UriError::Scheme), // req: D-040, D-080
    "AttachResponse/ok_header_uri_parameter" => uri("headerRegionUri", UriError::Parameter), // req: D-040, D-080
    "LeaseRevoked/reason_0" => number("reason", 0), // req: D-118
    "LeaseRevoked/reason_4" => number("reason", 4), // req: D-118
    "LeaseRevoked/reason_255" => number("reason", 255), // req: D-118
    "LeaseRevoked/role_0" => number("role", 0), // req: D-119
    "LeaseRevoked/role_3" => number("role", 3), // req: D-119
    "LeaseRevoked/role_255" => number("role", 255), // req: D-119
    "DriverShutdown/reason_3" => number("reason", 3), // req: D-218
    "DriverShutdownRequest/reason_3" => number("reason", 3), // req: D-218
    "DriverShutdown/reason_255" => number("reason", 255), // req: D-218
    "DriverShutdownRequest/reason_255" => number("reason", 255), // req: D-218
    "DetachRequest/role_0" => number("role", 0), // req: D-104
    "LeaseKeepalive/role_0" => number("role", 0), // req: D-092
    "DetachRequest/role_3" => number("role", 3), // req: D-104
    "LeaseKeepalive/role_3" => number("role", 3), // req: D-092
};

/// Sensible messages that the state of their receiver forbids.
const LEFT_TO: &[(&str, &[&str])] = &[
    (
        "the driver, which knows its leases (`leases.rs`)",
        &[
            "AttachRequest/repeat_names_granted_stream",
            "AttachRequest/repeat_new_correlation",
            "AttachRequest/repeat_other_role",
            "LeaseKeepalive/foreign_client",
            "LeaseKeepalive/foreign_stream",
            "LeaseKeepalive/foreign_role",
        ],
    ),
    (
        "the mapping, which knows the announce that brought it",
        &[
            "LeaseRevoked/older_than_announce",
            "LeaseRevoked/same_time_as_announce",
        ],
    ),
];
