//! What a descriptor meets on its way to a reader.

use std::sync::Arc;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::direct::{DirectPoll, Look};
use tp_core_nostd::proto::read::{DropReason, Reader};
use tp_core_nostd::proto::sequence::{Arrival, Sequencer};
use tp_core_nostd::proto::thinning::{FrameTimes, Thinner};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::time::{Clock, Instant};
use tp_core_nostd::transport::ImageId;
use tp_core_nostd::wire::control::{FrameDescriptor, FrameDescriptorView};
use tp_linux_hugepages::Mapping;

use super::counters::ConsumerCounters;
use super::feeds::Turn;
use super::view::FrameReader;
use super::{ConsumerConfig, Note, Reading};
use crate::clock::SharedClock;
use crate::regions::Regions;

/// What a descriptor meets.
#[derive(Debug)]
pub(super) struct Hot {
    stream: StreamId,
    pub(super) reading: Option<Reading>,
    pub(super) sequencer: Sequencer,
    pub(super) counters: Arc<ConsumerCounters>,
    watch_memory: bool,
    direct: DirectPoll,
    /// Whether every descriptor read is meant for us alone, and perhaps not every frame has one.
    is_private: bool,
    /// Drops frames of the shared stream that are more than were asked for (C-115).
    thinner: Thinner,
    clock: SharedClock,
    /// Epoch of the last mapping.
    epoch: Option<Epoch>,
    /// Where watching begins before a frame was seen: at 0 in a new epoch; in one that was mapped before, the first
    /// descriptor tells, else frames would be handed out twice.
    begin: Option<Seq>,
    /// The newest frame after a gap too long to be followed; those polled after it take its place (C-101).
    newest: Option<FrameDescriptor>,
    /// What the stream begins with that is gone over to; the old one is read so far first (W-198).
    first: Option<(ImageId, FrameDescriptor)>,
    /// The same, once the old one was left.
    pending: Option<(ImageId, FrameDescriptor)>,
    /// Another publisher went on from below the last number.
    pub(super) has_new_writer: bool,
    /// What the conductor should know.
    pub(super) note: Option<Note>,
}

impl Hot {
    pub(super) fn new(
        config: &ConsumerConfig,
        counters: Arc<ConsumerCounters>,
        clock: SharedClock,
    ) -> Self {
        let mut sequencer = Sequencer::new();
        let thinner = Thinner::new(config.max_rate_hz());
        // Whoever asked for fewer frames has to expect gaps (C-101).
        sequencer.set_max_gap(thinner.is_open().then_some(config.max_gap));
        Self {
            stream: config.stream,
            reading: None,
            sequencer,
            counters,
            watch_memory: config.watch_memory,
            direct: DirectPoll::new(),
            is_private: false,
            thinner,
            clock,
            epoch: None,
            begin: None,
            newest: None,
            first: None,
            pending: None,
            has_new_writer: false,
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
        self.thinner.reset();
        self.newest = None;
        self.first = None;
        self.pending = None;
        self.note = None;
    }

    /// By the clock of the client.
    pub(super) fn now(&self) -> Instant {
        self.clock.now()
    }

    pub(super) const fn stream(&self) -> StreamId {
        self.stream
    }

    /// Nothing is read any more. Whoever publishes next comes through an image that is not known yet.
    pub(super) fn unmap(&mut self) {
        self.reading = None;
        self.sequencer.reset();
    }

    /// The descriptors come another way from now on.
    pub(super) fn turn(&mut self, turn: Turn, is_private: bool) {
        match turn {
            Turn::Again => self.sequencer.resubscribed(),
            Turn::Begin => self.sequencer.begin_switch(),
            Turn::End => self.sequencer.end_switch(),
        }
        if turn != Turn::Again {
            self.first = None;
        }
        self.is_private = is_private;
    }

    /// Whether it is known with which frame the next stream begins.
    pub(super) const fn has_first(&self) -> bool {
        self.first.is_some()
    }

    /// A descriptor of the next stream, which waits until the old one is left.
    pub(super) fn begin_with(&mut self, bytes: &[u8], image: ImageId) {
        self.first = self.accept(bytes).map(|descriptor| (image, descriptor));
    }

    /// Whether nothing is missing before what the next stream begins with.
    pub(super) fn reaches_first(&self) -> bool {
        self.first
            .is_some_and(|(_, first)| self.sequencer.reaches(first.seq))
    }

    /// The old stream is left.
    pub(super) fn cross(&mut self) {
        self.pending = self.first.take();
    }

    /// Hands out what the stream began with that was gone over to; returns how many descriptors that were.
    #[inline]
    pub(super) fn take_pending(
        &mut self,
        handler: &mut impl FnMut(&FrameDescriptor, FrameReader<'_>),
    ) -> u32 {
        let Some((image, descriptor)) = self.pending.take() else {
            return 0;
        };
        self.arrived(descriptor, image, handler);
        1
    }

    /// Whether frames without a descriptor are ours to find: not where our own stream has a capped rate.
    pub(super) const fn watches(&self) -> bool {
        self.watch_memory && (self.thinner.is_open() || !self.is_private)
    }

    /// One descriptor: the steps of wire 3.3 up to the slot.
    pub(super) fn on_descriptor(
        &mut self,
        bytes: &[u8],
        image: ImageId,
        handler: &mut impl FnMut(&FrameDescriptor, FrameReader<'_>),
    ) {
        if let Some(descriptor) = self.accept(bytes) {
            self.arrived(descriptor, image, handler);
        }
    }

    /// The descriptor, if it is of our stream and of what is mapped.
    fn accept(&mut self, bytes: &[u8]) -> Option<FrameDescriptor> {
        let view = FrameDescriptorView::parse(bytes).ok();
        // Several streams may share one Aeron stream (T-40).
        if view.is_some_and(|view| view.block.stream_id.get() != self.stream.get()) {
            return None;
        }
        let Some(descriptor) = view.and_then(|view| FrameDescriptor::try_from(view).ok()) else {
            self.counters.malformed.add(1);
            return None;
        };
        let Some(reading) = &self.reading else {
            self.counters.count(DropReason::Unmapped);
            return None;
        };
        let mapped = reading.regions().ring().shape().epoch;
        if descriptor.epoch != mapped {
            if descriptor.epoch > mapped {
                self.note = Some(Note::Epoch(descriptor.epoch));
            }
            self.counters.count(DropReason::WrongEpoch);
            return None;
        }
        Some(descriptor)
    }

    /// What its number says.
    fn arrived(
        &mut self,
        descriptor: FrameDescriptor,
        image: ImageId,
        handler: &mut impl FnMut(&FrameDescriptor, FrameReader<'_>),
    ) {
        if self.watches() {
            self.recover_before(descriptor.seq, handler);
        }
        let arrival = self.sequencer.observe(image, descriptor.seq);
        match arrival {
            Arrival::First | Arrival::Next => {}
            Arrival::Again => self.counters.take_back(DropReason::RateLimited),
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
                self.has_new_writer = true;
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
        let reading = self.reading.as_ref().filter(|_| self.watches())?;
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
        self.counters.see(descriptor.seq);
        if !self.admits(descriptor) {
            self.sequencer.thinned();
            return self.counters.count(DropReason::RateLimited);
        }
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

impl Hot {
    /// Whether a consumer that asked for fewer frames takes this one. Its own stream was thinned by the producer.
    fn admits(&mut self, descriptor: &FrameDescriptor) -> bool {
        if self.thinner.is_open() || self.is_private {
            return true;
        }
        let mut slot_ns = || {
            let frame = self.reading.as_mut()?.read(descriptor.seq).ok()?;
            frame.header.timestamp_ns
        };
        let times = FrameTimes {
            descriptor_ns: descriptor.timestamp_ns,
            slot_ns: slot_ns(),
            now: self.clock.now(),
        };
        self.thinner.admits(times)
    }
}

#[cfg(test)]
mod tests;
