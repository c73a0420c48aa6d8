//! The second world: real conductors, producers and consumers.
#![allow(clippy::panic, reason = "tests")]
#![allow(missing_docs, reason = "a test")]

use tp_sim::{RuntimeBug, RuntimePlanted, Violation, promises, run_runtime};

/// Each bug with the promise it breaks.
const BUGS: &[(RuntimeBug, &str)] = &[
    (RuntimeBug::Shuffled, "published_numbers_rise"),
    (
        RuntimeBug::StoppedClock,
        "no_write_begins_after_the_deadline",
    ),
    (RuntimeBug::Scribbled, "only_what_was_published_is_accepted"),
    (RuntimeBug::Swallowed, "every_frame_is_accounted_for"),
    (RuntimeBug::Frozen, "nobody_reads_a_dead_epoch_for_long"),
    (RuntimeBug::Mute, "everybody_settles"),
    (RuntimeBug::Tailless, "everybody_catches_up"),
    (RuntimeBug::Hoarded, "nothing_stays_mapped"),
];

/// So many seeds are tried with each bug at most,
const SEEDS: u64 = 100;
/// and so many have to find it.
const ENOUGH: usize = 3;

// req: C-041, C-046, C-064, C-114, C-154, D-094, D-099, T-45
#[test]
fn nothing_breaks_a_promise() {
    let mut frames = 0;
    for seed in 1..=60 {
        let outcome = run_runtime(seed, RuntimePlanted::default(), false);
        frames += outcome.frames;
        if let Some(violation) = outcome.violation {
            panic!(
                "{}\nSEED={seed} breaks {violation}",
                outcome.told.join("\n")
            );
        }
    }
    assert!(frames > 60_000, "{frames} frames are not worth a promise");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let [one, other] = [3, 3].map(|seed| run_runtime(seed, RuntimePlanted::default(), true));
    assert!(one.frames > 0);
    assert_eq!((&one.told, one.frames), (&other.told, other.frames));
    let third = run_runtime(4, RuntimePlanted::default(), true);
    assert_ne!(one.told, third.told);
}

/// What is found first.
fn found(bug: RuntimeBug) -> Vec<(u64, Violation)> {
    let runs = (1..=SEEDS).map(|seed| (seed, run_runtime(seed, RuntimePlanted(Some(bug)), false)));
    let found = runs.filter_map(|(seed, outcome)| Some((seed, outcome.violation?)));
    found.take(ENOUGH).collect()
}

#[test]
fn every_planted_bug_is_found_and_named() {
    let mut wrong = Vec::new();
    for (bug, promise) in BUGS {
        let found = found(*bug);
        if found.len() < ENOUGH {
            wrong.push(format!("{bug:?}: {} of {SEEDS} seeds", found.len()));
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

#[test]
fn every_promise_has_a_bug_that_breaks_it() {
    for promise in promises() {
        let mut bugs = BUGS.iter();
        assert!(bugs.any(|(_, breaks)| *breaks == promise), "{promise}");
    }
}
