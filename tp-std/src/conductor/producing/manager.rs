//! The consumers of a producer: heard, answered or followed, and given streams of their own (client 1.4, C-082 to C-087).

use std::sync::Arc;

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::consumer_manager::{
    ConsumerEntry, ConsumerManager, ManagerConfig, ManagerPolicy, StreamKey, StreamOrder,
};
use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::proto::progress::ProgressPolicy;
use tp_core_nostd::time::{Duration, Instant};
use tp_core_nostd::transport::SendError;
use tp_core_nostd::wire::control::{ConsumerConfig, ConsumerHello, QosConsumer};
use tp_core_nostd::wire::driver::{Role, ShmLeaseRevoked};

use super::super::connection::{Adding, Connection};
use super::outlets::{Became, Full, Outlets};
use crate::context::{Context, Endpoint};
use crate::medium::Sender;
use crate::producer::{AnswerHellos, Consumers, Exchange, Order};

/// After so many announce periods without a word a consumer is gone (W-206).
const STALE_PERIODS: u32 = 5;
/// Steps of one kind in one duty cycle at most (C-146); the rest waits for the next one.
const STEPS: usize = 16;
/// Longest ConsumerConfig: two channels and a URI of at most 1024 bytes each, and the rest.
const CONFIG_MAX: usize = 4096;

type Manager = ConsumerManager<Box<[ConsumerEntry]>>;

/// See the module.
#[derive(Debug)]
pub(super) struct Managing {
    stream: StreamId,
    manager: Manager,
    outlets: Outlets,
    exchange: Arc<Exchange>,
    /// The shared streams, which are nobody's own.
    shared: Vec<StreamId>,
    control: Endpoint,
    /// The producer's own way to the shared control stream, once somebody wants progress.
    adding: Adding<Box<dyn Sender>>,
    /// Whether it needs that for links of traces.
    has_links: bool,
    /// What the producer was told of progress.
    told: (Option<ProgressPolicy>, bool),
    /// Whether rates and progress may have changed.
    is_news: bool,
    /// Whether streams were lost that the producer still has.
    has_lost: bool,
    period: Duration,
    look_at: Instant,
    /// For one message.
    buffer: Box<[u8]>,
}

impl Managing {
    /// Nobody is known yet.
    pub(super) fn new(
        stream: StreamId,
        consumers: &Consumers,
        has_driver: bool,
        context: &Context,
    ) -> (Self, Arc<Exchange>) {
        let streams = consumers.streams();
        let exchange = Arc::new(Exchange::new(streams));
        let period = context.announce_period();
        let config = ManagerConfig {
            stream,
            answers_hellos: match consumers.answers {
                AnswerHellos::Auto => !has_driver,
                AnswerHellos::On => true,
                AnswerHellos::Off => false,
            },
            stale_after: period.saturating_mul(STALE_PERIODS),
        };
        let entries = vec![ConsumerEntry::UNUSED; consumers.capacity].into_boxed_slice();
        let ids = [
            Some(context.control()),
            Some(context.announce()),
            Some(context.descriptor()),
            context.qos(),
            context.metadata(),
        ];
        let ids = ids.into_iter().flatten();
        let shared: Vec<_> = ids
            .filter_map(|endpoint| StreamId::new(endpoint.stream_id.cast_unsigned()))
            .collect();
        let policy = reserving(consumers.policy.clone(), &shared);
        let managing = Self {
            stream,
            manager: ConsumerManager::new(config, policy, entries),
            outlets: Outlets::new(exchange.clone(), streams),
            exchange: exchange.clone(),
            shared,
            control: context.control().clone(),
            adding: Adding::Wanted,
            has_links: false,
            told: (None, false),
            is_news: false,
            has_lost: false,
            period,
            look_at: Instant::from_ns(0),
            buffer: vec![0; CONFIG_MAX].into_boxed_slice(),
        };
        (managing, exchange)
    }

    /// The producer says what its frames were made from, on the shared control stream.
    pub(super) const fn with_links(mut self, has_links: bool) -> Self {
        self.has_links = has_links;
        self
    }

    /// Whether the producer can say what it has to from the start, as far as that is possible.
    pub(super) const fn may_begin(&self) -> bool {
        !self.has_links || matches!(self.adding, Adding::Done)
    }

    /// Any message.
    pub(super) fn hear(&mut self, now: Instant, message: Message<'_>) {
        match message {
            Message::ConsumerHello(view) => {
                if let Ok(hello) = ConsumerHello::try_from(view) {
                    self.manager.handle_hello(now, &hello);
                    self.is_news = true;
                }
            }
            Message::QosConsumer(view) => {
                if let Ok(qos) = QosConsumer::try_from(view) {
                    self.manager.handle_qos(now, &qos);
                }
            }
            Message::ConsumerConfig(view) => {
                if let Ok(config) = ConsumerConfig::try_from(view) {
                    self.manager.handle_config(now, &config);
                    self.is_news = true;
                }
            }
            // A consumer that lost its lease says hello again when it has another.
            Message::ShmLeaseRevoked(view) => {
                if let Ok(revoked) = ShmLeaseRevoked::try_from(view)
                    && (revoked.stream_id, revoked.role) == (self.stream, Role::Consumer)
                {
                    self.manager.handle_gone(revoked.client_id);
                    self.is_news = true;
                }
            }
            _ => {}
        }
    }

    /// The stream has another epoch.
    pub(super) fn on_epoch(&mut self) {
        self.manager.handle_epoch_change();
    }

    /// Every endpoint is gone.
    pub(super) fn on_reconnect(&mut self) {
        let manager = &mut self.manager;
        self.outlets.lose_all(|key| manager.failed(key));
        self.has_lost = true;
        self.adding = Adding::Wanted;
    }

    /// One duty cycle; returns how much was done and whether the producer has to look into its mailbox.
    pub(super) fn tend(&mut self, now: Instant, connection: &mut Connection) -> (u32, bool) {
        connection.listen_to_qos();
        while self.exchange.retired.pop().is_some() {}
        if let Some(policy) = self.exchange.policy.take() {
            self.manager.set_policy(reserving(policy, &self.shared));
            self.is_news = true;
        }
        let swept = self.manager.poll_timeout() <= now;
        self.manager.poll(now);
        self.is_news |= swept;

        let mut work = self.obey(connection);
        // What was taken back is for the producer to close.
        let mut is_told = core::mem::take(&mut self.has_lost) | (work > 0);
        is_told |= self.hand_over(&mut work);
        work = work.saturating_add(self.answer(connection));
        if now >= self.look_at {
            self.look_at = now.after(self.period);
            is_told |= self.look();
        }
        if self.is_news {
            is_told |= self.tell_producer();
        }
        is_told |= self.add_control(connection);
        (work, is_told)
    }

    /// Opens and closes what the manager orders.
    fn obey(&mut self, connection: &mut Connection) -> u32 {
        let mut work = 0_u32;
        for _ in 0..STEPS {
            let (outlets, mut refused) = (&mut self.outlets, None);
            let ordered = self.manager.order(|order| match order {
                StreamOrder::Open { key, endpoint } => {
                    let opens = outlets.open(key, endpoint, connection.medium());
                    refused = Some(key).filter(|_| !opens);
                    Ok(())
                }
                StreamOrder::Close { key } => outlets.close(key),
            });
            if let Some(key) = refused {
                self.manager.failed(key);
            }
            match ordered {
                Ok(true) => work = work.saturating_add(1),
                Ok(false) | Err(Full) => break,
            }
            self.is_news = true;
        }
        work
    }

    /// Hands streams that are there to the producer: before their consumers hear of them, so that no frame is missed.
    fn hand_over(&mut self, work: &mut u32) -> bool {
        let mut is_told = false;
        for _ in 0..STEPS {
            let manager = &self.manager;
            let limit = |key: StreamKey| manager.max_rate_hz(key.consumer);
            let Some(became) = self.outlets.poll(limit) else {
                break;
            };
            is_told |= self.became(became);
            *work = work.saturating_add(1);
        }
        is_told
    }

    fn became(&mut self, became: Became) -> bool {
        self.is_news = true;
        match became {
            Became::Opened(key) => {
                self.manager.opened(key);
                true
            }
            Became::Failed(key) => {
                let is_closed = self.outlets.close(key).is_ok();
                // Else it shows again at the next look.
                if is_closed {
                    self.manager.failed(key);
                }
                is_closed
            }
            Became::Unconnected(key) => {
                self.manager.handle_unconnected(key);
                false
            }
        }
    }

    fn look(&mut self) -> bool {
        let mut is_told = false;
        while let Some(became) = self.outlets.look() {
            is_told |= self.became(became);
        }
        is_told
    }

    /// Sends the answers that are due.
    fn answer(&mut self, connection: &mut Connection) -> u32 {
        let (mut sent, buffer) = (0_u32, &mut self.buffer);
        let Some(control) = connection.control() else {
            return 0;
        };
        for _ in 0..STEPS {
            let answered = self.manager.transmit(|config| {
                // Every config fits; channels and URI were copied with their limits.
                let len = config.encode(buffer).map_err(|_| SendError::Closed)?;
                control.offer(buffer.get(..len).unwrap_or_default())
            });
            match answered {
                Ok(true) => sent = sent.saturating_add(1),
                Ok(false) | Err(_) => break,
            }
        }
        sent
    }

    /// Limits and progress, as far as they changed.
    fn tell_producer(&mut self) -> bool {
        let manager = &self.manager;
        let mut is_told = self.outlets.limit(|key| manager.max_rate_hz(key.consumer));
        self.is_news = false;
        let mut consumers = manager.consumers();
        let known = manager.consumers().count() as u64;
        self.exchange
            .known
            .add(known.wrapping_sub(self.exchange.known.get()));
        let policy = manager.progress();
        let shared = consumers.any(|one| one.supports_progress && one.control.is_none());
        if (policy, shared) != self.told {
            let order = Order::Progress { policy, shared };
            match self.exchange.orders.push(order) {
                Ok(()) => {
                    self.told = (policy, shared);
                    is_told = true;
                }
                Err(_) => self.is_news = true,
            }
        }
        is_told
    }

    /// Gets the producer a way to the shared control stream when it needs one.
    fn add_control(&mut self, connection: &mut Connection) -> bool {
        if matches!(self.adding, Adding::Wanted) && (self.told.1 || self.has_links) {
            match connection.medium().publication(&self.control) {
                Ok(awaited) => self.adding = Adding::Asked(awaited),
                Err(error) => tracing::warn!(%error, "progress and trace links cannot be told"),
            }
        }
        match self.adding.poll() {
            // There is always room for the one that a connection has.
            Ok(Some(sender)) => self.exchange.orders.push(Order::Control(sender)).is_ok(),
            Ok(None) => false,
            Err(error) => {
                tracing::warn!(%error, "progress and trace links cannot be told");
                self.adding = Adding::Done;
                false
            }
        }
    }
}

/// A policy under which the ids of shared streams are nobody's own.
fn reserving(mut policy: ManagerPolicy, shared: &[StreamId]) -> ManagerPolicy {
    policy.reserved = shared.iter().copied().collect();
    policy
}

#[cfg(test)]
mod tests;
