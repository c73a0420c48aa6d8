//! The protocol decisions: pure machines, `(now, input)` in, outputs out.
//!
//! None of them owns a clock, a socket or a file. Each has one owner, which feeds it what arrived and does what it says;
//! deadlines are data, so a simulation can jump from one to the next.

pub mod announce;
pub mod mapping;
pub mod random;
