//! Streaming claims against a slow model: a list of claims, searched from scratch at every step.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::{ClaimError, Entry, Overtaking, Streaming, TableId, Tags, Token, TokenError};
use crate::ids::PoolId;
use crate::seq::{Seq, SlotCount};
use proptest::prelude::*;
use std::vec::Vec;

const SLOTS: u32 = 4;
const POOL: PoolId = PoolId::new(1).unwrap();

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Open,
    Held,
    Voided,
}

#[derive(Clone, Copy, Debug)]
struct Claim {
    token: Token,
    seq: u64,
    told: bool,
    phase: Phase,
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Claim,
    Announce(usize),
    Commit(usize),
    Abort(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => Just(Op::Claim),
        1 => any::<usize>().prop_map(Op::Announce),
        3 => any::<usize>().prop_map(Op::Commit),
        1 => any::<usize>().prop_map(Op::Abort),
    ]
}

fn overtaking() -> impl Strategy<Value = Overtaking> {
    prop_oneof![Just(Overtaking::Hold), Just(Overtaking::Void)]
}

/// All tokens ever given out, so that operations hit ended claims, too.
#[derive(Default)]
struct Model {
    given: Vec<Token>,
    claims: Vec<Claim>,
    next: u64,
    ready: Vec<u64>,
}

impl Model {
    fn claim(&mut self) -> Result<u64, u32> {
        let slot = self.next % u64::from(SLOTS);
        if self.claims.iter().any(|c| c.seq % u64::from(SLOTS) == slot) {
            return Err(slot as u32);
        }
        self.next += 1;
        Ok(self.next - 1)
    }

    /// Mostly a claim that lives, so that the ring turns; sometimes any that ever did.
    fn pick(&self, index: usize) -> Option<Token> {
        let alive = self.claims.len();
        if alive > 0 && !index.is_multiple_of(8) {
            return Some(self.claims[index % alive].token);
        }
        (!self.given.is_empty()).then(|| self.given[index % self.given.len()])
    }

    fn usable(&mut self, token: Token) -> Result<&mut Claim, TokenError> {
        let claim = self.claims.iter_mut().find(|c| c.token == token);
        let claim = claim.ok_or(TokenError::Stale)?;
        match claim.phase {
            Phase::Open => Ok(claim),
            Phase::Held => Err(TokenError::Stale),
            Phase::Voided => Err(TokenError::Voided),
        }
    }

    fn commit(&mut self, token: Token, overtaking: Overtaking) -> Result<(), TokenError> {
        let claim = self.usable(token)?;
        claim.phase = Phase::Held;
        let seq = claim.seq;
        if overtaking == Overtaking::Void {
            for older in self.claims.iter_mut().filter(|c| c.seq < seq) {
                older.phase = Phase::Voided;
            }
        }
        Ok(())
    }

    fn abort(&mut self, token: Token) -> Result<(), TokenError> {
        let next = self.next;
        match self.usable(token) {
            Ok(claim) if !claim.told && claim.seq + 1 == next => self.next = next - 1,
            Ok(_) | Err(TokenError::Voided) => {}
            Err(error) => return Err(error),
        }
        self.claims.retain(|c| c.token != token);
        Ok(())
    }

    fn drain(&mut self) {
        loop {
            let lowest = self
                .claims
                .iter()
                .filter(|c| c.phase != Phase::Voided)
                .min_by_key(|c| c.seq);
            match lowest {
                Some(claim) if claim.phase == Phase::Held => {
                    let seq = claim.seq;
                    self.ready.push(seq);
                    self.claims.retain(|c| c.seq != seq);
                }
                _ => return,
            }
        }
    }
}

proptest! {
    // Hundreds of steps on four slots: many turns of the ring.
    #[test] // req: C-060, C-062, C-063, C-064, C-183, E-06
    fn claims_behave_as_a_searched_list(
        ops in prop::collection::vec(op(), 0..400),
        overtaking in overtaking(),
    ) {
        let entries = [Entry::FREE; SLOTS as usize];
        let count = SlotCount::new(SLOTS).unwrap();
        let mut claims = Streaming::new(TableId(3), entries, count, overtaking).unwrap();
        let mut model = Model::default();
        let mut ready = Vec::new();
        for op in ops {
            match op {
                Op::Claim => match (claims.claim(POOL), model.claim()) {
                    (Ok(token), Ok(seq)) => {
                        prop_assert_eq!(token.seq().get(), seq);
                        model.given.push(token);
                        let (told, phase) = (false, Phase::Open);
                        model.claims.push(Claim { token, seq, told, phase });
                    }
                    (Err(ClaimError::SlotHeld { slot }), Err(held)) => {
                        prop_assert_eq!(slot.get(), held);
                    }
                    other => prop_assert!(false, "{:?}", other),
                },
                Op::Announce(index) => if let Some(token) = model.pick(index) {
                    let expected = model.usable(token).map(|claim| claim.told = true);
                    prop_assert_eq!(claims.announce(token), expected);
                },
                Op::Commit(index) => if let Some(token) = model.pick(index) {
                    let committed = claims.commit(token, Tags::default());
                    let committed = committed.map(|now| ready.extend(now.map(|r| r.seq.get())));
                    prop_assert_eq!(committed, model.commit(token, overtaking));
                },
                Op::Abort(index) => if let Some(token) = model.pick(index) {
                    prop_assert_eq!(claims.abort(token), model.abort(token));
                },
            }
            model.drain();
            ready.extend(core::iter::from_fn(|| claims.next_ready()).map(|r| r.seq.get()));
            prop_assert_eq!(&ready, &model.ready);
            prop_assert_eq!(claims.outstanding() as usize, model.claims.len());
            prop_assert_eq!(claims.next_seq(), Seq::new(model.next));
        }
        prop_assert!(ready.is_sorted_by(|a, b| a < b), "published numbers rise");
        // Another mapping's tokens are strangers here, whatever they say.
        for token in &model.given {
            let foreign = Token { table: TableId(4), ..*token };
            prop_assert_eq!(claims.commit(foreign, Tags::default()), Err(TokenError::Stale));
            prop_assert_eq!(claims.abort(foreign), Err(TokenError::Stale));
        }
        let gaps = ready.last().map_or(0, |last| last + 1 - ready.len() as u64);
        prop_assert_eq!(claims.skipped(), gaps);
    }
}
