//! Streams that clients brought into being and left again.

use super::super::*;
use super::dynamic::{DYNAMIC, KEEPING, REJECTED, create, id, join, known, rig};
use super::rig::*;
use crate::time::{Duration, Instant};

#[test] // req: D-168, D-198
fn a_stream_that_nobody_uses_is_not_announced_and_forgotten_when_its_files_may_go() {
    let mut rig = rig(KEEPING);
    let lease = rig.attached(create(consumer(1), 0));
    let other = rig.attached(join(consumer(2), 20_000));
    rig.detach(&lease, 1);
    rig.settle();
    rig.pass(SECOND).keepalive(&other);
    assert_eq!(rig.announces().len(), 1);
    rig.detach(&other, 2);
    // Not before its last lease is gone entirely.
    assert_eq!(rig.announces(), []);
    assert_eq!(rig.settle().len(), 2);
    assert_eq!(rig.driver.epoch(id(20_000)), None);
    let left_at = rig.now;
    rig.pass(3 * SECOND - 1);
    assert_eq!(rig.settle(), []);
    assert_eq!(rig.order(), None);
    assert_eq!(
        rig.driver.poll_timeout(),
        left_at.after(Duration::from_secs(3))
    );
    rig.pass(1);
    let order = rig.order().unwrap();
    let keep = Keep {
        in_use: None,
        spared: None,
        newest: 0,
        min_age: Duration::from_secs(3),
    };
    let stream = id(20_000);
    assert_eq!(order, FileOrder::Collect { stream, keep });
    assert_eq!(known(&rig), [20_000]);
    rig.carry_out(order);
    assert_eq!(known(&rig), [0_u32; 0]);
    // Its number is remembered on disk; it is looked for there, and exceeded.
    // req: D-131
    rig.now = Instant::from_ns(SECOND);
    let again = rig.attached(create(producer(3), 20_000));
    assert_eq!(epoch_of(&again), epoch_of(&other) + 1);
}

#[test] // req: D-168
fn where_nothing_is_collected_a_stream_is_forgotten_at_once() {
    let mut rig = rig(DYNAMIC);
    let lease = rig.attached(create(consumer(1), 0));
    rig.detach(&lease, 1);
    rig.hear();
    let Some(FileOrder::Collect { stream, keep }) = rig.order() else {
        panic!("mappings can go")
    };
    let old = FoundEpoch {
        epoch: 1,
        activity_ns: 0,
        creator_lives: false,
    };
    assert!(keep.spares(rig.now, 1000, old));
    // Somebody comes before that is done: it waits, and the stream stays.
    rig.ask(create(producer(2), 20_000));
    assert_eq!(rig.order(), None);
    rig.driver
        .handle_files(rig.now, FileResult::Collected { stream, removed: 0 });
    let heard = rig.settle();
    let granted = heard
        .iter()
        .find(|event| matches!(event, Event::Attached { .. }));
    assert!(epoch_of(granted.unwrap()) > epoch_of(&lease));
    assert_eq!(known(&rig), [20_000]);
}

#[test] // req: D-111, D-112, D-125, D-168
fn the_loss_of_its_producer_is_announced_before_a_stream_is_left() {
    let mut rig = rig(KEEPING);
    let lease = rig.attached(create(producer(1), 0));
    rig.detach(&lease, 7);
    assert!(matches!(rig.hear()[..], [Event::Revoked { .. }]));
    rig.files();
    let announced = rig.announces();
    assert_eq!(announced.len(), 1);
    assert!(announced[0].1 > epoch_of(&lease) && announced[0].2.is_none());
    // Only then the detach is answered, and after that the stream is left.
    rig.pass(SECOND);
    assert!(matches!(rig.settle()[..], [Event::Detached { .. }]));
    rig.pass(SECOND);
    assert_eq!(rig.announces(), []);
    rig.pass(3 * SECOND);
    rig.settle();
    assert_eq!(known(&rig), [0_u32; 0]);
}

#[test]
fn a_stream_about_to_be_forgotten_is_as_good_as_new() {
    let mut rig = rig(KEEPING);
    let lease = rig.attached(create(consumer(1), 0));
    rig.detach(&lease, 1);
    rig.settle();
    rig.pass(SECOND);
    let answer = rig.answer_to(&attach_message(&join(consumer(2), 20_000)));
    assert_eq!(answer, (REJECTED, "stream not provisioned".into()));
    // Its id is not free for anybody who asks for any.
    let other = rig.attached(create(consumer(3), 0));
    assert_eq!(holder(&other).stream, id(20_001));
    let again = rig.attached(create(consumer(2), 20_000));
    assert!(epoch_of(&again) > epoch_of(&lease));
    for _ in 0..10 {
        rig.pass(SECOND).keepalive(&again);
        rig.keepalive(&other);
        rig.settle();
    }
    assert_eq!(known(&rig), [20_000, 20_001]);
}
