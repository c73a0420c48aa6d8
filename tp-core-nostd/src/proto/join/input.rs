//! What is known of one input.

use super::Verdict;
use crate::ids::{Epoch, StreamId};
use crate::seq::Seq;
use crate::time::Instant;
use crate::wire::control::FrameDescriptor;
use crate::wire::enums::ClockDomain;
use crate::wire::merge_map::TimestampSource;

/// A frame of an input, as far as it is known: from its descriptor, or from its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct InputFrame {
    /// The input.
    pub stream: StreamId,
    /// The input's own epoch, which has nothing to do with the output's.
    pub epoch: Epoch,
    /// Its number.
    pub seq: Seq,
    /// Which of its times this is.
    pub source: TimestampSource,
    /// The time, in nanoseconds; `None` where it has none.
    pub time_ns: Option<u64>,
    /// The clock of the time: what the input's ShmPoolAnnounce says, or the configuration.
    pub clock: Option<ClockDomain>,
}

impl InputFrame {
    /// A frame without time, for joins that need none.
    pub const fn new(stream: StreamId, epoch: Epoch, seq: Seq) -> Self {
        Self {
            stream,
            epoch,
            seq,
            source: TimestampSource::FrameDescriptor,
            time_ns: None,
            clock: None,
        }
    }

    /// A frame whose descriptor arrived.
    pub const fn described(descriptor: &FrameDescriptor, clock: Option<ClockDomain>) -> Self {
        Self {
            time_ns: descriptor.timestamp_ns,
            clock,
            ..Self::new(descriptor.stream_id, descriptor.epoch, descriptor.seq)
        }
    }

    /// A frame whose slot was read; its capture time, where 0 and all ones are none (J-072).
    pub const fn read(self, slot_ns: u64) -> Self {
        Self {
            source: TimestampSource::SlotHeader,
            time_ns: match slot_ns {
                0 | u64::MAX => None,
                ns => Some(ns),
            },
            ..self
        }
    }
}

/// How far an input has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) seq: Option<Seq>,
    pub(super) time_ns: Option<u64>,
}

/// Room for one rule and what is known of its input.
#[derive(Clone, Copy, Debug)]
pub struct Place<R> {
    pub(super) rule: Option<R>,
    pub(super) epoch: Option<Epoch>,
    pub(super) observed: Cursor,
    pub(super) processed: Cursor,
    /// When the last frame of it was seen, by the monotonic clock.
    pub(super) seen_at: Option<Instant>,
    /// The frame at the observed cursor turned out to be gone.
    pub(super) is_invalid: bool,
    pub(super) is_rejected: bool,
    pub(super) verdict: Verdict,
}

impl<R> Place<R> {
    /// No rule.
    pub const FREE: Self = Self {
        rule: None,
        epoch: None,
        observed: Cursor {
            seq: None,
            time_ns: None,
        },
        processed: Cursor {
            seq: None,
            time_ns: None,
        },
        seen_at: None,
        is_invalid: false,
        is_rejected: false,
        verdict: Verdict::Missing,
    };

    /// A frame of this epoch of the input was met; whether it counts. With a newer epoch the cursors begin anew (J-055).
    pub(super) fn enter(&mut self, epoch: Epoch) -> bool {
        if self.epoch.is_some_and(|current| epoch < current) {
            return false;
        }
        if self.epoch != Some(epoch) {
            let rule = self.rule.take();
            *self = Self {
                rule,
                epoch: Some(epoch),
                ..Self::FREE
            };
        }
        true
    }
}
