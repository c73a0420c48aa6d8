//! The registry and its decisions.

use heapless::Deque;

use super::entry::{
    Consumer, ConsumerEntry, Phase, PrivateStream, StreamKey, StreamKind, Told, Wishes,
};
use super::policy::{DeclineReason, ManagerCounters, ManagerPolicy, StreamPolicy};
use crate::ids::{ClientId, StreamId};
use crate::proto::endpoint::{CHANNEL_MAX, OwnEndpoint};
use crate::proto::progress::ProgressPolicy;
use crate::time::{Duration, Instant};
use crate::wire::control::{ConsumerConfig, ConsumerHello, Endpoint, QosConsumer, StreamRequest};
use crate::wire::enums::Mode;

/// How many consumers without room in the registry can wait for their answer.
const REFUSALS: usize = 8;

/// What does not change while a manager lives.
#[derive(Clone, Copy, Debug)]
pub struct ManagerConfig {
    /// The stream.
    pub stream: StreamId,
    /// Whether hellos are answered here; otherwise whoever answers is followed (P-007, C-085).
    pub answers_hellos: bool,
    /// How long a consumer may be silent: 3 to 5 hello periods (W-206).
    pub stale_after: Duration,
}

/// Who said hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Heard {
    /// Not a consumer of our stream.
    Foreign,
    /// A consumer that was not there before: metadata is due for it.
    New,
    /// One that was.
    Known,
    /// One for whom there is no room; it is told that it gets no stream of its own.
    Refused,
}

/// What the owner has to do about a private stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamOrder<'e> {
    /// Add a publication; answer with [`ConsumerManager::opened`] or [`ConsumerManager::failed`].
    Open {
        /// Names it from now on.
        key: StreamKey,
        /// Where.
        endpoint: Endpoint<'e>,
    },
    /// Close it, or cancel adding it.
    Close {
        /// Which.
        key: StreamKey,
    },
}

/// The consumers of one stream. `E` lends an entry for each of them, with room for channels of `N` bytes.
#[derive(Debug)]
pub struct ConsumerManager<'a, E, const N: usize = CHANNEL_MAX> {
    config: ManagerConfig,
    policy: ManagerPolicy<'a>,
    /// Counts the policies.
    policy_number: u32,
    entries: E,
    /// Generation given out last.
    generations: u32,
    refusals: Deque<(ClientId, Told), REFUSALS>,
    sweep_at: Instant,
    /// Whether an order or an answer may be due.
    may_order: bool,
    may_tell: bool,
    counters: ManagerCounters,
}

impl<'a, E, const N: usize> ConsumerManager<'a, E, N>
where
    E: AsRef<[ConsumerEntry<N>]> + AsMut<[ConsumerEntry<N>]>,
{
    /// Knows nobody yet.
    pub fn new(config: ManagerConfig, policy: ManagerPolicy<'a>, mut entries: E) -> Self {
        for entry in entries.as_mut() {
            *entry = ConsumerEntry::UNUSED;
        }
        Self {
            config,
            policy,
            policy_number: 0,
            entries,
            generations: 0,
            refusals: Deque::new(),
            sweep_at: Instant::NEVER,
            may_order: false,
            may_tell: false,
            counters: ManagerCounters::default(),
        }
    }

    /// A ConsumerHello arrived.
    pub fn handle_hello(&mut self, now: Instant, hello: &ConsumerHello<'_>) -> Heard {
        if hello.stream_id != self.config.stream {
            return Heard::Foreign;
        }
        count(&mut self.counters.hellos);
        let Some((at, is_new)) = self.track(now, hello.consumer_id) else {
            self.refuse(hello);
            return Heard::Refused;
        };
        let answers = self.config.answers_hellos;
        if let Some(entry) = self.entries.as_mut().get_mut(at) {
            entry.wishes = Some(Wishes::from(hello));
            if answers {
                entry.mode = hello.mode;
            }
            if core::mem::take(&mut entry.tell_again) {
                entry.told = None;
            }
        }
        if answers {
            // Each hello replaces the last: what it does not ask for is given up (T-16).
            self.grant(at, StreamKind::Descriptor, hello.descriptor);
            let control = match hello.control {
                StreamRequest::Of(_) if !hello.supports_progress => {
                    count(&mut self.counters.declined);
                    StreamRequest::None
                }
                request => request,
            };
            self.grant(at, StreamKind::Control, control);
        }
        self.changed();
        if is_new { Heard::New } else { Heard::Known }
    }

    /// A QosConsumer arrived: a sign of life, as good as a hello (W-206).
    pub fn handle_qos(&mut self, now: Instant, qos: &QosConsumer) {
        if qos.stream_id != self.config.stream {
            return;
        }
        count(&mut self.counters.qos);
        let entry = self.track(now, qos.consumer_id);
        if let Some(entry) = entry.and_then(|(at, _)| self.entries.as_mut().get_mut(at)) {
            entry.qos = Some(*qos);
        }
    }

    /// A ConsumerConfig arrived: whoever answers hellos has assigned streams to a consumer, or taken them away (C-085).
    /// Where we answer it is our own that comes back (P-006).
    pub fn handle_config(&mut self, now: Instant, config: &ConsumerConfig<'_>) {
        if config.stream_id != self.config.stream || self.config.answers_hellos {
            return;
        }
        let known = self.find(config.consumer_id);
        let Some(at) = known.or_else(|| Some(self.track(now, config.consumer_id)?.0)) else {
            return;
        };
        count(&mut self.counters.configs_followed);
        if let Some(entry) = self.entries.as_mut().get_mut(at) {
            entry.mode = config.mode;
        }
        for (kind, assigned) in StreamKind::ALL
            .into_iter()
            .zip([config.descriptor, config.control])
        {
            self.point(at, kind, assigned.map(Ok));
        }
        self.changed();
    }

    /// This consumer is gone: its lease ended, its image went away (W-205, P-056).
    pub fn handle_gone(&mut self, consumer: ClientId) {
        let at = self.find(consumer);
        if let Some(entry) = at.and_then(|at| self.entries.as_mut().get_mut(at)) {
            entry.end();
            self.changed();
        }
    }

    /// The stream has another epoch: who answers knows of no assignment, so each next hello is answered again (P-033).
    pub fn handle_epoch_change(&mut self) {
        for entry in self.entries.as_mut() {
            entry.tell_again = true;
        }
    }

    /// The ordered publication exists. One that is not wanted any more is closed by an order that is already due.
    pub fn opened(&mut self, key: StreamKey) {
        if let Some(stream) = self
            .stream(key)
            .filter(|stream| stream.phase == Phase::Opening)
        {
            stream.phase = Phase::Open;
            self.changed();
        }
    }

    /// The ordered publication could not be added, or was closed by the transport. Harmless for one that is gone.
    pub fn failed(&mut self, key: StreamKey) {
        let stream = self.stream(key);
        let had_it =
            |stream: &&mut PrivateStream<N>| matches!(stream.phase, Phase::Opening | Phase::Open);
        if let Some(stream) = stream.filter(had_it) {
            stream.give_up();
            stream.closing = None; // there is nothing to close
            count(&mut self.counters.failed);
            self.changed();
        }
    }

    /// Forgets consumers that fell silent (W-205, W-206). Call it once per duty cycle.
    pub fn poll(&mut self, now: Instant) {
        if now < self.sweep_at {
            return;
        }
        let stale_after = self.config.stale_after;
        let (mut any_left, mut stale) = (false, 0_u64);
        for entry in self
            .entries
            .as_mut()
            .iter_mut()
            .filter(|entry| entry.is_live)
        {
            if now.since(entry.seen_at) > stale_after {
                entry.end();
                stale = stale.saturating_add(1);
            } else {
                any_left = true;
            }
        }
        self.sweep_at = self
            .next_sweep(now)
            .filter(|_| any_left)
            .unwrap_or(Instant::NEVER);
        if stale > 0 {
            self.counters.stale = self.counters.stale.saturating_add(stale);
            self.changed();
        }
    }

    /// When to call [`Self::poll`] at the latest.
    pub const fn poll_timeout(&self) -> Instant {
        self.sweep_at
    }

    /// Offers the next order about a private stream to `take`; returns whether there was one.
    ///
    /// # Errors
    /// What `take` returned; the order stays due.
    pub fn order<X>(
        &mut self,
        take: impl FnOnce(StreamOrder<'_>) -> Result<(), X>,
    ) -> Result<bool, X> {
        if !self.may_order {
            return Ok(false);
        }
        for entry in self.entries.as_mut() {
            let Some(consumer) = entry.consumer else {
                continue;
            };
            for (kind, stream) in StreamKind::ALL.into_iter().zip(&mut entry.streams) {
                let key = |generation| StreamKey {
                    consumer,
                    kind,
                    generation,
                };
                if let Some(generation) = stream.closing {
                    take(StreamOrder::Close {
                        key: key(generation),
                    })?;
                    stream.closing = None;
                    entry.free_if_done();
                    return Ok(true);
                }
                if let (Phase::Wanted, Some(endpoint)) = (stream.phase, stream.endpoint()) {
                    let key = key(stream.generation);
                    take(StreamOrder::Open { key, endpoint })?;
                    stream.phase = Phase::Opening;
                    return Ok(true);
                }
            }
        }
        self.may_order = false;
        Ok(false)
    }

    /// Offers the next answer that is due to `emit`, which sends it; returns whether one was sent.
    ///
    /// # Errors
    /// What `emit` returned; the answer stays due.
    pub fn transmit<X>(
        &mut self,
        emit: impl FnOnce(&ConsumerConfig<'_>) -> Result<(), X>,
    ) -> Result<bool, X> {
        if !self.may_tell {
            return Ok(false);
        }
        let stream_id = self.config.stream;
        let payload_fallback_uri = self.policy.payload_fallback_uri;
        let config = |consumer_id, told: Told, descriptor, control| ConsumerConfig {
            stream_id,
            consumer_id,
            use_shm: told.use_shm,
            mode: told.mode,
            payload_fallback_uri,
            descriptor,
            control,
        };
        if let Some((consumer, told)) = self.refusals.front() {
            emit(&config(*consumer, *told, None, None))?;
            self.refusals.pop_front();
            count(&mut self.counters.configs_sent);
            return Ok(true);
        }
        let (force_no_shm, number) = (self.policy.force_no_shm, self.policy_number);
        let answers = self.config.answers_hellos;
        for entry in self.entries.as_mut().iter_mut().filter(|_| answers) {
            let content = entry.content(force_no_shm, number);
            let Some((consumer, told)) = entry.consumer.zip(content) else {
                continue;
            };
            if entry.told != Some(told) {
                let [descriptor, control] = &entry.streams;
                emit(&config(
                    consumer,
                    told,
                    descriptor.assigned(),
                    control.assigned(),
                ))?;
                entry.told = Some(told);
                count(&mut self.counters.configs_sent);
                return Ok(true);
            }
        }
        self.may_tell = false;
        Ok(false)
    }

    /// Changes the policy; consumers are told what that means for them (P-067). Streams that were granted stay until the
    /// next hello.
    pub fn set_policy(&mut self, policy: ManagerPolicy<'a>) {
        self.policy = policy;
        self.policy_number = self.policy_number.wrapping_add(1);
        self.changed();
    }

    /// The policy that serves everybody who supports progress; `None` if nobody does (C-073).
    pub fn progress(&self) -> Option<ProgressPolicy> {
        let live = self.entries.as_ref().iter().filter(|entry| entry.is_live);
        let wishes = live.filter_map(|entry| entry.wishes);
        let interested = wishes.filter(|wishes| wishes.supports_progress);
        self.policy
            .progress
            .policy(interested.map(|wishes| wishes.progress))
    }

    /// The most frames per second on the private descriptor stream of `consumer`; `None` is unlimited. Only who asked for
    /// a limited rate has a limit (T-51, W-213).
    pub fn max_rate_hz(&self, consumer: ClientId) -> Option<u32> {
        let entry = self.entries.as_ref().get(self.find(consumer)?)?;
        if entry.mode != Mode::RateLimited {
            return None;
        }
        let asked = entry.wishes.and_then(|wishes| wishes.max_rate_hz);
        asked.into_iter().chain(self.policy.max_rate_hz).min()
    }

    /// The consumers that are there.
    pub fn consumers(&self) -> impl Iterator<Item = Consumer<'_>> {
        self.entries
            .as_ref()
            .iter()
            .filter_map(ConsumerEntry::status)
    }

    /// What happened so far.
    pub const fn counters(&self) -> &ManagerCounters {
        &self.counters
    }

    /// Decides about the request of a hello.
    fn grant(&mut self, at: usize, kind: StreamKind, request: StreamRequest<'_>) {
        let policy: StreamPolicy<'a> = match kind {
            StreamKind::Descriptor => self.policy.descriptors,
            StreamKind::Control => self.policy.controls,
        };
        let asked = match request {
            StreamRequest::None => None,
            StreamRequest::Unusable { .. } => Some(Err(DeclineReason::Unusable)),
            StreamRequest::Of(endpoint) => Some(self.policy.admit(policy, endpoint)),
        };
        self.point(at, kind, asked);
    }

    /// Points a private stream to where it is to be from now on; there is none if that is nowhere, or cannot be.
    fn point(
        &mut self,
        at: usize,
        kind: StreamKind,
        to: Option<Result<Endpoint<'_>, DeclineReason>>,
    ) {
        let to = to.map(|to| {
            let to = to?;
            if self.policy.reserved.contains(&to.stream_id) {
                return Err(DeclineReason::Reserved);
            }
            if self.is_taken(at, kind, to.stream_id) {
                return Err(DeclineReason::Taken);
            }
            OwnEndpoint::copy(to).ok_or(DeclineReason::ChannelTooLong)
        });
        let entry = self.entries.as_mut().get_mut(at);
        let Some([descriptor, control]) = entry.map(|entry| &mut entry.streams) else {
            return;
        };
        let stream = match kind {
            StreamKind::Descriptor => descriptor,
            StreamKind::Control => control,
        };
        match to {
            Some(Ok(endpoint)) => stream.point_to(endpoint, &mut self.generations),
            None => stream.give_up(),
            Some(Err(_)) => {
                stream.give_up();
                count(&mut self.counters.declined);
            }
        }
    }

    /// Whether any other private stream has this id.
    fn is_taken(&self, at: usize, kind: StreamKind, id: StreamId) -> bool {
        let entries = self.entries.as_ref().iter().enumerate();
        let mut others = entries.flat_map(|(place, entry)| {
            let streams = StreamKind::ALL.into_iter().zip(&entry.streams);
            streams.filter(move |(other, _)| (place, *other) != (at, kind))
        });
        others.any(|(_, stream)| stream.endpoint().is_some_and(|taken| taken.stream_id == id))
    }

    /// The entry of a consumer that gave a sign of life, and whether it is a new one. `None` if there is no room.
    fn track(&mut self, now: Instant, consumer: ClientId) -> Option<(usize, bool)> {
        let known = self.find(consumer);
        let at = known.or_else(|| {
            let entries = self.entries.as_ref();
            // One that is about to go comes back to its own entry.
            let own = entries
                .iter()
                .position(|entry| entry.consumer == Some(consumer));
            own.or_else(|| entries.iter().position(|entry| entry.consumer.is_none()))
        })?;
        let entry = self.entries.as_mut().get_mut(at)?;
        entry.seen_at = now;
        if known.is_none() {
            entry.begin(now, consumer);
            let sweep_at = self.next_sweep(now).unwrap_or(Instant::NEVER);
            self.sweep_at = self.sweep_at.min(sweep_at);
        }
        Some((at, known.is_none()))
    }

    /// Four times per timeout (P-051); never where nobody goes stale.
    fn next_sweep(&self, now: Instant) -> Option<Instant> {
        let pause = self.config.stale_after.checked_div(4)?;
        Some(now.after(pause))
    }

    fn refuse(&mut self, hello: &ConsumerHello<'_>) {
        count(&mut self.counters.refused_full);
        if !self.config.answers_hellos {
            return;
        }
        let told = Told {
            use_shm: hello.supports_shm && !self.policy.force_no_shm,
            mode: hello.mode,
            streams: [None; 2],
            policy: self.policy_number,
        };
        if self.refusals.push_back((hello.consumer_id, told)).is_err() {
            count(&mut self.counters.refusals_lost);
        }
        self.may_tell = true;
    }

    fn find(&self, consumer: ClientId) -> Option<usize> {
        let mut entries = self.entries.as_ref().iter();
        entries.position(|entry| entry.is_live && entry.consumer == Some(consumer))
    }

    fn stream(&mut self, key: StreamKey) -> Option<&mut PrivateStream<N>> {
        let at = self.find(key.consumer)?;
        let [descriptor, control] = &mut self.entries.as_mut().get_mut(at)?.streams;
        let stream = match key.kind {
            StreamKind::Descriptor => descriptor,
            StreamKind::Control => control,
        };
        (stream.generation == key.generation).then_some(stream)
    }

    fn changed(&mut self) {
        self.may_order = true;
        self.may_tell = true;
    }
}

fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}
