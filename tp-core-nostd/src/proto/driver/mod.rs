//! The driver: who may use a stream, which epoch its memory is in, and who is told (driver.md).
//!
//! [`Driver`] is a pure machine over memory the caller lends ([`Storage`]), so that the same engine serves eight leases on
//! a microcontroller and ten thousand on a server. Its owner feeds it and does what it says:
//!
//! ```text
//!                     +----------------------------+
//!   control stream -> | handle          transmit   | -> control stream: OKs, refusals, revocations, shutdown
//!            clock -> | tick            announce   | -> announce stream: pools of every stream with an epoch
//!   file system    -> | handle_files    order      | -> file system: scan, provision, collect, refresh stamps
//!            owner -> | add_stream, revoke, stop   |
//!                     +----------------------------+
//!                       poll_timeout: when to call again
//! ```
//!
//! The three outlets move on only when the owner took the output, so a full publication means nothing but "ask again".
//! One duty cycle is: everything received into [`handle`](Driver::handle), file results into
//! [`handle_files`](Driver::handle_files), then [`tick`](Driver::tick), then the outlets until they have nothing more or
//! enough was done.
//!
//! Two machines stand behind it, each drawn where it lives: the lease (`leases.rs`),
//!
//! ```text
//!   attach -> Waiting -> Granted -> Active -> Ended -> gone
//!             (files)     (OK due)             (revocation due)
//! ```
//!
//! and the stream (`streams.rs`), which looks at its disk once, then stands idle until an attach or the loss of its
//! producer raises its epoch:
//!
//! ```text
//!   Unknown -> Scanning -> Idle -> Raising -> Idle        an attach needs files, or old ones were found
//!                          Idle -> Fenced -> Raising      the producer's lease ended: revocation first (D-112)
//!                          Idle -> Retiring -> gone       nobody uses a stream that a client brought into being
//! ```
//!
//! What makes an attach succeed or fail, in which order, stands in `attach.rs`; what happens to files beside that, in
//! `upkeep.rs`. Everything that waits is bounded by the
//! lent memory, and no step looks at all leases or all streams: deadlines are kept in heaps, ids in hash chains, both with
//! their links inside the entries.

mod answers;
mod attach;
mod config;
mod consumers;
mod counters;
mod deadlines;
mod engine;
mod epochs;
mod event;
mod files;
mod hello;
mod id_pool;
mod id_ranges;
mod key_index;
mod lease;
mod lease_life;
mod leases;
mod listening;
mod messages;
mod nodes;
mod orders;
mod regions;
mod results;
mod retention;
mod shutdown;
mod status;
mod strangers;
mod stream;
mod streams;
mod table;
#[cfg(test)]
mod tests;
mod transmit;
mod upkeep;
mod waiting;

pub use answers::AnswerEntry;
pub use config::{Config, Dynamic, Profile, SetupError, ShutdownPolicy, Storage};
pub use consumers::ConsumerEntry;
pub use counters::{Counters, Ignored};
pub use engine::{Driver, Life};
pub use epochs::next_epoch;
pub use event::{Event, Output};
pub use files::{FileError, FileOrder, FileResult};
pub use id_ranges::IdRange;
pub use lease::LeaseEntry;
pub use listening::{Listening, Rival};
pub use nodes::{ASSIGNED_MAX, NodeEntry};
pub use regions::{ROOT_MAX, RegionPath, TEXT_MAX};
pub use retention::{FoundEpoch, Keep, Retention};
pub use status::{LeasePhase, LeaseStatus, StreamStatus};
pub use stream::StreamEntry;
