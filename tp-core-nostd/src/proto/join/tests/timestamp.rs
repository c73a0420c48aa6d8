//! Joins by time.

use super::*;

/// The answer for `out_ns` after an input showed these times.
fn answer(rule: TimestampRule, lateness_ns: u64, times: &[u64], out_ns: u64) -> Readiness {
    let rules = [rule];
    let map = TimestampMergeMapAnnounce {
        lateness_ns,
        ..timestamp_map(&rules)
    };
    let mut barrier = timestamp_join(JoinPolicy::default(), &map);
    for time in times {
        barrier.observed(at(0), &frame(LEFT, 0, Some(*time)));
    }
    barrier.ready(at(0), out(out_ns))
}

#[test] // req: J-054, J-056, J-057, J-058, J-059, J-060, J-061, J-067, J-068, J-071
fn what_rule_lateness_and_times_say_together() {
    use Readiness::{InputRejected, Ready, Waiting};
    let by = |by| offset_ns(LEFT, by);
    let of = |ns| window_ns(LEFT, ns);
    const NULL: u64 = u64::MAX;
    #[rustfmt::skip]
    let rows: [(TimestampRule, u64, &[u64], u64, Readiness); 22] = [
        (by(0),   0,  &[],         0,   Waiting), // nothing seen is not 0
        (by(0),   0,  &[0],        0,   Ready),
        (by(0),   0,  &[99],       100, Waiting),
        (by(0),   0,  &[100],      100, Ready),
        (by(0),   1,  &[99],       100, Ready),
        (by(0),   1,  &[98],       100, Waiting),
        (by(0),   500, &[],        100, Waiting), // saturated at 0, and still nothing seen
        (by(0),   500, &[0],       100, Ready),
        (by(-10), 0,  &[90],       100, Ready),
        (by(-10), 0,  &[5],        9,   Waiting), // starts at 10
        (by(-10), 5,  &[5],        9,   Waiting), // whatever the lateness
        (by(-10), 0,  &[0],        10,  Ready),
        (by(10),  0,  &[109],      100, Waiting),
        (by(10),  0,  &[110],      100, Ready),
        (by(1),   0,  &[NULL - 1], NULL - 1, Waiting), // 2^64 - 1 is no time, so it is never reached
        (by(i64::MAX), NULL, &[1], NULL - 1, Waiting), // beyond 64 bits
        (of(50),  0,  &[49],       49,  Waiting),
        (of(50),  0,  &[50],       50,  Ready),
        (of(50),  5,  &[45],       50,  Ready),
        (by(0),   0,  &[100, NULL], 100, Ready), // no time is not one
        (by(0),   0,  &[100, 100], 100, Ready),
        (by(0),   0,  &[100, 99],  99,  InputRejected),
    ];
    for (rule, lateness, times, out_ns, expected) in rows {
        assert_eq!(
            answer(rule, lateness, times, out_ns),
            expected,
            "{rule:?}, lateness {lateness}, seen {times:?}, for {out_ns}"
        );
    }
}

#[test] // req: J-062, J-063, J-064, J-072
fn only_the_time_that_the_rule_names_counts() {
    let slot = TimestampRule {
        source: TimestampSource::SlotHeader,
        ..offset_ns(RIGHT, 0)
    };
    let rules = [offset_ns(LEFT, 0), slot];
    let mut barrier = timestamp_join(JoinPolicy::default(), &timestamp_map(&rules));
    let described = |input| frame(input, 0, Some(100));
    for input in [LEFT, RIGHT] {
        barrier.observed(at(0), &described(input));
    }
    let verdicts = |barrier: &mut Timestamp| {
        let _ = barrier.ready(at(0), out(100));
        let verdicts: std::vec::Vec<_> = barrier.inputs().map(|(_, verdict)| verdict).collect();
        verdicts
    };
    use Verdict::{Missing, Present};
    assert_eq!(verdicts(&mut barrier), [Present, Missing]);
    for absent in [0, u64::MAX] {
        barrier.observed(at(0), &described(RIGHT).read(absent));
        assert_eq!(verdicts(&mut barrier), [Present, Missing]);
    }
    barrier.observed(at(0), &described(LEFT).read(1));
    barrier.observed(at(0), &described(RIGHT).read(100));
    assert_eq!(verdicts(&mut barrier), [Present, Present]);
}

#[test] // req: J-018, J-065, J-066, J-067, J-073
fn a_rejected_input_stays_so_until_its_epoch_or_the_map_changes() {
    let rules = [offset_ns(LEFT, 0), offset_ns(RIGHT, 0)];
    let map = timestamp_map(&rules);
    let on = |clock, time| InputFrame {
        clock,
        ..frame(LEFT, 0, Some(time))
    };
    let fallen = [on(Some(MONOTONIC), 200), on(Some(MONOTONIC), 199)];
    let other_clock = [on(Some(ClockDomain::RealtimeSynced), 200); 2];
    let no_clock = [on(None, 200); 2];
    for bad in [fallen, other_clock, no_clock] {
        let mut barrier = timestamp_join(JoinPolicy::default(), &map);
        barrier.observed(at(0), &frame(RIGHT, 0, Some(300)));
        for frame in &bad {
            barrier.observed(at(0), frame);
        }
        assert_eq!(barrier.ready(at(0), out(100)), Readiness::InputRejected);
        let named = barrier.inputs().find(|(_, v)| *v == Verdict::Rejected);
        assert_eq!(named, Some((LEFT, Verdict::Rejected)));
        barrier.observed(at(0), &on(Some(MONOTONIC), 300));
        assert_eq!(barrier.ready(at(0), out(100)), Readiness::InputRejected);

        let mut of_epoch = barrier.clone();
        let fresh = InputFrame {
            epoch: epoch(2),
            ..on(Some(MONOTONIC), 150)
        };
        of_epoch.observed(at(0), &fresh);
        assert_eq!(of_epoch.ready(at(0), out(100)), Readiness::Ready);

        let rules = [offset_ns(LEFT, 0)];
        let _ = barrier.apply(&timestamp_map(&rules));
        barrier.observed(at(0), &on(Some(MONOTONIC), 150));
        assert_eq!(barrier.ready(at(0), out(100)), Readiness::Ready);
    }
}

#[test] // req: J-066, J-069, J-074
fn an_output_that_breaks_the_rules_is_refused_this_once() {
    let rules = [offset_ns(LEFT, 0)];
    let mut barrier = timestamp_join(JoinPolicy::default(), &timestamp_map(&rules));
    barrier.observed(at(0), &frame(LEFT, 0, Some(500)));
    let synced = OutTime {
        clock: ClockDomain::RealtimeSynced,
        ..out(100)
    };
    let asked = [
        (out(100), Readiness::Ready),
        (synced, Readiness::OutputRejected),
        (out(99), Readiness::OutputRejected),
        (out(100), Readiness::Ready),
        (out(600), Readiness::Waiting),
        (out(500), Readiness::OutputRejected),
        (out(u64::MAX), Readiness::OutputRejected),
        (out(600), Readiness::Waiting),
    ];
    for (time, expected) in asked {
        assert_eq!(barrier.ready(at(0), time), expected, "{time:?}");
    }
}

#[test] // req: J-058, J-070
fn processed_times_count_where_they_are_asked_for() {
    let rules = [offset_ns(LEFT, 0)];
    let policy = JoinPolicy {
        require_processed: true,
        ..JoinPolicy::default()
    };
    let map = TimestampMergeMapAnnounce {
        lateness_ns: 10,
        ..timestamp_map(&rules)
    };
    let mut barrier = timestamp_join(policy, &map);
    barrier.observed(at(0), &frame(LEFT, 0, Some(500)));
    assert_eq!(barrier.ready(at(0), out(100)), Readiness::Waiting);
    barrier.processed(&frame(LEFT, 0, Some(89)));
    assert_eq!(barrier.ready(at(0), out(100)), Readiness::Waiting);
    barrier.processed(&frame(LEFT, 0, Some(90)));
    assert_eq!(barrier.ready(at(0), out(100)), Readiness::Ready);
    let other_clock = InputFrame {
        clock: Some(ClockDomain::RealtimeSynced),
        ..frame(LEFT, 0, Some(91))
    };
    barrier.processed(&other_clock);
    assert_eq!(barrier.ready(at(0), out(100)), Readiness::InputRejected);
}
