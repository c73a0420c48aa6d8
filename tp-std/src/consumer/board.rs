//! What a consumer and its conductor have in common beside their link.

use std::sync::Arc;

use crossbeam_queue::ArrayQueue;
use tp_core_nostd::transport::ImageId;
use tp_core_nostd::wire::control::FrameProgress;

use super::counters::ConsumerCounters;
use super::feeds::Order;
use super::status::ConsumerStatus;

/// How many orders may wait for a consumer that does not poll. The conductor starts over when there is no room.
const ORDERS: usize = 8;

/// How many progress messages of the shared control stream may wait for it; the oldest go first.
const PROGRESS: usize = 256;

/// Shared by the hot and the cold half of one consumer.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    pub(crate) counters: Arc<ConsumerCounters>,
    pub(crate) status: Arc<ConsumerStatus>,
    /// Conductor to role, in order: which streams to read.
    orders: Arc<ArrayQueue<Order>>,
    /// Conductor to role: what the shared control stream says of frames in the making, if that was asked for.
    progress: Option<Arc<ArrayQueue<(ImageId, FrameProgress)>>>,
}

impl Board {
    pub(crate) fn new(wants_progress: bool) -> Self {
        Self {
            counters: Arc::default(),
            status: Arc::default(),
            orders: Arc::new(ArrayQueue::new(ORDERS)),
            progress: wants_progress.then(|| Arc::new(ArrayQueue::new(PROGRESS))),
        }
    }

    /// Conductor: passes progress on.
    pub(crate) fn pass_progress(&self, image: ImageId, progress: FrameProgress) {
        if let Some(queue) = &self.progress
            && queue.force_push((image, progress)).is_some()
        {
            self.counters.progress_missed.add(1);
        }
    }

    /// Role: the next progress of the shared control stream.
    pub(super) fn take_progress(&self) -> Option<(ImageId, FrameProgress)> {
        self.progress.as_ref()?.pop()
    }

    /// Conductor: gives an order; whether there was room.
    pub(crate) fn order(&self, order: Order) -> bool {
        self.orders.push(order).is_ok()
    }

    /// Conductor: every stream is given up, those on their way, too.
    pub(crate) fn start_over(&self) {
        while self.orders.pop().is_some() {}
        // The role can only take from it.
        let _ = self.orders.push(Order::Reset);
    }

    /// Conductor: whether the role has taken every order.
    pub(crate) fn is_settled(&self) -> bool {
        self.orders.is_empty()
    }

    /// Role: the next order.
    pub(super) fn take_order(&self) -> Option<Order> {
        self.orders.pop()
    }
}
