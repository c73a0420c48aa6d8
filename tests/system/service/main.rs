//! `tp_driver` as an operator meets it, each test with a host of its own.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod epochs;
mod host;
mod memory;
mod operation;
mod second_driver;
