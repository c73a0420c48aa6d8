//! The engine: what arrives, what time does, what an owner may ask for. The other half is in `transmit`.

use super::answers::{Answer, Answers, Asker, Why};
use super::config::{Config, Profile, SetupError, Storage};
use super::consumers::Consumers;
use super::counters::Counters;
use super::id_pool::IdPool;
use super::id_ranges;
use super::leases::Leases;
use super::nodes::Nodes;
use super::shutdown::Farewell;
use super::strangers::Strangers;
use super::stream::{Stream, StreamEntry};
use super::streams::Streams;
use super::table::Slot;
use crate::ids::StreamId;
use crate::proto::dispatch::{Ignored as NotOurs, Message, classify};
use crate::sbe::DecodeError;
use crate::time::Instant;
use crate::wire::driver::{NewerRequest, Refusal, ShutdownReason};

/// The driver of a set of streams: leases, epochs, node ids. See the module's documentation for how to feed it.
#[derive(Debug)]
pub struct Driver<'a> {
    pub(super) config: Config<'a>,
    pub(super) leases: Leases<'a>,
    pub(super) streams: Streams<'a>,
    pub(super) dynamic_ids: IdPool<'a>,
    pub(super) consumers: Consumers<'a>,
    pub(super) nodes: Nodes<'a>,
    pub(super) answers: Answers<'a>,
    pub(super) strangers: Strangers<'a>,
    pub(super) text: &'a mut [u8],
    pub(super) life: Life,
    pub(super) farewell: Farewell,
    pub(super) counters: Counters,
}

/// The life of a driver (driver 5): it runs from the first message on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Life {
    /// Attaches are welcome.
    Running,
    /// Attaches are refused, leases are still served.
    Draining {
        /// When the shutdown notice goes out.
        until: Instant,
        /// What it will say.
        reason: ShutdownReason,
    },
    /// The notice went out; nothing follows.
    Stopped,
}

impl<'a> Driver<'a> {
    /// A driver without streams.
    ///
    /// # Errors
    /// Everything in [`SetupError`] that does not concern a configured stream.
    pub fn new(config: Config<'a>, storage: Storage<'a>) -> Result<Self, SetupError> {
        config.check(storage.text.len())?;
        Ok(Self {
            config,
            leases: Leases::new(storage.leases, config.seed),
            streams: Streams::new(storage.streams, config.seed, config.announce_period),
            dynamic_ids: IdPool::new(config.dynamic.map_or(&[], |dynamic| dynamic.ids)),
            consumers: Consumers::new(
                storage.consumers,
                config.seed,
                config.private_descriptors,
                config.private_controls,
            ),
            nodes: Nodes::new(storage.nodes, config.node_id_cooldown),
            answers: Answers::new(storage.answers),
            strangers: Strangers::new(storage.strangers),
            text: storage.text,
            life: Life::Running,
            farewell: Farewell::new(),
            counters: Counters::default(),
        })
    }

    /// Adds a configured stream. Its disk is looked at first; epochs found there are superseded at once, so that clients
    /// of an earlier driver see the change (driver 7, step 4).
    ///
    /// # Errors
    /// [`SetupError::NoProfile`], [`SetupError::IdsOverlap`], [`SetupError::StreamRepeated`], [`SetupError::StreamsFull`].
    pub fn add_stream(&mut self, stream: StreamId, profile: usize) -> Result<(), SetupError> {
        if profile >= self.config.profiles.len() {
            return Err(SetupError::NoProfile { got: profile });
        }
        if id_ranges::are_taken(&self.config, stream) {
            return Err(SetupError::IdsOverlap { id: stream });
        }
        if self.streams.find(stream.get()).is_some() {
            return Err(SetupError::StreamRepeated);
        }
        match self.streams.add(stream, profile, false) {
            Some(_) => Ok(()),
            None => Err(SetupError::StreamsFull),
        }
    }

    /// A message arrived on the control stream.
    pub fn handle(&mut self, now: Instant, message: &[u8]) {
        let ignored = &mut self.counters.ignored;
        match classify(message) {
            Ok(Message::ShmAttachRequest(view)) => self.attach(now, view),
            Ok(Message::ShmDetachRequest(view)) => self.detach(now, view),
            Ok(Message::ShmLeaseKeepalive(view)) => self.keepalive(now, view),
            Ok(Message::ConsumerHello(view)) => self.hello(now, view),
            Ok(Message::ShmDriverShutdownRequest(view)) => self.shutdown_request(now, view),
            Ok(
                Message::ShmAttachResponse(_)
                | Message::ShmDetachResponse(_)
                | Message::ShmLeaseRevoked(_)
                | Message::ShmDriverShutdown(_),
            ) => bump(&mut ignored.from_drivers),
            Ok(_) | Err(NotOurs::Foreign) => bump(&mut ignored.foreign),
            Err(NotOurs::Newer(request)) => self.refuse_newer(request),
            Err(NotOurs::Malformed(DecodeError::UnsupportedVersion { .. })) => {
                bump(&mut ignored.version);
            }
            Err(NotOurs::Malformed(_)) => bump(&mut ignored.malformed),
        }
    }

    /// Row 2: requests of a version above ours are answered although they cannot be read.
    fn refuse_newer(&mut self, request: NewerRequest) {
        let refusal = Refusal::unsupported_version();
        self.answer(match request {
            NewerRequest::Attach(correlation) => Answer::AttachRefused {
                asker: Asker {
                    correlation,
                    client: 0,
                    stream: 0,
                },
                why: Why::Check(refusal),
            },
            NewerRequest::Detach(correlation) => Answer::DetachRefused {
                correlation,
                refusal,
            },
        });
    }

    pub(super) fn answer(&mut self, answer: Answer) {
        if !self.answers.push(answer) {
            bump(&mut self.counters.answers_dropped);
        }
    }

    /// Whether a stream is this driver's, although it may not be there (D-154).
    pub(super) fn owns(&self, stream: StreamId) -> bool {
        self.streams.find(stream.get()).is_some() || self.dynamic_ids.contains(stream)
    }

    /// A dynamic stream is gone; its id is free again.
    pub(super) fn forget(&mut self, at: Slot<StreamEntry>) {
        self.streams.forget(at);
        self.dynamic_ids.give_back();
    }

    pub(super) fn profile(&self, stream: &Stream) -> Option<&'a Profile<'a>> {
        self.config.profiles.get(stream.profile)
    }

    pub(super) fn is_running(&self) -> bool {
        self.life == Life::Running
    }
}

pub(super) fn bump(counter: &mut u64) {
    *counter = counter.wrapping_add(1);
}
