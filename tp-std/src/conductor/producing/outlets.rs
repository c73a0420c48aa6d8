//! Private streams on their way to the producer: asked for, there, handed over, taken back.

use core::task::Poll;
use std::sync::Arc;

use tp_core_nostd::proto::consumer_manager::{StreamKey, StreamKind};
use tp_core_nostd::wire::control;

use crate::context::Endpoint;
use crate::medium::{Awaited, Medium, Sender};
use crate::producer::{Exchange, Order, Private, StreamCounts};

/// One private stream.
struct Place {
    key: StreamKey,
    stage: Stage,
    max_rate_hz: Option<u32>,
    counts: Arc<StreamCounts>,
    /// As of the last look.
    seen: Seen,
}

enum Stage {
    Asked(Awaited<Box<dyn Sender>>),
    /// There; the mailbox has no room for it yet.
    There(Private),
    /// The producer has it.
    Handed,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Seen {
    sent: u64,
    unconnected: u64,
    failed: u64,
}

/// What became of a private stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Became {
    /// Its consumer can subscribe to it: all frames from now on go there, too.
    Opened(StreamKey),
    /// It cannot be had, or does not work any more.
    Failed(StreamKey),
    /// Nobody subscribed to it for a while.
    Unconnected(StreamKey),
}

/// The mailbox to the producer is full; it is asked again in the next cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// All of them; a fixed table.
pub(super) struct Outlets {
    exchange: Arc<Exchange>,
    places: Box<[Option<Place>]>,
}

impl Outlets {
    pub(super) fn new(exchange: Arc<Exchange>, streams: usize) -> Self {
        let places = core::iter::repeat_with(|| None).take(streams).collect();
        Self { exchange, places }
    }

    /// Asks for a private stream. `false` if it cannot be had.
    pub(super) fn open(
        &mut self,
        key: StreamKey,
        endpoint: control::Endpoint<'_>,
        medium: &mut dyn Medium,
    ) -> bool {
        let place = self.places.iter_mut().find(|place| place.is_none());
        let (Some(place), Ok(channel)) = (place, endpoint.channel.parse()) else {
            return false;
        };
        let stream_id = endpoint.stream_id.get().cast_signed();
        let Ok(awaited) = medium.exclusive_publication(&Endpoint::new(channel, stream_id)) else {
            return false;
        };
        *place = Some(Place {
            key,
            stage: Stage::Asked(awaited),
            max_rate_hz: None,
            counts: Arc::default(),
            seen: Seen::default(),
        });
        true
    }

    /// Takes a private stream back.
    ///
    /// # Errors
    /// [`Full`]
    pub(super) fn close(&mut self, key: StreamKey) -> Result<(), Full> {
        let is_it = |place: &Option<Place>| place.as_ref().is_some_and(|place| place.key == key);
        let Some(at) = self.places.iter().position(is_it) else {
            return Ok(());
        };
        let Some(place) = self.places.get_mut(at) else {
            return Ok(());
        };
        let is_handed = matches!(
            place,
            Some(Place {
                stage: Stage::Handed,
                ..
            })
        );
        if is_handed {
            self.exchange
                .orders
                .push(Order::Close(at))
                .map_err(|_| Full)?;
        }
        *place = None;
        Ok(())
    }

    /// Hands over what is there; reports what became of one stream after the other.
    pub(super) fn poll(
        &mut self,
        max_rate_hz: impl Fn(StreamKey) -> Option<u32>,
    ) -> Option<Became> {
        for (at, entry) in self.places.iter_mut().enumerate() {
            let Some(place) = entry else {
                continue;
            };
            if let Stage::Asked(awaited) = &mut place.stage {
                match awaited() {
                    Poll::Pending => continue,
                    Poll::Ready(Err(error)) => {
                        tracing::warn!(%error, "a consumer's own stream cannot be had");
                        let key = place.key;
                        *entry = None;
                        return Some(Became::Failed(key));
                    }
                    Poll::Ready(Ok(sender)) => {
                        place.max_rate_hz = max_rate_hz(place.key);
                        place.stage = Stage::There(Private {
                            place: at,
                            consumer: place.key.consumer,
                            kind: place.key.kind,
                            sender,
                            max_rate_hz: place.max_rate_hz,
                            counts: place.counts.clone(),
                        });
                    }
                }
            }
            if let Stage::There(private) = core::mem::replace(&mut place.stage, Stage::Handed) {
                match self.exchange.orders.push(Order::Open(private)) {
                    Ok(()) => return Some(Became::Opened(place.key)),
                    Err(Order::Open(private)) => place.stage = Stage::There(private),
                    Err(_) => {}
                }
            }
        }
        None
    }

    /// Tells the producer of limits that changed; whether it told any.
    pub(super) fn limit(&mut self, max_rate_hz: impl Fn(StreamKey) -> Option<u32>) -> bool {
        let mut any = false;
        for (at, place) in self.places.iter_mut().enumerate() {
            let Some(place) = place.as_mut().filter(|place| place.is_gated()) else {
                continue;
            };
            let limit = max_rate_hz(place.key);
            if limit != place.max_rate_hz
                && self.exchange.orders.push(Order::Rate(at, limit)).is_ok()
            {
                place.max_rate_hz = limit;
                any = true;
            }
        }
        any
    }

    /// What the counters say since the last look, one stream after the other.
    pub(super) fn look(&mut self) -> Option<Became> {
        self.places.iter_mut().flatten().find_map(Place::look)
    }

    /// Every stream is gone with the connection; they come back with new orders.
    pub(super) fn lose_all(&mut self, mut lost: impl FnMut(StreamKey)) {
        for (at, entry) in self.places.iter_mut().enumerate() {
            if let Some(place) = entry.take() {
                if matches!(place.stage, Stage::Handed) {
                    drop(self.exchange.orders.push(Order::Close(at)));
                }
                lost(place.key);
            }
        }
    }
}

impl Place {
    /// Whether the producer has it and its rate can be limited.
    const fn is_gated(&self) -> bool {
        matches!(self.stage, Stage::Handed) && matches!(self.key.kind, StreamKind::Descriptor)
    }

    fn look(&mut self) -> Option<Became> {
        let met = self.counts.deliveries();
        let now = Seen {
            sent: met.sent,
            unconnected: met.unconnected,
            failed: met.failed,
        };
        let before = core::mem::replace(&mut self.seen, now);
        if now.sent != before.sent {
            return None;
        }
        if now.failed != before.failed {
            return Some(Became::Failed(self.key));
        }
        (now.unconnected != before.unconnected).then_some(Became::Unconnected(self.key))
    }
}

impl core::fmt::Debug for Outlets {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let keys = self.places.iter().flatten().map(|place| place.key);
        f.debug_list().entries(keys).finish()
    }
}
