#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::*;
use crate::ids::{Epoch, StreamId};
use crate::proto::regions::fixture::{self, Memory};
use crate::shm::{RegionKind, RegionShape, SlotWriter};
use proptest::prelude::*;
use std::vec::Vec;

fn seq(raw: u64) -> Seq {
    Seq::new(raw).unwrap()
}

fn ring(slots: u32) -> HeaderRing<Memory> {
    let shape = RegionShape {
        stream_id: StreamId::new(1).unwrap(),
        epoch: Epoch::new(1).unwrap(),
        slots: SlotCount::new(slots).unwrap(),
        kind: RegionKind::HeaderRing,
    };
    HeaderRing::open(fixture::memory(&shape), &shape).unwrap()
}

fn slot(ring: &HeaderRing<Memory>, raw: u64) -> SlotWriter<'_> {
    ring.slot_writer(ring.slots().slot_of(seq(raw)))
}

fn begin(ring: &HeaderRing<Memory>, raw: u64) {
    slot(ring, raw).begin(seq(raw));
}

fn commit(ring: &HeaderRing<Memory>, raw: u64) {
    begin(ring, raw);
    slot(ring, raw).commit(seq(raw));
}

fn look(ring: &HeaderRing<Memory>, next: u64) -> Look {
    DirectPoll::new().look(ring, seq(next))
}

/// Looks until something is there, a turn of the ring at most.
fn look_round(ring: &HeaderRing<Memory>, next: u64) -> Look {
    let mut direct = DirectPoll::new();
    let mut looks = (0..ring.slots().get()).map(|_| direct.look(ring, seq(next)));
    looks.find(|look| *look != Look::Idle).unwrap_or(Look::Idle)
}

#[test] // req: E-01
fn a_frame_is_found_once_it_is_whole() {
    let ring = ring(8);
    assert_eq!(look(&ring, 0), Look::Idle);
    begin(&ring, 0);
    assert_eq!(look(&ring, 0), Look::Idle);
    commit(&ring, 0);
    assert_eq!(look(&ring, 0), Look::Frame(seq(0)));
    assert_eq!(look_round(&ring, 1), Look::Idle);
}

#[test] // req: E-01, C-063
fn claims_that_were_given_up_are_skipped_however_many() {
    for given_up in 1..16 {
        let ring = ring(16);
        commit(&ring, 0);
        (1..=given_up).for_each(|raw| begin(&ring, raw));
        assert_eq!(look_round(&ring, 1), Look::Idle);
        let after = given_up + 1;
        if after < 16 {
            commit(&ring, after);
            assert_eq!(look_round(&ring, 1), Look::Frame(seq(after)), "{given_up}");
        }
    }
}

#[test] // req: E-01, C-067
fn a_camera_with_buffers_for_a_part_of_the_ring_makes_a_gap_with_every_turn() {
    let ring = ring(64);
    for turn in 0..3 {
        for buffer in 0..3 {
            let raw = turn * 64 + buffer;
            let next = if buffer == 0 && turn > 0 {
                raw - 61
            } else {
                raw
            };
            assert_eq!(look_round(&ring, next), Look::Idle);
            commit(&ring, raw);
            assert_eq!(look_round(&ring, next), Look::Frame(seq(raw)));
        }
    }
}

#[test] // req: E-01
fn of_several_frames_behind_a_gap_the_first_comes_first() {
    let ring = ring(16);
    for raw in [5, 6, 9, 12] {
        commit(&ring, raw);
    }
    for (next, first) in [(0, 5), (5, 5), (6, 6), (7, 9), (10, 12)] {
        assert_eq!(look_round(&ring, next), Look::Frame(seq(first)), "{next}");
    }
}

#[test] // req: E-01
fn lapped_watchers_go_to_the_newest_frame() {
    let ring = ring(8);
    (0..21).for_each(|raw| commit(&ring, raw));
    for next in 0..=12 {
        assert_eq!(look_round(&ring, next), Look::Lapped(seq(20)), "{next}");
    }
    for next in 13..=20 {
        assert_eq!(look(&ring, next), Look::Frame(seq(next)));
    }
    // Being overwritten is gone, too.
    begin(&ring, 21);
    assert_eq!(look(&ring, 13), Look::Lapped(seq(20)));
    assert_eq!(look_round(&ring, 21), Look::Idle);
}

#[test] // req: E-01
fn a_ring_of_one_slot_is_watched_like_any_other() {
    let ring = ring(1);
    assert_eq!(look_round(&ring, 0), Look::Idle);
    commit(&ring, 0);
    assert_eq!(look(&ring, 0), Look::Frame(seq(0)));
    begin(&ring, 3);
    assert_eq!(look_round(&ring, 1), Look::Idle);
    commit(&ring, 3);
    assert_eq!(look(&ring, 1), Look::Lapped(seq(3)));
}

#[test] // req: E-01, C-101
fn the_newest_frame_is_found_wherever_the_turn_stands() {
    for slots in [1, 2, 4, 8, 32] {
        let ring = ring(slots);
        assert_eq!(newest(&ring), None);
        for raw in 0..u64::from(slots) * 3 {
            begin(&ring, raw);
            let before = (raw > 0 && slots > 1).then(|| seq(raw - 1));
            assert_eq!(newest(&ring), before, "{slots} slots, {raw} begun");
            commit(&ring, raw);
            assert_eq!(newest(&ring), Some(seq(raw)), "{slots} slots");
        }
    }
}

#[test] // req: E-01
fn words_that_no_producer_writes_are_not_believed() {
    let ring = ring(8);
    commit(&ring, 3);
    // In slot 4, the number of a frame that belongs to slot 5.
    let foreign = ring.slot_writer(ring.slots().slot_of(seq(4)));
    foreign.begin(seq(13));
    foreign.commit(seq(13));
    assert_eq!(newest(&ring), Some(seq(3)));
    assert_eq!(look_round(&ring, 4), Look::Idle);
    commit(&ring, 5);
    assert_eq!(look_round(&ring, 4), Look::Frame(seq(5)));
    assert_eq!(look(&ring, Seq::LAST.get()), Look::Idle);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Commit,
    GiveUp,
    Watch,
}

proptest! {
    // Whatever is committed and given up, a watcher that keeps up gets every frame, in order; one that was lapped goes on
    // with the newest one.
    #[test] // req: E-01
    fn a_watcher_misses_nothing_that_was_not_overwritten(
        slots in prop::sample::select(&[1_u32, 2, 4, 8, 16][..]),
        steps in prop::collection::vec(
            prop_oneof![3 => Just(Step::Commit), 1 => Just(Step::GiveUp), 3 => Just(Step::Watch)],
            1..300,
        ),
    ) {
        let ring = ring(slots);
        let mut direct = DirectPoll::new();
        let (mut number, mut next) = (0_u64, 0_u64);
        let mut committed: Vec<u64> = Vec::new();
        for step in steps {
            match step {
                Step::Commit => {
                    commit(&ring, number);
                    committed.push(number);
                    number += 1;
                }
                Step::GiveUp => {
                    begin(&ring, number);
                    number += 1;
                }
                Step::Watch => {
                    let oldest = number.saturating_sub(slots.into());
                    let there = |raw: &&u64| **raw >= next && **raw >= oldest;
                    let expected = committed.iter().find(there).copied();
                    let mut found = Look::Idle;
                    for _ in 0..slots {
                        found = direct.look(&ring, seq(next));
                        if found != Look::Idle {
                            break;
                        }
                    }
                    match found {
                        Look::Idle => prop_assert_eq!(expected, None),
                        Look::Frame(seq) => {
                            prop_assert_eq!(Some(seq.get()), expected);
                            next = seq.get() + 1;
                        }
                        Look::Lapped(seq) => {
                            prop_assert!(next < oldest);
                            prop_assert_eq!(Some(&seq.get()), committed.last());
                            next = seq.get() + 1;
                        }
                    }
                }
            }
        }
    }
}
