//! What a running driver says of itself to other processes (C-168).
//!
//! A driver answers questions on a stream of its own, `driver.status_stream_id` on the control channel. A question is one
//! message, a JSON object with a number of the asker's choice and what it wants to know:
//!
//! ```json
//! {"request":4711,"what":"leases"}
//! ```
//!
//! `what` is `status`, `leases`, `streams` or `counters`. The answer is a series of messages, each one JSON object that
//! begins with its `type` and repeats the number; the last one says how many there were:
//!
//! ```json
//! {"type":"lease","request":4711,"lease_id":77,"stream_id":10000,"client_id":7,"role":"producer","node_id":1,"expiry_ns":5000000000,"expires_in_ns":2999000000,"state":"active"}
//! {"type":"end","request":4711,"what":"leases","count":1,"left_out":0}
//! ```
//!
//! A question that cannot be answered gets one object of type `refused` with a sentence. Field names are those of
//! client 3.1. The list is no snapshot: what comes or goes while it is read may be in it or not, nothing is in it twice.
//!
//! Why a stream and not counters: Aeron's counters hold numbers, and ten thousand leases with their names would need a
//! table of their own in shared memory, with a layout to keep, for something that is asked a few times a day. On a stream
//! everybody subscribed sees every answer and picks out its own, so two people who ask at once take nothing from each
//! other, and nobody needs the right to read files of the driver.
//!
//! Why it cannot disturb the driver: the status stream only reads the engine. In one duty cycle it hears at most
//! [`MESSAGES_PER_CYCLE`] messages, says at most [`LINES_PER_CYCLE`] lines and looks at at most [`PLACES_PER_CYCLE`]
//! places of a table; the next cycle goes on from there. It makes one report at a time and lets [`WAITING`] questions wait;
//! further ones are refused. Where the stream is full it says nothing until there is room, and after [`PATIENCE`] it forgets
//! all questions it has: whoever asked has gone, or does not read. Its subscribers are untethered, so a stopped one
//! delays nobody for longer than Aeron's window timeout.
//!
//! `desk.rs` is the driver's side, `reader.rs` the asker's.

mod desk;
mod lines;
mod question;
mod reader;
mod report;
#[cfg(test)]
mod tests;

use core::time::Duration;

pub(super) use desk::StatusDesk;
pub(super) use lines::{Cycles, Facts};
pub use question::{UnknownWhat, What};
pub use reader::{StatusError, StatusReader, ask_driver};

/// Messages heard in one duty cycle at most; more than are said, so that the driver's own words, which it hears too, are
/// never what fills the stream.
const MESSAGES_PER_CYCLE: u32 = 128;
/// Lines said in one duty cycle at most.
const LINES_PER_CYCLE: u32 = 32;
/// Places of a table looked at in one duty cycle at most; most may be empty.
const PLACES_PER_CYCLE: u32 = 1024;
/// Questions that may wait while another is answered.
const WAITING: usize = 16;
/// How long the stream may be full before its readers count as gone.
const PATIENCE: Duration = Duration::from_secs(5);
