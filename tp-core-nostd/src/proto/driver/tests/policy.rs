//! What the owner of a driver decides: how many consumers, which shape, which lease must go.

use super::super::*;
use super::rig::*;
use crate::ids::LeaseId;
use crate::shm::PoolClass;
use crate::time::Instant;
use crate::wire::driver::*;

const REJECTED: i32 = 3;

fn rig(config: Config<'static>) -> Rig {
    let mut rig = Rig::fresh(config, Instant::from_ns(100 * SECOND), Default::default());
    rig.files();
    rig
}

const TWO: Config<'static> = Config {
    consumer_limit: Some(2),
    ..CONFIG
};

#[test] // req: D-054, D-056
fn a_stream_has_no_more_consumers_than_its_owner_allows() {
    let mut rig = rig(TWO);
    let first = rig.attached(consumer(1));
    rig.attached(consumer(2));
    let full = (REJECTED, "consumer limit reached".into());
    assert_eq!(rig.answer_to(&attach_message(&consumer(3))), full);
    // Row 12 comes before row 13, and repeats before both.
    let both = ShmAttachRequest {
        desired_node_id: Some(0),
        ..consumer(3)
    };
    assert_eq!(rig.answer_to(&attach_message(&both)), full);
    rig.ask(consumer(1));
    assert!(matches!(
        rig.hear()[..],
        [Event::Attached { again: true, .. }]
    ));
    // Producers and other streams have room.
    rig.attached(producer(4));
    rig.attached(ShmAttachRequest {
        stream_id: Some(LIDAR),
        ..consumer(5)
    });
    rig.detach(&first, 1);
    rig.attached(consumer(3));
}

#[test] // req: D-056
fn consumers_that_wait_for_files_count_when_the_files_are_there() {
    let mut rig = rig(TWO);
    for client in 1..=4 {
        rig.ask(consumer(client));
    }
    let heard = rig.settle();
    let granted = |event: &&Event| matches!(event, Event::Attached { .. });
    assert_eq!(heard.iter().filter(granted).count(), 2);
    let refused = |event: &Event| matches!(event, Event::AttachRefused { client: 3 | 4, .. });
    assert_eq!(heard.iter().filter(|event| refused(event)).count(), 2);
    assert_eq!(rig.driver.leases_in_use(), 2);
}

#[test] // req: D-100, D-108, D-109, D-111, D-125
fn a_lease_that_is_taken_back_ends_like_any_other() {
    let mut rig = Rig::new();
    let camera = rig.attached(producer(7));
    let watcher = rig.attached(consumer(8));
    let now = rig.now;
    for nobody in [1, holder(&watcher).lease.get() + 1] {
        assert!(!rig.driver.revoke(now, LeaseId::new(nobody).unwrap()));
    }
    let named = holder(&camera);
    assert!(rig.driver.revoke(now, named.lease));
    assert!(!rig.driver.revoke(now, named.lease));
    let heard = rig.settle();
    assert_eq!(
        heard[0],
        Event::Revoked {
            lease: named.lease,
            stream: CAMERA,
            client: named.client,
            role: Role::Producer,
            reason: LeaseRevokeReason::Revoked,
        }
    );
    let Event::Announced {
        epoch,
        producer: None,
        ..
    } = heard[1]
    else {
        panic!("{heard:?}")
    };
    assert!(epoch.get() > epoch_of(&camera));
    assert_eq!(heard.len(), 2);
    assert_eq!(rig.in_force().count(), 1);
    assert_eq!(rig.driver.counters().revoked, 1);
}

#[test] // req: D-126, D-127
fn another_shape_is_another_epoch() {
    let mut before = rig(CONFIG);
    let lease = before.attached(producer(7));
    let shape = before.driver.config().profiles[0];
    const LARGER: &[PoolClass] = &[PoolClass {
        pool_id: crate::ids::PoolId::new(1).unwrap(),
        stride: crate::wire::Stride::new(8192).unwrap(),
    }];
    let profiles: &'static [_] = std::vec![
        Profile {
            pools: LARGER,
            ..shape
        };
        2
    ]
    .leak();
    let config = Config { profiles, ..CONFIG };
    let mut after = Rig::fresh(config, before.now, before.disk);
    let orders = after.files();
    let provisioned = orders.iter().find_map(|order| match order {
        FileOrder::Provision { epoch, profile, .. } => Some((epoch.get(), profile.pools)),
        _ => None,
    });
    assert_eq!(provisioned, Some((epoch_of(&lease) + 1, LARGER)));
    // Clients of the driver before see the change within one announce period.
    let announced = (CAMERA, epoch_of(&lease) + 1, None);
    assert_eq!(after.announces(), [announced]);
}
