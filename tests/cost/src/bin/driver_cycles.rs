//! The longest duty cycle of a driver, for few leases and for many: an imagined ten seconds of one cycle per millisecond.
//!
//! Each run repeats the same cycles, so what a cycle costs is the least of its times; the rest is what else the machine
//! did. `cargo run --release -p tp-cost --bin driver_cycles`.
#![expect(clippy::unwrap_used, reason = "a measuring program")]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "figures of a program that runs for seconds"
)]

use core::time::Duration;
use std::time::Instant;

use tp_core_nostd::proto::driver::{AnswerEntry, LeaseEntry, NodeEntry, StreamEntry};
use tp_cost::house::House;

const STREAMS: u32 = 1000;
const CYCLES: usize = 10_000;
const REPEATS: usize = 7;

fn main() {
    println!(
        "bytes per lease: {} ({} for the lease, {} for its node id, {} for an answer), per stream: {}",
        size_of::<LeaseEntry>() + size_of::<NodeEntry>() + size_of::<AnswerEntry>(),
        size_of::<LeaseEntry>(),
        size_of::<NodeEntry>(),
        size_of::<AnswerEntry>(),
        size_of::<StreamEntry>(),
    );
    println!(
        "{:<24} {:>8} {:>12} {:>12} {:>12}",
        "cycles", "leases", "median ns", "p99.9 ns", "longest ns"
    );
    for leases in [100, 1000, 10_000] {
        show("all kept alive", leases, best_of(|| kept_alive(leases)));
    }
    for leases in [100, 1000, 10_000] {
        show("all expire at once", leases, best_of(|| expiring(leases)));
    }
}

/// Everybody sends its keepalive once a second.
fn kept_alive(leases: u32) -> Vec<u64> {
    let mut house = House::new(STREAMS, leases, 0);
    let mut sent = 0;
    let times = (1..=CYCLES).map(|cycle| {
        house.pass(Duration::from_millis(1));
        let due = cycle as u64 * u64::from(leases) / 1000;
        let messages: Vec<_> = (sent..due).map(|n| house.keepalive(n as u32)).collect();
        sent = due;
        let started = Instant::now();
        for message in &messages {
            house.hear(message);
        }
        house.cycle();
        nanoseconds(started)
    });
    let times = times.collect();
    assert_eq!(house.engine.leases().count(), leases as usize);
    times
}

/// Everybody falls silent in the same moment.
fn expiring(leases: u32) -> Vec<u64> {
    let mut house = House::new(STREAMS, leases, 0);
    for n in 0..leases {
        let message = house.keepalive(n);
        house.hear(&message);
    }
    house.pass(Duration::from_secs(3));
    let mut times = Vec::new();
    while house.engine.leases_in_use() > 0 || times.len() < 100 {
        house.pass(Duration::from_millis(1));
        let started = Instant::now();
        house.cycle();
        times.push(nanoseconds(started));
    }
    times
}

fn nanoseconds(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_nanos()).unwrap()
}

/// The least time of each cycle.
fn best_of(run: impl Fn() -> Vec<u64>) -> Vec<u64> {
    let mut best = run();
    for _ in 1..REPEATS {
        for (best, again) in best.iter_mut().zip(run()) {
            *best = again.min(*best);
        }
    }
    best
}

fn show(name: &str, leases: u32, mut times: Vec<u64>) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "{name:<24} {leases:>8} {:>12} {:>12} {:>12}",
        at(0.5),
        at(0.999),
        at(1.0)
    );
}
