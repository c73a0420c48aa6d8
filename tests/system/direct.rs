//! Consumers that watch the memory: they need neither media driver nor driver while the producer lives (E-01).

use core::time::Duration;

use rustix::process::Signal;
use tp_std::{Client, ConsumeError, Consumer, ConsumerConfig, Wait};

use crate::frames::publish;
use crate::peer::Peer;
use crate::rig::{PATIENCE, Rig, Shape, producer, stream, wait_until};
use crate::watcher::Tally;

const SPELL: Wait = Wait::Deadline(Duration::from_millis(100));
const PARKED: Wait = Wait::SpinThenPark {
    spin: Duration::ZERO,
    at_most: Duration::from_millis(100),
};

fn consumer(client: &Client) -> Consumer {
    let config = ConsumerConfig::new(stream()).with_direct_poll(true);
    client.consumer(config).unwrap().wait(PATIENCE).unwrap()
}

/// Every frame from the first to `last` was received, and none twice.
fn assert_all(consumer: &Consumer, tally: &Tally, last: u64) {
    let drops = consumer.counters();
    println!(
        "{} frames, {} of them found in memory",
        tally.received,
        drops.found_in_memory()
    );
    assert_eq!((tally.torn, tally.received), (0, last + 1));
    assert_eq!((drops.gap_drops(), drops.late_drops()), (0, 0));
}

#[test] // req: E-01, C-158
fn a_killed_media_driver_costs_a_direct_consumer_no_frame() {
    let mut rig = Rig::without_media(&Shape {
        slots: 4096,
        ..Shape::default()
    });
    let media = Peer::start(&rig, "media-driver");
    rig.start_driver();
    // Its client notices the end of the media driver long before the producer's does.
    let context = rig.context().with_driver_timeout(Duration::from_secs(1));
    let (client, conductor) = Client::start(context).unwrap();
    let mut peer = Peer::start(&rig, "producer");
    let mut direct = consumer(&client);
    let mut tally = Tally::default();
    peer.tell("while-allowed");
    peer.heard("publishing");
    wait_until("frames", || {
        tally.wait(&mut direct, SPELL).unwrap();
        tally.received > 100
    });
    media.kill();

    wait_until("the end of the client", || {
        tally.wait(&mut direct, SPELL).unwrap();
        conductor.is_finished()
    });
    let at_its_end = tally.received;
    let mut ended = None;
    wait_until("the end of the producer", || {
        ended = tally.wait(&mut direct, PARKED).err();
        ended.is_some()
    });
    assert_eq!(ended, Some(ConsumeError::Closed));
    let [epoch, last] = peer.heard("refused")[..] else {
        panic!()
    };
    println!(
        "{} frames after the consumer's client had ended",
        tally.received - at_its_end
    );
    assert!(tally.received > at_its_end);
    assert_eq!(tally.epoch, epoch);
    assert_all(&direct, &tally, last);
    assert!(conductor.close().is_err());
}

#[test] // req: E-01
fn a_killed_driver_costs_a_direct_consumer_no_frame() {
    let mut rig = Rig::start(&Shape {
        slots: 4096,
        announce_ms: 500,
        ..Shape::default()
    });
    // Three of these: the consumer misses the driver's announces before the producer does.
    let context = rig.context();
    let context = context.with_announce_period(Duration::from_millis(500));
    let (client, _conductor) = Client::start(context).unwrap();
    let mut peer = Peer::start(&rig, "producer");
    let mut direct = consumer(&client);
    let mut tally = Tally::default();
    peer.tell("while-allowed");
    peer.heard("publishing");
    wait_until("frames", || {
        tally.wait(&mut direct, SPELL).unwrap();
        tally.received > 100
    });
    assert!(!rig.end_driver(Signal::KILL).success());
    let epoch = tally.epoch;
    let mut refused = None;
    wait_until("the end of the producer's lease", || {
        tally.wait(&mut direct, PARKED).unwrap();
        refused = peer.try_heard("refused");
        refused.is_some()
    });
    tally.wait(&mut direct, SPELL).unwrap();
    let Some([old, last]) = refused.as_deref() else {
        panic!()
    };
    assert_eq!(epoch, *old);
    assert_all(&direct, &tally, *last);

    // And the next driver gets both back.
    rig.start_driver();
    wait_until("a higher epoch", || {
        tally.wait(&mut direct, PARKED).unwrap();
        direct.epoch().is_some_and(|now| now.get() > epoch)
    });
    assert_eq!(tally.torn, 0);
}

#[test] // req: E-01
fn a_sleeping_consumer_is_woken_for_every_frame() {
    let rig = Rig::start(&Shape::default());
    let (client, _conductor) = rig.client();
    let mut producer = producer(&client);
    let mut direct = consumer(&client);
    let mut tally = Tally::default();
    let mut last = 0;
    std::thread::scope(|scope| {
        let producing = scope.spawn(|| {
            for _ in 0..200 {
                (last, _) = publish(&mut producer, 64).unwrap();
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        while !producing.is_finished() {
            tally.wait(&mut direct, PARKED).unwrap();
        }
    });
    tally.wait(&mut direct, PARKED).unwrap();
    assert_all(&direct, &tally, last);
}
