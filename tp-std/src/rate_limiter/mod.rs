//! Streams with fewer frames than those they come from, each for one consumer (rate-limiter.md).
//!
//! A [`RateLimiter`] is an agent: it consumes sources, keeps the newest frame until its time comes, and produces destinations
//! with leases of their own. What it decides is decided by [`tp_core_nostd::proto::rate_limiter`]; here its frames are read,
//! copied and published (`lane.rs`), and what is told of a source is told of its destination (`relay.rs`).
//!
//! ```text
//!   source stream ──▶ consumer ──▶ machine ──┬─ publish ──▶ slot of the destination ──▶ producer ──▶ its consumer
//!                                     ▲      └─ keep ─────▶ copy, replaced by each newer one ──▲
//!   hellos for the destination ───────┘                                     its time has come ─┘
//! ```
//!
//! It runs without a thread of its own, so that whoever starts it decides where; `tp rate-limit` is one that does.
//!
//! ```no_run
//! use tp_core_nostd::agent::{Agent, IdleStrategy};
//! use tp_std::aeron::Channel;
//! use tp_std::idle::SleepingIdle;
//! use tp_std::rate_limiter::{LaneConfig, RateLimiter, RateLimiterConfig};
//! use tp_std::{Endpoint, StreamId};
//!
//! # fn run() -> Option<()> {
//! let lane = LaneConfig::new(StreamId::new(10_000)?, StreamId::new(20_000)?).with_max_rate_hz(10);
//! let descriptors = Endpoint::new(Channel::ipc(), 1110);
//! let mut limiter = RateLimiter::connect(RateLimiterConfig::new(descriptors, vec![lane])).ok()?;
//! let mut idle = SleepingIdle::new(core::time::Duration::from_millis(1));
//! while let Ok(work) = limiter.do_work() {
//!     idle.idle(work);
//! }
//! # None
//! # }
//! ```

mod agent;
mod config;
mod copies;
mod lane;
mod relay;
mod wanted;

pub use agent::{LaneStatus, RateLimiter, RateLimiterError};
pub use config::{LaneConfig, RateLimiterConfig};
pub use lane::LaneCounts;
