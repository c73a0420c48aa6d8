//! How it goes, told once a period by either side; and whether somebody else goes by our consumer id (wire 4.6, 5.16,
//! W-180).
//!
//! ```text
//!               another's QosConsumer bears our id               took another id
//!  Unchallenged ───────────────────────────────────► Challenged ────────────────► Unchallenged
//!                                                      └─ told once; an id that the application set stays
//! ```

use crate::ids::{ClientId, Epoch, StreamId};
use crate::proto::cadence::Cadence;
use crate::seq::Seq;
use crate::time::{Duration, Instant};
use crate::wire::control::{QosConsumer, QosProducer};
use crate::wire::enums::Mode;

/// How many of our own messages are recognised when they come back.
const ECHOES: usize = 8;

/// What a producer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ProducerFigures {
    /// The mapped epoch.
    pub epoch: Option<Epoch>,
    /// The next frame to be written (T-22).
    pub next_seq: Seq,
    /// The application's own figure (T-23).
    pub watermark: Option<u32>,
}

/// Sends QosProducer each period (C-077).
#[derive(Clone, Copy, Debug)]
pub struct ProducerQos {
    stream: StreamId,
    producer: ClientId,
    cadence: Cadence,
}

impl ProducerQos {
    /// Of one producer; a period of zero sends only when asked to.
    pub const fn new(stream: StreamId, producer: ClientId, period: Duration) -> Self {
        Self {
            stream,
            producer,
            cadence: Cadence::new(period),
        }
    }

    /// Sends one as soon as possible.
    pub const fn hasten(&mut self) {
        self.cadence.hasten();
    }

    /// Has another id from now on: another lease.
    pub const fn set_producer(&mut self, producer: ClientId) {
        self.producer = producer;
    }

    /// Offers the message to `emit`, if it is due; returns whether it was sent.
    ///
    /// # Errors
    /// What `emit` returned; the message stays due.
    pub fn transmit<E>(
        &mut self,
        now: Instant,
        figures: ProducerFigures,
        emit: impl FnOnce(&QosProducer) -> Result<(), E>,
    ) -> Result<bool, E> {
        if !self.cadence.is_due(now) {
            return Ok(false);
        }
        emit(&QosProducer {
            stream_id: self.stream,
            producer_id: Some(self.producer),
            epoch: figures.epoch,
            current_seq: figures.next_seq,
            watermark: figures.watermark,
        })?;
        self.cadence.sent(now);
        Ok(true)
    }

    /// When to come back.
    pub const fn poll_timeout(&self) -> Instant {
        self.cadence.due_at()
    }
}

/// What a consumer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConsumerFigures {
    /// The mapped epoch.
    pub epoch: Option<Epoch>,
    /// The last frame seen, of any epoch (T-42).
    pub last_seq: Option<Seq>,
    /// Frames never seen (T-45).
    pub drops_gap: u64,
    /// Frames seen whose slot failed a check (T-45).
    pub drops_late: u64,
    /// As ordered, else as asked for.
    pub mode: Mode,
}

/// Somebody else uses our consumer id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Collision {
    /// We chose the id: choose another one and connect anew; with a lease, detach and attach with it (C-112).
    TakeAnotherId,
    /// The application chose it: tell it.
    Report,
}

/// Sends QosConsumer each period (C-113), and listens for others with our id.
#[derive(Clone, Copy, Debug)]
pub struct ConsumerQos {
    stream: StreamId,
    consumer: ClientId,
    self_assigned: bool,
    cadence: Cadence,
    /// What we sent last, to know it when it comes back on the shared stream.
    echoes: [Option<QosConsumer>; ECHOES],
    next_echo: usize,
    challenged: bool,
    collisions: u64,
}

impl ConsumerQos {
    /// Of one consumer; `self_assigned` says that its id may be changed. A period of zero sends only when asked to.
    pub const fn new(
        stream: StreamId,
        consumer: ClientId,
        self_assigned: bool,
        period: Duration,
    ) -> Self {
        Self {
            stream,
            consumer,
            self_assigned,
            cadence: Cadence::new(period),
            echoes: [None; ECHOES],
            next_echo: 0,
            challenged: false,
            collisions: 0,
        }
    }

    /// Sends one as soon as possible.
    pub const fn hasten(&mut self) {
        self.cadence.hasten();
    }

    /// Has another id from now on, and is unchallenged in it. Without a change nothing happens.
    pub fn set_consumer(&mut self, consumer: ClientId) {
        if consumer != self.consumer {
            self.consumer = consumer;
            self.echoes = [None; ECHOES];
            self.challenged = false;
        }
    }

    /// Offers the message to `emit`, if it is due; returns whether it was sent.
    ///
    /// # Errors
    /// What `emit` returned; the message stays due.
    pub fn transmit<E>(
        &mut self,
        now: Instant,
        figures: ConsumerFigures,
        emit: impl FnOnce(&QosConsumer) -> Result<(), E>,
    ) -> Result<bool, E> {
        if !self.cadence.is_due(now) {
            return Ok(false);
        }
        let qos = QosConsumer {
            stream_id: self.stream,
            consumer_id: self.consumer,
            epoch: figures.epoch,
            last_seq_seen: figures.last_seq.unwrap_or(Seq::FIRST),
            drops_gap: figures.drops_gap,
            drops_late: figures.drops_late,
            mode: figures.mode,
        };
        emit(&qos)?;
        self.cadence.sent(now);
        if let Some(echo) = self.echoes.get_mut(self.next_echo) {
            *echo = Some(qos);
        }
        self.next_echo = self.next_echo.wrapping_add(1) % ECHOES;
        Ok(true)
    }

    /// A QosConsumer arrived, of ourselves or of anybody. One that we did not send is another's; as long as it says
    /// exactly the same as ours, nobody can tell.
    pub fn handle(&mut self, qos: &QosConsumer) -> Option<Collision> {
        let is_ours = (qos.stream_id, qos.consumer_id) == (self.stream, self.consumer);
        if !is_ours || self.echoes.contains(&Some(*qos)) {
            return None;
        }
        self.collisions = self.collisions.saturating_add(1);
        if core::mem::replace(&mut self.challenged, true) {
            return None;
        }
        Some(match self.self_assigned {
            true => Collision::TakeAnotherId,
            false => Collision::Report,
        })
    }

    /// When to come back.
    pub const fn poll_timeout(&self) -> Instant {
        self.cadence.due_at()
    }

    /// Messages of others with our id.
    pub const fn collisions(&self) -> u64 {
        self.collisions
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]
mod tests {
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
}
