//! How a producer is told to publish: with a look at the descriptor stream first, with a hook before the commit.

use std::sync::{Arc, Mutex};

use tp_std::{Delivery, Frame, OfferError, ProducerConfig};

use crate::frames::{bytes_tensor, publish};
use crate::rig::{PATIENCE, Rig, Shape, consumer, stream, wait_until};

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
