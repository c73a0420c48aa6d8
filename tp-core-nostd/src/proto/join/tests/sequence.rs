//! Joins by number.

use super::*;
use crate::wire::merge_map::SequenceNeed;

#[test] // req: J-044, J-045, J-046, J-047, J-054, J-016, J-017
fn the_frames_an_output_needs() {
    let by = |by| offset(LEFT, by).need;
    let of = |size| window(LEFT, size).need;
    let last = Seq::LAST.get();
    type Row = (SequenceNeed, u64, Option<(u64, u64)>);
    let rows: [Row; 12] = [
        (by(0), 0, Some((0, 0))),
        (by(3), 0, Some((3, 3))),
        (by(-1), 0, None),
        (by(-1), 1, Some((0, 0))),
        (by(-i32::MAX), 2_147_483_646, None),
        (by(1), last, None),
        (of(1), 0, Some((0, 0))),
        (of(3), 1, None),
        (of(3), 2, Some((0, 2))),
        (of(3), 9, Some((7, 9))),
        (of(u32::MAX - 1), 9, None),
        (of(1), last, Some((last, last))),
    ];
    for (need, out_seq, expected) in rows {
        let needed = frames_needed(need, seq(out_seq));
        let needed = needed.map(|(first, last)| (first.get(), last.get()));
        assert_eq!(needed, expected, "{need:?} at {out_seq}");
    }
}

#[test] // req: J-049, J-050, J-053, J-027
fn ready_when_each_rule_is_met() {
    let rules = [offset(LEFT, -1), window(RIGHT, 2), offset(LEFT, 0)];
    let mut barrier = sequence_join(JoinPolicy::default(), &sequence_map(&rules));
    let mut ready = |frames: &[(StreamId, u64)], out_seq| {
        for (input, number) in frames {
            barrier.observed(at(0), &frame(*input, *number, None));
        }
        barrier.ready(at(0), seq(out_seq))
    };
    use Readiness::*;
    assert_eq!(ready(&[], 0), Waiting);
    assert_eq!(ready(&[(LEFT, 1)], 1), Waiting);
    assert_eq!(ready(&[(RIGHT, 0)], 1), Waiting, "nothing up to 1");
    assert_eq!(ready(&[(RIGHT, 1)], 1), Ready);
    assert_eq!(ready(&[(RIGHT, 0), (OUT, 9)], 1), Ready, "the highest");
    assert_eq!(ready(&[], 0), Waiting, "no frame before 0");
    assert_eq!(ready(&[(LEFT, 5), (RIGHT, 5)], 6), Waiting);
    assert_eq!(ready(&[], 5), Ready);
    assert_eq!(ready(&[], 2), Ready, "numbers may fall");
    let verdicts: std::vec::Vec<_> = barrier.inputs().collect();
    let present = Verdict::Present;
    assert_eq!(
        verdicts,
        [(LEFT, present), (RIGHT, present), (LEFT, present)]
    );
}

#[test] // req: J-053
fn a_rule_that_needs_frame_0_needs_a_frame() {
    let rules = [offset(LEFT, 0)];
    let mut barrier = sequence_join(JoinPolicy::default(), &sequence_map(&rules));
    assert_eq!(barrier.ready(at(0), Seq::FIRST), Readiness::Waiting);
    barrier.observed(at(0), &frame(LEFT, 0, None));
    assert_eq!(barrier.ready(at(0), Seq::FIRST), Readiness::Ready);
}

#[test] // req: J-049
fn processed_frames_count_where_they_are_asked_for() {
    let rules = [offset(LEFT, 0)];
    let policy = JoinPolicy {
        require_processed: true,
        ..JoinPolicy::default()
    };
    let mut barrier = sequence_join(policy, &sequence_map(&rules));
    barrier.observed(at(0), &frame(LEFT, 5, None));
    assert_eq!(barrier.ready(at(0), seq(3)), Readiness::Waiting);
    barrier.processed(&frame(LEFT, 3, None));
    assert_eq!(barrier.ready(at(0), seq(3)), Readiness::Ready);
    assert_eq!(barrier.ready(at(0), seq(4)), Readiness::Waiting);
    // Consumed does not mean seen: what was never observed is not there.
    barrier.processed(&frame(LEFT, 9, None));
    assert_eq!(barrier.ready(at(0), seq(9)), Readiness::Waiting);
}

#[test] // req: J-055
fn an_input_in_a_new_epoch_begins_anew() {
    let rules = [offset(LEFT, 0)];
    let mut barrier = sequence_join(JoinPolicy::default(), &sequence_map(&rules));
    let of_epoch = |raw, number| InputFrame::new(LEFT, epoch(raw), seq(number));
    barrier.observed(at(0), &of_epoch(7, 9));
    barrier.observed(at(0), &of_epoch(6, 20));
    assert_eq!(barrier.ready(at(0), seq(9)), Readiness::Ready);
    assert_eq!(barrier.ready(at(0), seq(10)), Readiness::Waiting, "older");
    barrier.observed(at(0), &of_epoch(8, 0));
    assert_eq!(barrier.ready(at(0), seq(9)), Readiness::Waiting);
    assert_eq!(barrier.ready(at(0), seq(0)), Readiness::Ready);
    barrier.begin_input_epoch(LEFT, epoch(9));
    assert_eq!(barrier.ready(at(0), seq(0)), Readiness::Waiting);
    barrier.begin_input_epoch(LEFT, epoch(8));
    barrier.observed(at(0), &of_epoch(8, 0));
    assert_eq!(barrier.ready(at(0), seq(0)), Readiness::Waiting, "older");
}
