//! The seqlock: one word that tells a reader whether what it read is one whole frame (wire 3.1, T-19).
//!
//! ```text
//!  writer                                   reader
//!  begin(seq)   word = in progress          load      word, relaxed; acquire fence
//!               release fence               …         relaxed reads of the frame
//!  …            relaxed writes of the frame unchanged acquire fence; word, relaxed, is still the same
//!  commit(seq)  word = committed, release
//! ```
//!
//! The fences look superfluous and are not. A release store orders what came *before* it, so without the writer's
//! fence bytes of the new frame may be seen while the word still shows the old one. An acquire load orders what comes
//! *after* it, so without the reader's second fence the bytes may be read after the word was checked. Loom finds a torn
//! frame at once when any of the three is taken out (`tests/loom_seqlock.rs`).

use crate::seq::Seq;
use crate::sync::{FencePoint, Word, fence_at};

/// The value of a commit word: a sequence, and whether its frame is whole (wire 3.1). Greater means later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CommitWord(u64);

impl CommitWord {
    /// What stands in the slot of `seq` while it is written.
    pub const fn in_progress(seq: Seq) -> Self {
        Self(seq.get() << 1)
    }

    /// What stands in the slot of `seq` once its frame is whole.
    pub const fn committed(seq: Seq) -> Self {
        Self(seq.get() << 1 | 1)
    }

    /// The word with these bits; every bit pattern is one.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The word as it stands in memory.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The frame it speaks of. Fresh memory speaks of frame 0, in progress.
    pub const fn seq(self) -> Seq {
        match Seq::new(self.0 >> 1) {
            Some(seq) => seq,
            None => Seq::LAST, // unreachable: 63 bits always fit
        }
    }

    /// Whether the frame is whole.
    pub const fn is_committed(self) -> bool {
        self.0 & 1 == 1
    }
}

/// The reader's side of one commit word.
#[derive(Clone, Copy, Debug)]
pub struct CommitReader<'a>(&'a Word);

impl<'a> CommitReader<'a> {
    pub(super) const fn new(word: &'a Word) -> Self {
        Self(word)
    }

    /// The word now, kept before every later read. `None` if it changed while it was read, which only a CPU without
    /// 64-bit loads ever sees (E-03): treat it as in progress.
    #[inline]
    pub fn load(&self) -> Option<CommitWord> {
        let bits = self.0.load_stable();
        fence_at(FencePoint::AfterFirstLoad);
        bits.map(CommitWord)
    }

    /// Whether the word is still `seen`, after every earlier read. If so, and `seen` is committed, what was read since
    /// [`CommitReader::load`] is of one frame.
    #[inline]
    pub fn is_still(&self, seen: CommitWord) -> bool {
        self.load_after() == Some(seen)
    }

    /// The word now, after every earlier read.
    #[inline]
    pub fn load_after(&self) -> Option<CommitWord> {
        fence_at(FencePoint::BeforeSecondLoad);
        self.0.load_stable().map(CommitWord)
    }
}

/// The writer's side of one commit word. One writer per slot at a time (W-274).
#[derive(Clone, Copy, Debug)]
pub struct CommitWriter<'a>(&'a Word);

impl<'a> CommitWriter<'a> {
    pub(super) const fn new(word: &'a Word) -> Self {
        Self(word)
    }

    /// Marks the slot as being written for `seq`, before every later write.
    #[inline]
    pub fn begin(&self, seq: Seq) {
        self.0.begin(CommitWord::in_progress(seq).0);
        fence_at(FencePoint::AfterBegin);
    }

    /// Marks the frame `seq`, for which the slot was begun, as whole, after every earlier write.
    #[inline]
    pub fn commit(&self, seq: Seq) {
        self.0.commit(CommitWord::committed(seq).0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: W-089, T-43
    fn words_carry_63_bits_of_sequence_and_one_of_state() {
        for raw in [0, 1, 7, u64::from(u32::MAX), (1 << 63) - 1] {
            let seq = Seq::new(raw).unwrap();
            let (open, whole) = (CommitWord::in_progress(seq), CommitWord::committed(seq));
            assert_eq!(open.to_bits(), raw << 1);
            assert_eq!(whole.to_bits(), raw << 1 | 1);
            assert_eq!((open.seq(), open.is_committed()), (seq, false));
            assert_eq!((whole.seq(), whole.is_committed()), (seq, true));
            assert!(open < whole);
        }
        assert_eq!(
            CommitWord::from_bits(0),
            CommitWord::in_progress(Seq::FIRST)
        );
    }
}
