//! A slot in somebody's hands: memory to be filled, and the token that says whose turn it is.

use core::mem;
use std::sync::Arc;

use crossbeam_queue::ArrayQueue;
use tp_core_nostd::proto::claim::Token;
use tp_core_nostd::shm::{OutOfBounds, PayloadPool, RegionWriter};
use tp_linux_hugepages::WritableMapping;

use super::progress::Started;

/// Tokens that were dropped without a word; the producer ends them at its next call. It has room for one of every slot.
pub(super) type Dropped = Arc<ArrayQueue<Token>>;

/// One slot with its token. It keeps its memory mapped, so it may outlive the lease.
#[derive(Debug)]
pub(super) struct Buffer {
    pub(super) token: Token,
    pool: PayloadPool<WritableMapping>,
    /// Once its filling is told of.
    pub(super) started: Option<Started>,
    /// Where the token is left if this is dropped; `None` once it ended.
    dropped: Option<Dropped>,
}

impl Buffer {
    pub(super) const fn new(
        token: Token,
        pool: PayloadPool<WritableMapping>,
        dropped: Dropped,
    ) -> Self {
        Self {
            token,
            pool,
            started: None,
            dropped: Some(dropped),
        }
    }

    /// The token ended by a commit or an abort; nothing is left to do for it.
    pub(super) fn end(mut self) {
        drop(mem::take(&mut self.dropped));
    }

    pub(super) fn write_at(&self, offset: usize, bytes: &[u8]) -> Result<(), OutOfBounds> {
        self.slot().copy_in(offset, bytes)
    }

    /// The first `len` bytes, or all if there are fewer.
    pub(super) fn bytes(&mut self, len: u32) -> &mut [u8] {
        let len = len.min(self.capacity());
        let start = self.slot().as_mut_ptr();
        #[expect(unsafe_code, reason = "the one holder of a slot owns its bytes")]
        // SAFETY: the slot has `capacity` bytes, of which `len` are a part, and stays mapped by `pool`. The token in here is
        // the only live one of its slot in this process; buffers are neither cloned nor copied, and the slice borrows this
        // one mutably. Readers in other processes discard what changes under them.
        unsafe {
            core::slice::from_raw_parts_mut(start, len as usize)
        }
    }

    pub(super) fn as_mut_ptr(&self) -> *mut u8 {
        self.slot().as_mut_ptr()
    }

    pub(super) const fn capacity(&self) -> u32 {
        self.pool.stride().get()
    }

    fn slot(&self) -> RegionWriter<'_> {
        self.pool.slot_writer(self.token.slot())
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(dropped) = self.dropped.take() {
            // It has room for a token of every slot.
            let _ = dropped.push(self.token);
        }
    }
}
