//! When it is sensible to try to make an output frame out of input frames (join-barrier 2.4 to 2.7).
//!
//! ```text
//!             begin_epoch               map applied
//!  no epoch ──────────────► map wanted ─────────────► joining ──┐ observed, processed, invalid: cursors move
//!                            ▲ ▲  │ ▲                  │  ▲     │ ready?: an answer, nothing waits
//!                            │ │  │ └── map void ──────┤  └─────┘ the same map again
//!                            │ │  └── map void          │ another map: cursors are empty again
//!                            │ └─ begin_epoch ─────────┘
//! ```
//!
//! A barrier knows what was seen of its inputs and says when trying makes sense. It waits for no commit and protects no slot:
//! each frame is then read as ever, once, and is there or not (J-003, J-004). There are four kinds, by what has to be seen:
//!
//! | barrier | ready when each input | map |
//! |---|---|---|
//! | [`SequenceJoin`] | has reached a number | sequence |
//! | [`TimestampJoin`] | has reached a time | timestamp |
//! | [`LatestBySequence`] | has a frame; the one with the highest number counts | sequence |
//! | [`LatestByTime`] | has a frame; the one with the latest time counts | timestamp |
//!
//! ```
//! use tp_core_nostd::ids::{Epoch, StreamId};
//! use tp_core_nostd::proto::join::{InputFrame, JoinPolicy, Place, SequenceJoin};
//! use tp_core_nostd::seq::Seq;
//! use tp_core_nostd::time::Instant;
//! use tp_core_nostd::wire::Entries;
//! use tp_core_nostd::wire::merge_map::{Offset, SequenceMergeMapAnnounce, SequenceNeed, SequenceRule};
//!
//! # fn main() -> Option<()> {
//! let (left, right, out) = (StreamId::new(1)?, StreamId::new(2)?, StreamId::new(3)?);
//! let (epoch, now) = (Epoch::new(1)?, Instant::from_ns(1));
//! let mut barrier = SequenceJoin::new(out, JoinPolicy::default(), [Place::FREE; 4]);
//! barrier.begin_epoch(epoch);
//!
//! let need = SequenceNeed::Offset(Offset::new(0)?);
//! let rules = [left, right].map(|input| SequenceRule { input, need });
//! let _ = barrier.apply(&SequenceMergeMapAnnounce {
//!     out_stream_id: out,
//!     epoch,
//!     stale_timeout_ns: None,
//!     rules: Entries::listed(&rules),
//! });
//!
//! barrier.observed(now, &InputFrame::new(left, epoch, Seq::FIRST));
//! assert!(!barrier.ready(now, Seq::FIRST).is_ready());
//! barrier.observed(now, &InputFrame::new(right, epoch, Seq::FIRST));
//! assert!(barrier.ready(now, Seq::FIRST).is_ready());
//! # Some(())
//! # }
//! # main().unwrap();
//! ```

mod barrier;
mod input;
mod latest;
mod recent;
mod sequence;
mod timestamp;

pub use barrier::{Barrier, JoinKind};
pub use input::{InputFrame, Place};
pub use latest::{BySeq, ByStamp, Latest, LatestBySequence, LatestByTime, Selected};
pub use recent::{Recent, Told};
pub use sequence::{InSequence, SequenceJoin, frames_needed};
pub use timestamp::{InTime, OutTime, TimestampJoin};

/// What the stage asks of a barrier, besides the map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct JoinPolicy {
    /// Frames must have been consumed by the stage, not only seen (J-049, J-058).
    pub require_processed: bool,
    /// Outputs may do without inputs that went silent, if the map says when they have (J-096).
    pub allow_stale: bool,
}

/// Whether to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "this is the barrier"]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Readiness {
    /// Every input that is not stale is there.
    Ready,
    /// Some input is not there yet, or none is.
    Waiting,
    /// There is no map for the output's epoch, or a void one (J-051, J-024).
    NoMap,
    /// Some input breaks the rules of time, until its epoch or the map changes (J-073).
    InputRejected,
    /// The output's time does, this once (J-066, J-074).
    OutputRejected,
}

impl Readiness {
    /// Whether to try.
    pub const fn is_ready(self) -> bool {
        matches!(self, Self::Ready)
    }
}

/// What the last answer says of one rule's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Verdict {
    /// It is there.
    Present,
    /// It is not there yet.
    Missing,
    /// It went silent, and the output does without it (J-091, J-092).
    Stale,
    /// It breaks the rules of time.
    Rejected,
}

#[cfg(test)]
mod tests;
