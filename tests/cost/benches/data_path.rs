//! How long the data path takes: descriptors, publishing into a slot, reading from one. `cargo bench -p tp-cost`.
#![allow(missing_docs, reason = "criterion's macros define functions without")]
#![expect(clippy::unwrap_used, reason = "what fails here fails the run")]

use core::hint::black_box;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tp_core_nostd::seq::Seq;
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

criterion_group!(benches, descriptors, slots);
criterion_main!(benches);
