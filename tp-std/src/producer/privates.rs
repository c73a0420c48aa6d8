//! The private streams of a producer's consumers, as the thread that publishes sees them: a fixed table, walked once per
//! frame. What one of them refuses is its own affair and is counted for it (C-059).

use std::sync::Arc;

use tp_core_nostd::ids::ClientId;
use tp_core_nostd::proto::consumer_manager::{RateGate, StreamKind};
use tp_core_nostd::proto::progress::ProgressPolicy;
use tp_core_nostd::time::{Clock, Instant};
use tp_core_nostd::transport::SendError;
use tp_core_nostd::wire::control::{FrameDescriptor, FrameProgress};

use super::exchange::{Exchange, Order, Private};
use super::frame::{Delivery, DeliveryCounts};
use super::outlet::{deliver, send};
use crate::clock::SharedClock;
use crate::medium::Sender;

/// What became of one consumer's own descriptor stream. Of each descriptor that was meant for it exactly one thing is true:
/// it met something, it was thinned out, or it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrivateDeliveries {
    /// The consumer.
    pub consumer: ClientId,
    /// What its descriptors met.
    pub deliveries: DeliveryCounts,
    /// Left out, because a newer frame took their turn (C-087).
    pub thinned: u64,
    /// Whether the newest one waits for its turn.
    pub is_waiting: bool,
}

/// A private stream in use.
#[derive(Debug)]
struct Open {
    stream: Private,
    /// Where the rate is limited.
    gate: Option<RateGate<FrameDescriptor>>,
}

impl Open {
    fn new(stream: Private) -> Self {
        let gate = gate(stream.max_rate_hz);
        Self { stream, gate }
    }

    const fn is(&self, kind: StreamKind) -> bool {
        matches!(
            (self.stream.kind, kind),
            (StreamKind::Descriptor, StreamKind::Descriptor)
                | (StreamKind::Control, StreamKind::Control)
        )
    }

    fn is_waiting(&self) -> bool {
        let gate = self.gate.as_ref();
        gate.is_some_and(|gate| gate.poll_timeout() != Instant::NEVER)
    }

    /// A newer frame is offered, or none of this epoch will follow.
    fn count_thinned(&self, was_waiting: bool) {
        self.stream.counts.thinned.add(was_waiting.into());
    }

    fn offer(&mut self, descriptor: &FrameDescriptor, clock: &SharedClock) {
        let was_waiting = self.is_waiting();
        let passed = match &mut self.gate {
            Some(gate) => gate.offer(clock.now(), *descriptor),
            None => Some(*descriptor),
        };
        self.count_thinned(was_waiting);
        self.send(passed);
    }

    fn set_rate(&mut self, max_rate_hz: Option<u32>) {
        match (&mut self.gate, gate(max_rate_hz)) {
            (Some(gate), Some(_)) => gate.set_rate(max_rate_hz),
            (_, gate) => {
                self.flush();
                self.gate = gate;
            }
        }
    }

    /// What waits goes out: its turn will not come any more, and perhaps no newer frame for long.
    fn flush(&mut self) {
        let waiting = self.gate.as_mut();
        let waiting = waiting.and_then(|gate| gate.poll(Instant::NEVER));
        self.send(waiting);
    }

    fn send(&mut self, passed: Option<FrameDescriptor>) -> u32 {
        let Some(descriptor) = passed else {
            return 0;
        };
        let delivery = send(self.stream.sender.as_mut(), &descriptor);
        self.stream.counts.count(delivery);
        1
    }
}

fn gate(max_rate_hz: Option<u32>) -> Option<RateGate<FrameDescriptor>> {
    let limit = max_rate_hz.filter(|hz| *hz != 0)?;
    Some(RateGate::new(Some(limit)))
}

/// All of them.
#[derive(Debug)]
pub(super) struct Privates {
    exchange: Arc<Exchange>,
    /// Never grows.
    open: Vec<Open>,
    /// Where progress goes for those who have no stream of their own for it.
    control: Option<Box<dyn Sender>>,
    shared: bool,
    policy: Option<ProgressPolicy>,
}

impl Privates {
    /// Room for `streams` of them.
    pub(super) fn new(exchange: Arc<Exchange>, streams: usize) -> Self {
        Self {
            exchange,
            open: Vec::with_capacity(streams),
            control: None,
            shared: false,
            policy: None,
        }
    }

    pub(super) const fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    /// How often progress is told.
    pub(super) const fn policy(&self) -> Option<ProgressPolicy> {
        self.policy
    }

    /// Does what the conductor ordered.
    pub(super) fn catch_up(&mut self) {
        while let Some(order) = self.exchange.orders.pop() {
            match order {
                Order::Open(stream) => self.open(stream),
                Order::Close(place) => self.close(place),
                Order::Rate(place, max_rate_hz) => {
                    let mut open = self.open.iter_mut();
                    if let Some(open) = open.find(|open| open.stream.place == place) {
                        open.set_rate(max_rate_hz);
                    }
                }
                Order::Control(sender) => {
                    if let Some(old) = self.control.replace(sender) {
                        self.exchange.retire(old);
                    }
                }
                Order::Progress { policy, shared } => {
                    (self.policy, self.shared) = (policy, shared);
                }
            }
        }
    }

    fn open(&mut self, stream: Private) {
        // A place has one stream, whatever became of the order to close the one before.
        self.close(stream.place);
        match self.open.len() < self.open.capacity() {
            true => self.open.push(Open::new(stream)),
            // The conductor orders no more than there is room for.
            false => self.exchange.retire(stream.sender),
        }
    }

    fn close(&mut self, place: usize) {
        let mut open = self.open.iter();
        if let Some(at) = open.position(|open| open.stream.place == place) {
            let mut closed = self.open.swap_remove(at);
            closed.flush();
            self.exchange.retire(closed.stream.sender);
        }
    }

    /// Sends the descriptor of a new frame to everybody who has a stream of his own.
    #[inline]
    pub(super) fn send(&mut self, descriptor: &FrameDescriptor, clock: &SharedClock) {
        for open in &mut self.open {
            if open.is(StreamKind::Descriptor) {
                open.offer(descriptor, clock);
            }
        }
    }

    /// Sends the descriptors whose time has come.
    pub(super) fn poll(&mut self, now: Instant) -> u32 {
        let mut sent = 0_u32;
        for open in &mut self.open {
            let due = open.gate.as_mut().and_then(|gate| gate.poll(now));
            sent = sent.saturating_add(open.send(due));
        }
        sent
    }

    /// When to call [`Self::poll`].
    pub(super) fn poll_timeout(&self) -> Instant {
        let gates = self.open.iter().filter_map(|open| open.gate.as_ref());
        let due = gates.map(RateGate::poll_timeout).min();
        due.unwrap_or(Instant::NEVER)
    }

    /// A new epoch begins: what waits is of one that is gone.
    pub(super) fn forget_waiting(&mut self) {
        for open in &mut self.open {
            open.count_thinned(open.is_waiting());
            if let Some(gate) = &mut open.gate {
                gate.reset();
            }
        }
    }

    /// Tells everybody who wants to know how far a frame is filled.
    ///
    /// # Errors
    /// Nobody took it, and somebody may when asked again.
    pub(super) fn tell(&mut self, progress: &FrameProgress) -> Result<(), SendError> {
        let mut message = [0; FrameProgress::LEN];
        if progress.encode(&mut message).is_err() {
            return Ok(());
        }
        let (mut taken, mut refused) = (false, false);
        let mut note = |delivery| match delivery {
            Delivery::BackPressured => refused = true,
            _ => taken = true,
        };
        if let Some(control) = self.control.as_mut().filter(|_| self.shared) {
            note(deliver(control.as_mut(), &message));
        }
        for open in &mut self.open {
            if open.is(StreamKind::Control) {
                let delivery = deliver(open.stream.sender.as_mut(), &message);
                open.stream.counts.count(delivery);
                note(delivery);
            }
        }
        match refused && !taken {
            true => Err(SendError::BackPressured),
            false => Ok(()),
        }
    }

    /// Says something on the shared control stream, once.
    ///
    /// # Errors
    /// It was not taken, or there is no way there yet.
    pub(super) fn say(&mut self, message: &[u8]) -> Result<(), SendError> {
        let control = self.control.as_mut().ok_or(SendError::NotConnected)?;
        control.offer(message)
    }

    pub(super) fn deliveries(&self) -> impl Iterator<Item = PrivateDeliveries> {
        let descriptors = self
            .open
            .iter()
            .filter(|open| open.is(StreamKind::Descriptor));
        descriptors.map(|open| PrivateDeliveries {
            consumer: open.stream.consumer,
            deliveries: open.stream.counts.deliveries(),
            thinned: open.stream.counts.thinned.get(),
            is_waiting: open.is_waiting(),
        })
    }
}

#[cfg(test)]
mod tests;
