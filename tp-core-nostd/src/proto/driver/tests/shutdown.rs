//! The end of a driver: stopped by its owner, or asked for by an operator.

use std::vec::Vec;

use super::super::*;
use super::rig::*;
use crate::ids::CorrelationId;
use crate::time::{Duration, Instant};
use crate::wire::Text;
use crate::wire::driver::*;

const GUARDED: Config<'static> = Config {
    shutdown: Some(ShutdownPolicy { token: b"s3cret" }),
    ..CONFIG
};

fn rig(config: Config<'static>) -> Rig {
    let mut rig = Rig::fresh(config, Instant::from_ns(100 * SECOND), Default::default());
    rig.files();
    rig
}

fn request(token: &[u8], reason: ShutdownReason, text: &[u8]) -> Vec<u8> {
    let mut buffer = std::vec![0; 4096];
    let len = ShmDriverShutdownRequest {
        correlation_id: CorrelationId(1),
        reason,
        token: Token(token),
        error_message: (!text.is_empty()).then_some(Text(text)),
    };
    let len = len.encode(&mut buffer).unwrap();
    buffer[..len].to_vec()
}

/// The notice that is due: its reason, its time and its text.
fn notice(rig: &mut Rig) -> Option<(ShutdownReason, u64, Vec<u8>)> {
    let (event, bytes) = rig.hear_one()?;
    let notice =
        ShmDriverShutdown::try_from(ShmDriverShutdownView::parse(&bytes).unwrap()).unwrap();
    let reason = notice.reason;
    assert_eq!(event, Event::Shutdown { reason });
    let text = notice.error_message.map_or(&[][..], |text| text.0);
    Some((reason, notice.timestamp_ns, text.to_vec()))
}

#[test] // req: D-065, D-139, D-148, D-149, D-150, D-153
fn a_stopped_driver_serves_its_leases_to_the_end_and_says_goodbye() {
    let mut rig = Rig::new();
    let lease = rig.attached(producer(7));
    let watcher = rig.attached(consumer(8));
    rig.driver
        .stop(rig.now, ShutdownReason::Admin, Duration::from_secs(2));
    // All streams once more.
    assert_eq!(rig.announces(), [(CAMERA, epoch_of(&lease), Some(7))]);
    rig.pass_and_tick(SECOND);
    rig.keepalive(&lease);
    assert_eq!(rig.driver.counters().keepalives, 1);
    rig.detach(&watcher, 1);
    assert_eq!(rig.hear().len(), 2);
    assert_eq!(
        rig.answer_to(&attach_message(&consumer(9))).1,
        "driver draining"
    );
    rig.announces();
    // A second stop shortens, and does not lengthen.
    rig.driver
        .stop(rig.now, ShutdownReason::Normal, Duration::from_secs(60));
    assert_eq!(rig.driver.poll_timeout().as_ns(), rig.now.as_ns() + SECOND);
    rig.pass_and_tick(SECOND);
    assert!(rig.is_due());
    let sent_at = rig.now.as_ns();
    assert_eq!(
        notice(&mut rig),
        Some((ShutdownReason::Admin, sent_at, Vec::new()))
    );
    assert_eq!(rig.driver.life(), Life::Stopped);
    // Nothing follows, and no lease is revoked one by one (driver 12, trap 28).
    rig.pass_and_tick(60 * SECOND);
    rig.ask(consumer(10));
    assert_eq!(rig.hear(), []);
    assert_eq!(rig.announces(), []);
    assert_eq!(rig.order(), None);
    assert_eq!(rig.driver.poll_timeout(), Instant::NEVER);
}

#[test] // req: D-065
fn attaches_that_wait_when_the_driver_stops_are_refused() {
    let mut rig = Rig::new();
    let lease = rig.attached(producer(1));
    rig.detach(&lease, 9);
    rig.ask(producer(2));
    rig.hear();
    rig.driver
        .stop(rig.now, ShutdownReason::Normal, Duration::from_secs(2));
    rig.files();
    let heard = rig.hear();
    assert!(
        matches!(heard[..], [Event::AttachRefused { client: 2, .. }]),
        "{heard:?}"
    );
}

#[test] // req: D-142, D-143, D-145, D-146, D-148, D-149
fn who_knows_the_secret_may_end_the_driver() {
    let mut rig = rig(GUARDED);
    let lease = rig.attached(producer(7));
    rig.send(&request(b"s3cret", ShutdownReason::Error, b"disk on fire"));
    assert_eq!(rig.driver.counters().shutdown_requests, 1);
    let until = rig.now.after(Duration::from_secs(2));
    let reason = ShutdownReason::Error;
    assert_eq!(rig.driver.life(), Life::Draining { until, reason });
    let text = rig.driver.shutdown_message();
    assert_eq!(text, Some(Text(b"disk on fire")));
    // No answer, but a last announce.
    assert_eq!(rig.hear(), []);
    assert_eq!(rig.announces(), [(CAMERA, epoch_of(&lease), Some(7))]);
    // Another request changes nothing, its owner's stop shortens the time and keeps the reason.
    rig.pass(SECOND);
    rig.send(&request(b"s3cret", ShutdownReason::Normal, b"never mind"));
    assert_eq!(rig.driver.life(), Life::Draining { until, reason });
    rig.driver
        .stop(rig.now, ShutdownReason::Normal, Duration::ZERO);
    let sent_at = rig.now.as_ns();
    assert_eq!(
        notice(&mut rig),
        Some((reason, sent_at, b"disk on fire".to_vec()))
    );
    assert_eq!(rig.driver.life(), Life::Stopped);
}

#[test] // req: D-144, D-145, D-146, D-147, D-218
fn everybody_else_is_ignored_and_not_answered() {
    let mut unknown_reason = request(b"s3cret", ShutdownReason::Normal, b"");
    unknown_reason[8 + 8] = 3;
    for (config, message) in [
        (GUARDED, request(b"", ShutdownReason::Normal, b"")),
        (GUARDED, request(b"s3cre", ShutdownReason::Normal, b"")),
        (GUARDED, request(b"s3cret2", ShutdownReason::Normal, b"")),
        (GUARDED, request(b"S3cret", ShutdownReason::Normal, b"")),
        (GUARDED, unknown_reason),
        (CONFIG, request(b"", ShutdownReason::Normal, b"")),
        (CONFIG, request(b"s3cret", ShutdownReason::Normal, b"")),
    ] {
        let mut rig = rig(config);
        rig.send(&message);
        assert_eq!(rig.driver.counters().ignored.shutdown_requests, 1);
        assert_eq!(rig.driver.counters().shutdown_requests, 0);
        assert_eq!(rig.driver.life(), Life::Running);
        assert_eq!(rig.hear(), []);
    }
}

#[test] // req: D-031, D-032, D-149
fn what_the_operator_said_is_cut_between_characters() {
    let mut rig = rig(GUARDED);
    let text = "x".repeat(1023) + "\u{E9}\u{E9}";
    rig.send(&request(b"s3cret", ShutdownReason::Admin, text.as_bytes()));
    rig.pass(2 * SECOND);
    let (_, _, said) = notice(&mut rig).unwrap();
    assert_eq!(said, "x".repeat(1023).into_bytes());
}

/// Where a driver is when something happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Running,
    Draining,
    /// The time is over, the notice not yet taken.
    Due,
    Stopped,
}
use Stage::*;

/// Something that happens, and the stage after it: in Running, Draining, Due, Stopped.
type Row = (&'static str, fn(&mut Rig), [Stage; 4]);

const LIFE: [Row; 8] = [
    (
        "a request with the secret",
        |rig| rig.send(&request(b"s3cret", ShutdownReason::Admin, b"")),
        [Draining, Draining, Due, Stopped],
    ),
    (
        "a request without it",
        |rig| rig.send(&request(b"x", ShutdownReason::Admin, b"")),
        [Running, Draining, Due, Stopped],
    ),
    (
        "a stop with a grace",
        |rig| {
            let grace = Duration::from_secs(9);
            rig.driver.stop(rig.now, ShutdownReason::Normal, grace);
        },
        [Draining, Draining, Due, Stopped],
    ),
    (
        "a stop without",
        |rig| {
            let grace = Duration::ZERO;
            rig.driver.stop(rig.now, ShutdownReason::Normal, grace);
        },
        [Due, Due, Due, Stopped],
    ),
    (
        "time goes by",
        |rig| {
            rig.pass_and_tick(60 * SECOND);
        },
        [Running, Due, Due, Stopped],
    ),
    (
        "the publication takes what there is",
        |rig| {
            rig.hear();
        },
        [Running, Draining, Stopped, Stopped],
    ),
    (
        "the publication takes nothing",
        |rig| {
            rig.is_due();
        },
        [Running, Draining, Due, Stopped],
    ),
    (
        "an attach",
        |rig| rig.ask(consumer(9)),
        [Running, Draining, Due, Stopped],
    ),
];

#[test] // req: D-065, D-146, D-148, D-150
fn every_event_in_every_stage_of_a_driver_s_life_leads_where_the_table_says() {
    for (what, happen, after) in LIFE {
        for (stage, expected) in [Running, Draining, Due, Stopped].into_iter().zip(after) {
            let mut rig = rig(GUARDED);
            if stage != Running {
                let grace = Duration::from_secs(2);
                rig.driver.stop(rig.now, ShutdownReason::Normal, grace);
            }
            if matches!(stage, Due | Stopped) {
                rig.pass(2 * SECOND);
            }
            if stage == Stopped {
                rig.hear();
            }
            happen(&mut rig);
            let seen = match rig.driver.life() {
                Life::Running => Running,
                Life::Draining { until, .. } if until <= rig.now => Due,
                Life::Draining { .. } => Draining,
                Life::Stopped => Stopped,
            };
            assert_eq!(seen, expected, "{what} while {stage:?}");
            // What it says to an attach now, if anything.
            rig.hear();
            rig.ask(consumer(8));
            rig.files();
            match (rig.driver.life(), rig.hear().last()) {
                (Life::Running, Some(Event::Attached { .. }))
                | (Life::Draining { .. }, Some(Event::AttachRefused { .. }))
                | (Life::Stopped, None) => {}
                (life, answer) => panic!("{what} while {stage:?}: {life:?} {answer:?}"),
            }
        }
    }
}
