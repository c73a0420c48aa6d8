//! When and what consumers are told, who is tracked, and for how long.

use super::super::*;
use super::rig::*;
use crate::ids::StreamId;
use crate::time::{Duration, Instant};
use crate::wire::control::{ConsumerHello, ProgressHints, QosConsumer};
use crate::wire::enums::Mode;

#[test] // req: P-033, C-082, P-021
fn a_config_goes_out_when_there_is_something_to_tell() {
    let mut rig = Rig::answering();
    let tell = |rig: &mut Rig, ms: u64, hello: &ConsumerHello<'_>| {
        rig.manager.poll(at(ms));
        let heard = rig.manager.handle_hello(at(ms), hello);
        rig.settle();
        (heard, rig.told())
    };
    let no_shm = ConsumerHello {
        supports_shm: false,
        expected_layout_version: Some(9),
        ..hello(ANN)
    };
    assert_eq!(tell(&mut rig, 0, &hello(ANN)), (Heard::New, "1 0/0".into()));
    assert_eq!(
        tell(&mut rig, 1_000, &hello(ANN)),
        (Heard::Known, "-".into())
    );
    assert_eq!(
        tell(&mut rig, 2_000, &no_shm),
        (Heard::Known, "1 0/0 no shm".into())
    );
    assert_eq!(tell(&mut rig, 3_000, &no_shm), (Heard::Known, "-".into()));
    // Back after a silence.
    assert_eq!(
        tell(&mut rig, 9_000, &no_shm),
        (Heard::New, "1 0/0 no shm".into())
    );
    // The stream has a new epoch: with the next hello, not before.
    rig.manager.handle_epoch_change();
    assert_eq!(rig.told(), "-");
    assert_eq!(
        tell(&mut rig, 9_500, &no_shm),
        (Heard::Known, "1 0/0 no shm".into())
    );
    assert_eq!(tell(&mut rig, 9_600, &no_shm), (Heard::Known, "-".into()));
    // Somebody else's.
    let foreign = ConsumerHello {
        stream_id: StreamId::new(9).unwrap(),
        ..hello(ANN)
    };
    assert_eq!(
        tell(&mut rig, 9_700, &foreign),
        (Heard::Foreign, "-".into())
    );
    assert_eq!(rig.manager.counters().hellos, 7);
}

#[test] // req: P-034
fn an_answer_that_was_not_taken_stays_due() {
    let mut rig = Rig::answering();
    rig.manager.handle_hello(at(0), &asking(ANN, 31_000, 0));
    assert_eq!(rig.manager.order(|_| Err(1)), Err(1));
    assert_eq!(rig.settle(), "open31000");
    assert_eq!(rig.manager.transmit(|_| Err(2)), Err(2));
    assert_eq!(rig.told(), "1 31000/0");
    assert_eq!(rig.manager.counters().configs_sent, 1);
}

#[test] // req: C-086, P-025, P-067
fn a_change_of_policy_reaches_everybody() {
    let mut rig = Rig::answering();
    rig.manager.handle_hello(at(0), &hello(ANN));
    rig.manager.handle_hello(at(0), &hello(BEN));
    assert_eq!(rig.told(), "1 0/0, 2 0/0");
    rig.manager.set_policy(ManagerPolicy {
        force_no_shm: true,
        payload_fallback_uri: "bridge://gui".try_into().ok(),
        ..ManagerPolicy::default()
    });
    let mut uris = std::vec::Vec::new();
    let told = rig.manager.transmit(|config| {
        uris.push((
            config.use_shm,
            config.payload_fallback_uri == Some("bridge://gui"),
        ));
        Ok::<_, ()>(())
    });
    assert_eq!((told, uris), (Ok(true), std::vec![(false, true)]));
    assert_eq!(rig.told(), "2 0/0 no shm");
}

#[test] // req: C-086, P-061
fn a_full_registry_declines_and_counts() {
    let mut rig = Rig::answering();
    for consumer in [ANN, BEN] {
        rig.manager.handle_hello(at(0), &hello(consumer));
    }
    rig.told();
    let heard = rig
        .manager
        .handle_hello(at(1), &asking(CAT, 31_000, 32_000));
    assert_eq!((heard, rig.settle().as_str()), (Heard::Refused, "-"));
    assert_eq!(rig.told(), "3 0/0");
    assert_eq!(rig.manager.counters().refused_full, 1);
    assert_eq!(rig.manager.consumers().count(), 2);
    for _ in 0..9 {
        rig.manager.handle_hello(at(2), &hello(CAT));
    }
    assert_eq!(rig.manager.counters().refusals_lost, 1);
    // Whoever else answers tells it himself.
    let mut rig = Rig::following();
    for consumer in [ANN, BEN, CAT] {
        rig.manager.handle_hello(at(0), &hello(consumer));
    }
    assert_eq!(
        (rig.told().as_str(), rig.manager.counters().refused_full),
        ("-", 1)
    );
}

#[test] // req: W-206, P-050, P-051, C-082
fn either_hello_or_qos_keeps_a_consumer() {
    let mut rig = Rig::answering();
    rig.manager.handle_hello(at(0), &asking(ANN, 31_000, 0));
    rig.settle();
    rig.manager.handle_qos(at(0), &qos(BEN));
    assert_eq!(
        rig.told(),
        "1 31000/0",
        "who never said hello is told nothing"
    );
    for ms in [4_000, 8_000] {
        rig.manager.handle_qos(at(ms), &qos(ANN));
        rig.manager.poll(at(ms + 1_250));
    }
    let there: std::vec::Vec<_> = rig
        .manager
        .consumers()
        .map(|c| (c.consumer, c.qos.is_some()))
        .collect();
    assert_eq!(there, [(ANN, true)]);
    assert_eq!(rig.manager.counters().stale, 1);
    assert_eq!(rig.orders(), "-");
    let due = rig.manager.poll_timeout();
    assert!(due <= at(13_000 + 1_250), "{due:?}");
    rig.manager.poll(at(13_001).max(due));
    assert_eq!(
        (rig.orders().as_str(), rig.manager.consumers().count()),
        ("close", 0)
    );
    rig.manager.poll(at(30_000));
    assert_eq!(rig.manager.poll_timeout(), Instant::NEVER, "nobody left");
    // A foreign stream's QoS tracks nobody.
    let foreign = QosConsumer {
        stream_id: StreamId::new(9).unwrap(),
        ..qos(ANN)
    };
    rig.manager.handle_qos(at(30_000), &foreign);
    assert_eq!(rig.manager.consumers().count(), 0);
}

#[test] // req: W-209, W-211, W-212, W-213, T-51, C-087
fn only_who_asked_for_a_limited_rate_has_one() {
    let capped = ManagerPolicy {
        max_rate_hz: Some(50),
        ..ManagerPolicy::default()
    };
    #[rustfmt::skip]
    let rows = [
        // mode              asked      own       capped at 50
        (Mode::Stream,       Some(10),  None,     None),
        (Mode::RateLimited,  Some(10),  Some(10), Some(10)),
        (Mode::RateLimited,  Some(99),  Some(99), Some(50)),
        (Mode::RateLimited,  None,      None,     Some(50)),
    ];
    for (mode, max_rate_hz, free, under_cap) in rows {
        for (policy, expected) in [
            (ManagerPolicy::default(), free),
            (capped.clone(), under_cap),
        ] {
            let mut rig = Rig::new(manager(true, policy));
            let wish = ConsumerHello {
                mode,
                max_rate_hz,
                ..hello(ANN)
            };
            rig.manager.handle_hello(at(0), &wish);
            assert_eq!(
                rig.manager.max_rate_hz(ANN),
                expected,
                "{mode:?} {max_rate_hz:?}"
            );
        }
    }
    // Whoever answers may order it.
    let mut rig = Rig::following();
    let wish = ConsumerHello {
        max_rate_hz: Some(10),
        ..hello(ANN)
    };
    rig.manager.handle_hello(at(0), &wish);
    assert_eq!(rig.manager.max_rate_hz(ANN), None);
    let forced = crate::wire::control::ConsumerConfig {
        mode: Mode::RateLimited,
        ..assigning(ANN, 0, 0)
    };
    rig.manager.handle_config(at(0), &forced);
    assert_eq!(rig.manager.max_rate_hz(ANN), Some(10));
    assert_eq!(rig.manager.max_rate_hz(BEN), None);
}

#[test] // req: C-073, C-076, W-174, W-175
fn hints_count_while_their_consumer_is_there_and_supports_progress() {
    let mut rig = Rig::answering();
    let every = |consumer, us, supports_progress| ConsumerHello {
        supports_progress,
        progress: ProgressHints {
            interval_us: Some(us),
            ..ProgressHints::default()
        },
        ..hello(consumer)
    };
    let interval = |rig: &Rig| rig.manager.progress().map(|policy| policy.interval);
    assert_eq!(interval(&rig), None);
    rig.manager.handle_hello(at(0), &every(ANN, 300, false));
    assert_eq!(interval(&rig), None);
    rig.manager.handle_hello(at(1), &every(ANN, 300, true));
    assert_eq!(interval(&rig), Some(Duration::from_micros(300)));
    rig.manager.handle_hello(at(1), &every(BEN, 900, true));
    assert_eq!(interval(&rig), Some(Duration::from_micros(300)));
    rig.manager.handle_gone(ANN);
    assert_eq!(interval(&rig), Some(Duration::from_micros(900)));
}

#[test] // req: C-082
fn without_a_limit_nobody_goes_stale() {
    let config = ManagerConfig {
        stream: STREAM,
        answers_hellos: true,
        stale_after: Duration::ZERO,
    };
    let entries = [ConsumerEntry::UNUSED; 2];
    let mut rig = Rig::new(ConsumerManager::new(
        config,
        ManagerPolicy::default(),
        entries,
    ));
    rig.manager.handle_hello(at(0), &hello(ANN));
    rig.manager.poll(at(1_000_000));
    assert_eq!(rig.manager.poll_timeout(), Instant::NEVER);
    assert_eq!(rig.manager.consumers().count(), 1);
}
