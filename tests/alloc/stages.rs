//! A stage that makes one stream of two, beside a real driver: it joins, traces, and tells what its frames were made from.

use core::time::Duration;
use std::time::Instant;

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::shm::TensorHeader;
use tp_core_nostd::time::Clock as _;
use tp_core_nostd::wire::enums::{ClockDomain, Dtype, MajorOrder};
use tp_std::clock::MonotonicClock;
use tp_std::{
    Client, Conductor, Consumer, ConsumerConfig, Frame, JoinConfig, LatestJoinBarrier, OutTime,
    Producer, ProducerConfig, SequenceJoinBarrier, SequenceMap, Stage, TimestampJoinBarrier,
    TimestampMap, TimestampSource, Tracing,
};

use crate::client::{Host, LEN, PATIENCE, PERIOD, wait};
use crate::counter::allocations;

struct Crew {
    conductor: Conductor,
    sources: [Producer; 2],
    inputs: [Consumer; 2],
    sink: Producer,
    by_number: SequenceJoinBarrier,
    by_time: TimestampJoinBarrier,
    latest: LatestJoinBarrier,
    tensor: TensorHeader,
    payload: Vec<u8>,
    made: u64,
    timed: u64,
}

impl Crew {
    fn turn(&mut self) {
        self.conductor.do_work().unwrap();
        let frame = Frame::new(self.tensor, &self.payload);
        for source in &mut self.sources {
            source.offer(&frame).unwrap();
        }
        let (latest, by_time) = (&mut self.latest, &mut self.by_time);
        let polled = self
            .by_number
            .poll_using(&mut self.inputs, 16, |descriptor, _| {
                latest.observe(descriptor, None);
                by_time.observe(descriptor, Some(ClockDomain::Monotonic));
                false
            });
        polled.unwrap();
        let next = self.sink.next_seq().unwrap();
        let output = OutTime {
            ns: MonotonicClock.now().as_ns(),
            clock: ClockDomain::Monotonic,
        };
        let _ = (self.latest.ready(()), self.by_time.ready(output));
        self.timed += u64::from(self.by_time.read(&mut self.inputs, |_, _| true).frames);
        let _ = self
            .latest
            .read(&mut self.inputs, |_, view| view.revalidate().is_ok());
        if !self.by_number.ready(next).is_ready() {
            return;
        }
        let mut buffer = [0; LEN];
        let read = self.by_number.read(&mut self.inputs, |_, view| {
            view.copy_to(&mut buffer).is_ok()
        });
        assert!(read.is_whole());
        let traced = self.sink.trace(self.by_number.parents()).unwrap();
        assert_eq!(traced.parents().len(), 2);
        let frame = Frame::new(self.tensor, &buffer).with_trace(&traced);
        let published = self.sink.offer(&frame).unwrap();
        self.sink.link(&published, traced);
        self.made += 1;
    }

    /// Long enough for each repetition to come several times.
    fn work(&mut self, turns: u64) {
        let started = Instant::now();
        let mut done = 0;
        while done < turns || started.elapsed() < PERIOD * 20 {
            self.turn();
            done += 1;
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

// req: C-088, C-202, J-002, K-002
#[test]
fn a_stage_that_joins_and_traces_allocates_nothing() {
    let host = Host::start();
    let context = host.context().with_merge_map_announce_period(PERIOD);
    let (client, mut conductor) = Client::invoker(context).unwrap();
    let [left, right, out] = [10_000, 10_001, 10_002].map(|raw| StreamId::new(raw).unwrap());
    let mut producer = |stream, stage| {
        wait(&mut conductor, || {
            let config = ProducerConfig::new(stream).with_tracing(Tracing::of(stage));
            client.producer(config.with_descriptor_timestamp(true))
        })
    };
    let sources = [left, right].map(|stream| producer(stream, Stage::Root));
    let mut sink = producer(out, Stage::NToOne);
    let inputs = [left, right].map(|stream| {
        wait(&mut conductor, || {
            client.consumer(ConsumerConfig::new(stream))
        })
    });
    let by_descriptor = TimestampSource::FrameDescriptor;
    let timed = TimestampMap::new(out, ClockDomain::Monotonic)
        .with_offset(left, by_descriptor, 0)
        .unwrap()
        .with_lateness(Duration::from_secs(1));
    let numbered = SequenceMap::new(out)
        .with_offset(left, 0)
        .and_then(|map| map.with_offset(right, 0))
        .unwrap();
    let maps = (
        client.announce_merge_map(timed).unwrap(),
        client.announce_merge_map(numbered).unwrap(),
    );
    let epoch = sink.epoch().unwrap();
    let mut crew = Crew {
        conductor,
        sources,
        inputs,
        sink,
        by_number: client.join(JoinConfig::new(out)).unwrap(),
        by_time: client.join(JoinConfig::new(out)).unwrap(),
        latest: client.join(JoinConfig::new(out)).unwrap(),
        tensor: {
            let dims = [i32::try_from(LEN).unwrap()];
            TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &dims).unwrap()
        },
        payload: vec![7; LEN],
        made: 0,
        timed: 0,
    };
    crew.by_number.begin_epoch(epoch);
    crew.by_time.begin_epoch(epoch);
    crew.latest.begin_epoch(epoch);
    let started = Instant::now();
    while !(crew.by_number.has_map() && crew.by_time.has_map() && crew.latest.has_map()) {
        assert!(started.elapsed() < PATIENCE, "no maps");
        crew.conductor.do_work().unwrap();
    }
    crew.work(500);
    let before = (crew.made, crew.sink.link_counters().offered);
    assert!(before.0 > 400 && crew.timed > 400, "{before:?}");
    let (count, ()) = allocations(|| crew.work(500));
    let made = crew.made - before.0;
    let told = crew.sink.link_counters().offered - before.1;
    assert!(made >= 500 && told >= 500, "{made} {told}");
    assert_eq!(count, 0);
    drop(maps);
}
