//! An application that makes one stream of two: it joins their frames by number or by time, or takes the newest of each, by
//! a map that another process announces.

use core::task::Poll;
use core::time::Duration;
use std::path::Path;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::time::Instant;
use tp_std::{
    Client, ClockDomain, ConsumeError, Consumer, ConsumerConfig, FrameView, JoinBarrier,
    JoinConfig, JoinCounters, JoinInput, JoinMode, JoinRead, LatestJoinBarrier, MergeMap, OutTime,
    Pending, SequenceJoinBarrier, SequenceMap, TimestampJoinBarrier, TimestampMap, TimestampSource,
};
use tp_tests::fake_transport::Dice;

use super::ledger::Ledger;
use super::planted::{Bug, Planted};
use super::stage::Outlet;
use super::times::{Need, Times};
use super::wishes::{JoinWish, Joins};
use super::{ASK_AGAIN, STRIDE};

/// The stream that comes out, and the epoch its maps are for; nobody reads it.
const OUT: StreamId = StreamId::new(50_000).unwrap();
const OUT_EPOCH: Epoch = Epoch::new(1).unwrap();
/// Joined by number, a frame of the second stream is so much ahead of that of the first.
const AHEAD: u64 = 1;
/// Joined by time, an output has the frames of the first stream of so long a time,
const WINDOW: Duration = Duration::from_millis(80);
/// and the one of the second that was current so much before.
const BEFORE_NS: i64 = 30_000_000;
/// By so much inputs may lag behind.
const LATENESS: Duration = Duration::from_millis(20);
/// How long ago an output may have been.
const AGO_MS: u64 = 100;

/// The map, for whoever announces it.
pub(super) fn map(wish: &JoinWish, planted: Planted) -> (Epoch, MergeMap) {
    let map = match wish.joins.time() {
        None => MergeMap::from(by_number(wish, planted).unwrap()),
        Some(_) => MergeMap::from(by_time(wish, planted).unwrap()),
    };
    (OUT_EPOCH, map)
}

fn by_number(wish: &JoinWish, planted: Planted) -> Option<SequenceMap> {
    let ahead = i32::try_from(AHEAD).ok()? + i32::from(planted.is(Bug::Mismatched));
    let [first, second] = wish.inputs;
    let map = SequenceMap::new(OUT).with_offset(first, 0).ok()?;
    map.with_offset(second, ahead).ok()
}

fn by_time(wish: &JoinWish, planted: Planted) -> Option<TimestampMap> {
    let source = wish.joins.time()?;
    let window = WINDOW * if planted.is(Bug::Widened) { 2 } else { 1 };
    let lateness = LATENESS * if planted.is(Bug::Impatient) { 3 } else { 1 };
    let [first, second] = wish.inputs;
    let map = TimestampMap::new(OUT, ClockDomain::Monotonic).with_lateness(lateness);
    let map = map.with_window(first, source, window).ok()?;
    map.with_offset(second, source, -BEFORE_NS).ok()
}

enum Gate {
    ByNumber(Box<SequenceJoinBarrier>),
    ByTime(Box<TimestampJoinBarrier>, Box<Times>),
    Newest(Box<LatestJoinBarrier>),
}

impl Gate {
    fn new(wish: &JoinWish, client: &Client) -> Self {
        let config = JoinConfig::new(OUT);
        match wish.joins {
            Joins::ByNumber => {
                let mut join: SequenceJoinBarrier = client.join(config).unwrap();
                join.begin_epoch(OUT_EPOCH);
                Self::ByNumber(Box::new(join))
            }
            Joins::ByTime(source) => {
                let mut join: TimestampJoinBarrier = client.join(config).unwrap();
                join.begin_epoch(OUT_EPOCH);
                let [first, second] = wish.inputs;
                let within_ns = u64::try_from(WINDOW.as_nanos()).unwrap();
                let offset_ns = -BEFORE_NS;
                let rules = [
                    (first, Need::All { within_ns }),
                    (second, Need::Current { offset_ns }),
                ];
                let lateness_ns = u64::try_from(LATENESS.as_nanos()).unwrap();
                let times = Times::new(source, &rules, lateness_ns);
                Self::ByTime(Box::new(join), Box::new(times))
            }
            Joins::Newest => {
                let mut join: LatestJoinBarrier = client.join(config).unwrap();
                join.begin_epoch(OUT_EPOCH);
                Self::Newest(Box::new(join))
            }
        }
    }

    fn poll(&mut self, inputs: &mut [Consumer], limit: u32) -> Result<u32, ConsumeError> {
        match self {
            Self::ByNumber(join) => join.poll(inputs, limit),
            Self::ByTime(join, times) => times.poll(join, inputs, limit),
            Self::Newest(join) => join.poll(inputs, limit),
        }
    }
}

/// What an output that is ready is made of.
struct Due {
    /// The frames, rule by rule; any of the two inputs, where the newest count.
    frames: Option<Vec<Vec<(StreamId, Seq)>>>,
    /// The promise they are held to.
    promise: &'static str,
}

impl Due {
    /// Frames that are tried; where there is none left, that is one that is gone.
    fn tries(&self, inputs: usize) -> u64 {
        let rules = self.frames.iter().flatten();
        match self.frames {
            Some(_) => rules.map(|frames| frames.len().max(1) as u64).sum(),
            None => inputs as u64,
        }
    }

    fn has(&self, rule: usize, frame: (StreamId, Seq)) -> bool {
        let frames = self.frames.as_ref();
        frames.is_none_or(|rules| rules.get(rule).is_some_and(|rule| rule.contains(&frame)))
    }
}

/// See the module.
pub(super) struct Joiner {
    wish: JoinWish,
    asked: Vec<Pending<Consumer>>,
    ask_at: Instant,
    inputs: Vec<Consumer>,
    gate: Gate,
    outlet: Outlet,
    /// Outputs, frames used, frames lost.
    counted: [u64; 3],
    dice: Dice,
    planted: Planted,
}

impl Joiner {
    pub(super) fn new(
        wish: JoinWish,
        client: &Client,
        dir: &Path,
        dice: Dice,
        planted: Planted,
    ) -> Self {
        Self {
            wish,
            asked: Vec::new(),
            ask_at: Instant::from_ns(0),
            inputs: Vec::new(),
            gate: Gate::new(&wish, client),
            outlet: Outlet::new(OUT, dir),
            counted: [0; 3],
            dice,
            planted,
        }
    }

    /// Asks for its inputs, or tries an output.
    pub(super) fn step(&mut self, now: Instant, client: &Client, ledger: &mut Ledger) {
        self.ask(now, client);
        self.outlet.ask(now, client);
        if self.inputs.len() < self.wish.inputs.len() || self.dice.happens(30) {
            return;
        }
        let limit = u32::try_from(self.dice.within(1..=8)).unwrap();
        if self.gate.poll(&mut self.inputs, limit).is_err() {
            self.inputs.clear();
            return;
        }
        if let Some(due) = self.due(now, ledger) {
            self.join(&due, ledger);
        }
    }

    fn ask(&mut self, now: Instant, client: &Client) {
        if self.asked.is_empty() && self.inputs.is_empty() && now >= self.ask_at {
            self.ask_at = now.after(ASK_AGAIN);
            // What is found in memory has no time of sending.
            let watches = self.wish.joins.time() != Some(TimestampSource::FrameDescriptor);
            let asked = self.wish.inputs.map(|stream| {
                let config = ConsumerConfig::new(stream).with_watched_memory(watches);
                client.consumer(config).ok()
            });
            self.asked = asked.into_iter().flatten().collect();
        }
        let Self { asked, inputs, .. } = self;
        asked.retain_mut(|pending| match pending.poll() {
            Poll::Pending => true,
            Poll::Ready(result) => {
                inputs.extend(result.ok());
                false
            }
        });
        // One is of no use.
        if asked.is_empty() && inputs.len() < self.wish.inputs.len() {
            inputs.clear();
        }
    }

    /// Asks for an output, and what it has to be made of if it is ready.
    fn due(&mut self, now: Instant, ledger: &mut Ledger) -> Option<Due> {
        let newest = self.newest();
        let [first, second] = self.wish.inputs;
        let Self { gate, dice, .. } = self;
        let (is_ready, frames, promise) = match gate {
            Gate::ByNumber(join) => {
                let output = newest?;
                let ahead = Seq::new(output.get() + AHEAD)?;
                let frames = vec![vec![(first, output)], vec![(second, ahead)]];
                let is_ready = join.ready(output).is_ready();
                (is_ready, Some(frames), "joins_pass_what_is_there")
            }
            Gate::ByTime(join, times) => {
                let latest = times.reached_ns().filter(|_| dice.happens(50));
                let latest = latest.unwrap_or_else(|| now.as_ns());
                let ago_ns = dice.within(0..=AGO_MS) * 1_000_000;
                let ns = latest.saturating_sub(ago_ns);
                let clock = ClockDomain::Monotonic;
                let readiness = join.ready(OutTime { ns, clock });
                let is_due = times.is_due(ns);
                if readiness.is_ready() != is_due {
                    let detail = format!("{readiness:?} at {ns}, and due is {is_due}: {times:?}");
                    ledger.broken("joins_wait_until_it_is_time", detail);
                }
                let frames = Some(times.frames(ns));
                (is_due, frames, "joins_keep_to_their_times")
            }
            Gate::Newest(join) => {
                newest?;
                let is_ready = join.ready(()).is_ready();
                (is_ready, None, "joins_pass_what_is_there")
            }
        };
        is_ready.then_some(Due { frames, promise })
    }

    /// Reads an output that is ready.
    fn join(&mut self, due: &Due, ledger: &mut Ledger) {
        let mapped: Vec<_> = self
            .inputs
            .iter_mut()
            .map(|input| (input.stream(), input.epoch()))
            .collect();
        let (planted, dice) = (self.planted, &mut self.dice);
        let (mut buffer, mut used, mut parents) = ([0; STRIDE], Vec::new(), Vec::new());
        let by_time = matches!(self.gate, Gate::ByTime(..));
        let mut take = |input: &JoinInput, frame: &FrameView<'_>| {
            let Ok(len) = frame.copy_to(&mut buffer) else {
                return false;
            };
            let JoinInput {
                rule,
                stream,
                epoch,
                seq,
                trace_id,
            } = *input;
            let is_in_turn = used.last() < Some(&(rule, seq));
            used.push((rule, seq));
            if !due.has(rule, (stream, seq)) || !is_in_turn {
                let detail = format!("{stream}, {epoch}: {seq} is not of {:?}", due.frames);
                ledger.broken(due.promise, detail);
            }
            if !mapped.contains(&(stream, Some(epoch))) {
                let detail = format!("{stream}, {epoch}: {seq}, mapped are {mapped:?}");
                ledger.broken("joins_pass_what_is_there", detail);
            }
            ledger.seen.joined_by_time += u64::from(by_time);
            ledger.joined(stream, epoch, seq, frame.capture_ns(), &buffer[..len]);
            if planted.is(Bug::Miscounted) && dice.happens(2) {
                return false;
            }
            if let Some(id) = trace_id {
                ledger.used((stream, epoch, seq), id);
                if !parents.contains(&id) {
                    parents.push(id);
                }
            }
            true
        };
        let inputs = &mut self.inputs;
        let (read, counters, ids) = match &mut self.gate {
            Gate::ByNumber(join) => read(join, inputs, &mut take),
            Gate::ByTime(join, _) => read(join, inputs, &mut take),
            Gate::Newest(join) => read(join, inputs, &mut take),
        };
        if read.frames > 0 {
            self.outlet.write(ids, parents, ledger, &mut self.dice);
        }
        let (used, tries) = (used.len() as u64, due.tries(mapped.len()));
        if u64::from(read.frames) + u64::from(read.lost) != tries {
            let detail = format!("{read:?}, {tries} frames were due: {:?}", due.frames);
            ledger.broken(due.promise, detail);
        }
        let lost = tries.saturating_sub(used);
        let [outputs, all_used, all_lost] = &mut self.counted;
        *outputs += 1;
        *all_used += used;
        *all_lost += lost;
        let theirs = [counters.outputs, counters.frames, counters.lost];
        if (u64::from(read.frames), u64::from(read.lost)) != (used, lost) || theirs != self.counted
        {
            let detail = format!(
                "{read:?}, {used} used; {theirs:?}, {:?} in all",
                self.counted
            );
            ledger.broken("joined_frames_are_counted", detail);
        }
    }

    /// The output that the frames seen last would make by their numbers.
    fn newest(&self) -> Option<Seq> {
        let [first, second] = self.wish.inputs;
        let last = |stream| {
            let input = self.inputs.iter().find(|input| input.stream() == stream)?;
            Some(input.last_seq()?.get())
        };
        let (first, second) = (last(first)?, last(second)?);
        Seq::new(first.min(second.checked_sub(AHEAD)?))
    }
}

/// What a join reads, and the ids of that.
fn read<K: JoinMode>(
    join: &mut JoinBarrier<K>,
    inputs: &mut [Consumer],
    take: impl FnMut(&JoinInput, &FrameView<'_>) -> bool,
) -> (JoinRead, JoinCounters, Vec<Option<u64>>) {
    let read = join.read(inputs, take);
    (read, join.counters(), join.parents().collect())
}
