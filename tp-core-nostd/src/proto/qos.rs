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
mod tests;
