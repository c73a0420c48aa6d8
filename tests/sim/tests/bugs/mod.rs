//! A promise is kept because somebody would notice if it were not: for each there is a bug that breaks it, and the simulation
//! reports that promise and no other.

use core::fmt::Debug;

use tp_sim::{Outcome, Violation};

/// So many seeds have to find each bug.
const ENOUGH: usize = 3;

/// Each of `bugs` breaks the promise beside it, in so many runs of the first `seeds` as are enough.
pub(crate) fn are_found_and_named<B: Copy + Debug>(
    bugs: &[(B, &str)],
    seeds: u64,
    run: impl Fn(u64, B) -> Outcome,
) {
    let mut wrong = Vec::new();
    for (bug, promise) in bugs {
        let found = found(seeds, |seed| run(seed, *bug));
        if found.len() < ENOUGH {
            wrong.push(format!("{bug:?}: {} of {seeds} seeds", found.len()));
        }
        for (seed, violation) in found {
            println!("{bug:?}: {violation}, SEED={seed}");
            if violation.invariant != *promise {
                wrong.push(format!("{bug:?}: {violation}, SEED={seed}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// No promise is without a bug.
pub(crate) fn break_every<B>(bugs: &[(B, &str)], promises: impl Iterator<Item = &'static str>) {
    for promise in promises {
        let mut bugs = bugs.iter();
        assert!(bugs.any(|(_, breaks)| *breaks == promise), "{promise}");
    }
}

/// What is found first.
fn found(seeds: u64, run: impl Fn(u64) -> Outcome) -> Vec<(u64, Violation)> {
    let runs = (1..=seeds).map(|seed| (seed, run(seed)));
    let found = runs.filter_map(|(seed, outcome)| Some((seed, outcome.violation?)));
    found.take(ENOUGH).collect()
}
