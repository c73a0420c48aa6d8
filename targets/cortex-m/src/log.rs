//! Where defmt's bytes go on this board: nowhere, but they are counted, so that the smoke test can tell that core's types
//! print themselves.

use core::sync::atomic::{AtomicU32, Ordering};

static BYTES: AtomicU32 = AtomicU32::new(0);

/// Bytes that defmt has written so far.
pub fn bytes() -> u32 {
    BYTES.load(Ordering::Relaxed)
}

#[defmt::global_logger]
struct Counting;

#[expect(unsafe_code, reason = "defmt asks for it")]
// SAFETY: there is one core, no interrupt handler that logs, and nothing that could be written by two at once.
unsafe impl defmt::Logger for Counting {
    fn acquire() {}
    unsafe fn flush() {}
    unsafe fn release() {}
    unsafe fn write(bytes: &[u8]) {
        // There is one writer; a load and a store will do.
        BYTES.store(
            self::bytes().wrapping_add(bytes.len() as u32),
            Ordering::Relaxed,
        );
    }
}
