//! Claims that keep their slot for life, for cameras that fill a fixed set of buffers (client 1.5).

use super::table::{Entries, State, Table};
use super::{Claims, Overtaking, Ready, Streaming, Tags, Token, TokenError};
use crate::ids::PoolId;
use crate::seq::{Seq, SlotIndex};

/// The claims of a producer whose buffers belong to a camera SDK; the set is frozen (C-069).
///
/// A slot carries only numbers congruent to its index, so a claim is numbered late: at its commit or its first progress
/// message it gets the least such number above everything published (C-067). In-order completion of as many buffers as
/// there are slots leaves no gap.
///
/// ```text
///             announce
///  Queued ───────────────▶ Announced, Headed once its header stands
///   ▲ ▲ └────── commit ─────────┤
///   │ │                         ├──▶ ready, Committed             nothing older is announced
///   │ │                         └──▶ Held ── next_ready ──▶ Committed
///   │ └─ queue: Announced, Voided, or Queued again (a cancelled buffer)
///   └─── queue: Committed
/// ```
///
/// Every state but Held ends with [`Self::release`]. Each step that returns a token ends the one it was called with.
#[derive(Debug)]
pub struct FixedPool<S> {
    table: Table<S>,
    /// Claims that are announced or held.
    numbered: u32,
}

impl<S: Entries> FixedPool<S> {
    pub(super) fn over(mut table: Table<S>, buffers: u32, pool: PoolId) -> Result<Self, Table<S>> {
        let last = table.next.saturating_add(u64::from(buffers));
        if buffers == 0
            || buffers > table.count.get()
            || table.outstanding != 0
            || last > Seq::LAST.get()
        {
            return Err(table);
        }
        for seq in (table.next..last).filter_map(Seq::new) {
            table.issue(table.count.slot_of(seq), pool, seq, State::Queued);
        }
        Ok(Self { table, numbered: 0 })
    }

    /// The live token of each buffer; at first in the order in which filling them leaves no gap.
    pub fn tokens(&self) -> impl Iterator<Item = Token> {
        let from = self.table.next;
        (0..u64::from(self.table.count.get()))
            .filter_map(move |ahead| Seq::new(from.wrapping_add(ahead)))
            .filter_map(|seq| self.table.entry(self.table.count.slot_of(seq)))
            .filter(|entry| entry.state != State::Free)
            .map(|entry| entry.token)
    }

    /// The live claim with this slot and number, for callers that keep no tokens (the C ABI, C-062).
    pub fn find(&self, slot: SlotIndex, seq: Seq) -> Option<Token> {
        self.table.find(slot, seq)
    }

    /// Numbers the claim because somebody is about to learn its number (progress). Done twice, it is done once.
    ///
    /// # Errors
    /// [`TokenError`]
    pub fn announce(&mut self, token: Token) -> Result<Token, TokenError> {
        if self.table.committable(token)?.state.is_told() {
            return Ok(token);
        }
        let bound = self.bind(token)?;
        self.table.next = self.table.next.max(bound.seq.get().wrapping_add(1));
        self.numbered = self.numbered.wrapping_add(1);
        let entry = self.table.live(token)?;
        (entry.token, entry.state) = (bound, State::Announced);
        Ok(bound)
    }

    /// Numbers the claim and ends its filling. The frame comes back at once where nothing older is announced; else it is
    /// held, and [`Self::next_ready`] gives it out in its turn. Where the number differs from the token's the in-progress
    /// word is written again, before the header (E-03).
    ///
    /// # Errors
    /// [`TokenError`]; the claim is what it was.
    pub fn commit(
        &mut self,
        token: Token,
        tags: Tags,
    ) -> Result<(Token, Option<Ready>), TokenError> {
        let token = self.announce(token)?;
        let in_turn = self.numbered == 1 || token.seq.get() == self.table.expected;
        if !in_turn && !self.settle_below(token.seq) {
            self.table.hold(token.slot, tags);
            return Ok((token, None));
        }
        self.table.live(token)?.state = State::Committed;
        self.numbered = self.numbered.wrapping_sub(1);
        let ready = self.table.ready(token.slot, token.seq, tags);
        Ok((token, Some(ready)))
    }

    /// Gives a buffer back for filling: a published one, or one that was cancelled. The number of the new token is
    /// provisional.
    ///
    /// # Errors
    /// [`TokenError`]; the claim is what it was.
    pub fn queue(&mut self, token: Token) -> Result<Token, TokenError> {
        let state = self.table.live(token)?.state;
        let least = match state {
            State::Queued => token.seq.get(),
            // A number that was told, or shown in a committed word, is never used again.
            State::Announced | State::Headed | State::Voided | State::Committed => {
                token.seq.get().wrapping_add(1)
            }
            State::Held => return Err(TokenError::Held),
            State::Free | State::Open => return Err(TokenError::Stale),
        };
        let seq = self
            .least_number(token.slot, least)
            .ok_or(TokenError::Exhausted)?;
        self.leave_order(state);
        Ok(self.table.issue(token.slot, token.pool, seq, State::Queued))
    }

    /// Ends the claim on a buffer, after acquisition stopped.
    ///
    /// # Errors
    /// [`TokenError`]; a held frame has to become ready first.
    pub fn release(&mut self, token: Token) -> Result<(), TokenError> {
        let state = self.table.live(token)?.state;
        if state == State::Held {
            return Err(TokenError::Held);
        }
        self.leave_order(state);
        self.table.end(token.slot);
        Ok(())
    }

    /// The lowest held frame, once nothing older is announced. Call it until `None` after each step.
    pub fn next_ready(&mut self) -> Option<Ready> {
        if !self.table.is_holding() {
            return None;
        }
        let in_order = self.table.entries().filter(|e| e.state.is_in_order());
        let lowest = in_order.min_by_key(|entry| entry.token.seq)?;
        if lowest.state != State::Held {
            return None;
        }
        lowest.state = State::Committed;
        let slot = lowest.token.slot;
        self.numbered = self.numbered.wrapping_sub(1);
        self.table.unhold(slot)
    }

    /// The next number in ring order, for QosProducer (T-22).
    pub const fn next_seq(&self) -> Option<Seq> {
        Seq::new(self.table.next)
    }

    /// Numbers below the newest ready frame that no frame carried.
    pub const fn skipped(&self) -> u64 {
        self.table.skipped
    }

    /// Goes back to claims in ring order, once every buffer was released.
    ///
    /// # Errors
    /// This pool, as it was.
    pub fn into_streaming(self) -> Result<Streaming<S>, Self> {
        match self.table.outstanding {
            0 => Ok(Streaming { table: self.table }),
            _ => Err(self),
        }
    }

    fn bind(&self, token: Token) -> Result<Token, TokenError> {
        let seq = self.least_number(token.slot, token.seq.get());
        let seq = seq.ok_or(TokenError::Exhausted)?;
        Ok(Token { seq, ..token })
    }

    /// A claim is queued again or ends.
    fn leave_order(&mut self, state: State) {
        if state.is_told() {
            self.numbered = self.numbered.wrapping_sub(1);
        }
    }

    /// Makes way for the commit of `seq`: whether nothing older is announced any more.
    fn settle_below(&mut self, seq: Seq) -> bool {
        let overtaking = self.table.overtaking;
        let mut older = self.table.entries().filter(|e| e.is_older_than(seq));
        match overtaking {
            Overtaking::Hold => older.next().is_none(),
            Overtaking::Void => {
                for entry in older {
                    entry.state = State::Voided;
                    self.numbered = self.numbered.wrapping_sub(1);
                }
                true
            }
        }
    }

    /// The least number of this slot that is neither below `least` nor below a published one.
    fn least_number(&self, slot: SlotIndex, least: u64) -> Option<Seq> {
        let least = least.max(self.table.expected);
        let mask = self.table.count.get().wrapping_sub(1);
        // The low bits of a number are its slot.
        let ahead = slot.get().wrapping_sub(least as u32) & mask;
        Seq::new(least.checked_add(u64::from(ahead))?)
    }
}

impl<S: Entries> Claims for FixedPool<S> {
    fn tell(&mut self, token: Token) -> Result<Token, TokenError> {
        self.announce(token)
    }

    fn head(&mut self, token: Token) -> Result<(), TokenError> {
        self.table.head(token)
    }

    fn is_headed(&mut self, token: Token) -> Result<bool, TokenError> {
        self.table.is_headed(token)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Entry, Overtaking, TableId};
    use super::*;
    use crate::seq::SlotCount;
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    const POOL: PoolId = PoolId::new(1).unwrap();
    type Pool = FixedPool<[Entry; 4]>;

    fn pool(buffers: u32, overtaking: Overtaking) -> Pool {
        let count = SlotCount::new(4).unwrap();
        let entries = [Entry::FREE; 4];
        let streaming = Streaming::new(TableId(1), entries, count, overtaking).unwrap();
        streaming.into_fixed_pool(buffers, POOL).unwrap()
    }

    fn ready(pool: &mut Pool) -> Vec<u64> {
        core::iter::from_fn(|| pool.next_ready().map(|ready| ready.seq.get())).collect()
    }

    /// The token and the number that became ready by this commit.
    fn commit(pool: &mut Pool, token: Token) -> Result<(Token, Option<u64>), TokenError> {
        let (token, ready) = pool.commit(token, Tags::default())?;
        Ok((token, ready.map(|ready| ready.seq.get())))
    }

    /// Brings the claim on slot 1 into a state, with slot 0 announced below it where that matters.
    fn bring_to(state: &str, pool: &mut Pool) -> Token {
        let tokens: Vec<_> = pool.tokens().collect();
        let (older, token, newer) = (tokens[0], tokens[1], tokens[2]);
        match state {
            "Queued" => token,
            "Announced" => pool.announce(token).unwrap(),
            "Headed" => {
                let told = pool.announce(token).unwrap();
                pool.head(told).unwrap();
                told
            }
            "Held" => {
                pool.announce(older).unwrap();
                commit(pool, token).unwrap().0
            }
            "Voided" => {
                pool.announce(token).unwrap();
                commit(pool, newer).unwrap();
                token
            }
            "Committed" => commit(pool, token).unwrap().0,
            _ => {
                pool.release(token).unwrap();
                token
            }
        }
    }

    // req: C-064, C-066, C-067, C-062, E-06
    #[test]
    fn every_call_in_every_state() {
        let mut table = String::new();
        for state in [
            "Queued",
            "Announced",
            "Headed",
            "Held",
            "Committed",
            "Voided",
            "Released",
        ] {
            for call in ["announce", "head", "commit", "queue", "release"] {
                let overtaking = if state == "Voided" {
                    Overtaking::Void
                } else {
                    Overtaking::Hold
                };
                let mut pool = pool(4, overtaking);
                let token = bring_to(state, &mut pool);
                let result = match call {
                    "announce" => pool
                        .announce(token)
                        .map(|token| format!("ok {}", token.seq)),
                    "head" => pool.head(token).map(|()| "ok".into()),
                    "commit" => commit(&mut pool, token).map(|(token, ready)| match ready {
                        Some(seq) => format!("ok {}, ready {seq}", token.seq),
                        None => format!("ok {}", token.seq),
                    }),
                    "queue" => pool.queue(token).map(|token| format!("ok {}", token.seq)),
                    _ => pool.release(token).map(|()| "ok".into()),
                };
                let after = pool.table.entry(token.slot).unwrap().state;
                let result = result.unwrap_or_else(|error| format!("{error:?}"));
                table += &format!("{state:9} {call:8} {after:?}: {result}\n");
            }
        }
        let reviewed = "\
Queued    announce Announced: ok 1
Queued    head     Queued: ok
Queued    commit   Committed: ok 1, ready 1
Queued    queue    Queued: ok 1
Queued    release  Free: ok
Announced announce Announced: ok 1
Announced head     Headed: ok
Announced commit   Committed: ok 1, ready 1
Announced queue    Queued: ok 5
Announced release  Free: ok
Headed    announce Headed: ok 1
Headed    head     Headed: ok
Headed    commit   Committed: ok 1, ready 1
Headed    queue    Queued: ok 5
Headed    release  Free: ok
Held      announce Held: Stale
Held      head     Held: Stale
Held      commit   Held: Stale
Held      queue    Held: Held
Held      release  Held: Held
Committed announce Committed: Stale
Committed head     Committed: Stale
Committed commit   Committed: Stale
Committed queue    Queued: ok 5
Committed release  Free: ok
Voided    announce Voided: Voided
Voided    head     Voided: Voided
Voided    commit   Voided: Voided
Voided    queue    Queued: ok 5
Voided    release  Free: ok
Released  announce Free: Stale
Released  head     Free: Stale
Released  commit   Free: Stale
Released  queue    Free: Stale
Released  release  Free: Stale
";
        assert_eq!(table, reviewed);
    }

    #[test] // req: C-067
    fn as_many_buffers_as_slots_in_order_leave_no_gap() {
        let mut pool = pool(4, Overtaking::Hold);
        let mut tokens: Vec<_> = pool.tokens().collect();
        for seq in 0..40 {
            let token = tokens.remove(0);
            let (committed, ready) = commit(&mut pool, token).unwrap();
            assert_eq!((ready, committed.slot), (Some(seq), token.slot));
            tokens.push(pool.queue(committed).unwrap());
        }
        assert_eq!(pool.skipped(), 0);
    }

    #[test] // req: C-067
    fn buffers_filled_out_of_order_skip_numbers_but_never_go_back() {
        let mut pool = pool(3, Overtaking::Hold);
        let tokens: Vec<_> = pool.tokens().collect();
        for (slot, seq) in [(2, 2), (0, 4), (1, 5)] {
            let (committed, ready) = commit(&mut pool, tokens[slot]).unwrap();
            assert_eq!(ready, Some(seq));
            pool.queue(committed).unwrap();
        }
        assert_eq!(pool.skipped(), 3);
        assert_eq!(pool.next_seq(), Seq::new(6));
    }

    #[test] // req: E-06, C-064
    fn what_an_announced_number_holds_is_ready_when_it_is_cancelled() {
        let mut pool = pool(4, Overtaking::Hold);
        let tokens: Vec<_> = pool.tokens().collect();
        let told = pool.announce(tokens[0]).unwrap();
        for slot in [2, 1] {
            assert_eq!(commit(&mut pool, tokens[slot]).unwrap().1, None);
        }
        assert_eq!(pool.next_ready(), None);
        pool.queue(told).unwrap();
        assert_eq!(ready(&mut pool), [1, 2]);
    }

    #[test] // req: C-069
    fn the_set_is_frozen_until_every_buffer_is_released() {
        let pool = pool(2, Overtaking::Hold);
        let mut pool = pool.into_streaming().unwrap_err();
        for token in pool.tokens().collect::<Vec<_>>() {
            let told = pool.announce(token).unwrap();
            pool.release(told).unwrap();
        }
        let mut streaming = pool.into_streaming().unwrap();
        // 0 and 1 were told to somebody.
        let claim = streaming.claim(POOL).unwrap();
        assert_eq!(claim.seq(), Seq::new(2).unwrap());
        let mut streaming = streaming.into_fixed_pool(2, POOL).unwrap_err();
        streaming.abort(claim).unwrap();
        let streaming = streaming.into_fixed_pool(0, POOL).unwrap_err();
        let streaming = streaming.into_fixed_pool(5, POOL).unwrap_err();
        let pool = streaming.into_fixed_pool(4, POOL).unwrap();
        let numbers: Vec<_> = pool.tokens().map(|token| token.seq().get()).collect();
        assert_eq!(numbers, [2, 3, 4, 5]);
    }

    #[test] // req: T-43
    fn a_slot_runs_out_of_numbers() {
        let mut pool = pool(4, Overtaking::Hold);
        let tokens: Vec<_> = pool.tokens().collect();
        pool.table.expected = Seq::LAST.get() - 1;
        assert_eq!(pool.announce(tokens[0]), Err(TokenError::Exhausted));
        assert_eq!(pool.queue(tokens[1]), Err(TokenError::Exhausted));
        let (last, ready) = commit(&mut pool, tokens[3]).unwrap();
        assert_eq!((last.seq(), ready), (Seq::LAST, Some(Seq::LAST.get())));
    }
}
