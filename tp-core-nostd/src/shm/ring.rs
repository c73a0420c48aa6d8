//! The header ring: one slot per frame in flight, each behind its own commit word (wire 2.3, 3).

use super::layout::{RegionKind, RegionShape};
use super::region::{HEADER_WORDS, HeaderSlots, Region, WritableRegion};
use super::seqlock::{CommitReader, CommitWord, CommitWriter};
use super::slot::SlotImage;
use super::superblock::{RegionError, Superblock};
use crate::seq::{Seq, SlotCount, SlotIndex};
use crate::sync::Word;

/// A region whose superblock was found to be that of the announced header ring. Holds the region.
#[derive(Clone, Copy, Debug)]
pub struct HeaderRing<R> {
    slots: HeaderSlots<R>,
    shape: RegionShape,
}

impl<R: Region> HeaderRing<R> {
    /// Takes `region` for the header ring that was announced, after checking that it is (W-024).
    ///
    /// # Errors
    /// See [`RegionError`]; a shape that is no ring's counts as invalid.
    pub fn open(region: R, announced: &RegionShape) -> Result<Self, RegionError> {
        let RegionKind::HeaderRing = announced.kind else {
            return Err(RegionError::Invalid {
                field: "regionType",
                got: 2,
            });
        };
        Superblock::load_as(region.view(), announced)?;
        Ok(Self {
            slots: HeaderSlots::new(region, announced.slots)?,
            shape: *announced,
        })
    }

    /// What it holds.
    pub const fn shape(&self) -> &RegionShape {
        &self.shape
    }

    /// How many slots there are.
    pub const fn slots(&self) -> SlotCount {
        self.slots.slots().count()
    }

    /// Its memory.
    pub const fn region(&self) -> &R {
        self.slots.slots().region()
    }

    /// The superblock as it is now, checked again (W-027).
    ///
    /// # Errors
    /// What [`HeaderRing::open`] would refuse by now.
    pub fn superblock(&self) -> Result<Superblock, RegionError> {
        Superblock::load_as(self.region().view(), &self.shape)
    }

    /// One slot; that of a frame is at [`SlotCount::slot_of`].
    #[inline]
    pub fn slot(&self, index: SlotIndex) -> SlotReader<'_> {
        SlotReader(self.slots.at(index))
    }

    /// One slot, for writing.
    #[inline]
    pub fn slot_writer(&self, index: SlotIndex) -> SlotWriter<'_>
    where
        R: WritableRegion,
    {
        SlotWriter(self.slots.at(index))
    }
}

/// A header slot to read. Between [`SlotReader::load`] and [`SlotReader::is_still`] nothing read is trusted.
#[derive(Clone, Copy, Debug)]
pub struct SlotReader<'a>(&'a [Word; HEADER_WORDS]);

impl<'a> SlotReader<'a> {
    /// The commit word now, kept before every later read. `None` if it changed while it was read (see
    /// [`CommitReader::load`]).
    #[inline]
    pub fn load(&self) -> Option<CommitWord> {
        self.commit().load()
    }

    /// Copies the slot; the place of the commit word stays zero.
    #[inline]
    pub fn copy(&self) -> SlotImage {
        let mut words = [0; HEADER_WORDS];
        for (copy, word) in words.iter_mut().zip(self.0).skip(1) {
            *copy = word.load();
        }
        SlotImage::from_words(words)
    }

    /// Whether the commit word is still `seen`, after every earlier read of slot and payload.
    #[inline]
    pub fn is_still(&self, seen: CommitWord) -> bool {
        self.commit().is_still(seen)
    }

    fn commit(&self) -> CommitReader<'a> {
        let [commit, ..] = self.0;
        CommitReader::new(commit)
    }
}

/// A header slot to write: begin, payload and header in any order, commit (wire 3.2).
#[derive(Clone, Copy, Debug)]
pub struct SlotWriter<'a>(&'a [Word; HEADER_WORDS]);

impl<'a> SlotWriter<'a> {
    /// Marks the slot as being written for `seq`, before every later write of slot and payload.
    #[inline]
    pub fn begin(&self, seq: Seq) {
        self.commit_word().begin(seq);
    }

    /// Writes all of the slot but the commit word.
    #[inline]
    pub fn write(&self, image: &SlotImage) {
        for (word, value) in self.0.iter().zip(image.words()).skip(1) {
            word.store(*value);
        }
    }

    /// Marks the frame as whole, after every earlier write of slot and payload.
    #[inline]
    pub fn commit(&self, seq: Seq) {
        self.commit_word().commit(seq);
    }

    fn commit_word(&self) -> CommitWriter<'a> {
        let [commit, ..] = self.0;
        CommitWriter::new(commit)
    }
}
