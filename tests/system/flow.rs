//! Frames from a producer to consumers: in order, whole, each accounted for.

use std::path::PathBuf;

use rustix::process::Signal;
use tp_core_nostd::proto::read::DropReason;
use tp_core_nostd::wire::driver::RefusalCode;
use tp_std::{Delivery, Error, ProducerConfig};

use crate::frames::{Pace, publish};
use crate::rig::{PATIENCE, Rig, Shape, consumer, paths_below, producer, stream, wait_until};
use crate::watcher::{Tally, Watcher, assert_accounted, settle};

/// Payloads of both pools, and some that fill their slot.
const LENGTHS: [u32; 6] = [1, 40, 1000, 1024, 5000, 16 * 1024];

#[test] // req: C-052, C-054, C-102, C-106, W-105
fn two_consumers_get_every_byte_of_every_frame() {
    let rig = Rig::start(&Shape::default());
    let (client, _conductor) = rig.client();
    let mut producer = producer(&client);
    let epoch = producer.epoch().unwrap().get();
    let watchers = [0, 1].map(|_| Watcher::start(consumer(&client)));
    let lengths = || LENGTHS.into_iter().cycle();

    // Nobody is more than half a ring behind.
    let mut sent = settle(&mut producer, &watchers.each_ref());
    for len in lengths().take(20 * 1024) {
        let (seq, delivery) = publish(&mut producer, len).unwrap();
        assert_eq!((seq, delivery), (sent, Delivery::Sent));
        sent += 1;
        if sent.is_multiple_of(256) {
            wait_until("the consumers to keep up", || {
                watchers
                    .iter()
                    .all(|watcher| watcher.is_past(epoch, sent.saturating_sub(512)))
            });
        }
    }
    wait_until("the consumers to get the last frame", || {
        watchers
            .iter()
            .all(|watcher| watcher.is_past(epoch, sent - 1))
    });
    for watcher in &watchers {
        assert_eq!(watcher.received(), sent);
    }

    // As fast as it goes: the consumers are lapped or not, as the machine likes.
    for len in lengths().take(20 * 1024) {
        publish(&mut producer, len).unwrap();
    }
    sent = settle(&mut producer, &watchers.each_ref());
    for watcher in watchers {
        let drops = watcher.drops.clone();
        assert_accounted(sent, &watcher.stop(), &drops);
    }
}

#[test] // req: C-056, C-114, W-104, W-107
fn a_consumer_that_does_not_poll_is_lapped_and_counts_what_it_lost() {
    let rig = Rig::start(&Shape {
        slots: 64,
        ..Shape::default()
    });
    let (client, _conductor) = rig.client();
    let mut producer = producer(&client);
    let mut consumer = consumer(&client);
    let mut tally = Tally::default();
    let mut sent = 0;
    wait_until("the first frame", || {
        sent = publish(&mut producer, 1024).unwrap().0 + 1;
        tally.poll(&mut consumer).unwrap();
        tally.received == sent
    });
    for _ in 0..5000 {
        assert_eq!(
            publish(&mut producer, 1024).unwrap(),
            (sent, Delivery::Sent)
        );
        sent += 1;
    }
    let before = tally.received;
    wait_until("the last frame", || {
        tally.poll(&mut consumer).unwrap();
        tally.next == sent
    });
    let drops = consumer.counters();
    assert_accounted(sent, &tally, &drops);
    assert_eq!(
        tally.received,
        before + 64,
        "a ring of frames is still there"
    );
    assert_eq!(drops.drops(DropReason::Lapped), 5000 - 64);
}

#[test] // req: C-037, D-055
fn a_second_producer_is_rejected_and_the_first_goes_on() {
    let rig = Rig::start(&Shape::default());
    let (client, _conductor) = rig.client();
    let mut first = producer(&client);
    let watcher = Watcher::start(consumer(&client));
    let (other, _other_conductor) = rig.client();
    for client in [&client, &other] {
        let second = client.producer(ProducerConfig::new(stream())).unwrap();
        match second.wait(PATIENCE) {
            Err(Error::Rejected { code, text }) => {
                println!("rejected: {text}");
                assert_eq!(code, RefusalCode::Rejected);
            }
            other => panic!("{other:?}"),
        }
    }
    let mut pace = Pace::hz(1000);
    for _ in 0..500 {
        publish(&mut first, 1024).unwrap();
        pace.wait();
    }
    let sent = settle(&mut first, &[&watcher]);
    let drops = watcher.drops.clone();
    assert_accounted(sent, &watcher.stop(), &drops);
}

#[test] // req: W-277
fn nothing_is_left_when_all_stop() {
    let mut rig = Rig::start(&Shape::default());
    let (client, conductor) = rig.client();
    let mut producer = producer(&client);
    let watcher = Watcher::start(consumer(&client));
    settle(&mut producer, &[&watcher]);
    assert_eq!(watcher.stop().torn, 0);
    drop(producer);
    conductor.close().unwrap();
    assert_ne!(files(&rig), Vec::<PathBuf>::new());
    assert!(rig.end_driver(Signal::TERM).success());
    rig.stop_media();
    assert_eq!(files(&rig), Vec::<PathBuf>::new());
}

/// What takes memory.
fn files(rig: &Rig) -> Vec<PathBuf> {
    let mut paths = paths_below(rig.root());
    paths.retain(|path| !path.is_dir());
    paths
}
