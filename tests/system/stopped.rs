//! A consumer process that is stopped: it must slow nobody for long, and work again when it is continued.

use core::ops::Range;
use core::time::Duration;
use std::time::Instant;

use rustix::process::Signal;
use tp_std::Delivery;

use crate::frames::{Pace, publish};
use crate::peer::Peer;
use crate::rig::{Rig, Shape, consumer, producer, wait_until};
use crate::watcher::{Watcher, assert_accounted, settle};

/// Longer than Aeron's client liveness: the stopped process loses its connection to the media driver.
const STOPPED: Duration = Duration::from_secs(12);

#[test] // req: C-056
fn a_stopped_consumer_refuses_no_descriptor_at_1_khz() {
    let rig = Rig::start(&Shape {
        term: "512k",
        ..Shape::default()
    });
    let (client, _conductor) = rig.client();
    let mut producer = producer(&client);
    let watcher = Watcher::start(consumer(&client));
    let stopped = Peer::start(&rig, "consumer");
    settle(&mut producer, &[&watcher]);
    stopped.signal(Signal::STOP);
    let mut pace = Pace::hz(1000);
    // Half a term is full after 2730 descriptors; the stopped one must be let go before.
    for _ in 0..6000 {
        assert_eq!(publish(&mut producer, 40).unwrap().1, Delivery::Sent);
        pace.wait();
    }
    let sent = settle(&mut producer, &[&watcher]);
    let drops = watcher.drops.clone();
    assert_accounted(sent, &watcher.stop(), &drops);
}

#[test] // req: C-044, C-056, C-057, C-158, W-107
fn a_stopped_consumer_is_let_go_at_20_khz_and_comes_back_after_12_s() {
    let rig = Rig::start(&Shape {
        slots: 64 * 1024,
        strides: &[64],
        term: "1m",
        ..Shape::default()
    });
    let (client, _conductor) = rig.client();
    let mut producer = producer(&client);
    let watcher = Watcher::start(consumer(&client));
    let mut stopped = Peer::start(&rig, "consumer");

    wait_until("frames in the other process", || {
        publish(&mut producer, 40).unwrap();
        stopped.ask("report")[0] > 100
    });
    let (at, started) = (Instant::now(), producer.deliveries().sent);
    stopped.signal(Signal::STOP);

    // Half a term holds 5461 descriptors. On a quiet machine it fills once, before the stopped one is let go; a busy one
    // may publish too slowly for that, or keep the other consumer from running for as long.
    let mut stalls: Vec<(Range<u64>, Range<Duration>)> = Vec::new();
    let mut pace = Pace::hz(20_000);
    for _ in 0..24_000 {
        let (seq, delivery) = publish(&mut producer, 40).unwrap();
        match delivery {
            Delivery::Sent => {}
            Delivery::BackPressured => match stalls.last_mut() {
                Some((refused, when)) if refused.end == seq => {
                    (refused.end, when.end) = (seq + 1, at.elapsed());
                }
                _ => stalls.push((seq..seq + 1, at.elapsed()..at.elapsed())),
            },
            other => panic!("{other:?}"),
        }
        pace.wait();
    }
    for (refused, when) in &stalls {
        println!(
            "{} descriptors refused in {:?}, {:?} after the stop; {} sent before",
            refused.end - refused.start,
            when.end - when.start,
            when.start,
            refused.start - started,
        );
    }

    // Held up by the stopped one, this would end after 5461 descriptors.
    pace = Pace::hz(1000);
    while at.elapsed() < STOPPED {
        assert_eq!(publish(&mut producer, 40).unwrap().1, Delivery::Sent);
        pace.wait();
    }
    stopped.signal(Signal::CONT);
    let continued = Instant::now();
    let (goal, _) = publish(&mut producer, 40).unwrap();
    let mut report = Vec::new();
    wait_until("the continued process to get new frames", || {
        publish(&mut producer, 40).unwrap();
        report = stopped.ask("report");
        report[3] > goal + 100
    });
    println!(
        "new frames {:?} after it was continued",
        continued.elapsed()
    );
    assert_eq!(report[1], 0, "torn");

    let sent = settle(&mut producer, &[&watcher]);
    let drops = watcher.drops.clone();
    let tally = watcher.stop();
    assert_accounted(sent, &tally, &drops);
    assert_eq!(tally.received, sent, "the other consumer gets every frame");
}
