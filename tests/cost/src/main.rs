//! Runs one hot path a given number of times: `tp-cost publish 1000`. Two runs of different length under callgrind tell
//! what one call costs; `docs/benchmarks.sh` does that.
#![expect(
    clippy::unwrap_used,
    reason = "a measuring program: what fails must not be measured"
)]

use core::hint::black_box;
use core::time::Duration;
use std::collections::VecDeque;
use std::process::ExitCode;
use tp_core_nostd::ids::{ClientId, LeaseId, StreamId};
use tp_core_nostd::proto::claim::Token;
use tp_core_nostd::proto::direct::{DirectPoll, Look};
use tp_core_nostd::proto::progress::{Meter, Throttle};
use tp_core_nostd::proto::publish::FrameMeta;
use tp_core_nostd::proto::sequence::{Arrival, Sequencer};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::shm::SlotImage;
use tp_core_nostd::time::Instant;
use tp_core_nostd::transport::ImageId;
use tp_core_nostd::wire::control::{FrameDescriptor, FrameDescriptorView};
use tp_cost::house::House;
use tp_cost::{self as fixture, Camera, Consumer, Producer, Regions};

type Message = [u8; 48];

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("tp-cost: {why}; usage: tp-cost PATH TIMES, such as tp-cost publish 1000");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<(), String> {
    let [path, times] = arguments else {
        return Err("it takes a path to run and how often".to_owned());
    };
    let times: u64 = times
        .parse()
        .map_err(|_| format!("TIMES is a whole number, not {times:?}"))?;
    match path.as_str() {
        "publish" => run_publish(times),
        "claim" => run_claim(times),
        "queue" => run_queue(times),
        "progress" => run_progress(times),
        "read" => run_read(times),
        "look" => run_look(times),
        "idle" => run_idle(times),
        "prefix" => run_prefix(times),
        "encode" => run_encode(times),
        "decode" => run_decode(times),
        "observe" => run_observe(times),
        "keepalive" => run_keepalive(times),
        "attach" => run_attach(times),
        other => return Err(format!("no path is called {other:?}")),
    }
    Ok(())
}

fn run_publish(times: u64) {
    let mut producer = fixture::producer(fixture::regions());
    let mut image = fixture::image();
    let payload: &[u8] = black_box(&[]);
    for _ in 0..times {
        let meta = black_box(fixture::META);
        black_box(publish(&mut producer, payload, &mut image, meta));
    }
}

/// One frame, from the call to its committed word and descriptor; the payload is empty.
#[inline(never)]
fn publish(
    producer: &mut Producer,
    payload: &[u8],
    image: &mut SlotImage,
    meta: FrameMeta,
) -> Option<Seq> {
    let committed = producer.offer(payload, image, meta, None).ok()?;
    Some(committed.seq())
}

fn run_claim(times: u64) {
    let mut producer = fixture::producer(fixture::regions());
    let mut image = fixture::image();
    for _ in 0..times {
        let meta = black_box(fixture::META);
        black_box(claim(&mut producer, &mut image, meta));
    }
}

/// As [`publish`], for a payload that was written in place.
#[inline(never)]
fn claim(producer: &mut Producer, image: &mut SlotImage, meta: FrameMeta) -> Option<Seq> {
    let token = producer.claim(4096).ok()?;
    let committed = producer.commit(token, image, 4096, meta, None).ok()?;
    Some(committed.seq())
}

fn run_queue(times: u64) {
    let mut camera = fixture::camera(fixture::regions(), 65_536);
    let mut tokens: VecDeque<_> = camera.claims().tokens().collect();
    let mut image = fixture::image();
    for _ in 0..times {
        let token = tokens.pop_front().unwrap();
        tokens.extend(queue(&mut camera, black_box(token), &mut image));
    }
}

/// A buffer that a device filled: published, and given back to be filled again.
#[inline(never)]
fn queue(camera: &mut Camera, token: Token, image: &mut SlotImage) -> Option<Token> {
    let committed = camera.commit(token, image, 65_536, fixture::META, None);
    camera.queue(committed.ok()?.0).ok()
}

fn run_progress(times: u64) {
    let mut throttle = fixture::throttle();
    let now = Instant::from_ns(1);
    throttle.start(Seq::FIRST, u64::MAX, None).unwrap();
    for step in 1..=times {
        // Every 64th is worth a message.
        black_box(progress(&mut throttle, now, black_box(step << 10)));
    }
}

/// A step of a frame under way: checked, and told if it is worth a message.
#[inline(never)]
fn progress(throttle: &mut Throttle<Box<[Meter]>>, now: Instant, bytes: u64) -> bool {
    let filled = throttle.fill(Seq::FIRST, bytes);
    let told = throttle.transmit(now, |message| {
        black_box(message);
        Ok::<_, ()>(())
    });
    filled.is_ok() && told.unwrap_or(false)
}

fn run_read(times: u64) {
    let regions = fixture::regions();
    let mut producer = fixture::producer(regions.clone());
    publish(&mut producer, &[], &mut fixture::image(), fixture::META);
    let mut consumer = fixture::consumer(regions);
    for _ in 0..times {
        black_box(read(black_box(&mut consumer), black_box(Seq::FIRST)));
    }
}

/// A frame's header read and checked, and confirmed once more after its payload would have been used.
#[inline(never)]
fn read(consumer: &mut Consumer, seq: Seq) -> Option<u32> {
    let frame = consumer.read(seq).ok()?;
    consumer.revalidate(&frame).ok()?;
    Some(frame.header.values_len_bytes)
}

fn run_look(times: u64) {
    let regions = fixture::regions();
    let mut producer = fixture::producer(regions.clone());
    publish(&mut producer, &[], &mut fixture::image(), fixture::META);
    let mut direct = DirectPoll::new();
    for _ in 0..times {
        black_box(look(&mut direct, &regions, black_box(Seq::FIRST)));
    }
}

fn run_idle(times: u64) {
    let regions = fixture::regions();
    let mut direct = DirectPoll::new();
    for _ in 0..times {
        black_box(idle(&mut direct, &regions, black_box(Seq::FIRST)));
    }
}

/// A look at the ring that finds the next frame.
#[inline(never)]
fn look(direct: &mut DirectPoll, regions: &Regions, next: Seq) -> Option<Seq> {
    match direct.look(regions.ring(), next) {
        Look::Frame(seq) => Some(seq),
        Look::Idle | Look::Lapped(_) => None,
    }
}

/// A look at the ring in vain.
#[inline(never)]
fn idle(direct: &mut DirectPoll, regions: &Regions, next: Seq) -> bool {
    direct.look(regions.ring(), next) == Look::Idle
}

fn run_prefix(times: u64) {
    let regions = fixture::regions();
    let seq = fixture::begin(regions.clone(), &mut fixture::image());
    let mut consumer = fixture::consumer(regions);
    for _ in 0..times {
        black_box(prefix(black_box(&mut consumer), black_box(seq)));
    }
}

/// The front half of a frame that is being written: header read and checked, and confirmed after it would have been used.
#[inline(never)]
fn prefix(consumer: &mut Consumer, seq: Seq) -> Option<u32> {
    let ahead = consumer.read_ahead(seq, 32_768, fixture::META.meta_version);
    let ahead = ahead.ok()?;
    consumer.still_ahead(&ahead).ok()?;
    Some(ahead.prefix.bytes)
}

fn descriptor() -> FrameDescriptor {
    FrameDescriptor {
        stream_id: fixture::STREAM,
        epoch: fixture::EPOCH,
        seq: Seq::FIRST,
        timestamp_ns: None,
        meta_version: Some(1),
        trace_id: None,
    }
}

fn run_encode(times: u64) {
    let descriptor = descriptor();
    for _ in 0..times {
        black_box(encode(black_box(&descriptor)));
    }
}

#[inline(never)]
fn encode(descriptor: &FrameDescriptor) -> Message {
    descriptor.message()
}

fn run_decode(times: u64) {
    let message = encode(&descriptor());
    for _ in 0..times {
        black_box(decode(black_box(&message)));
    }
}

#[inline(never)]
fn decode(message: &[u8]) -> FrameDescriptor {
    FrameDescriptor::try_from(FrameDescriptorView::parse(message).unwrap()).unwrap()
}

fn run_observe(times: u64) {
    let mut sequencer = Sequencer::new();
    for seq in (0..times).filter_map(Seq::new) {
        black_box(observe(black_box(&mut sequencer), seq));
    }
}

#[inline(never)]
fn observe(sequencer: &mut Sequencer, seq: Seq) -> Arrival {
    sequencer.observe(ImageId(1), seq)
}

/// Streams and leases of the driver, as the goals name them.
const STREAMS: u32 = 1000;
const LEASES: u32 = 10_000;
/// Time from one keepalive to the next, where each lease has one per second.
const TURN: Duration = Duration::from_micros(100);

fn run_keepalive(times: u64) {
    let mut house = House::new(STREAMS, LEASES, 0);
    for n in (0..LEASES).cycle().take(times as usize) {
        let message = house.keepalive(n);
        house.pass(TURN);
        keepalive(&mut house, black_box(&message));
    }
    assert_eq!(house.engine.counters().keepalives, times);
}

/// One keepalive of one of ten thousand leases, each in its turn: it moves from the first to expire to the last.
#[inline(never)]
fn keepalive(house: &mut House, message: &[u8]) {
    house.hear(message);
}

fn run_attach(times: u64) {
    let mut house = House::new(STREAMS, LEASES, 1);
    for client in (LEASES + 1..).take(times as usize) {
        let request = house.attach_request(client);
        let granted = attach(&mut house, black_box(&request));
        house.give_back(granted.unwrap());
    }
}

/// An attach to a stream that is there, from the request to the answer taken, beside ten thousand leases.
#[inline(never)]
fn attach(house: &mut House, request: &[u8]) -> Option<(LeaseId, StreamId, ClientId)> {
    house.hear(request);
    house.talk()
}
