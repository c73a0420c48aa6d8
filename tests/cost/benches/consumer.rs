//! How long a real consumer takes per frame: polled, read by number, waited for. `cargo bench -p tp-cost --bench consumer`.
//!
//! Producer, consumer and conductor take turns on one thread, over Aeron and with regions of the producer's own, so memory
//! is in the cache and nothing is waited for: what it takes until a frame of another core is noticed shows `--bench wake_up`.
#![allow(missing_docs, reason = "criterion's macros define functions without")]
#![expect(clippy::unwrap_used, reason = "what fails here fails the run")]

mod stage;

use core::hint::black_box;
use core::time::Duration;

use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use stage::{Pair, bytes, timed};
use tp_std::{Frame, FrameReader, Wait};

const SLOTS: u32 = 64;
const LEN: u32 = 1 << 10;
/// Frames that are sent, then received.
const BATCH: u64 = 32;

/// The frames of one batch, all new.
fn send(pair: &mut Pair, frames: u64) {
    let (tensor, payload) = (bytes(LEN), [7; LEN as usize]);
    let _ = pair.conductor.do_work().unwrap();
    for _ in 0..frames {
        pair.producer.offer(&Frame::new(tensor, &payload)).unwrap();
    }
}

/// Measures what `receive` says that a batch took, and nothing of its sending.
fn measure(
    bench: &mut Bencher<'_>,
    pair: &mut Pair,
    mut receive: impl FnMut(&mut Pair, u64) -> Duration,
) {
    bench.iter_custom(|frames| {
        let (mut left, mut taken) = (frames, Duration::ZERO);
        while left > 0 {
            let now = left.min(BATCH);
            send(pair, now);
            taken = taken.saturating_add(receive(pair, now));
            while pair.consumer.poll(64, |_, _| ()).unwrap() > 0 {}
            left = left.saturating_sub(now);
        }
        taken
    });
}

fn read(reader: FrameReader<'_>) {
    let frame = reader.read().unwrap();
    black_box(frame.seq());
    frame.revalidate().unwrap();
}

fn polling(criterion: &mut Criterion) {
    let mut pair = Pair::new(SLOTS, LEN);
    let mut group = criterion.benchmark_group("poll");
    group.bench_function("frame", |bench| {
        measure(bench, &mut pair, |pair, frames| {
            timed(frames, || {
                pair.consumer.poll(1, |_, reader| read(reader)).unwrap();
            })
        });
    });
    group.bench_function("frame_of_32", |bench| {
        measure(bench, &mut pair, |pair, _| {
            timed(1, || {
                pair.consumer.poll(64, |_, reader| read(reader)).unwrap();
            })
        });
    });
    group.bench_function("nothing_there", |bench| {
        bench.iter(|| pair.consumer.poll(1, |_, reader| read(reader)).unwrap());
    });
}

fn by_number(criterion: &mut Criterion) {
    let mut pair = Pair::new(SLOTS, LEN);
    send(&mut pair, BATCH);
    let consumer = &mut pair.consumer;
    let last = consumer.latest().unwrap().seq();
    criterion.bench_function("frame/by_number", |bench| {
        bench.iter(|| {
            let frame = consumer.read(black_box(last)).unwrap();
            frame.revalidate().unwrap();
            frame.payload_len()
        });
    });
    criterion.bench_function("frame/latest", |bench| {
        bench.iter(|| consumer.latest().map(|frame| frame.seq()));
    });
}

fn waiting(criterion: &mut Criterion) {
    let mut pair = Pair::new(SLOTS, LEN);
    let mut group = criterion.benchmark_group("wait");
    group.bench_function("clock_alone", |bench| {
        bench.iter_custom(|calls| (0..calls).map(|_| timed(1, || ())).sum());
    });
    // With two readings of the clock, as above.
    group.bench_function("spin_frame", |bench| {
        bench.iter_custom(|frames| {
            let one = |_| {
                send(&mut pair, 1);
                timed(1, || {
                    let waited = pair.consumer.wait(Wait::Spin, |_, reader| read(reader));
                    assert_eq!(waited, Ok(1));
                })
            };
            (0..frames).map(one).sum()
        });
    });
    group.bench_function("spin_frame_of_32", |bench| {
        measure(bench, &mut pair, |pair, _| {
            timed(1, || {
                let waited = pair.consumer.wait(Wait::Spin, |_, reader| read(reader));
                waited.unwrap();
            })
        });
    });
    // Looks until the next reading of the clock, and polls once.
    group.bench_function("64_looks_in_vain", |bench| {
        let at_once = Wait::Deadline(Duration::ZERO);
        bench.iter(|| pair.consumer.wait(at_once, |_, reader| read(reader)));
    });
}

criterion_group!(benches, polling, by_number, waiting);
criterion_main!(benches);
