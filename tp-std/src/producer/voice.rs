//! What a producer says besides its frames, on its way to the conductor, which sends it: how far it has come, what its
//! source is like, blobs. Nothing here waits for anybody.

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crossbeam_queue::ArrayQueue;
use tp_core_nostd::ids::Epoch;
use tp_core_nostd::proto::blob::BlobSender;
use tp_core_nostd::proto::metadata::SourceDescription;
use tp_core_nostd::proto::qos::ProducerFigures;
use tp_core_nostd::seq::Seq;

/// Versions of the metadata that may wait to be told; a further one displaces the oldest.
const DESCRIPTIONS: usize = 16;
/// Blobs that may wait to be sent.
pub(super) const BLOBS: usize = 4;
/// No watermark: as on the wire (T-23).
const NO_WATERMARK: u32 = u32::MAX;

pub(crate) type Description = SourceDescription<Box<[u8]>>;
pub(crate) type Blob = BlobSender<Box<[u8]>>;

/// Shared by the halves of a producer.
#[derive(Debug)]
pub(crate) struct Voice {
    /// Whether there is a metadata stream.
    pub(super) is_heard: bool,
    figures: Figures,
    /// Role to conductor.
    descriptions: ArrayQueue<Description>,
    /// Role to conductor.
    blobs: ArrayQueue<Blob>,
    /// Blobs that were not sent to their end.
    blobs_open: AtomicU32,
    qos_asked: AtomicBool,
    source_asked: AtomicBool,
}

impl Voice {
    /// The halves of a producer whose metadata has a stream, or not.
    pub(crate) fn new(is_heard: bool) -> Self {
        Self {
            is_heard,
            figures: Figures::default(),
            descriptions: ArrayQueue::new(DESCRIPTIONS),
            blobs: ArrayQueue::new(BLOBS),
            blobs_open: AtomicU32::new(0),
            qos_asked: AtomicBool::new(false),
            source_asked: AtomicBool::new(false),
        }
    }

    pub(crate) const fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Role: this applies from now on.
    pub(crate) fn describe(&self, description: Description) {
        drop(self.descriptions.force_push(description));
    }

    /// Conductor: what applies next.
    pub(crate) fn next_description(&self) -> Option<Description> {
        self.descriptions.pop()
    }

    pub(super) fn has_no_room(&self) -> bool {
        self.blobs.is_full()
    }

    /// Role: one more blob, where there is room.
    pub(crate) fn send_blob(&self, blob: Blob) {
        if self.blobs.push(blob).is_ok() {
            self.blobs_open.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn blobs_open(&self) -> u32 {
        self.blobs_open.load(Ordering::Relaxed)
    }

    /// Conductor: the next blob to send.
    pub(crate) fn next_blob(&self) -> Option<Blob> {
        self.blobs.pop()
    }

    /// Conductor: a blob is through.
    pub(crate) fn blob_ended(&self) {
        self.blobs_open.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn ask_qos(&self) {
        self.qos_asked.store(true, Ordering::Relaxed);
    }

    /// Conductor: whether figures are asked for. Says so once.
    pub(crate) fn is_qos_asked(&self) -> bool {
        self.qos_asked.load(Ordering::Relaxed) && self.qos_asked.swap(false, Ordering::Relaxed)
    }

    pub(super) fn ask_source(&self) {
        self.source_asked.store(true, Ordering::Relaxed);
    }

    /// Conductor: whether announce and metadata are asked for. Says so once.
    pub(crate) fn is_source_asked(&self) -> bool {
        self.source_asked.load(Ordering::Relaxed)
            && self.source_asked.swap(false, Ordering::Relaxed)
    }
}

/// How far a producer has come. Written by its thread, a store per frame into a cache line nobody else writes.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Figures {
    epoch: AtomicU64,
    next_seq: AtomicU64,
    watermark: AtomicU32,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            epoch: AtomicU64::new(0),
            next_seq: AtomicU64::new(0),
            watermark: AtomicU32::new(NO_WATERMARK),
        }
    }
}

impl Figures {
    /// Role: writes the memory of this epoch from now on.
    pub(super) fn begin(&self, epoch: Epoch) {
        self.next_seq.store(Seq::FIRST.get(), Ordering::Relaxed);
        // Whoever sees the epoch sees no number of an older one.
        self.epoch.store(epoch.get(), Ordering::Release);
    }

    /// Role: this number comes next.
    #[inline]
    pub(super) fn advance(&self, next: Option<Seq>) {
        let next = next.unwrap_or(Seq::LAST);
        self.next_seq.store(next.get(), Ordering::Relaxed);
    }

    pub(super) fn set_watermark(&self, watermark: Option<u32>) {
        let watermark = watermark.unwrap_or(NO_WATERMARK);
        self.watermark.store(watermark, Ordering::Relaxed);
    }

    /// Conductor: what can be told while `mapped` is the epoch (T-22, T-54).
    pub(crate) fn read(&self, mapped: Option<Epoch>) -> ProducerFigures {
        let written = Epoch::new(self.epoch.load(Ordering::Acquire));
        let next = Seq::new(self.next_seq.load(Ordering::Relaxed));
        let watermark = self.watermark.load(Ordering::Relaxed);
        ProducerFigures {
            epoch: mapped,
            // The role may not have noticed a new epoch, whose first number is still to come.
            next_seq: next
                .filter(|_| mapped.is_some() && written == mapped)
                .unwrap_or(Seq::FIRST),
            watermark: (watermark != NO_WATERMARK).then_some(watermark),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: C-077, T-22, T-23
    fn figures_are_those_of_the_mapped_epoch() {
        let figures = Figures::default();
        let (old, new) = (Epoch::new(5), Epoch::new(6));
        let nothing = figures.read(None);
        assert_eq!((nothing.epoch, nothing.watermark), (None, None));
        figures.begin(old.unwrap());
        figures.advance(Seq::new(41));
        figures.set_watermark(Some(3));
        let told = figures.read(old);
        assert_eq!((told.next_seq.get(), told.watermark), (41, Some(3)));
        // The conductor maps first, the role notices later.
        assert_eq!(figures.read(new).next_seq, Seq::FIRST);
        figures.begin(new.unwrap());
        assert_eq!(figures.read(new).next_seq, Seq::FIRST);
        figures.set_watermark(None);
        assert_eq!(figures.read(new).watermark, None);
    }

    #[test]
    fn a_request_is_heard_once() {
        let voice = Voice::new(true);
        assert!(!voice.is_qos_asked() && !voice.is_source_asked());
        voice.ask_qos();
        voice.ask_source();
        assert!(voice.is_qos_asked() && voice.is_source_asked());
        assert!(!voice.is_qos_asked() && !voice.is_source_asked());
    }
}
