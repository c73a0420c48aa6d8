//! Hellos: consumers that ask for streams of their own are told which ones they have (driver 11).

use heapless::String;

use super::consumers::{CHANNEL_MAX, ConsumerEntry, Kind};
use super::engine::{Driver, bump};
use super::lease::{LeaseEntry, LeaseState};
use super::messages::{self, Message};
use super::table::Slot;
use crate::time::{Duration, Instant};
use crate::wire::control::{ConsumerConfig, ConsumerHello, ConsumerHelloView, StreamRequest};
use crate::wire::driver::Role;

/// After so long without a hello a consumer is told again what it has (driver 11).
const STALE_AFTER: Duration = Duration::from_secs(5);

/// Channels that a consumer may ask for begin like this: nobody makes a producer send into a network (supervisor P-016).
const ALLOWED: &str = "aeron:ipc";

impl Driver<'_> {
    /// A consumer says what it would like. It is answered if it has a lease, and if it ever asked for a stream of its own.
    pub(super) fn hello(&mut self, now: Instant, view: ConsumerHelloView<'_>) {
        let hello = ConsumerHello::try_from(view).ok();
        let lease = hello
            .filter(|_| self.config.answers_hellos)
            .and_then(|hello| Some((hello, self.lease_of(&hello)?)));
        let Some((hello, lease)) = lease else {
            return bump(&mut self.counters.ignored.hellos);
        };
        let asks = [hello.descriptor, hello.control] != [StreamRequest::None; 2];
        match self.leases.lease(lease).and_then(|lease| lease.private) {
            Some(consumer) => self.answer_hello(now, consumer, lease, &hello, false),
            None if asks => match self.consumers.add(now, lease) {
                Some(consumer) => {
                    self.leases.set_private(lease, consumer);
                    self.answer_hello(now, consumer, lease, &hello, true);
                }
                None => bump(&mut self.counters.ignored.hellos),
            },
            None => {}
        }
    }

    /// The lease in force of the consumer that says hello.
    fn lease_of(&self, hello: &ConsumerHello<'_>) -> Option<Slot<LeaseEntry>> {
        let slot = self.leases.of_client(hello.consumer_id)?;
        let lease = self.leases.lease(slot)?;
        let matches = lease.state == LeaseState::Active
            && lease.role == Role::Consumer
            && self.streams.get(lease.stream)?.id == hello.stream_id;
        matches.then_some(slot)
    }

    /// Takes over what it wants. A config is due for the first hello, for other contents, for a consumer that was away, and
    /// for a producer or epoch that knows nothing yet; not for every hello (P-033).
    fn answer_hello(
        &mut self,
        now: Instant,
        slot: Slot<ConsumerEntry>,
        lease: Slot<LeaseEntry>,
        hello: &ConsumerHello<'_>,
        is_first: bool,
    ) {
        let descriptor = self.assign(slot, Kind::Descriptor, hello.descriptor);
        let control = self.assign(slot, Kind::Control, hello.control);
        let stream = self.leases.lease(lease).map(|lease| lease.stream);
        let epoch = stream.and_then(|at| self.streams.get(at)?.epoch);
        let Some(consumer) = self.consumers.get_mut(slot) else {
            return;
        };
        let is_changed = descriptor
            || control
            || (consumer.use_shm, consumer.mode) != (hello.supports_shm, hello.mode);
        let was_away = now.since(consumer.heard_at) > STALE_AFTER;
        let is_new_epoch = epoch.is_some() && epoch != consumer.told_in;
        consumer.use_shm = hello.supports_shm;
        consumer.mode = hello.mode;
        consumer.heard_at = now;
        consumer.told_in = epoch.or(consumer.told_in);
        if is_first || is_changed || was_away || is_new_epoch {
            self.consumers.tell(slot);
        }
    }

    /// Whether a request changes what the consumer has. Its id stays the same as long as its lease lives.
    fn assign(
        &mut self,
        slot: Slot<ConsumerEntry>,
        kind: Kind,
        request: StreamRequest<'_>,
    ) -> bool {
        let channel = match request {
            StreamRequest::Of(wish) => {
                allowed(wish.channel).filter(|_| self.consumers.hold(slot, kind, wish.stream_id))
            }
            StreamRequest::None | StreamRequest::Unusable { .. } => None,
        };
        let channel = channel.unwrap_or_default();
        let Some(consumer) = self.consumers.get_mut(slot) else {
            return false;
        };
        let private = consumer.private(kind);
        core::mem::replace(&mut private.channel, channel) != private.channel
    }

    /// The config that is due next.
    pub(super) fn next_config(&mut self, buffer: &mut [u8]) -> Option<Message> {
        loop {
            let slot = self.consumers.first_due()?;
            match self.config_of(slot, buffer) {
                Some(message) => return Some(message),
                // Whoever has no lease is told nothing.
                None => self.consumers.told(),
            }
        }
    }

    fn config_of(&self, slot: Slot<ConsumerEntry>, buffer: &mut [u8]) -> Option<Message> {
        let consumer = self.consumers.get(slot)?;
        let lease = self.leases.lease(consumer.lease?)?;
        let config = ConsumerConfig {
            stream_id: self.streams.get(lease.stream)?.id,
            consumer_id: lease.client,
            use_shm: consumer.use_shm,
            mode: consumer.mode,
            payload_fallback_uri: None,
            descriptor: consumer.descriptor.endpoint(),
            control: consumer.control.endpoint(),
        };
        Some(messages::config(&config, buffer))
    }
}

/// The channel, if it may be used: exactly the medium, or with parameters behind a question mark.
fn allowed(channel: &str) -> Option<String<CHANNEL_MAX>> {
    let rest = channel.strip_prefix(ALLOWED)?;
    if !rest.is_empty() && !rest.starts_with('?') {
        return None;
    }
    String::try_from(channel).ok()
}
