//! Ready when every input has reached the number the output needs (join-barrier 2.4).

use super::barrier::{Barrier, JoinKind};
use super::{InputFrame, Place, Readiness};
use crate::seq::Seq;
use crate::time::Instant;
use crate::wire::merge_map::{SequenceNeed, SequenceRule};

/// Joins by number.
#[derive(Clone, Copy, Debug, Default)]
pub struct InSequence;

/// A barrier for outputs that need their inputs up to a number: equal rates, numbering preserved.
pub type SequenceJoin<S> = Barrier<InSequence, S>;

impl JoinKind for InSequence {
    type Rule = SequenceRule;

    fn observe(place: &mut Place<SequenceRule>, (): (), frame: &InputFrame) {
        place.observed.seq = place.observed.seq.max(Some(frame.seq));
    }

    fn process(place: &mut Place<SequenceRule>, (): (), frame: &InputFrame) {
        place.processed.seq = place.processed.seq.max(Some(frame.seq));
    }
}

impl<S: AsRef<[Place<SequenceRule>]> + AsMut<[Place<SequenceRule>]>> SequenceJoin<S> {
    /// Whether to try the output of this number. Any number may be asked for, in any order.
    pub fn ready(&mut self, now: Instant, out_seq: Seq) -> Readiness {
        self.judge(now, |place, rule, policy| {
            let Some((_, last)) = frames_needed(rule.need, out_seq) else {
                return false;
            };
            // Nothing seen is less than the first frame (J-053).
            place.observed.seq >= Some(last)
                && (!policy.require_processed || place.processed.seq >= Some(last))
        })
    }
}

/// The first and the last frame of an input that an output needs, `None` while there cannot be any (J-044, J-045). A stage
/// tries them all, and does without those that are gone (J-046, J-047).
pub fn frames_needed(need: SequenceNeed, out_seq: Seq) -> Option<(Seq, Seq)> {
    match need {
        SequenceNeed::Offset(offset) => {
            let raw = out_seq.get().checked_add_signed(offset.get().into())?;
            let seq = Seq::new(raw)?;
            Some((seq, seq))
        }
        SequenceNeed::Window(size) => {
            let count = out_seq.get().checked_add(1)?;
            let first = count.checked_sub(size.get().into())?;
            Some((Seq::new(first)?, out_seq))
        }
    }
}
