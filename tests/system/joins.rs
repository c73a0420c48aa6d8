//! One stream made of two: the three kinds of joins, and the traces of what they make.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::wire::control::FrameDescriptor;
use tp_core_nostd::wire::tracelink::TraceLinkSet;
use tp_std::handlers::ControlHandler;
use tp_std::{
    Client, ClockDomain, CommitMeta, Consumer, Frame, JoinConfig, JoinInput, LatestJoinBarrier,
    OutTime, Producer, ProducerConfig, Seq, SequenceJoinBarrier, SequenceMap, Stage,
    TimestampJoinBarrier, TimestampMap, TimestampSource, Tracing,
};

use crate::frames::{bytes_tensor, fill, is_whole};
use crate::rig::{PATIENCE, Rig, Shape, consumer_of, wait_until};

const FRAMES: u64 = 2_000;
const LEN: u32 = 1024;

fn streams() -> [StreamId; 3] {
    [10_000, 10_001, 10_002].map(|raw| StreamId::new(raw).unwrap())
}

fn rig() -> Rig {
    Rig::start(&Shape {
        streams: &[10_001, 10_002],
        ..Shape::default()
    })
}

/// A producer of roots, whose descriptors and slots say when.
fn source(client: &Client, stream: StreamId) -> Producer {
    let config = ProducerConfig::new(stream)
        .with_descriptor_timestamp(true)
        .with_tracing(Tracing::of(Stage::Root));
    client.producer(config).unwrap().wait(PATIENCE).unwrap()
}

/// The producer of what a stage makes of several streams.
fn sink(client: &Client, stream: StreamId) -> Producer {
    let config = ProducerConfig::new(stream).with_tracing(Tracing::of(Stage::NToOne));
    client.producer(config).unwrap().wait(PATIENCE).unwrap()
}

/// Publishes a frame captured at `capture_ns`, or now.
fn publish(producer: &mut Producer, capture_ns: Option<u64>) -> Seq {
    let epoch = producer.epoch().unwrap().get();
    let mut claim = producer.try_claim(LEN).unwrap();
    fill(epoch, claim.seq().get(), claim.bytes());
    let meta = CommitMeta {
        capture_ns,
        ..CommitMeta::default()
    };
    producer
        .commit(claim, &bytes_tensor(LEN), meta)
        .unwrap()
        .seq
}

/// Whether the frame that a join handed out is whole.
fn is_right(input: &JoinInput, view: &tp_std::FrameView<'_>) -> bool {
    let mut payload = [0; LEN as usize];
    view.copy_to(&mut payload).unwrap();
    assert!(is_whole(input.epoch.get(), input.seq.get(), &payload));
    true
}

/// Remembers who the parents of each frame are.
#[derive(Clone, Default)]
struct Ancestry(Arc<Mutex<BTreeMap<u64, Vec<u64>>>>);

impl ControlHandler for Ancestry {
    fn on_trace_link_set(&mut self, links: &TraceLinkSet<'_>) {
        assert_eq!(links.stream_id, streams()[2]);
        let parents = links.parents.iter().map(|id| id.get()).collect();
        let known = self.0.lock().unwrap().insert(links.trace_id.get(), parents);
        assert_eq!(known, None, "a set is sent once");
    }
}

fn ids_of(consumer: &mut Consumer, ids: &mut BTreeMap<u64, u64>) {
    let mut note = |descriptor: &FrameDescriptor, _: tp_std::FrameReader<'_>| {
        let id = descriptor
            .trace_id
            .expect("each frame of a traced stream has an id");
        ids.insert(descriptor.seq.get(), id);
    };
    while consumer.poll(64, &mut note).unwrap() > 0 {}
}

// The map comes from another client, as from a supervisor, and only because the join asks for it: nothing repeats it.
// req: J-028, J-036, J-038, J-044, J-049, J-050, J-097, K-002, K-007, K-012, K-014, K-015, K-020, K-024, K-027, K-028, K-029, C-088
#[test]
fn a_stage_joins_two_streams_by_number_and_tells_what_it_made_its_frames_from() {
    let rig = rig();
    let [left, right, out] = streams();
    let (client, _conductor) = rig.client();
    let context = rig.context().with_merge_map_announce_period(Duration::ZERO);
    let (supervisor, _its_conductor) = Client::start(context).unwrap();
    let ancestry = Ancestry::default();
    let _ear = supervisor.on_control(ancestry.clone()).unwrap();

    let mut sources = [source(&client, left), source(&client, right)];
    let mut inputs = [consumer_of(&client, left), consumer_of(&client, right)];
    let [mut left_ids, mut right_ids] = [(); 2].map(|()| BTreeMap::new());
    let mut taps = [consumer_of(&client, left), consumer_of(&client, right)];
    let mut sink = sink(&client, out);
    let mut watcher = consumer_of(&client, out);
    let mut out_ids = BTreeMap::new();

    let epoch = sink.epoch().unwrap();
    let map = SequenceMap::new(out)
        .with_offset(left, 0)
        .and_then(|map| map.with_offset(right, 1))
        .unwrap();
    let _map = supervisor.announce_merge_map_for(epoch, map).unwrap();
    let mut join: SequenceJoinBarrier = client.join(JoinConfig::new(out)).unwrap();
    join.begin_epoch(epoch);
    wait_until("a map", || join.has_map());

    for number in 0..FRAMES {
        for source in &mut sources {
            assert_eq!(publish(source, None).get(), number);
        }
        while join.poll(&mut inputs, 16).unwrap() > 0 {}
        ids_of(&mut taps[0], &mut left_ids);
        ids_of(&mut taps[1], &mut right_ids);
        let next = sink.next_seq().unwrap();
        // The right one is one ahead.
        assert_eq!(next.get(), number.saturating_sub(1));
        if !join.ready(next).is_ready() {
            assert_eq!(number, 0);
            continue;
        }
        let mut seqs = Vec::new();
        let read = join.read(&mut inputs, |input, view| {
            seqs.push((input.stream, input.seq.get()));
            is_right(input, view)
        });
        assert!(read.is_whole());
        assert_eq!(seqs, [(left, next.get()), (right, next.get() + 1)]);
        let traced = sink.trace(join.parents()).unwrap();
        let frame = Frame::new(bytes_tensor(8), &[7; 8]).with_trace(&traced);
        let published = sink.offer(&frame).unwrap();
        assert_eq!(sink.link(&published, traced), tp_std::LinkSent::Offered);
        ids_of(&mut watcher, &mut out_ids);
    }
    let counters = join.counters();
    assert_eq!((counters.outputs, counters.lost), (FRAMES - 1, 0));
    assert_eq!(
        (sink.link_counters().offered, sink.untraced()),
        (FRAMES - 1, 0)
    );
    let ancestry = &ancestry.0;
    wait_until("all links", || {
        ancestry.lock().unwrap().len() as u64 == FRAMES - 1
    });
    let ancestry = ancestry.lock().unwrap();
    for (seq, id) in &out_ids {
        assert_eq!(ancestry[id], [left_ids[seq], right_ids[&(seq + 1)]]);
    }
    assert_eq!(out_ids.len() as u64, FRAMES - 1);
}

// req: J-018, J-056, J-057, J-058, J-062, J-063, J-064
#[test]
fn a_stage_joins_two_streams_of_different_rates_by_time() {
    let rig = rig();
    let [fast, slow, out] = streams();
    let (client, _conductor) = rig.client();
    let mut sources = [source(&client, fast), source(&client, slow)];
    let mut inputs = [consumer_of(&client, fast), consumer_of(&client, slow)];
    let sink = sink(&client, out);
    let map = TimestampMap::new(out, ClockDomain::Monotonic)
        .with_window(fast, TimestampSource::SlotHeader, Duration::from_micros(30))
        .and_then(|map| map.with_offset(slow, TimestampSource::SlotHeader, 0))
        .unwrap();
    // The producer of the output is the authority, in whatever epoch it is.
    let _map = client.announce_merge_map(map).unwrap();
    let mut join: TimestampJoinBarrier = client.join(JoinConfig::new(out)).unwrap();
    let mut sink = sink;
    join.begin_epoch(sink.epoch().unwrap());
    wait_until("a map", || join.has_map());
    wait_until("the clocks of the inputs", || {
        inputs.iter().all(|input| input.clock_domain().is_some())
    });

    let mut made = 0;
    for number in 0..FRAMES {
        // Every 10 µs, and every 40 µs, of a time of their own.
        let time = 1_000_000 + number * 10_000;
        publish(&mut sources[0], Some(time));
        if number % 4 == 0 {
            publish(&mut sources[1], Some(time));
        }
        while join.poll(&mut inputs, 16).unwrap() > 0 {}
        if number % 4 != 0 {
            continue;
        }
        let output = OutTime {
            ns: time,
            clock: ClockDomain::Monotonic,
        };
        assert!(join.ready(output).is_ready(), "{number}");
        let mut seqs = Vec::new();
        let read = join.read(&mut inputs, |input, view| {
            seqs.push((input.stream, input.seq.get()));
            is_right(input, view)
        });
        assert!(read.is_whole());
        let first = number.saturating_sub(3);
        let mut expected: Vec<_> = (first..=number).map(|seq| (fast, seq)).collect();
        expected.push((slow, number / 4));
        assert_eq!(seqs, expected);
        let traced = sink.trace(join.parents()).unwrap();
        assert_eq!(traced.parents().len(), expected.len());
        made += 1;
    }
    assert_eq!(made, FRAMES / 4);
}

// req: J-075, J-076, J-077, J-082, J-086
#[test]
fn a_stage_takes_the_newest_frame_of_each_stream() {
    let rig = rig();
    let [left, right, out] = streams();
    let (client, _conductor) = rig.client();
    let mut sources = [source(&client, left), source(&client, right)];
    let mut inputs = [consumer_of(&client, left), consumer_of(&client, right)];
    let mut sink = sink(&client, out);
    let map = SequenceMap::new(out)
        .with_offset(left, 0)
        .and_then(|map| map.with_offset(right, 0))
        .unwrap();
    let _map = client.announce_merge_map(map).unwrap();
    let mut join: LatestJoinBarrier = client.join(JoinConfig::new(out)).unwrap();
    join.begin_epoch(sink.epoch().unwrap());
    wait_until("a map", || join.has_map());

    publish(&mut sources[0], None);
    join.poll(&mut inputs, 16).unwrap();
    assert!(!join.ready(()).is_ready());
    let mut newest = [0, 0];
    for number in 0..FRAMES {
        // One is ahead of the other, more and more.
        newest[0] = publish(&mut sources[0], None).get();
        if number % 3 == 0 {
            newest[1] = publish(&mut sources[1], None).get();
        }
        while join.poll(&mut inputs, 16).unwrap() > 0 {}
        assert!(join.ready(()).is_ready());
        let mut seqs = Vec::new();
        let read = join.read(&mut inputs, |input, view| {
            seqs.push(input.seq.get());
            is_right(input, view)
        });
        assert!(read.is_whole());
        assert_eq!(seqs, newest);
    }
}
