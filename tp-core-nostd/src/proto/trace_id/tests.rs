//! Every step of the word, arbitrary clocks against a list of all that was minted, and where nodes come from.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::*;
use crate::ids::NodeId;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::vec::Vec;

const T: u64 = 1_700_000_000_000;

fn generator(node: u64) -> TraceIdGenerator {
    TraceIdGenerator::new(TraceIdLayout::DEFAULT, node, T).unwrap()
}

#[test] // req: K-044, C-091
fn every_clock_in_every_state_of_the_word() {
    let layout = TraceIdLayout::new(10, 12, 1_000).unwrap();
    let word = |ms: u64, sequence: u64| ms << 22 | sequence;
    let states = [
        word(0, 0), // as built
        word(5, 0),
        word(5, 7),
        word(5, 4_095),
        word(layout.ms_max(), 4_095),
    ];
    // Columns: before the offset, at it, behind the word, at it, after it, beyond all time.
    let clocks = [0, 1_000, 1_004, 1_005, 1_006, u64::MAX];
    let last = word(layout.ms_max(), 0);
    #[rustfmt::skip]
    let reviewed = [
        [word(0, 1), word(0, 1), word(4, 0), word(5, 0), word(6, 0), last],
        [word(5, 1), word(5, 1), word(5, 1), word(5, 1), word(6, 0), last],
        [word(5, 8), word(5, 8), word(5, 8), word(5, 8), word(6, 0), last],
        [word(6, 0), word(6, 0), word(6, 0), word(6, 0), word(6, 0), last],
        [last,       last,       last,       last,       last,       last],
    ];
    for (state, row) in states.iter().zip(reviewed) {
        for (now_ms, expected) in clocks.iter().zip(row) {
            assert_eq!(
                layout.after(*state, *now_ms),
                expected,
                "{state:#x} at {now_ms}"
            );
        }
    }
}

#[test] // req: K-005
fn what_an_id_is_made_of_can_be_read() {
    let mut generator = generator(1_023);
    let ids: Vec<_> = (0..8).map(|_| generator.mint(T)).collect();
    let parts = TraceIdLayout::DEFAULT.parts(ids[7]);
    let expected = TraceIdParts {
        since_offset_ms: T,
        node: 1_023,
        sequence: 7,
    };
    assert_eq!(parts, expected);
}

#[test] // req: K-042
fn all_ones_and_zero_are_never_minted() {
    let layout = TraceIdLayout::new(10, 12, 0).unwrap();
    let mut last = TraceIdGenerator::new(layout, 1_023, 0).unwrap();
    assert!((0..5_000).all(|_| last.mint(u64::MAX).get() != u64::MAX));
    let mut first = TraceIdGenerator::new(layout, 0, 0).unwrap();
    assert_eq!(first.mint(0).get(), 1);
}

#[test]
fn generators_that_could_repeat_others_ids_are_refused() {
    let layout = TraceIdLayout::DEFAULT;
    let new = |layout, node, now_ms| TraceIdGenerator::new(layout, node, now_ms).err();
    assert_eq!(
        TraceIdLayout::new(255, 255, 0),
        Err(TraceIdError::TooManyBits { got: 510 })
    );
    let (got, max) = (1_024, 1_023);
    assert_eq!(
        new(layout, 1_024, T),
        Some(TraceIdError::NodeTooLarge { got, max })
    );
    let late = TraceIdLayout::new(10, 12, T + 1).unwrap();
    let (offset_ms, now_ms) = (T + 1, T);
    assert_eq!(
        new(late, 5, T),
        Some(TraceIdError::OffsetInFuture { offset_ms, now_ms })
    );
}

// req: K-007, K-008
#[test]
fn every_grant_in_every_state_of_the_node() {
    use NodeStep::*;
    let layout = TraceIdLayout::DEFAULT;
    let after = |configured, grants: &[u32]| {
        let mut choice = NodeChoice::new(&layout, configured);
        for grant in grants {
            let _ = choice.granted(NodeId::new(*grant));
        }
        choice
    };
    let states = [
        ("without", after(None, &[])),
        ("with 5", after(None, &[5])),
        ("with 5, taken away", after(None, &[5, 0])),
        ("configured", after(Some(9), &[])),
        ("configured, granted", after(Some(9), &[5])),
    ];
    // Columns: none, 5, 6, the largest, one that does not fit, null.
    let grants = [0, 5, 6, 1_023, 1_024, u32::MAX];
    #[rustfmt::skip]
    let reviewed = [
        [Unavailable, Build(5),  Build(6),  Build(1_023), Unavailable, Unavailable],
        [Unavailable, Unchanged, Build(6),  Build(1_023), Unavailable, Unavailable],
        [Unavailable, Unchanged, Build(6),  Build(1_023), Unavailable, Unavailable],
        [Build(9),    Build(9),  Build(9),  Build(9),     Build(9),    Build(9)],
        [Unchanged,   Unchanged, Unchanged, Unchanged,    Unchanged,   Unchanged],
    ];
    for ((name, choice), row) in states.iter().zip(reviewed) {
        for (grant, expected) in grants.iter().zip(row) {
            let mut choice = *choice;
            assert_eq!(
                choice.granted(NodeId::new(*grant)),
                expected,
                "{name}: {grant}"
            );
        }
    }
    let desired = states.map(|(_, choice)| choice.desired().map(NodeId::get));
    assert_eq!(desired, [None, Some(5), Some(5), Some(9), Some(9)]);
}

proptest! {
    #[test] // req: K-005, K-044, C-091
    fn ids_rise_whatever_the_clock_does_and_the_time_is_never_behind_it(
        clocks in prop::collection::vec((0..40_u64, 1..5_000_u32), 1..12),
    ) {
        let mut generator = generator(5);
        let (mut minted, mut newest) = (Vec::new(), 0);
        for (ms, calls) in clocks {
            newest = newest.max(T + ms);
            for _ in 0..calls {
                let id = generator.mint(T + ms);
                prop_assert!(minted.last().is_none_or(|last| *last < id));
                let parts = TraceIdLayout::DEFAULT.parts(id);
                prop_assert_eq!(parts.node, 5);
                prop_assert!(parts.since_offset_ms >= newest);
                // Ahead of the clock only by what was used up.
                let most = minted.len() as u64 / 4_096;
                prop_assert!(parts.since_offset_ms <= newest + most);
                minted.push(id);
            }
        }
    }

    #[test] // req: K-006
    fn two_nodes_never_mint_the_same(clocks in prop::collection::vec((0..3_u64, any::<bool>()), 0..300)) {
        let mut generators = [generator(1), generator(2)];
        let mut minted = BTreeSet::new();
        for (ms, which) in clocks {
            prop_assert!(minted.insert(generators[usize::from(which)].mint(T + ms)));
        }
    }

    #[test]
    fn shared_and_owned_mint_the_same(clocks in prop::collection::vec(0..3_u64, 0..100)) {
        let mut owned = generator(7);
        let shared = SharedTraceIdGenerator::new(TraceIdLayout::DEFAULT, 7, T).unwrap();
        for ms in clocks {
            prop_assert_eq!(owned.mint(T + ms), shared.mint(T + ms));
        }
    }
}
