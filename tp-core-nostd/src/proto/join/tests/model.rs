//! Arbitrary histories: what the barriers remember, against a look at everything that ever happened.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::*;
use proptest::prelude::*;
use std::vec::Vec;

#[derive(Clone, Copy, Debug)]
enum Op {
    Observed {
        right: bool,
        epoch: u64,
        seq: u64,
        time: u64,
    },
    Processed {
        right: bool,
        epoch: u64,
        seq: u64,
        time: u64,
    },
    Ask(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let frame = || (any::<bool>(), 1..3_u64, 0..8_u64, 0..40_u64);
    prop_oneof![
        3 => frame().prop_map(|(right, epoch, seq, time)| Op::Observed { right, epoch, seq, time }),
        2 => frame().prop_map(|(right, epoch, seq, time)| Op::Processed { right, epoch, seq, time }),
        3 => (0..40_u64).prop_map(Op::Ask),
    ]
}

fn input(right: bool) -> StreamId {
    if right { RIGHT } else { LEFT }
}

fn of(op: Op) -> Option<(InputFrame, bool)> {
    let (right, of_epoch, number, time, is_processed) = match op {
        Op::Observed {
            right,
            epoch,
            seq,
            time,
        } => (right, epoch, seq, time, false),
        Op::Processed {
            right,
            epoch,
            seq,
            time,
        } => (right, epoch, seq, time, true),
        Op::Ask(_) => return None,
    };
    let frame = InputFrame {
        epoch: epoch(of_epoch),
        ..frame(input(right), number, Some(time))
    };
    Some((frame, is_processed))
}

/// The frames of one input in its newest epoch, in order; true where they were processed.
fn history(past: &[Op], stream: StreamId) -> Vec<(InputFrame, bool)> {
    let all = past.iter().filter_map(|op| of(*op));
    let all: Vec<_> = all.filter(|(frame, _)| frame.stream == stream).collect();
    let newest = all.iter().map(|(frame, _)| frame.epoch).max();
    let first = all
        .iter()
        .position(|(frame, _)| Some(frame.epoch) == newest);
    let since = all.get(first.unwrap_or(0)..).unwrap_or_default().iter();
    since
        .filter(|(frame, _)| Some(frame.epoch) == newest)
        .copied()
        .collect()
}

/// The highest number or time among frames seen, or processed.
fn most(frames: &[(InputFrame, bool)], processed: bool, of: fn(&InputFrame) -> u64) -> Option<u64> {
    let frames = frames.iter().filter(|(_, done)| *done == processed);
    frames.map(|(frame, _)| of(frame)).max()
}

fn falls(frames: &[(InputFrame, bool)], processed: bool) -> bool {
    let frames = frames.iter().filter(|(_, done)| *done == processed);
    let times: Vec<_> = frames.map(|(frame, _)| frame.time_ns).collect();
    !times.is_sorted()
}

proptest! {
    #[test] // req: J-044, J-045, J-049, J-053, J-055
    fn sequence_joins(
        ops in prop::collection::vec(op(), 0..40),
        (by, size, require_processed) in (-3..3_i32, 1..4_u32, any::<bool>()),
    ) {
        let rules = [offset(LEFT, by), window(RIGHT, size)];
        let policy = JoinPolicy { require_processed, ..JoinPolicy::default() };
        let mut barrier = sequence_join(policy, &sequence_map(&rules));
        for (nth, op) in ops.iter().enumerate() {
            match (of(*op), op) {
                (Some((frame, false)), _) => barrier.observed(at(0), &frame),
                (Some((frame, true)), _) => barrier.processed(&frame),
                (None, Op::Ask(raw)) => {
                    let out_seq = raw % 8;
                    let left = (out_seq as i64 + i64::from(by)).try_into().ok();
                    let right = (out_seq + 1 >= u64::from(size)).then_some(out_seq);
                    let is_ready = [(LEFT, left), (RIGHT, right)].into_iter().all(|(stream, required)| {
                        let frames = history(&ops[..nth], stream);
                        let reaches = |processed| {
                            let most = most(&frames, processed, |frame| frame.seq.get());
                            required.zip(most).is_some_and(|(required, most): (u64, u64)| most >= required)
                        };
                        reaches(false) && (!require_processed || reaches(true))
                    });
                    prop_assert_eq!(barrier.ready(at(0), seq(out_seq)).is_ready(), is_ready);
                }
                (None, _) => {}
            }
        }
    }

    #[test] // req: J-056, J-057, J-058, J-067, J-073, J-074
    fn timestamp_joins(
        ops in prop::collection::vec(op(), 0..40),
        (by, window, lateness_ns, require_processed) in (-9..9_i64, 1..20_u64, 0..9_u64, any::<bool>()),
    ) {
        let rules = [offset_ns(LEFT, by), window_ns(RIGHT, window)];
        let policy = JoinPolicy { require_processed, ..JoinPolicy::default() };
        let map = TimestampMergeMapAnnounce { lateness_ns, ..timestamp_map(&rules) };
        let mut barrier = timestamp_join(policy, &map);
        let mut latest = 0;
        for (nth, op) in ops.iter().enumerate() {
            match (of(*op), op) {
                (Some((frame, false)), _) => barrier.observed(at(0), &frame),
                (Some((frame, true)), _) => barrier.processed(&frame),
                (None, Op::Ask(out_ns)) => {
                    let left = (*out_ns as i64 + by).try_into().ok();
                    let right = (*out_ns >= window).then_some(*out_ns);
                    let answers = [(LEFT, left), (RIGHT, right)].map(|(stream, required)| {
                        let frames = history(&ops[..nth], stream);
                        let reaches = |processed| {
                            let most = most(&frames, processed, |frame| frame.time_ns.unwrap());
                            required.zip(most).is_some_and(|(required, most): (u64, u64)| most + lateness_ns >= required)
                        };
                        if falls(&frames, false) || falls(&frames, true) {
                            Readiness::InputRejected
                        } else if reaches(false) && (!require_processed || reaches(true)) {
                            Readiness::Ready
                        } else {
                            Readiness::Waiting
                        }
                    });
                    let expected = if *out_ns < latest {
                        Readiness::OutputRejected
                    } else if answers.contains(&Readiness::InputRejected) {
                        Readiness::InputRejected
                    } else if answers.contains(&Readiness::Waiting) {
                        Readiness::Waiting
                    } else {
                        Readiness::Ready
                    };
                    latest = latest.max(*out_ns);
                    prop_assert_eq!(barrier.ready(at(0), out(*out_ns)), expected);
                }
                (None, _) => {}
            }
        }
    }

    #[test] // req: J-075, J-078, J-080, J-082
    fn latest_joins(ops in prop::collection::vec((op(), any::<bool>()), 0..40)) {
        let rules = [offset(LEFT, 0), offset(RIGHT, 0)];
        let mut barrier = LatestBySequence::new(OUT, JoinPolicy::default(), [Place::FREE; 2]);
        barrier.begin_epoch(EPOCH);
        let _ = barrier.apply(&sequence_map(&rules));
        let mut past = Vec::new();
        let mut gone = Vec::new();
        for (op, is_gone) in ops {
            past.push(op);
            match of(op) {
                Some((frame, false)) => barrier.observed(at(0), &frame),
                Some((frame, true)) => barrier.processed(&frame),
                None => {
                    let expected = [LEFT, RIGHT].map(|stream| {
                        // Of a processed frame the newest epoch is known, and nothing else.
                        let frames = history(&past, stream);
                        let number = most(&frames, false, |frame| frame.seq.get())?;
                        let epoch = frames.first()?.0.epoch;
                        Some((stream, epoch, number)).filter(|frame| !gone.contains(frame))
                    });
                    let is_ready = expected.iter().all(Option::is_some);
                    prop_assert_eq!(barrier.ready(at(0)).is_ready(), is_ready);
                    let selected: Vec<_> = barrier.selected().collect();
                    let told = selected.iter().map(|s| (s.stream, s.epoch, s.seq.get()));
                    prop_assert!(told.eq(expected.into_iter().flatten()));
                    if let Some(first) = selected.first().filter(|_| is_gone) {
                        barrier.invalid(first);
                        gone.push((first.stream, first.epoch, first.seq.get()));
                    }
                }
            }
        }
    }
}
