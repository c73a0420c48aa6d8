//! Loom: two threads that mint at once never get the same id, and each sees its own rise.
#![cfg(loom)]

use loom::sync::Arc;
use loom::thread;
use tp_core_nostd::proto::trace_id::{SharedTraceIdGenerator, TraceIdLayout};

#[test] // req: K-044, C-091
fn ids_of_many_threads_differ_and_rise() {
    loom::model(|| {
        // One id per millisecond, so that the word moves in both of its ways.
        let layout = TraceIdLayout::new(1, 0, 0).expect("few bits");
        let generator = SharedTraceIdGenerator::new(layout, 1, 0).expect("a node");
        let generator = Arc::new(generator);
        let other = Arc::clone(&generator);
        let theirs = thread::spawn(move || [other.mint(1), other.mint(3)]);
        let ours = [generator.mint(1), generator.mint(2)];
        let theirs = theirs.join().expect("no panic");
        for ids in [ours, theirs] {
            assert!(ids[0] < ids[1]);
        }
        assert!(ours.iter().all(|id| !theirs.contains(id)));
    });
}
