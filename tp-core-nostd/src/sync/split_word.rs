//! The word of a CPU without 64-bit atomics: two halves, low first in memory (E-03).
//!
//! The commit itself only flips bit 0, so it is one 32-bit store. Whoever reads all 64 bits at once in the middle of a
//! change sees bit 0 clear, because it is cleared before the high half moves and set after.

use super::{AtomicU32, FencePoint, Ordering, fence_at};

/// Eight bytes of shared memory, little-endian, written in two halves.
#[derive(Debug)]
#[repr(C, align(8))]
pub struct SplitWord {
    low: AtomicU32,
    high: AtomicU32,
}

impl SplitWord {
    /// A word holding `value`.
    #[cfg(not(loom))]
    pub const fn new(value: u64) -> Self {
        let (low, high) = halves(value);
        Self {
            low: AtomicU32::new(low),
            high: AtomicU32::new(high),
        }
    }

    /// A word holding `value`.
    #[cfg(loom)]
    pub fn new(value: u64) -> Self {
        let (low, high) = halves(value);
        Self {
            low: AtomicU32::new(low),
            high: AtomicU32::new(high),
        }
    }

    /// Relaxed load. The halves may be of different stores; a seqlock around it tells.
    #[inline]
    pub fn load(&self) -> u64 {
        let low = self.low.load(Ordering::Relaxed);
        joined(low, self.high.load(Ordering::Relaxed))
    }

    /// Load of a word that changes while it is read; `None` if its low half did.
    #[inline]
    pub fn load_stable(&self) -> Option<u64> {
        let low = self.low.load(Ordering::Acquire);
        let high = self.high.load(Ordering::Acquire);
        (self.low.load(Ordering::Acquire) == low).then(|| joined(low, high))
    }

    /// Load by a machine whose bus brings 64 bits in two parts, in either order.
    #[cfg(loom)]
    pub fn load_by_parts(&self, high_first: bool) -> u64 {
        if high_first {
            let high = self.high.load(Ordering::Relaxed);
            joined(self.low.load(Ordering::Relaxed), high)
        } else {
            self.load()
        }
    }

    /// Relaxed store, in two halves.
    #[inline]
    pub fn store(&self, value: u64) {
        let (low, high) = halves(value);
        self.low.store(low, Ordering::Relaxed);
        self.high.store(high, Ordering::Relaxed);
    }

    /// Stores a commit word whose bit 0 is clear: first the half with that bit, so that no mixture shows it set. The
    /// barrier that E-03 wants behind it is the one every writer has there ([`FencePoint::AfterBegin`]).
    #[inline]
    pub fn begin(&self, in_progress: u64) {
        let (low, high) = halves(in_progress);
        self.low.store(low, Ordering::Release);
        fence_at(FencePoint::BetweenHalves);
        self.high.store(high, Ordering::Relaxed);
    }

    /// Sets bit 0 of the commit word that [`SplitWord::begin`] stored, after everything stored before.
    #[inline]
    pub fn commit(&self, committed: u64) {
        self.low.store(halves(committed).0, Ordering::Release);
    }

    /// Stores a word that is no commit word, after everything stored before. Readers may see half of it: right for the
    /// magic, where half is no magic; not for time stamps, which a CPU without 64-bit stores leaves to others (E-03).
    #[inline]
    pub fn publish(&self, value: u64) {
        let (low, high) = halves(value);
        self.low.store(low, Ordering::Release);
        self.high.store(high, Ordering::Release);
    }
}

const fn halves(value: u64) -> (u32, u32) {
    // Truncation is the point: the lower, then the upper 32 bits.
    (value as u32, (value >> 32) as u32)
}

fn joined(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: E-03
    fn a_half_written_commit_word_never_shows_bit_0() {
        // From the last word below a carry into the high half to the first above it.
        let old = 0x0000_0001_FFFF_FFF1;
        let new = 0x0000_0002_0000_0000;
        let word = SplitWord::new(old);
        word.low.store(halves(new).0, Ordering::Relaxed); // begin, stopped half-way
        assert_eq!(word.load() & 1, 0);
        word.begin(new);
        assert_eq!(word.load_stable(), Some(new));
        word.commit(new | 1);
        assert_eq!(word.load_stable(), Some(new | 1));
    }

    #[test] // req: E-03, W-002
    fn the_low_half_comes_first_in_memory() {
        let word = SplitWord::new(0);
        word.store(0x0807_0605_0403_0201);
        assert_eq!(word.low.load(Ordering::Relaxed), 0x0403_0201);
        assert_eq!(core::mem::offset_of!(SplitWord, low), 0);
        assert_eq!((size_of::<SplitWord>(), align_of::<SplitWord>()), (8, 8));
        word.publish(7);
        assert_eq!(word.load(), 7);
    }
}
