//! Atomics for everybody: `core`'s own, two halves where the CPU has no 64-bit ones, or loom's when a model is checked.
//!
//! Shared memory is made of [`Word`]s. On hosts a word is one 64-bit atomic; on a CPU without them it is two 32-bit
//! ones with the rules of E-03, so that both sides of a mapping may differ in this. Both kinds have the same methods.

#[cfg(all(not(loom), target_has_atomic = "64"))]
pub use core::sync::atomic::AtomicU64;
#[cfg(not(loom))]
pub use core::sync::atomic::{AtomicU32, Ordering, fence};
#[cfg(all(loom, target_has_atomic = "64"))]
pub use loom::sync::atomic::AtomicU64;
#[cfg(loom)]
pub use loom::sync::atomic::{AtomicU32, Ordering, fence};

mod split_word;
#[cfg(target_has_atomic = "64")]
mod whole_word;

pub use split_word::SplitWord;
#[cfg(not(target_has_atomic = "64"))]
pub use split_word::SplitWord as Word;
#[cfg(target_has_atomic = "64")]
pub use whole_word::Word;

/// Where the orderings of a seqlock need a fence of their own: the places of T-19, and the one inside a split word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FencePoint {
    /// Writer: between the in-progress word and the first byte of the frame.
    AfterBegin,
    /// Reader: between the first load of the commit word and the first byte of the frame.
    AfterFirstLoad,
    /// Reader: between the last byte of the frame and the second load of the commit word.
    BeforeSecondLoad,
    /// Writer of a split word: between the low half with bit 0 clear and the high half (E-03).
    BetweenHalves,
}

/// The fence that belongs at `point`.
#[inline]
pub(crate) fn fence_at(point: FencePoint) {
    #[cfg(loom)]
    if model::is_left_out(point) {
        return;
    }
    fence(match point {
        FencePoint::AfterBegin | FencePoint::BetweenHalves => Ordering::Release,
        FencePoint::AfterFirstLoad | FencePoint::BeforeSecondLoad => Ordering::Acquire,
    });
}

#[cfg(loom)]
pub mod model {
    //! Taking a fence out, so that a model can show that it was needed.

    use super::FencePoint;
    use core::sync::atomic::{AtomicU8, Ordering};

    /// The point without its fence, counted from 1; 0 is none. Not part of any model, therefore not loom's.
    static LEFT_OUT: AtomicU8 = AtomicU8::new(0);

    /// Leaves the fence at `point` out of everything that runs from now on, in this whole process.
    pub fn leave_out(point: Option<FencePoint>) {
        LEFT_OUT.store(point.map_or(0, number), Ordering::SeqCst);
    }

    pub(super) fn is_left_out(point: FencePoint) -> bool {
        LEFT_OUT.load(Ordering::SeqCst) == number(point)
    }

    fn number(point: FencePoint) -> u8 {
        (point as u8).wrapping_add(1)
    }
}

// Both ends of a mapping count in these.
#[cfg(not(loom))]
const _: () = assert!(size_of::<Word>() == 8 && align_of::<Word>() == 8);
