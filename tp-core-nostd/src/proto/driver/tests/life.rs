//! Start, restart and stop.

use super::super::*;
use super::disk::Disk;
use super::rig::*;
use crate::time::{Duration, Instant};
use crate::wire::driver::*;

#[test] // req: D-129, D-131, D-135
fn old_epochs_on_disk_are_superseded_and_announced_before_any_lease() {
    // A reboot: the clock starts near zero, the disk remembers.
    let disk = Disk::from([(CAMERA, 900 * SECOND)]);
    let mut rig = Rig::fresh(CONFIG, Instant::from_ns(SECOND), disk);
    // Clients do not wait for the recovery to ask.
    rig.ask(consumer(7));
    assert_eq!(rig.hear(), []);
    let orders = rig.files();
    assert_eq!(orders.len(), 4, "{orders:?}");
    assert_eq!(rig.announces(), [(CAMERA, 900 * SECOND + 1, None)]);
    let granted = rig.hear();
    assert_eq!(epoch_of(&granted[0]), 900 * SECOND + 1);
    let lease = rig.attached(producer(8));
    assert_eq!(epoch_of(&lease), 900 * SECOND + 2);
}

#[test]
fn a_disk_that_cannot_be_read_is_not_guessed() {
    let mut rig = Rig::fresh(CONFIG, Instant::from_ns(SECOND), Disk::default());
    rig.ask(consumer(7));
    rig.fail_files(FileError::Unreadable);
    let heard = rig.hear();
    assert!(
        matches!(
            heard[..],
            [Event::AttachRefused {
                code: RefusalCode::InternalError,
                ..
            }]
        ),
        "{heard:?}"
    );
    rig.files();
    // The next attach looks again.
    rig.ask(consumer(7));
    assert_eq!(rig.order(), Some(FileOrder::Scan { stream: CAMERA }));
}

#[test] // req: D-133
fn a_stream_without_epoch_numbers_left_is_refused() {
    let disk = Disk::from([(CAMERA, u64::MAX - 1)]);
    let mut rig = Rig::fresh(CONFIG, Instant::from_ns(SECOND), disk);
    rig.files();
    for _ in 0..2 {
        let answer = rig.answer_to(&attach_message(&consumer(7)));
        assert_eq!(answer, (4, "no epoch number is left".into()));
    }
    assert_eq!(rig.announces(), []);
}

#[test]
fn the_next_deadline_is_known() {
    let mut rig = Rig::new();
    assert_eq!(rig.driver.poll_timeout(), Instant::NEVER);
    rig.ask(consumer(7));
    assert_eq!(rig.driver.poll_timeout(), Instant::from_ns(0));
    rig.settle();
    let after = |rig: &Rig| rig.driver.poll_timeout().since(rig.now);
    // The announce, the refreshed stamps, and in the end the expiry.
    assert_eq!(after(&rig), Duration::from_secs(1));
    rig.pass(3 * SECOND);
    rig.settle();
    assert_eq!(after(&rig), Duration::from_nanos(1));
    // Jumping from deadline to deadline loses nothing.
    rig.now = rig.driver.poll_timeout();
    assert_eq!(rig.driver.tick(rig.now), 1);
}

#[test]
fn messages_that_do_not_fit_the_buffer_are_dropped_and_counted() {
    let mut rig = Rig::new();
    rig.ask(consumer(7));
    rig.files();
    let done = rig
        .driver
        .transmit(rig.now, &mut [0; 20], |_| Err("never called"));
    assert_eq!(done, Ok(true));
    let done = rig
        .driver
        .announce(rig.now, &mut [0; 20], |_| Err("never called"));
    assert_eq!(done, Ok(true));
    assert_eq!(rig.driver.counters().too_long, 2);
}

#[test]
fn answers_without_room_are_dropped_and_counted() {
    let mut rig = Rig::new();
    for raw in 0..20 {
        rig.ask(ShmAttachRequest {
            expected_layout_version: 9,
            ..consumer(raw + 1)
        });
    }
    assert_eq!(rig.driver.counters().answers_dropped, 4);
    assert_eq!(rig.hear().len(), 16);
}
