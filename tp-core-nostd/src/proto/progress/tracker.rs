//! The consumer's side: whether a progress message is to be believed (wire 5.12, T-21).
//!
//! ```text
//!             STARTED, PROGRESS or COMPLETE of a later frame: valid
//!   ┌────────────────────────────────────────────────────────────────┐
//!   ▼                                                                │
//!  Started ── PROGRESS ──► Progress ── COMPLETE ──► Complete ────────┘
//!     └──────────────── COMPLETE ─────────────────────▲
//! ```
//!
//! These are the states of one slot. Any of them may be the first that is seen, for messages get lost; none goes back, and
//! bytes never fall. Only the message's own image is judged by that: what comes through another one, while shared and
//! private stream overlap, may be late without being wrong.

use crate::ids::{Epoch, StreamId};
use crate::seq::{Seq, SlotCount};
use crate::shm::CommitWord;
use crate::transport::ImageId;
use crate::wire::control::FrameProgress;
use crate::wire::enums::FrameProgressState;

/// What became of a progress message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub enum Verdict {
    /// Hand it on. Whether bytes may be read is another question.
    Valid,
    /// Drop it; nothing is wrong.
    Ignore(Ignored),
    /// Drop it; the producer broke a rule.
    Violation(Violation),
}

/// Why a message is dropped without blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Ignored {
    /// Of another stream.
    Foreign,
    /// Of another epoch than the mapped one.
    WrongEpoch,
    /// A later frame has the slot, or had progress in it.
    Overtaken,
    /// Nothing new in it.
    Repeated,
}

/// What a producer must not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Violation {
    /// Fewer bytes than before (W-159).
    Fell {
        /// Bytes told before.
        had: u64,
        /// Bytes told now.
        got: u64,
    },
    /// From COMPLETE back to PROGRESS, or the like (W-160).
    StepBack,
    /// More bytes than the committed frame has (W-157).
    TooLong {
        /// Bytes of the frame.
        length: u32,
        /// Bytes told.
        got: u64,
    },
}

/// What the slot of a frame shows at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SlotShows {
    /// The frame is not committed: its progress is a hint (T-21).
    NotYet,
    /// The frame, committed, with a header that passed its checks.
    Committed {
        /// Bytes of its payload.
        length: u32,
    },
    /// A later frame.
    Later,
}

impl SlotShows {
    /// What `word` means for frame `seq`. `length` reads the header, once the frame is committed; `None` from it says that
    /// the header was overwritten meanwhile or is void.
    pub fn of(word: Option<CommitWord>, seq: Seq, length: impl FnOnce() -> Option<u32>) -> Self {
        match word {
            Some(word) if word.seq() > seq => Self::Later,
            Some(word) if word == CommitWord::committed(seq) => match length() {
                Some(length) => Self::Committed { length },
                None => Self::Later,
            },
            _ => Self::NotYet,
        }
    }
}

/// Storage for the last progress seen of one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting(Option<Seen>);

impl Sighting {
    /// Nothing seen.
    pub const NONE: Self = Self(None);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    seq: Seq,
    state: FrameProgressState,
    filled: u64,
    image: ImageId,
}

/// Follows the progress of one mapped stream. `S` lends a sighting for each header slot (C-117).
#[derive(Clone, Debug)]
pub struct Tracker<S> {
    stream: StreamId,
    epoch: Epoch,
    slots: SlotCount,
    sightings: S,
    violations: u64,
}

impl<S: AsRef<[Sighting]> + AsMut<[Sighting]>> Tracker<S> {
    /// Has seen nothing of the regions just mapped. `None` if there are fewer sightings than slots.
    pub fn new(stream: StreamId, epoch: Epoch, slots: SlotCount, mut sightings: S) -> Option<Self> {
        let own = sightings.as_mut().get_mut(..slots.get() as usize)?;
        own.fill(Sighting::NONE);
        Some(Self {
            stream,
            epoch,
            slots,
            sightings,
            violations: 0,
        })
    }

    /// Judges a message that came through `image` while the slot of its frame shows `slot`. Only valid ones are
    /// remembered.
    pub fn observe(
        &mut self,
        image: ImageId,
        progress: &FrameProgress,
        slot: SlotShows,
    ) -> Verdict {
        let verdict = self.judge(image, progress, slot);
        match verdict {
            Verdict::Valid => {
                if let Some(sighting) = self.sighting(progress.seq) {
                    sighting.0 = Some(Seen {
                        seq: progress.seq,
                        state: progress.state,
                        filled: progress.payload_bytes_filled,
                        image,
                    });
                }
            }
            Verdict::Violation(_) => self.violations = self.violations.saturating_add(1),
            Verdict::Ignore(_) => {}
        }
        verdict
    }

    fn judge(&self, image: ImageId, progress: &FrameProgress, slot: SlotShows) -> Verdict {
        let (seq, got) = (progress.seq, progress.payload_bytes_filled);
        if progress.stream_id != self.stream {
            return Verdict::Ignore(Ignored::Foreign);
        }
        if progress.epoch != self.epoch {
            return Verdict::Ignore(Ignored::WrongEpoch);
        }
        let before = self.seen(seq);
        match slot {
            SlotShows::Later => return Verdict::Ignore(Ignored::Overtaken),
            SlotShows::Committed { length } if got > length.into() => {
                return Verdict::Violation(Violation::TooLong { length, got });
            }
            SlotShows::Committed { .. } | SlotShows::NotYet => {}
        }
        match before {
            None => Verdict::Valid,
            Some(before) if before.seq < seq => Verdict::Valid,
            Some(before) if before.seq > seq => Verdict::Ignore(Ignored::Overtaken),
            Some(before) => before.followed_by(image, progress.state, got),
        }
    }

    /// Bytes of frame `seq` that its producer says are there; to be read again after the bytes were (W-163).
    pub fn filled(&self, seq: Seq) -> Option<u64> {
        let seen = self.seen(seq)?;
        (seen.seq == seq).then_some(seen.filled)
    }

    /// Forgets what was seen, for a new writer of the same epoch (T-14). The count of violations stays.
    pub fn forget(&mut self) {
        self.sightings.as_mut().fill(Sighting::NONE);
    }

    /// Messages that broke a rule.
    pub const fn violations(&self) -> u64 {
        self.violations
    }

    fn seen(&self, seq: Seq) -> Option<Seen> {
        let slot = self.slots.slot_of(seq).get() as usize;
        self.sightings.as_ref().get(slot)?.0
    }

    fn sighting(&mut self, seq: Seq) -> Option<&mut Sighting> {
        let slot = self.slots.slot_of(seq).get() as usize;
        self.sightings.as_mut().get_mut(slot)
    }
}

impl Seen {
    /// Judges another message about the same frame.
    fn followed_by(self, image: ImageId, state: FrameProgressState, got: u64) -> Verdict {
        let had = self.filled;
        let both = (self.state, state);
        let grown =
            both == (FrameProgressState::Progress, FrameProgressState::Progress) && got > had;
        let further = state > self.state || grown;
        match () {
            () if got >= had && further => Verdict::Valid,
            () if image != self.image || (state, got) == (self.state, had) => {
                Verdict::Ignore(Ignored::Repeated)
            }
            () if got < had => Verdict::Violation(Violation::Fell { had, got }),
            () => Verdict::Violation(Violation::StepBack),
        }
    }
}

#[cfg(test)]
mod tests;
