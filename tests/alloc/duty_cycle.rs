//! A whole client once everything was done once.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use core::time::Duration;

use tp_core_nostd::ids::{ClientId, Epoch, StreamId};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::wire::control::QosProducer;
use tp_std::aeron::{MediaDriver, MediaDriverConfig};
use tp_std::handlers::QosHandler;
use tp_std::{Client, ConsumerConfig, Context, QOS_STREAM};

use crate::counter::allocations;

const MINUTE: Duration = Duration::from_secs(60);

struct Deaf;

impl QosHandler for Deaf {}

// req: C-162
#[test]
fn a_duty_cycle_without_a_change_allocates_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let driver = MediaDriver::start(MediaDriverConfig::new(parent.path().join("aeron"))).unwrap();
    let context = Context::new()
        .with_aeron_dir(driver.dir())
        .unwrap()
        .with_log_handler(|_, _| {})
        .with_delegate(|| 0);
    let (client, mut conductor) = Client::invoker(context).unwrap();
    let _handler = client.on_qos(Deaf).unwrap();
    let _work = client.register_work(10, |_| Ok(0)).unwrap();
    let stream = StreamId::new(10_000).unwrap();
    // Nobody answers it: attaches go out again and again.
    let _asking = client.consumer(ConsumerConfig::new(stream)).unwrap();
    let wanted = client
        .add_publication("aeron:ipc?term-length=4m", QOS_STREAM)
        .unwrap();
    let mut voice = wanted.wait_with(&mut conductor, MINUTE).unwrap();
    voice.wait_connected_with(&mut conductor, MINUTE).unwrap();
    let report = QosProducer {
        stream_id: stream,
        producer_id: ClientId::new(7),
        epoch: Epoch::new(1),
        current_seq: Seq::new(1).unwrap(),
        watermark: None,
    };
    let mut message = [0; 64];
    let length = report.encode(&mut message).unwrap();
    let message = &message[..length];
    let mut cycles = |count: u32| {
        for _ in 0..count {
            let _ = voice.offer(message);
            conductor.do_work().unwrap();
        }
    };
    cycles(1000);
    let (count, ()) = allocations(|| cycles(10_000));
    assert_eq!(count, 0);
}
