//! Joins: making one stream out of several (join-barrier).
//!
//! ```text
//!   consumers ── poll ──► JoinBarrier ── ready(output)? ── read ──► one look at each frame the output needs
//!                            ▲   │
//!       merge maps, by the   │   │ trace ids of what was read ──► Producer::trace
//!       control stream       │   ▼
//!                          conductor
//! ```
//!
//! A join lives on the thread that uses it, beside the consumers of its inputs, which stay the application's. It gates
//! attempts and no more: it holds no frame back, protects no slot and waits for nobody. Each frame of a ready output is read
//! once, and is there or gone (J-003, J-004). In the steady state nothing here allocates (J-002).

mod config;
mod desk;
mod kinds;
mod map;
mod read;

use core::fmt;
use std::sync::Arc;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::join::{
    Barrier, BySeq, ByStamp, InSequence, InTime, InputFrame, Latest, Place, Readiness, Recent,
    Told, Verdict,
};
use tp_core_nostd::proto::merge_map::{MapNews, MergeRule};
use tp_core_nostd::time::{Clock, Instant};
use tp_core_nostd::wire::control::FrameDescriptor;
use tp_core_nostd::wire::enums::ClockDomain;
use tp_core_nostd::wire::merge_map::TimestampSource;
use tp_core_nostd::wire::tracelink::PARENTS_MAX;

use crate::clock::SharedClock;
use crate::consumer::{ConsumeError, Consumer, FrameReader};
pub use config::JoinConfig;
pub(crate) use desk::{JoinDesk, MapTold};
pub use kinds::JoinMode;
use kinds::{Memory, Rules};
pub use map::{MergeMap, SequenceMap, TimestampMap};
pub(crate) use map::{OwnRule, RULES_MAX};
pub use read::{JoinInput, JoinRead};

/// Joins by number: equal rates, numbering preserved.
pub type SequenceJoinBarrier = JoinBarrier<InSequence>;
/// Joins by time: different rates, or several hosts.
pub type TimestampJoinBarrier = JoinBarrier<InTime>;
/// Takes the newest frame of each input, by number.
pub type LatestJoinBarrier = JoinBarrier<Latest<BySeq>>;
/// Takes the newest frame of each input, by time.
pub type LatestByTimeJoinBarrier = JoinBarrier<Latest<ByStamp>>;

/// What a join did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JoinCounters {
    /// Maps that took effect.
    pub maps_applied: u64,
    /// Maps that made no sense and stopped the join.
    pub maps_void: u64,
    /// Outputs that were read.
    pub outputs: u64,
    /// Frames of them that were used.
    pub frames: u64,
    /// Frames of them that were gone, or not used.
    pub lost: u64,
}

/// A join in front of one output; see the module and [`Client::join`](crate::Client::join).
pub struct JoinBarrier<K: JoinMode> {
    gate: Barrier<K, Rules<K>>,
    desk: Arc<JoinDesk>,
    /// One per input, in the order they were first polled in.
    memories: Box<[(Option<StreamId>, Memory)]>,
    /// What the last ready output is named by, until it was read.
    ready: Option<K::Output>,
    /// Trace ids of what was read for the last output.
    parents: Vec<u64>,
    assumed_clock: Option<ClockDomain>,
    clock: SharedClock,
    counters: JoinCounters,
}

impl<K: JoinMode> JoinBarrier<K> {
    pub(crate) fn new(config: &JoinConfig, desk: Arc<JoinDesk>, clock: SharedClock) -> Self {
        let places = vec![Place::FREE; config.rules].into_boxed_slice();
        let memory = || Recent::new(vec![None; config.depth].into_boxed_slice());
        let memories = core::iter::repeat_with(|| (None, memory()));
        Self {
            gate: Barrier::new(config.out, config.policy, places),
            desk,
            memories: memories.take(config.rules).collect(),
            ready: None,
            parents: Vec::with_capacity(PARENTS_MAX.saturating_add(1)),
            assumed_clock: config.clock,
            clock,
            counters: JoinCounters::default(),
        }
    }

    /// The output is in this epoch, as its producer says; the same one again costs nothing. It needs a map of its own: the
    /// conductor finds it among those it heard of, or asks for it until somebody tells (J-020, J-038).
    pub fn begin_epoch(&mut self, epoch: Epoch) {
        self.gate.begin_epoch(epoch);
        self.desk.begin(epoch);
        self.desk.want(self.gate.wanted().is_some());
    }

    /// Goes by this map from now on, as if it had been announced for the output's current epoch; for stages that know
    /// their map. Nothing changes if it applies already, if it is for another output or of the other kind, or while the
    /// output has no epoch.
    pub fn apply(&mut self, map: &MergeMap) -> MapNews {
        let scope = self.desk.scope();
        let map = scope.and_then(|scope| <K::Rule as OwnRule>::announce(map, scope.epoch));
        let news = map.map_or(MapNews::Ignored, |map| self.gate.apply(&map));
        self.note(news);
        news
    }

    /// Polls each input for at most `limit` frames, notes what arrived, and returns how many frames that were. Inputs are
    /// told apart by their streams; those that no rule names do no harm.
    ///
    /// # Errors
    /// [`ConsumeError`] of an input, after all of them were polled.
    pub fn poll(&mut self, inputs: &mut [Consumer], limit: u32) -> Result<u32, ConsumeError> {
        self.poll_using(inputs, limit, |_, _| false)
    }

    /// As [`Self::poll`], with each frame handed to `use_it` as it arrives, which says whether the stage used it up: where
    /// [that is required](JoinConfig::with_require_processed), outputs wait for it (J-070).
    ///
    /// # Errors
    /// As [`Self::poll`].
    pub fn poll_using(
        &mut self,
        inputs: &mut [Consumer],
        limit: u32,
        mut use_it: impl FnMut(&FrameDescriptor, FrameReader<'_>) -> bool,
    ) -> Result<u32, ConsumeError> {
        self.hear_of_maps();
        let now = self.clock.now();
        let (mut polled, mut failed) = (0_u32, None);
        for input in inputs {
            let (stream, clock) = (input.stream(), self.assumed_clock.or(input.clock_domain()));
            if let Some(epoch) = input.epoch() {
                self.enter(stream, epoch);
            }
            let reads_slots = self.reads_slots(stream);
            let result = input.poll(limit, |descriptor, mut reader| {
                let slot_ns = reads_slots.then(|| reader.capture_ns()).flatten();
                let is_used = use_it(descriptor, reader);
                self.see(now, descriptor, slot_ns, clock, is_used);
            });
            match result {
                Ok(count) => polled = polled.saturating_add(count),
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(polled),
        }
    }

    /// Notes a frame that somebody else polled, with the clock of its times: for stages that put one input into several
    /// joins. What its slot says of the time is not known then.
    pub fn observe(&mut self, descriptor: &FrameDescriptor, clock: Option<ClockDomain>) {
        let now = self.clock.now();
        self.see(now, descriptor, None, clock, false);
    }

    /// What the last [`Self::ready`] says of each rule's input, in the order of the map (J-092).
    pub fn inputs(&self) -> impl Iterator<Item = (StreamId, Verdict)> {
        self.gate.inputs()
    }

    /// The inputs that went silent by now, whether or not outputs may do without them (J-090).
    pub fn stale_inputs(&self) -> impl Iterator<Item = StreamId> {
        self.gate.stale_inputs(self.clock.now())
    }

    /// Whether a map applies.
    pub fn has_map(&mut self) -> bool {
        self.hear_of_maps();
        self.desk.scope().is_some() && self.gate.wanted().is_none()
    }

    /// What it did so far.
    pub const fn counters(&self) -> JoinCounters {
        self.counters
    }

    /// One look while there is no news.
    fn hear_of_maps(&mut self) {
        if self.desk.told.is_waiting() {
            self.adopt_map();
        }
    }

    #[cold]
    fn adopt_map(&mut self) {
        let news = match self.desk.told.take() {
            Some(MapTold::Announced(bytes)) => match K::Rule::parse(&bytes) {
                Ok(view) => self.gate.handle_map(view),
                Err(_) => MapNews::Ignored,
            },
            Some(MapTold::Void(scope, error)) => self.gate.refuse_map(scope, error),
            None => MapNews::Ignored,
        };
        self.note(news);
    }

    fn note(&mut self, news: MapNews) {
        match news {
            MapNews::Applied => {
                self.counters.maps_applied = self.counters.maps_applied.wrapping_add(1);
                self.ready = None;
            }
            MapNews::Void(_) => {
                self.counters.maps_void = self.counters.maps_void.wrapping_add(1);
                self.ready = None;
            }
            MapNews::Ignored | MapNews::Unchanged | MapNews::NoRoom => {}
        }
        self.desk.want(self.gate.wanted().is_some());
    }

    /// The input is in this epoch.
    fn enter(&mut self, stream: StreamId, epoch: Epoch) {
        if let Some(memory) = memory_of(&mut self.memories, stream)
            && memory.epoch() < Some(epoch)
        {
            memory.begin_epoch(epoch);
            self.gate.begin_input_epoch(stream, epoch);
        }
    }

    fn see(
        &mut self,
        now: Instant,
        descriptor: &FrameDescriptor,
        slot_ns: Option<u64>,
        clock: Option<ClockDomain>,
        is_used: bool,
    ) {
        self.enter(descriptor.stream_id, descriptor.epoch);
        if let Some(memory) = memory_of(&mut self.memories, descriptor.stream_id)
            && memory.epoch() == Some(descriptor.epoch)
        {
            memory.tell(Told {
                seq: descriptor.seq,
                trace_id: descriptor.trace_id,
                descriptor_ns: descriptor.timestamp_ns,
                slot_ns,
            });
        }
        // Before its first announce an input has no clock yet; that is no reason to reject it until its epoch ends.
        if K::BY_TIME && clock.is_none() {
            return;
        }
        let described = InputFrame::described(descriptor, clock);
        self.show(now, &described, is_used);
        if let Some(slot_ns) = slot_ns {
            self.show(now, &described.read(slot_ns), is_used);
        }
    }

    fn show(&mut self, now: Instant, frame: &InputFrame, is_used: bool) {
        self.gate.observed(now, frame);
        if is_used {
            self.gate.processed(frame);
        }
    }

    /// Whether a rule wants to know when frames of this input were captured, which their slots say.
    fn reads_slots(&self, stream: StreamId) -> bool {
        K::BY_TIME
            && self.rules().any(|(rule, _)| {
                rule.input() == stream && K::source(rule) == TimestampSource::SlotHeader
            })
    }

    fn rules(&self) -> impl Iterator<Item = (K::Rule, Verdict)> {
        (0..self.memories.len()).filter_map(|at| self.gate.rule(at))
    }

    /// Whether to try an output, named by its number in a sequence join, by its time in a timestamp join, and by `()` where
    /// the newest frames count. If so, [`Self::read`] reads what it needs.
    pub fn ready(&mut self, output: K::Output) -> Readiness {
        self.hear_of_maps();
        let readiness = K::ready(&mut self.gate, self.clock.now(), output);
        self.ready = readiness.is_ready().then_some(output);
        readiness
    }
}

/// What is remembered of an input; the first time it is met it takes a free place.
fn memory_of(memories: &mut [(Option<StreamId>, Memory)], stream: StreamId) -> Option<&mut Memory> {
    let place = memories
        .iter()
        .position(|(of, _)| of.is_none_or(|of| of == stream))?;
    let (of, memory) = memories.get_mut(place)?;
    *of = Some(stream);
    Some(memory)
}

impl<K: JoinMode> Drop for JoinBarrier<K> {
    fn drop(&mut self) {
        self.desk.abandon();
    }
}

impl<K: JoinMode> fmt::Debug for JoinBarrier<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinBarrier")
            .field("desk", &self.desk)
            .field("ready", &self.ready)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}
