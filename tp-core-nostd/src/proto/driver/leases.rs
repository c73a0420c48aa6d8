//! The table of leases: who holds what, until when, and whose turn it is to be told something.
//!
//! ```text
//!         1 admit          2 grant             3 activate
//!  (free) -------> Waiting -------> Granted -------------> Active --+
//!                     |  ^             |   |                 ^  |   | 4 keep
//!            6 refuse |  |  7 wait     |   | 5 end           +--+---+
//!                     |  |   again     |   |                    | 5 end
//!                     v  +-------------+   v                    v
//!                  (free) <------------- Ended <----------------+
//!                             8 release
//! ```
//!
//! - 1: An attach passed its checks and waits for the files of its stream.
//! - 2: They are there; the OK is due.
//! - 3: The OK was published; only now the lease begins to age (D-215).
//! - 4: A keepalive came.
//! - 5: Detach, expiry, or an OK that could not be published in time; the revocation is due.
//! - 6: The files could not be made.
//! - 7: The epoch that was granted died before the OK got out.
//! - 8: The revocation was published, once.

use super::consumers::ConsumerEntry;
use super::deadlines::Deadlines;
use super::key_index::KeyIndex;
use super::lease::{ByClient, Expiry, Lease, LeaseEntry, LeaseState};
use super::table::{Queue, Slot, Table};
use crate::ids::{ClientId, CorrelationId, LeaseId};
use crate::time::Instant;
use crate::wire::driver::LeaseRevokeReason;

/// What the driver knows about a lease id that a peer names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It is a lease, in whatever state.
    Held(Slot<LeaseEntry>),
    /// It was one of ours.
    Past,
    /// This driver never issued it.
    Foreign,
}

/// All leases, in memory the caller lends.
#[derive(Debug)]
pub(super) struct Leases<'a> {
    table: Table<'a, LeaseEntry>,
    by_client: KeyIndex<ByClient>,
    expiries: Deadlines<Expiry>,
    free: Queue<LeaseEntry>,
    outgoing: Queue<LeaseEntry>,
    /// The id that place 0 would have had before its first lease.
    first_id: u64,
    in_use: u32,
}

impl<'a> Leases<'a> {
    /// `seed` is random, so that a restarted driver does not issue ids of leases that its predecessor's clients still
    /// believe in (D-089).
    pub(super) fn new(entries: &'a mut [LeaseEntry], seed: u64) -> Self {
        let mut table = Table::new(entries);
        let mut free = Queue::new();
        for slot in table.slots() {
            table[slot] = LeaseEntry::new();
            free.push(&mut table, slot);
        }
        Self {
            table,
            by_client: KeyIndex::new(seed),
            expiries: Deadlines::new(),
            free,
            outgoing: Queue::new(),
            first_id: seed >> 1,
            in_use: 0,
        }
    }

    /// How many entries are taken.
    pub(super) const fn in_use(&self) -> u32 {
        self.in_use
    }

    /// Whether another attach can be admitted.
    pub(super) const fn has_room(&self) -> bool {
        !self.free.is_empty()
    }

    /// The lease in a taken entry.
    pub(super) fn lease(&self, slot: Slot<LeaseEntry>) -> Option<&Lease> {
        self.table[slot].lease.as_ref()
    }

    /// How many places there are, taken or not.
    pub(super) const fn places(&self) -> u32 {
        self.table.len()
    }

    /// The lease in a place, with its id and deadline.
    pub(super) fn at(&self, place: u32) -> Option<(LeaseId, Instant, &Lease)> {
        let slot = self.table.slot(place)?;
        let entry = &self.table[slot];
        Some((self.id(slot)?, entry.timer.due(), entry.lease.as_ref()?))
    }

    /// The lease of a client that has not ended; there is one at most (D-057).
    pub(super) fn of_client(&self, client: ClientId) -> Option<Slot<LeaseEntry>> {
        self.by_client.find(&self.table, client.get())
    }

    /// The id of the lease in a taken entry. Ids count up per entry in strides of the table's length, so an id names
    /// its entry and none is ever issued twice (D-087).
    pub(super) fn id(&self, slot: Slot<LeaseEntry>) -> Option<LeaseId> {
        let stride = u64::from(self.table.len());
        let id = self.table[slot]
            .issued
            .checked_mul(stride)?
            .checked_add(u64::from(slot.index()))?
            .checked_add(self.first_id)?;
        LeaseId::new(id)
    }

    /// What this id is.
    pub(super) fn find(&self, id: LeaseId) -> Known {
        let stride = u64::from(self.table.len());
        let Some(offset) = id.get().checked_sub(self.first_id) else {
            return Known::Foreign;
        };
        let (Some(round), Some(index)) = (offset.checked_div(stride), offset.checked_rem(stride))
        else {
            return Known::Foreign;
        };
        // The remainder is below the table's length.
        let Some(slot) = self.table.slot(index as u32) else {
            return Known::Foreign;
        };
        let entry = &self.table[slot];
        if round == 0 || round > entry.issued {
            Known::Foreign
        } else if round == entry.issued && entry.lease.is_some() {
            Known::Held(slot)
        } else {
            Known::Past
        }
    }

    /// 1: takes a free entry.
    pub(super) fn admit(&mut self, lease: Lease) -> Option<Slot<LeaseEntry>> {
        let slot = self.free.pop(&mut self.table)?;
        let entry = &mut self.table[slot];
        entry.issued = entry.issued.saturating_add(1);
        entry.lease = Some(Lease {
            state: LeaseState::Waiting,
            ..lease
        });
        self.by_client.insert(&mut self.table, slot);
        self.in_use = self.in_use.saturating_add(1);
        Some(slot)
    }

    /// Joins the queue of a stream.
    pub(super) fn join(&mut self, queue: &mut Queue<LeaseEntry>, slot: Slot<LeaseEntry>) {
        queue.push(&mut self.table, slot);
    }

    /// Leaves the queue of a stream.
    pub(super) fn leave(&mut self, queue: &mut Queue<LeaseEntry>) -> Option<Slot<LeaseEntry>> {
        queue.pop(&mut self.table)
    }

    /// 2: the OK is due and may be retried until `give_up_at` (D-061).
    pub(super) fn grant(&mut self, slot: Slot<LeaseEntry>, give_up_at: Instant) {
        self.set_state(slot, LeaseState::Granted);
        self.expiries.set(&mut self.table, slot, give_up_at);
        self.outgoing.push(&mut self.table, slot);
    }

    /// Who has something to be published next.
    pub(super) fn first_outgoing(&self) -> Option<Slot<LeaseEntry>> {
        self.outgoing.first()
    }

    /// 3: the OK of the first outgoing lease was published.
    pub(super) fn activate(&mut self, expires_at: Instant) {
        if let Some(slot) = self.outgoing.pop(&mut self.table) {
            self.set_state(slot, LeaseState::Active);
            self.expiries.set(&mut self.table, slot, expires_at);
        }
    }

    /// 7: the first outgoing lease has to wait for files again.
    pub(super) fn wait_again(&mut self) {
        if let Some(slot) = self.outgoing.pop(&mut self.table) {
            self.set_state(slot, LeaseState::Waiting);
            self.expiries.clear(&mut self.table, slot);
        }
    }

    /// 4: a keepalive moved the expiry.
    pub(super) fn keep(&mut self, slot: Slot<LeaseEntry>, expires_at: Instant) {
        self.expiries.set(&mut self.table, slot, expires_at);
    }

    /// When the lease expires, or its OK is given up.
    pub(super) fn due(&self, slot: Slot<LeaseEntry>) -> Instant {
        self.table[slot].timer.due()
    }

    /// The earliest of all these times.
    pub(super) fn next_due(&self) -> Instant {
        self.expiries.next(&self.table)
    }

    /// A lease whose time is over: `now` is after it, not at it (D-093).
    pub(super) fn overdue(&self, now: Instant) -> Option<Slot<LeaseEntry>> {
        let slot = self.expiries.first(&self.table)?;
        (self.table[slot].timer.due() < now).then_some(slot)
    }

    /// 5: ends a granted or active lease; its revocation is due.
    pub(super) fn end(
        &mut self,
        slot: Slot<LeaseEntry>,
        reason: LeaseRevokeReason,
        detach: Option<CorrelationId>,
    ) {
        let was_active = self
            .lease(slot)
            .is_some_and(|lease| lease.state == LeaseState::Active);
        self.by_client.remove(&mut self.table, slot);
        self.expiries.clear(&mut self.table, slot);
        self.set_state(slot, LeaseState::Ended { reason, detach });
        // A granted lease stands in the outgoing queue already, with its OK.
        if was_active {
            self.outgoing.push(&mut self.table, slot);
        }
    }

    /// 6: takes back an entry that waited and has left its queue.
    pub(super) fn refuse(&mut self, slot: Slot<LeaseEntry>) {
        self.by_client.remove(&mut self.table, slot);
        self.clear(slot);
    }

    /// 8: the revocation of the first outgoing lease was published.
    pub(super) fn release(&mut self) {
        if let Some(slot) = self.outgoing.pop(&mut self.table) {
            self.clear(slot);
        }
    }

    /// The consumer of a lease asked for streams of its own.
    pub(super) fn set_private(&mut self, slot: Slot<LeaseEntry>, private: Slot<ConsumerEntry>) {
        if let Some(lease) = &mut self.table[slot].lease {
            lease.private = Some(private);
        }
    }

    fn clear(&mut self, slot: Slot<LeaseEntry>) {
        self.table[slot].lease = None;
        self.free.push(&mut self.table, slot);
        self.in_use = self.in_use.saturating_sub(1);
    }

    fn set_state(&mut self, slot: Slot<LeaseEntry>, state: LeaseState) {
        if let Some(lease) = &mut self.table[slot].lease {
            lease.state = state;
        }
    }
}
