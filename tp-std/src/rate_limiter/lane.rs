//! One source, one destination, one policy (L-005).

use core::time::Duration;
use std::sync::Arc;

use tp_core_nostd::ids::ClientId;
use tp_core_nostd::proto::rate_limiter::{Binding, DropCause, Greeting, Limiter, Mapping, Step};
use tp_core_nostd::time::Instant;
use tp_core_nostd::wire::control::{ConsumerHello, ProgressHints};

use super::config::{LaneConfig, RateLimiterConfig};
use super::copies::{Copies, Label};
use super::wanted::Wanted;
use crate::client::Client;
use crate::consumer::{Consumer, ConsumerConfig, ConsumerCounters, FrameView};
use crate::error::Error;
use crate::log::Seldom;
use crate::producer::{OfferError, Producer, ProducerConfig};
use crate::seed::random_seed;

/// Frames of one source in one duty cycle.
const FRAMES_PER_CYCLE: u32 = 64;

/// What became of the frames of one source; never reset. Each frame that arrived was passed on, waits, or is counted by one
/// of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneCounts {
    /// Frames that arrived.
    pub arrived: u64,
    /// Published at the destination.
    pub passed: u64,
    /// Replaced by a newer one before its time came (L-004).
    pub superseded: u64,
    /// Failed a check of its slot, or was overwritten before it was copied (L-012).
    pub unreadable: u64,
    /// Waited when an epoch of either end ended (L-030).
    pub outdated: u64,
    /// There was no destination, or it needed another epoch first (L-038).
    pub without_destination: u64,
    /// Its number went on before, or a higher one did.
    pub out_of_order: u64,
    /// Fits no pool of the destination (L-017).
    pub too_large: u64,
    /// The destination's slot could not be had at once (L-018).
    pub without_slot: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) mapping: Mapping,
    pub(super) limiter: Limiter,
    /// The id of the destination's producer.
    pub(super) producer_id: ClientId,
    binding: Binding,
    pause: Duration,
    wants_progress: bool,
    source: Wanted<Consumer>,
    destination: Wanted<Producer>,
    heard: Option<Arc<ConsumerCounters>>,
    copies: Copies,
    counts: LaneCounts,
    strangers: Seldom,
}

impl Lane {
    pub(super) fn new(config: &RateLimiterConfig, lane: &LaneConfig) -> Self {
        let mapping = lane.mapping;
        Self {
            mapping,
            limiter: Limiter::new(mapping, lane.max_rate_hz),
            binding: Binding::new(mapping.destination, lane.max_rate_hz),
            producer_id: drawn(),
            pause: config.attach_retry_interval,
            wants_progress: config.forwarding.progress,
            source: Wanted::new(),
            destination: Wanted::new(),
            heard: None,
            copies: Copies::default(),
            counts: LaneCounts::default(),
            strangers: Seldom::new(),
        }
    }

    pub(super) const fn counts(&self) -> LaneCounts {
        self.counts
    }

    /// Frames of the source that never arrived here.
    pub(super) fn missed(&self) -> u64 {
        self.heard.as_ref().map_or(0, |heard| heard.gap_drops())
    }

    /// Frames per second that apply; `None` and 0 are all.
    pub(super) fn rate(&self) -> Option<u32> {
        self.binding.rate()
    }

    /// Whether a frame waits for its time.
    pub(super) const fn is_waiting(&self) -> bool {
        self.copies.is_waiting()
    }

    /// A consumer of some destination says what it wants (L-008, L-039).
    pub(super) fn hello(&mut self, now: Instant, hello: &ConsumerHello<'_>) {
        match self.binding.handle_hello(now, hello) {
            Greeting::NotOurs => {}
            Greeting::Heard => self.limiter.set_rate(self.binding.rate()),
            Greeting::Ignored { bound } => {
                if let Some(times) = self.strangers.happened(now, 1) {
                    let (stream, consumer) = (hello.stream_id.get(), hello.consumer_id.get());
                    let bound = bound.get();
                    tracing::warn!(
                        stream,
                        consumer,
                        bound,
                        times,
                        "another consumer sets the rate"
                    );
                }
            }
        }
    }

    /// One duty cycle: who is there, what arrived, whose time has come.
    pub(super) fn work(&mut self, now: Instant, source: &Client, destination: &Client) -> u32 {
        if self.binding.expire(now) {
            self.limiter.set_rate(self.binding.rate());
        }
        self.attach(now, source, destination);
        self.follow();
        let arrived = self.read(now);
        let due = self.limiter.poll(now).is_some();
        if due && let Some(producer) = self.destination.get() {
            self.counts.publish_copy(producer, &mut self.copies);
        }
        arrived.saturating_add(due.into())
    }

    fn attach(&mut self, now: Instant, source: &Client, destination: &Client) {
        let Mapping {
            source: from,
            destination: to,
        } = self.mapping;
        let ask = || {
            // A frame found in memory ahead of its descriptor would lack its trace id (L-036).
            let config = ConsumerConfig::new(from).with_watched_memory(false);
            source.consumer(match self.wants_progress {
                true => config.with_progress(ProgressHints::default()),
                false => config,
            })
        };
        warn(from.get(), self.source.work(now, self.pause, ask));
        if let (None, Some(consumer)) = (&self.heard, self.source.get()) {
            self.heard = Some(consumer.counters());
        }
        if self.limiter.wants_reattach() {
            // Numbers fell at the source: ours may not, so they begin anew in another epoch (L-038).
            self.destination.give_up();
            self.limiter.destination_lost();
            self.producer_id = drawn();
        }
        let ask = || {
            let config = ProducerConfig::new(to).with_client(self.producer_id);
            destination.producer(config.with_descriptor_timestamp(true))
        };
        warn(to.get(), self.destination.work(now, self.pause, ask));
    }

    /// Tells the machine in which epochs both ends are.
    fn follow(&mut self) {
        match self.source.get().and_then(|consumer| consumer.epoch()) {
            Some(epoch) => self.limiter.source_mapped(epoch),
            None => self.limiter.source_lost(),
        }
        match self.destination.get().and_then(|producer| producer.epoch()) {
            Some(epoch) => self.limiter.destination_attached(epoch),
            None => self.limiter.destination_lost(),
        }
        self.counts.forget_outdated(&self.limiter, &mut self.copies);
    }

    fn read(&mut self, now: Instant) -> u32 {
        let Self {
            source,
            destination,
            limiter,
            copies,
            counts,
            ..
        } = self;
        let mut producer = destination.get();
        let Some(consumer) = source.get() else {
            return 0;
        };
        let polled = consumer.poll(FRAMES_PER_CYCLE, |descriptor, reader| {
            counts.arrived = counts.arrived.wrapping_add(1);
            let Ok(frame) = reader.read() else {
                return more(&mut counts.unreadable);
            };
            // What can be read is of the mapped epoch, which may have begun in this very poll.
            limiter.source_mapped(descriptor.epoch);
            counts.forget_outdated(limiter, copies);
            match limiter.frame(now, descriptor.epoch, frame.seq()) {
                Step::Publish => {
                    if copies.take().is_some() {
                        more(&mut counts.superseded);
                    }
                    if let Some(producer) = producer.as_deref_mut() {
                        let label = Label::of(&frame, descriptor.trace_id);
                        counts.publish(producer, label, frame.payload_len(), &frame);
                    }
                }
                Step::Keep => match copies.keep(&frame, descriptor.trace_id) {
                    Ok(false) => {}
                    Ok(true) => more(&mut counts.superseded),
                    Err(_) => more(&mut counts.unreadable),
                },
                Step::Drop(DropCause::NoDestination) => more(&mut counts.without_destination),
                Step::Drop(DropCause::SourceEpoch) => more(&mut counts.outdated),
                Step::Drop(DropCause::Repeated | DropCause::Fell) => {
                    more(&mut counts.out_of_order);
                    counts.forget_outdated(limiter, copies);
                }
            }
        });
        // A closed client says so at its next duty cycle.
        polled.unwrap_or(0)
    }
}

/// Where the bytes of a frame come from.
trait Payload {
    /// Writes all of them; `false` if they are not the frame's any more.
    fn write(&self, slot: &mut [u8]) -> bool;
}

impl Payload for FrameView<'_> {
    fn write(&self, slot: &mut [u8]) -> bool {
        self.copy_to(slot).is_ok()
    }
}

impl Payload for [u8] {
    fn write(&self, slot: &mut [u8]) -> bool {
        let room = slot.get_mut(..self.len());
        room.map(|room| room.copy_from_slice(self)).is_some()
    }
}

impl LaneCounts {
    /// Publishes a frame under its own number, and counts what became of it (L-013 to L-019).
    fn publish<P: Payload + ?Sized>(
        &mut self,
        producer: &mut Producer,
        label: Label,
        len: usize,
        payload: &P,
    ) {
        let Ok(len) = u32::try_from(len) else {
            return more(&mut self.too_large);
        };
        if !producer.skip_to(label.seq) {
            return more(&mut self.without_slot);
        }
        let mut claim = match producer.try_claim(len) {
            Ok(claim) => claim,
            Err(OfferError::TooLarge { .. }) => return more(&mut self.too_large),
            Err(_) => return more(&mut self.without_slot),
        };
        if !payload.write(claim.bytes()) {
            producer.abort(claim);
            return more(&mut self.unreadable);
        }
        match producer.commit(claim, &label.tensor, label.meta) {
            Ok(_) => more(&mut self.passed),
            Err(refused) => {
                producer.abort(refused.claim);
                more(&mut self.without_slot);
            }
        }
    }

    fn publish_copy(&mut self, producer: &mut Producer, copies: &mut Copies) {
        if let Some((label, bytes)) = copies.take() {
            self.publish(producer, label, bytes.len(), bytes);
        }
    }

    /// The machine forgot what waited, with the epoch of one of its ends.
    fn forget_outdated(&mut self, limiter: &Limiter, copies: &mut Copies) {
        if limiter.poll_timeout() == Instant::NEVER && copies.take().is_some() {
            more(&mut self.outdated);
        }
    }
}

fn more(count: &mut u64) {
    *count = count.wrapping_add(1);
}

fn warn(stream: u32, asked: Result<(), Error>) {
    match asked {
        // A closed client says so at its next duty cycle.
        Ok(()) | Err(Error::Closed) => {}
        Err(error) => tracing::warn!(stream, %error, "not attached; asked for again"),
    }
}

/// An id of our own, as other clients draw theirs (C-028).
fn drawn() -> ClientId {
    loop {
        let [a, b, c, d, ..] = random_seed().to_le_bytes();
        if let Some(id) = ClientId::new(u32::from_le_bytes([a, b, c, d])) {
            return id;
        }
    }
}
