//! Shared by the test targets of this package: golden vectors, fakes and process helpers.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

pub mod fake_transport;
mod skip;

pub use skip::skip;
