//! What a join by time was shown of its inputs, kept the slow way: which outputs are due, and which frames they are made of.

use std::collections::BTreeMap;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::wire::control::FrameDescriptor;
use tp_std::{ConsumeError, Consumer, TimestampJoinBarrier, TimestampSource};

/// Frames of each input that a join remembers, as long as nobody asks for more or fewer.
const REMEMBERED: u64 = 64;

/// Which frames of an input an output at some time needs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Need {
    /// The one that was current so much later, or earlier.
    Current { offset_ns: i64 },
    /// All of the time before.
    All { within_ns: u64 },
}

/// See the module.
#[derive(Debug)]
pub(super) struct Times {
    source: TimestampSource,
    rules: Vec<(StreamId, Need)>,
    /// By so much inputs may lag behind.
    lateness_ns: u64,
    inputs: BTreeMap<StreamId, Shown>,
    /// Whether a map applies, and how many did.
    maps: (bool, u64),
    last_out_ns: u64,
}

/// What was shown of one input in its epoch.
#[derive(Debug, Default)]
struct Shown {
    epoch: Option<Epoch>,
    /// The last of each place.
    frames: BTreeMap<u64, (Seq, Option<u64>)>,
    newest: Option<Seq>,
    /// It is known which clock its times are of.
    has_clock: bool,
    /// The time it has reached under the map.
    reached_ns: Option<u64>,
    /// Its times fell.
    is_rejected: bool,
}

impl Need {
    /// Up to which time an output at `out_ns` needs the input.
    fn until(self, out_ns: u64) -> Option<u64> {
        match self {
            Self::Current { offset_ns } => out_ns.checked_add_signed(offset_ns),
            Self::All { within_ns } => (out_ns >= within_ns).then_some(out_ns),
        }
    }
}

impl Times {
    pub(super) fn new(
        source: TimestampSource,
        rules: &[(StreamId, Need)],
        lateness_ns: u64,
    ) -> Self {
        Self {
            source,
            rules: rules.to_vec(),
            lateness_ns,
            inputs: BTreeMap::new(),
            maps: (false, 0),
            last_out_ns: 0,
        }
    }

    /// Polls the inputs for `join`, and sees what it sees.
    pub(super) fn poll(
        &mut self,
        join: &mut TimestampJoinBarrier,
        inputs: &mut [Consumer],
        limit: u32,
    ) -> Result<u32, ConsumeError> {
        let has_map = join.has_map();
        let maps = (has_map, join.counters().maps_applied);
        if core::mem::replace(&mut self.maps, maps).1 != maps.1 {
            self.begin_map();
        }
        for input in &mut *inputs {
            let shown = self.inputs.entry(input.stream()).or_default();
            shown.has_clock = input.clock_domain().is_some();
            if let Some(epoch) = input.epoch() {
                shown.enter(epoch);
            }
        }
        join.poll_using(inputs, limit, |descriptor, reader| {
            let time_ns = match self.source {
                TimestampSource::FrameDescriptor => descriptor.timestamp_ns,
                TimestampSource::SlotHeader => {
                    let frame = reader.read().ok();
                    frame.and_then(|frame| frame.capture_ns())
                }
            };
            self.see(descriptor, time_ns);
            false
        })
    }

    /// Whether the output of this time is to be made now.
    pub(super) fn is_due(&mut self, out_ns: u64) -> bool {
        let (has_map, _) = self.maps;
        if !has_map || out_ns < self.last_out_ns {
            return false;
        }
        self.last_out_ns = out_ns;
        self.rules.iter().all(|(input, need)| {
            let least = need.until(out_ns);
            let least = least.map(|until| until.saturating_sub(self.lateness_ns));
            let shown = self.inputs.get(input).filter(|shown| !shown.is_rejected);
            least.is_some() && shown.is_some_and(|shown| shown.reached_ns >= least)
        })
    }

    /// The frames of that output, rule by rule.
    pub(super) fn frames(&self, out_ns: u64) -> Vec<Vec<(StreamId, Seq)>> {
        let rules = self.rules.iter().map(|(input, need)| {
            let shown = self.inputs.get(input);
            let numbers = shown.and_then(|shown| shown.frames(*need, out_ns));
            let numbers = numbers.into_iter().flatten();
            let numbers = numbers.filter_map(Seq::new);
            numbers.map(|seq| (*input, seq)).collect()
        });
        rules.collect()
    }

    /// The time that all inputs have reached.
    pub(super) fn reached_ns(&self) -> Option<u64> {
        let reached = self.rules.iter().map(|(input, _)| {
            let shown = self.inputs.get(input);
            shown.and_then(|shown| shown.reached_ns)
        });
        reached.min()?
    }

    /// Nothing that was seen counts under another map.
    fn begin_map(&mut self) {
        self.last_out_ns = 0;
        for shown in self.inputs.values_mut() {
            shown.reached_ns = None;
            shown.is_rejected = false;
        }
    }

    fn see(&mut self, descriptor: &FrameDescriptor, time_ns: Option<u64>) {
        let (has_map, _) = self.maps;
        let shown = self.inputs.entry(descriptor.stream_id).or_default();
        shown.enter(descriptor.epoch);
        if shown.epoch != Some(descriptor.epoch) {
            return;
        }
        let seq = descriptor.seq;
        shown.newest = shown.newest.max(Some(seq));
        shown.frames.insert(seq.get() % REMEMBERED, (seq, time_ns));
        if !has_map || !shown.has_clock || time_ns.is_none() {
            return;
        }
        match time_ns < shown.reached_ns {
            true => shown.is_rejected = true,
            false => shown.reached_ns = time_ns,
        }
    }
}

impl Shown {
    fn enter(&mut self, epoch: Epoch) {
        if self.epoch < Some(epoch) {
            *self = Self {
                epoch: Some(epoch),
                has_clock: self.has_clock,
                ..Self::default()
            };
        }
    }

    fn frames(&self, need: Need, out_ns: u64) -> Option<core::ops::RangeInclusive<u64>> {
        let until_ns = need.until(out_ns)?;
        let oldest = (self.newest?.get() + 1).saturating_sub(REMEMBERED);
        let there = self.frames.values();
        let there = there.filter_map(|(seq, ns)| Some((seq.get(), (*ns)?)));
        let there = there.filter(|(seq, ns)| *seq >= oldest && *ns <= until_ns);
        let last = there.clone().map(|(seq, _)| seq).max()?;
        let first = match need {
            Need::Current { .. } => last,
            Need::All { within_ns } => {
                let in_time = there.filter(|(_, ns)| ns + within_ns >= until_ns);
                in_time.map(|(seq, _)| seq).min()?
            }
        };
        Some(first..=last)
    }
}
