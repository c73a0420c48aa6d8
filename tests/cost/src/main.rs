//! Runs one hot path a given number of times: `tp-cost publish 1000`. Two runs of different length under callgrind tell
//! what one call costs; `docs/benchmarks.sh` does that.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measuring program: what fails must not be measured"
)]

#[path = "../../../tp-core-nostd/benches/fixture/mod.rs"]
mod fixture;

use core::hint::black_box;
use fixture::{Consumer, Producer};
use tp_core_nostd::proto::publish::{Committed, FrameMeta};
use tp_core_nostd::proto::read::Frame;
use tp_core_nostd::proto::sequence::{Arrival, Sequencer};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::shm::SlotImage;
use tp_core_nostd::transport::ImageId;
use tp_core_nostd::wire::control::{FrameDescriptor, FrameDescriptorView};

type Message = [u8; 48];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("which path to run");
    let times: u64 = arguments
        .next()
        .and_then(|n| n.parse().ok())
        .expect("how often");
    match path.as_str() {
        "publish" => run_publish(times),
        "read" => run_read(times),
        "encode" => run_encode(times),
        "decode" => run_decode(times),
        "observe" => run_observe(times),
        other => panic!("no path is called {other}"),
    }
}

fn run_publish(times: u64) {
    let mut producer = fixture::producer(fixture::regions());
    let mut image = fixture::image();
    for _ in 0..times {
        black_box(publish(
            black_box(&mut producer),
            &mut image,
            black_box(fixture::META),
        ));
    }
}

/// A frame from claim to the descriptor ready for sending. Its payload is in the slot already.
#[inline(never)]
fn publish(producer: &mut Producer, image: &mut SlotImage, meta: FrameMeta) -> Message {
    let token = producer.claim(4096).unwrap();
    let Ok(Committed::Ready(descriptor)) = producer.commit(token, image, 4096, meta, None) else {
        panic!("nothing older is open");
    };
    encode(&descriptor)
}

fn run_read(times: u64) {
    let regions = fixture::regions();
    let mut producer = fixture::producer(regions);
    publish(&mut producer, &mut fixture::image(), fixture::META);
    let mut consumer = fixture::consumer(regions);
    for _ in 0..times {
        black_box(read(black_box(&mut consumer), black_box(Seq::FIRST)));
    }
}

/// A frame's header read and checked, and confirmed once more after its payload would have been used.
#[inline(never)]
fn read(consumer: &mut Consumer, seq: Seq) -> Frame {
    let frame = consumer.read(seq).unwrap();
    consumer.revalidate(&frame).unwrap();
    frame
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
    let mut message = [0; 48];
    descriptor.encode(&mut message).unwrap();
    message
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
