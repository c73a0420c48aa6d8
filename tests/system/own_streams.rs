//! Consumers with streams of their own: asked for in hellos, assigned by the driver, opened by the producer; and frames
//! that are read while they are written.

use core::time::Duration;
use std::thread;

use tp_core_nostd::wire::control::ProgressHints;
use tp_core_nostd::wire::enums::ProgressUnit;
use tp_std::aeron::Channel;
use tp_std::{
    CommitMeta, Consumer, ConsumerConfig, ConsumerState, Consumers, Endpoint, Producer,
    ProducerConfig,
};

use crate::frames::{bytes_tensor, fill, is_whole, publish};
use crate::rig::{PATIENCE, Rig, Shape, stream, wait_until};
use crate::watcher::Tally;

/// The driver may give these away.
const RANGES: &str =
    "descriptor_stream_id_range = [31000, 31009]\ncontrol_stream_id_range = [32000, 32009]";

fn rig() -> Rig {
    Rig::start(&Shape {
        driver: RANGES,
        ..Shape::default()
    })
}

fn own(id: i32) -> Endpoint {
    Endpoint::new(Channel::ipc(), id)
}

/// Publishes, and polls, until `done`.
fn flow(
    producer: &mut Producer,
    consumer: &mut Consumer,
    tally: &mut Tally,
    what: &str,
    mut done: impl FnMut(&Producer, &Consumer, u64) -> bool,
) -> u64 {
    let mut sent = 0;
    wait_until(what, || {
        sent = publish(producer, 1024).unwrap().0 + 1;
        tally.poll(consumer).unwrap();
        done(producer, consumer, sent)
    });
    sent
}

#[test] // req: C-110, C-094, W-196, W-197, W-198, W-200
fn a_consumer_moves_to_a_stream_of_its_own_without_losing_a_frame() {
    let rig = rig();
    let (client, _conductor) = rig.client();
    let config = ProducerConfig::new(stream()).with_consumers(Consumers::new());
    let mut producer = client.producer(config).unwrap().wait(PATIENCE).unwrap();
    let config = ConsumerConfig::new(stream())
        .with_watched_memory(false)
        .with_own_descriptors(&own(31_000))
        .unwrap();
    let mut consumer = client.consumer(config).unwrap().wait(PATIENCE).unwrap();
    let mut tally = Tally::default();
    let mut first = 0;
    let received = consumer.counters();
    flow(
        &mut producer,
        &mut consumer,
        &mut tally,
        "the first frame",
        |_, _, sent| {
            let seen = received.last_seq();
            first = seen.map_or(sent, |seq| first.min(seq.get()));
            seen.is_some()
        },
    );
    let status = consumer.status();
    flow(
        &mut producer,
        &mut consumer,
        &mut tally,
        "frames on its own stream",
        |producer, _, _| {
            producer
                .private_deliveries()
                .any(|own| own.deliveries.sent > 200)
        },
    );
    let assigned = status.assigned_descriptor_stream().unwrap().get();
    assert!((31_000..31_010).contains(&assigned), "{assigned}");
    let mut left = 2_000;
    let sent = flow(
        &mut producer,
        &mut consumer,
        &mut tally,
        "two thousand more",
        |_, _, _| {
            left -= 1;
            left == 0
        },
    );
    wait_until("the last frame", || {
        tally.poll(&mut consumer).unwrap();
        tally.next == sent
    });
    let counters = consumer.counters();
    assert_eq!((counters.gap_drops(), counters.late_drops()), (0, 0));
    assert_eq!((tally.torn, status.state()), (0, ConsumerState::Mapped));
    let before = sent - tally.received;
    println!("{sent} frames, {before} of them before the consumer was connected");
    assert!(before <= first, "{before} lost, the first seen was {first}");
}

#[test] // req: E-02, C-116, W-163, W-201
fn rows_are_read_while_their_frame_is_written() {
    const LEN: u32 = 16 * 1024;
    let rig = rig();
    let (client, _conductor) = rig.client();
    let config = ProducerConfig::new(stream())
        .with_consumers(Consumers::new())
        .with_header_first(true);
    let mut producer = client.producer(config).unwrap().wait(PATIENCE).unwrap();
    producer
        .set_attribute("tp.progress.header_first", "text/plain", b"1")
        .unwrap();
    let hints = ProgressHints {
        interval_us: Some(0),
        bytes_delta: Some(1),
        major_delta_units: None,
    };
    let config = ConsumerConfig::new(stream())
        .with_progress(hints)
        .with_own_control(&own(32_000))
        .unwrap();
    let mut consumer = client.consumer(config).unwrap().wait(PATIENCE).unwrap();
    let rows = bytes_tensor(LEN).with_progress(ProgressUnit::Rows).unwrap();
    let mut early = 0;
    wait_until("a prefix before its commit", || {
        let epoch = producer.epoch().unwrap().get();
        let mut claim = producer.try_claim(LEN).unwrap();
        let meta = CommitMeta {
            meta_version: consumer.status().header_first(),
            ..CommitMeta::default()
        };
        producer.start(&mut claim, &rows, meta).unwrap();
        let mut whole = vec![0; LEN as usize];
        fill(epoch, claim.seq().get(), &mut whole);
        let (half, _) = whole.split_at(LEN as usize / 2);
        claim.bytes()[..half.len()].copy_from_slice(half);
        producer.offer_progress(&mut claim, LEN / 2).unwrap();
        for _ in 0..20 {
            thread::sleep(Duration::from_millis(1));
            producer.poll();
            let seq = claim.seq();
            consumer
                .poll_progress(64, |progress, reader| {
                    let Ok(prefix) = reader.read() else { return };
                    let mut bytes = vec![0; prefix.ready_bytes()];
                    let len = prefix.copy_to(0, &mut bytes).unwrap();
                    assert!(is_whole(epoch, progress.seq.get(), &bytes[..len]));
                    assert_eq!(prefix.ready_lines(), Some(u32::try_from(len).unwrap()));
                    if progress.seq == seq && len > 0 {
                        early += 1;
                    }
                })
                .unwrap();
        }
        claim.bytes().copy_from_slice(&whole);
        producer.commit(claim, &rows, meta).unwrap();
        let mut tally = Tally::default();
        tally.poll(&mut consumer).unwrap();
        assert_eq!(tally.torn, 0);
        early > 3
    });
    assert_eq!(consumer.counters().progress_violations(), 0);
}
