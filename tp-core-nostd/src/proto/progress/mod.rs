//! How much of a frame is there already: what producers tell of it and what consumers may make of that (wire 5.12).
//!
//! ```text
//!  producer   Throttle   start, fill, complete ──▶ STARTED, PROGRESS*, COMPLETE, no more often than anybody asked for
//!  consumer   Tracker    each of them          ──▶ valid, to be ignored, or a violation
//!             Prefix     bytes filled, header  ──▶ bytes and whole lines that may be read
//! ```
//!
//! Progress says nothing about visibility: the commit word does ([`may_read`]). It never stands in for the descriptor, and
//! a consumer that did not ask for it has no tracker.
//!
//! ```
//! use tp_core_nostd::ids::{Epoch, StreamId};
//! use tp_core_nostd::proto::progress::{Meter, ProgressLimits, Throttle};
//! use tp_core_nostd::seq::{Seq, SlotCount};
//! use tp_core_nostd::time::Instant;
//!
//! # fn main() -> Option<()> {
//! let (stream, epoch) = (StreamId::new(10_000)?, Epoch::new(1)?);
//! let mut throttle = Throttle::new(stream, epoch, SlotCount::new(8)?, [Meter::IDLE; 8])?;
//! throttle.set_policy(ProgressLimits::default().policy([Default::default()]));
//!
//! let mut told = Vec::new();
//! let mut at = |throttle: &mut Throttle<_>, us: u64| {
//!     let now = Instant::from_ns(us * 1_000);
//!     let _ = throttle.transmit(now, |progress| Ok::<(), ()>(told.push(progress.payload_bytes_filled)));
//! };
//! throttle.start(Seq::FIRST, 1 << 20, None).ok()?;
//! at(&mut throttle, 0);
//! throttle.fill(Seq::FIRST, 70_000).ok()?;
//! at(&mut throttle, 10);
//! throttle.fill(Seq::FIRST, 140_000).ok()?;
//! at(&mut throttle, 20); // too early
//! throttle.fill(Seq::FIRST, 210_000).ok()?;
//! at(&mut throttle, 260); // the latest is told, what was in between is lost
//! assert_eq!(told, [0, 70_000, 210_000]);
//! # Some(())
//! # }
//! # main().unwrap();
//! ```

mod policy;
mod prefix;
mod throttle;
mod tracker;

pub use policy::{ProgressLimits, ProgressPolicy};
pub(crate) use prefix::Prefixes;
pub use prefix::{HEADER_FIRST, Prefix, PrefixError, may_read, says_header_first};
pub use throttle::{Meter, ProgressError, Throttle};
pub use tracker::{Ignored, Sighting, SlotShows, Tracker, Verdict, Violation};
