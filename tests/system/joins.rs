//! One stream made of two: the three kinds of joins, and the traces of what they make.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::merge_map::MapNews;
use tp_core_nostd::wire::control::FrameDescriptor;
use tp_core_nostd::wire::tracelink::TraceLinkSet;
use tp_std::handlers::ControlHandler;
use tp_std::{
    Client, ClockDomain, CommitMeta, Consumer, Frame, JoinConfig, JoinInput, JoinRead,
    LatestJoinBarrier, OutTime, Producer, ProducerConfig, Seq, SequenceJoinBarrier, SequenceMap,
    Stage, TimestampJoinBarrier, TimestampMap, TimestampSource, Tracing, Verdict,
};

use crate::frames::{bytes_tensor, fill, is_whole};
use crate::rig::{PATIENCE, Rig, Shape, tracing_consumer_of, wait_until};

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
// req: C-196, J-028, J-036, J-038, J-044, J-049, J-050, J-097, K-002, K-007, K-012, K-014, K-015, K-020, K-024, K-027, K-028, K-029, C-088, W-138
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
    let mut inputs = [
        tracing_consumer_of(&client, left),
        tracing_consumer_of(&client, right),
    ];
    let [mut left_ids, mut right_ids] = [(); 2].map(|()| BTreeMap::new());
    let mut taps = [
        tracing_consumer_of(&client, left),
        tracing_consumer_of(&client, right),
    ];
    let mut sink = sink(&client, out);
    let mut watcher = tracing_consumer_of(&client, out);
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

// req: C-196, J-018, J-056, J-057, J-058, J-062, J-063, J-064
#[test]
fn a_stage_joins_two_streams_of_different_rates_by_time() {
    let rig = rig();
    let [fast, slow, out] = streams();
    let (client, _conductor) = rig.client();
    let mut sources = [source(&client, fast), source(&client, slow)];
    let mut inputs = [
        tracing_consumer_of(&client, fast),
        tracing_consumer_of(&client, slow),
    ];
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

// req: C-196, J-075, J-076, J-077, J-082, J-086
#[test]
fn a_stage_takes_the_newest_frame_of_each_stream() {
    let rig = rig();
    let [left, right, out] = streams();
    let (client, _conductor) = rig.client();
    let mut sources = [source(&client, left), source(&client, right)];
    let mut inputs = [
        tracing_consumer_of(&client, left),
        tracing_consumer_of(&client, right),
    ];
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

/// A rig with little memory, two cameras, and a join of the newest frames of both.
fn short_ring() -> Rig {
    Rig::start(&Shape {
        slots: 8,
        streams: &[10_001, 10_002],
        ..Shape::default()
    })
}

fn both(out: StreamId, inputs: [StreamId; 2]) -> SequenceMap {
    let map = SequenceMap::new(out);
    let map = map.with_offset(inputs[0], 0);
    map.and_then(|map| map.with_offset(inputs[1], 0)).unwrap()
}

#[test] // req: J-003, J-004, J-078, J-079
fn a_frame_that_is_gone_is_tried_once_and_a_newer_one_takes_its_place() {
    let rig = short_ring();
    let [left, right, out] = streams();
    let (client, _conductor) = rig.client();
    let mut sources = [source(&client, left), source(&client, right)];
    let mut inputs = [
        tracing_consumer_of(&client, left),
        tracing_consumer_of(&client, right),
    ];
    let mut join: LatestJoinBarrier = client.join(JoinConfig::new(out)).unwrap();
    join.begin_epoch(Epoch::new(1).unwrap());
    assert_eq!(
        join.apply(&both(out, [left, right]).into()),
        MapNews::Applied
    );

    for source in &mut sources {
        publish(source, None);
    }
    while join.poll(&mut inputs, 16).unwrap() > 0 {}
    // The left one is overwritten before it is read.
    for _ in 0..8 {
        publish(&mut sources[0], None);
    }
    assert!(join.ready(()).is_ready());
    let read = join.read(&mut inputs, is_right);
    assert_eq!((read.frames, read.lost), (1, 1));
    assert!(!join.ready(()).is_ready());
    assert_eq!(
        join.inputs().collect::<Vec<_>>(),
        [(left, Verdict::Missing), (right, Verdict::Present)]
    );
    // For the same answer nothing is read a second time.
    assert_eq!(join.read(&mut inputs, is_right), JoinRead::default());
    while join.poll(&mut inputs, 16).unwrap() > 0 {}
    assert!(join.ready(()).is_ready());
    assert!(join.read(&mut inputs, is_right).is_whole());
    assert_eq!(join.counters().lost, 1);
}

#[test] // req: J-046, J-047
fn of_a_window_the_stage_gets_what_is_left() {
    let rig = short_ring();
    let [left, _, out] = streams();
    let (client, _conductor) = rig.client();
    let mut source = source(&client, left);
    let mut inputs = [tracing_consumer_of(&client, left)];
    let mut join: SequenceJoinBarrier = client.join(JoinConfig::new(out)).unwrap();
    join.begin_epoch(Epoch::new(1).unwrap());
    let map = SequenceMap::new(out).with_window(left, 12).unwrap();
    let _ = join.apply(&map.into());
    for number in 0..16 {
        assert_eq!(publish(&mut source, None).get(), number);
        while join.poll(&mut inputs, 16).unwrap() > 0 {}
        let seq = Seq::new(number).unwrap();
        assert_eq!(join.ready(seq).is_ready(), number >= 11);
    }
    let mut seqs = Vec::new();
    let read = join.read(&mut inputs, |input, view| {
        seqs.push(input.seq.get());
        is_right(input, view)
    });
    // The ring has eight slots.
    assert_eq!(seqs, (8..16).collect::<Vec<_>>());
    assert_eq!((read.frames, read.lost, read.is_whole()), (8, 4, false));
}

#[test] // req: J-089, J-090, J-091, J-092, J-096
fn an_input_that_went_silent_is_done_without_where_that_is_allowed() {
    let rig = short_ring();
    let [left, right, out] = streams();
    let (client, _conductor) = rig.client();
    let mut sources = [source(&client, left), source(&client, right)];
    let mut inputs = [
        tracing_consumer_of(&client, left),
        tracing_consumer_of(&client, right),
    ];
    let map = both(out, [left, right]).with_stale_timeout(Duration::from_millis(200));
    let [mut strict, mut lax] = [false, true].map(|allow| -> SequenceJoinBarrier {
        let config = JoinConfig::new(out).with_allow_stale(allow);
        let mut join: SequenceJoinBarrier = client.join(config).unwrap();
        join.begin_epoch(Epoch::new(1).unwrap());
        let _ = join.apply(&map.clone().into());
        join
    });
    for source in &mut sources {
        publish(source, None);
    }
    let mut number = 0;
    // Each barrier has a clock of its own for what it saw.
    wait_until("the right one to be stale for both", || {
        number = publish(&mut sources[0], None).get();
        let mut both_see = |descriptor: &FrameDescriptor, _: tp_std::FrameReader<'_>| {
            strict.observe(descriptor, None);
            false
        };
        while lax.poll_using(&mut inputs, 16, &mut both_see).unwrap() > 0 {}
        let seq = Seq::new(number).unwrap();
        let is_allowed = lax.ready(seq).is_ready();
        assert!(!strict.ready(seq).is_ready());
        let verdicts = [(left, Verdict::Present), (right, Verdict::Stale)];
        is_allowed && lax.inputs().eq(verdicts) && strict.stale_inputs().eq([right])
    });
    let mut streams = Vec::new();
    let read = lax.read(&mut inputs, |input, view| {
        streams.push(input.stream);
        is_right(input, view)
    });
    assert!(read.is_whole());
    assert_eq!(streams, [left]);
}

#[test] // req: J-049, J-070
fn where_frames_must_be_used_first_outputs_wait_for_that() {
    let rig = short_ring();
    let [left, right, out] = streams();
    let (client, _conductor) = rig.client();
    let mut sources = [source(&client, left), source(&client, right)];
    let mut inputs = [
        tracing_consumer_of(&client, left),
        tracing_consumer_of(&client, right),
    ];
    let config = JoinConfig::new(out).with_require_processed(true);
    let mut join: SequenceJoinBarrier = client.join(config).unwrap();
    join.begin_epoch(Epoch::new(1).unwrap());
    let _ = join.apply(&both(out, [left, right]).into());
    for uses in [false, true] {
        let seqs = sources.each_mut().map(|source| publish(source, None));
        let mut seen = 0;
        wait_until("both frames", || {
            let polled = join.poll_using(&mut inputs, 16, |_, reader| {
                seen += 1;
                uses && reader.read().is_ok()
            });
            polled.unwrap();
            seen == 2
        });
        assert_eq!(join.ready(seqs[0]).is_ready(), uses);
    }
}

// The inputs' producer is another one, in another epoch: what was seen of the old one counts no more.
#[test] // req: J-055, J-080
fn an_input_in_another_epoch_begins_anew() {
    let rig = short_ring();
    let [left, right, out] = streams();
    let (client, _conductor) = rig.client();
    let mut other = source(&client, right);
    let mut inputs = [
        tracing_consumer_of(&client, left),
        tracing_consumer_of(&client, right),
    ];
    let mut join: SequenceJoinBarrier = client.join(JoinConfig::new(out)).unwrap();
    join.begin_epoch(Epoch::new(1).unwrap());
    let _ = join.apply(&both(out, [left, right]).into());
    let fifth = Seq::new(4).unwrap();
    let mut first = source(&client, left);
    let epoch = first.epoch();
    wait_until("the producer's epoch", || inputs[0].epoch() == epoch);
    for _ in 0..5 {
        publish(&mut first, None);
        publish(&mut other, None);
    }
    wait_until("five frames of each", || {
        join.poll(&mut inputs, 16).unwrap();
        join.ready(fifth).is_ready()
    });
    drop(first);
    let mut second = source(&client, left);
    let epoch = second.epoch();
    wait_until("the next epoch", || {
        join.poll(&mut inputs, 16).unwrap();
        inputs[0].epoch() == epoch
    });
    join.poll(&mut inputs, 16).unwrap();
    assert!(!join.ready(fifth).is_ready());
    publish(&mut second, None);
    wait_until("a frame of the next epoch", || {
        join.poll(&mut inputs, 16).unwrap();
        join.ready(Seq::FIRST).is_ready()
    });
    assert!(!join.ready(fifth).is_ready());
}
