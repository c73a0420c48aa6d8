//! A manager with its orders and answers written down.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::super::*;
use crate::ids::{ClientId, StreamId};
use crate::seq::Seq;
use crate::time::{Duration, Instant};
use crate::wire::control::{
    ConsumerConfig, ConsumerHello, Endpoint, ProgressHints, QosConsumer, StreamRequest,
};
use crate::wire::enums::Mode;
use std::format;
use std::string::String;
use std::vec::Vec;

pub(super) const STREAM: StreamId = StreamId::new(10_000).unwrap();
pub(super) const ANN: ClientId = ClientId::new(1).unwrap();
pub(super) const BEN: ClientId = ClientId::new(2).unwrap();
pub(super) const CAT: ClientId = ClientId::new(3).unwrap();
pub(super) const STALE_AFTER: Duration = Duration::from_secs(5);

pub(super) fn at(ms: u64) -> Instant {
    Instant::from_ns(ms * 1_000_000)
}

/// The private stream with this id; none for 0.
pub(super) fn ask(id: u32) -> StreamRequest<'static> {
    StreamId::new(id).map_or(StreamRequest::None, |stream_id| {
        StreamRequest::Of(Endpoint {
            channel: "aeron:ipc",
            stream_id,
        })
    })
}

pub(super) fn hello(consumer_id: ClientId) -> ConsumerHello<'static> {
    ConsumerHello {
        stream_id: STREAM,
        consumer_id,
        supports_shm: true,
        supports_progress: true,
        mode: Mode::Stream,
        max_rate_hz: None,
        expected_layout_version: Some(1),
        progress: ProgressHints::default(),
        descriptor: StreamRequest::None,
        control: StreamRequest::None,
    }
}

/// Asks for these two streams.
pub(super) fn asking(consumer: ClientId, descriptor: u32, control: u32) -> ConsumerHello<'static> {
    ConsumerHello {
        descriptor: ask(descriptor),
        control: ask(control),
        ..hello(consumer)
    }
}

/// Assigns these two streams.
pub(super) fn assigning(
    consumer_id: ClientId,
    descriptor: u32,
    control: u32,
) -> ConsumerConfig<'static> {
    let endpoint = |id| match ask(id) {
        StreamRequest::Of(endpoint) => Some(endpoint),
        _ => None,
    };
    ConsumerConfig {
        stream_id: STREAM,
        consumer_id,
        use_shm: true,
        mode: Mode::Stream,
        payload_fallback_uri: None,
        descriptor: endpoint(descriptor),
        control: endpoint(control),
    }
}

pub(super) fn qos(consumer_id: ClientId) -> QosConsumer {
    QosConsumer {
        stream_id: STREAM,
        consumer_id,
        epoch: None,
        last_seq_seen: Seq::FIRST,
        drops_gap: 0,
        drops_late: 0,
        mode: Mode::Stream,
    }
}

pub(super) type Manager = ConsumerManager<[ConsumerEntry<32>; 2], 32>;

/// Room for two consumers.
pub(super) fn manager(answers_hellos: bool, policy: ManagerPolicy<32>) -> Manager {
    let config = ManagerConfig {
        stream: STREAM,
        answers_hellos,
        stale_after: STALE_AFTER,
    };
    ConsumerManager::new(config, policy, [ConsumerEntry::UNUSED; 2])
}

pub(super) struct Rig {
    pub(super) manager: Manager,
    /// Ordered to open, in order.
    pub(super) keys: Vec<StreamKey>,
}

impl Rig {
    pub(super) fn answering() -> Self {
        Self::new(manager(true, ManagerPolicy::default()))
    }

    pub(super) fn following() -> Self {
        Self::new(manager(false, ManagerPolicy::default()))
    }

    pub(super) fn new(manager: Manager) -> Self {
        Self {
            manager,
            keys: Vec::new(),
        }
    }

    /// What is ordered now: `open31000 close31000`.
    pub(super) fn orders(&mut self) -> String {
        let mut orders = Vec::new();
        let keys = &mut self.keys;
        while self
            .manager
            .order(|order| {
                orders.push(match order {
                    StreamOrder::Open { key, endpoint } => {
                        keys.push(key);
                        format!("open{}", endpoint.stream_id)
                    }
                    StreamOrder::Close { .. } => "close".into(),
                });
                Ok::<_, ()>(())
            })
            .unwrap()
        {}
        if orders.is_empty() {
            "-".into()
        } else {
            orders.join("+")
        }
    }

    /// What is told now: consumer, and the ids of its streams.
    pub(super) fn told(&mut self) -> String {
        let mut told = Vec::new();
        while self
            .manager
            .transmit(|config| {
                let id = |endpoint: Option<Endpoint<'_>>| endpoint.map_or(0, |e| e.stream_id.get());
                let streams = (id(config.descriptor), id(config.control));
                let shm = if config.use_shm { "" } else { " no shm" };
                told.push(format!(
                    "{} {}/{}{shm}",
                    config.consumer_id, streams.0, streams.1
                ));
                Ok::<_, ()>(())
            })
            .unwrap()
        {}
        if told.is_empty() {
            "-".into()
        } else {
            told.join(", ")
        }
    }

    /// The key ordered last.
    pub(super) fn key(&self) -> StreamKey {
        *self.keys.last().unwrap()
    }

    /// Takes every order and opens what was ordered.
    pub(super) fn settle(&mut self) -> String {
        let orders = self.orders();
        for key in &self.keys {
            self.manager.opened(*key);
        }
        orders
    }
}
