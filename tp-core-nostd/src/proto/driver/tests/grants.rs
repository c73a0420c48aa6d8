//! What an attach that passed every check is answered, once and again.

use super::super::*;
use super::rig::*;
use crate::ids::CorrelationId;
use crate::wire::driver::*;

const REJECTED: i32 = 3;

#[test] // req: D-034, D-036, D-037, D-038, D-039, D-045, D-172, D-215, D-040
fn an_ok_names_everything_needed_to_map_the_stream() {
    let mut rig = Rig::new();
    rig.ask(ShmAttachRequest {
        expected_layout_version: 1,
        desired_node_id: Some(42),
        ..producer(7)
    });
    rig.files();
    rig.pass(5 * MS);
    let (event, bytes) = rig.hear_one().unwrap();
    let response =
        ShmAttachResponse::try_from(ShmAttachResponseView::parse(&bytes).unwrap()).unwrap();
    assert_eq!(response.correlation_id, CorrelationId(70));
    let grant = response.outcome.unwrap();
    assert_eq!(grant.stream_id, CAMERA);
    assert_eq!(grant.epoch.get(), 100 * SECOND);
    assert_eq!(grant.layout_version, 1);
    assert_eq!(grant.header_nslots.get(), 8);
    assert_eq!(grant.node_id.map(|node| node.get()), Some(42));
    assert_eq!(grant.lease_id, holder(&event).lease);
    // Three seconds from the publication.
    assert_eq!(
        grant.lease_expires_at.unwrap().as_ns(),
        rig.now.as_ns() + 3 * SECOND
    );
    let root = "/dev/shm/tensorpool-ops/default/10000/100000000000";
    assert_eq!(
        grant.header_region_uri.path(),
        std::format!("{root}/header.ring")
    );
    assert_eq!(grant.payload_pools.len(), 1);
    let pool = grant.payload_pools[0];
    assert_eq!((pool.pool_id.get(), pool.stride.get()), (1, 4096));
    assert_eq!(pool.region_uri.path(), std::format!("{root}/1.pool"));
}

#[test] // req: D-058, D-059, I-12
fn an_exact_repeat_gets_the_same_ok_and_no_second_lease() {
    let mut rig = Rig::new();
    let first = rig.attached(consumer(7));
    let expires_at = rig.in_force().next().unwrap().expires_at;
    rig.pass(500 * MS).ask(consumer(7));
    let (event, bytes) = rig.hear_one().unwrap();
    assert_eq!(holder(&event), holder(&first));
    assert!(matches!(event, Event::Attached { again: true, .. }));
    let response =
        ShmAttachResponse::try_from(ShmAttachResponseView::parse(&bytes).unwrap()).unwrap();
    assert_eq!(response.outcome.unwrap().lease_expires_at, Some(expires_at));
    assert_eq!(rig.in_force().count(), 1);
    assert_eq!(rig.in_force().next().unwrap().expires_at, expires_at);
    // Any field that differs makes it another attach.
    for other in [
        ShmAttachRequest {
            correlation_id: CorrelationId(71),
            ..consumer(7)
        },
        ShmAttachRequest {
            stream_id: Some(LIDAR),
            ..consumer(7)
        },
        producer(7),
    ] {
        let answer = rig.answer_to(&attach_message(&other));
        assert_eq!(answer, (REJECTED, "client_id already attached".into()));
    }
}

#[test] // req: D-059
fn a_repeat_names_the_current_epoch() {
    let mut rig = Rig::new();
    let first = rig.attached(consumer(7));
    let second = rig.attached(producer(8));
    rig.ask(consumer(7));
    let (event, _) = rig.hear_one().unwrap();
    assert_eq!(epoch_of(&event), epoch_of(&second));
    assert!(epoch_of(&event) > epoch_of(&first));
    assert!(matches!(event, Event::Attached { again: true, .. }));
}

#[test] // req: D-059
fn a_repeat_of_an_attach_still_waiting_for_files_is_dropped() {
    let mut rig = Rig::new();
    for _ in 0..3 {
        rig.ask(producer(7));
    }
    assert_eq!(rig.hear(), []);
    rig.files();
    rig.ask(producer(7));
    assert_eq!(rig.driver.counters().ignored.repeats, 3);
    assert_eq!(rig.hear().len(), 1);
    assert_eq!(rig.hear(), []);
}

#[test]
fn a_repeat_whose_lease_ends_before_the_answer_is_not_answered() {
    let mut rig = Rig::new();
    let lease = rig.attached(consumer(7));
    rig.ask(consumer(7));
    rig.detach(&lease, 1);
    let heard = rig.hear();
    assert!(
        matches!(heard[..], [Event::Revoked { .. }, Event::Detached { .. }]),
        "{heard:?}"
    );
}
