//! Messages that are not for a driver, or that it cannot read.

use std::vec::Vec;

use super::super::*;
use super::rig::*;
use crate::ids::CorrelationId;
use crate::wire::driver::*;

const UNSUPPORTED: i32 = 1;

/// The counter that a message must raise.
type Reason = fn(&Ignored) -> u64;

#[test] // req: D-029, D-030
fn what_is_not_for_the_driver_is_counted_and_left_alone() {
    let attach = attach_message(&consumer(7));
    let message = |schema: u16, template: u8, version: u8, block: u8| {
        let [low, high] = schema.to_le_bytes();
        let mut message = std::vec![block, 0, template, 0, low, high, version, 0];
        // A zero block, an empty group and empty texts, as many as any message has.
        message.resize(8 + usize::from(block), 0);
        message.extend_from_slice(&[10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        message
    };
    let cases: &[(Vec<u8>, Reason)] = &[
        (Vec::new(), |ignored| ignored.malformed),
        (attach[..7].to_vec(), |ignored| ignored.malformed),
        (attach[..34].to_vec(), |ignored| ignored.malformed),
        (message(901, 1, 1, 26), |ignored| ignored.malformed),
        (message(901, 1, 1, 28), |ignored| ignored.malformed),
        (message(901, 1, 0, 27), |ignored| ignored.version),
        (message(901, 5, 2, 25), |ignored| ignored.version),
        (message(901, 1, 2, 27)[..15].to_vec(), |ignored| {
            ignored.version
        }),
        (message(901, 9, 1, 27), |ignored| ignored.foreign),
        (message(901, 0, 1, 27), |ignored| ignored.foreign),
        (message(900, 4, 1, 40), |ignored| ignored.foreign),
        (message(902, 1, 1, 27), |ignored| ignored.foreign),
        (message(901, 2, 1, 54), |ignored| ignored.from_drivers),
        (message(901, 4, 1, 12), |ignored| ignored.from_drivers),
        (message(901, 6, 1, 9), |ignored| ignored.from_drivers),
        (message(901, 7, 1, 26), |ignored| ignored.from_drivers),
    ];
    for (message, count) in cases {
        let mut rig = Rig::new();
        rig.send(message);
        assert_eq!(count(&rig.driver.counters().ignored), 1, "{message:?}");
        assert_eq!(rig.settle(), [], "{message:?}");
        assert_eq!(rig.driver.leases_in_use(), 0);
    }
    // Bytes after the message do no harm.
    let mut rig = Rig::new();
    let mut longer = attach.clone();
    longer.extend_from_slice(&[0xFF; 9]);
    rig.send(&longer);
    assert!(matches!(rig.settle()[0], Event::Attached { .. }));
}

#[test] // req: D-028
fn newer_requests_are_told_which_version_to_use() {
    let mut rig = Rig::new();
    let mut detach = std::vec![99, 0, 3, 0, 0x85, 3, 2, 0];
    detach.extend_from_slice(&77_i64.to_le_bytes());
    let text = "unsupported driver schema version";
    assert_eq!(rig.answer_to(&detach), (UNSUPPORTED, text.into()));
    rig.send(&detach);
    assert_eq!(
        rig.hear(),
        [Event::DetachRefused {
            correlation: CorrelationId(77),
            code: RefusalCode::Unsupported
        }]
    );
}
