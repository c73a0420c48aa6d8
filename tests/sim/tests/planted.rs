//! Bugs of the first world are found.
#![allow(missing_docs, reason = "a test")]

mod bugs;

use tp_sim::{Bug, Planted, invariants, run};

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

#[test]
fn every_planted_bug_is_found_and_named() {
    bugs::are_found_and_named(BUGS, 400, |seed, bug| run(seed, Planted(Some(bug)), false));
}

#[test]
fn every_promise_has_a_bug_that_breaks_it() {
    bugs::break_every(BUGS, invariants());
}
