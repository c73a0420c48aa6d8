//! What is told and when, and what comes back.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::vec::Vec;

const STREAM: StreamId = StreamId::new(10_000).unwrap();
const ANN: ClientId = ClientId::new(1).unwrap();
const BEN: ClientId = ClientId::new(2).unwrap();
const PERIOD: Duration = Duration::from_nanos(100);

fn at(ns: u64) -> Instant {
    Instant::from_ns(ns)
}

fn figures(last: Option<u64>) -> ConsumerFigures {
    ConsumerFigures {
        epoch: Epoch::new(3),
        last_seq: last.and_then(Seq::new),
        drops_gap: 5,
        drops_late: 6,
        mode: Mode::RateLimited,
    }
}

fn sent(qos: &mut ConsumerQos, ns: u64, last: Option<u64>) -> Option<QosConsumer> {
    let mut sent = None;
    let any = qos.transmit(at(ns), figures(last), |message| {
        sent = Some(*message);
        Ok::<_, ()>(())
    });
    assert_eq!(any, Ok(sent.is_some()));
    sent
}

fn message(consumer_id: ClientId, last: u64) -> QosConsumer {
    QosConsumer {
        stream_id: STREAM,
        consumer_id,
        epoch: Epoch::new(3),
        last_seq_seen: Seq::new(last).unwrap(),
        drops_gap: 5,
        drops_late: 6,
        mode: Mode::RateLimited,
    }
}

#[test] // req: C-077, W-216, T-22, T-23
fn a_producer_tells_its_next_frame_each_period() {
    let mut qos = ProducerQos::new(STREAM, ANN, PERIOD);
    let figures = ProducerFigures {
        epoch: Epoch::new(3),
        next_seq: Seq::FIRST,
        watermark: None,
    };
    assert_eq!(qos.transmit(at(0), figures, |_| Err(1)), Err(1));
    let expected = QosProducer {
        stream_id: STREAM,
        producer_id: Some(ANN),
        epoch: Epoch::new(3),
        current_seq: Seq::FIRST,
        watermark: None,
    };
    let mut sent = Vec::new();
    let mut take = |qos: &mut ProducerQos, ns| {
        let taken = qos.transmit(at(ns), figures, |message| {
            sent.push(*message);
            Ok::<_, ()>(())
        });
        taken == Ok(true)
    };
    assert_eq!(
        [0, 99, 100].map(|ns| take(&mut qos, ns)),
        [true, false, true]
    );
    assert_eq!(qos.poll_timeout(), at(200));
    qos.hasten();
    qos.set_producer(BEN);
    assert!(take(&mut qos, 101));
    let of_ben = QosProducer {
        producer_id: Some(BEN),
        ..expected
    };
    assert_eq!(sent, [expected, expected, of_ben]);
}

#[test] // req: C-113, W-216, T-42, T-45
fn a_consumer_tells_what_it_got_and_lost_each_period() {
    let mut qos = ConsumerQos::new(STREAM, ANN, true, PERIOD);
    assert_eq!(qos.transmit(at(0), figures(None), |_| Err(1)), Err(1));
    assert_eq!(sent(&mut qos, 0, None), Some(message(ANN, 0)));
    assert_eq!(sent(&mut qos, 99, Some(7)), None);
    assert_eq!(sent(&mut qos, 100, Some(7)), Some(message(ANN, 7)));
    assert_eq!(qos.poll_timeout(), at(200));
}

// req: C-112, W-180, P-023
#[test]
fn every_message_in_every_state() {
    let unchallenged = |self_assigned| {
        let mut qos = ConsumerQos::new(STREAM, ANN, self_assigned, PERIOD);
        sent(&mut qos, 0, Some(7)).unwrap();
        qos
    };
    let challenged = |self_assigned| {
        let mut qos = unchallenged(self_assigned);
        qos.handle(&message(ANN, 4)).unwrap();
        qos
    };
    let foreign = QosConsumer {
        stream_id: StreamId::new(9).unwrap(),
        ..message(ANN, 8)
    };
    let (another, report) = (Some(Collision::TakeAnotherId), Some(Collision::Report));
    #[rustfmt::skip]
    let rows = [
        // message          own id   set id  challenged
        (message(ANN, 7),   None,    None,   None), // our own coming back
        (message(ANN, 8),   another, report, None),
        (message(BEN, 8),   None,    None,   None),
        (foreign,           None,    None,   None),
    ];
    for (message, own, set, again) in rows {
        assert_eq!(unchallenged(true).handle(&message), own, "{message:?}");
        assert_eq!(unchallenged(false).handle(&message), set, "{message:?}");
        assert_eq!(challenged(true).handle(&message), again, "{message:?}");
    }
    let mut qos = challenged(true);
    qos.set_consumer(ANN);
    assert_eq!(qos.handle(&message(ANN, 8)), None, "told before");
    qos.set_consumer(BEN);
    assert_eq!(qos.handle(&message(ANN, 9)), None, "not ours any more");
    assert_eq!(qos.handle(&message(BEN, 9)), another);
    assert_eq!(qos.collisions(), 3);
}

proptest! {
    /// The shared stream brings back what we sent, up to seven messages later, mixed with another's.
    #[test] // req: C-112
    fn echoes_are_never_taken_for_another(
        steps in prop::collection::vec((any::<bool>(), 0..7_usize, any::<bool>()), 0..60),
    ) {
        let mut qos = ConsumerQos::new(STREAM, ANN, true, PERIOD);
        let (mut on_the_way, mut last, mut foreign) = (VecDeque::new(), 0, 0);
        for (nth, (sends, delay, intrudes)) in (0..).zip(steps) {
            if sends {
                last += 1;
                on_the_way.extend(sent(&mut qos, nth * 100, Some(last)));
            }
            while on_the_way.len() > delay {
                let echo = on_the_way.pop_front().unwrap();
                prop_assert_eq!(qos.handle(&echo), None);
            }
            if intrudes {
                foreign += 1;
                let told = qos.handle(&message(ANN, 1_000 + nth));
                prop_assert_eq!(told.is_some(), foreign == 1, "once");
            }
            prop_assert_eq!(qos.collisions(), foreign);
        }
    }
}
