//! Ready when every input has a frame; the newest of each counts, aligned or not (join-barrier 2.6).

use core::marker::PhantomData;

use super::barrier::{Barrier, JoinKind};
use super::input::Cursor;
use super::timestamp::time_by;
use super::{InputFrame, Place, Readiness, Verdict};
use crate::ids::{Epoch, StreamId};
use crate::proto::merge_map::{MergeRule, TimeTerms};
use crate::seq::Seq;
use crate::time::Instant;
use crate::wire::merge_map::{SequenceRule, TimestampRule};

/// Takes the newest frame of each input, ordered as `O` says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latest<O>(PhantomData<fn() -> O>);

/// The newest frame is the one with the highest number.
#[derive(Clone, Copy, Debug, Default)]
pub struct BySeq;

/// The newest frame is the one with the latest time, by the source and clock the map names (J-085).
#[derive(Clone, Copy, Debug, Default)]
pub struct ByStamp;

/// A barrier for the newest frames, by number.
pub type LatestBySequence<S> = Barrier<Latest<BySeq>, S>;
/// A barrier for the newest frames, by time.
pub type LatestByTime<S> = Barrier<Latest<ByStamp>, S>;

/// The frame of an input to be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Selected {
    /// The input.
    pub stream: StreamId,
    /// The input's epoch.
    pub epoch: Epoch,
    /// The frame.
    pub seq: Seq,
    /// Its time where frames are ordered by time, in nanoseconds.
    pub time_ns: Option<u64>,
}

impl JoinKind for Latest<BySeq> {
    type Rule = SequenceRule;

    fn observe(place: &mut Place<SequenceRule>, (): (), frame: &InputFrame) {
        let newest = place.observed.seq.is_none_or(|seq| frame.seq > seq);
        if newest {
            select(place, frame, None);
        }
    }

    fn process(_: &mut Place<SequenceRule>, (): (), _: &InputFrame) {}
}

impl JoinKind for Latest<ByStamp> {
    type Rule = TimestampRule;

    fn observe(place: &mut Place<TimestampRule>, terms: TimeTerms, frame: &InputFrame) {
        let Some(time_ns) = time_by(place.rule, frame) else {
            return;
        };
        if frame.clock != Some(terms.clock) {
            place.is_rejected = true;
            return;
        }
        let age = (Some(time_ns), Some(frame.seq));
        if age > (place.observed.time_ns, place.observed.seq) {
            select(place, frame, Some(time_ns));
        }
    }

    fn process(_: &mut Place<TimestampRule>, _: TimeTerms, _: &InputFrame) {}
}

fn select<R>(place: &mut Place<R>, frame: &InputFrame, time_ns: Option<u64>) {
    place.observed = Cursor {
        seq: Some(frame.seq),
        time_ns,
    };
    place.is_invalid = false;
}

impl<O, S> Barrier<Latest<O>, S>
where
    Latest<O>: JoinKind,
    S: AsRef<[Place<RuleOf<O>>]> + AsMut<[Place<RuleOf<O>>]>,
{
    /// Whether to try, with the frames that [`Self::selected`] names. What the rules say besides their inputs is not asked
    /// for (J-076, J-077).
    pub fn ready(&mut self, now: Instant) -> Readiness {
        self.judge(now, |place, _, _| {
            place.observed.seq.is_some() && !place.is_invalid
        })
    }

    /// The frames to be tried, one for each rule whose input was there at the last [`Self::ready`].
    pub fn selected(&self) -> impl Iterator<Item = Selected> {
        let there = self.places().iter();
        let there = there.filter(|place| place.verdict == Verdict::Present);
        there.filter_map(|place| {
            Some(Selected {
                stream: place.rule?.input(),
                epoch: place.epoch?,
                seq: place.observed.seq?,
                time_ns: place.observed.time_ns,
            })
        })
    }

    /// A selected frame was overwritten, or failed a check: its input is absent until a newer one is seen, and the output
    /// is not made this time (J-078, J-079).
    pub fn invalid(&mut self, frame: &Selected) {
        for place in self.places_of(frame.stream) {
            if (place.epoch, place.observed.seq) == (Some(frame.epoch), Some(frame.seq)) {
                place.is_invalid = true;
                place.verdict = Verdict::Missing;
            }
        }
    }
}

type RuleOf<O> = <Latest<O> as JoinKind>::Rule;
