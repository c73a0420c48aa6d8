//! What differs between the kinds of joins: the maps they go by, what an output is named by, and which frames it needs.

use tp_core_nostd::proto::join::{
    Barrier, BySeq, ByStamp, InSequence, InTime, JoinKind, Latest, OutTime, Place, Readiness,
    Recent, Told, frames_needed,
};
use tp_core_nostd::proto::merge_map::MergeRule;
use tp_core_nostd::seq::Seq;
use tp_core_nostd::time::Instant;
use tp_core_nostd::wire::merge_map::{SequenceRule, TimestampRule, TimestampSource};

use super::map::OwnRule;

pub(super) type Rules<K> = Box<[Place<<K as JoinKind>::Rule>]>;
pub(super) type Memory = Recent<Box<[Option<Told>]>>;
type Gate<K> = Barrier<K, Rules<K>>;

/// A way to join: [`InSequence`], [`InTime`], or [`Latest`] by either order.
pub trait JoinMode: sealed::Mode {}

impl<K: sealed::Mode> JoinMode for K {}

pub(crate) mod sealed {
    use super::*;

    /// What differs between the kinds.
    #[expect(private_bounds, reason = "sealed")]
    pub trait Mode: JoinKind<Rule: OwnRule> + 'static {
        /// What names an output.
        type Output: Copy + core::fmt::Debug + Send;
        /// The kind of its maps.
        const BY_TIME: bool;

        /// Whether to try this output.
        fn ready(gate: &mut Gate<Self>, now: Instant, output: Self::Output) -> Readiness;

        /// The first and the last frame of a rule's input that the output needs.
        fn span(
            gate: &Gate<Self>,
            rule: Self::Rule,
            memory: &Memory,
            output: Self::Output,
        ) -> Option<(Seq, Seq)>;

        /// A frame that was to be read is gone.
        fn lost(gate: &mut Gate<Self>, rule: Self::Rule, seq: Seq);

        /// Which time of an input's frames counts.
        fn source(rule: Self::Rule) -> TimestampSource;
    }
}

impl sealed::Mode for InSequence {
    type Output = Seq;
    const BY_TIME: bool = false;

    fn ready(gate: &mut Gate<Self>, now: Instant, output: Seq) -> Readiness {
        gate.ready(now, output)
    }

    fn span(
        _: &Gate<Self>,
        rule: SequenceRule,
        memory: &Memory,
        output: Seq,
    ) -> Option<(Seq, Seq)> {
        let needed = frames_needed(rule.need, output)?;
        Some(memory.within_reach(needed))
    }

    fn lost(_: &mut Gate<Self>, _: SequenceRule, _: Seq) {}

    fn source(_: SequenceRule) -> TimestampSource {
        TimestampSource::FrameDescriptor
    }
}

impl sealed::Mode for InTime {
    type Output = OutTime;
    const BY_TIME: bool = true;

    fn ready(gate: &mut Gate<Self>, now: Instant, output: OutTime) -> Readiness {
        gate.ready(now, output)
    }

    fn span(
        _: &Gate<Self>,
        rule: TimestampRule,
        memory: &Memory,
        output: OutTime,
    ) -> Option<(Seq, Seq)> {
        memory.frames_at(rule.need, rule.source, output.ns)
    }

    fn lost(_: &mut Gate<Self>, _: TimestampRule, _: Seq) {}

    fn source(rule: TimestampRule) -> TimestampSource {
        rule.source
    }
}

/// Both orders of the newest frames.
macro_rules! latest {
    ($order:ty, $rule:ty, $by_time:literal, $source:expr) => {
        impl sealed::Mode for Latest<$order> {
            type Output = ();
            const BY_TIME: bool = $by_time;

            fn ready(gate: &mut Gate<Self>, now: Instant, (): ()) -> Readiness {
                gate.ready(now)
            }

            fn span(gate: &Gate<Self>, rule: $rule, _: &Memory, (): ()) -> Option<(Seq, Seq)> {
                let mut selected = gate.selected();
                let frame = selected.find(|frame| frame.stream == rule.input())?;
                Some((frame.seq, frame.seq))
            }

            fn lost(gate: &mut Gate<Self>, rule: $rule, seq: Seq) {
                let mut selected = gate.selected();
                let frame = selected.find(|frame| (frame.stream, frame.seq) == (rule.input(), seq));
                drop(selected);
                if let Some(frame) = frame {
                    gate.invalid(&frame);
                }
            }

            fn source(rule: $rule) -> TimestampSource {
                $source(rule)
            }
        }
    };
}

latest!(BySeq, SequenceRule, false, |_| {
    TimestampSource::FrameDescriptor
});
latest!(ByStamp, TimestampRule, true, |rule: TimestampRule| rule
    .source);
