//! How everybody is doing, for whoever looks now and then (C-123).

use tp_core_nostd::ids::{ClientId, StreamId};
use tp_core_nostd::wire::control::{QosConsumer, QosProducer};

use super::QosHandler;
use super::latest::Latest;

/// The newest report of each producer and of each consumer. It is a handler, to be told by a
/// [`Poller`](crate::Poller) or by one's own; what it is told of known ones allocates nothing.
#[derive(Clone, Debug)]
pub struct QosCache {
    producers: Latest<(StreamId, Option<ClientId>), QosProducer>,
    consumers: Latest<(StreamId, ClientId), QosConsumer>,
}

impl QosCache {
    /// Remembers so many producers, and as many consumers, 1 at least; beyond that the one that was silent for longest is
    /// forgotten.
    pub fn new(capacity: usize) -> Self {
        Self {
            producers: Latest::new(capacity),
            consumers: Latest::new(capacity),
        }
    }

    /// What the producer of `stream` with this id said last; without an id, one that said none.
    pub fn producer(
        &self,
        stream: StreamId,
        producer: impl Into<Option<ClientId>>,
    ) -> Option<&QosProducer> {
        self.producers.get(&(stream, producer.into()))
    }

    /// What this consumer of `stream` said last.
    pub fn consumer(&self, stream: StreamId, consumer: ClientId) -> Option<&QosConsumer> {
        self.consumers.get(&(stream, consumer))
    }

    /// The newest report of every producer, in no order.
    pub fn producers(&self) -> impl Iterator<Item = &QosProducer> {
        self.producers.values()
    }

    /// The newest report of every consumer, in no order.
    pub fn consumers(&self) -> impl Iterator<Item = &QosConsumer> {
        self.consumers.values()
    }
}

impl QosHandler for QosCache {
    fn on_producer(&mut self, report: &QosProducer) {
        let key = (report.stream_id, report.producer_id);
        if let Some(known) = self.producers.entry(key, || *report) {
            *known = *report;
        }
    }

    fn on_consumer(&mut self, report: &QosConsumer) {
        let key = (report.stream_id, report.consumer_id);
        if let Some(known) = self.consumers.entry(key, || *report) {
            *known = *report;
        }
    }
}
