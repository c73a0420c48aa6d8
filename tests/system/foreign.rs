//! Strangers on the shared streams: what they send is ignored or counted, and disturbs nobody.

use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Poll;
use core::time::Duration;
use std::thread;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::transport::Publication;
use tp_core_nostd::wire::control::FrameDescriptor;
use tp_std::aeron::{AeronClient, AeronExclusivePublication, Channel, ClientConfig};
use tp_std::{ANNOUNCE_STREAM, CONTROL_STREAM, DESCRIPTOR_STREAM};

use crate::frames::{Pace, publish};
use crate::rig::{Rig, Shape, aeron_dir, consumer, producer, wait_until};
use crate::watcher::{Watcher, assert_accounted, settle};

/// A message header with `len` bytes behind it.
fn message(block_len: u16, template: u16, schema: u16, version: u16, len: usize) -> Vec<u8> {
    let header = [block_len, template, schema, version];
    let mut bytes: Vec<u8> = header.into_iter().flat_map(u16::to_le_bytes).collect();
    bytes.resize(8 + len, 0xA5);
    bytes
}

/// Messages that nobody may follow, and whether they claim to be ours, so that they are counted.
pub(crate) fn garbage() -> Vec<(Vec<u8>, bool)> {
    vec![
        (vec![0xFF], true),
        (vec![0; 7], true),
        ((0..=255).collect(), false),
        // req: T-37
        (message(40, 4, 902, 1, 40), false),
        (message(16, 99, 900, 1, 16), false),
        // req: T-38
        (message(40, 4, 900, 2, 40), true),
        (message(41, 4, 900, 1, 41), true),
        (message(40, 4, 900, 1, 39), true),
        // req: D-025
        (message(25, 5, 901, 2, 25), true),
        (message(30, 1, 901, 1, 5), true),
        (message(54, 2, 901, 1, 2000), true),
        (message(34, 7, 901, 1, 3), true),
    ]
}

/// A descriptor that no producer sent.
fn descriptor(stream: u32, epoch: u64) -> Vec<u8> {
    let descriptor = FrameDescriptor {
        stream_id: StreamId::new(stream).unwrap(),
        epoch: Epoch::new(epoch).unwrap(),
        seq: Seq::new(1 << 40).unwrap(),
        timestamp_ns: None,
        meta_version: None,
        trace_id: None,
    };
    let mut bytes = vec![0; 48];
    descriptor.encode(&mut bytes).unwrap();
    bytes
}

/// The descriptor of a frame of another stream, and of ours in an epoch that is gone.
fn strange_descriptors() -> [Vec<u8>; 2] {
    [descriptor(10_001, u64::MAX >> 1), descriptor(10_000, 1)]
}

/// A publication of a stranger that somebody subscribed to.
pub(crate) fn connected(stranger: &mut AeronClient, stream_id: i32) -> AeronExclusivePublication {
    let channel = Channel::ipc().for_publication();
    let mut pending = stranger
        .add_exclusive_publication(&channel, stream_id)
        .unwrap();
    let mut added = None;
    wait_until("a publication with subscribers", || {
        stranger.do_work().unwrap();
        if let (None, Poll::Ready(result)) = (&added, pending.poll()) {
            added = Some(result.unwrap());
        }
        added.as_ref().is_some_and(Publication::is_connected)
    });
    added.unwrap()
}

#[test] // req: T-14
fn publishers_that_come_and_go_cost_nobody_a_frame() {
    let rig = Rig::start(&Shape::default());
    let (client, _conductor) = rig.client();
    let mut producer = producer(&client);
    let watchers = [0, 1].map(|_| Watcher::start(consumer(&client)));
    let total = settle(&mut producer, &watchers.each_ref());

    let going = AtomicBool::new(true);
    let sent = thread::scope(|scope| {
        let publishing = scope.spawn(|| {
            let mut pace = Pace::hz(5000);
            let mut sent = total;
            while going.load(Ordering::Relaxed) {
                sent = publish(&mut producer, 64).unwrap().0 + 1;
                pace.wait();
            }
            sent
        });
        let mut stranger = AeronClient::connect(&ClientConfig::new(aeron_dir(rig.root()))).unwrap();
        for _ in 0..20 {
            drop(connected(&mut stranger, DESCRIPTOR_STREAM));
            thread::sleep(Duration::from_millis(50));
        }
        going.store(false, Ordering::Relaxed);
        publishing.join().unwrap()
    });
    assert!(sent > total);
    let sent = settle(&mut producer, &watchers.each_ref());
    for watcher in watchers {
        let drops = watcher.drops.clone();
        assert_eq!(drops.local_drops(), 0, "it was unmapped meanwhile");
        assert_accounted(sent, &watcher.stop(), &drops);
    }
}

#[test] // req: W-053, W-054, T-13
fn a_descriptor_of_a_higher_epoch_stops_reading_until_an_announce_says_otherwise() {
    let rig = Rig::start(&Shape::default());
    let (client, _conductor) = rig.client();
    let mut producer = producer(&client);
    let watcher = Watcher::start(consumer(&client));
    settle(&mut producer, &[&watcher]);
    let epoch = producer.epoch().unwrap().get();

    let mut stranger = AeronClient::connect(&ClientConfig::new(aeron_dir(rig.root()))).unwrap();
    let mut publication = connected(&mut stranger, DESCRIPTOR_STREAM);
    publication.offer(&descriptor(10_000, epoch + 1)).unwrap();
    wait_until("the consumer to let go", || watcher.mapped() == 0);
    let before = watcher.received();
    publish(&mut producer, 64).unwrap();
    thread::sleep(Duration::from_millis(100));
    let after = watcher.received();
    if watcher.mapped() == 0 {
        assert_eq!(after, before, "a frame without a mapping");
    }
    wait_until("the old epoch to be mapped again", || {
        stranger.do_work().unwrap();
        watcher.mapped() == epoch
    });
    settle(&mut producer, &[&watcher]);
    assert_eq!(watcher.stop().torn, 0);
}

#[test] // req: C-100, C-119, D-025, T-37, T-38
fn garbage_on_shared_streams_is_counted_and_frames_flow_on() {
    const ROUNDS: u64 = 20;
    let rig = Rig::start(&Shape::default());
    let (client, _conductor) = rig.client();
    let mut producer = producer(&client);
    let watcher = Watcher::start(consumer(&client));
    settle(&mut producer, &[&watcher]);

    let mut stranger = AeronClient::connect(&ClientConfig::new(aeron_dir(rig.root()))).unwrap();
    let streams = [CONTROL_STREAM, ANNOUNCE_STREAM, DESCRIPTOR_STREAM];
    let mut publications = streams.map(|id| connected(&mut stranger, id));
    let mut sent = 0;
    let mut pace = Pace::hz(1000);
    for _ in 0..ROUNDS {
        for publication in &mut publications {
            for (bytes, _) in garbage() {
                publication.offer(&bytes).unwrap();
            }
        }
        for bytes in strange_descriptors() {
            publications[2].offer(&bytes).unwrap();
        }
        for _ in 0..10 {
            sent = publish(&mut producer, 1024).unwrap().0 + 1;
            pace.wait();
        }
        stranger.do_work().unwrap();
    }

    let ours = garbage().iter().filter(|(_, counted)| *counted).count() as u64;
    wait_until("the garbage to be counted", || {
        client.malformed_messages() >= 2 * ROUNDS * ours
    });
    thread::sleep(Duration::from_millis(50));
    assert_eq!(client.malformed_messages(), 2 * ROUNDS * ours);
    let total = settle(&mut producer, &[&watcher]);
    assert!(total > sent);
    let drops = watcher.drops.clone();
    // On the descriptor stream nothing but descriptors is ours.
    println!(
        "malformed: control {}, descriptors {}",
        client.malformed_messages(),
        drops.malformed()
    );
    assert!(drops.malformed() >= ROUNDS);
    let tally = watcher.stop();
    assert_eq!(tally.torn, 0);
    // The epoch that is gone costs a local drop per descriptor, and no frame.
    assert_eq!(drops.local_drops(), ROUNDS);
    assert_accounted(total + ROUNDS, &tally, &drops);

    // The driver is still there for newcomers.
    let (other, _other_conductor) = rig.client();
    let newcomer = Watcher::start(consumer(&other));
    settle(&mut producer, &[&newcomer]);
    assert_eq!(newcomer.stop().torn, 0);
}
