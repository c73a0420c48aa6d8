//! What a consumer counts.

use tp_core_nostd::proto::read::DropReason;

use crate::link::Counter;

/// What a consumer dropped, by reason; never reset (C-114). Any thread may read it.
#[derive(Debug)]
pub struct ConsumerCounters {
    pub(super) gap_drops: Counter,
    reasons: [Counter; DropReason::COUNT],
    pub(super) malformed: Counter,
    pub(super) found_in_memory: Counter,
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

    pub(super) fn count(&self, reason: DropReason) {
        if let Some(counter) = self.reasons.get(reason.index()) {
            counter.add(1);
        }
    }
}
