//! One random number from the system.

use core::hash::{BuildHasher, Hasher};

/// From the system's randomness; two processes started at once differ (D-069, D-089).
pub(crate) fn random_seed() -> u64 {
    // The standard library seeds its hasher from the system; no further dependency is needed for one number.
    std::hash::RandomState::new().build_hasher().finish() ^ u64::from(std::process::id())
}
