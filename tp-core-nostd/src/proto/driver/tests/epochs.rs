//! Epochs, announces and activity stamps of streams.

use super::super::*;
use super::rig::*;
use crate::wire::control::{ShmPoolAnnounce, ShmPoolAnnounceView};
use crate::wire::driver::*;
use crate::wire::enums::ClockDomain;

#[test] // req: D-124, D-136, D-137, D-140, W-035
fn a_producer_gets_a_new_epoch_that_is_announced_in_its_name_at_once() {
    let mut rig = Rig::new();
    let watcher = rig.attached(consumer(1));
    assert_eq!(rig.announces(), []);
    let lease = rig.attached(producer(7));
    assert!(epoch_of(&lease) > epoch_of(&watcher));
    // `settle` heard the announce; it is due again after one period.
    assert_eq!(rig.driver.epoch(CAMERA).unwrap().get(), epoch_of(&lease));
    rig.pass(SECOND - 1);
    assert_eq!(rig.announces(), []);
    rig.pass(1);
    assert_eq!(rig.announces(), [(CAMERA, epoch_of(&lease), Some(7))]);
    assert_eq!(rig.announces(), []);
}

#[test] // req: D-138, D-132
fn a_stream_is_announced_from_its_first_attach_on() {
    let mut rig = Rig::new();
    rig.pass(10 * SECOND);
    assert_eq!(rig.announces(), []);
    rig.ask(consumer(7));
    assert_eq!(rig.announces(), []);
    rig.files();
    assert_eq!(rig.announces(), [(CAMERA, rig.now.as_ns(), None)]);
    // Nobody else's attach or end as a consumer changes the epoch.
    let other = rig.attached(consumer(8));
    rig.detach(&other, 1);
    rig.settle();
    assert_eq!(rig.driver.counters().epochs, 1);
}

#[test] // req: D-137, D-139, W-036, T-08
fn announces_carry_the_send_time_and_everything_needed_to_map() {
    let mut rig = Rig::new();
    rig.ask(consumer(7));
    rig.files();
    rig.pass(7 * MS);
    let (_, bytes) = rig.announce_one().unwrap();
    let announce = ShmPoolAnnounce::try_from(ShmPoolAnnounceView::parse(&bytes).unwrap()).unwrap();
    assert_eq!(announce.stream_id, CAMERA);
    assert_eq!(announce.announce_timestamp_ns, rig.now.as_ns());
    assert_eq!(announce.announce_clock_domain, ClockDomain::Monotonic);
    assert_eq!(announce.producer_id, None);
    assert_eq!(announce.layout_version, 1);
    assert_eq!(announce.payload_pools.len(), 1);
    assert!(announce.header_region_uri.path().ends_with("/header.ring"));
}

#[test] // req: D-109, D-111, D-112, D-125, D-128
fn a_lost_producer_is_revoked_then_replaced_by_a_higher_epoch() {
    let mut rig = Rig::new();
    let lease = rig.attached(producer(7));
    rig.pass_and_tick(4 * SECOND);
    // From here on the old epoch is dead: not announced, although its announce is overdue.
    assert_eq!(rig.announces(), []);
    // Nothing is made before the revocation is out.
    assert_eq!(rig.order(), None);
    assert!(rig.is_due());
    assert_eq!(rig.order(), None);
    let heard = rig.hear();
    assert!(
        matches!(
            heard[..],
            [Event::Revoked {
                reason: LeaseRevokeReason::Expired,
                ..
            }]
        ),
        "{heard:?}"
    );
    assert_eq!(rig.announces(), []);
    rig.files();
    let announced = rig.announces();
    assert_eq!(announced.len(), 1);
    assert!(announced[0].1 > epoch_of(&lease));
    assert_eq!(announced[0].2, None);
    // The next producer gets a higher one still.
    let next = rig.attached(producer(8));
    assert!(epoch_of(&next) > announced[0].1);
}

#[test] // req: D-113
fn an_epoch_that_cannot_be_replaced_stays_dead_until_somebody_attaches() {
    let mut rig = Rig::new();
    let lease = rig.attached(producer(7));
    let watcher = rig.attached(consumer(1));
    rig.detach(&lease, 99);
    rig.hear();
    rig.fail_files(FileError::NotPermitted);
    // The detach is answered all the same.
    assert_eq!(rig.hear().len(), 1);
    for _ in 0..5 {
        rig.pass(SECOND).keepalive(&watcher);
        assert_eq!(rig.announces(), []);
        assert_eq!(rig.order(), None);
    }
    let next = rig.attached(consumer(2));
    assert!(epoch_of(&next) > epoch_of(&lease));
}

#[test] // req: D-216
fn attaches_wait_for_the_files_in_hand() {
    let mut rig = Rig::new();
    let lease = rig.attached(producer(1));
    rig.pass_and_tick(4 * SECOND);
    rig.ask(consumer(2));
    rig.hear();
    rig.ask(producer(3));
    rig.ask(producer(4));
    rig.ask(consumer(5));
    assert_eq!(rig.hear(), []);
    // First the epoch that replaces the lost producer's, for consumer 2 …
    let order = rig.order().unwrap();
    rig.carry_out(order);
    let heard = rig.hear();
    assert!(matches!(heard[..], [Event::Attached { .. }]), "{heard:?}");
    assert_eq!(holder(&heard[0]).client, client(2));
    // … then one for producer 3; producer 4 is too late, consumer 5 gets what is there.
    let order = rig.order().unwrap();
    assert_eq!(rig.hear(), []);
    rig.carry_out(order);
    let heard = rig.hear();
    let [three, five, four] = heard[..] else {
        panic!("{heard:?}")
    };
    assert_eq!(holder(&three).client, client(3));
    assert!(matches!(four, Event::AttachRefused { client: 4, .. }));
    assert_eq!(epoch_of(&five), epoch_of(&three));
    assert!(epoch_of(&three) > epoch_of(&lease));
    assert_eq!(rig.order(), None);
}

#[test] // req: D-112, D-217
fn an_ok_never_names_an_epoch_whose_producer_was_revoked_before_it() {
    let mut rig = Rig::new();
    let lease = rig.attached(producer(1));
    rig.ask(consumer(2));
    assert!(rig.is_due());
    // The OK could not be published, and now its epoch dies.
    rig.detach(&lease, 9);
    let heard = rig.hear();
    assert!(matches!(heard[..], [Event::Revoked { .. }]), "{heard:?}");
    let heard = rig.settle();
    let granted = heard
        .iter()
        .find(|event| matches!(event, Event::Attached { .. }));
    assert_eq!(holder(granted.unwrap()).client, client(2));
    assert!(epoch_of(granted.unwrap()) > epoch_of(&lease));
    assert_eq!(node_of(granted.unwrap()), Some(2));
    let status = rig.driver.streams().find(|status| status.stream == CAMERA);
    assert_eq!(status.unwrap().consumers, 1);
}

#[test]
fn a_failed_attach_leaves_the_epoch_in_use_to_the_others() {
    let mut rig = Rig::new();
    let watcher = rig.attached(consumer(1));
    rig.ask(producer(2));
    rig.ask(consumer(3));
    rig.fail_files(FileError::Failed(28));
    let heard = rig.hear();
    let [three, two] = heard[..] else {
        panic!("{heard:?}")
    };
    assert_eq!(epoch_of(&three), epoch_of(&watcher));
    assert!(matches!(
        two,
        Event::AttachRefused {
            client: 2,
            code: RefusalCode::InternalError,
            ..
        }
    ));
    // req: D-131
    let next = rig.attached(producer(2));
    assert!(epoch_of(&next) > epoch_of(&watcher));
}

#[test] // req: D-016, D-017, D-018, I-06
fn stamps_are_refreshed_while_there_is_no_producer() {
    let refresh = |rig: &mut Rig, ns| {
        rig.pass(ns);
        rig.files().len()
    };
    let mut rig = Rig::new();
    let watcher = rig.attached(consumer(1));
    assert_eq!(refresh(&mut rig, SECOND - 1), 0);
    rig.pass(1);
    let order = rig.order().unwrap();
    let epoch = rig.driver.epoch(CAMERA).unwrap();
    assert_eq!(
        order,
        FileOrder::RefreshActivity {
            stream: CAMERA,
            epoch
        }
    );
    assert_eq!(epoch.get(), epoch_of(&watcher));
    assert_eq!(refresh(&mut rig, SECOND), 1);
    // A producer does it itself, …
    let lease = rig.attached(producer(2));
    for _ in 0..3 {
        assert_eq!(refresh(&mut rig, SECOND), 0);
        rig.keepalive(&lease);
        rig.keepalive(&watcher);
    }
    // … and when it is gone the driver does it again, for the new epoch.
    rig.detach(&lease, 1);
    rig.settle();
    assert_eq!(refresh(&mut rig, SECOND), 1);
}

#[test]
fn orders_are_offered_until_taken() {
    let mut rig = Rig::fresh(CONFIG, crate::time::Instant::from_ns(5), Default::default());
    for _ in 0..2 {
        assert_eq!(rig.driver.order(rig.now, |_| Err("busy")), Err("busy"));
    }
    let streams = [CAMERA, LIDAR, HOLLOW];
    for stream in streams {
        assert_eq!(rig.order(), Some(FileOrder::Scan { stream }));
    }
    assert_eq!(rig.order(), None);
}

#[test]
fn file_results_nobody_waits_for_are_ignored() {
    let mut rig = Rig::new();
    let lease = rig.attached(consumer(1));
    let epoch = crate::ids::Epoch::new(epoch_of(&lease) + 5).unwrap();
    let results = [
        FileResult::Provisioned {
            stream: CAMERA,
            epoch,
        },
        FileResult::Scanned {
            stream: CAMERA,
            last_epoch: 7,
        },
        FileResult::Failed {
            stream: LIDAR,
            error: FileError::NotLocked,
        },
        FileResult::Scanned {
            stream: crate::ids::StreamId::new(1).unwrap(),
            last_epoch: 0,
        },
    ];
    for result in results {
        rig.driver.handle_files(rig.now, result);
    }
    assert_eq!(rig.driver.counters().ignored.file_results, 4);
    assert_eq!(rig.driver.epoch(CAMERA).unwrap().get(), epoch_of(&lease));
    // An epoch below the ordered one would repeat an old one.
    rig.ask(producer(2));
    rig.order();
    let low = crate::ids::Epoch::new(epoch_of(&lease)).unwrap();
    rig.driver.handle_files(
        rig.now,
        FileResult::Provisioned {
            stream: CAMERA,
            epoch: low,
        },
    );
    assert_eq!(rig.driver.counters().ignored.file_results, 5);
    // A higher one is fine: directories were in the way.
    rig.driver.handle_files(
        rig.now,
        FileResult::Provisioned {
            stream: CAMERA,
            epoch,
        },
    );
    assert_eq!(rig.driver.epoch(CAMERA), Some(epoch));
}
