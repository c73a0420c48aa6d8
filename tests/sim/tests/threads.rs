//! Threaded mode: nothing is repeatable here but the promises. `make thread-sanitizer` watches these.
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test"
)]

use core::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tp_core_nostd::seq::Seq;
use tp_core_nostd::shm::{Line, RegionView, RegionWriter};
use tp_sim::run_threads;

#[test] // req: C-010
fn conductors_writers_and_readers_on_threads_of_their_own_keep_every_promise() {
    assert_eq!(run_threads(2_000, 3), Ok(()));
}

/// The sanitizer knows memory by its address and sees no race between two mappings of one file; therefore one here.
#[test]
fn a_frame_overwritten_while_it_is_read_at_the_same_address_is_not_torn() {
    let lines = [const { Line::zeroed() }; 5];
    let (lines, done) = (&lines[..], &AtomicBool::new(false));
    let torn = thread::scope(|scope| {
        scope.spawn(move || {
            let ring = RegionWriter::of_lines(lines);
            let commit = ring.seqlock(0).unwrap();
            for raw in (1_u64..).take_while(|_| !done.load(Ordering::Relaxed)) {
                let seq = Seq::new(raw).unwrap();
                commit.begin(seq);
                for line in 0..4 {
                    let _fits = ring.copy_in(64 + 64 * line, &raw.to_le_bytes().repeat(8));
                }
                commit.commit(seq);
                if raw.is_multiple_of(64) {
                    thread::yield_now();
                }
            }
        });
        let (ring, mut payload) = (RegionView::of_lines(lines), [0; 256]);
        let commit = ring.seqlock(0).unwrap();
        let (mut accepted, mut torn) = (0, 0);
        while accepted < 1_000 {
            let seen = commit.load().filter(|word| word.is_committed());
            ring.copy_out(64, &mut payload).unwrap();
            let Some(seen) = seen.filter(|seen| commit.is_still(*seen)) else {
                continue;
            };
            let words: [u8; 8] = seen.seq().get().to_le_bytes();
            torn += u32::from(payload[..] != words.repeat(32));
            accepted += 1;
        }
        done.store(true, Ordering::Relaxed);
        torn
    });
    assert_eq!(torn, 0);
}
