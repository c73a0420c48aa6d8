//! An application that makes one stream of two: it joins their frames by number, or takes the newest of each, by a map that
//! another process announces.

use core::task::Poll;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::time::Instant;
use tp_std::{
    Client, Consumer, ConsumerConfig, FrameView, JoinConfig, JoinInput, LatestJoinBarrier, Pending,
    SequenceJoinBarrier, SequenceMap,
};
use tp_tests::fake_transport::Dice;

use super::ledger::Ledger;
use super::planted::{Bug, Planted};
use super::wishes::JoinWish;
use super::{ASK_AGAIN, STRIDE};

/// The stream that comes out, and its epoch; nobody reads it.
const OUT: StreamId = StreamId::new(50_000).unwrap();
const OUT_EPOCH: Epoch = Epoch::new(1).unwrap();
/// A frame of the second stream is so much ahead of that of the first.
const AHEAD: u64 = 1;

/// The map, for whoever announces it.
pub(super) fn map(wish: &JoinWish, planted: Planted) -> (Epoch, SequenceMap) {
    let ahead = i32::try_from(AHEAD).unwrap() + i32::from(planted.is(Bug::Mismatched));
    let [first, second] = wish.inputs;
    let map = SequenceMap::new(OUT).with_offset(first, 0).unwrap();
    (OUT_EPOCH, map.with_offset(second, ahead).unwrap())
}

enum Gate {
    ByNumber(Box<SequenceJoinBarrier>),
    Newest(Box<LatestJoinBarrier>),
}

/// See the module.
pub(super) struct Joiner {
    wish: JoinWish,
    asked: Vec<Pending<Consumer>>,
    ask_at: Instant,
    inputs: Vec<Consumer>,
    gate: Gate,
    /// Outputs, frames used, frames lost.
    counted: [u64; 3],
    dice: Dice,
    planted: Planted,
}

impl Joiner {
    pub(super) fn new(wish: JoinWish, client: &Client, dice: Dice, planted: Planted) -> Self {
        let config = JoinConfig::new(OUT);
        let gate = match wish.by_number {
            true => {
                let mut join: SequenceJoinBarrier = client.join(config).unwrap();
                join.begin_epoch(OUT_EPOCH);
                Gate::ByNumber(Box::new(join))
            }
            false => {
                let mut join: LatestJoinBarrier = client.join(config).unwrap();
                join.begin_epoch(OUT_EPOCH);
                Gate::Newest(Box::new(join))
            }
        };
        Self {
            wish,
            asked: Vec::new(),
            ask_at: Instant::from_ns(0),
            inputs: Vec::new(),
            gate,
            counted: [0; 3],
            dice,
            planted,
        }
    }

    /// Asks for its inputs, or tries an output.
    pub(super) fn step(&mut self, now: Instant, client: &Client, ledger: &mut Ledger) {
        self.ask(now, client);
        if self.inputs.len() < self.wish.inputs.len() || self.dice.happens(30) {
            return;
        }
        let limit = u32::try_from(self.dice.within(1..=8)).unwrap();
        let inputs = &mut self.inputs;
        let polled = match &mut self.gate {
            Gate::ByNumber(join) => join.poll(inputs, limit),
            Gate::Newest(join) => join.poll(inputs, limit),
        };
        if polled.is_err() {
            self.inputs.clear();
            return;
        }
        self.join(ledger);
    }

    fn ask(&mut self, now: Instant, client: &Client) {
        if self.asked.is_empty() && self.inputs.is_empty() && now >= self.ask_at {
            self.ask_at = now.after(ASK_AGAIN);
            let asked = self.wish.inputs.map(|stream| {
                let asked = client.consumer(ConsumerConfig::new(stream));
                asked.ok()
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

    /// Tries the newest output that both may have.
    fn join(&mut self, ledger: &mut Ledger) {
        let mapped: Vec<_> = self
            .inputs
            .iter_mut()
            .map(|input| (input.stream(), input.epoch()))
            .collect();
        let Some(output) = self.newest() else { return };
        let is_ready = match &mut self.gate {
            Gate::ByNumber(join) => join.ready(output).is_ready(),
            Gate::Newest(join) => join.ready(()).is_ready(),
        };
        if !is_ready {
            return;
        }
        let (planted, dice, by_number) = (self.planted, &mut self.dice, self.wish.by_number);
        let [_, second] = self.wish.inputs;
        let (mut buffer, mut used) = ([0; STRIDE], 0_u64);
        let mut take = |input: &JoinInput, frame: &FrameView<'_>| {
            let Ok(len) = frame.copy_to(&mut buffer) else {
                return false;
            };
            used += 1;
            let JoinInput {
                stream, epoch, seq, ..
            } = *input;
            let ahead = if stream == second { AHEAD } else { 0 };
            let is_other = by_number && seq.get() != output.get() + ahead;
            if is_other || !mapped.contains(&(stream, Some(epoch))) {
                let detail =
                    format!("{stream}, {epoch}: {seq} for {output}, mapped are {mapped:?}");
                ledger.broken("joins_pass_what_is_there", detail);
            }
            ledger.joined(stream, epoch, seq, &buffer[..len]);
            !(planted.is(Bug::Miscounted) && dice.happens(2))
        };
        let inputs = &mut self.inputs;
        let (read, counters) = match &mut self.gate {
            Gate::ByNumber(join) => (join.read(inputs, &mut take), join.counters()),
            Gate::Newest(join) => (join.read(inputs, &mut take), join.counters()),
        };
        let lost = mapped.len() as u64 - used;
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

    /// The output that the frames seen last would make.
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
