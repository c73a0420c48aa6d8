//! Counts the allocations of a thread, those of C code included: this binary's `malloc` family stands in front of the C
//! library's, for Rust, for C code linked in, and for the C library itself.
#![expect(
    unsafe_code,
    reason = "taking the allocator's place is only possible at its C interface"
)]

use core::cell::Cell;
use core::ffi::{c_int, c_void};

thread_local! {
    // Constant and without destructor: touching it allocates nothing.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// What `work` allocated on this thread, in calls, and what it returned.
pub(crate) fn allocations<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let before = COUNT.get();
    let result = work();
    (COUNT.get() - before, result)
}

fn count() {
    COUNT.set(COUNT.get() + 1);
}

// The C library's own names for what is replaced below.
unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(block: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(alignment: usize, size: usize) -> *mut c_void;
}

// SAFETY: the signature and contract of C's malloc, which it passes on unchanged.
#[unsafe(no_mangle)]
extern "C" fn malloc(size: usize) -> *mut c_void {
    count();
    // SAFETY: any size may be asked for.
    unsafe { __libc_malloc(size) }
}

// SAFETY: as for malloc.
#[unsafe(no_mangle)]
extern "C" fn calloc(items: usize, size: usize) -> *mut c_void {
    count();
    // SAFETY: any sizes may be asked for.
    unsafe { __libc_calloc(items, size) }
}

// SAFETY: as for malloc.
#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    count();
    // SAFETY: the caller passes a live block or null, as realloc demands.
    unsafe { __libc_realloc(block, size) }
}

// SAFETY: as for malloc.
#[unsafe(no_mangle)]
extern "C" fn memalign(alignment: usize, size: usize) -> *mut c_void {
    count();
    // SAFETY: a bad alignment gives null.
    unsafe { __libc_memalign(alignment, size) }
}

// SAFETY: as for malloc.
#[unsafe(no_mangle)]
extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    memalign(alignment, size)
}

// SAFETY: as for malloc; on failure the pointer is left alone and an error number returned.
#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(
    result: *mut *mut c_void,
    alignment: usize,
    size: usize,
) -> c_int {
    const ENOMEM: c_int = 12;
    let block = memalign(alignment, size);
    if block.is_null() {
        return ENOMEM;
    }
    // SAFETY: the caller passes a place for the result, as posix_memalign demands.
    unsafe { result.write(block) };
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ffi::c_char;
    use core::hint::black_box;
    use core::sync::atomic::{AtomicU32, Ordering};

    unsafe extern "C" {
        fn strdup(text: *const c_char) -> *mut c_char;
        fn free(block: *mut c_void);
    }

    #[test]
    fn allocations_of_rust_are_seen() {
        assert_eq!(allocations(|| black_box(Box::new(1))).0, 1);
        assert_eq!(allocations(|| black_box(vec![0_u64; 8])).0, 1);
        assert_eq!(allocations(|| 1).0, 0);
    }

    #[test]
    fn allocations_inside_the_c_library_are_seen() {
        let (count, copy) = allocations(|| {
            // SAFETY: the text ends with its NUL.
            black_box(unsafe { strdup(c"frame".as_ptr()) })
        });
        // SAFETY: strdup gave the block, and nobody else has it.
        unsafe { free(copy.cast()) };
        assert_eq!(count, 1);
    }

    #[test]
    fn other_threads_are_not_counted() {
        static TURN: AtomicU32 = AtomicU32::new(0);
        let other = std::thread::spawn(|| {
            while TURN.load(Ordering::Acquire) == 0 {
                std::thread::yield_now();
            }
            let count = allocations(|| black_box(vec![0_u64; 8])).0;
            TURN.store(2, Ordering::Release);
            count
        });
        let (count, ()) = allocations(|| {
            TURN.store(1, Ordering::Release);
            while TURN.load(Ordering::Acquire) != 2 {
                std::thread::yield_now();
            }
        });
        assert_eq!((count, other.join().unwrap()), (0, 1));
    }
}
