//! Claims of a fixed pool against a slow model, over many turns of the ring and of the mode.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::{Entry, FixedPool, Overtaking, Streaming, TableId, Tags, Token, TokenError};
use crate::ids::PoolId;
use crate::seq::{Seq, SlotCount};
use proptest::prelude::*;
use std::vec::Vec;

const SLOTS: u64 = 4;
const POOL: PoolId = PoolId::new(1).unwrap();
type Pool = FixedPool<[Entry; SLOTS as usize]>;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Queued,
    Announced,
    Held,
    Voided,
    Committed,
}

/// What becomes of a buffer. The number of a queued one is the least it can get.
#[derive(Clone, Copy, Debug)]
struct Buffer {
    slot: u64,
    seq: u64,
    phase: Phase,
}

/// A list of buffers, searched from scratch at every step.
#[derive(Debug)]
struct Model {
    buffers: Vec<Buffer>,
    /// One past the highest number somebody was told.
    next: u64,
    ready: Vec<u64>,
    overtaking: Overtaking,
}

impl Model {
    fn expected(&self) -> u64 {
        self.ready.last().map_or(0, |last| last + 1)
    }

    fn number(&self, slot: u64, least: u64) -> u64 {
        let least = least.max(self.expected());
        (least..).find(|seq| seq % SLOTS == slot).unwrap()
    }

    fn place(&self, slot: u64) -> Option<usize> {
        self.buffers.iter().position(|buffer| buffer.slot == slot)
    }

    fn announce(&mut self, slot: u64) -> Result<u64, TokenError> {
        let at = self.place(slot).ok_or(TokenError::Stale)?;
        let Buffer { seq, phase, .. } = self.buffers[at];
        match phase {
            Phase::Announced => return Ok(seq),
            Phase::Queued => {}
            Phase::Voided => return Err(TokenError::Voided),
            Phase::Held | Phase::Committed => return Err(TokenError::Stale),
        }
        let seq = self.number(slot, seq);
        self.next = self.next.max(seq + 1);
        let phase = Phase::Announced;
        self.buffers[at] = Buffer { slot, seq, phase };
        Ok(seq)
    }

    fn commit(&mut self, slot: u64) -> Result<u64, TokenError> {
        let seq = self.announce(slot)?;
        for buffer in &mut self.buffers {
            if buffer.slot == slot {
                buffer.phase = Phase::Held;
            } else if self.overtaking == Overtaking::Void
                && buffer.phase == Phase::Announced
                && buffer.seq < seq
            {
                buffer.phase = Phase::Voided;
            }
        }
        Ok(seq)
    }

    fn queue(&mut self, slot: u64) -> Result<u64, TokenError> {
        let at = self.place(slot).ok_or(TokenError::Stale)?;
        let Buffer { seq, phase, .. } = self.buffers[at];
        let least = match phase {
            Phase::Queued => seq,
            Phase::Held => return Err(TokenError::Held),
            Phase::Announced | Phase::Voided | Phase::Committed => seq + 1,
        };
        let seq = self.number(slot, least);
        let phase = Phase::Queued;
        self.buffers[at] = Buffer { slot, seq, phase };
        Ok(seq)
    }

    fn release(&mut self, slot: u64) -> Result<(), TokenError> {
        let at = self.place(slot).ok_or(TokenError::Stale)?;
        if self.buffers[at].phase == Phase::Held {
            return Err(TokenError::Held);
        }
        self.buffers.swap_remove(at);
        Ok(())
    }

    /// What is committed is ready while nothing older is announced.
    fn drain(&mut self) {
        loop {
            let numbered =
                |buffer: &&mut Buffer| matches!(buffer.phase, Phase::Announced | Phase::Held);
            let lowest = self.buffers.iter_mut().filter(numbered);
            match lowest.min_by_key(|buffer| buffer.seq) {
                Some(buffer) if buffer.phase == Phase::Held => {
                    buffer.phase = Phase::Committed;
                    self.ready.push(buffer.seq);
                }
                _ => return,
            }
        }
    }

    /// As many buffers as asked for, the next ones of the ring.
    fn fill(&mut self, buffers: u64) {
        self.buffers = (self.next..self.next + buffers)
            .map(|seq| Buffer {
                slot: seq % SLOTS,
                seq,
                phase: Phase::Queued,
            })
            .collect();
    }
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Announce(u64),
    Commit(u64),
    Queue(u64),
    Release(u64),
    /// Everything is released, some frames are copied, and a pool is made again.
    Again {
        copied: u64,
        buffers: u32,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let slot = || 0..SLOTS;
    prop_oneof![
        3 => slot().prop_map(Op::Announce),
        8 => slot().prop_map(Op::Commit),
        8 => slot().prop_map(Op::Queue),
        1 => slot().prop_map(Op::Release),
        1 => (0..9_u64, 1..=SLOTS as u32).prop_map(|(copied, buffers)| Op::Again { copied, buffers }),
    ]
}

fn streaming(overtaking: Overtaking) -> Streaming<[Entry; SLOTS as usize]> {
    let count = SlotCount::new(SLOTS as u32).unwrap();
    Streaming::new(TableId(3), [Entry::FREE; SLOTS as usize], count, overtaking).unwrap()
}

/// The tokens by slot, as far as they live.
fn by_slot(pool: &Pool) -> [Option<Token>; SLOTS as usize] {
    let mut tokens = [None; SLOTS as usize];
    for token in pool.tokens() {
        tokens[token.slot().get() as usize] = Some(token);
    }
    tokens
}

proptest! {
    // A camera completes, announces and cancels its buffers in any order; now and then it is stopped and started again.
    #[test] // req: C-062, C-064, C-066, C-067, C-069, C-183, E-06
    fn a_fixed_pool_behaves_as_a_searched_list(
        ops in prop::collection::vec(op(), 0..300),
        overtaking in prop_oneof![Just(Overtaking::Hold), Just(Overtaking::Void)],
    ) {
        let mut pool = streaming(overtaking).into_fixed_pool(SLOTS as u32, POOL).unwrap();
        let mut model = Model { buffers: Vec::new(), next: 0, ready: Vec::new(), overtaking };
        model.fill(SLOTS);
        let mut ready = Vec::new();
        // The token that a slot had before its last one; stale for ever.
        let mut before: [Option<Token>; SLOTS as usize] = [None; SLOTS as usize];
        for op in ops {
            let tokens = by_slot(&pool);
            let token = |slot: u64| tokens[slot as usize];
            match op {
                Op::Announce(slot) => if let Some(token) = token(slot) {
                    let announced = pool.announce(token).map(|token| token.seq().get());
                    prop_assert_eq!(announced, model.announce(slot));
                },
                Op::Commit(slot) => if let Some(token) = token(slot) {
                    let committed = pool.commit(token, Tags::default());
                    let committed = committed.map(|(token, now)| {
                        ready.extend(now);
                        token.seq().get()
                    });
                    prop_assert_eq!(committed, model.commit(slot));
                },
                Op::Queue(slot) => if let Some(token) = token(slot) {
                    let queued = pool.queue(token).map(|token| token.seq().get());
                    prop_assert_eq!(queued, model.queue(slot));
                    before[slot as usize] = queued.is_ok().then_some(token);
                },
                Op::Release(slot) => if let Some(token) = token(slot) {
                    prop_assert_eq!(pool.release(token), model.release(slot));
                    before[slot as usize] = None;
                },
                Op::Again { copied, buffers } => {
                    // What is held becomes ready as whatever is older goes.
                    while let Some(token) = pool.tokens().min_by_key(|token| token.seq()) {
                        let slot = u64::from(token.slot().get());
                        let released = pool.release(token);
                        prop_assert_eq!(released, model.release(slot));
                        ready.extend(core::iter::from_fn(|| pool.next_ready()));
                        model.drain();
                    }
                    let mut streaming = pool.into_streaming().unwrap();
                    for _ in 0..copied {
                        let frame = streaming.pass(Tags::default()).unwrap();
                        ready.push(frame);
                        model.ready.push(model.next);
                        model.next += 1;
                    }
                    pool = streaming.into_fixed_pool(buffers, POOL).unwrap();
                    model.fill(buffers.into());
                    before = [None; SLOTS as usize];
                }
            }
            model.drain();
            ready.extend(core::iter::from_fn(|| pool.next_ready()));
            let numbers: Vec<_> = ready.iter().map(|frame| frame.seq.get()).collect();
            prop_assert_eq!(&numbers, &model.ready);
            prop_assert_eq!(pool.next_seq(), Seq::new(model.next));
            for stale in before.into_iter().flatten() {
                prop_assert_eq!(pool.commit(stale, Tags::default()), Err(TokenError::Stale));
                prop_assert_eq!(pool.queue(stale), Err(TokenError::Stale));
                prop_assert_eq!(pool.release(stale), Err(TokenError::Stale));
            }
            // A buffer never leaves its slot.
            for token in pool.tokens() {
                prop_assert_eq!(token.seq().get() % SLOTS, u64::from(token.slot().get()));
            }
        }
        prop_assert!(model.ready.is_sorted_by(|a, b| a < b), "published numbers rise");
        let gaps = model.ready.last().map_or(0, |last| last + 1 - model.ready.len() as u64);
        prop_assert_eq!(pool.skipped(), gaps);
    }
}
