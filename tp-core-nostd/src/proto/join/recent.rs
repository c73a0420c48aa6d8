//! The last frames of one input, as they were told of: which of them an output is made from, and under which trace ids.

use crate::ids::Epoch;
use crate::seq::Seq;
use crate::wire::merge_map::{TimestampNeed, TimestampSource};

use super::timestamp::time_needed;

/// A frame of an input, as its descriptor and, where somebody looked, its slot told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Told {
    /// Its number.
    pub seq: Seq,
    /// Its trace id.
    pub trace_id: Option<u64>,
    /// When it was published, in nanoseconds.
    pub descriptor_ns: Option<u64>,
    /// When it was captured, in nanoseconds.
    pub slot_ns: Option<u64>,
}

impl Told {
    const fn time_ns(&self, source: TimestampSource) -> Option<u64> {
        match source {
            TimestampSource::FrameDescriptor => self.descriptor_ns,
            TimestampSource::SlotHeader => self.slot_ns,
        }
    }
}

/// Remembers as many frames as `S` lends places. An output that needs older ones does without them: they are forgotten
/// long after a ring of usual size has overwritten them.
#[derive(Clone, Debug)]
pub struct Recent<S> {
    frames: S,
    epoch: Option<Epoch>,
    newest: Option<Seq>,
}

impl<S: AsRef<[Option<Told>]> + AsMut<[Option<Told>]>> Recent<S> {
    /// Nothing was told of yet.
    pub fn new(mut frames: S) -> Self {
        frames.as_mut().fill(None);
        Self {
            frames,
            epoch: None,
            newest: None,
        }
    }

    /// The epoch the frames are of.
    pub const fn epoch(&self) -> Option<Epoch> {
        self.epoch
    }

    /// The frame with the highest number.
    pub const fn newest(&self) -> Option<Seq> {
        self.newest
    }

    /// The input is in this epoch; frames of another one are forgotten (J-055).
    pub fn begin_epoch(&mut self, epoch: Epoch) {
        if self.epoch.replace(epoch) != Some(epoch) {
            self.frames.as_mut().fill(None);
            self.newest = None;
        }
    }

    /// A frame of the epoch was told of.
    pub fn tell(&mut self, told: Told) {
        self.newest = self.newest.max(Some(told.seq));
        if let Some(place) = self.place(told.seq)
            && let Some(frame) = self.frames.as_mut().get_mut(place)
        {
            *frame = Some(told);
        }
    }

    /// The frame of this number, if it is remembered.
    pub fn find(&self, seq: Seq) -> Option<&Told> {
        let frame = self.frames.as_ref().get(self.place(seq)?)?.as_ref();
        frame.filter(|told| told.seq == seq)
    }

    /// As much of a window as frames are remembered for: its newest part.
    pub fn within_reach(&self, (first, last): (Seq, Seq)) -> (Seq, Seq) {
        let oldest = last.get().saturating_add(1);
        let oldest = oldest.saturating_sub(self.frames.as_ref().len() as u64);
        (Seq::new(oldest).unwrap_or(first).max(first), last)
    }

    /// The first and the last of the frames that an output of this time needs: the one that was current at the time an
    /// offset names, or those in a window. `None` if none of them is remembered.
    pub fn frames_at(
        &self,
        need: TimestampNeed,
        source: TimestampSource,
        out_ns: u64,
    ) -> Option<(Seq, Seq)> {
        let last_ns = time_needed(need, out_ns)?;
        let in_time = |told: &&Told| told.time_ns(source).is_some_and(|ns| ns <= last_ns);
        let last = self.back_from_newest().find(in_time)?.seq;
        let TimestampNeed::Window(window) = need else {
            return Some((last, last));
        };
        let first_ns = last_ns.saturating_sub(window.get());
        let in_window = |told: &&Told| told.time_ns(source).is_some_and(|ns| ns >= first_ns);
        let window = self.back_from_newest().filter(|told| told.seq <= last);
        let first = window.filter(in_window).last()?.seq;
        Some((first, last))
    }

    /// What is remembered, the newest first.
    fn back_from_newest(&self) -> impl Iterator<Item = &Told> {
        let newest = self.newest.map(Seq::get);
        let back = 0..self.frames.as_ref().len() as u64;
        back.filter_map(move |back| self.find(Seq::new(newest?.checked_sub(back)?)?))
    }

    fn place(&self, seq: Seq) -> Option<usize> {
        let places = self.frames.as_ref().len() as u64;
        usize::try_from(seq.get().checked_rem(places)?).ok()
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "small numbers of a test")]
mod tests {
    use super::*;
    use crate::wire::merge_map::{OffsetNs, WindowNs};

    const BY_DESCRIPTOR: TimestampSource = TimestampSource::FrameDescriptor;
    const BY_SLOT: TimestampSource = TimestampSource::SlotHeader;

    fn seq(raw: u64) -> Seq {
        Seq::new(raw).unwrap()
    }

    /// Published at ten times its number, captured 3 ns before.
    fn told(raw: u64) -> Told {
        Told {
            seq: seq(raw),
            trace_id: Some(raw + 100),
            descriptor_ns: Some(raw * 10),
            slot_ns: Some(raw * 10 - 3),
        }
    }

    fn recent(frames: impl IntoIterator<Item = u64>) -> Recent<[Option<Told>; 8]> {
        let mut recent = Recent::new([None; 8]);
        recent.begin_epoch(Epoch::new(1).unwrap());
        frames.into_iter().for_each(|raw| recent.tell(told(raw)));
        recent
    }

    fn span(found: Option<(Seq, Seq)>) -> Option<(u64, u64)> {
        found.map(|(first, last)| (first.get(), last.get()))
    }

    #[test]
    fn as_many_frames_are_remembered_as_there_is_room_for() {
        let recent = recent([1, 2, 3, 5, 11]);
        assert_eq!(recent.newest(), Some(seq(11)));
        assert_eq!(recent.find(seq(5)), Some(&told(5)));
        // Its place was taken, and one that nobody told of.
        assert_eq!((recent.find(seq(3)), recent.find(seq(4))), (None, None));
        let reach = |first, last| span(Some(recent.within_reach((seq(first), seq(last)))));
        assert_eq!(reach(0, 3), Some((0, 3)));
        assert_eq!(reach(9, 11), Some((9, 11)));
        assert_eq!(reach(0, 11), Some((4, 11)));
    }

    #[test] // req: J-055
    fn another_epoch_makes_all_forgotten_and_the_same_one_nothing() {
        let mut recent = recent([1, 2]);
        recent.begin_epoch(Epoch::new(1).unwrap());
        assert!(recent.find(seq(2)).is_some());
        recent.begin_epoch(Epoch::new(2).unwrap());
        assert_eq!((recent.newest(), recent.find(seq(2))), (None, None));
    }

    #[test] // req: J-056, J-062
    fn an_offset_names_the_frame_that_was_current_then() {
        let recent = recent([4, 5, 7]);
        let at = |source, offset, out_ns| {
            let need = TimestampNeed::Offset(OffsetNs::new(offset).unwrap());
            span(recent.frames_at(need, source, out_ns))
        };
        assert_eq!(at(BY_DESCRIPTOR, 0, 50), Some((5, 5)));
        assert_eq!(at(BY_DESCRIPTOR, 0, 69), Some((5, 5)));
        assert_eq!(at(BY_SLOT, 0, 69), Some((7, 7)));
        assert_eq!(at(BY_DESCRIPTOR, -30, 70), Some((4, 4)));
        assert_eq!(at(BY_DESCRIPTOR, 1_000, 70), Some((7, 7)));
        // Before the first, and before there is time.
        assert_eq!(at(BY_DESCRIPTOR, 0, 39), None);
        assert_eq!(at(BY_DESCRIPTOR, -100, 70), None);
    }

    #[test] // req: J-057
    fn a_window_has_the_frames_of_its_time() {
        let recent = recent([4, 5, 7, 8]);
        let at = |window, out_ns| {
            let need = TimestampNeed::Window(WindowNs::new(window).unwrap());
            span(recent.frames_at(need, BY_DESCRIPTOR, out_ns))
        };
        assert_eq!(at(20, 70), Some((5, 7)));
        assert_eq!(at(19, 70), Some((7, 7)));
        assert_eq!(at(70, 79), Some((4, 7)));
        assert_eq!(at(5, 66), None);
        assert_eq!(at(80, 79), None);
    }
}
