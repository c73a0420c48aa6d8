//! Claims that take the next number and end with their commit.

use super::table::{Entries, Entry, State, Table};
use super::{ClaimError, Claims, FixedPool, Overtaking, Ready, TableId, Tags, Token, TokenError};
use crate::ids::PoolId;
use crate::seq::{Seq, SlotCount, SlotIndex};

/// The claims of a producer that takes slots in ring order, many at a time if it likes.
///
/// ```text
///        claim          announce
///  Free ───────▶ Open ───────────▶ Announced, Headed once its header stands
///                 ├───── commit ─────┤
///                 │                  ├──▶ ready, Free            nothing older is open
///                 │                  └──▶ Held ── next_ready ──▶ Free
///                 ├───── abort ──────┴──▶ Free                   the newest Open one gives its number back
///                 └─ a newer commit, under Void ──▶ Voided ── abort ──▶ Free
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
    #[inline]
    pub fn claim(&mut self, pool: PoolId) -> Result<Token, ClaimError> {
        let seq = Seq::new(self.table.next).ok_or(ClaimError::Exhausted)?;
        let slot = self.table.count.slot_of(seq);
        let entry = self.table.entry(slot);
        if entry.is_some_and(|entry| entry.state != State::Free) {
            return Err(ClaimError::SlotHeld { slot });
        }
        self.table.next = seq.get().wrapping_add(1);
        Ok(self.table.issue(slot, pool, seq, State::Open))
    }

    /// Claims and commits at once, where nothing else is outstanding; else `None`. The short way for frames that are
    /// copied: no token exists, because nobody could hold it.
    #[inline]
    pub fn pass(&mut self, tags: Tags) -> Option<Ready> {
        if self.table.outstanding != 0 {
            return None;
        }
        let seq = Seq::new(self.table.next)?;
        self.table.next = seq.get().wrapping_add(1);
        Some(self.table.ready(self.table.count.slot_of(seq), seq, tags))
    }

    /// Its number was told to somebody (progress), so that an abort will not give it back.
    ///
    /// # Errors
    /// [`TokenError`]
    pub fn announce(&mut self, token: Token) -> Result<(), TokenError> {
        let entry = self.table.committable(token)?;
        if !entry.state.is_told() {
            entry.state = State::Announced;
        }
        Ok(())
    }

    /// Ends the claim with a frame. It comes back at once where nothing older is open; else it is held, and
    /// [`Self::next_ready`] gives it out in its turn. Call it before the header is written, so that a stale token touches
    /// nothing.
    ///
    /// # Errors
    /// [`TokenError`]; the claim is what it was.
    #[inline]
    pub fn commit(&mut self, token: Token, tags: Tags) -> Result<Option<Ready>, TokenError> {
        self.table.committable(token)?;
        let in_turn = self.table.outstanding == 1 || token.seq.get() == self.table.expected;
        if !in_turn && !self.settle_below(token.seq) {
            self.table.hold(token.slot, tags);
            return Ok(None);
        }
        self.table.end(token.slot);
        Ok(Some(self.table.ready(token.slot, token.seq, tags)))
    }

    /// Ends the claim without a frame. The newest one gives its number back unless it was announced; any other leaves a
    /// gap, which [`Self::skipped`] counts once a later frame is ready (C-063).
    ///
    /// # Errors
    /// [`TokenError::Stale`]
    pub fn abort(&mut self, token: Token) -> Result<(), TokenError> {
        let is_newest = self.table.next == token.seq.get().wrapping_add(1);
        match self.table.live(token)?.state {
            State::Open if is_newest => self.table.next = token.seq.get(),
            State::Open | State::Announced | State::Headed | State::Voided => {}
            _ => return Err(TokenError::Stale),
        }
        self.table.end(token.slot);
        Ok(())
    }

    /// The lowest held frame, once nothing older is open. Call it until `None` after each commit and abort.
    #[inline]
    pub fn next_ready(&mut self) -> Option<Ready> {
        if !self.table.is_holding() {
            return None;
        }
        let lowest = self.in_order_below(self.table.next).next()?;
        let ready = match lowest.state {
            State::Held => self.table.unhold(lowest.token.slot)?,
            _ => return None,
        };
        self.table.end(ready.slot);
        Some(ready)
    }

    /// The open claim with this slot and number, for callers that keep no tokens (the C ABI, C-062).
    pub fn find(&self, slot: SlotIndex, seq: Seq) -> Option<Token> {
        let held = self.table.entry(slot)?.state == State::Held;
        self.table.find(slot, seq).filter(|_| !held)
    }

    /// The next number a claim takes, for QosProducer (T-22); `None` once all are used.
    pub const fn next_seq(&self) -> Option<Seq> {
        Seq::new(self.table.next)
    }

    /// The next claim takes this number, for frames that keep the one they came with (L-006); those in between are skipped.
    /// Returns whether it does: nothing may be outstanding, and numbers never fall.
    pub fn skip_to(&mut self, seq: Seq) -> bool {
        let is_free = self.table.outstanding == 0 && seq.get() >= self.table.next;
        if is_free {
            self.table.next = seq.get();
        }
        is_free
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

    /// Makes way for the commit of `seq`: whether nothing older is open any more.
    fn settle_below(&mut self, seq: Seq) -> bool {
        match self.table.overtaking {
            Overtaking::Hold => self.in_order_below(seq.get()).next().is_none(),
            Overtaking::Void => {
                for entry in self.table.entries().filter(|e| e.is_older_than(seq)) {
                    entry.state = State::Voided;
                }
                true
            }
        }
    }

    /// The claims below `end` that newer commits wait for, in rising order.
    fn in_order_below(&self, end: u64) -> impl Iterator<Item = &Entry> {
        // A number is not given out while the one that had its slot before is claimed.
        let slots = u64::from(self.table.count.get());
        let start = self.table.next.saturating_sub(slots);
        (start.max(self.table.expected)..end)
            .filter_map(Seq::new)
            .filter_map(|seq| {
                let entry = self.table.entry(self.table.count.slot_of(seq))?;
                (entry.token.seq == seq && entry.state.is_in_order()).then_some(entry)
            })
    }
}

impl<S: Entries> Claims for Streaming<S> {
    fn tell(&mut self, token: Token) -> Result<Token, TokenError> {
        self.announce(token).map(|()| token)
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
    use super::super::{Claims as _, Entry};
    use super::*;
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    const POOL: PoolId = PoolId::new(1).unwrap();
    type Table = Streaming<[Entry; 4]>;

    fn claims(overtaking: Overtaking) -> Table {
        let count = SlotCount::new(4).unwrap();
        Streaming::new(TableId(1), [Entry::FREE; 4], count, overtaking).unwrap()
    }

    fn ready(claims: &mut Table) -> Vec<u64> {
        core::iter::from_fn(|| claims.next_ready().map(|ready| ready.seq.get())).collect()
    }

    /// The number that became ready by this commit.
    fn commit(claims: &mut Table, token: Token) -> Result<Option<u64>, TokenError> {
        let ready = claims.commit(token, Tags::default())?;
        Ok(ready.map(|ready| ready.seq.get()))
    }

    /// Brings claim 1, between 0 and 2 which stay open, into a state; returns its token.
    fn bring_to(state: &str, claims: &mut Table) -> Token {
        let [_, token, newer] = [(); 3].map(|()| claims.claim(POOL).unwrap());
        match state {
            "Open" => {}
            "Newest" => claims.abort(newer).unwrap(),
            "Announced" => claims.announce(token).unwrap(),
            "Headed" => {
                claims.announce(token).unwrap();
                claims.head(token).unwrap();
            }
            "Ann.newest" => {
                claims.abort(newer).unwrap();
                claims.announce(token).unwrap();
            }
            "Voided" => assert_eq!(commit(claims, newer), Ok(Some(2))),
            "Held" => assert_eq!(commit(claims, token), Ok(None)),
            _ => claims.abort(token).unwrap(),
        }
        token
    }

    #[test] // req: L-006, L-007
    fn numbers_can_be_skipped_to_while_nothing_is_outstanding() {
        let mut claims = claims(Overtaking::Hold);
        let seq = |raw| Seq::new(raw).unwrap();
        assert!(claims.skip_to(seq(5)));
        let token = claims.claim(POOL).unwrap();
        assert_eq!((token.seq().get(), token.slot().get()), (5, 1));
        assert!(!claims.skip_to(seq(9)), "a claim is open");
        assert_eq!(commit(&mut claims, token), Ok(Some(5)));
        assert!(!claims.skip_to(seq(5)), "used");
        assert!(claims.skip_to(seq(6)), "the next one anyway");
        assert!(claims.skip_to(Seq::LAST));
        assert_eq!(
            claims.pass(Tags::default()).map(|ready| ready.seq),
            Some(Seq::LAST)
        );
        assert!(!claims.skip_to(Seq::LAST), "all are used");
        assert_eq!(claims.skipped(), Seq::LAST.get() - 1);
    }

    // req: C-060, C-062, C-063, C-064, C-065, E-06
    #[test]
    fn every_call_in_every_state() {
        let mut table = String::new();
        let states = [
            "Open",
            "Newest",
            "Announced",
            "Ann.newest",
            "Headed",
            "Voided",
            "Held",
            "Free",
        ];
        for state in states {
            for call in ["announce", "head", "commit", "abort"] {
                let overtaking = match state {
                    "Voided" => Overtaking::Void,
                    _ => Overtaking::Hold,
                };
                let mut claims = claims(overtaking);
                let token = bring_to(state, &mut claims);
                let result = match call {
                    "announce" => claims.announce(token),
                    "head" => claims.head(token),
                    "commit" => commit(&mut claims, token).map(|ready| assert_eq!(ready, None)),
                    _ => claims.abort(token),
                };
                let after = claims.table.entry(token.slot).unwrap().state;
                let next = claims.table.next;
                let result = result.map_or_else(|error| format!("{error:?}"), |()| "ok".into());
                table += &format!("{state:10} {call:8} {result:6} {after:?}, next {next}\n");
                assert_eq!(ready(&mut claims), [], "claim 0 is open, or 2 is published");
            }
        }
        let reviewed = "\
Open       announce ok     Announced, next 3
Open       head     ok     Open, next 3
Open       commit   ok     Held, next 3
Open       abort    ok     Free, next 3
Newest     announce ok     Announced, next 2
Newest     head     ok     Open, next 2
Newest     commit   ok     Held, next 2
Newest     abort    ok     Free, next 1
Announced  announce ok     Announced, next 3
Announced  head     ok     Headed, next 3
Announced  commit   ok     Held, next 3
Announced  abort    ok     Free, next 3
Ann.newest announce ok     Announced, next 2
Ann.newest head     ok     Headed, next 2
Ann.newest commit   ok     Held, next 2
Ann.newest abort    ok     Free, next 2
Headed     announce ok     Headed, next 3
Headed     head     ok     Headed, next 3
Headed     commit   ok     Held, next 3
Headed     abort    ok     Free, next 3
Voided     announce Voided Voided, next 3
Voided     head     Voided Voided, next 3
Voided     commit   Voided Voided, next 3
Voided     abort    ok     Free, next 3
Held       announce Stale  Held, next 3
Held       head     Stale  Held, next 3
Held       commit   Stale  Held, next 3
Held       abort    Stale  Held, next 3
Free       announce Stale  Free, next 3
Free       head     Stale  Free, next 3
Free       commit   Stale  Free, next 3
Free       abort    Stale  Free, next 3
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
        assert_eq!(claims.commit(third, tags), Ok(None));
        assert_eq!(commit(&mut claims, second), Ok(None));
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

    #[test] // req: C-064
    fn commits_in_order_are_ready_at_once_whatever_is_open_above() {
        let mut claims = claims(Overtaking::Hold);
        let tokens = [(); 4].map(|()| claims.claim(POOL).unwrap());
        claims.abort(tokens[1]).unwrap();
        assert_eq!(commit(&mut claims, tokens[0]), Ok(Some(0)));
        assert_eq!(commit(&mut claims, tokens[2]), Ok(Some(2)));
        assert_eq!(commit(&mut claims, tokens[3]), Ok(Some(3)));
        assert_eq!(claims.skipped(), 1);
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
        assert_eq!(commit(&mut claims, newest), Ok(Some(3)));
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
        assert_eq!(commit(&mut claims, last), Ok(Some(Seq::LAST.get())));
        assert_eq!(claims.claim(POOL), Err(ClaimError::Exhausted));
    }

    #[test]
    fn storage_must_cover_every_slot() {
        let count = SlotCount::new(4).unwrap();
        assert!(Streaming::new(TableId(1), [Entry::FREE; 3], count, Overtaking::Hold).is_none());
    }
}
