//! One entry per slot, and the numbered claims among them threaded in rising order.

use super::{Overtaking, Ready, TableId, Tags, Token, TokenError};
use crate::ids::PoolId;
use crate::seq::{Seq, SlotCount, SlotIndex};

/// What a slot's claim is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// No claim.
    Free,
    /// Fixed pool: being filled; its number can still rise.
    Queued,
    /// Numbered, but nobody was told the number.
    Open,
    /// Numbered, and the number was told (progress).
    Announced,
    /// Overtaken; can only be ended or queued.
    Voided,
    /// Committed, waiting for older claims.
    Held,
    /// Published; the owner of a fixed pool keeps the slot.
    Committed,
}

/// Storage for the claim of one slot. A table lives in as many as there are slots: an array, a boxed slice, a
/// borrowed slice.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    seq: Seq,
    pool: PoolId,
    tags: Tags,
    generation: u32,
    /// Neighbours in the order of numbers: slot indices, or `NONE`.
    before: u32,
    after: u32,
    pub(super) state: State,
}

/// Where a table's entries stand; whatever lends them as a slice will do.
pub trait Entries: AsRef<[Entry]> + AsMut<[Entry]> {}

impl<S: AsRef<[Entry]> + AsMut<[Entry]>> Entries for S {}

/// No slot has this index: counts stay below 2^31.
const NONE: u32 = u32::MAX;

impl Entry {
    /// An entry of a new table.
    pub const FREE: Self = Self {
        seq: Seq::FIRST,
        pool: PoolId::new(0).unwrap(),
        tags: Tags {
            meta_version: None,
            trace_id: None,
        },
        generation: 0,
        before: NONE,
        after: NONE,
        state: State::Free,
    };
}

/// What streaming and fixed-pool claims share.
#[derive(Debug)]
pub(super) struct Table<S> {
    id: TableId,
    entries: S,
    pub(super) count: SlotCount,
    overtaking: Overtaking,
    /// Lowest and highest of the numbered claims (Open, Announced, Held).
    head: u32,
    tail: u32,
    /// Entries that are not free.
    pub(super) outstanding: u32,
    generation: u32,
    /// One past the highest number given out, at most 2^63.
    pub(super) next: u64,
    /// One past the highest number that became ready.
    pub(super) expected: u64,
    pub(super) skipped: u64,
}

impl<S: Entries> Table<S> {
    pub(super) fn new(
        id: TableId,
        mut entries: S,
        count: SlotCount,
        overtaking: Overtaking,
    ) -> Option<Self> {
        entries
            .as_mut()
            .get_mut(..count.get() as usize)?
            .fill(Entry::FREE);
        Some(Self {
            id,
            entries,
            count,
            overtaking,
            head: NONE,
            tail: NONE,
            outstanding: 0,
            generation: 0,
            next: 0,
            expected: 0,
            skipped: 0,
        })
    }

    pub(super) fn entry(&mut self, at: u32) -> Option<&mut Entry> {
        self.entries.as_mut().get_mut(at as usize)
    }

    pub(super) fn state(&self, slot: SlotIndex) -> State {
        self.entries
            .as_ref()
            .get(slot.get() as usize)
            .map_or(State::Free, |entry| entry.state)
    }

    /// The state of the claim that `token` names, unless it ended.
    pub(super) fn live(&self, token: Token) -> Result<State, TokenError> {
        match self.token(token.slot) {
            Some(live) if live == token => Ok(self.state(token.slot)),
            _ => Err(TokenError::Stale),
        }
    }

    /// The token of the claim on `slot`, if there is one.
    pub(super) fn token(&self, slot: SlotIndex) -> Option<Token> {
        let entry = self.entries.as_ref().get(slot.get() as usize)?;
        (entry.state != State::Free).then_some(Token {
            table: self.id,
            generation: entry.generation,
            slot,
            pool: entry.pool,
            seq: entry.seq,
        })
    }

    /// Starts a claim on `slot`, or starts it over: tokens given out for the slot so far are stale.
    pub(super) fn issue(&mut self, slot: SlotIndex, pool: PoolId, seq: Seq, state: State) -> Token {
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        if let Some(entry) = self.entry(slot.get()) {
            let was_free = entry.state == State::Free;
            entry.generation = generation;
            (entry.seq, entry.pool, entry.state) = (seq, pool, state);
            self.outstanding = self.outstanding.wrapping_add(u32::from(was_free));
        }
        Token {
            table: self.id,
            generation,
            slot,
            pool,
            seq,
        }
    }

    /// Gives a queued claim its number and its place in the order.
    pub(super) fn number(&mut self, token: Token, seq: Seq, state: State) -> Token {
        if let Some(entry) = self.entry(token.slot.get()) {
            (entry.seq, entry.state) = (seq, state);
        }
        self.next = self.next.max(seq.get().wrapping_add(1));
        self.link(token.slot.get(), seq);
        Token { seq, ..token }
    }

    pub(super) fn end(&mut self, slot: SlotIndex) {
        if let Some(entry) = self.entry(slot.get()) {
            entry.state = State::Free;
            self.outstanding = self.outstanding.wrapping_sub(1);
        }
    }

    /// Marks a numbered claim as committed; it becomes ready once nothing older is open.
    pub(super) fn hold(&mut self, slot: SlotIndex, tags: Tags) {
        if let Some(entry) = self.entry(slot.get()) {
            (entry.tags, entry.state) = (tags, State::Held);
        }
        if self.overtaking == Overtaking::Void && self.head != slot.get() {
            self.void_before(slot.get());
        }
    }

    fn void_before(&mut self, slot: u32) {
        let mut at = self.head;
        while at != slot
            && let Some(entry) = self.entry(at)
        {
            let after = entry.after;
            if entry.state != State::Held {
                entry.state = State::Voided;
                self.unlink(at);
            }
            at = after;
        }
    }

    /// Takes the lowest committed frame out of the order, if nothing open is below it.
    pub(super) fn pop_ready(&mut self) -> Option<Ready> {
        let at = self.head;
        let slot = self.count.index(at)?;
        let entry = self.entry(at)?;
        if entry.state != State::Held {
            return None;
        }
        let (seq, tags) = (entry.seq, entry.tags);
        entry.state = State::Committed;
        self.unlink(at);
        // Ready numbers rise, so this is what no frame ever showed.
        let missed = seq.get().saturating_sub(self.expected);
        self.skipped = self.skipped.saturating_add(missed);
        self.expected = seq.get().wrapping_add(1);
        Some(Ready { slot, seq, tags })
    }

    /// Puts the claim at `at` into the order; its place is at or near the end.
    pub(super) fn link(&mut self, at: u32, seq: Seq) {
        let mut before = self.tail;
        while let Some(entry) = self.entry(before)
            && entry.seq > seq
        {
            before = entry.before;
        }
        let after = match self.entry(before) {
            Some(entry) => core::mem::replace(&mut entry.after, at),
            None => core::mem::replace(&mut self.head, at),
        };
        match self.entry(after) {
            Some(entry) => entry.before = at,
            None => self.tail = at,
        }
        if let Some(entry) = self.entry(at) {
            (entry.before, entry.after) = (before, after);
        }
    }

    /// Takes the claim at `at` out of the order.
    pub(super) fn unlink(&mut self, at: u32) {
        let Some(entry) = self.entry(at) else { return };
        let (before, after) = (entry.before, entry.after);
        match self.entry(before) {
            Some(entry) => entry.after = after,
            None => self.head = after,
        }
        match self.entry(after) {
            Some(entry) => entry.before = before,
            None => self.tail = before,
        }
    }
}
