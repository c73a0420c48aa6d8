//! The whole system as it runs: a real Aeron media driver, real shared memory, the real `tp_driver`, and clients in this
//! and other processes.
//!
//! Every test has a [`rig::Rig`] of its own. Each frame's bytes follow from its epoch and number ([`frames`]), so that
//! a torn one shows. Bounds on time only catch what hangs; measured times are printed.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of tests fails the test"
)]

mod camera;
mod client;
mod consumers;
mod crashes;
mod crowd;
mod direct;
mod discovery;
mod ears;
mod examples;
mod expiry;
mod flow;
mod foreign;
mod frames;
mod hostile;
mod introspection;
mod joins;
mod matrix;
mod media_driver;
mod no_driver;
mod own_streams;
mod peer;
mod publishing;
mod rate_limiter;
mod restarts;
mod rig;
mod several;
mod stopped;
mod telling;
mod tokens;
mod tool;
mod traces;
mod watcher;

/// What another process does instead of the tests; see [`peer`].
#[test]
fn peer() {
    peer::run();
}
