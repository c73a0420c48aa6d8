//! The hot half of a consumer: it lives on the application's thread and reads memory and Aeron directly.

use std::sync::Arc;

use tp_core_nostd::ids::{ClientId, Epoch, StreamId};
use tp_core_nostd::proto::lease_client::LeaseConfig;
use tp_core_nostd::proto::read::{self, CopyError, DropReason, Overwritten, Reader};
use tp_core_nostd::proto::sequence::{Arrival, DEFAULT_MAX_OUTSTANDING_SEQ_GAP, Sequencer};
use tp_core_nostd::role::Generation;
use tp_core_nostd::seq::Seq;
use tp_core_nostd::shm::{PayloadPool, TensorHeader};
use tp_core_nostd::transport::{ImageEvent, ImageId, Subscription};
use tp_core_nostd::wire::control::{FrameDescriptor, FrameDescriptorView};
use tp_core_nostd::wire::driver::Role;
use tp_linux_hugepages::Mapping;

use crate::aeron::AeronSubscription;
use crate::link::{Counter, Link};
use crate::regions::Regions;

/// How many slots past the last frame are watched while no descriptor comes: an abandoned claim is skipped (E-01).
const LOOKAHEAD: u64 = 4;

/// What a consumer asks the driver for, and how it reads.
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    pub(crate) stream: StreamId,
    lease: LeaseConfig,
    watch_memory: bool,
    max_gap: u64,
}

impl ConsumerConfig {
    /// A consumer of `stream` with a client id of its own choice.
    pub const fn new(stream: StreamId) -> Self {
        let lease = LeaseConfig::new(stream, Role::Consumer);
        Self {
            stream,
            lease,
            watch_memory: true,
            max_gap: DEFAULT_MAX_OUTSTANDING_SEQ_GAP,
        }
    }

    /// A fixed client id; unique among all leases of the driver (C-030).
    #[must_use]
    pub const fn with_client(mut self, client: ClientId) -> Self {
        self.lease.client = Some(client);
        self
    }

    /// Whether frames are also found by looking at the memory while no descriptor comes, so that a stopped neighbour
    /// costs no frame (E-01). On by default; switch it off for producers that may use a number twice (T-59).
    #[must_use]
    pub const fn with_watched_memory(mut self, on: bool) -> Self {
        self.watch_memory = on;
        self
    }

    /// Gaps above this many frames resynchronise to the newest (W-114); 256 by default.
    #[must_use]
    pub const fn with_max_outstanding_seq_gap(mut self, frames: u64) -> Self {
        self.max_gap = frames;
        self
    }

    pub(crate) const fn lease(&self) -> LeaseConfig {
        self.lease
    }
}

/// What a consumer tells its conductor.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Note {
    /// A descriptor of our stream named a higher epoch than the mapped one.
    Epoch(Epoch),
    /// The sequence fell within one image.
    Regression,
    /// The publisher went, or took us for too slow.
    ImageLost,
}

pub(crate) type ConsumerLink = Link<Mapping, AeronSubscription, Note>;

type Reading = Reader<Mapping, Box<[PayloadPool<Mapping>]>, Box<[u64]>>;

/// What a consumer dropped, by reason; never reset (C-114). Any thread may read it.
#[derive(Debug)]
pub struct ConsumerCounters {
    gap_drops: Counter,
    reasons: [Counter; DropReason::COUNT],
    malformed: Counter,
    found_in_memory: Counter,
}

impl Default for ConsumerCounters {
    fn default() -> Self {
        Self {
            gap_drops: Counter::default(),
            reasons: [const { Counter::new() }; DropReason::COUNT],
            malformed: Counter::default(),
            found_in_memory: Counter::default(),
        }
    }
}

impl ConsumerCounters {
    /// Frames never announced to us (`drops_gap`, T-45).
    pub fn gap_drops(&self) -> u64 {
        self.gap_drops.get()
    }

    /// Frames announced to us that failed a check (`drops_late`, T-45).
    pub fn late_drops(&self) -> u64 {
        self.sum(DropReason::is_late)
    }

    /// Frames announced while their memory was not mapped, or of another epoch: counted here only (T-45).
    pub fn local_drops(&self) -> u64 {
        self.sum(|reason| !reason.is_late())
    }

    /// Drops for one reason.
    pub fn drops(&self, reason: DropReason) -> u64 {
        self.reasons.get(reason.index()).map_or(0, Counter::get)
    }

    /// Descriptors that were none (T-37).
    pub fn malformed(&self) -> u64 {
        self.malformed.get()
    }

    /// Frames found by looking at the memory before, or without, their descriptor.
    pub fn found_in_memory(&self) -> u64 {
        self.found_in_memory.get()
    }

    fn sum(&self, which: impl Fn(DropReason) -> bool) -> u64 {
        let which = DropReason::ALL.iter().filter(|reason| which(**reason));
        which.fold(0, |sum, reason| sum.wrapping_add(self.drops(*reason)))
    }

    fn count(&self, reason: DropReason) {
        if let Some(counter) = self.reasons.get(reason.index()) {
            counter.add(1);
        }
    }
}

/// Polling cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsumeError {
    /// The client was closed, or the lease cannot be had any more.
    #[error("the consumer is closed")]
    Closed,
}

/// A consumer of one stream. It reattaches and remaps by itself; meanwhile polls return 0.
#[derive(Debug)]
pub struct Consumer {
    link: Arc<ConsumerLink>,
    seen: Generation,
    descriptors: Option<AeronSubscription>,
    /// A lost image that the conductor has not been told of.
    image_lost: bool,
    hot: Hot,
}

/// What a descriptor meets.
#[derive(Debug)]
struct Hot {
    stream: StreamId,
    reading: Option<Reading>,
    sequencer: Sequencer,
    counters: Arc<ConsumerCounters>,
    watch_memory: bool,
    /// Epoch of the last mapping.
    epoch: Option<Epoch>,
    /// Where watching begins before a frame was seen: at 0 in a new epoch; in one that was mapped before, the first
    /// descriptor tells, else frames would be handed out twice.
    begin: Option<u64>,
    /// What the conductor should know.
    note: Option<Note>,
}

impl Consumer {
    pub(crate) fn new(link: Arc<ConsumerLink>, config: &ConsumerConfig) -> Self {
        let mut sequencer = Sequencer::new();
        sequencer.set_max_gap(Some(config.max_gap));
        Self {
            link,
            seen: Generation::START,
            descriptors: None,
            image_lost: false,
            hot: Hot {
                stream: config.stream,
                reading: None,
                sequencer,
                counters: Arc::default(),
                watch_memory: config.watch_memory,
                epoch: None,
                begin: None,
                note: None,
            },
        }
    }

    /// The epoch that is mapped.
    pub fn epoch(&mut self) -> Option<Epoch> {
        self.catch_up();
        self.hot
            .reading
            .as_ref()
            .map(|reading| reading.regions().ring().shape().epoch)
    }

    /// What was dropped so far, readable from any thread.
    pub fn counters(&self) -> Arc<ConsumerCounters> {
        self.hot.counters.clone()
    }

    /// The number of the last frame seen in this epoch.
    pub fn last_seq(&self) -> Option<Seq> {
        self.hot.sequencer.last_seq()
    }

    /// Hands at most `limit` descriptors to `handler`, each with a one-shot reader of its frame, and returns how many
    /// arrived. After a gap, frames that are still in memory come first, at most a ring of them. Never waits.
    ///
    /// # Errors
    /// [`ConsumeError`]
    pub fn poll(
        &mut self,
        limit: u32,
        mut handler: impl FnMut(&FrameDescriptor, FrameReader<'_>),
    ) -> Result<u32, ConsumeError> {
        self.catch_up();
        if !self.seen.is_active() && self.link.is_closed() {
            return Err(ConsumeError::Closed);
        }
        let mut polled = 0;
        if let Some(descriptors) = &mut self.descriptors {
            let hot = &mut self.hot;
            let mut lost = false;
            descriptors.image_events(&mut |_, event| lost |= event == ImageEvent::Unavailable);
            // The end of another publisher on the stream is nothing to us while ours is there.
            let ours = hot.sequencer.image();
            self.image_lost |= lost && !ours.is_some_and(|image| descriptors.has_image(image));
            // Where the connection ended, another one is being set up.
            polled = descriptors
                .poll(limit, &mut |bytes, image| {
                    hot.on_descriptor(bytes, image, &mut handler)
                })
                .unwrap_or(0);
        }
        if polled == 0 {
            polled = self.hot.look_ahead(limit, &mut handler);
        }
        self.tell();
        Ok(polled)
    }

    /// Passes on what the conductor should know; what finds no room is passed on next time.
    #[inline]
    fn tell(&mut self) {
        if self.image_lost && self.link.note(Note::ImageLost) {
            self.image_lost = false;
        }
        if let Some(note) = self.hot.note
            && self.link.note(note)
        {
            self.hot.note = None;
        }
    }

    /// One load while nothing changed (C-092).
    #[inline]
    fn catch_up(&mut self) {
        if self.link.cell.moved(self.seen) {
            self.adopt();
        }
    }

    /// Takes what the conductor put into the mailboxes.
    #[cold]
    fn adopt(&mut self) {
        self.seen = self.link.cell.catch_up();
        if let Some(descriptors) = self.link.endpoint.take() {
            self.descriptors = Some(descriptors);
            self.image_lost = false;
            self.hot.sequencer.resubscribed();
        }
        let mapping = self.link.mapping.take();
        if !self.seen.is_active() {
            self.hot.reading = None;
        }
        if let Some(regions) = mapping {
            self.hot.read_from(regions);
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.link.abandon();
    }
}

impl Hot {
    fn read_from(&mut self, regions: Regions<Mapping>) {
        let accepted = vec![0; regions.ring().slots().get() as usize].into_boxed_slice();
        let epoch = Some(regions.ring().shape().epoch);
        self.begin = (self.epoch != epoch).then_some(0);
        self.epoch = epoch;
        self.reading = Reader::new(regions, accepted);
        self.sequencer.reset();
        self.note = None;
    }

    /// One descriptor: the steps of wire 3.3 up to the slot.
    fn on_descriptor(
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
            Arrival::Gap { missed } | Arrival::Resync { missed } => {
                self.counters.gap_drops.add(missed)
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
        self.hand_out(&descriptor, handler);
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

    /// While no descriptor comes: the frame after the last one may be in memory already (E-01).
    fn look_ahead(
        &mut self,
        limit: u32,
        handler: &mut impl FnMut(&FrameDescriptor, FrameReader<'_>),
    ) -> u32 {
        let mut found = 0;
        while self.watch_memory && found < limit {
            let after_last = |last: Seq| last.get().saturating_add(1);
            let Some(next) = self.sequencer.last_seq().map(after_last).or(self.begin) else {
                break;
            };
            let mut ahead = (next..next.saturating_add(LOOKAHEAD)).filter_map(Seq::new);
            let Some(later) = ahead.find(|seq| self.is_there(*seq)) else {
                break;
            };
            // Numbers are committed in order, so those before it, looked at too early, are there by now or never come.
            let mut again = (next..later.get()).filter_map(Seq::new);
            let seq = again.find(|seq| self.is_there(*seq)).unwrap_or(later);
            self.found(seq, handler);
            found = found.saturating_add(1);
        }
        found
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

/// Reads the frame of one descriptor, once.
#[derive(Debug)]
pub struct FrameReader<'a> {
    reading: &'a mut Reading,
    seq: Seq,
    counters: &'a ConsumerCounters,
}

impl<'a> FrameReader<'a> {
    /// The frame as its slot is now.
    ///
    /// # Errors
    /// Why it is dropped; already counted.
    pub fn read(self) -> Result<FrameView<'a>, DropReason> {
        match self.reading.read(self.seq) {
            Ok(frame) => Ok(FrameView {
                reading: self.reading,
                frame,
                counters: self.counters,
            }),
            Err(reason) => {
                self.counters.count(reason);
                Err(reason)
            }
        }
    }
}

/// A frame that was whole when it was read: its header copied, its payload still in shared memory.
#[derive(Debug)]
pub struct FrameView<'a> {
    reading: &'a Reading,
    frame: read::Frame,
    counters: &'a ConsumerCounters,
}

impl FrameView<'_> {
    /// Its number.
    pub const fn seq(&self) -> Seq {
        self.frame.seq
    }

    /// Type, shape and order of its elements.
    pub const fn tensor(&self) -> &TensorHeader {
        &self.frame.header.tensor
    }

    /// When it was captured, in nanoseconds of the producer's clock.
    pub const fn capture_ns(&self) -> Option<u64> {
        self.frame.header.timestamp_ns
    }

    /// The metadata that applies to it.
    pub const fn meta_version(&self) -> Option<u32> {
        self.frame.header.meta_version
    }

    /// Bytes of its payload.
    pub const fn payload_len(&self) -> usize {
        self.frame.header.values_len_bytes as usize
    }

    /// Where its payload is, for use in place: `None` for an empty one. What is made of it counts only if
    /// [`Self::revalidate`] agrees after the last use (T-20).
    pub fn payload_ptr(&self) -> Option<*const u8> {
        self.reading
            .payload(&self.frame)
            .map(|payload| payload.as_ptr())
    }

    /// Copies the payload to the start of `buffer` and checks that it was the frame's to the end.
    ///
    /// # Errors
    /// [`CopyError`]; an overwritten frame is counted as dropped.
    pub fn copy_to(&self, buffer: &mut [u8]) -> Result<usize, CopyError> {
        let copied = self.reading.copy_to(&self.frame, buffer);
        if copied == Err(CopyError::Overwritten) {
            self.counters.count(DropReason::Changed);
        }
        copied
    }

    /// Confirms that what was read from the payload so far was the frame's.
    ///
    /// # Errors
    /// [`Overwritten`], counted as dropped.
    pub fn revalidate(&self) -> Result<(), Overwritten> {
        self.reading
            .revalidate(&self.frame)
            .inspect_err(|_| self.counters.count(DropReason::Changed))
    }
}
