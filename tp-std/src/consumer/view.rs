//! How a frame is read.

use tp_core_nostd::proto::read::{self, CopyError, DropReason, Overwritten};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::shm::TensorHeader;

use super::Reading;
use super::counters::ConsumerCounters;

/// Reads the frame of one descriptor, once.
#[derive(Debug)]
pub struct FrameReader<'a> {
    pub(super) reading: &'a mut Reading,
    pub(super) seq: Seq,
    pub(super) counters: &'a ConsumerCounters,
}

impl<'a> FrameReader<'a> {
    /// When the frame was captured, as its slot says now: a look that counts no drop, before the frame is read.
    pub(crate) fn capture_ns(&mut self) -> Option<u64> {
        let frame = self.reading.read(self.seq).ok()?;
        frame.header.timestamp_ns
    }

    /// The frame as its slot is now.
    ///
    /// # Errors
    /// Why it is dropped; already counted.
    pub fn read(self) -> Result<FrameView<'a>, DropReason> {
        match self.reading.read(self.seq) {
            Ok(frame) => Ok(FrameView::new(self.reading, frame, self.counters)),
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

impl<'a> FrameView<'a> {
    pub(super) const fn new(
        reading: &'a Reading,
        frame: read::Frame,
        counters: &'a ConsumerCounters,
    ) -> Self {
        Self {
            reading,
            frame,
            counters,
        }
    }

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

    /// Copies a part of the payload and checks it like [`Self::copy_to`].
    pub(super) fn copy_part(&self, offset: usize, part: &mut [u8]) -> Result<(), Overwritten> {
        self.reading
            .copy_part(&self.frame, offset, part)
            .inspect_err(|_| self.counters.count(DropReason::Changed))
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
