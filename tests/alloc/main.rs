//! No hot path allocates, neither in Rust nor in C below it.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "test arithmetic; an overflow fails the test"
)]

mod core_paths;
mod counter;
mod transport;
