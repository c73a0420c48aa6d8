//! A slot that is being filled, to be committed once.

use tp_core_nostd::seq::Seq;
use tp_core_nostd::shm::OutOfBounds;

use super::buffer::Buffer;

/// A slot that is being filled: a moved token, so that it ends once. Dropping it aborts it. It keeps its memory mapped,
/// so it may outlive the lease; its commit is refused then.
#[derive(Debug)]
pub struct Claim {
    pub(super) buffer: Buffer,
    pub(super) len: u32,
}

impl Claim {
    /// The number its frame will have.
    pub const fn seq(&self) -> Seq {
        self.buffer.token.seq()
    }

    /// Bytes that were claimed.
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Whether no byte was claimed.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies `bytes` into the payload, to byte `offset` and on.
    ///
    /// # Errors
    /// [`OutOfBounds`] if they do not fit the slot; then nothing is written.
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) -> Result<(), OutOfBounds> {
        self.buffer.write_at(offset, bytes)
    }

    /// The claimed bytes, to be filled in place. Not while a device writes them: that goes through
    /// [`Self::as_mut_ptr`].
    pub fn bytes(&mut self) -> &mut [u8] {
        self.buffer.bytes(self.len)
    }

    /// Where the payload begins, for devices and C libraries; the slot has [`Self::capacity`] bytes.
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.buffer.as_mut_ptr()
    }

    /// Bytes of the slot.
    pub const fn capacity(&self) -> u32 {
        self.buffer.capacity()
    }
}
