//! SHM Tensor Pool.

pub mod aeron;
pub mod clock;
