//! What is told of the source, as the destination tells it. What is of no mapped source is not forwarded (L-035).

use super::Limiter;
use crate::ids::ClientId;
use crate::wire::control::{
    DataSourceAnnounce, DataSourceMeta, FrameDescriptor, FrameProgress, QosConsumer, QosProducer,
};
use crate::wire::enums::FrameProgressState;

impl Limiter {
    /// The descriptor of a frame that was published, sent at `sent_ns`: number, metadata version and trace id are the
    /// source's, stream, epoch and time of sending our own (L-001, L-006, L-015, L-036).
    pub fn descriptor(&self, of: &FrameDescriptor, sent_ns: u64) -> Option<FrameDescriptor> {
        Some(FrameDescriptor {
            stream_id: self.mapping.destination,
            epoch: self.destination?,
            timestamp_ns: Some(sent_ns),
            ..*of
        })
    }

    /// Progress of the frame that went on last. That of others is not told: whether they go on shows when they arrive, and
    /// until then they are not at the destination (L-025, L-037). Only the end of a frame is worth keeping for that moment,
    /// since the frame is whole then: [`Self::due_progress`] has it.
    pub fn progress(&mut self, of: &FrameProgress) -> Option<FrameProgress> {
        if of.stream_id != self.mapping.source {
            return None;
        }
        let told = self.accepted(of);
        if told.is_none() && of.state == FrameProgressState::Complete {
            self.held = Some(*of);
        }
        told
    }

    /// The end of the frame that went on last, if it was told before the frame went on; once.
    pub fn due_progress(&mut self) -> Option<FrameProgress> {
        let held = self.held?;
        self.accepted(&held).inspect(|_| self.held = None)
    }

    fn accepted(&self, of: &FrameProgress) -> Option<FrameProgress> {
        let went_on = Some(of.epoch) == self.source
            && Some((of.epoch, of.seq)) == self.last
            && !self.is_spent;
        went_on.then_some(FrameProgress {
            stream_id: self.mapping.destination,
            epoch: self.destination?,
            ..*of
        })
    }

    /// The beacon of the source, with the destination's producer (L-020, L-021).
    pub fn announce<'m>(
        &self,
        of: &DataSourceAnnounce<'m>,
        producer: ClientId,
    ) -> Option<DataSourceAnnounce<'m>> {
        (of.stream_id == self.mapping.source).then_some(DataSourceAnnounce {
            stream_id: self.mapping.destination,
            producer_id: Some(producer),
            epoch: self.destination?,
            ..*of
        })
    }

    /// The attributes of the source (L-020, L-021).
    pub fn meta<'m>(&self, of: &DataSourceMeta<'m>) -> Option<DataSourceMeta<'m>> {
        (of.stream_id == self.mapping.source).then_some(DataSourceMeta {
            stream_id: self.mapping.destination,
            ..*of
        })
    }

    /// How the source's producer does (L-028).
    pub fn qos_producer(&self, of: &QosProducer) -> Option<QosProducer> {
        (of.stream_id == self.mapping.source).then_some(QosProducer {
            stream_id: self.mapping.destination,
            ..*of
        })
    }

    /// How a consumer of the source does (L-028).
    pub fn qos_consumer(&self, of: &QosConsumer) -> Option<QosConsumer> {
        (of.stream_id == self.mapping.source).then_some(QosConsumer {
            stream_id: self.mapping.destination,
            ..*of
        })
    }
}
