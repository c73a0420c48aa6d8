//! How long after it was offered a frame is noticed on another thread, by consumers that watch the memory and by such that
//! sleep, beside what the machine does without us: an atomic word that is watched, a thread that is unparked.
//! `cargo bench -p tp-cost --bench wake_up`.
//!
//! From one reading of the clock right before the call to one right after it was noticed, so both readings and the call are
//! in it. Where several came before the watcher had its turn, the newest counts, as only the newest is in a word.
#![expect(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a measuring program"
)]

mod stage;

use core::hint::spin_loop;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::thread;
use std::time::Instant;

use stage::{Pair, bytes};
use tp_core_nostd::time::Clock;
use tp_std::clock::MonotonicClock;
use tp_std::{Frame, Wait};

const LEN: u32 = 64;
/// Where other programs take the processors away, fewer samples have to do.
const LONGEST: Duration = Duration::from_secs(5);
/// From one frame to the next, while somebody watches.
const WATCHED: Duration = Duration::from_micros(100);
/// The same, long enough to fall asleep.
const ASLEEP: Duration = Duration::from_millis(2);

fn main() {
    // Cargo asks test runs of benches for nothing more than to start.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    println!(
        "{:<28} {:>8} {:>8} {:>8} {:>8}",
        "ns from offer to notice", "least", "p50", "p90", "p99"
    );
    let watched = word(2000, WATCHED, spin_loop);
    show("atomic word, watched", &watched, &watched);
    let unparked = word(500, ASLEEP, thread::park);
    show("thread, unparked", &unparked, &watched);
    let park = Wait::SpinThenPark {
        spin: Duration::ZERO,
        at_most: Duration::from_secs(1),
    };
    show("Wait::Spin", &frames(2000, WATCHED, Wait::Spin), &watched);
    let deadline = Wait::Deadline(Duration::from_secs(1));
    show("Wait::Deadline", &frames(2000, WATCHED, deadline), &watched);
    show(
        "Wait::SpinThenPark, asleep",
        &frames(500, ASLEEP, park),
        &watched,
    );
}

fn show(name: &str, times: &[u64], floor: &[u64]) {
    let at = |times: &[u64], share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let shares = [0.0, 0.5, 0.9, 0.99].map(|share| at(times, share));
    let [least, p50, p90, p99] = shares;
    let ratio = p50 as f64 / at(floor, 0.5) as f64;
    println!("{name:<28} {least:>8} {p50:>8} {p90:>8} {p99:>8}   p50 {ratio:.1} x the word's");
}

fn now_ns() -> u64 {
    MonotonicClock.now().as_ns()
}

/// Lets time go by without giving the processor away, unless that is long.
fn pause(time: Duration) {
    let started = Instant::now();
    if time > Duration::from_millis(1) {
        thread::sleep(time);
    }
    while started.elapsed() < time {
        spin_loop();
    }
}

/// A word that holds when it was written, and a thread that does `idle` until it changes.
fn word(samples: usize, apart: Duration, idle: fn()) -> Vec<u64> {
    let word = AtomicU64::new(0);
    let mut times = Vec::with_capacity(samples);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let (mut last, started) = (0, Instant::now());
            while times.len() < samples && started.elapsed() < LONGEST {
                let written = word.load(Ordering::Acquire);
                if written == last {
                    idle();
                    continue;
                }
                times.push(now_ns() - written);
                last = written;
            }
        });
        while !watcher.is_finished() {
            pause(apart);
            word.store(now_ns(), Ordering::Release);
            watcher.thread().unpark();
        }
    });
    times.sort_unstable();
    times
}

/// Frames that carry when they were offered, and a consumer that waits for them.
fn frames(samples: usize, apart: Duration, how: Wait) -> Vec<u64> {
    let mut pair = Pair::new(1024, LEN);
    let (conductor, producer) = (&mut pair.conductor, &mut pair.producer);
    let consumer = &mut pair.consumer;
    let done = AtomicBool::new(false);
    let mut times = Vec::with_capacity(samples);
    thread::scope(|scope| {
        let done = &done;
        scope.spawn(move || {
            let (tensor, payload) = (bytes(LEN), [7; LEN as usize]);
            let mut frame = Frame::new(tensor, &payload);
            while !done.load(Ordering::Relaxed) {
                let _ = conductor.do_work().unwrap();
                pause(apart);
                frame.capture_ns = Some(now_ns());
                producer.offer(&frame).unwrap();
            }
        });
        let started = Instant::now();
        while times.len() < samples && started.elapsed() < LONGEST {
            let mut newest = None;
            let waited = consumer.wait(how, |_, reader| {
                newest = reader.read().ok().and_then(|frame| frame.capture_ns());
            });
            waited.unwrap();
            times.extend(newest.map(|offered| now_ns().saturating_sub(offered)));
        }
        done.store(true, Ordering::Relaxed);
    });
    times.sort_unstable();
    times
}
