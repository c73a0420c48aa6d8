//! A stream with fewer frames than the one it comes from, for one consumer (rate-limiter 1, 2).
//!
//! ```text
//!               both ends there             another source epoch, numbers fall
//!  Waiting ─────────────────────► Flowing ──────────────────────────────────────► Spent
//!     ▲                            │   ▲                                            │
//!     └──── either end gone ───────┘   └───── destination attached in a higher epoch ┘
//! ```
//!
//! Frames keep their numbers (L-006), so numbers that fall at the source need another epoch at the destination: its producer
//! detaches and attaches again (L-038). A [`Limiter`] decides which frames go on and when, and rewrites what is told of them;
//! frames are read and published by the machines every consumer and producer has, with
//! [`skip_to`](crate::proto::publish::Publisher::skip_to) before each. A [`Binding`] knows whose wish is the rate.
//!
//! ```
//! use tp_core_nostd::ids::{Epoch, StreamId};
//! use tp_core_nostd::proto::rate_limiter::{Limiter, Mapping, Step};
//! use tp_core_nostd::seq::Seq;
//! use tp_core_nostd::time::Instant;
//!
//! # fn main() -> Option<()> {
//! let (source, destination) = (StreamId::new(10_000)?, StreamId::new(20_000)?);
//! let mut limiter = Limiter::new(Mapping { source, destination }, Some(10)); // frames per second
//! let epoch = Epoch::new(1)?;
//! limiter.source_mapped(epoch);
//! limiter.destination_attached(Epoch::new(7)?);
//!
//! let at = |ms: u64| Instant::from_ns(ms * 1_000_000);
//! assert_eq!(limiter.frame(at(0), epoch, Seq::new(0)?), Step::Publish);
//! assert_eq!(limiter.frame(at(30), epoch, Seq::new(1)?), Step::Keep); // copy it
//! assert_eq!(limiter.frame(at(60), epoch, Seq::new(2)?), Step::Keep); // in its place
//! assert_eq!(limiter.poll_timeout(), at(100));
//! assert_eq!(limiter.poll(at(100)), Seq::new(2)); // publish the copy
//! # Some(())
//! # }
//! # main().unwrap();
//! ```

mod binding;
mod rewrite;
mod setup;

use core::fmt;

use crate::ids::Epoch;
use crate::proto::consumer_manager::RateGate;
use crate::seq::Seq;
use crate::time::Instant;
use crate::wire::control::FrameProgress;

pub use binding::{Binding, Greeting, SILENT_FOR};
pub use setup::{Forwarding, Mapping, SetupError, check};

/// What to do with a frame of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a frame is published, kept or dropped"]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Step {
    /// Publish it now.
    Publish,
    /// Copy it out of the source's ring, in place of the copy there is: its time may come (L-040).
    Keep,
    /// Nothing.
    Drop(DropCause),
}

/// Why a frame does not go on. None of these is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum DropCause {
    /// It is of an epoch of the source that is not mapped (L-012, L-030).
    SourceEpoch,
    /// There is no destination, or it needs another epoch first.
    NoDestination,
    /// Its number went on already.
    Repeated,
    /// Numbers fell: from now on the destination needs another epoch.
    Fell,
}

impl fmt::Display for DropCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SourceEpoch => "the frame is of another epoch than the mapped one",
            Self::NoDestination => "the destination is not attached",
            Self::Repeated => "the frame went on before",
            Self::Fell => "frame numbers fell at the source",
        })
    }
}

/// Decides for one mapping.
#[derive(Clone, Debug)]
pub struct Limiter {
    mapping: Mapping,
    source: Option<Epoch>,
    destination: Option<Epoch>,
    /// The last frame that went on in the destination's epoch, with its own.
    last: Option<(Epoch, Seq)>,
    /// Higher numbers than those that come were used in the destination's epoch.
    is_spent: bool,
    gate: RateGate<Seq>,
    /// The newest end of a frame that was told before the frame itself went on.
    held: Option<FrameProgress>,
}

impl Limiter {
    /// Lets `max_rate_hz` frames through each second; `None` and 0 are all of them (L-003).
    pub const fn new(mapping: Mapping, max_rate_hz: Option<u32>) -> Self {
        Self {
            mapping,
            source: None,
            destination: None,
            last: None,
            is_spent: false,
            gate: RateGate::new(max_rate_hz),
            held: None,
        }
    }

    /// Lets another number through from now on.
    pub fn set_rate(&mut self, max_rate_hz: Option<u32>) {
        self.gate.set_rate(max_rate_hz);
    }

    /// The source is mapped in this epoch. In another one than before nothing of the old one goes on any more, the first
    /// frame is let through at once, and numbers begin anew (L-010, L-011, L-030).
    pub fn source_mapped(&mut self, epoch: Epoch) {
        if self.source.replace(epoch) != Some(epoch) {
            self.gate.reset();
            self.is_spent |= self.last.is_some_and(|(of, _)| of != epoch);
        }
    }

    /// The source is not mapped any more; what waits for its time is dropped.
    pub fn source_lost(&mut self) {
        self.source = None;
        self.gate.reset();
    }

    /// The destination is attached in this epoch, which is another one after each attach (L-031).
    pub fn destination_attached(&mut self, epoch: Epoch) {
        if self.destination.replace(epoch) != Some(epoch) {
            self.gate.reset();
            self.last = None;
            self.is_spent = false;
        }
    }

    /// The destination has no lease any more. What waits for its time is dropped with it.
    pub fn destination_lost(&mut self) {
        self.destination = None;
        self.gate.reset();
        self.last = None;
        self.is_spent = false;
    }

    /// Whether the destination is to be detached and attached again (L-038).
    pub const fn wants_reattach(&self) -> bool {
        self.is_spent
    }

    /// A frame arrived that passed the checks every consumer makes (L-012).
    pub fn frame(&mut self, now: Instant, epoch: Epoch, seq: Seq) -> Step {
        if self.source != Some(epoch) {
            return Step::Drop(DropCause::SourceEpoch);
        }
        if self.destination.is_none() || self.is_spent {
            return Step::Drop(DropCause::NoDestination);
        }
        match self.last {
            Some((_, last)) if seq == last => return Step::Drop(DropCause::Repeated),
            Some((_, last)) if seq < last => {
                self.is_spent = true;
                self.gate.reset();
                return Step::Drop(DropCause::Fell);
            }
            _ => {}
        }
        match self.gate.offer(now, seq) {
            Some(seq) => {
                self.last = Some((epoch, seq));
                Step::Publish
            }
            None => Step::Keep,
        }
    }

    /// The kept frame, if its time has come: publish the copy (L-004).
    pub fn poll(&mut self, now: Instant) -> Option<Seq> {
        let (epoch, seq) = (self.source?, self.gate.poll(now)?);
        self.last = Some((epoch, seq));
        Some(seq)
    }

    /// When to call [`Self::poll`].
    pub const fn poll_timeout(&self) -> Instant {
        self.gate.poll_timeout()
    }
}

#[cfg(test)]
mod tests;
