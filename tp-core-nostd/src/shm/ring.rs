//! The header ring: one slot per frame in flight, each behind its own commit word (wire 2.3, 3).

use super::error::RegionError;
use super::layout::{RegionKind, RegionShape};
use super::region::{HEADER_WORDS, HeaderSlots, Region, WritableRegion};
use super::seqlock::{CommitReader, CommitWord, CommitWriter};
use super::slot::SlotImage;
use super::superblock::Superblock;
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

/// Words behind the commit word that hold fields. The rest of the slot is padding, a third of its words and one of its
/// four cache lines, which neither side touches.
const FIELD_WORDS: usize = SlotImage::FIELDS_END.div_ceil(8).wrapping_sub(1);

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

    /// Copies the fields of the slot; the place of the commit word and the padding at the end stay zero.
    #[inline]
    pub fn copy(&self) -> SlotImage {
        let mut image = SlotImage::zeroed();
        self.copy_to(&mut image);
        image
    }

    /// As [`SlotReader::copy`], over an earlier copy.
    #[inline]
    pub(crate) fn copy_to(&self, image: &mut SlotImage) {
        let ([_, copies @ ..], [_, slot @ ..]) = (image.words_mut(), self.0);
        for (copy, word) in copies.iter_mut().zip(slot).take(FIELD_WORDS) {
            *copy = word.load();
        }
    }

    /// Whether the commit word is still `seen`, after every earlier read of slot and payload.
    #[inline]
    pub fn is_still(&self, seen: CommitWord) -> bool {
        self.commit().is_still(seen)
    }

    /// The commit word after every earlier read of slot and payload.
    #[inline]
    pub fn load_after(&self) -> Option<CommitWord> {
        self.commit().load_after()
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

    /// Writes the fields of the slot, all but the commit word; the padding at the end is nobody's (W-067).
    #[inline]
    pub fn write(&self, image: &SlotImage) {
        let ([_, slot @ ..], [_, values @ ..]) = (self.0, image.words());
        for (word, value) in slot.iter().zip(values).take(FIELD_WORDS) {
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

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]
mod tests {
    use super::*;
    use crate::ids::{Epoch, PoolId, StreamId};
    use crate::shm::{Dtype, Line, MajorOrder, SlotFrame, TensorHeader};

    const SLOTS: SlotCount = SlotCount::new(2).unwrap();

    fn shape() -> RegionShape {
        RegionShape {
            stream_id: StreamId::new(1).unwrap(),
            epoch: Epoch::new(1).unwrap(),
            slots: SLOTS,
            kind: RegionKind::HeaderRing,
        }
    }

    fn created() -> [Line; 9] {
        let memory = core::array::from_fn(|_| Line::zeroed());
        let superblock = Superblock {
            shape: shape(),
            pid: 1,
            start_ns: 1,
            activity_ns: 1,
        };
        superblock.create(memory.as_slice().writer()).unwrap();
        memory
    }

    fn image(seq: Seq) -> SlotImage {
        let tensor = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[4]).unwrap();
        let mut image = SlotImage::new(&tensor);
        image.set_frame(&SlotFrame {
            slot: SLOTS.slot_of(seq),
            pool_id: PoolId::new(1).unwrap(),
            values_len_bytes: 4,
            timestamp_ns: seq.get(),
            meta_version: 0,
        });
        image
    }

    #[test] // req: W-063, W-065, W-090, W-094, W-096
    fn slots_are_256_bytes_apart_behind_the_superblock_and_begin_with_their_commit_word() {
        let memory = created();
        let ring = HeaderRing::open(memory.as_slice(), &shape()).unwrap();
        assert_eq!((ring.slots(), ring.shape()), (SLOTS, &shape()));
        let seq = Seq::new(3).unwrap();
        let slot = ring.slot_writer(ring.slots().slot_of(seq));
        let commit_word = || memory.as_slice().view().load((64 + 256) / 8);

        slot.begin(seq);
        assert_eq!(commit_word(), Ok(3 << 1));
        slot.write(&image(seq));
        assert_eq!(commit_word(), Ok(3 << 1));
        slot.commit(seq);
        assert_eq!(commit_word(), Ok(3 << 1 | 1));
        let first = |word| memory.as_slice().view().load(word).unwrap();
        assert!((8..40).all(|word| first(word) == 0));
    }

    #[test] // req: W-097, W-098, W-099
    fn a_reader_tells_whole_frames_from_others() {
        let memory = created();
        let ring = HeaderRing::open(memory.as_slice(), &shape()).unwrap();
        let (seq, next) = (Seq::new(4).unwrap(), Seq::new(6).unwrap());
        let (reader, writer) = (
            ring.slot(SLOTS.slot_of(seq)),
            ring.slot_writer(SLOTS.slot_of(seq)),
        );

        // Fresh memory speaks of frame 0, in progress.
        assert_eq!(reader.load(), Some(CommitWord::in_progress(Seq::FIRST)));

        writer.begin(seq);
        assert_eq!(reader.load(), Some(CommitWord::in_progress(seq)));
        writer.write(&image(seq));
        writer.commit(seq);

        let seen = reader.load().unwrap();
        assert_eq!(seen, CommitWord::committed(seq));
        assert_eq!(reader.copy(), image(seq));
        assert!(reader.is_still(seen));
        writer.begin(next);
        assert!(!reader.is_still(seen));
        writer.commit(next);
        assert!(!reader.is_still(seen));
    }

    #[test] // req: W-067, W-091
    fn nothing_of_an_older_frame_shines_through() {
        let memory = created();
        let ring = HeaderRing::open(memory.as_slice(), &shape()).unwrap();
        for word in 8..memory.len() * 8 {
            memory.as_slice().writer().store(word, u64::MAX).unwrap();
        }
        let seq = Seq::FIRST;
        ring.slot_writer(SLOTS.slot_of(seq)).write(&image(seq));
        assert_eq!(ring.slot(SLOTS.slot_of(seq)).copy(), image(seq));
    }

    #[test] // req: W-024, W-027, W-028, W-030
    fn only_the_announced_ring_opens_and_it_is_checked_again() {
        let memory = created();
        let other = RegionShape {
            slots: SlotCount::new(4).unwrap(),
            ..shape()
        };
        assert!(HeaderRing::open(memory.as_slice(), &other).is_err());
        let short = &memory[..8];
        assert!(matches!(
            HeaderRing::open(short, &shape()),
            Err(RegionError::TooShort(_))
        ));
        let ring = HeaderRing::open(memory.as_slice(), &shape()).unwrap();
        assert_eq!(ring.superblock().map(|superblock| superblock.pid), Ok(1));
        memory.as_slice().writer().store(0, 0).unwrap();
        assert_eq!(ring.superblock(), Err(RegionError::Magic { got: 0 }));
    }
}
