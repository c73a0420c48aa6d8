//! What a consumer counts.

use tp_core_nostd::proto::read::DropReason;
use tp_core_nostd::seq::Seq;

use crate::link::Counter;

/// What a consumer dropped, by reason; never reset (C-114). Any thread may read it. A frame that was too many on the shared
/// stream and then comes through a stream of its consumer's own is not dropped any more.
#[derive(Debug)]
pub struct ConsumerCounters {
    pub(super) gap_drops: Counter,
    reasons: [Counter; DropReason::COUNT],
    pub(super) malformed: Counter,
    pub(super) found_in_memory: Counter,
    pub(super) progress_violations: Counter,
    /// The conductor's alone.
    pub(super) progress_missed: Counter,
    /// One above the number of the last frame seen; 0 is none.
    seen: Counter,
}

impl Default for ConsumerCounters {
    fn default() -> Self {
        Self {
            gap_drops: Counter::default(),
            reasons: [const { Counter::new() }; DropReason::COUNT],
            malformed: Counter::default(),
            found_in_memory: Counter::default(),
            progress_violations: Counter::default(),
            progress_missed: Counter::default(),
            seen: Counter::default(),
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

    /// Progress messages that broke a rule (C-116).
    pub fn progress_violations(&self) -> u64 {
        self.progress_violations.get()
    }

    /// Progress messages of the shared control stream that were displaced by newer ones before they were polled.
    pub fn progress_missed(&self) -> u64 {
        self.progress_missed.get()
    }

    /// The last frame seen, of any epoch, whatever became of it (T-42).
    pub fn last_seq(&self) -> Option<Seq> {
        self.seen.get().checked_sub(1).and_then(Seq::new)
    }

    pub(super) fn see(&self, seq: Seq) {
        self.seen.set(seq.get().saturating_add(1));
    }

    fn sum(&self, which: impl Fn(DropReason) -> bool) -> u64 {
        let which = DropReason::ALL.iter().filter(|reason| which(**reason));
        which.fold(0, |sum, reason| sum.wrapping_add(self.drops(*reason)))
    }

    /// A frame that was counted is read after all.
    pub(super) fn take_back(&self, reason: DropReason) {
        if let Some(counter) = self.reasons.get(reason.index()) {
            counter.set(counter.get().saturating_sub(1));
        }
    }

    pub(super) fn count(&self, reason: DropReason) {
        if let Some(counter) = self.reasons.get(reason.index()) {
            counter.add(1);
        }
    }
}
