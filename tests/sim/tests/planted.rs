//! Every promise is kept because somebody would notice if it were not: for each there is a bug that breaks it, and the
//! simulation reports that promise and no other.
#![allow(clippy::panic, reason = "tests")]
#![allow(missing_docs, reason = "a test")]

use tp_sim::{Bug, Planted, Violation, invariants, run};

/// Each bug with the promise it breaks.
const BUGS: &[(Bug, &str)] = &[
    (Bug::SilentRevocation, "one_producer_per_stream"),
    (Bug::SameSeed, "no_lease_id_is_reused"),
    (Bug::LongTables, "capacities_hold"),
    (Bug::TwinStreams, "private_streams_have_one_holder"),
    (Bug::WeakSecret, "only_the_secret_ends_the_driver"),
    (Bug::ForgetfulDisk, "epochs_rise"),
    (
        Bug::InvertedRetention,
        "retention_spares_the_newest_and_the_living",
    ),
    (Bug::NoRecord, "retention_spares_the_newest_and_the_living"),
    (Bug::LyingDisk, "told_epochs_have_files"),
    (Bug::LostResult, "a_lost_producer_raises_the_epoch"),
    (Bug::NoDeadline, "no_write_begins_after_the_deadline"),
    (Bug::FilesReused, "late_writes_land_in_dead_epochs"),
    (Bug::DeafConsumer, "nobody_reads_a_dead_epoch_for_long"),
    (Bug::MuteClient, "everybody_settles"),
];

/// So many seeds are tried with each bug at most,
const SEEDS: u64 = 400;
/// and so many have to find it.
const ENOUGH: usize = 3;

/// What is found first.
fn found(bug: Bug) -> Vec<(u64, Violation)> {
    let runs = (1..=SEEDS).map(|seed| (seed, run(seed, Planted(Some(bug)), false)));
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
    for promise in invariants() {
        let mut bugs = BUGS.iter();
        assert!(bugs.any(|(_, breaks)| *breaks == promise), "{promise}");
    }
}
