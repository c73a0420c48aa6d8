//! What applications hear and measure, once everything was heard once.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use core::time::Duration;
use std::time::Instant;

use tp_core_nostd::ids::{ClientId, Epoch, StreamId};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::wire::control::QosProducer;
use tp_std::aeron::{MediaDriver, MediaDriverConfig};
use tp_std::handlers::{Qos, QosCache};
use tp_std::histogram::Histogram;
use tp_std::{Client, Context, Poller, QOS_STREAM};

use crate::counter::allocations;

const MINUTE: Duration = Duration::from_secs(60);
const CHANNEL: &str = "aeron:ipc?term-length=4m";

// req: C-202
#[test]
fn a_poller_with_a_cache_behind_it_allocates_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let driver = MediaDriver::start(MediaDriverConfig::new(parent.path().join("aeron"))).unwrap();
    let context = Context::new().with_aeron_dir(driver.dir()).unwrap();
    let context = context.with_log_handler(|_, _| {});
    let (client, mut conductor) = Client::invoker(context).unwrap();
    let mut poller = Poller::<Qos>::new(&client, CHANNEL, QOS_STREAM).unwrap();
    let mut cache = QosCache::new(16);
    let wanted = client.add_publication(CHANNEL, QOS_STREAM).unwrap();
    let mut voice = wanted.wait_with(&mut conductor, MINUTE).unwrap();
    let started = Instant::now();
    while !poller.is_connected() {
        assert!(started.elapsed() < MINUTE);
        conductor.do_work().unwrap();
        poller.poll(&mut cache).unwrap();
    }
    let report = QosProducer {
        stream_id: StreamId::new(10_000).unwrap(),
        producer_id: ClientId::new(7),
        epoch: Epoch::new(1),
        current_seq: Seq::new(1).unwrap(),
        watermark: None,
    };
    let mut message = [0; 64];
    let length = report.encode(&mut message).unwrap();
    let mut heard = 0;
    let mut turns = |count: u32| {
        for _ in 0..count {
            let _ = voice.offer(&message[..length]);
            heard += poller.poll(&mut cache).unwrap();
        }
    };
    turns(100);
    let (count, ()) = allocations(|| turns(1000));
    assert_eq!(count, 0);
    assert!(heard > 0);
}

#[test]
fn recording_a_time_allocates_nothing() {
    let histogram = Histogram::new();
    let record = || (0..1000).for_each(|ns| histogram.record(Duration::from_nanos(ns)));
    let (count, ()) = allocations(record);
    assert_eq!(count, 0);
}
