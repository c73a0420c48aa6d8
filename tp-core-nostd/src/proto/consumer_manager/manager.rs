//! The registry and its decisions.

use heapless::Deque;

use super::entry::{Consumer, ConsumerEntry, StreamKey, StreamKind, Told, Wishes};
use super::grants::own;
use super::policy::{ManagerCounters, ManagerPolicy, count};
use crate::ids::{ClientId, StreamId};
use crate::proto::endpoint::CHANNEL_MAX;
use crate::proto::progress::ProgressPolicy;
use crate::time::{Duration, Instant};
use crate::wire::control::{ConsumerConfig, ConsumerHello, QosConsumer};
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
    /// How long a consumer may be silent: 3 to 5 hello periods (W-206); zero is for ever.
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

/// The consumers of one stream. `E` lends an entry for each of them, with room for channels of `N` bytes.
#[derive(Debug)]
pub struct ConsumerManager<E, const N: usize = CHANNEL_MAX> {
    pub(super) config: ManagerConfig,
    pub(super) policy: ManagerPolicy<N>,
    /// Counts the policies.
    pub(super) policy_number: u32,
    pub(super) entries: E,
    /// Generation given out last.
    pub(super) generations: u32,
    pub(super) refusals: Deque<(ClientId, Told), REFUSALS>,
    sweep_at: Instant,
    /// Whether an order or an answer may be due.
    pub(super) may_order: bool,
    pub(super) may_tell: bool,
    pub(super) counters: ManagerCounters,
}

impl<E, const N: usize> ConsumerManager<E, N>
where
    E: AsRef<[ConsumerEntry<N>]> + AsMut<[ConsumerEntry<N>]>,
{
    /// Knows nobody yet.
    pub fn new(config: ManagerConfig, policy: ManagerPolicy<N>, mut entries: E) -> Self {
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
        let Some(at) = self.track(now, hello.consumer_id) else {
            self.refuse(hello);
            return Heard::Refused;
        };
        let answers = self.config.answers_hellos;
        let mut is_new = false;
        if let Some(entry) = self.entries.as_mut().get_mut(at) {
            // One that was known by its QoS alone is new, too.
            is_new = entry.wishes.replace(Wishes::from(hello)).is_none();
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
            self.grant(at, StreamKind::Control, hello.control);
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
        if let Some(entry) = entry.and_then(|at| self.entries.as_mut().get_mut(at)) {
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
        let Some(at) = known.or_else(|| self.track(now, config.consumer_id)) else {
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
            self.point(at, kind, assigned.map(own));
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

    /// Nobody has subscribed to this private stream for longer than a switch takes: its consumer may not have got the answer,
    /// so its next hello is answered again. An answer that came twice changes nothing.
    pub fn handle_unconnected(&mut self, key: StreamKey) {
        if self.stream(key).is_some() {
            let at = self.find(key.consumer);
            if let Some(entry) = at.and_then(|at| self.entries.as_mut().get_mut(at)) {
                entry.tell_again = true;
            }
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
        self.sweep_at = match any_left {
            true => self.next_sweep(now),
            false => Instant::NEVER,
        };
        if stale > 0 {
            self.counters.stale = self.counters.stale.saturating_add(stale);
            self.changed();
        }
    }

    /// When to call [`Self::poll`] at the latest.
    pub const fn poll_timeout(&self) -> Instant {
        self.sweep_at
    }

    /// Changes the policy; consumers are told what that means for them (P-067). Streams that were granted stay until the
    /// next hello.
    pub fn set_policy(&mut self, policy: ManagerPolicy<N>) {
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

    /// The entry of a consumer that gave a sign of life. `None` if there is no room.
    fn track(&mut self, now: Instant, consumer: ClientId) -> Option<usize> {
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
            self.sweep_at = self.sweep_at.min(self.next_sweep(now));
        }
        Some(at)
    }

    /// Four times per timeout (P-051).
    fn next_sweep(&self, now: Instant) -> Instant {
        match self.config.stale_after.checked_div(4) {
            Some(pause) if !pause.is_zero() => now.after(pause),
            _ => Instant::NEVER,
        }
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
            declines: [false; 2],
            policy: self.policy_number,
        };
        if self.refusals.push_back((hello.consumer_id, told)).is_err() {
            count(&mut self.counters.refusals_lost);
        }
        self.may_tell = true;
    }

    pub(super) fn find(&self, consumer: ClientId) -> Option<usize> {
        let mut entries = self.entries.as_ref().iter();
        entries.position(|entry| entry.is_live && entry.consumer == Some(consumer))
    }

    pub(super) fn changed(&mut self) {
        self.may_order = true;
        self.may_tell = true;
    }
}
