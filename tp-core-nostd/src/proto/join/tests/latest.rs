//! Joins of the newest frames.

use super::*;
use std::vec::Vec;

type BySequence = LatestBySequence<[Place<SequenceRule>; 3]>;
type ByTime = LatestByTime<[Place<TimestampRule>; 3]>;

/// The rules want the impossible, which nobody asks for.
fn by_sequence() -> BySequence {
    let rules = [offset(LEFT, -1_000), window(RIGHT, 1_000)];
    let mut barrier = LatestBySequence::new(OUT, JoinPolicy::default(), [Place::FREE; 3]);
    barrier.begin_epoch(EPOCH);
    let _ = barrier.apply(&sequence_map(&rules));
    barrier
}

fn by_time() -> ByTime {
    let rules = [offset_ns(LEFT, -1_000), window_ns(RIGHT, 1_000)];
    let mut barrier = LatestByTime::new(OUT, JoinPolicy::default(), [Place::FREE; 3]);
    barrier.begin_epoch(EPOCH);
    let _ = barrier.apply(&timestamp_map(&rules));
    barrier
}

fn numbers(selected: impl Iterator<Item = Selected>) -> Vec<(StreamId, u64)> {
    selected
        .map(|selected| (selected.stream, selected.seq.get()))
        .collect()
}

#[test] // req: J-075, J-076, J-077, J-082, J-086, J-087
fn ready_with_a_frame_of_each_and_the_highest_number_counts() {
    let mut barrier = by_sequence();
    assert_eq!(barrier.ready(at(0)), Readiness::Waiting);
    barrier.observed(at(0), &frame(LEFT, 0, None));
    assert_eq!(barrier.ready(at(0)), Readiness::Waiting);
    assert_eq!(numbers(barrier.selected()), [(LEFT, 0)]);
    barrier.observed(at(0), &frame(RIGHT, 700, None));
    barrier.observed(at(0), &frame(RIGHT, 699, None));
    assert_eq!(barrier.ready(at(0)), Readiness::Ready);
    assert_eq!(numbers(barrier.selected()), [(LEFT, 0), (RIGHT, 700)]);
}

#[test] // req: J-082, J-083, J-084, J-085, J-066, J-072
fn by_time_the_latest_of_the_named_source_and_clock_counts() {
    let mut barrier = by_time();
    for (input, number, time) in [
        (LEFT, 0, Some(50)),
        (RIGHT, 5, Some(60)),
        (RIGHT, 6, Some(59)),
    ] {
        barrier.observed(at(0), &frame(input, number, time));
    }
    barrier.observed(at(0), &frame(RIGHT, 7, None));
    barrier.observed(at(0), &frame(RIGHT, 8, Some(61)).read(99));
    assert_eq!(barrier.ready(at(0)), Readiness::Ready);
    assert_eq!(numbers(barrier.selected()), [(LEFT, 0), (RIGHT, 5)]);
    barrier.observed(at(0), &frame(RIGHT, 9, Some(60)));
    assert_eq!(barrier.ready(at(0)), Readiness::Ready);
    assert_eq!(
        numbers(barrier.selected()),
        [(LEFT, 0), (RIGHT, 9)],
        "the later of equals"
    );
    let synced = InputFrame {
        clock: Some(ClockDomain::RealtimeSynced),
        ..frame(RIGHT, 10, Some(70))
    };
    barrier.observed(at(0), &synced);
    assert_eq!(barrier.ready(at(0)), Readiness::InputRejected);
}

#[test] // req: J-003, J-004, J-078, J-079
fn a_frame_that_is_gone_takes_its_input_along_until_a_newer_one() {
    let mut barrier = by_sequence();
    barrier.observed(at(0), &frame(LEFT, 3, None));
    barrier.observed(at(0), &frame(RIGHT, 4, None));
    assert_eq!(barrier.ready(at(0)), Readiness::Ready);
    let gone = barrier.selected().next().unwrap();
    barrier.invalid(&gone);
    assert_eq!(numbers(barrier.selected()), [(RIGHT, 4)]);
    assert_eq!(barrier.ready(at(0)), Readiness::Waiting);
    for late in [2, 3] {
        barrier.observed(at(0), &frame(LEFT, late, None));
        assert_eq!(barrier.ready(at(0)), Readiness::Waiting, "not newer");
    }
    barrier.observed(at(0), &frame(LEFT, 5, None));
    barrier.invalid(&gone);
    assert_eq!(
        barrier.ready(at(0)),
        Readiness::Ready,
        "another frame was gone"
    );
    assert_eq!(numbers(barrier.selected()), [(LEFT, 5), (RIGHT, 4)]);
}

#[test] // req: J-080
fn frames_of_earlier_epochs_are_never_selected() {
    let mut barrier = by_sequence();
    barrier.observed(at(0), &frame(LEFT, 3, None));
    barrier.observed(at(0), &frame(RIGHT, 4, None));
    barrier.begin_input_epoch(LEFT, epoch(2));
    assert_eq!(barrier.ready(at(0)), Readiness::Waiting);
    barrier.observed(at(0), &frame(LEFT, 9, None));
    assert_eq!(barrier.ready(at(0)), Readiness::Waiting);
    let fresh = InputFrame::new(LEFT, epoch(2), seq(0));
    barrier.observed(at(0), &fresh);
    assert_eq!(barrier.ready(at(0)), Readiness::Ready);
    let epochs: Vec<_> = barrier.selected().map(|s| s.epoch.get()).collect();
    assert_eq!(epochs, [2, 1]);
}
