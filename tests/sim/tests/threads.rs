//! Threaded mode: nothing is repeatable here but the promises.
#![allow(missing_docs, reason = "a test")]

use tp_sim::run_threads;

#[test] // req: C-010
fn conductors_writers_and_readers_on_threads_of_their_own_keep_every_promise() {
    assert_eq!(run_threads(2_000, 3), Ok(()));
}
