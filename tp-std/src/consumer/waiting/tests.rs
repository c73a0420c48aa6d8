use std::sync::Arc;
use std::thread;

use tp_core_nostd::time::{Clock, Instant};
use tp_tests::fake_transport::FakeClock;

use super::*;
use crate::clock::SharedClock;
use crate::consumer::bench::{STREAM, Stage, note, seq};
use crate::consumer::{Board, ConsumerConfig, ConsumerLink};
use crate::link::Orphaned;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);
const PARK: Wait = Wait::SpinThenPark {
    spin: Duration::ZERO,
    at_most: LONG,
};
const WAITS: [Wait; 3] = [Wait::Spin, Wait::Deadline(LONG), PARK];

/// A consumer as its conductor hands it out, without a descriptor stream.
fn consumer(stage: &Stage) -> (Consumer, Arc<ConsumerLink>) {
    consumer_by(SharedClock::default(), stage)
}

/// The same, whose client goes by `clock`.
fn consumer_by(clock: SharedClock, stage: &Stage) -> (Consumer, Arc<ConsumerLink>) {
    let link = Arc::<ConsumerLink>::default();
    hand_over(&link, stage);
    let consumer = Consumer::new(
        link.clone(),
        Board::new(false),
        &ConsumerConfig::new(STREAM),
        clock,
    );
    (consumer, link)
}

fn hand_over(link: &ConsumerLink, stage: &Stage) {
    link.bell.put(Some(stage.bell()));
    link.mapping.put(stage.map());
    link.cell.activate();
}

/// Waits until frame `last` was seen; number of each frame, and whether its bytes are its own.
fn until(consumer: &mut Consumer, how: Wait, last: u64) -> Vec<(u64, Option<bool>)> {
    let mut got = Vec::new();
    while got.last().is_none_or(|(raw, _)| *raw < last) {
        assert!(consumer.wait(how, note(&mut got)).unwrap() > 0);
    }
    got
}

#[test] // req: E-01
fn every_way_of_waiting_finds_every_frame_without_a_descriptor() {
    for how in WAITS {
        let stage = Stage::new(5, 64);
        let (mut consumer, _link) = consumer(&stage);
        let bell = stage.bell();
        thread::scope(|scope| {
            scope.spawn(|| {
                for raw in 0..60 {
                    stage.write([raw]);
                    bell.ring_if_wanted();
                }
            });
            let got = until(&mut consumer, how, 59);
            let all: Vec<_> = (0..60).map(|raw| (raw, Some(true))).collect();
            assert_eq!(got, all, "{how:?}");
        });
        let counters = consumer.counters();
        assert_eq!((counters.gap_drops(), counters.late_drops()), (0, 0));
        assert_eq!(counters.found_in_memory(), 60);
    }
}

#[test] // req: E-01
fn what_is_there_already_is_not_waited_for_and_handed_out_at_once() {
    let stage = Stage::new(5, 8);
    let (mut consumer, _link) = consumer(&stage);
    stage.write(0..3);
    let mut got = Vec::new();
    assert_eq!(consumer.wait(Wait::Spin, note(&mut got)), Ok(3));
    assert_eq!(got.len(), 3);
}

#[test] // req: E-01
fn time_that_is_up_ends_the_wait() {
    let stage = Stage::new(5, 8);
    let (mut consumer, link) = consumer(&stage);
    let short = Duration::from_millis(1);
    let park = Wait::SpinThenPark {
        spin: Duration::ZERO,
        at_most: short,
    };
    for how in [Wait::Deadline(Duration::ZERO), Wait::Deadline(short), park] {
        assert_eq!(consumer.wait(how, |_, _| panic!("no frame")), Ok(0));
    }
    // Nor is there anything without a bell, or without memory.
    link.bell.put(None);
    link.cell.notify();
    assert_eq!(consumer.wait(park, |_, _| panic!("no frame")), Ok(0));
    link.cell.fence();
    for how in [Wait::Deadline(short), park] {
        assert_eq!(consumer.wait(how, |_, _| panic!("no frame")), Ok(0));
    }
}

#[test] // req: E-01
fn without_a_bell_a_sleeper_looks_by_itself() {
    let stage = Stage::new(5, 8);
    let (mut consumer, link) = consumer(&stage);
    link.bell.put(None);
    link.cell.notify();
    thread::scope(|scope| {
        scope.spawn(|| stage.write([0]));
        assert_eq!(until(&mut consumer, PARK, 0), [(0, Some(true))]);
    });
}

#[test] // req: E-01, C-012
fn a_closed_client_ends_every_wait() {
    for how in WAITS {
        let stage = Stage::new(5, 8);
        let (mut consumer, link) = consumer(&stage);
        thread::scope(|scope| {
            scope.spawn(move || link.close());
            let ended = consumer.wait(how, |_, _| panic!("no frame"));
            assert_eq!(ended, Err(ConsumeError::Closed), "{how:?}");
        });
    }
}

#[test] // req: E-01, C-154
fn a_new_epoch_is_taken_up_while_waiting() {
    for how in WAITS {
        let (old, new) = (Stage::new(5, 8), Stage::new(6, 8));
        old.write(0..4);
        let (mut consumer, link) = consumer(&old);
        assert_eq!(until(&mut consumer, how, 3).len(), 4);
        thread::scope(|scope| {
            scope.spawn(|| {
                link.cell.fence();
                hand_over(&link, &new);
                new.write([0]);
                new.bell().ring_if_wanted();
            });
            let mut got = Vec::new();
            assert_eq!(consumer.wait(how, note(&mut got)), Ok(1), "{how:?}");
            assert_eq!(got, [(0, Some(true))]);
        });
        assert_eq!(consumer.epoch(), Some(crate::consumer::bench::epoch(6)));
    }
}

#[test] // req: E-01, C-101
fn lapped_waiters_go_on_with_the_newest_frame_and_count_the_gap() {
    let stage = Stage::new(5, 8);
    let (mut consumer, _link) = consumer(&stage);
    stage.write(0..2);
    assert_eq!(until(&mut consumer, Wait::Spin, 1).len(), 2);
    stage.write(2..30);
    assert_eq!(until(&mut consumer, Wait::Spin, 29), [(29, Some(true))]);
    assert_eq!(consumer.counters().gap_drops(), 27);
    assert_eq!(consumer.last_seq(), Some(seq(29)));
}

#[test] // req: E-01, C-063
fn claims_that_were_given_up_are_passed_over_and_counted() {
    let stage = Stage::new(5, 16);
    let (mut consumer, _link) = consumer(&stage);
    stage.write([0]);
    (1..7).for_each(|raw| stage.begin(raw));
    stage.write([7]);
    let got = until(&mut consumer, Wait::Spin, 7);
    assert_eq!(got, [(0, Some(true)), (7, Some(true))]);
    assert_eq!(consumer.counters().gap_drops(), 6);
}

#[test] // req: E-01, C-139
fn alone_it_reads_every_frame_while_its_producer_lives_by_the_clock_of_its_client() {
    let clock = FakeClock::default();
    let set = |seconds: u64| {
        clock.set(Instant::from_ns(seconds * 1_000_000_000));
        clock.now()
    };
    let stage = Stage::new(5, 8);
    let (mut consumer, link) = consumer_by(SharedClock::new(clock.clone()), &stage);
    // Long before this machine was started, as far as its own clock can tell.
    stage.touch(set(1));
    link.orphan(Orphaned {
        pid: std::process::id().into(),
        window: Duration::from_secs(3),
    });
    let mut got = Vec::new();
    for second in 1..=40 {
        stage.touch(set(second));
        stage.write([second - 1]);
        let polled = consumer.wait(Wait::Deadline(Duration::ZERO), note(&mut got));
        assert_eq!(polled, Ok(1), "{second}");
    }
    let all: Vec<_> = (0..40).map(|raw| (raw, Some(true))).collect();
    assert_eq!(got, all);
    // The last sign of life was given at 40.
    let mut at = |second: u64| {
        set(second);
        consumer.poll(1, |_, _| panic!("no frame"))
    };
    assert_eq!(at(43), Ok(0));
    assert_eq!(at(44), Err(ConsumeError::Closed));
}
