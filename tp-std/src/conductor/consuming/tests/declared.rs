//! What a stream declares, heard before its consumer is handed out; and a consumer that its conductor polls.

use core::task::Poll;
use std::sync::{Arc, Mutex};

use tp_core_nostd::proto::declared::{Contradiction, DTYPE, TensorDeclaration};
use tp_core_nostd::shm::Dtype;
use tp_core_nostd::transport::Publication;
use tp_core_nostd::wire::control::{Attribute, Attributes, DataSourceMeta};

use super::world::{PRODUCER, World};
use crate::consumer::ConsumerConfig;
use crate::consumer::bench::STREAM;
use crate::{ConsumerState, Error, METADATA_STREAM};

fn expecting(dtype: Dtype) -> ConsumerConfig {
    ConsumerConfig::new(STREAM).with_expected_tensor(TensorDeclaration {
        dtype: Some(dtype),
        ..TensorDeclaration::default()
    })
}

/// Milliseconds until the consumer is there, or why it is not. After 50 the producer says that it sends `UINT16`.
fn asked(config: ConsumerConfig, declares: bool) -> (u32, Option<Error>) {
    let attributes = [Attribute {
        key: DTYPE.into(),
        format: "text/plain".into(),
        value: b"UINT16",
    }];
    let meta = DataSourceMeta {
        stream_id: STREAM,
        meta_version: 1,
        timestamp_ns: 1,
        attributes: Attributes::listed(&attributes),
    };
    let mut bytes = [0; 256];
    let len = meta.encode(&mut bytes).unwrap();
    let mut world = World::new();
    let mut metadata = world.net.publication(METADATA_STREAM, PRODUCER);
    let mut pending = world.client.consumer(config).unwrap();
    for ms in 0..10_000 {
        if declares && ms == 50 {
            metadata.offer(&bytes[..len]).unwrap();
        }
        world.step();
        if let Poll::Ready(result) = pending.poll() {
            return (ms, result.err());
        }
    }
    panic!("neither a consumer nor a refusal in ten seconds");
}

#[test] // req: E-04
fn a_stream_that_declares_another_kind_is_refused_at_attach() {
    let (ms, refused) = asked(expecting(Dtype::Float32), true);
    assert_eq!(refused, Some(Error::Declared(Contradiction::Dtype)));
    assert!((50..60).contains(&ms), "when it is declared, {ms} ms");
    let (ms, refused) = asked(expecting(Dtype::Uint16), true);
    assert_eq!(refused, None);
    assert!((50..60).contains(&ms), "when it is declared, {ms} ms");
    let (ms, refused) = asked(expecting(Dtype::Float32), false);
    assert_eq!(refused, None);
    assert!(ms > 3_000, "a stream that declares nothing, {ms} ms");
    let (ms, refused) = asked(ConsumerConfig::new(STREAM), true);
    assert_eq!(refused, None);
    assert!(ms < 50, "a consumer that expects nothing, {ms} ms");
}

#[test] // req: C-147
fn a_consumer_may_be_polled_by_its_conductor() {
    let mut world = World::new();
    let consumer = world.consumer(ConsumerConfig::new(STREAM));
    let (counters, status) = (consumer.counters(), consumer.status());
    let got = Arc::new(Mutex::new(Vec::new()));
    let polled = world.client.poll_in_cycle(consumer, 10, {
        let got = got.clone();
        move |descriptor, reader| {
            let whole = reader.read().is_ok();
            got.lock().unwrap().push((descriptor.seq.get(), whole));
        }
    });
    let polled = polled.unwrap();
    let mut outlet = world.shared_outlet();
    world.run(5);
    for raw in 0..5 {
        world.stage.write([raw]);
        outlet.send(&world.stage, raw);
        world.run(1);
    }
    let all: Vec<_> = (0..5).map(|raw| (raw, true)).collect();
    assert_eq!(*got.lock().unwrap(), all);
    assert_eq!(counters.gap_drops() + counters.late_drops(), 0);
    assert_eq!(status.state(), ConsumerState::Mapped);
    // Its lease goes back with the registration.
    drop(polled);
    world.run(10);
    assert_eq!(world.detached.len(), 1);
}
