//! How a producer is told to publish: with a look at the descriptor stream first, with a hook before the commit.

use std::fs;
use std::sync::{Arc, Mutex};

use tp_core_nostd::time::Clock;
use tp_std::clock::MonotonicClock;
use tp_std::{Client, ConsumerConfig, Delivery, Frame, OfferError, ProducerConfig, Residency};

use crate::frames::{bytes_tensor, publish};
use crate::rig::{PATIENCE, Rig, Shape, consumer, producer, stream, wait_until};

#[test] // req: C-056, C-058
fn a_producer_that_tests_first_takes_nothing_for_a_frame_that_nobody_would_hear_of() {
    let rig = Rig::start(&Shape {
        term: "64k",
        ..Shape::default()
    });
    let (client, _conductor) = rig.client();
    let config = ProducerConfig::new(stream()).with_test_first(true);
    let mut producer = client.producer(config).unwrap().wait(PATIENCE).unwrap();
    let frame = Frame::new(bytes_tensor(3), b"abc");
    assert_eq!(producer.offer(&frame), Err(OfferError::NotConnected));
    assert!(matches!(
        producer.try_claim(3),
        Err(OfferError::NotConnected)
    ));

    let mut consumer = consumer(&client);
    let mut sent = 0;
    wait_until("a connected descriptor stream", || {
        // Poll once, so that the subscription is adopted and the stream connected.
        consumer.poll(1, |_, _| {}).unwrap();
        producer.offer(&frame).is_ok_and(|published| {
            assert_eq!(
                (published.seq.get(), published.delivery),
                (0, Delivery::Sent)
            );
            sent = 1;
            true
        })
    });
    // Half a term holds some 340 descriptors.
    let refused = loop {
        match producer.offer(&frame) {
            Ok(published) => {
                assert_eq!(
                    (published.seq.get(), published.delivery),
                    (sent, Delivery::Sent)
                );
                sent += 1;
            }
            Err(refused) => break refused,
        }
        assert!(sent < 100_000);
    };
    assert_eq!(refused, OfferError::BackPressured);
    wait_until("room in the descriptor stream", || {
        consumer.poll(64, |_, _| {}).unwrap();
        match producer.offer(&frame) {
            Ok(published) => {
                assert_eq!(published.seq.get(), sent, "a refusal took a number");
                true
            }
            Err(refused) => {
                assert_eq!(refused, OfferError::BackPressured);
                false
            }
        }
    });
}

#[test] // req: C-055, W-141, W-143, W-144, W-147
fn frames_say_when_they_were_captured_and_descriptors_only_on_request_when_they_were_sent() {
    let rig = Rig::start(&Shape::default());
    let (client, _conductor) = rig.client();
    // Frames found in memory would come without what their descriptor says.
    let config = ConsumerConfig::new(stream()).with_watched_memory(false);
    let mut consumer = client.consumer(config).unwrap().wait(PATIENCE).unwrap();
    for timed in [false, true] {
        let config = ProducerConfig::new(stream()).with_descriptor_timestamp(timed);
        let mut producer = client.producer(config).unwrap().wait(PATIENCE).unwrap();
        for given in [Some(123), Some(0), None] {
            let frame = Frame {
                capture_ns: given,
                ..Frame::new(bytes_tensor(3), b"abc")
            };
            let from = MonotonicClock.now().as_ns();
            let mut heard = None;
            wait_until("a frame", || {
                producer.offer(&frame).unwrap();
                consumer
                    .poll(64, |descriptor, reader| {
                        let captured = reader.read().ok().and_then(|frame| frame.capture_ns());
                        heard = captured.map(|captured| (*descriptor, captured));
                    })
                    .unwrap();
                heard.is_some()
            });
            let during = from..=MonotonicClock.now().as_ns();
            let (descriptor, captured) = heard.unwrap();
            match given {
                Some(123) => assert_eq!(captured, 123),
                _ => assert!(during.contains(&captured), "{given:?}: {captured}"),
            }
            assert_eq!(descriptor.timestamp_ns.is_some(), timed);
            assert!(
                descriptor
                    .timestamp_ns
                    .is_none_or(|sent| during.contains(&sent))
            );
            assert_eq!((descriptor.meta_version, descriptor.trace_id), (None, None));
        }
    }
}

#[test] // req: C-070
fn a_producers_memory_can_be_there_before_its_first_frame() {
    let rig = Rig::start(&Shape::default());
    let residency = Residency {
        prefault: true,
        lock: false,
    };
    for (context, resident) in [
        (rig.context(), false),
        (rig.context().with_residency(residency), true),
    ] {
        let (client, conductor) = Client::start(context).unwrap();
        let _producer = producer(&client);
        assert_eq!(is_resident("/1.pool"), resident);
        conductor.close_and_wait(PATIENCE).unwrap();
    }
}

/// Whether all pages of this process' mapping of a file are there.
fn is_resident(file: &str) -> bool {
    let maps = fs::read_to_string("/proc/self/smaps").unwrap();
    let mut lines = maps.lines().skip_while(|line| !line.ends_with(file));
    assert!(lines.next().is_some(), "{file} is not mapped");
    let mut kilobytes = |name: &str| {
        let line = lines.find(|line| line.starts_with(name)).unwrap();
        let number = line.split_whitespace().nth(1).unwrap();
        number.parse::<u64>().unwrap()
    };
    let (size, resident) = (kilobytes("Size:"), kilobytes("Rss:"));
    size == resident
}

#[test] // req: C-071
fn the_flush_hook_sees_each_payload_before_it_is_committed() {
    let rig = Rig::start(&Shape::default());
    let (client, _conductor) = rig.client();
    let seen: Arc<Mutex<Vec<usize>>> = Arc::default();
    let noted = seen.clone();
    let config = ProducerConfig::new(stream())
        .with_payload_flush(move |_, len| noted.lock().unwrap().push(len));
    let mut producer = client.producer(config).unwrap().wait(PATIENCE).unwrap();
    producer
        .offer(&Frame::new(bytes_tensor(3), b"abc"))
        .unwrap();
    publish(&mut producer, 40).unwrap();
    producer.offer(&Frame::new(bytes_tensor(0), b"")).unwrap();
    assert_eq!(
        *seen.lock().unwrap(),
        [3, 40],
        "an empty payload needs no flush"
    );
}
