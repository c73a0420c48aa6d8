//! How the frames of a ready output are read: each once.

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::join::{InputFrame, Verdict};
use tp_core_nostd::proto::merge_map::MergeRule;
use tp_core_nostd::proto::read::DropReason;
use tp_core_nostd::seq::Seq;
use tp_core_nostd::wire::tracelink::PARENTS_MAX;

use super::{JoinBarrier, JoinMode};
use crate::consumer::{Consumer, FrameView};

/// A frame that an output needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinInput {
    /// The place of its rule in the map.
    pub rule: usize,
    /// The input.
    pub stream: StreamId,
    /// The input's epoch.
    pub epoch: Epoch,
    /// Its number.
    pub seq: Seq,
    /// Its trace id, if its descriptor was heard and has one.
    pub trace_id: Option<u64>,
}

/// What reading an output came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "frames may be gone"]
pub struct JoinRead {
    /// Frames that were used.
    pub frames: u32,
    /// Frames that were gone, or not used.
    pub lost: u32,
}

impl JoinRead {
    /// Whether every frame was there. Of a window some may be gone (J-047); the stage decides what that is worth.
    pub const fn is_whole(&self) -> bool {
        self.lost == 0 && self.frames > 0
    }
}

impl<K: JoinMode> JoinBarrier<K> {
    /// Reads what the last ready output needs, rule by rule, oldest frame first, and hands each frame to `use_it`, which
    /// says whether it counts: not if it was overwritten meanwhile. Inputs that are stale are passed over. A frame is tried
    /// once (J-004); nothing is read a second time for the same answer of [`ready`](Self::ready).
    pub fn read(
        &mut self,
        inputs: &mut [Consumer],
        mut use_it: impl FnMut(&JoinInput, &FrameView<'_>) -> bool,
    ) -> JoinRead {
        self.parents.clear();
        let mut read = JoinRead::default();
        let Some(output) = self.ready.take() else {
            return read;
        };
        for at in 0..self.memories.len() {
            let Some((rule, Verdict::Present)) = self.gate.rule(at) else {
                continue;
            };
            let stream = rule.input();
            let memories = &mut self.memories;
            let memory = super::memory_of(memories, stream);
            let input = inputs.iter_mut().find(|input| input.stream() == stream);
            let span = memory.as_deref().and_then(|memory| {
                let span = K::span(&self.gate, rule, memory, output)?;
                Some((span, memory.epoch()?))
            });
            let (Some(input), Some(memory), Some(((first, last), epoch))) = (input, memory, span)
            else {
                // Ready by what was seen, and forgotten since.
                read.lost = read.lost.saturating_add(1);
                continue;
            };
            for raw in first.get()..=last.get() {
                let Some(seq) = Seq::new(raw) else { break };
                let frame = JoinInput {
                    rule: at,
                    stream,
                    epoch,
                    seq,
                    trace_id: memory.find(seq).and_then(|told| told.trace_id),
                };
                match try_frame(input, &frame, &mut use_it) {
                    true => {
                        read.frames = read.frames.saturating_add(1);
                        self.gate.processed(&InputFrame::new(stream, epoch, seq));
                        if let Some(id) = frame.trace_id
                            && self.parents.len() <= PARENTS_MAX
                        {
                            self.parents.push(id);
                        }
                    }
                    false => {
                        read.lost = read.lost.saturating_add(1);
                        K::lost(&mut self.gate, rule, seq);
                    }
                }
            }
        }
        let counters = &mut self.counters;
        counters.outputs = counters.outputs.wrapping_add(1);
        counters.frames = counters.frames.wrapping_add(read.frames.into());
        counters.lost = counters.lost.wrapping_add(read.lost.into());
        read
    }

    /// The trace ids of the frames that the last [`read`](Self::read) used, in its order: what
    /// [`Producer::trace`](crate::Producer::trace) makes the trace of the output from.
    pub fn parents(&self) -> impl Iterator<Item = Option<u64>> {
        self.parents.iter().copied().map(Some)
    }
}

/// Whether the frame was there, and used.
fn try_frame(
    input: &mut Consumer,
    frame: &JoinInput,
    use_it: &mut impl FnMut(&JoinInput, &FrameView<'_>) -> bool,
) -> bool {
    // What is mapped by now may be of another epoch (J-080).
    if input.epoch() != Some(frame.epoch) {
        return false;
    }
    let view: Result<_, DropReason> = input.read(frame.seq);
    view.is_ok_and(|view| use_it(frame, &view))
}
