//! Ready when every input has reached the time the output needs (join-barrier 2.5).

use super::barrier::{Barrier, JoinKind};
use super::input::Cursor;
use super::{InputFrame, Place, Readiness};
use crate::proto::merge_map::TimeTerms;
use crate::time::Instant;
use crate::wire::enums::ClockDomain;
use crate::wire::merge_map::{TimestampNeed, TimestampRule};

/// Joins by time.
#[derive(Clone, Copy, Debug, Default)]
pub struct InTime {
    /// The latest output that was asked for.
    last_out_ns: u64,
}

/// A barrier for outputs that need their inputs up to a time: different rates, or several hosts.
pub type TimestampJoin<S> = Barrier<InTime, S>;

/// The time of an output: of the pipeline's clock, of an input frame, or from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct OutTime {
    /// Nanoseconds.
    pub ns: u64,
    /// On which clock.
    pub clock: ClockDomain,
}

impl JoinKind for InTime {
    type Rule = TimestampRule;

    fn observe(place: &mut Place<TimestampRule>, terms: TimeTerms, frame: &InputFrame) {
        advance(place, terms, frame, |place| &mut place.observed);
    }

    fn process(place: &mut Place<TimestampRule>, terms: TimeTerms, frame: &InputFrame) {
        advance(place, terms, frame, |place| &mut place.processed);
    }
}

/// Moves a cursor to the frame's time, or rejects the input: its times are of another clock, of none that is known, or
/// fall (J-065 to J-067).
fn advance(
    place: &mut Place<TimestampRule>,
    terms: TimeTerms,
    frame: &InputFrame,
    cursor: impl Fn(&mut Place<TimestampRule>) -> &mut Cursor,
) {
    let Some(time_ns) = time_by(place.rule, frame) else {
        return;
    };
    let time_ns = Some(time_ns);
    if frame.clock != Some(terms.clock) || time_ns < cursor(place).time_ns {
        place.is_rejected = true;
    } else {
        cursor(place).time_ns = time_ns;
    }
}

/// The frame's time, if it is the one that counts, and is one (J-062, J-068).
pub(super) fn time_by(rule: Option<TimestampRule>, frame: &InputFrame) -> Option<u64> {
    let counts = rule.is_some_and(|rule| rule.source == frame.source);
    frame.time_ns.filter(|ns| counts && *ns != u64::MAX)
}

impl<S: AsRef<[Place<TimestampRule>]> + AsMut<[Place<TimestampRule>]>> TimestampJoin<S> {
    /// Whether to try the output of this time. Times of an output never fall; one that does is refused this once, and so is
    /// one on another clock than the map's (J-066, J-069, J-074).
    pub fn ready(&mut self, now: Instant, out: OutTime) -> Readiness {
        let Some(terms) = self.terms() else {
            return Readiness::NoMap;
        };
        if out.clock != terms.clock || out.ns == u64::MAX || out.ns < self.kind.last_out_ns {
            return Readiness::OutputRejected;
        }
        self.kind.last_out_ns = out.ns;
        self.judge(now, |place, rule, policy| {
            let Some(required) = time_needed(rule.need, out.ns) else {
                return false;
            };
            // Lateness moves what has to be seen, not where a rule begins; nothing seen is less than 0 (J-059, J-071).
            let least = Some(required.saturating_sub(terms.lateness_ns));
            place.observed.time_ns >= least
                && (!policy.require_processed || place.processed.time_ns >= least)
        })
    }
}

/// Up to which time an output needs an input; `None` while it can need none (J-056, J-057).
pub(super) fn time_needed(need: TimestampNeed, out_ns: u64) -> Option<u64> {
    match need {
        TimestampNeed::Offset(offset) => out_ns.checked_add_signed(offset.get()),
        TimestampNeed::Window(window) => (out_ns >= window.get()).then_some(out_ns),
    }
}
