//! Inputs that went silent.

use super::*;
use std::vec::Vec;

const ALLOWED: JoinPolicy = JoinPolicy {
    require_processed: false,
    allow_stale: true,
};

/// After frame 5 of the left at 1000 and frame 5 of the right at 1040.
fn barrier(policy: JoinPolicy, stale_timeout_ns: Option<u64>) -> Sequence {
    let rules = [offset(LEFT, 0), offset(RIGHT, 0)];
    let map = SequenceMergeMapAnnounce {
        stale_timeout_ns,
        ..sequence_map(&rules)
    };
    let mut barrier = sequence_join(policy, &map);
    barrier.observed(at(1_000), &frame(LEFT, 5, None));
    barrier.observed(at(1_040), &frame(RIGHT, 5, None));
    barrier
}

// req: J-089, J-090, J-091, J-092, J-093, J-095, J-096
#[test]
fn silence_by_policy_map_and_time() {
    use Readiness::{Ready, Waiting};
    use Verdict::{Missing, Present, Stale};
    let kept = JoinPolicy::default();
    let on = Some(100);
    #[rustfmt::skip]
    let rows = [
        // Both up to 5: the right goes on to 6, or not.
        (ALLOWED, on,   false, 5, 1_100, Ready,   [Present, Present]), // 100 is not more than 100
        (ALLOWED, on,   false, 5, 1_101, Ready,   [Stale, Present]), // absent, though it has been there
        (ALLOWED, on,   false, 5, 1_141, Waiting, [Stale, Stale]), // of nothing comes nothing
        (ALLOWED, on,   true,  6, 1_100, Waiting, [Missing, Present]),
        (ALLOWED, on,   true,  6, 1_101, Ready,   [Stale, Present]),
        (ALLOWED, on,   false, 6, 1_101, Waiting, [Stale, Missing]),
        (ALLOWED, None, true,  6, 9_999, Waiting, [Missing, Present]),
        (kept,    on,   true,  6, 9_999, Waiting, [Missing, Present]),
        (kept,    on,   false, 5, 9_999, Ready,   [Present, Present]),
        (ALLOWED, Some(0), false, 5, 1_040, Ready, [Stale, Present]),
    ];
    for (policy, timeout, right_goes_on, out_seq, now, expected, verdicts) in rows {
        let mut barrier = barrier(policy, timeout);
        if right_goes_on {
            barrier.observed(at(1_050), &frame(RIGHT, 6, None));
        }
        let row = (policy, timeout, right_goes_on, out_seq, now);
        assert_eq!(barrier.ready(at(now), seq(out_seq)), expected, "{row:?}");
        let told: Vec<_> = barrier.inputs().map(|(_, verdict)| verdict).collect();
        assert_eq!(told, verdicts, "{row:?}");
    }
}

#[test] // req: J-094
fn an_input_never_seen_is_missing_not_stale() {
    let mut silent = barrier(ALLOWED, Some(100));
    let rules = [offset(LEFT, 0), offset(RIGHT, 0)];
    let changed = SequenceMergeMapAnnounce {
        stale_timeout_ns: Some(99),
        ..sequence_map(&rules)
    };
    let _ = silent.apply(&changed);
    silent.observed(at(2_000), &frame(RIGHT, 6, None));
    assert_eq!(silent.ready(at(2_001), seq(6)), Readiness::Waiting);
    assert_eq!(silent.stale_inputs(at(9_000)).next(), Some(RIGHT));
}

#[test] // req: J-090, J-096
fn stale_inputs_are_told_though_they_are_waited_for() {
    let barrier = barrier(JoinPolicy::default(), Some(100));
    let stale = |now| barrier.stale_inputs(at(now)).collect::<Vec<_>>();
    assert_eq!(stale(1_100), []);
    assert_eq!(stale(1_101), [LEFT]);
    assert_eq!(stale(1_141), [LEFT, RIGHT]);
}

#[test] // req: J-078, J-091
fn a_latest_join_does_without_a_silent_input_too() {
    let rules = [offset(LEFT, 0), offset(RIGHT, 0)];
    let map = SequenceMergeMapAnnounce {
        stale_timeout_ns: Some(100),
        ..sequence_map(&rules)
    };
    let mut barrier = LatestBySequence::new(OUT, ALLOWED, [Place::FREE; 2]);
    barrier.begin_epoch(EPOCH);
    let _ = barrier.apply(&map);
    barrier.observed(at(1_000), &frame(LEFT, 5, None));
    barrier.observed(at(1_040), &frame(RIGHT, 5, None));
    assert_eq!(barrier.ready(at(1_100)), Readiness::Ready);
    let left = barrier.selected().next().unwrap();
    barrier.invalid(&left);
    assert_eq!(barrier.ready(at(1_100)), Readiness::Waiting);
    assert_eq!(barrier.ready(at(1_101)), Readiness::Ready, "silent by now");
    let selected: Vec<_> = barrier.selected().map(|s| s.stream).collect();
    assert_eq!(selected, [RIGHT]);
}
