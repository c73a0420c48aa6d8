//! When old epochs are collected, and what must stay.

use std::vec::Vec;

use super::super::*;
use super::rig::*;
use crate::ids::{Epoch, StreamId};
use crate::time::{Duration, Instant};
use crate::wire::driver::*;

const AGE: Duration = Duration::from_secs(3);
const KEEPING: Config<'static> = Config {
    retention: Some(Retention {
        keep: 2,
        min_age: AGE,
        on_startup: false,
    }),
    ..CONFIG
};
const FULL: FileError = FileError::NoSpace {
    needed: 100,
    free: 7,
};

fn rig(config: Config<'static>) -> Rig {
    let mut rig = Rig::fresh(config, Instant::from_ns(100 * SECOND), Default::default());
    rig.files();
    rig
}

/// What the collections among these orders keep.
fn kept(orders: &[FileOrder<'_>]) -> Vec<(StreamId, Keep)> {
    let keep = |order: &FileOrder<'_>| match *order {
        FileOrder::Collect { stream, keep } => Some((stream, keep)),
        _ => None,
    };
    orders.iter().filter_map(keep).collect()
}

fn keep(in_use: u64, spared: Option<u64>) -> (StreamId, Keep) {
    let keep = Keep {
        in_use: Epoch::new(in_use),
        spared: spared.and_then(Epoch::new),
        newest: 2,
        min_age: AGE,
    };
    (CAMERA, keep)
}

/// All orders and messages until nothing is left, and what the collections kept.
fn settle(rig: &mut Rig) -> Vec<(StreamId, Keep)> {
    let mut all = Vec::new();
    loop {
        rig.hear();
        rig.announces();
        let orders = rig.files();
        all.extend(kept(&orders));
        if orders.is_empty() {
            return all;
        }
    }
}

#[test] // req: D-197, D-199, D-200
fn old_epochs_are_collected_after_each_change_and_once_more_when_the_one_before_may_go() {
    let mut rig = rig(KEEPING);
    rig.ask(producer(7));
    let orders = rig.files();
    let first = rig.now.as_ns();
    assert_eq!(kept(&orders), [keep(first, None)]);
    let lease = rig.hear()[0];
    // Detached: the loss of the producer is a change like any other.
    rig.pass(SECOND).detach(&lease, 1);
    let second = rig.now.as_ns();
    assert_eq!(settle(&mut rig), [keep(second, None)]);
    rig.pass(SECOND);
    assert_eq!(settle(&mut rig), []);
    rig.pass(2 * SECOND - 1);
    assert_eq!(settle(&mut rig), []);
    rig.pass(1);
    assert_eq!(settle(&mut rig), [keep(second, None)]);
    rig.pass(60 * SECOND);
    assert_eq!(settle(&mut rig), []);
    // Expired, and taken back.
    for expires in [true, false] {
        let lease = rig.attached(producer(8));
        if expires {
            rig.pass_and_tick(4 * SECOND);
        } else {
            assert!(rig.driver.revoke(rig.now, holder(&lease).lease));
        }
        let lost = rig.now.as_ns();
        let epoch = if expires { lost } else { epoch_of(&lease) + 1 };
        assert_eq!(settle(&mut rig), [keep(epoch, None)]);
        rig.pass(60 * SECOND);
        settle(&mut rig);
    }
}

#[test] // req: D-198
fn a_consumer_lease_refers_to_the_epoch_before_until_the_change_is_old() {
    let mut rig = rig(KEEPING);
    let watcher = rig.attached(consumer(1));
    let idle = epoch_of(&watcher);
    rig.pass(SECOND).ask(producer(7));
    let orders = rig.files();
    let epoch = rig.now.as_ns();
    assert_eq!(kept(&orders), [keep(epoch, Some(idle))]);
    settle(&mut rig);
    rig.pass(2 * SECOND).keepalive(&watcher);
    settle(&mut rig);
    rig.pass(SECOND).keepalive(&watcher);
    // The change is as old as it must be.
    assert_eq!(settle(&mut rig), [keep(epoch, None)]);
}

#[test] // req: D-216
fn collections_hold_up_nobody() {
    let mut rig = rig(KEEPING);
    let lease = rig.attached(producer(7));
    // It is being collected, and takes its time.
    rig.pass(3 * SECOND).keepalive(&lease);
    let collecting = rig.order().unwrap();
    assert!(matches!(collecting, FileOrder::Collect { .. }));
    assert_eq!(rig.order(), None);
    rig.attached(consumer(1));
    rig.detach(&lease, 1);
    rig.hear();
    let raise = rig.order().unwrap();
    assert!(matches!(raise, FileOrder::Provision { .. }));
    rig.carry_out(raise);
    assert_eq!(rig.announces().len(), 1);
    // One at a time.
    assert_eq!(rig.order(), None);
    rig.carry_out(collecting);
    let epoch = rig.driver.epoch(CAMERA).unwrap().get();
    assert_eq!(kept(&rig.files()), [keep(epoch, Some(epoch_of(&lease)))]);
    assert_eq!(rig.driver.counters().ignored.file_results, 0);
}

#[test] // req: D-200, D-129
fn epochs_of_an_earlier_driver_are_collected_at_the_start_if_so_configured() {
    for on_startup in [false, true] {
        let retention = KEEPING.retention.map(|retention| Retention {
            on_startup,
            ..retention
        });
        let config = Config {
            retention,
            ..KEEPING
        };
        let disk = [(CAMERA, 900 * SECOND)].into();
        let mut rig = Rig::fresh(config, Instant::from_ns(SECOND), disk);
        let expected = on_startup.then(|| keep(900 * SECOND + 1, None));
        assert_eq!(settle(&mut rig), Vec::from_iter(expected));
    }
}

#[test] // req: D-199
fn without_retention_nothing_is_collected() {
    let mut rig = rig(CONFIG);
    let lease = rig.attached(producer(7));
    rig.detach(&lease, 1);
    assert_eq!(settle(&mut rig), []);
    rig.pass(60 * SECOND);
    assert_eq!(settle(&mut rig), []);
    // Nor when there is no room.
    rig.ask(producer(7));
    rig.fail_files(FULL);
    assert!(matches!(rig.hear()[..], [Event::AttachRefused { .. }]));
    assert_eq!(rig.order(), None);
}

#[test] // req: D-201
fn without_room_old_epochs_are_collected_once_and_the_new_one_tried_once_more() {
    for helps in [true, false] {
        let mut rig = rig(KEEPING);
        let watcher = rig.attached(consumer(1));
        settle(&mut rig);
        rig.pass(SECOND / 2).ask(producer(7));
        rig.fail_files(FULL);
        assert_eq!(rig.hear(), []);
        // What is in use stays in use meanwhile.
        assert_eq!(rig.driver.epoch(CAMERA).unwrap().get(), epoch_of(&watcher));
        let order = rig.order().unwrap();
        assert_eq!(kept(&[order]), [keep(epoch_of(&watcher), None)]);
        assert_eq!(rig.order(), None);
        rig.driver.handle_files(
            rig.now,
            FileResult::Collected {
                stream: CAMERA,
                removed: 3,
            },
        );
        assert_eq!(rig.driver.counters().collected, 3);
        if helps {
            rig.files();
            let heard = rig.hear();
            assert!(matches!(heard[..], [Event::Attached { .. }]), "{heard:?}");
            continue;
        }
        rig.fail_files(FULL);
        let (_, bytes) = rig.hear_one().unwrap();
        let view = ShmAttachResponseView::parse(&bytes).unwrap();
        assert_eq!(view.block.code.get(), 4);
        assert_eq!(view.error_message, b"no space: 100 bytes needed, 7 free");
        assert_eq!(rig.order(), None);
        // The next attach has its own two tries.
        rig.ask(producer(7));
        rig.fail_files(FULL);
        assert!(matches!(rig.order(), Some(FileOrder::Collect { .. })));
    }
}

#[test] // req: D-201
fn other_failures_are_not_tried_again() {
    let mut rig = rig(KEEPING);
    rig.ask(producer(7));
    rig.fail_files(FileError::NotPermitted);
    assert!(matches!(rig.hear()[..], [Event::AttachRefused { .. }]));
    assert_eq!(rig.order(), None);
}

#[test] // req: D-113, D-201
fn a_lost_producer_s_epoch_makes_room_for_the_one_that_replaces_it() {
    let mut rig = rig(KEEPING);
    let lease = rig.attached(producer(7));
    settle(&mut rig);
    rig.detach(&lease, 9);
    rig.hear();
    rig.fail_files(FULL);
    let Some(FileOrder::Collect { keep, .. }) = rig.order() else {
        panic!("no collection")
    };
    assert_eq!(keep.in_use, None);
    rig.carry_out(FileOrder::Collect {
        stream: CAMERA,
        keep,
    });
    rig.fail_files(FULL);
    // The detach is answered, and the dead epoch stays dead.
    let correlation = crate::ids::CorrelationId(9);
    assert_eq!(rig.hear(), [Event::Detached { correlation }]);
    rig.pass(10 * SECOND);
    assert_eq!(rig.announces(), []);
}

#[test] // req: D-201
fn a_collection_under_way_makes_room_as_well() {
    let mut rig = rig(KEEPING);
    let lease = rig.attached(producer(7));
    rig.pass(3 * SECOND).keepalive(&lease);
    let collecting = rig.order().unwrap();
    assert!(matches!(collecting, FileOrder::Collect { .. }));
    rig.detach(&lease, 1);
    rig.hear();
    rig.fail_files(FULL);
    assert_eq!(rig.order(), None);
    rig.carry_out(collecting);
    assert!(matches!(rig.order(), Some(FileOrder::Provision { .. })));
}

#[test] // req: D-029
fn collections_nobody_ordered_are_ignored() {
    let mut rig = rig(KEEPING);
    let stream = LIDAR;
    rig.driver
        .handle_files(rig.now, FileResult::Collected { stream, removed: 1 });
    assert_eq!(rig.driver.counters().ignored.file_results, 1);
    assert_eq!(rig.driver.counters().collected, 0);
}
