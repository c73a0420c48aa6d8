//! Claims that keep their slot for life, for cameras that fill a fixed set of buffers (client 1.5).

use super::table::{Entries, State, Table};
use super::{Ready, Streaming, Tags, Token, TokenError};
use crate::ids::PoolId;
use crate::seq::{Seq, SlotIndex};

/// The claims of a producer whose buffers belong to a camera SDK; the set is frozen (C-069).
///
/// A slot carries only numbers congruent to its index, so a claim is numbered late: at its commit or its first progress
/// message it gets the least such number above everything published (C-067). In-order completion of as many buffers as
/// there are slots leaves no gap.
///
/// ```text
///              announce               commit          next_ready
///  Queued ───────────────▶ Announced ────────▶ Held ──────────────▶ Committed
///   ▲ ▲ └───────────────commit───────────────▶                          │
///   │ └─ queue: Announced, Voided, or Queued again (a cancelled buffer) │
///   └───────────────────────────────── queue ───────────────────────────┘
/// ```
///
/// Every state but Held ends with [`Self::release`]. Each step that returns a token ends the one it was called with.
#[derive(Debug)]
pub struct FixedPool<S> {
    table: Table<S>,
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
        Ok(Self { table })
    }

    /// The live token of each buffer; at first in the order in which filling them leaves no gap.
    pub fn tokens(&self) -> impl Iterator<Item = Token> {
        let from = self.table.next;
        (0..u64::from(self.table.count.get()))
            .filter_map(move |ahead| Seq::new(from.wrapping_add(ahead)))
            .filter_map(|seq| self.table.token(self.table.count.slot_of(seq)))
    }

    /// The live claim with this slot and number, for callers that keep no tokens (the C ABI, C-062).
    pub fn find(&self, slot: SlotIndex, seq: Seq) -> Option<Token> {
        self.table.token(slot).filter(|live| live.seq() == seq)
    }

    /// Numbers the claim because somebody is about to learn its number (progress). Done twice, it is done once.
    ///
    /// # Errors
    /// [`TokenError`]
    pub fn announce(&mut self, token: Token) -> Result<Token, TokenError> {
        match self.table.live(token)? {
            State::Queued => self.bind(token),
            State::Announced => Ok(token),
            State::Voided => Err(TokenError::Voided),
            _ => Err(TokenError::Stale),
        }
    }

    /// Numbers the claim and ends its filling; the frame comes out of [`Self::next_ready`] when its turn comes. Where the
    /// number differs from the token's the in-progress word is written again, before the header (E-03).
    ///
    /// # Errors
    /// [`TokenError`]; the claim is what it was.
    pub fn commit(&mut self, token: Token, tags: Tags) -> Result<Token, TokenError> {
        let token = self.announce(token)?;
        self.table.hold(token.slot, tags);
        Ok(token)
    }

    /// Gives a buffer back for filling: a published one, or one that was cancelled. The number of the new token is
    /// provisional.
    ///
    /// # Errors
    /// [`TokenError`]; the claim is what it was.
    pub fn queue(&mut self, token: Token) -> Result<Token, TokenError> {
        let state = self.table.live(token)?;
        let least = match state {
            State::Queued => token.seq.get(),
            // A number that was told, or shown in a committed word, is never used again.
            State::Announced | State::Voided | State::Committed => token.seq.get().wrapping_add(1),
            State::Held => return Err(TokenError::Held),
            State::Free | State::Open => return Err(TokenError::Stale),
        };
        let seq = self
            .least_number(token.slot, least)
            .ok_or(TokenError::Exhausted)?;
        if state == State::Announced {
            self.table.unlink(token.slot.get());
        }
        Ok(self.table.issue(token.slot, token.pool, seq, State::Queued))
    }

    /// Ends the claim on a buffer, after acquisition stopped.
    ///
    /// # Errors
    /// [`TokenError`]; a held frame has to become ready first.
    pub fn release(&mut self, token: Token) -> Result<(), TokenError> {
        match self.table.live(token)? {
            State::Held => return Err(TokenError::Held),
            State::Announced => self.table.unlink(token.slot.get()),
            _ => {}
        }
        self.table.end(token.slot);
        Ok(())
    }

    /// The lowest committed frame that no announced claim keeps waiting. Call it until `None` after each step.
    pub fn next_ready(&mut self) -> Option<Ready> {
        self.table.pop_ready()
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

    fn bind(&mut self, token: Token) -> Result<Token, TokenError> {
        let seq = self
            .least_number(token.slot, token.seq.get())
            .ok_or(TokenError::Exhausted)?;
        Ok(self.table.number(token, seq, State::Announced))
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

    /// Brings the claim on slot 1 into a state, with slot 0 announced below it where that matters.
    fn bring_to(state: &str, pool: &mut Pool) -> Token {
        let tokens: Vec<_> = pool.tokens().collect();
        let (older, token, newer) = (tokens[0], tokens[1], tokens[2]);
        match state {
            "Queued" => token,
            "Announced" => pool.announce(token).unwrap(),
            "Held" => {
                pool.announce(older).unwrap();
                pool.commit(token, Tags::default()).unwrap()
            }
            "Voided" => {
                pool.announce(token).unwrap();
                pool.commit(newer, Tags::default()).unwrap();
                token
            }
            "Committed" => pool.commit(token, Tags::default()).unwrap(),
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
            "Held",
            "Committed",
            "Voided",
            "Released",
        ] {
            for call in ["announce", "commit", "queue", "release"] {
                let overtaking = if state == "Voided" {
                    Overtaking::Void
                } else {
                    Overtaking::Hold
                };
                let mut pool = pool(4, overtaking);
                let token = bring_to(state, &mut pool);
                let before = ready(&mut pool);
                let result = match call {
                    "announce" => pool.announce(token).map(Some),
                    "commit" => pool.commit(token, Tags::default()).map(Some),
                    "queue" => pool.queue(token).map(Some),
                    _ => pool.release(token).map(|()| None),
                };
                let after = pool.table.state(token.slot);
                let result = match result {
                    Ok(Some(token)) => format!("ok {}", token.seq),
                    Ok(None) => "ok".into(),
                    Err(error) => format!("{error:?}"),
                };
                let due = ready(&mut pool);
                table +=
                    &format!("{state:9} {call:8} {result:6} {after:?}, ready {before:?} {due:?}\n");
            }
        }
        let reviewed = "\
Queued    announce ok 1   Announced, ready [] []
Queued    commit   ok 1   Held, ready [] [1]
Queued    queue    ok 1   Queued, ready [] []
Queued    release  ok     Free, ready [] []
Announced announce ok 1   Announced, ready [] []
Announced commit   ok 1   Held, ready [] [1]
Announced queue    ok 5   Queued, ready [] []
Announced release  ok     Free, ready [] []
Held      announce Stale  Held, ready [] []
Held      commit   Stale  Held, ready [] []
Held      queue    Held   Held, ready [] []
Held      release  Held   Held, ready [] []
Committed announce Stale  Committed, ready [1] []
Committed commit   Stale  Committed, ready [1] []
Committed queue    ok 5   Queued, ready [1] []
Committed release  ok     Free, ready [1] []
Voided    announce Voided Voided, ready [2] []
Voided    commit   Voided Voided, ready [2] []
Voided    queue    ok 5   Queued, ready [2] []
Voided    release  ok     Free, ready [2] []
Released  announce Stale  Free, ready [] []
Released  commit   Stale  Free, ready [] []
Released  queue    Stale  Free, ready [] []
Released  release  Stale  Free, ready [] []
";
        assert_eq!(table, reviewed);
    }

    #[test] // req: C-067
    fn as_many_buffers_as_slots_in_order_leave_no_gap() {
        let mut pool = pool(4, Overtaking::Hold);
        let mut tokens: Vec<_> = pool.tokens().collect();
        for seq in 0..40 {
            let token = tokens.remove(0);
            let committed = pool.commit(token, Tags::default()).unwrap();
            assert_eq!(ready(&mut pool), [seq]);
            assert_eq!(committed.slot, token.slot);
            tokens.push(pool.queue(committed).unwrap());
        }
        assert_eq!(pool.skipped(), 0);
    }

    #[test] // req: C-067
    fn buffers_filled_out_of_order_skip_numbers_but_never_go_back() {
        let mut pool = pool(3, Overtaking::Hold);
        let tokens: Vec<_> = pool.tokens().collect();
        let mut seen = Vec::new();
        for slot in [2, 0, 1] {
            let committed = pool.commit(tokens[slot], Tags::default()).unwrap();
            seen.extend(ready(&mut pool));
            pool.queue(committed).unwrap();
        }
        assert_eq!(seen, [2, 4, 5]);
        assert_eq!(pool.skipped(), 3);
        assert_eq!(pool.next_seq(), Seq::new(6));
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
        let last = pool.commit(tokens[3], Tags::default()).unwrap();
        assert_eq!(last.seq(), Seq::LAST);
    }
}
