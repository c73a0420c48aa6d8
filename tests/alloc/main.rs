//! No hot path allocates, neither in Rust nor in C below it.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "an overflow or an error fails the test"
)]

mod client;
mod consuming;
mod core_paths;
mod counter;
mod duty_cycle;
mod joins;
mod listening;
mod producing;
mod stages;
mod transport;
