//! Deterministic simulation: the real driver engine and the real client machines, with a fake clock, a fake medium and a
//! fake disk. A run follows from its seed alone: no wall clock, no thread, no order of a hash map.
//!
//! ```text
//!   scenario: a plan from a seed ──► run ──► World: driver, clients, medium, disk ──► facts ──► invariants
//! ```
//!
//! [`World`] jumps from deadline to deadline; in each step every actor that has something to do goes through one duty
//! cycle. What it did are [`Fact`](fact::Fact)s, and after every step each of the [`invariants`] looks at them and at the
//! machines. `SEED=7 make sim` replays one run and tells it whole. Start reading at `run.rs`.
//!
//! What can go wrong: the medium loses, delays, duplicates, refuses and forgets images; messages of different publications
//! overtake each other, those of one never, as on the real medium; processes die in the middle of a duty cycle, stall and
//! come back; the machine sleeps or boots; the disk is full, slow, forbidden or unreadable. Bugs of our own can be planted
//! at the edge of the machines ([`Bug`]) to see them found.
//!
//! The second world, [`run_runtime`], is inhabited by the whole runtime of clients: conductors, producers and consumers that
//! map real files. It begins at `runtime/mod.rs`.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a simulation that cannot go on says so by panicking"
)]

mod act;
mod client;
mod disk;
mod driver;
pub mod fact;
mod fates;
mod invariants;
mod misfortune;
mod plan;
mod planted;
mod run;
mod runtime;
mod scenario;
mod store;
mod wire;
mod world;

use core::time::Duration;

pub use act::Act;
pub use disk::Trouble;
pub use driver::Tables;
pub use fact::Who;
pub use invariants::{Violation, invariants};
pub use plan::{Capacities, ClientPlan, Plan, Policy};
pub use planted::{Bug, Planted};
pub use run::{Outcome, run, run_plan};
pub use runtime::{
    Bug as RuntimeBug, CameraWish, JoinWish, Joins, Looks, Planted as RuntimePlanted, RuntimePlan,
    Seen, ViewerWish, promises, run_runtime, run_threads, runtime_plan,
};
pub use scenario::plan;
pub use world::World;

/// The control stream.
const CONTROL: i32 = 1000;
/// The announce stream.
const ANNOUNCE: i32 = 1001;
/// The descriptor stream.
const DESCRIPTORS: i32 = 1100;
/// How often streams are announced and leases kept alive.
const PERIOD: Duration = Duration::from_secs(1);
/// How long a lease lives without a keepalive.
const GRACE: Duration = Duration::from_secs(3);
/// How long an announce is fresh, and a silent driver alive.
const WINDOW: Duration = Duration::from_secs(3);
/// No step is longer, so that invariants are looked at often.
const LONGEST_STEP: Duration = Duration::from_millis(100);
/// The longest a message is under way in any weather; a duplicate takes twice that.
const LONGEST_DELAY: Duration = Duration::from_millis(400);
