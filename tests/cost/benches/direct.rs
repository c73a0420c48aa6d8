//! How long a look at the ring takes, with and without a frame, and what a bell costs a producer. `cargo bench -p tp-cost`.
#![allow(missing_docs, reason = "criterion's macros define functions without")]
#![expect(clippy::unwrap_used, reason = "what fails here fails the run")]

use core::hint::black_box;
use criterion::{Criterion, criterion_group, criterion_main};
use tp_core_nostd::proto::direct::{DirectPoll, newest};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::shm::{Bell, BellBlock};
use tp_cost as fixture;

fn looks(criterion: &mut Criterion) {
    let regions = fixture::regions();
    let mut producer = fixture::producer(regions.clone());
    let mut image = fixture::image();
    for _ in 0..100 {
        let offered = producer.offer(&[7; 64], &mut image, fixture::META, None);
        let _ = offered.unwrap();
    }
    let ring = regions.ring();
    let last = newest(ring).unwrap();
    let mut direct = DirectPoll::new();
    criterion.bench_function("direct/frame", |bench| {
        bench.iter(|| direct.look(ring, black_box(last)));
    });
    let next = last.next().unwrap();
    criterion.bench_function("direct/idle", |bench| {
        bench.iter(|| direct.look(ring, black_box(next)));
    });
    criterion.bench_function("direct/lapped", |bench| {
        bench.iter(|| direct.look(ring, black_box(Seq::FIRST)));
    });
    criterion.bench_function("direct/newest", |bench| bench.iter(|| newest(ring)));
}

fn bells(criterion: &mut Criterion) {
    let block = BellBlock::new();
    let bell = Bell::from(&block);
    criterion.bench_function("bell/nobody", |bench| {
        bench.iter(|| black_box(&bell).is_wanted());
    });
}

criterion_group!(benches, looks, bells);
criterion_main!(benches);
