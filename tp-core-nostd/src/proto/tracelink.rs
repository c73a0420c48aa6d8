//! What a frame was made from: its trace id by the kind of its stage, and the message that names its parents (tracelink 3, 5).
//!
//! ```text
//!  inputs of one frame ── trace() ──► Traced ── frame published ──► LinkSender::send ──► set offered, once
//!                                       │                               │
//!                                       └─ frame aborted: dropped       └─ refused, not taken: dropped, counted
//! ```
//!
//! Nothing depends on any of it: a set that is not taken is gone (K-001 to K-003). A [`Traced`] is used up by sending it, so
//! no frame has two sets.
//!
//! ```
//! use tp_core_nostd::ids::{Epoch, StreamId};
//! use tp_core_nostd::proto::trace_id::{TraceIdGenerator, TraceIdLayout};
//! use tp_core_nostd::proto::tracelink::{LinkSender, Sent, Stage, Traced, Unchecked};
//! use tp_core_nostd::seq::Seq;
//! use tp_core_nostd::wire::control::FrameDescriptor;
//!
//! let mut ids = TraceIdGenerator::new(TraceIdLayout::DEFAULT, 5, 1_700_000_000_000)?;
//! let mut links = LinkSender::new(Unchecked);
//!
//! // Two inputs, whose descriptors carry 11 and 12, become one frame.
//! let traced = Traced::<8>::new(Stage::NToOne, [Some(11), Some(12)], || ids.mint(1_700_000_000_000));
//! # let (stream_id, epoch) = (StreamId::new(10_000).unwrap(), Epoch::new(1).unwrap());
//! let published = FrameDescriptor {
//!     trace_id: Some(traced.trace_id().get()),
//! #   stream_id, epoch, seq: Seq::FIRST, timestamp_ns: None, meta_version: None,
//!     // …
//! };
//! let mut message = [0; 128];
//! let sent = links.send(&published, traced, |set| set.encode(&mut message));
//! assert_eq!(sent, Sent::Offered);
//! # Ok::<(), tp_core_nostd::proto::trace_id::TraceIdError>(())
//! ```

mod check;

use heapless::Vec;

use crate::ids::TraceId;
use crate::wire::Entries;
use crate::wire::control::FrameDescriptor;
use crate::wire::tracelink::{PARENTS_MAX, TraceLinkSet};

pub use check::{LinkRefusal, LinkValidator, Published, Unchecked};

/// How frames come to be. It is the stage that is of one kind, not the list of a frame's inputs (C-088, K-040).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Stage {
    /// From outside: a camera.
    Root,
    /// From one frame each: a filter. The id goes on.
    OneToOne,
    /// From several frames: a join, a window.
    NToOne,
    /// From one frame, but under an id of its own (K-017).
    Reroot,
}

/// The trace of one frame. `N` is how many parents it can have.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the frame carries its id, and its set is sent"]
pub struct Traced<const N: usize = PARENTS_MAX> {
    trace_id: TraceId,
    parents: Vec<TraceId, N>,
    /// The parents were more than fit.
    overflowed: bool,
}

impl<const N: usize> Traced<N> {
    /// The trace of a frame made from frames with these ids, as their descriptors carry them, in the order the stage
    /// observed them. `mint` makes a new id if one is needed.
    ///
    /// Untraced inputs are left out, repeated ones are named once. Parents beyond the `N`th are too many to name, and so
    /// none is: a set names all of them or is not sent (K-029). Comparing them all takes the square of their number.
    pub fn new(
        stage: Stage,
        inputs: impl IntoIterator<Item = Option<u64>>,
        mut mint: impl FnMut() -> TraceId,
    ) -> Self {
        // All ones are as good as no id (K-042).
        let mut traced = inputs.into_iter().flatten().filter_map(TraceId::new);
        let mut parents = Vec::new();
        let mut overflowed = false;
        match stage {
            Stage::Root => {}
            Stage::OneToOne => {
                if let Some(trace_id) = traced.next() {
                    return Self::without_parents(trace_id);
                }
            }
            Stage::NToOne | Stage::Reroot => {
                for parent in traced {
                    overflowed |= !parents.contains(&parent) && parents.push(parent).is_err();
                }
            }
        }
        if overflowed {
            parents.clear();
        }
        // Only another node with our number can have minted one of ours; no frame is its own parent all the same (K-041).
        let mut trace_id = mint();
        for _ in 0..N {
            if !parents.contains(&trace_id) {
                break;
            }
            trace_id = mint();
        }
        Self {
            trace_id,
            parents,
            overflowed,
        }
    }

    const fn without_parents(trace_id: TraceId) -> Self {
        Self {
            trace_id,
            parents: Vec::new(),
            overflowed: false,
        }
    }

    /// The id the frame's descriptor carries.
    pub const fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The parents to be named, none where there is no set to send.
    pub fn parents(&self) -> &[TraceId] {
        &self.parents
    }
}

/// What became of a frame's set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Sent<E> {
    /// The frame has none.
    Nothing,
    /// It was offered, and taken.
    Offered,
    /// It was not taken, and is gone (K-043).
    NotTaken(E),
    /// The parents were more than fit.
    TooManyParents,
    /// It does not describe what was published.
    Refused(LinkRefusal),
}

/// What became of all sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LinkCounters {
    /// Offered and taken.
    pub offered: u64,
    /// Offered and not taken.
    pub not_taken: u64,
    /// Never offered, for their parents were too many.
    pub too_many_parents: u64,
    /// Never offered, for they do not describe what was published.
    pub refused: u64,
}

/// Sends the sets of one producer. `V` checks them before, [`Published`] unless somebody wants another check or none (C-089).
#[derive(Clone, Debug)]
pub struct LinkSender<V> {
    validator: V,
    counters: LinkCounters,
}

impl<V: LinkValidator> LinkSender<V> {
    /// Of one producer.
    pub const fn new(validator: V) -> Self {
        Self {
            validator,
            counters: LinkCounters {
                offered: 0,
                not_taken: 0,
                too_many_parents: 0,
                refused: 0,
            },
        }
    }

    /// Goes on with another check, or with none.
    pub fn with_validator<W: LinkValidator>(self, validator: W) -> LinkSender<W> {
        LinkSender {
            validator,
            counters: self.counters,
        }
    }

    /// The check, to be told of what was published.
    pub const fn validator_mut(&mut self) -> &mut V {
        &mut self.validator
    }

    /// What became of all sets.
    pub const fn counters(&self) -> LinkCounters {
        self.counters
    }

    /// Offers the set of a frame to `emit`, once, after the frame was published with this descriptor (K-043).
    pub fn send<const N: usize, T, E>(
        &mut self,
        published: &FrameDescriptor,
        traced: Traced<N>,
        emit: impl FnOnce(&TraceLinkSet<'_>) -> Result<T, E>,
    ) -> Sent<E> {
        let counters = &mut self.counters;
        let (count, sent) = if traced.overflowed {
            (&mut counters.too_many_parents, Sent::TooManyParents)
        } else if traced.parents.is_empty() {
            return Sent::Nothing;
        } else {
            let set = TraceLinkSet {
                stream_id: published.stream_id,
                epoch: published.epoch,
                seq: published.seq,
                trace_id: traced.trace_id,
                parents: Entries::listed(&traced.parents),
            };
            match self.validator.check(&set).map(|()| emit(&set)) {
                Ok(Ok(_)) => (&mut counters.offered, Sent::Offered),
                Ok(Err(error)) => (&mut counters.not_taken, Sent::NotTaken(error)),
                Err(refusal) => (&mut counters.refused, Sent::Refused(refusal)),
            }
        };
        *count = count.saturating_add(1);
        sent
    }
}

#[cfg(test)]
mod tests;
