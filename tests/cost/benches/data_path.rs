//! How long the data path takes: descriptors, publishing into a slot, reading from one. `cargo bench -p tp-cost`.
#![allow(missing_docs, reason = "criterion's macros define functions without")]
#![expect(clippy::unwrap_used, reason = "what fails here fails the run")]

use core::hint::black_box;
use std::collections::VecDeque;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::time::Instant;
use tp_core_nostd::wire::control::{FrameDescriptor, FrameDescriptorView};
use tp_cost as fixture;

fn descriptors(criterion: &mut Criterion) {
    let descriptor = FrameDescriptor {
        stream_id: fixture::STREAM,
        epoch: fixture::EPOCH,
        seq: Seq::FIRST,
        timestamp_ns: None,
        meta_version: Some(1),
        trace_id: None,
    };
    let message = descriptor.message();
    criterion.bench_function("descriptor/encode", |bench| {
        bench.iter(|| black_box(&descriptor).message());
    });
    criterion.bench_function("descriptor/decode", |bench| {
        bench.iter(|| {
            let view = FrameDescriptorView::parse(black_box(&message)).unwrap();
            FrameDescriptor::try_from(view).unwrap()
        });
    });
}

fn slots(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("slot");
    for len in [0, 4096, 65_536] {
        let payload = vec![7; len];
        let mut buffer = vec![0; len];
        if len != 0 {
            group.throughput(Throughput::Bytes(len as u64));
        }
        let regions = fixture::regions();
        let mut producer = fixture::producer(regions.clone());
        let mut consumer = fixture::consumer(regions);
        let mut image = fixture::image();
        group.bench_function(format!("publish/{len}"), |bench| {
            bench.iter(|| producer.offer(black_box(&payload), &mut image, fixture::META, None));
        });
        let last = producer.offer(&payload, &mut image, fixture::META, None);
        let last = last.unwrap().seq();
        group.bench_function(format!("read/{len}"), |bench| {
            bench.iter(|| {
                let frame = consumer.read(black_box(last)).unwrap();
                consumer.copy_to(&frame, &mut buffer).unwrap()
            });
        });
    }
}

/// Frames that are in their slots already: the time must not depend on how long they are.
fn filled_in_place(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("in_place");
    for len in [4096, 65_536] {
        let mut producer = fixture::producer(fixture::regions());
        let mut image = fixture::image();
        group.bench_function(format!("claim_commit/{len}"), |bench| {
            bench.iter(|| {
                let token = producer.claim(black_box(len)).unwrap();
                producer.commit(token, &mut image, len, fixture::META, None)
            });
        });
        let mut camera = fixture::camera(fixture::regions(), len);
        let mut tokens: VecDeque<_> = camera.claims().tokens().collect();
        group.bench_function(format!("commit_queue/{len}"), |bench| {
            bench.iter(|| {
                let token = tokens.pop_front().unwrap();
                let committed = camera.commit(token, &mut image, len, fixture::META, None);
                let (token, _) = committed.unwrap();
                tokens.push_back(camera.queue(token).unwrap());
            });
        });
    }
}

fn progress(criterion: &mut Criterion) {
    let mut throttle = fixture::throttle();
    throttle.start(Seq::FIRST, u64::MAX, None).unwrap();
    let (mut bytes, now) = (0_u64, Instant::from_ns(1));
    criterion.bench_function("progress/step", |bench| {
        bench.iter(|| {
            bytes = bytes.wrapping_add(1024);
            throttle.fill(Seq::FIRST, black_box(bytes)).unwrap();
            throttle.transmit(now, |message| {
                black_box(message);
                Ok::<_, ()>(())
            })
        });
    });
}

/// The front half of a frame of 64 KiB that is being written.
fn prefix(criterion: &mut Criterion) {
    let regions = fixture::regions();
    let seq = fixture::begin(regions.clone(), &mut fixture::image());
    let mut consumer = fixture::consumer(regions);
    let mut buffer = vec![0; 32_768];
    let mut group = criterion.benchmark_group("prefix");
    for (name, from) in [("header", 32_768), ("4096", 28_672), ("32768", 0)] {
        group.bench_function(name, |bench| {
            bench.iter(|| {
                let meta_version = fixture::META.meta_version;
                let ahead = consumer.read_ahead(black_box(seq), 32_768, meta_version);
                let copied = consumer.copy_ahead(&ahead.unwrap(), from, &mut buffer);
                copied.unwrap()
            });
        });
    }
}

criterion_group!(
    benches,
    descriptors,
    slots,
    filled_in_place,
    progress,
    prefix
);
criterion_main!(benches);
