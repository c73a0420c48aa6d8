//! One consumer: what it said, what it was told, and its two private streams.

use crate::ids::ClientId;
use crate::proto::endpoint::{CHANNEL_MAX, OwnEndpoint};
use crate::time::Instant;
use crate::wire::control::{ConsumerHello, Endpoint, ProgressHints, QosConsumer};
use crate::wire::enums::Mode;

/// Which of a consumer's own streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum StreamKind {
    /// Its FrameDescriptors.
    Descriptor,
    /// Its FrameProgress, and nothing else (W-203).
    Control,
}

impl StreamKind {
    pub(super) const ALL: [Self; 2] = [Self::Descriptor, Self::Control];
}

/// Names one private stream for as long as it exists; a later one of the same consumer has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StreamKey {
    /// Whose it is.
    pub consumer: ClientId,
    /// Which of the two.
    pub kind: StreamKind,
    /// Tells it from those before it.
    pub(super) generation: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    #[default]
    Shared,
    Wanted,
    Opening,
    Open,
}

/// One private stream of one consumer.
#[derive(Clone, Debug)]
pub(super) struct PrivateStream<const N: usize> {
    pub(super) phase: Phase,
    /// Where it is to be; none in `Shared`.
    endpoint: Option<OwnEndpoint<N>>,
    pub(super) generation: u32,
    /// The one before it, until the order to close it was taken. Nothing is ordered to open before that.
    pub(super) closing: Option<u32>,
    /// The consumer asked for one and does not get it.
    pub(super) is_declined: bool,
}

impl<const N: usize> PrivateStream<N> {
    const SHARED: Self = Self {
        phase: Phase::Shared,
        endpoint: None,
        generation: 0,
        closing: None,
        is_declined: false,
    };

    pub(super) fn endpoint(&self) -> Option<Endpoint<'_>> {
        self.endpoint.as_ref().map(OwnEndpoint::get)
    }

    /// From now on it is to be at `endpoint`.
    pub(super) fn point_to(&mut self, endpoint: OwnEndpoint<N>, generations: &mut u32) {
        self.is_declined = false;
        if self.endpoint.as_ref() == Some(&endpoint) {
            return;
        }
        self.give_up();
        *generations = generations.wrapping_add(1);
        self.generation = *generations;
        self.endpoint = Some(endpoint);
        self.phase = Phase::Wanted;
    }

    /// From now on there is none.
    pub(super) fn give_up(&mut self) {
        if matches!(self.phase, Phase::Opening | Phase::Open) {
            self.closing = Some(self.generation);
        }
        self.phase = Phase::Shared;
        self.endpoint = None;
        self.is_declined = false;
    }

    /// From now on there is none, although one was asked for.
    pub(super) fn decline(&mut self) {
        self.give_up();
        self.is_declined = true;
    }

    /// Whether nothing is under way that would change what the consumer is told.
    const fn is_settled(&self) -> bool {
        matches!(self.phase, Phase::Shared | Phase::Open)
    }

    /// The one that the consumer can subscribe to.
    pub(super) fn assigned(&self) -> Option<Endpoint<'_>> {
        self.endpoint().filter(|_| self.phase == Phase::Open)
    }
}

/// What a hello said, without its requests for streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wishes {
    pub(super) supports_shm: bool,
    pub(super) supports_progress: bool,
    pub(super) max_rate_hz: Option<u32>,
    pub(super) progress: ProgressHints,
}

impl From<&ConsumerHello<'_>> for Wishes {
    fn from(hello: &ConsumerHello<'_>) -> Self {
        Self {
            supports_shm: hello.supports_shm,
            supports_progress: hello.supports_progress,
            max_rate_hz: hello.max_rate_hz,
            progress: hello.progress,
        }
    }
}

/// The content of a ConsumerConfig, to be compared (P-033).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) use_shm: bool,
    pub(super) mode: Mode,
    /// Generations of the assigned streams.
    pub(super) streams: [Option<u32>; 2],
    /// Whether it says so to a request.
    pub(super) declines: [bool; 2],
    /// Of the policy, which holds the rest.
    pub(super) policy: u32,
}

impl Told {
    /// Whether this has to be told to one who was told `before`: when it says something else, or declines a request for
    /// the first time. That a request was withdrawn needs no answer.
    pub(super) fn is_news_after(&self, before: Option<Self>) -> bool {
        let Some(before) = before else {
            return true;
        };
        let [declines, declined] = [self.declines, before.declines];
        let newly = declines
            .into_iter()
            .zip(declined)
            .any(|(now, then)| now && !then);
        let same = Self {
            declines: declined,
            ..*self
        };
        newly || same != before
    }
}

/// Storage for one consumer, with room for `N` bytes of channel for each of its streams.
#[derive(Clone, Debug)]
pub struct ConsumerEntry<const N: usize = CHANNEL_MAX> {
    /// `None` in an unused entry.
    pub(super) consumer: Option<ClientId>,
    /// `false` once it is gone, and its streams are still to be closed.
    pub(super) is_live: bool,
    pub(super) seen_at: Instant,
    pub(super) wishes: Option<Wishes>,
    pub(super) mode: Mode,
    pub(super) qos: Option<QosConsumer>,
    pub(super) streams: [PrivateStream<N>; 2],
    pub(super) told: Option<Told>,
    /// Its next hello is answered, whatever it was told before.
    pub(super) tell_again: bool,
}

impl<const N: usize> ConsumerEntry<N> {
    /// An unused entry.
    pub const UNUSED: Self = Self {
        consumer: None,
        is_live: false,
        seen_at: Instant::from_ns(0),
        wishes: None,
        mode: Mode::Stream,
        qos: None,
        streams: [PrivateStream::SHARED; 2],
        told: None,
        tell_again: false,
    };

    /// Begins a life; streams of an earlier one that are still to be closed stay so.
    pub(super) fn begin(&mut self, now: Instant, consumer: ClientId) {
        let [descriptor, control] = &mut self.streams;
        descriptor.give_up();
        control.give_up();
        self.consumer = Some(consumer);
        self.is_live = true;
        self.seen_at = now;
        self.wishes = None;
        self.mode = Mode::Stream;
        self.qos = None;
        self.told = None;
        self.tell_again = false;
    }

    /// Ends it.
    pub(super) fn end(&mut self) {
        for stream in &mut self.streams {
            stream.give_up();
        }
        self.is_live = false;
        self.free_if_done();
    }

    /// Frees the entry of a consumer that is gone, once all its streams are closed.
    pub(super) fn free_if_done(&mut self) {
        if !self.is_live && self.streams.iter().all(|stream| stream.closing.is_none()) {
            self.consumer = None;
        }
    }

    /// What the consumer is to be told, once that is known.
    pub(super) fn content(&self, force_no_shm: bool, policy: u32) -> Option<Told> {
        let wishes = self.wishes.filter(|_| self.is_live)?;
        if !self.streams.iter().all(PrivateStream::is_settled) {
            return None;
        }
        let [descriptor, control] = &self.streams;
        let assigned = |stream: &PrivateStream<N>| stream.assigned().map(|_| stream.generation);
        Some(Told {
            use_shm: wishes.supports_shm && !force_no_shm,
            mode: self.mode,
            streams: [assigned(descriptor), assigned(control)],
            declines: [descriptor.is_declined, control.is_declined],
            policy,
        })
    }

    /// For others to see.
    pub(super) fn status(&self) -> Option<Consumer<'_>> {
        let [descriptor, control] = &self.streams;
        let consumer = self.consumer.filter(|_| self.is_live)?;
        Some(Consumer {
            consumer,
            seen_at: self.seen_at,
            mode: self.mode,
            supports_progress: self.wishes.is_some_and(|wishes| wishes.supports_progress),
            qos: self.qos.as_ref(),
            descriptor: descriptor.assigned(),
            control: control.assigned(),
        })
    }
}

/// A tracked consumer.
#[derive(Clone, Copy, Debug)]
pub struct Consumer<'e> {
    /// Its id.
    pub consumer: ClientId,
    /// When it last said something.
    pub seen_at: Instant,
    /// Every frame, or a limited rate.
    pub mode: Mode,
    /// Whether it wants progress.
    pub supports_progress: bool,
    /// Its latest QoS (C-123).
    pub qos: Option<&'e QosConsumer>,
    /// Its own descriptor stream.
    pub descriptor: Option<Endpoint<'e>>,
    /// Its own control stream.
    pub control: Option<Endpoint<'e>>,
}
