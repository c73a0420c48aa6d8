//! Every row of driver 4, and what an OK says.

use std::vec::Vec;

use super::super::*;
use super::rig::*;
use crate::ids::{CorrelationId, StreamId};
use crate::time::Duration;
use crate::wire::driver::*;

const UNSUPPORTED: i32 = 1;
const INVALID_PARAMS: i32 = 2;
const REJECTED: i32 = 3;
const INTERNAL_ERROR: i32 = 4;

/// A producer of CAMERA as client 1, a consumer as client 2.
fn busy() -> Rig {
    let mut rig = Rig::new();
    rig.attached(producer(1));
    rig.attached(consumer(2));
    rig
}

/// The plain request of consumer 7 with one byte overwritten.
fn with_byte(at: usize, byte: u8) -> Vec<u8> {
    let mut message = attach_message(&consumer(7));
    message[8 + at] = byte;
    message
}

fn with_u32(at: usize, number: u32) -> Vec<u8> {
    let mut message = attach_message(&consumer(7));
    message[8 + at..8 + at + 4].copy_from_slice(&number.to_le_bytes());
    message
}

/// The plain request in a version that does not exist yet.
fn newer() -> Vec<u8> {
    let mut message = attach_message(&consumer(7));
    message[6] = 2;
    message
}

#[test] // req: D-054, D-060
fn refused_attaches_are_answered_by_the_first_failing_check_and_change_nothing() {
    let rows: &[(Vec<u8>, i32, &str)] = &[
        // Row 2.
        // req: D-028
        (newer(), UNSUPPORTED, "unsupported driver schema version"),
        // Row 3.
        // req: D-062
        (with_byte(16, 3), INVALID_PARAMS, "unknown role"),
        (with_byte(16, 255), INVALID_PARAMS, "unknown role"),
        (with_u32(12, 0), INVALID_PARAMS, "invalid client_id"),
        (with_u32(12, u32::MAX), INVALID_PARAMS, "invalid client_id"),
        (
            with_byte(22, 3),
            INVALID_PARAMS,
            "unknown require_hugepages",
        ),
        (with_u32(8, u32::MAX), INVALID_PARAMS, "invalid stream_id"),
        // Row 4.
        // req: D-063
        (with_byte(21, 3), UNSUPPORTED, "unsupported publish_mode"),
        (with_byte(21, 0), UNSUPPORTED, "unsupported publish_mode"),
        // Row 7.
        // req: D-057
        (
            attach_message(&ShmAttachRequest {
                correlation_id: CorrelationId(21),
                ..consumer(2)
            }),
            REJECTED,
            "client_id already attached",
        ),
        (
            attach_message(&ShmAttachRequest {
                stream_id: Some(LIDAR),
                ..consumer(2)
            }),
            REJECTED,
            "client_id already attached",
        ),
        // Row 8.
        // req: D-044
        (with_u32(17, 2), REJECTED, "layout_version mismatch"),
        // Row 9, in either publish mode.
        // req: D-046, D-047
        (with_u32(8, 12_345), REJECTED, "stream not provisioned"),
        (
            attach_message(&ShmAttachRequest {
                stream_id: StreamId::new(12_345),
                publish_mode: PublishMode::ExistingOrCreate,
                ..producer(7)
            }),
            REJECTED,
            "stream not provisioned",
        ),
        // "Assign me one", without dynamic streams.
        (with_u32(8, 0), REJECTED, "stream not provisioned"),
        // Row 11.
        // req: D-053
        (
            with_u32(8, HOLLOW.get()),
            INVALID_PARAMS,
            "stream has no payload pools",
        ),
        // Row 12.
        // req: D-055
        (
            attach_message(&producer(7)),
            REJECTED,
            "producer already attached",
        ),
        // Row 13.
        // req: D-050, D-173, D-176
        (with_byte(22, 2), REJECTED, "huge pages are not available"),
        (
            with_u32(23, 0),
            REJECTED,
            "desired node id is not available",
        ),
        (
            with_u32(23, 1),
            REJECTED,
            "desired node id is not available",
        ),
    ];
    for (message, code, text) in rows {
        let mut rig = busy();
        let leases: Vec<_> = rig.in_force().collect();
        let streams: Vec<_> = rig.driver.streams().collect();
        assert_eq!(
            rig.answer_to(message),
            (*code, (*text).into()),
            "{message:?}"
        );
        assert_eq!(rig.in_force().collect::<Vec<_>>(), leases, "{text}");
        assert_eq!(rig.driver.streams().collect::<Vec<_>>(), streams, "{text}");
        assert_eq!(rig.driver.counters().attach_refused, 1);
        assert_eq!(rig.hear(), []);
        // The next one gets the node id it would have got anyway.
        assert_eq!(node_of(&rig.attached(consumer(8))), Some(3), "{text}");
    }
}

#[test]
fn earlier_rows_decide() {
    let mut rig = busy();
    // Row 3 before 4, 4 before 7, 7 before 8, 8 before 9, 9 before 13, 12 before 13.
    let mut both = with_byte(16, 3);
    both[8 + 21] = 9;
    assert_eq!(rig.answer_to(&both).0, INVALID_PARAMS);
    let mut both = attach_message(&ShmAttachRequest {
        correlation_id: CorrelationId(21),
        ..consumer(2)
    });
    both[8 + 21] = 9;
    assert_eq!(rig.answer_to(&both).0, UNSUPPORTED);
    let request = ShmAttachRequest {
        correlation_id: CorrelationId(21),
        expected_layout_version: 2,
        ..consumer(2)
    };
    let answer = rig.answer_to(&attach_message(&request)).1;
    assert_eq!(answer, "client_id already attached");
    let request = ShmAttachRequest {
        expected_layout_version: 2,
        stream_id: StreamId::new(5),
        ..consumer(7)
    };
    let answer = rig.answer_to(&attach_message(&request)).1;
    assert_eq!(answer, "layout_version mismatch");
    let request = ShmAttachRequest {
        desired_node_id: Some(0),
        ..producer(7)
    };
    let answer = rig.answer_to(&attach_message(&request)).1;
    assert_eq!(answer, "producer already attached");
    // Row 5 before everything that is left.
    // req: D-065
    rig.driver
        .stop(rig.now, ShutdownReason::Normal, Duration::from_secs(1));
    let answer = rig.answer_to(&attach_message(&consumer(2)));
    assert_eq!(answer, (REJECTED, "driver draining".into()));
    // But after 3.
    // req: D-062
    assert_eq!(rig.answer_to(&with_byte(16, 3)).0, INVALID_PARAMS);
}

#[test] // req: D-035, D-041, D-042, D-043, D-107
fn refusals_carry_the_correlation_id_a_code_a_text_and_nothing_else() {
    let mut rig = busy();
    rig.send(&with_u32(17, 2));
    let (_, bytes) = rig.hear_one().unwrap();
    let view = ShmAttachResponseView::parse(&bytes).unwrap();
    let block = view.block;
    assert_eq!(block.correlation_id.get(), 70);
    assert_eq!(block.lease_id.get(), u64::MAX);
    assert_eq!(block.epoch.get(), u64::MAX);
    assert_eq!(block.node_id.get(), u32::MAX);
    assert_eq!(block.stream_id.get(), u32::MAX);
    assert!(view.payload_pools.is_empty() && view.header_region_uri.is_empty());
    assert!(!view.error_message.is_empty());
}

#[test] // req: D-051, D-195
fn standard_pages_are_refused_where_regions_lie_on_huge_ones() {
    let config = Config {
        hugepages: true,
        ..CONFIG
    };
    let now = Rig::new().now;
    let mut rig = Rig::fresh(config, now, Default::default());
    rig.files();
    let with = |policy| {
        attach_message(&ShmAttachRequest {
            require_hugepages: policy,
            ..consumer(7)
        })
    };
    let answer = rig.answer_to(&with(HugepagesPolicy::Standard));
    assert_eq!(
        answer,
        (REJECTED, "standard pages are not available".into())
    );
    // req: D-193
    rig.send(&with(HugepagesPolicy::Hugepages));
    rig.files();
    let (_, bytes) = rig.hear_one().unwrap();
    let view = ShmAttachResponseView::parse(&bytes).unwrap();
    assert!(view.header_region_uri.ends_with(b"|require_hugepages=true"));
    // req: D-052
    rig.attached(consumer(8));
}

#[test] // req: D-189, D-201, D-060
fn files_that_cannot_be_made_are_an_internal_error() {
    for (error, text) in [
        (
            FileError::NoSpace {
                needed: 100,
                free: 7,
            },
            "no space: 100 bytes needed, 7 free",
        ),
        (
            FileError::NotLocked,
            "the regions could not be locked into memory",
        ),
    ] {
        let mut rig = Rig::new();
        rig.ask(producer(7));
        rig.fail_files(error);
        let (_, bytes) = rig.hear_one().unwrap();
        let view = ShmAttachResponseView::parse(&bytes).unwrap();
        assert_eq!(view.block.code.get(), INTERNAL_ERROR);
        assert_eq!(view.error_message, text.as_bytes());
        assert_eq!(rig.driver.leases_in_use(), 0);
        assert_eq!(rig.announces(), []);
        // Nothing of it remains: the same client attaches, with the first node id.
        assert_eq!(node_of(&rig.attached(producer(7))), Some(1));
    }
}

#[test]
fn a_full_table_of_leases_refuses_and_recovers() {
    let mut rig = Rig::new();
    let mut leases = Vec::new();
    for client in 1..=LEASES as u32 {
        leases.push(rig.attached(consumer(client)));
    }
    let answer = rig.answer_to(&attach_message(&consumer(99)));
    assert_eq!(answer, (REJECTED, "lease limit reached".into()));
    rig.detach(&leases[3], 1);
    rig.hear();
    rig.attached(consumer(99));
}
