//! What a descriptor meets on its way to a reader.

use std::sync::Arc;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::direct::{DirectPoll, Look};
use tp_core_nostd::proto::read::{DropReason, Reader};
use tp_core_nostd::proto::sequence::{Arrival, Sequencer};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::transport::ImageId;
use tp_core_nostd::wire::control::{FrameDescriptor, FrameDescriptorView};
use tp_linux_hugepages::Mapping;

use super::counters::ConsumerCounters;
use super::view::FrameReader;
use super::{ConsumerConfig, Note, Reading};
use crate::regions::Regions;

/// What a descriptor meets.
#[derive(Debug)]
pub(super) struct Hot {
    stream: StreamId,
    pub(super) reading: Option<Reading>,
    pub(super) sequencer: Sequencer,
    pub(super) counters: Arc<ConsumerCounters>,
    pub(super) watch_memory: bool,
    direct: DirectPoll,
    /// Epoch of the last mapping.
    epoch: Option<Epoch>,
    /// Where watching begins before a frame was seen: at 0 in a new epoch; in one that was mapped before, the first
    /// descriptor tells, else frames would be handed out twice.
    begin: Option<Seq>,
    /// The newest frame after a gap too long to be followed; those polled after it take its place (C-101).
    newest: Option<FrameDescriptor>,
    /// What the conductor should know.
    pub(super) note: Option<Note>,
}

impl Hot {
    pub(super) fn new(config: &ConsumerConfig) -> Self {
        let mut sequencer = Sequencer::new();
        sequencer.set_max_gap(Some(config.max_gap));
        Self {
            stream: config.stream,
            reading: None,
            sequencer,
            counters: Arc::default(),
            watch_memory: config.watch_memory,
            direct: DirectPoll::new(),
            epoch: None,
            begin: None,
            newest: None,
            note: None,
        }
    }

    pub(super) fn read_from(&mut self, regions: Regions<Mapping>) {
        let accepted = vec![0; regions.ring().slots().get() as usize].into_boxed_slice();
        let epoch = Some(regions.ring().shape().epoch);
        self.begin = (self.epoch != epoch).then_some(Seq::FIRST);
        self.epoch = epoch;
        self.reading = Reader::new(regions, accepted);
        self.sequencer.reset();
        self.direct = DirectPoll::new();
        self.newest = None;
        self.note = None;
    }

    /// One descriptor: the steps of wire 3.3 up to the slot.
    pub(super) fn on_descriptor(
        &mut self,
        bytes: &[u8],
        image: ImageId,
        handler: &mut impl FnMut(&FrameDescriptor, FrameReader<'_>),
    ) {
        let Ok(view) = FrameDescriptorView::parse(bytes) else {
            return self.counters.malformed.add(1);
        };
        // Several streams may share one Aeron stream (T-40).
        if view.block.stream_id.get() != self.stream.get() {
            return;
        }
        let Ok(descriptor) = FrameDescriptor::try_from(view) else {
            return self.counters.malformed.add(1);
        };
        let Some(reading) = &self.reading else {
            return self.counters.count(DropReason::Unmapped);
        };
        let mapped = reading.regions().ring().shape().epoch;
        if descriptor.epoch != mapped {
            if descriptor.epoch > mapped {
                self.note = Some(Note::Epoch(descriptor.epoch));
            }
            return self.counters.count(DropReason::WrongEpoch);
        }
        if self.watch_memory {
            self.recover_before(descriptor.seq, handler);
        }
        match self.sequencer.observe(image, descriptor.seq) {
            Arrival::First | Arrival::Next => {}
            Arrival::Gap { missed } => self.counters.gap_drops.add(missed),
            Arrival::Resync { missed } => {
                self.counters.gap_drops.add(missed);
                self.pass_over();
                self.newest = Some(descriptor);
                return;
            }
            Arrival::NewWriter => {
                if let Some(reading) = &mut self.reading {
                    reading.forget();
                }
            }
            Arrival::Duplicate => return,
            Arrival::Regression => {
                self.note = Some(Note::Regression);
                return;
            }
        }
        if self.newest.is_some() {
            self.pass_over();
            self.newest = Some(descriptor);
        } else {
            self.hand_out(&descriptor, handler);
        }
    }

    /// Nothing more is at hand: what was found to be the newest after a long gap is.
    pub(super) fn settle(&mut self, handler: &mut impl FnMut(&FrameDescriptor, FrameReader<'_>)) {
        if let Some(newest) = self.newest.take() {
            self.hand_out(&newest, handler);
        }
    }

    /// A newer one came before the newest was read.
    fn pass_over(&mut self) {
        if self.newest.take().is_some() {
            self.sequencer.passed_over();
            self.counters.gap_drops.add(1);
        }
    }

    /// Frames between the last one and `seq` whose descriptors were refused by a full publication are still in memory,
    /// unless the ring lapped them.
    fn recover_before(
        &mut self,
        seq: Seq,
        handler: &mut impl FnMut(&FrameDescriptor, FrameReader<'_>),
    ) {
        let (Some(last), Some(reading)) = (self.sequencer.last_seq(), &self.reading) else {
            return;
        };
        let oldest = seq
            .get()
            .saturating_sub(reading.regions().ring().slots().get().into());
        let first = last.get().saturating_add(1).max(oldest);
        for raw in first..seq.get() {
            let Some(missed) = Seq::new(raw) else { return };
            if self.is_there(missed) {
                self.found(missed, handler);
            }
        }
    }

    /// While no descriptor comes: the frame after the last one may be in memory already (E-01). Hands out at most `limit`
    /// frames and returns how many.
    #[inline]
    pub(super) fn look_ahead(
        &mut self,
        limit: u32,
        handler: &mut impl FnMut(&FrameDescriptor, FrameReader<'_>),
    ) -> u32 {
        let mut found = 0;
        while found < limit {
            let Some(seq) = self.look() else { break };
            self.found(seq, handler);
            found = found.saturating_add(1);
        }
        found
    }

    /// The next frame that is whole, if memory is watched.
    #[inline]
    fn look(&mut self) -> Option<Seq> {
        let reading = self.reading.as_ref().filter(|_| self.watch_memory)?;
        let next = match self.sequencer.last_seq() {
            Some(last) => last.next(),
            None => self.begin,
        };
        match self.direct.look(reading.regions().ring(), next?) {
            Look::Idle => None,
            Look::Frame(seq) | Look::Lapped(seq) => Some(seq),
        }
    }

    fn is_there(&self, seq: Seq) -> bool {
        self.reading
            .as_ref()
            .is_some_and(|reading| reading.is_committed(seq))
    }

    /// A frame without its descriptor, which will be a duplicate if it still comes.
    fn found(&mut self, seq: Seq, handler: &mut impl FnMut(&FrameDescriptor, FrameReader<'_>)) {
        let Some(reading) = &self.reading else { return };
        let epoch = reading.regions().ring().shape().epoch;
        let missed = self.sequencer.follow(seq);
        self.counters.gap_drops.add(missed);
        self.counters.found_in_memory.add(1);
        let descriptor = FrameDescriptor {
            stream_id: self.stream,
            epoch,
            seq,
            timestamp_ns: None,
            meta_version: None,
            trace_id: None,
        };
        self.hand_out(&descriptor, handler);
    }

    fn hand_out(
        &mut self,
        descriptor: &FrameDescriptor,
        handler: &mut impl FnMut(&FrameDescriptor, FrameReader<'_>),
    ) {
        if let Some(reading) = &mut self.reading {
            handler(
                descriptor,
                FrameReader {
                    reading,
                    seq: descriptor.seq,
                    counters: &self.counters,
                },
            );
        }
    }
}

#[cfg(test)]
mod tests;
