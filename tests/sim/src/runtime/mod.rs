//! The second world: the runtime of clients. Real conductors, producers and consumers map real files, which a real driver
//! engine makes in a directory of the run; medium and time are the fake ones.
//!
//! ```text
//!   runtime_plan ──► run_runtime ──► World: driver, processes, files ──► ledger: what was written, read, promised
//!                                       │
//!                                       └── Process: conductor, cameras (producers), viewers (consumers), a tap
//! ```
//!
//! Every ten milliseconds everybody who has a processor goes through one duty cycle; applications write and read before
//! and behind it, which is all that threads of their own could do between two cycles. The [`ledger`] keeps books on each
//! frame. Start reading at `world.rs`.

mod blows;
mod books;
mod camera;
mod clock;
mod files;
mod filling;
mod hearing;
mod joiner;
mod ledger;
mod medium;
mod plan;
mod planted;
mod process;
mod rig;
mod run;
mod settle;
mod source;
mod stage;
mod tap;
mod threads;
mod times;
mod traces;
mod viewer;
mod wishes;
mod world;

use core::time::Duration;

pub use ledger::Seen;
pub use plan::{RuntimePlan, runtime_plan};
pub use planted::{Bug, Planted};
pub use run::run_runtime;
pub use threads::run_threads;
pub use wishes::{CameraWish, JoinWish, Joins, Looks, ViewerWish};

/// How often everybody has a duty cycle.
const CYCLE: Duration = Duration::from_millis(10);
/// When an application asks again for a role that it did not get.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Bytes of a slot.
const STRIDE: usize = 4096;

/// The names of all promises of the runtime.
pub fn promises() -> impl Iterator<Item = &'static str> {
    ledger::PROMISES.iter().copied()
}
