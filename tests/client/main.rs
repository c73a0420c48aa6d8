//! Real clients on a medium without wall clock: what the application registers, adds and is told.
//!
//! Each test has a [`rig::Rig`], whose time moves by one duty cycle at a time; whoever else is on the medium is played by
//! the test itself, through a [`rig::Voice`].
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of tests fails the test"
)]

mod adds;
mod attaching;
mod caches;
mod cycles;
mod discovery;
mod handlers;
mod histograms;
mod limiter;
mod maps;
mod medium;
mod pollers;
mod rig;
mod work;
