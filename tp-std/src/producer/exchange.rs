//! What stands between the conductor, which knows a producer's consumers, and the producer, which sends to them.

use std::sync::Arc;

use crossbeam_queue::ArrayQueue;
use tp_core_nostd::ids::ClientId;
use tp_core_nostd::proto::consumer_manager::{ManagerPolicy, StreamKind};
use tp_core_nostd::proto::progress::ProgressPolicy;

use super::frame::{Delivery, DeliveryCounts};
use super::trace::TraceIds;
use crate::link::{Counter, Newest};
use crate::medium::Sender;

/// A private stream, handed over to whoever sends on it.
#[derive(Debug)]
pub(crate) struct Private {
    /// Names it in later orders, until it is closed.
    pub(crate) place: usize,
    /// Whose it is.
    pub(crate) consumer: ClientId,
    /// What goes there.
    pub(crate) kind: StreamKind,
    pub(crate) sender: Box<dyn Sender>,
    /// The most descriptors per second; `None` is unlimited.
    pub(crate) max_rate_hz: Option<u32>,
    pub(crate) counts: Arc<StreamCounts>,
}

/// From the conductor to the producer, in order.
#[derive(Debug)]
pub(crate) enum Order {
    /// Send there, too.
    Open(Private),
    /// Send there no more.
    Close(usize),
    /// Another limit for the private descriptor stream in this place.
    Rate(usize, Option<u32>),
    /// The shared control stream, for progress.
    Control(Box<dyn Sender>),
    /// How often progress is told, and whether to somebody without a control stream of his own.
    Progress {
        policy: Option<ProgressPolicy>,
        shared: bool,
    },
}

/// Two bounded mailboxes, and what is to be seen from either side.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) orders: ArrayQueue<Order>,
    /// Endpoints that the producer is done with: closing them is nothing for its thread.
    pub(crate) retired: ArrayQueue<Box<dyn Sender>>,
    /// Conductor to producer: who mints its trace ids; nobody once its node is somebody else's.
    pub(crate) ids: Newest<Option<TraceIds>>,
    /// Another policy, from the application.
    pub(crate) policy: Newest<ManagerPolicy>,
    /// Consumers that are there.
    pub(crate) known: Counter,
}

impl Exchange {
    /// For at most so many private streams at a time. Whatever is ordered of one of them finds room.
    pub(crate) fn new(streams: usize) -> Self {
        let room = streams.saturating_mul(4).saturating_add(8);
        Self {
            orders: ArrayQueue::new(room),
            retired: ArrayQueue::new(room),
            ids: Newest::default(),
            policy: Newest::default(),
            known: Counter::new(),
        }
    }

    /// Producer: closes an endpoint, elsewhere if there is room.
    pub(super) fn retire(&self, sender: Box<dyn Sender>) {
        drop(self.retired.push(sender));
    }
}

/// What the descriptors, or the progress, of one private stream met. The producer counts, anybody reads.
#[derive(Debug, Default)]
pub(crate) struct StreamCounts {
    sent: Counter,
    unconnected: Counter,
    back_pressured: Counter,
    failed: Counter,
    pub(super) thinned: Counter,
}

impl StreamCounts {
    pub(super) fn count(&self, delivery: Delivery) {
        let counter = match delivery {
            Delivery::Sent => &self.sent,
            Delivery::Unconnected => &self.unconnected,
            Delivery::BackPressured => &self.back_pressured,
            Delivery::Failed | Delivery::Held => &self.failed,
        };
        counter.add(1);
    }

    pub(crate) fn deliveries(&self) -> DeliveryCounts {
        DeliveryCounts {
            sent: self.sent.get(),
            unconnected: self.unconnected.get(),
            back_pressured: self.back_pressured.get(),
            failed: self.failed.get(),
        }
    }
}
