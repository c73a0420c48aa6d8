//! Direct poll (E-01): a consumer finds its next frame by looking at the ring, without its descriptor.
//!
//! ```text
//!              next   a few ahead   one probe, further on with each look
//!   ring  … 6   7 │ 8   9   10  11  …   ?   …
//!              ▲    └── whole: those before it never come, a gap
//!              ├── whole: the frame
//!              └── of a later turn: lapped, go to the newest
//! ```
//!
//! Producers store committed words in the order of their numbers (E-06), and a number is committed once (T-59). So what
//! lies before a committed word is committed too by now, or never will be: a claim that was given up, a slot that no
//! buffer of a camera has. Nothing here reads a frame; [`Reader::read`](super::read::Reader::read) does, with all checks.

use crate::seq::{Seq, SlotCount};
use crate::shm::{CommitWord, HeaderRing, Region};

/// How many slots behind the next frame are looked at each time: claims given up one after the other.
const AHEAD: u64 = 4;

/// What a look at the ring found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Look {
    /// Nothing new.
    Idle,
    /// The frame to read next. Where it is not the expected one, those in between never come.
    Frame(Seq),
    /// The producer went around the ring meanwhile: this is the newest frame, what lies before it is given up.
    Lapped(Seq),
}

/// Watches the ring of one mapping.
#[derive(Clone, Copy, Debug, Default)]
pub struct DirectPoll {
    /// How far beyond the few slots ahead the next probe goes.
    probe: u32,
}

impl DirectPoll {
    /// A watch on a new mapping.
    pub const fn new() -> Self {
        Self { probe: 0 }
    }

    /// Looks for frame `next`, or the first one behind it. Bounded: a few loads while nothing is there; one turn of the
    /// ring at most when a gap is longer than these or the producer lapped us.
    #[inline]
    pub fn look<R: Region>(&mut self, ring: &HeaderRing<R>, next: Seq) -> Look {
        match state_of(ring, next) {
            State::Whole => Look::Frame(next),
            State::Past => lapped(ring, next),
            State::NotYet => self.look_ahead(ring, next),
        }
    }

    fn look_ahead<R: Region>(&mut self, ring: &HeaderRing<R>, next: Seq) -> Look {
        let slots = u64::from(ring.slots().get());
        for distance in 1..slots.min(AHEAD.saturating_add(1)) {
            let Some(seq) = seq_at(next, distance) else {
                return Look::Idle;
            };
            match state_of(ring, seq) {
                State::Whole => return Look::Frame(first_of(ring, next, seq)),
                State::Past => return lapped(ring, next),
                State::NotYet => {}
            }
        }
        self.probe_further(ring, next)
    }

    /// Rows of gaps longer than the few slots ahead are rare, but a camera that has buffers for a part of the ring only
    /// makes one with every turn: one more slot is looked at each time.
    fn probe_further<R: Region>(&mut self, ring: &HeaderRing<R>, next: Seq) -> Look {
        let slots = ring.slots();
        let rest = slots.get().saturating_sub(AHEAD as u32).saturating_sub(1);
        if rest == 0 {
            return Look::Idle;
        }
        let distance = AHEAD.saturating_add(1).saturating_add(self.probe.into());
        self.probe = self.probe.wrapping_add(1).checked_rem(rest).unwrap_or(0);
        let Some(seq) = seq_at(next, distance) else {
            return Look::Idle;
        };
        match state_of(ring, seq) {
            State::Whole => Look::Frame(first_of(ring, next, seq)),
            State::Past => lapped(ring, next),
            State::NotYet => Look::Idle,
        }
    }
}

/// The newest whole frame of a ring, for consumers that come late or were lapped.
///
/// Committed words form a rotated ascending sequence, so a binary search finds the last of it, stepping over slots that
/// are being written. Cameras may fill their buffers in another order; then it finds some whole frame, and the next
/// search a newer one.
pub fn newest<R: Region>(ring: &HeaderRing<R>) -> Option<Seq> {
    let slots = ring.slots();
    let (mut low, mut best) = first_whole(ring, 0, slots.get())?;
    let mut high = slots.get();
    while high.saturating_sub(low) > 1 {
        let middle = low.midpoint(high);
        match first_whole(ring, middle, high) {
            Some((index, seq)) if seq >= best => (low, best) = (index, seq),
            _ => high = middle,
        }
    }
    Some(best)
}

/// As [`newest`], and not before `next`; a ring in some other order is searched whole.
#[cold]
fn lapped<R: Region>(ring: &HeaderRing<R>, next: Seq) -> Look {
    let at_least = |seq: &Seq| *seq >= next;
    let found = newest(ring).filter(at_least);
    let found = found.or_else(|| {
        let all = (0..ring.slots().get()).filter_map(|index| whole_at(ring, index));
        all.max().filter(at_least)
    });
    found.map_or(Look::Idle, Look::Lapped)
}

/// The first whole frame from `next` on; `seq` is one, found a moment ago.
#[cold]
fn first_of<R: Region>(ring: &HeaderRing<R>, next: Seq, seq: Seq) -> Seq {
    let mut before = (next.get()..seq.get()).filter_map(Seq::new);
    // Looked at too early, perhaps: they were committed before `seq`.
    before
        .find(|seq| state_of(ring, *seq) == State::Whole)
        .unwrap_or(seq)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Being written, or not begun.
    NotYet,
    Whole,
    /// Its slot belongs to a later frame.
    Past,
}

#[inline]
fn state_of<R: Region>(ring: &HeaderRing<R>, seq: Seq) -> State {
    let slots = ring.slots();
    match ring.slot(slots.slot_of(seq)).load() {
        Some(word) if word == CommitWord::committed(seq) => State::Whole,
        Some(word) if word.seq() > seq && is_at_home(slots, word, seq) => State::Past,
        _ => State::NotYet,
    }
}

/// Whether a word found in the slot of `seq` may stand there; what producers do not write is not believed.
fn is_at_home(slots: SlotCount, word: CommitWord, seq: Seq) -> bool {
    slots.slot_of(word.seq()) == slots.slot_of(seq)
}

/// The first slot in `from..to` that holds a whole frame.
fn first_whole<R: Region>(ring: &HeaderRing<R>, from: u32, to: u32) -> Option<(u32, Seq)> {
    (from..to).find_map(|index| Some((index, whole_at(ring, index)?)))
}

fn whole_at<R: Region>(ring: &HeaderRing<R>, index: u32) -> Option<Seq> {
    let slots = ring.slots();
    let index = slots.index(index)?;
    let word = ring.slot(index).load()?;
    let seq = word.seq();
    (word.is_committed() && slots.slot_of(seq) == index).then_some(seq)
}

fn seq_at(next: Seq, distance: u64) -> Option<Seq> {
    Seq::new(next.get().checked_add(distance)?)
}

#[cfg(test)]
mod tests;
