//! The protocol decisions: pure machines, `(now, input)` in, outputs out.
//!
//! None of them owns a clock, a socket or a file. Each has one owner, which feeds it what arrived and does what it says;
//! deadlines are data, so a simulation can jump from one to the next.
//!
//! The data path, in the order of a frame's life: [`claim`], [`publish`], [`sequence`] or [`direct`], [`read`]; on both sides it works on
//! the [`regions`] of one stream and epoch, and [`progress`] tells how much of a frame is there before it is whole.
//!
//! Around it, at a producer's conductor: [`lease_client`], [`consumer_manager`], [`metadata`], [`blob`], [`qos`],
//! [`pool_beacon`], [`newcomers`]; at a consumer's: [`lease_client`], [`announce`], [`mapping`], [`declared`], [`fallback`], [`hello`], [`private_stream`], [`qos`];
//! [`thinning`] drops frames that it did not ask for, and [`session`] joins what both need. The [`driver`] is one machine with many files.
//!
//! For stages that make streams out of streams: [`merge_map`] and [`join`] tell when an output's inputs are there, [`trace_id`] and
//! [`tracelink`] what a frame was made from, and a [`rate_limiter`] hands fewer frames on.
//! Where streams are to be had, the [`discovery_client`] asks.

pub mod announce;
pub mod blob;
pub mod cadence;
pub mod claim;
pub mod consumer_manager;
#[cfg(test)]
mod data_path;
pub mod declared;
pub mod direct;
pub mod discovery_client;
pub mod dispatch;
pub mod driver;
pub mod endpoint;
pub mod fallback;
pub mod hello;
pub mod join;
pub mod lease_client;
pub mod mapping;
pub mod merge_map;
pub mod metadata;
pub mod newcomers;
pub mod pool_beacon;
pub mod private_stream;
pub mod progress;
pub mod publish;
pub mod qos;
pub mod random;
pub mod rate_limiter;
pub mod read;
pub mod regions;
pub mod sequence;
pub mod session;
pub mod thinning;
pub mod trace_id;
pub mod tracelink;
