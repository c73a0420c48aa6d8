//! The word of a CPU with 64-bit atomics.

#[cfg(not(loom))]
use core::sync::atomic::{AtomicU64, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering};

/// Eight bytes of shared memory, little-endian.
#[derive(Debug)]
#[repr(transparent)]
pub struct Word(AtomicU64);

impl Word {
    /// A word holding `value`.
    #[cfg(not(loom))]
    pub const fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    /// A word holding `value`.
    #[cfg(loom)]
    pub fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    /// Relaxed load. Consumers map read-only, and nothing stronger is guaranteed to work there (T-19).
    #[inline]
    pub fn load(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Relaxed load of a word that changes while it is read; `None` if it did. Never here: the load is one.
    #[inline]
    pub fn load_stable(&self) -> Option<u64> {
        Some(self.load())
    }

    /// Relaxed store.
    #[inline]
    pub fn store(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Stores a commit word whose bit 0 is clear.
    #[inline]
    pub fn begin(&self, in_progress: u64) {
        self.0.store(in_progress, Ordering::Release);
    }

    /// Stores the same commit word with bit 0 set, after everything stored before.
    #[inline]
    pub fn commit(&self, committed: u64) {
        self.0.store(committed, Ordering::Release);
    }

    /// Stores a word that is no commit word (magic, time stamp), after everything stored before.
    #[inline]
    pub fn publish(&self, value: u64) {
        self.0.store(value, Ordering::Release);
    }
}
