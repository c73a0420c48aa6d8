//! Frames that carry trace ids: over restarts of the driver, with checks of what is told, and with loss of it.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rustix::process::Signal;
use tp_core_nostd::ids::TraceId;
use tp_core_nostd::proto::trace_id::TraceIdLayout;
use tp_std::{
    Consumer, Frame, LinkRefusal, LinkSent, Producer, ProducerConfig, Stage, TraceIds, Tracing,
};

use crate::frames::bytes_tensor;
use crate::rig::{PATIENCE, Rig, Shape, stream, tracing_consumer_of, wait_until};

fn producer(client: &tp_std::Client, tracing: Tracing) -> Producer {
    let config = ProducerConfig::new(stream()).with_tracing(tracing);
    client.producer(config).unwrap().wait(PATIENCE).unwrap()
}

fn frame() -> Frame<'static> {
    Frame::new(bytes_tensor(8), &[7; 8])
}

/// The trace ids of all that comes.
fn ids(consumer: &mut Consumer, into: &mut Vec<u64>) {
    let mut note = |id: Option<u64>| into.push(id.expect("a traced stream"));
    while consumer.poll(64, |frame, _| note(frame.trace_id)).unwrap() > 0 {}
}

// The producer attaches again by itself, in another epoch and as the node it was.
#[test] // req: C-090, K-005, K-008, K-012, K-020, K-021, K-022
fn ids_go_on_when_the_driver_is_killed_and_comes_back() {
    // A lease that ran out keeps its node from being given again for a while, so that none may run out here.
    let mut rig = Rig::start(&Shape {
        announce_ms: 100,
        ..Shape::default()
    });
    let (client, _conductor) = rig.client();
    // Of two that attach to a driver without memory, the one that wants no node in particular gets the first: so it had.
    let mut consumer = tracing_consumer_of(&client, stream());
    let mut producer = producer(&client, Tracing::of(Stage::Root));
    let mut seen = Vec::new();
    wait_until("the first frames", || {
        producer.offer(&frame()).unwrap();
        ids(&mut consumer, &mut seen);
        seen.len() > 10
    });
    let (before, old) = (seen.len(), producer.epoch().unwrap());
    rig.end_driver(Signal::KILL);
    rig.start_driver();
    wait_until("frames of another epoch", || {
        let _ = producer.offer(&frame());
        ids(&mut consumer, &mut seen);
        let is_new = producer.epoch().is_some_and(|epoch| epoch > old);
        is_new && consumer.epoch() == producer.epoch() && seen.len() > before + 10
    });
    assert!(seen.is_sorted() && seen.windows(2).all(|pair| pair[0] != pair[1]));
    let node = |id: &u64| {
        TraceIdLayout::DEFAULT
            .parts(TraceId::new(*id).unwrap())
            .node
    };
    let first = node(&seen[0]);
    assert!((1..=1023).contains(&first) && seen.iter().all(|id| node(id) == first));
    assert_eq!(producer.untraced(), 0);
}

#[test] // req: C-088, K-013, K-016, K-017, K-039, K-040
fn what_becomes_of_the_ids_of_inputs_is_decided_by_the_stage() {
    let rig = Rig::start(&Shape::default());
    let (client, _conductor) = rig.client();
    let ids = TraceIds::of_node(9).unwrap();
    for (stage, inputs, keeps, parents) in [
        (Stage::OneToOne, &[Some(11)][..], true, &[][..]),
        (Stage::OneToOne, &[None], false, &[]),
        (Stage::NToOne, &[Some(11)], false, &[11]),
        (
            Stage::NToOne,
            &[Some(11), None, Some(12), Some(11)],
            false,
            &[11, 12],
        ),
        (Stage::NToOne, &[None, Some(u64::MAX)], false, &[]),
        (Stage::Reroot, &[Some(11)], false, &[11]),
    ] {
        let mut producer = producer(&client, Tracing::of(stage).with_ids(ids.clone()));
        let traced = producer.trace(inputs.iter().copied()).unwrap();
        assert_eq!(traced.trace_id().get() == 11, keeps, "{stage:?} {inputs:?}");
        let named: Vec<_> = traced.parents().iter().map(|id| id.get()).collect();
        assert_eq!(named, parents, "{stage:?} {inputs:?}");
        let published = producer.offer(&frame().with_trace(&traced)).unwrap();
        let sent = match parents {
            [] => LinkSent::Nothing,
            _ => LinkSent::Offered,
        };
        assert_eq!(producer.link(&published, traced), sent);
    }
}

// What is told is held against what was published, unless the application has another check or wants none; and whatever
// becomes of it, frames go on.
#[test] // req: C-089, K-001, K-003
fn parents_are_checked_before_they_are_told_and_frames_do_not_depend_on_it() {
    let rig = Rig::start(&Shape::default());
    let (client, _conductor) = rig.client();
    let mut consumer = tracing_consumer_of(&client, stream());
    let n_to_one = || Tracing::of(Stage::NToOne);
    let parents = [Some(11), Some(12)];
    {
        let mut producer = producer(&client, n_to_one());
        let traced = producer.trace(parents).unwrap();
        // Offered as a root of its own.
        let published = producer.offer(&frame()).unwrap();
        let refused = LinkSent::Refused(LinkRefusal::TraceId);
        assert_eq!(producer.link(&published, traced), refused);
        // Another frame took its slot meanwhile.
        let traced = producer.trace(parents).unwrap();
        let published = producer.offer(&frame().with_trace(&traced)).unwrap();
        for _ in 0..1024 {
            producer.offer(&frame()).unwrap();
        }
        let refused = LinkSent::Refused(LinkRefusal::NotPublished);
        assert_eq!(producer.link(&published, traced), refused);
        assert_eq!(producer.link_counters().refused, 2);
    }
    {
        let mut producer = producer(&client, n_to_one().without_check());
        let traced = producer.trace(parents).unwrap();
        let published = producer.offer(&frame()).unwrap();
        assert_eq!(producer.link(&published, traced), LinkSent::Offered);
    }
    let asked = Arc::new(AtomicU64::new(0));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (count, note) = (asked.clone(), seen.clone());
    let tracing = n_to_one().with_check(move |set| {
        count.fetch_add(1, Ordering::Relaxed);
        note.lock().unwrap().push(set.seq.get());
        Err(LinkRefusal::Application)
    });
    let mut producer = producer(&client, tracing);
    let epoch = producer.epoch();
    wait_until("the consumer in the last epoch", || {
        consumer.epoch() == epoch
    });
    let mut got = 0;
    for number in 0..100 {
        let traced = producer.trace(parents).unwrap();
        let published = producer.offer(&frame().with_trace(&traced)).unwrap();
        let refused = LinkSent::Refused(LinkRefusal::Application);
        assert_eq!(producer.link(&published, traced), refused);
        assert_eq!(published.seq.get(), number);
        let polled = consumer.poll(64, |_, reader| {
            reader.read().unwrap();
            got += 1;
        });
        polled.unwrap();
    }
    wait_until("all frames", || {
        consumer.poll(64, |_, _| got += 1).unwrap();
        got == 100
    });
    assert_eq!(asked.load(Ordering::Relaxed), 100);
    assert_eq!(*seen.lock().unwrap(), (0..100).collect::<Vec<_>>());
}
