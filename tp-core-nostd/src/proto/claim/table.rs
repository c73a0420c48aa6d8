//! One entry per slot: what streaming and fixed-pool claims share.

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
    /// Announced, and its header stands: it must not change any more (E-02).
    Headed,
    /// Overtaken; can only be ended or queued.
    Voided,
    /// Committed, waiting for older claims.
    Held,
    /// Fixed pool: published; the owner keeps the slot.
    Committed,
}

impl State {
    /// Whether newer commits wait for it.
    pub(super) const fn is_in_order(self) -> bool {
        matches!(
            self,
            Self::Open | Self::Announced | Self::Headed | Self::Held
        )
    }

    /// Whether its number was told and nothing was published yet.
    pub(super) const fn is_told(self) -> bool {
        matches!(self, Self::Announced | Self::Headed)
    }
}

/// Storage for the claim of one slot. A table lives in as many as there are slots: an array, a boxed slice, a borrowed
/// slice.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub(super) token: Token,
    pub(super) tags: Tags,
    pub(super) state: State,
}

impl Entry {
    /// An entry of a new table.
    pub const FREE: Self = Self {
        token: Token {
            table: TableId(0),
            generation: 0,
            slot: SlotCount::new(1).unwrap().slot_of(Seq::FIRST),
            pool: PoolId::new(0).unwrap(),
            seq: Seq::FIRST,
        },
        tags: Tags {
            meta_version: None,
            trace_id: None,
        },
        state: State::Free,
    };

    /// Whether the commit of `seq` has to wait for this claim.
    pub(super) fn is_older_than(&self, seq: Seq) -> bool {
        self.state.is_in_order() && self.token.seq < seq
    }
}

/// Where a table's entries stand; whatever lends them as a slice will do.
pub trait Entries: AsRef<[Entry]> + AsMut<[Entry]> {}

impl<S: AsRef<[Entry]> + AsMut<[Entry]>> Entries for S {}

/// The entries, and the numbers given out.
#[derive(Debug)]
pub(super) struct Table<S> {
    id: TableId,
    entries: S,
    pub(super) count: SlotCount,
    pub(super) overtaking: Overtaking,
    /// Entries that are not free.
    pub(super) outstanding: u32,
    /// Entries that are held.
    held: u32,
    generation: u32,
    /// One past the highest number given out, at most 2^63.
    pub(super) next: u64,
    /// One past the highest number that became ready. No claim below it is in order.
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
        let own = entries.as_mut().get_mut(..count.get() as usize)?;
        own.fill(Entry::FREE);
        Some(Self {
            id,
            entries,
            count,
            overtaking,
            outstanding: 0,
            held: 0,
            generation: 0,
            next: 0,
            expected: 0,
            skipped: 0,
        })
    }

    #[inline]
    pub(super) fn entry(&self, slot: SlotIndex) -> Option<&Entry> {
        self.entries.as_ref().get(slot.get() as usize)
    }

    pub(super) fn entries(&mut self) -> impl Iterator<Item = &mut Entry> {
        let count = self.count.get() as usize;
        self.entries.as_mut().iter_mut().take(count)
    }

    /// The claim that `token` names, unless it ended.
    #[inline]
    pub(super) fn live(&mut self, token: Token) -> Result<&mut Entry, TokenError> {
        match self.entries.as_mut().get_mut(token.slot.get() as usize) {
            Some(entry) if entry.token == token && entry.state != State::Free => Ok(entry),
            _ => Err(TokenError::Stale),
        }
    }

    /// The claim that `token` names, if it can be committed.
    #[inline]
    pub(super) fn committable(&mut self, token: Token) -> Result<&mut Entry, TokenError> {
        let entry = self.live(token)?;
        match entry.state {
            State::Open | State::Announced | State::Headed | State::Queued => Ok(entry),
            State::Voided => Err(TokenError::Voided),
            State::Free | State::Held | State::Committed => Err(TokenError::Stale),
        }
    }

    /// The header of an announced claim stands from now on.
    pub(super) fn head(&mut self, token: Token) -> Result<(), TokenError> {
        let entry = self.committable(token)?;
        if entry.state.is_told() {
            entry.state = State::Headed;
        }
        Ok(())
    }

    /// Whether the header of a claim that can be committed stands.
    #[inline]
    pub(super) fn is_headed(&mut self, token: Token) -> Result<bool, TokenError> {
        Ok(self.committable(token)?.state == State::Headed)
    }

    /// The token of the claim on `slot`, if there is one with number `seq`.
    pub(super) fn find(&self, slot: SlotIndex, seq: Seq) -> Option<Token> {
        let entry = self.entry(slot)?;
        (entry.state != State::Free && entry.token.seq == seq).then_some(entry.token)
    }

    /// Starts a claim on `slot`, or starts it over: tokens given out for the slot so far are stale.
    #[inline]
    pub(super) fn issue(&mut self, slot: SlotIndex, pool: PoolId, seq: Seq, state: State) -> Token {
        self.generation = self.generation.wrapping_add(1);
        let token = Token {
            table: self.id,
            generation: self.generation,
            slot,
            pool,
            seq,
        };
        if let Some(entry) = self.entries.as_mut().get_mut(slot.get() as usize) {
            let was_free = entry.state == State::Free;
            (entry.token, entry.state) = (token, state);
            self.outstanding = self.outstanding.wrapping_add(u32::from(was_free));
        }
        token
    }

    #[inline]
    pub(super) fn end(&mut self, slot: SlotIndex) {
        if let Some(entry) = self.entries.as_mut().get_mut(slot.get() as usize) {
            entry.state = State::Free;
            self.outstanding = self.outstanding.wrapping_sub(1);
        }
    }

    /// A claim was committed before its turn.
    pub(super) fn hold(&mut self, slot: SlotIndex, tags: Tags) {
        if let Some(entry) = self.entries.as_mut().get_mut(slot.get() as usize) {
            (entry.state, entry.tags) = (State::Held, tags);
            self.held = self.held.wrapping_add(1);
        }
    }

    /// Whether anything is held at all.
    #[inline]
    pub(super) const fn is_holding(&self) -> bool {
        self.held != 0
    }

    /// A held claim's turn has come.
    pub(super) fn unhold(&mut self, slot: SlotIndex) -> Option<Ready> {
        let Entry { token, tags, .. } = *self.entry(slot)?;
        self.held = self.held.wrapping_sub(1);
        Some(self.ready(token.slot, token.seq, tags))
    }

    /// The frame of this claim is the next one for readers.
    #[inline]
    pub(super) fn ready(&mut self, slot: SlotIndex, seq: Seq, tags: Tags) -> Ready {
        // Ready numbers rise, so what lies between them no frame ever shows.
        let missed = seq.get().wrapping_sub(self.expected);
        self.skipped = self.skipped.wrapping_add(missed);
        self.expected = seq.get().wrapping_add(1);
        Ready { slot, seq, tags }
    }
}
