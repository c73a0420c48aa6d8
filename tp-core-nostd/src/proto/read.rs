//! Reading a frame in place: whole and the expected one, or dropped with a reason (wire 3.3 steps 3 to 10).
//!
//! ```text
//! read(seq) ──▶ Frame ──▶ copy_to(frame, buffer)      the safe way: copies, then checks again
//!    │                └─▶ payload(frame), revalidate  in place: what was made of it counts only if the check holds
//!    └────────▶ DropReason                            count it, go on; nothing waits, nothing is retried
//! ```
//!
//! An example is at [`publish`](super::publish).

use core::cmp::Ordering;

use super::progress::Prefixes;
use super::regions::StreamRegions;
use crate::seq::{Seq, SlotIndex};
use crate::shm::{
    CommitWord, Dtype, MajorOrder, PayloadPool, Region, RegionView, SlotError, SlotHeader,
    SlotImage, TensorHeader,
};

mod ahead;
mod drops;

pub use ahead::{Ahead, NotAhead};
pub use drops::{DropCounts, DropReason};

/// A frame that was whole when it was read. The header is a copy; the payload is still in shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Frame {
    /// Its number.
    pub seq: Seq,
    /// Its slot, in the ring and in the pool.
    pub slot: SlotIndex,
    /// What its header says.
    pub header: SlotHeader,
}

/// The producer began to overwrite the frame: what was read of its payload must be discarded (T-20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Overwritten;

impl core::fmt::Display for Overwritten {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the frame was overwritten while it was read")
    }
}

impl core::error::Error for Overwritten {}

/// Why a payload was not copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum CopyError {
    /// The frame is gone; the buffer holds nothing that counts.
    Overwritten,
    /// The buffer is too short; nothing was copied.
    DoesNotFit {
        /// Bytes of the payload.
        needed: usize,
        /// Bytes of the buffer.
        got: usize,
    },
}

impl core::fmt::Display for CopyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Overwritten => Overwritten.fmt(f),
            Self::DoesNotFit { needed, got } => {
                write!(f, "the payload has {needed} bytes, the buffer {got}")
            }
        }
    }
}

impl core::error::Error for CopyError {}

/// Reads the frames of one mapping. `W` lends one word per slot of the ring, the last accepted of each (3.3 step 4).
#[derive(Clone, Debug)]
pub struct Reader<R, P, W> {
    regions: StreamRegions<R, P>,
    accepted: W,
    /// The slot read last.
    image: SlotImage,
    known: Known,
}

/// A tensor that passed its checks, and the words it stood in: most frames have the same again.
#[derive(Clone, Debug)]
struct Known {
    words: [u64; SlotImage::TENSOR_WORDS],
    tensor: TensorHeader,
    /// Once a frame of it was read ahead.
    prefixes: Option<Prefixes>,
}

impl Known {
    /// Checks the tensor in this copy of a slot, and holds it. What was checked is what is used: the words are our own, and
    /// the same words make the same tensor, whichever slot and frame they were copied from.
    #[inline]
    fn check(&mut self, image: &SlotImage) -> Result<(), SlotError> {
        match self.words == *image.tensor_words() {
            true => Ok(()),
            false => self.learn(image),
        }
    }

    /// Checks a tensor that was not held.
    #[cold]
    fn learn(&mut self, image: &SlotImage) -> Result<(), SlotError> {
        self.tensor = image.tensor()?;
        self.words = *image.tensor_words();
        self.prefixes = None;
        Ok(())
    }

    /// What the tensor lets prefixes be.
    #[inline]
    fn prefixes(&mut self) -> &Prefixes {
        let tensor = &self.tensor;
        self.prefixes.get_or_insert_with(|| Prefixes::of(tensor))
    }
}

impl<R, P, W> Reader<R, P, W>
where
    R: Region,
    P: AsRef<[PayloadPool<R>]>,
    W: AsRef<[u64]> + AsMut<[u64]>,
{
    /// A reader of freshly mapped regions. `None` if `accepted` has fewer words than the ring has slots.
    pub fn new(regions: StreamRegions<R, P>, mut accepted: W) -> Option<Self> {
        let slots = regions.ring().slots().get() as usize;
        accepted.as_mut().get_mut(..slots)?.fill(0);
        // Any tensor will do to begin with.
        let tensor = TensorHeader::contiguous(Dtype::Bytes, MajorOrder::Row, &[0]).ok()?;
        let image = SlotImage::new(&tensor);
        let words = *image.tensor_words();
        Some(Self {
            regions,
            accepted,
            image,
            known: Known {
                words,
                tensor,
                prefixes: None,
            },
        })
    }

    /// The regions it reads.
    pub const fn regions(&self) -> &StreamRegions<R, P> {
        &self.regions
    }

    /// Whether the slot of frame `seq` holds it whole at the moment: what a consumer that watches the memory looks at
    /// (E-01).
    #[inline]
    pub fn is_committed(&self, seq: Seq) -> bool {
        let ring = self.regions.ring();
        ring.slot(ring.slots().slot_of(seq)).load() == Some(CommitWord::committed(seq))
    }

    /// Reads frame `seq` as its slot is now.
    ///
    /// # Errors
    /// Why the frame is dropped; count it.
    pub fn read(&mut self, seq: Seq) -> Result<Frame, DropReason> {
        let ring = self.regions.ring();
        let slot = ring.slots().slot_of(seq);
        let memory = ring.slot(slot);
        let word = match memory.load() {
            Some(word) if word.is_committed() => word,
            _ => return Err(DropReason::InProgress),
        };
        let accepted = self.accepted.as_mut().get_mut(slot.get() as usize);
        if accepted
            .as_deref()
            .is_some_and(|last| word.to_bits() < *last)
        {
            return Err(DropReason::Stale);
        }
        match word.seq().cmp(&seq) {
            Ordering::Equal => {}
            Ordering::Greater => return Err(DropReason::Lapped),
            Ordering::Less => return Err(DropReason::NotThere),
        }
        memory.copy_to(&mut self.image);
        if !memory.is_still(word) {
            return Err(DropReason::Changed);
        }
        let stride_of = |id| self.regions.pool(id).map(PayloadPool::stride);
        let frame = self.image.frame(slot, stride_of)?;
        self.known.check(&self.image)?;
        if let Some(last) = accepted {
            *last = word.to_bits();
        }
        Ok(Frame {
            seq,
            slot,
            header: SlotHeader::new(&frame, self.known.tensor),
        })
    }

    /// Copies the payload to the start of `buffer`, then checks that it was the frame's to the end. Returns its length.
    ///
    /// # Errors
    /// [`CopyError`]
    pub fn copy_to(&self, frame: &Frame, buffer: &mut [u8]) -> Result<usize, CopyError> {
        let (needed, got) = (frame.header.values_len_bytes as usize, buffer.len());
        let wanted = buffer.get_mut(..needed);
        let wanted = wanted.ok_or(CopyError::DoesNotFit { needed, got })?;
        self.copy_part(frame, 0, wanted)
            .map_err(|_| CopyError::Overwritten)?;
        Ok(needed)
    }

    /// Copies as many bytes as `part` takes, from byte `offset` of the payload's slot on, then checks that they were the
    /// frame's to the end.
    ///
    /// # Errors
    /// [`Overwritten`], also for bytes that the slot does not have.
    pub fn copy_part(
        &self,
        frame: &Frame,
        offset: usize,
        part: &mut [u8],
    ) -> Result<(), Overwritten> {
        if !part.is_empty() {
            let copied = self.payload(frame).map(|slot| slot.copy_out(offset, part));
            // A frame of another mapping, if anything.
            copied.and_then(Result::ok).ok_or(Overwritten)?;
        }
        self.revalidate(frame)
    }

    /// The payload's slot in place; the payload is its first `values_len_bytes`. Provisional until
    /// [`Self::revalidate`] has confirmed it after the last use (T-20). `None` for an empty payload (W-086), and for a
    /// frame of another mapping.
    pub fn payload(&self, frame: &Frame) -> Option<RegionView<'_>> {
        let pool = self.regions.pool(frame.header.pool_id)?;
        (frame.header.values_len_bytes != 0).then(|| pool.slot(frame.slot))
    }

    /// Confirms that everything read from the payload so far was the frame's.
    ///
    /// # Errors
    /// [`Overwritten`]
    pub fn revalidate(&self, frame: &Frame) -> Result<(), Overwritten> {
        let memory = self.regions.ring().slot(frame.slot);
        match memory.is_still(CommitWord::committed(frame.seq)) {
            true => Ok(()),
            false => Err(Overwritten),
        }
    }

    /// Forgets the accepted words, for a new writer of the same epoch (T-14).
    pub fn forget(&mut self) {
        self.accepted.as_mut().fill(0);
    }
}

#[cfg(test)]
mod tests;
