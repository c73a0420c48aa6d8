//! The second world: real conductors, producers and consumers.
#![allow(clippy::panic, reason = "tests")]
#![allow(missing_docs, reason = "a test")]

mod bugs;

use tp_sim::{RuntimeBug, RuntimePlanted, Seen, promises, run_runtime};

/// Each bug with the promise it breaks.
const BUGS: &[(RuntimeBug, &str)] = &[
    (RuntimeBug::Shuffled, "published_numbers_rise"),
    (
        RuntimeBug::StoppedClock,
        "no_write_begins_after_the_deadline",
    ),
    (RuntimeBug::Scribbled, "only_what_was_published_is_accepted"),
    (RuntimeBug::Swallowed, "every_frame_is_accounted_for"),
    (RuntimeBug::Repeated, "no_frame_comes_twice"),
    (RuntimeBug::Boastful, "what_is_missing_is_the_tail"),
    (RuntimeBug::Hasty, "prefixes_are_those_of_their_frames"),
    (RuntimeBug::Outdated, "what_is_said_last_is_heard"),
    (RuntimeBug::Garbled, "blobs_are_whole_or_counted"),
    (RuntimeBug::Mismatched, "joins_pass_what_is_there"),
    (RuntimeBug::Miscounted, "joined_frames_are_counted"),
    (RuntimeBug::Namesakes, "trace_ids_are_unique"),
    (RuntimeBug::Adopted, "links_name_real_parents"),
    (RuntimeBug::Unborn, "no_link_is_without_a_frame"),
    (RuntimeBug::Impatient, "joins_wait_until_it_is_time"),
    (RuntimeBug::Widened, "joins_keep_to_their_times"),
    (RuntimeBug::Frozen, "nobody_reads_a_dead_epoch_for_long"),
    (RuntimeBug::Mute, "everybody_settles"),
    (RuntimeBug::Tailless, "everybody_catches_up"),
    (RuntimeBug::Hoarded, "nothing_stays_mapped"),
];

// req: C-041, C-046, C-064, C-114, C-154, D-094, D-099, T-45
#[test]
fn nothing_breaks_a_promise() {
    let mut seen = Seen::default();
    for seed in 1..=60 {
        let outcome = run_runtime(seed, RuntimePlanted::default(), false);
        seen += outcome.seen;
        if let Some(violation) = outcome.violation {
            panic!(
                "{}\nSEED={seed} breaks {violation}",
                outcome.told.join("\n")
            );
        }
    }
    println!("{seen:?}");
    let Seen {
        frames,
        by_own_stream,
        by_direct_poll,
        without_driver,
        rate_limited,
        prefixes,
        blobs,
        joined,
        joined_by_time,
        links,
    } = seen;
    let worth = [
        (frames, 60_000),
        (by_own_stream, 6_000),
        (by_direct_poll, 6_000),
        (without_driver, 6_000),
        (rate_limited, 1_000),
        (prefixes, 1_000),
        (blobs, 300),
        (joined, 1_000),
        (joined_by_time, 1_000),
        (links, 1_000),
    ];
    let is_worth = worth.iter().all(|(seen, least)| seen > least);
    assert!(is_worth, "{seen:?} is not worth a promise");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let [one, other] = [3, 3].map(|seed| run_runtime(seed, RuntimePlanted::default(), true));
    assert!(one.seen.frames > 0);
    assert_eq!((&one.told, one.seen), (&other.told, other.seen));
    let third = run_runtime(4, RuntimePlanted::default(), true);
    assert_ne!(one.told, third.told);
}

#[test]
fn every_planted_bug_is_found_and_named() {
    bugs::are_found_and_named(BUGS, 100, |seed, bug| {
        run_runtime(seed, RuntimePlanted(Some(bug)), false)
    });
}

#[test]
fn every_promise_has_a_bug_that_breaks_it() {
    bugs::break_every(BUGS, promises());
}
