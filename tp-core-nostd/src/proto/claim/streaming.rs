//! Claims that take the next number and end with their commit.

use super::table::{Entries, State, Table};
use super::{ClaimError, FixedPool, Overtaking, Ready, TableId, Tags, Token, TokenError};
use crate::ids::PoolId;
use crate::seq::{Seq, SlotCount, SlotIndex};

/// The claims of a producer that takes slots in ring order, many at a time if it likes.
///
/// ```text
///        claim            announce              commit          next_ready
///  Free ───────▶ Open ───────────────▶ Announced ──────▶ Held ──────────────▶ Free
///                 │ └───────────────commit─────────────▶
///                 ├─ abort (newest: gives its number back) ───▶ Free
///                 └─ overtaken under Void ──▶ Voided ── abort ▶ Free
/// ```
#[derive(Debug)]
pub struct Streaming<S> {
    pub(super) table: Table<S>,
}

impl<S: Entries> Streaming<S> {
    /// A table for a new epoch of `count` slots, numbers from 0 (W-050). `None` if `entries` are fewer than the slots.
    pub fn new(id: TableId, entries: S, count: SlotCount, overtaking: Overtaking) -> Option<Self> {
        Table::new(id, entries, count, overtaking).map(|table| Self { table })
    }

    /// Takes the next number and its slot, for a payload in `pool`.
    ///
    /// # Errors
    /// [`ClaimError`]; nothing was consumed.
    pub fn claim(&mut self, pool: PoolId) -> Result<Token, ClaimError> {
        let seq = Seq::new(self.table.next).ok_or(ClaimError::Exhausted)?;
        let slot = self.table.count.slot_of(seq);
        if self.table.state(slot) != State::Free {
            return Err(ClaimError::SlotHeld { slot });
        }
        self.table.next = seq.get().wrapping_add(1);
        let token = self.table.issue(slot, pool, seq, State::Open);
        self.table.link(slot.get(), seq);
        Ok(token)
    }

    /// Its number was told to somebody (progress), so that an abort will not give it back.
    ///
    /// # Errors
    /// [`TokenError`]
    pub fn announce(&mut self, token: Token) -> Result<(), TokenError> {
        self.open(token)?;
        if let Some(entry) = self.table.entry(token.slot.get()) {
            entry.state = State::Announced;
        }
        Ok(())
    }

    /// Ends the claim with a frame that [`Self::next_ready`] gives out when its turn comes. On refusal the claim is what
    /// it was. Call it before the header is written, so that a stale token touches nothing.
    ///
    /// # Errors
    /// [`TokenError`]
    pub fn commit(&mut self, token: Token, tags: Tags) -> Result<(), TokenError> {
        self.open(token)?;
        self.table.hold(token.slot, tags);
        Ok(())
    }

    /// Ends the claim without a frame. The newest one gives its number back unless it was announced; any other leaves a
    /// gap, which [`Self::skipped`] counts once a later frame is ready (C-063).
    ///
    /// # Errors
    /// [`TokenError::Stale`]
    pub fn abort(&mut self, token: Token) -> Result<(), TokenError> {
        match self.table.live(token)? {
            State::Open => {
                self.table.unlink(token.slot.get());
                if self.table.next == token.seq.get().wrapping_add(1) {
                    self.table.next = token.seq.get();
                }
            }
            State::Announced => self.table.unlink(token.slot.get()),
            State::Voided => {}
            _ => return Err(TokenError::Stale),
        }
        self.table.end(token.slot);
        Ok(())
    }

    /// The lowest committed frame that no open claim keeps waiting. Call it until `None` after each commit and abort.
    pub fn next_ready(&mut self) -> Option<Ready> {
        let ready = self.table.pop_ready()?;
        self.table.end(ready.slot);
        Some(ready)
    }

    /// The open claim with this slot and number, for callers that keep no tokens (the C ABI, C-062).
    pub fn find(&self, slot: SlotIndex, seq: Seq) -> Option<Token> {
        let live = self.table.token(slot)?;
        (live.seq() == seq && self.table.state(slot) != State::Held).then_some(live)
    }

    /// The next number a claim takes, for QosProducer (T-22); `None` once all are used.
    pub const fn next_seq(&self) -> Option<Seq> {
        Seq::new(self.table.next)
    }

    /// Claims that have not ended, committed ones in waiting included.
    pub const fn outstanding(&self) -> u32 {
        self.table.outstanding
    }

    /// Numbers below the newest ready frame that no frame carried.
    pub const fn skipped(&self) -> u64 {
        self.table.skipped
    }

    /// Dedicates `buffers` slots of `pool` to a camera-style owner, the next ones in ring order. The table comes back
    /// unchanged while claims are outstanding, if it has fewer slots, or if the numbers run out.
    ///
    /// # Errors
    /// This table, as it was.
    pub fn into_fixed_pool(self, buffers: u32, pool: PoolId) -> Result<FixedPool<S>, Self> {
        FixedPool::over(self.table, buffers, pool).map_err(|table| Self { table })
    }

    fn open(&self, token: Token) -> Result<(), TokenError> {
        match self.table.live(token)? {
            State::Open | State::Announced => Ok(()),
            State::Voided => Err(TokenError::Voided),
            _ => Err(TokenError::Stale),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Entry;
    use super::*;
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    const POOL: PoolId = PoolId::new(1).unwrap();
    type Claims = Streaming<[Entry; 4]>;

    fn claims(overtaking: Overtaking) -> Claims {
        let count = SlotCount::new(4).unwrap();
        Streaming::new(TableId(1), [Entry::FREE; 4], count, overtaking).unwrap()
    }

    fn ready(claims: &mut Claims) -> Vec<u64> {
        core::iter::from_fn(|| claims.next_ready().map(|ready| ready.seq.get())).collect()
    }

    /// Brings claim 1, between 0 and 2 which stay open, into a state; returns its token.
    fn bring_to(state: &str, claims: &mut Claims) -> Token {
        let [_, token, newer] = [(); 3].map(|()| claims.claim(POOL).unwrap());
        match state {
            "Open" => {}
            "Newest" => claims.abort(newer).unwrap(),
            "Announced" => claims.announce(token).unwrap(),
            "Ann.newest" => {
                claims.abort(newer).unwrap();
                claims.announce(token).unwrap();
            }
            "Voided" => claims.commit(newer, Tags::default()).unwrap(),
            "Held" => claims.commit(token, Tags::default()).unwrap(),
            _ => claims.abort(token).unwrap(),
        }
        token
    }

    // req: C-060, C-062, C-063, C-064, C-065, E-06
    #[test]
    fn every_call_in_every_state() {
        let mut table = String::new();
        for state in [
            "Open",
            "Newest",
            "Announced",
            "Ann.newest",
            "Voided",
            "Held",
            "Free",
        ] {
            for call in ["announce", "commit", "abort"] {
                let overtaking = if state == "Voided" {
                    Overtaking::Void
                } else {
                    Overtaking::Hold
                };
                let mut claims = claims(overtaking);
                let token = bring_to(state, &mut claims);
                let before = ready(&mut claims);
                let result = match call {
                    "announce" => claims.announce(token),
                    "commit" => claims.commit(token, Tags::default()),
                    _ => claims.abort(token),
                };
                let after = claims.table.state(token.slot);
                let next = claims.table.next;
                let due = ready(&mut claims);
                let result = result.map_or_else(|error| format!("{error:?}"), |()| "ok".into());
                table += &format!(
                    "{state:10} {call:8} {result:6} {after:?}, next {next}, ready {before:?} {due:?}\n"
                );
            }
        }
        let reviewed = "\
Open       announce ok     Announced, next 3, ready [] []
Open       commit   ok     Held, next 3, ready [] []
Open       abort    ok     Free, next 3, ready [] []
Newest     announce ok     Announced, next 2, ready [] []
Newest     commit   ok     Held, next 2, ready [] []
Newest     abort    ok     Free, next 1, ready [] []
Announced  announce ok     Announced, next 3, ready [] []
Announced  commit   ok     Held, next 3, ready [] []
Announced  abort    ok     Free, next 3, ready [] []
Ann.newest announce ok     Announced, next 2, ready [] []
Ann.newest commit   ok     Held, next 2, ready [] []
Ann.newest abort    ok     Free, next 2, ready [] []
Voided     announce Voided Voided, next 3, ready [2] []
Voided     commit   Voided Voided, next 3, ready [2] []
Voided     abort    ok     Free, next 3, ready [2] []
Held       announce Stale  Held, next 3, ready [] []
Held       commit   Stale  Held, next 3, ready [] []
Held       abort    Stale  Held, next 3, ready [] []
Free       announce Stale  Free, next 3, ready [] []
Free       commit   Stale  Free, next 3, ready [] []
Free       abort    Stale  Free, next 3, ready [] []
";
        assert_eq!(table, reviewed);
    }

    #[test] // req: E-06, C-064
    fn an_overtaking_commit_waits_for_the_older_claim() {
        let mut claims = claims(Overtaking::Hold);
        let [first, second, third] = [(); 3].map(|()| claims.claim(POOL).unwrap());
        let tags = Tags {
            meta_version: Some(7),
            trace_id: Some(9),
        };
        claims.commit(third, tags).unwrap();
        claims.commit(second, Tags::default()).unwrap();
        assert_eq!(claims.next_ready(), None);
        claims.abort(first).unwrap();
        assert_eq!(claims.next_ready().map(|ready| ready.seq), Some(second.seq));
        let last = Ready {
            slot: third.slot,
            seq: third.seq,
            tags,
        };
        assert_eq!(claims.next_ready(), Some(last));
        assert_eq!((claims.skipped(), claims.outstanding()), (1, 0));
    }

    #[test] // req: C-060
    fn a_slot_is_not_issued_again_before_its_claim_ends() {
        let mut claims = claims(Overtaking::Void);
        let [oldest, ..] = [(); 4].map(|()| claims.claim(POOL).unwrap());
        let held = Err(ClaimError::SlotHeld { slot: oldest.slot });
        assert_eq!(claims.claim(POOL), held);
        let newest = claims
            .find(claims.table.count.index(3).unwrap(), Seq::new(3).unwrap())
            .unwrap();
        claims.commit(newest, Tags::default()).unwrap();
        assert_eq!(ready(&mut claims), [3]);
        // Its owner may still be writing into a voided claim.
        assert_eq!(claims.claim(POOL), held);
        claims.abort(oldest).unwrap();
        assert_eq!(claims.claim(POOL).map(Token::seq), Ok(Seq::new(4).unwrap()));
    }

    #[test] // req: C-063
    fn the_newest_claim_gives_its_number_back_once() {
        let mut claims = claims(Overtaking::Hold);
        let token = claims.claim(POOL).unwrap();
        claims.abort(token).unwrap();
        let again = claims.claim(POOL).unwrap();
        assert_eq!((again.seq, again.slot), (token.seq, token.slot));
        assert_eq!(
            claims.commit(token, Tags::default()),
            Err(TokenError::Stale)
        );
        claims.announce(again).unwrap();
        claims.abort(again).unwrap();
        assert_eq!(claims.claim(POOL).map(Token::seq), Ok(Seq::new(1).unwrap()));
    }

    #[test] // req: C-062, C-065
    fn altered_and_foreign_tokens_are_refused() {
        let mut claims = claims(Overtaking::Hold);
        let token = claims.claim(POOL).unwrap();
        let slot = claims.table.count.index(1).unwrap();
        let seq = Seq::new(4).unwrap();
        for forged in [
            Token { seq, ..token },
            Token { slot, ..token },
            Token {
                pool: PoolId::new(2).unwrap(),
                ..token
            },
            Token {
                generation: 0,
                ..token
            },
            Token {
                table: TableId(2),
                ..token
            },
        ] {
            assert_eq!(
                claims.commit(forged, Tags::default()),
                Err(TokenError::Stale)
            );
            assert_eq!(claims.abort(forged), Err(TokenError::Stale));
        }
        assert_eq!(claims.find(token.slot, seq), None);
        assert_eq!(claims.find(token.slot, token.seq), Some(token));
        claims.commit(token, Tags::default()).unwrap();
        assert_eq!(claims.find(token.slot, token.seq), None);
    }

    #[test] // req: T-43, C-054, W-050
    fn numbers_start_at_0_and_end_at_63_bits() {
        let mut claims = claims(Overtaking::Hold);
        assert_eq!(claims.next_seq(), Some(Seq::FIRST));
        claims.table.next = Seq::LAST.get();
        let last = claims.claim(POOL).unwrap();
        assert_eq!(last.seq, Seq::LAST);
        assert_eq!(claims.claim(POOL), Err(ClaimError::Exhausted));
        assert_eq!(claims.next_seq(), None);
        claims.commit(last, Tags::default()).unwrap();
        assert_eq!(ready(&mut claims), [Seq::LAST.get()]);
        assert_eq!(claims.claim(POOL), Err(ClaimError::Exhausted));
    }

    #[test]
    fn storage_must_cover_every_slot() {
        let count = SlotCount::new(4).unwrap();
        assert!(Streaming::new(TableId(1), [Entry::FREE; 3], count, Overtaking::Hold).is_none());
    }
}
