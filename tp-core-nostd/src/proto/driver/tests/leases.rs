//! The life of leases in time.

use super::super::*;
use super::rig::*;
use crate::ids::{CorrelationId, LeaseId};
use crate::wire::driver::*;

fn expired(rig: &mut Rig) -> bool {
    let heard = rig.hear();
    heard.iter().any(|event| {
        matches!(
            event,
            Event::Revoked {
                reason: LeaseRevokeReason::Expired,
                ..
            }
        )
    })
}

#[test] // req: D-086, D-090, D-091, D-093, D-096
fn a_lease_expires_three_intervals_after_its_last_keepalive() {
    let mut rig = Rig::new();
    let lease = rig.attached(consumer(7));
    rig.pass_and_tick(2 * SECOND);
    rig.keepalive(&lease);
    assert_eq!(rig.driver.counters().keepalives, 1);
    // At the deadline it still stands, after it it does not.
    assert_eq!(rig.pass_and_tick(3 * SECOND), 0);
    assert_eq!(rig.hear(), []);
    assert_eq!(rig.pass_and_tick(1), 1);
    let Named {
        lease,
        stream,
        client,
        role,
    } = holder(&lease);
    assert_eq!(
        rig.hear(),
        [Event::Revoked {
            lease,
            stream,
            client,
            role,
            reason: LeaseRevokeReason::Expired
        }]
    );
    // req: D-110
    rig.pass_and_tick(60 * SECOND);
    assert_eq!(rig.hear(), []);
}

#[test] // req: D-092
fn a_keepalive_counts_only_if_all_four_fields_are_the_lease_s_own() {
    let named = |rig: &mut Rig| holder(&rig.attached(consumer(7)));
    for change in [
        |named: Named| Named {
            lease: LeaseId::new(named.lease.get() + 1).unwrap(),
            ..named
        },
        |named| Named {
            stream: LIDAR,
            ..named
        },
        |named| Named {
            client: client(8),
            ..named
        },
        |named| Named {
            role: Role::Producer,
            ..named
        },
    ] {
        let mut rig = Rig::new();
        let lease = named(&mut rig);
        rig.pass(2 * SECOND).keepalive_of(change(lease));
        assert_eq!(rig.driver.counters().keepalives, 0);
        assert_eq!(rig.driver.counters().ignored.keepalives, 1);
        rig.pass_and_tick(SECOND + 1);
        assert!(expired(&mut rig), "{:?}", change(lease));
    }
}

#[test] // req: D-215, D-061
fn a_lease_begins_to_age_when_its_ok_is_published() {
    let mut rig = Rig::new();
    rig.ask(consumer(7));
    // The files take their time, and then the publication does.
    let order = rig.pass(10 * SECOND).order().unwrap();
    rig.carry_out(order);
    assert_eq!(rig.pass_and_tick(SECOND), 0);
    assert!(rig.is_due());
    let granted = rig.hear_one().unwrap().0;
    assert!(matches!(granted, Event::Attached { .. }));
    assert_eq!(rig.pass_and_tick(3 * SECOND), 0);
    assert_eq!(rig.pass_and_tick(1), 1);
}

#[test] // req: D-061
fn an_ok_nobody_takes_is_given_up_after_one_interval() {
    let mut rig = Rig::new();
    rig.attached(consumer(1));
    rig.ask(consumer(7));
    assert!(rig.is_due());
    assert_eq!(rig.pass_and_tick(SECOND + 1), 1);
    let heard = rig.hear();
    assert!(
        matches!(
            heard[..],
            [Event::Revoked {
                reason: LeaseRevokeReason::Revoked,
                ..
            }]
        ),
        "{heard:?}"
    );
    // The client is not blocked.
    rig.attached(consumer(7));
}

#[test] // req: D-102, D-106, D-107, D-108, D-112
fn a_detached_producer_hears_after_the_new_epoch_was_announced() {
    let mut rig = Rig::new();
    let lease = rig.attached(producer(7));
    rig.detach(&lease, 99);
    let heard = rig.hear();
    assert!(
        matches!(
            heard[..],
            [Event::Revoked {
                reason: LeaseRevokeReason::Detached,
                role: Role::Producer,
                ..
            }]
        ),
        "{heard:?}"
    );
    assert_eq!(rig.hear(), []);
    rig.files();
    assert_eq!(rig.hear(), []);
    let announced = rig.announces();
    assert!(announced[0].1 > epoch_of(&lease) && announced[0].2.is_none());
    let correlation = CorrelationId(99);
    assert_eq!(rig.hear(), [Event::Detached { correlation }]);
}

#[test] // req: D-102, D-108, D-100
fn a_detached_consumer_hears_at_once_and_nobody_else_is_touched() {
    let mut rig = Rig::new();
    let other = rig.attached(producer(1));
    let lease = rig.attached(consumer(7));
    rig.detach(&lease, 5);
    let heard = rig.hear();
    assert!(
        matches!(heard[..], [Event::Revoked { .. }, Event::Detached { .. }]),
        "{heard:?}"
    );
    let left: std::vec::Vec<_> = rig.in_force().map(|status| status.lease).collect();
    assert_eq!(left, [holder(&other).lease]);
    assert_eq!(rig.driver.epoch(CAMERA).unwrap().get(), epoch_of(&other));
}

#[test] // req: D-103, D-104
fn detaches_of_anything_else_are_refused() {
    let mut rig = Rig::new();
    let lease = holder(&rig.attached(consumer(7)));
    for wrong in [
        Named {
            lease: LeaseId::new(5).unwrap(),
            ..lease
        },
        Named {
            client: client(8),
            ..lease
        },
        Named {
            stream: LIDAR,
            ..lease
        },
        Named {
            role: Role::Producer,
            ..lease
        },
    ] {
        rig.detach_of(wrong, 3);
        assert_eq!(
            rig.hear(),
            [Event::DetachRefused {
                correlation: CorrelationId(3),
                code: RefusalCode::Rejected
            }]
        );
    }
    let mut message = [0; 33];
    let request = ShmDetachRequest {
        correlation_id: CorrelationId(4),
        lease_id: lease.lease,
        stream_id: lease.stream,
        client_id: lease.client,
        role: lease.role,
    };
    request.encode(&mut message).unwrap();
    message[32] = 3;
    assert_eq!(rig.answer_to(&message), (2, "unknown role".into()));
    message[32] = 2;
    // The right one, and then once more.
    rig.send(&message);
    assert_eq!(rig.hear().len(), 2);
    assert_eq!(rig.answer_to(&message), (3, "unknown lease".into()));
}

#[test] // req: D-087, D-088, D-089
fn lease_ids_are_never_issued_twice() {
    let mut rig = Rig::new();
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..50 {
        let lease = rig.attached(consumer(1 + round % 3));
        assert!(seen.insert(holder(&lease).lease));
        rig.detach(&lease, 1);
        rig.settle();
    }
    // They start from the seed, so another driver's are elsewhere.
    let lowest = seen.first().unwrap().get();
    assert!((SEED >> 1..(SEED >> 1) + 1_000).contains(&lowest));
}

#[test] // req: D-154
fn clients_of_another_driver_are_told_once_that_their_lease_is_void() {
    let mut rig = Rig::new();
    let foreign = Named {
        lease: LeaseId::new(77).unwrap(),
        stream: CAMERA,
        client: client(7),
        role: Role::Producer,
    };
    rig.keepalive_of(foreign);
    rig.keepalive_of(foreign);
    let (event, bytes) = rig.hear_one().unwrap();
    let revoked = ShmLeaseRevoked::try_from(ShmLeaseRevokedView::parse(&bytes).unwrap()).unwrap();
    assert_eq!(revoked.reason, LeaseRevokeReason::Revoked);
    assert_eq!(revoked.lease_id, foreign.lease);
    assert_eq!(revoked.client_id, foreign.client);
    assert_eq!(revoked.role, foreign.role);
    assert_eq!(revoked.timestamp_ns, rig.now.as_ns());
    assert!(matches!(event, Event::StrangerRevoked { .. }));
    rig.pass(SECOND).keepalive_of(foreign);
    // Nor for streams of others.
    rig.keepalive_of(Named {
        lease: LeaseId::new(78).unwrap(),
        stream: crate::ids::StreamId::new(5).unwrap(),
        ..foreign
    });
    assert_eq!(rig.hear(), []);
}

#[test] // req: D-154
fn ids_this_driver_issued_are_never_void_by_keepalive() {
    let mut rig = Rig::new();
    let lease = holder(&rig.attached(consumer(7)));
    rig.keepalive_of(Named {
        client: client(8),
        ..lease
    });
    rig.keepalive_of(Named {
        role: Role::Producer,
        ..lease
    });
    rig.detach_of(lease, 1);
    assert_eq!(rig.hear().len(), 2);
    rig.keepalive_of(lease);
    assert_eq!(rig.hear(), []);
    assert_eq!(rig.driver.counters().strangers, 0);
}

#[test] // req: D-083, D-056
fn consumers_share_a_stream_and_a_client_has_one_lease() {
    let mut rig = Rig::new();
    for raw in 1..=5 {
        rig.attached(consumer(raw));
    }
    let status = rig.driver.streams().find(|status| status.stream == CAMERA);
    assert_eq!(status.unwrap().consumers, 5);
    // req: D-132
    assert_eq!(rig.driver.counters().epochs, 1);
}

#[test] // req: D-174, D-177
fn a_client_that_comes_back_in_time_keeps_its_node_id() {
    let mut rig = Rig::new();
    let lease = rig.attached(consumer(7));
    assert_eq!(node_of(&lease), Some(1));
    rig.detach(&lease, 1);
    rig.settle();
    assert_eq!(node_of(&rig.attached(consumer(8))), Some(2));
    assert_eq!(node_of(&rig.attached(consumer(7))), Some(1));
}

#[test] // req: D-178
fn without_a_node_id_left_the_attach_succeeds() {
    let config = CONFIG;
    let storage = Storage {
        nodes: &mut [],
        ..storage()
    };
    let mut rig = Rig::new();
    rig.driver = Driver::new(config, storage).unwrap();
    rig.driver.add_stream(CAMERA, 0).unwrap();
    assert_eq!(node_of(&rig.attached(consumer(7))), None);
    assert_eq!(rig.driver.counters().without_node_id, 1);
}

#[test] // req: D-216
fn a_mass_expiry_is_spread_over_ticks_and_keepalives_count_first() {
    let mut rig = Rig::new();
    let first = rig.attached(consumer(1));
    rig.attached(consumer(2));
    rig.pass(4 * SECOND);
    // Both are overdue; the keepalive that arrived is handed in before the tick.
    rig.keepalive(&first);
    assert_eq!(rig.driver.tick(rig.now), 1);
    let left: std::vec::Vec<_> = rig.in_force().map(|status| status.lease).collect();
    assert_eq!(left, [holder(&first).lease]);
}
