//! The engine: what arrives, what time does, what an owner may ask for. The other half is in `transmit`.

use super::answers::{Answer, Answers, Asker, Why};
use super::config::{Config, Profile, SetupError, Storage};
use super::counters::Counters;
use super::files::{FileError, FileResult};
use super::id_ranges;
use super::leases::{Known, LeaseEntry, LeaseState, Leases};
use super::messages::Holder;
use super::nodes::Nodes;
use super::strangers::Strangers;
use super::streams::{Cause, Stream, StreamEntry, Streams, Work};
use super::table::Slot;
use crate::ids::{CorrelationId, StreamId};
use crate::proto::dispatch::{Ignored as NotOurs, Message, classify};
use crate::sbe::DecodeError;
use crate::time::{Duration, Instant};
use crate::wire::driver::{
    LeaseRevokeReason, NewerRequest, Refusal, RefusalCode, Role, ShmDetachRequest,
    ShmDetachRequestView, ShmLeaseKeepalive, ShmLeaseKeepaliveView, ShutdownReason,
};

/// Leases that one [`Driver::tick`] ends at most, so that a mass expiry does not hold up the duty cycle.
const ENDS_PER_TICK: usize = 256;

/// The driver of a set of streams: leases, epochs, node ids. See the module's documentation for how to feed it.
#[derive(Debug)]
pub struct Driver<'a> {
    pub(super) config: Config<'a>,
    pub(super) leases: Leases<'a>,
    pub(super) streams: Streams<'a>,
    pub(super) nodes: Nodes<'a>,
    pub(super) answers: Answers<'a>,
    pub(super) strangers: Strangers<'a>,
    pub(super) text: &'a mut [u8],
    pub(super) life: Life,
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
            nodes: Nodes::new(storage.nodes, config.node_id_cooldown),
            answers: Answers::new(storage.answers),
            strangers: Strangers::new(storage.strangers),
            text: storage.text,
            life: Life::Running,
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
        match self.streams.add(stream, profile) {
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
            Ok(Message::ShmDriverShutdownRequest(_)) => bump(&mut ignored.shutdown_requests),
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

    fn keepalive(&mut self, now: Instant, view: ShmLeaseKeepaliveView<'_>) {
        let Ok(keepalive) = ShmLeaseKeepalive::try_from(view) else {
            return bump(&mut self.counters.ignored.keepalives);
        };
        let named = Holder {
            lease: keepalive.lease_id,
            stream: keepalive.stream_id,
            client: keepalive.client_id,
            role: keepalive.role,
        };
        if let Some(slot) = self.active(named) {
            bump(&mut self.counters.keepalives);
            let expires_at = now.after(self.config.lease_lifetime());
            return self.leases.keep(slot, expires_at);
        }
        bump(&mut self.counters.ignored.keepalives);
        let is_strange = self.leases.find(keepalive.lease_id) == Known::Foreign
            && self.streams.find(keepalive.stream_id.get()).is_some();
        if is_strange
            && !self.strangers.knows(keepalive.lease_id)
            && self.answers.push(Answer::Stranger(named))
        {
            self.strangers.remember(keepalive.lease_id);
        }
    }

    fn detach(&mut self, now: Instant, view: ShmDetachRequestView<'_>) {
        let correlation = CorrelationId(view.block.correlation_id.get());
        let request = ShmDetachRequest::try_from(view);
        let active = request.map(|request| {
            self.active(Holder {
                lease: request.lease_id,
                stream: request.stream_id,
                client: request.client_id,
                role: request.role,
            })
        });
        let refusal = match active {
            Ok(Some(slot)) => {
                return self.end(now, slot, LeaseRevokeReason::Detached, Some(correlation));
            }
            Ok(None) => Refusal::new(RefusalCode::Rejected, "unknown lease"),
            Err(error) => Refusal::of_detach(error),
        };
        self.answer(Answer::DetachRefused {
            correlation,
            refusal,
        });
    }

    /// An order about files was carried out.
    pub fn handle_files(&mut self, now: Instant, result: FileResult) {
        let (FileResult::Scanned { stream, .. }
        | FileResult::Provisioned { stream, .. }
        | FileResult::Collected { stream, .. }
        | FileResult::Failed { stream, .. }) = result;
        let found = self.streams.find(stream.get());
        let Some((at, stream)) = found.and_then(|at| Some((at, self.streams.get(at)?))) else {
            return bump(&mut self.counters.ignored.file_results);
        };
        match (stream.work, result) {
            (Work::Scanning, FileResult::Scanned { last_epoch, .. }) => {
                self.streams.scanned(at, last_epoch);
            }
            (Work::Raising(cause, ordered), FileResult::Provisioned { epoch, .. })
                if epoch >= ordered =>
            {
                bump(&mut self.counters.epochs);
                self.streams.provisioned(now, at, epoch);
                if cause == Cause::Attach {
                    self.grant_first(now, at);
                }
            }
            (Work::Scanning | Work::Raising(..), FileResult::Failed { error, .. }) => {
                self.fail(now, at, error);
            }
            (_, _) => return bump(&mut self.counters.ignored.file_results),
        }
        self.serve(now, at);
    }

    /// The order in hand failed. The old epoch of a lost producer stays dead (D-113).
    pub(super) fn fail(&mut self, now: Instant, at: Slot<StreamEntry>, error: FileError) {
        bump(&mut self.counters.file_failures);
        let work = self.streams.get(at).map(|stream| stream.work);
        self.streams.failed(at);
        match work {
            Some(
                Work::Scanning | Work::RaiseDue(Cause::Attach) | Work::Raising(Cause::Attach, _),
            ) => {
                self.refuse_waiting(now, at, error);
            }
            _ => self.bid_farewell(at),
        }
    }

    /// Time went by. To be called when everything that had arrived was handed to [`Driver::handle`], so that keepalives
    /// count before an expiry is judged (D-216). Returns how many leases were ended.
    pub fn tick(&mut self, now: Instant) -> u32 {
        let mut ended = 0_u32;
        if self.life == Life::Stopped {
            return ended;
        }
        for _ in 0..ENDS_PER_TICK {
            let Some(slot) = self.leases.overdue(now) else {
                break;
            };
            let granted = self
                .leases
                .lease(slot)
                .is_some_and(|lease| lease.state == LeaseState::Granted);
            let reason = if granted {
                // Its OK could not be published for too long (D-061).
                LeaseRevokeReason::Revoked
            } else {
                LeaseRevokeReason::Expired
            };
            self.end(now, slot, reason, None);
            ended = ended.saturating_add(1);
        }
        ended
    }

    /// Stops: attaches are refused from now on, all streams are announced once more, and after `grace` the shutdown
    /// notice goes out. Called again it can only shorten the time.
    pub fn stop(&mut self, now: Instant, reason: ShutdownReason, grace: Duration) {
        let end = now.after(grace);
        self.life = match self.life {
            Life::Running => {
                self.streams.announce_all(now);
                Life::Draining { until: end, reason }
            }
            Life::Draining { until, reason } => Life::Draining {
                until: until.min(end),
                reason,
            },
            Life::Stopped => Life::Stopped,
        };
    }

    /// Ends a granted or active lease: its node id cools down, its revocation is due, a producer's epoch is dead.
    fn end(
        &mut self,
        now: Instant,
        slot: Slot<LeaseEntry>,
        reason: LeaseRevokeReason,
        detach: Option<CorrelationId>,
    ) {
        let Some(lease) = self.leases.lease(slot).copied() else {
            return;
        };
        if let Some(node) = lease.node {
            self.nodes.release(now, node);
        }
        match lease.role {
            Role::Producer => self.streams.fence(lease.stream),
            Role::Consumer => self.streams.part(lease.stream),
        }
        self.leases.end(slot, reason, detach);
    }

    /// The active lease that a message names, if all four fields are its own (D-092, D-102).
    fn active(&self, named: Holder) -> Option<Slot<LeaseEntry>> {
        let Known::Held(slot) = self.leases.find(named.lease) else {
            return None;
        };
        let lease = self.leases.lease(slot)?;
        let stream = self.streams.get(lease.stream)?;
        let matches = lease.state == LeaseState::Active
            && stream.id == named.stream
            && lease.client == named.client
            && lease.role == named.role;
        matches.then_some(slot)
    }

    /// The producer's detach, if it detached, can be answered.
    pub(super) fn bid_farewell(&mut self, at: Slot<StreamEntry>) {
        let farewell = self
            .streams
            .get_mut(at)
            .and_then(|stream| stream.farewell.take());
        if let Some(correlation) = farewell {
            self.answer(Answer::Detached { correlation });
        }
    }

    pub(super) fn answer(&mut self, answer: Answer) {
        if !self.answers.push(answer) {
            bump(&mut self.counters.answers_dropped);
        }
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
