//! Memory that another process writes: bounds-checked words and byte copies over a raw pointer. The core's only unsafe.
//!
//! Nothing here makes a reference to plain bytes of such memory. Words are atomics, and that is all that Rust's memory
//! model asks. **Payload bytes are copied through raw pointers, and that stands outside the model**: when the producer
//! overwrites a slot while a consumer copies it, the copy races, which the model leaves undefined for plain bytes. It is
//! safe in practice, and three times as fast as relaxed words:
//!
//! - it is a `memcpy` into the reader's own memory; every bit pattern is a valid byte, and neither a pointer nor a length
//!   is ever taken from the bytes, so what arrives may be wrong but never dangerous;
//! - the compiler can neither use the copy before the check nor repeat it after, because an acquire fence and the second
//!   load of the commit word stand between;
//! - what a torn copy delivered is discarded when the word turns out to have moved (wire 3.3, steps 8 and 9).
//!
//! Under loom and the thread sanitizer all memory, payload included, is relaxed atomics: a model sees every race, and the
//! sanitizer, which would rightly report these copies, none.
#![expect(
    unsafe_code,
    reason = "shared memory is raw memory; this module is the one that knows it"
)]

#[cfg(test)]
mod tests;

use core::marker::PhantomData;
use core::ptr::NonNull;

#[cfg(not(loom))]
use super::bell::BellBlock;
use super::error::OutOfBounds;
use super::layout::{HEADER_SLOT_LEN, SUPERBLOCK_LEN};
use super::seqlock::{CommitReader, CommitWriter};
use crate::seq::{SlotCount, SlotIndex};
use crate::sync::Word;

/// Bytes of a word of memory.
pub(super) const WORD_LEN: usize = 8;
/// Words of a header slot.
pub(super) const HEADER_WORDS: usize = HEADER_SLOT_LEN as usize / WORD_LEN;

/// 64 zeroed bytes, aligned to 64. A slice of lines is a region that needs no operating system: a `static` of a
/// firmware image, a vector of a test.
#[derive(Debug)]
#[cfg_attr(not(loom), repr(C, align(64)))]
#[cfg_attr(loom, repr(C))] // loom's atomics are larger; they must follow each other without a gap
pub struct Line([Word; 8]);

impl Line {
    /// A line of zeros: `static RING: [Line; N] = [const { Line::zeroed() }; N]`.
    #[cfg(not(loom))]
    pub const fn zeroed() -> Self {
        Self([const { Word::new(0) }; 8])
    }

    /// A line of zeros.
    #[cfg(loom)]
    pub fn zeroed() -> Self {
        Self(core::array::from_fn(|_| Word::new(0)))
    }
}

/// Read access to a region or to a part of one.
#[derive(Clone, Copy, Debug)]
pub struct RegionView<'a> {
    base: NonNull<Word>,
    words: usize,
    memory: PhantomData<&'a [Word]>,
}

// SAFETY: a view shares atomics and racing copies, which is what its memory is for, from any thread.
unsafe impl Send for RegionView<'_> {}
// SAFETY: as above.
unsafe impl Sync for RegionView<'_> {}

impl<'a> RegionView<'a> {
    /// The `len` bytes at `base`; the last `len % 8` are left out.
    ///
    /// # Safety
    /// - `base` is aligned to 64, and all `len` bytes stay mapped and readable for `'a`;
    /// - whoever writes them meanwhile, in this process or another, does it the way this module does.
    #[cfg(not(loom))]
    pub const unsafe fn from_raw(base: NonNull<u8>, len: usize) -> Self {
        Self {
            base: base.cast(),
            words: len / WORD_LEN,
            memory: PhantomData,
        }
    }

    /// Memory of our own.
    pub const fn of_lines(lines: &'a [Line]) -> Self {
        Self {
            base: NonNull::from_ref(lines).cast(),
            // What is in memory is shorter than the address space.
            words: lines.len().saturating_mul(8),
            memory: PhantomData,
        }
    }

    /// Length in bytes.
    pub const fn len(&self) -> usize {
        // What is mapped is shorter than the address space.
        self.words.saturating_mul(WORD_LEN)
    }

    /// Whether there is nothing to view.
    pub const fn is_empty(&self) -> bool {
        self.words == 0
    }

    /// Relaxed load of word `index`, which starts at byte `8 * index`.
    ///
    /// # Errors
    /// [`OutOfBounds`].
    pub fn load(&self, index: usize) -> Result<u64, OutOfBounds> {
        self.word(index).map(Word::load)
    }

    /// The seqlock whose commit word is word `index`.
    ///
    /// # Errors
    /// [`OutOfBounds`].
    pub fn seqlock(&self, index: usize) -> Result<CommitReader<'a>, OutOfBounds> {
        self.word(index).map(CommitReader::new)
    }

    /// Copies as many bytes as `into` takes, from byte `offset` on. Trust them only after the commit check.
    ///
    /// # Errors
    /// [`OutOfBounds`]; then nothing was copied.
    pub fn copy_out(&self, offset: usize, into: &mut [u8]) -> Result<(), OutOfBounds> {
        self.check(offset, into.len())?;
        #[cfg(any(loom, thread_sanitizer))]
        super::word_copy::copy_out(self, offset, into);
        #[cfg(not(any(loom, thread_sanitizer)))]
        {
            // SAFETY: `check` found `offset` inside the region, or at its end when nothing is to be copied.
            let from = unsafe { self.as_ptr().add(offset) };
            // SAFETY: `check` found all bytes inside the region; `into` is ours alone, so they do not overlap. The
            // region may be written meanwhile: see the module's first lines.
            unsafe { core::ptr::copy_nonoverlapping(from, into.as_mut_ptr(), into.len()) };
        }
        Ok(())
    }

    /// The first byte, for reading in place. Such reads race with the writer: make no reference from it, take no pointer
    /// or length out of the memory, and discard the result unless the commit word still holds after the last read (T-20).
    #[cfg(not(loom))]
    pub const fn as_ptr(&self) -> *const u8 {
        self.base.as_ptr().cast()
    }

    pub(super) fn word(&self, index: usize) -> Result<&'a Word, OutOfBounds> {
        if index >= self.words {
            return Err(OutOfBounds {
                needed: (index as u64)
                    .saturating_add(1)
                    .saturating_mul(WORD_LEN as u64),
                got: self.len() as u64,
            });
        }
        // SAFETY: `index` is below the number of words, so the result is inside the region.
        let word = unsafe { self.base.add(index) };
        // SAFETY: aligned and valid for `'a` as a part of the region; atomics may change behind a reference.
        Ok(unsafe { word.as_ref() })
    }

    fn check(&self, offset: usize, len: usize) -> Result<(), OutOfBounds> {
        let needed = (offset as u64).saturating_add(len as u64);
        let got = self.len() as u64;
        if needed <= got {
            Ok(())
        } else {
            Err(OutOfBounds { needed, got })
        }
    }
}

/// Write access to a region or to a part of one. Only its one writer has it (W-274); that more than one handle to it
/// can be copied is for a producer's claims, which are of different slots.
#[derive(Clone, Copy, Debug)]
pub struct RegionWriter<'a>(RegionView<'a>);

impl<'a> RegionWriter<'a> {
    /// The `len` bytes at `base`; the last `len % 8` are left out.
    ///
    /// # Safety
    /// As for [`RegionView::from_raw`], and the bytes are writable.
    #[cfg(not(loom))]
    pub const unsafe fn from_raw(base: NonNull<u8>, len: usize) -> Self {
        // SAFETY: the caller's promise includes this one.
        Self(unsafe { RegionView::from_raw(base, len) })
    }

    /// Memory of our own.
    pub const fn of_lines(lines: &'a [Line]) -> Self {
        Self(RegionView::of_lines(lines))
    }

    /// The same memory, for reading.
    pub const fn view(&self) -> RegionView<'a> {
        self.0
    }

    /// Relaxed store to word `index`, which starts at byte `8 * index`.
    ///
    /// # Errors
    /// [`OutOfBounds`].
    pub fn store(&self, index: usize, value: u64) -> Result<(), OutOfBounds> {
        self.word(index).map(|word| word.store(value))
    }

    /// The seqlock whose commit word is word `index`.
    ///
    /// # Errors
    /// [`OutOfBounds`].
    pub fn seqlock(&self, index: usize) -> Result<CommitWriter<'a>, OutOfBounds> {
        self.word(index).map(CommitWriter::new)
    }

    /// Copies all of `from` in, to byte `offset` and on.
    ///
    /// # Errors
    /// [`OutOfBounds`]; then nothing was copied.
    pub fn copy_in(&self, offset: usize, from: &[u8]) -> Result<(), OutOfBounds> {
        self.0.check(offset, from.len())?;
        #[cfg(any(loom, thread_sanitizer))]
        super::word_copy::copy_in(self, offset, from);
        #[cfg(not(any(loom, thread_sanitizer)))]
        {
            // SAFETY: `check` found `offset` inside the region, or at its end when nothing is to be copied.
            let into = unsafe { self.as_mut_ptr().add(offset) };
            // SAFETY: `check` found all bytes inside the region, which is writable; `from` is a plain slice, and no
            // plain slice ever lies in a region. Others may read meanwhile: see the module's first lines.
            unsafe { core::ptr::copy_nonoverlapping(from.as_ptr(), into, from.len()) };
        }
        Ok(())
    }

    /// The first byte, for devices that write by themselves (DMA) and for foreign languages.
    #[cfg(not(loom))]
    pub const fn as_mut_ptr(&self) -> *mut u8 {
        self.0.base.as_ptr().cast()
    }

    /// The block of a bell at the start of the memory.
    #[cfg(not(loom))]
    pub(super) fn bell_block(&self) -> Result<&'a BellBlock, OutOfBounds> {
        self.0.check(0, size_of::<BellBlock>())?;
        // SAFETY: long enough, as just checked, aligned to 64, valid for `'a`; atomics may change behind a reference.
        Ok(unsafe { self.0.base.cast::<BellBlock>().as_ref() })
    }

    pub(super) fn word(&self, index: usize) -> Result<&'a Word, OutOfBounds> {
        self.0.word(index)
    }
}

/// Memory of one region, starting at its superblock, held for as long as this lives.
///
/// # Safety
/// [`Region::view`] shows the same memory each time, of the same length, wherever the value is moved or borrowed.
pub unsafe trait Region {
    /// Looks into it. Cheap: called per use.
    fn view(&self) -> RegionView<'_>;
}

/// A region that this side may write.
///
/// # Safety
/// The memory that [`Region::view`] shows may be written, and [`WritableRegion::writer`] writes it.
pub unsafe trait WritableRegion: Region {
    /// The handle to write through. Cheap: called per use.
    fn writer(&self) -> RegionWriter<'_>;
}

// SAFETY: what is behind the reference keeps the promise.
unsafe impl<R: Region + ?Sized> Region for &R {
    fn view(&self) -> RegionView<'_> {
        (**self).view()
    }
}

// SAFETY: as above.
unsafe impl<R: WritableRegion + ?Sized> WritableRegion for &R {
    fn writer(&self) -> RegionWriter<'_> {
        (**self).writer()
    }
}

/// A region in memory of our own.
// SAFETY: a slice stays where and as long as it is.
unsafe impl Region for [Line] {
    fn view(&self) -> RegionView<'_> {
        RegionView::of_lines(self)
    }
}

// SAFETY: both look at the slice.
unsafe impl WritableRegion for [Line] {
    fn writer(&self) -> RegionWriter<'_> {
        RegionWriter::of_lines(self)
    }
}

/// The slots behind the superblock of a region. That all are there is checked when this is made, so that none needs a
/// check later; an index made for more slots wraps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots<R> {
    region: R,
    count: SlotCount,
    words_each: usize,
}

impl<R: Region> Slots<R> {
    /// `count` slots of `slot_len` bytes, a multiple of 8.
    pub(super) fn new(region: R, count: SlotCount, slot_len: u32) -> Result<Self, OutOfBounds> {
        let needed = u64::from(count.get())
            .saturating_mul(u64::from(slot_len))
            .saturating_add(SUPERBLOCK_LEN);
        let got = region.view().len() as u64;
        if needed > got {
            return Err(OutOfBounds { needed, got });
        }
        Ok(Self {
            region,
            count,
            words_each: slot_len as usize / WORD_LEN,
        })
    }

    /// The whole region.
    pub(super) const fn region(&self) -> &R {
        &self.region
    }

    /// How many slots there are.
    pub(super) const fn count(&self) -> SlotCount {
        self.count
    }

    /// One slot.
    #[inline]
    pub(super) fn at(&self, index: SlotIndex) -> RegionView<'_> {
        let index = index.get() & self.count.get().wrapping_sub(1);
        // Inside the region, therefore far from overflow.
        let words = (index as usize)
            .wrapping_mul(self.words_each)
            .wrapping_add(SUPERBLOCK_LEN as usize / WORD_LEN);
        RegionView {
            // SAFETY: `new` found the region to hold the superblock and `count` slots, regions keep their length, and
            // `index` is below `count`.
            base: unsafe { self.region.view().base.add(words) },
            words: self.words_each,
            memory: PhantomData,
        }
    }

    /// One slot, for writing.
    #[inline]
    pub(super) fn writer_at(&self, index: SlotIndex) -> RegionWriter<'_>
    where
        R: WritableRegion,
    {
        // What `view` shows may be written: that is what a writable region promises.
        RegionWriter(self.at(index))
    }
}

/// The slots of a header ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeaderSlots<R>(Slots<R>);

impl<R: Region> HeaderSlots<R> {
    pub(super) fn new(region: R, count: SlotCount) -> Result<Self, OutOfBounds> {
        Slots::new(region, count, HEADER_SLOT_LEN).map(Self)
    }

    pub(super) const fn slots(&self) -> &Slots<R> {
        &self.0
    }

    /// The words of one slot.
    #[inline]
    pub(super) fn at(&self, index: SlotIndex) -> &[Word; HEADER_WORDS] {
        let words = self.0.at(index).base.cast::<[Word; HEADER_WORDS]>();
        // SAFETY: the slots of this kind have that many words, aligned, and valid while the region is borrowed; atomics
        // may change behind a reference.
        unsafe { words.as_ref() }
    }
}
