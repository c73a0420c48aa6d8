//! What stands between a role and its conductor: the cell, a mailbox each way, and counters (see `tp_core_nostd::role`).

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::sync::OnceLock;

use crossbeam_queue::ArrayQueue;
use tp_core_nostd::role::RoleCell;
use tp_linux_hugepages::MappedBell;

use crate::regions::Regions;
use crate::wishes::Wishes;

/// How many notes to the conductor may wait; one that finds no room is made again at its next occasion.
const NOTES: usize = 16;

/// A mailbox in which a newer thing takes the place of one that was not taken yet.
#[derive(Debug)]
pub(crate) struct Newest<T>(ArrayQueue<T>);

impl<T> Default for Newest<T> {
    fn default() -> Self {
        Self(ArrayQueue::new(1))
    }
}

impl<T> Newest<T> {
    /// Puts `thing` in; what it displaces is dropped here, on the putting side.
    pub(crate) fn put(&self, thing: T) {
        drop(self.0.force_push(thing));
    }

    pub(crate) fn take(&self) -> Option<T> {
        self.0.pop()
    }

    /// Whether something can be taken.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.0.is_empty()
    }
}

/// By what a role that goes on without its conductor judges its memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Orphaned {
    /// Process id of the regions' creator.
    pub(crate) pid: u64,
    /// How old an activity stamp may become.
    pub(crate) window: Duration,
}

/// Shared by a role and its conductor. `M` is a mapping of one region, `E` the Aeron endpoint of the role, `N` what it notes.
#[derive(Debug)]
pub(crate) struct Link<M, E, N> {
    pub(crate) cell: RoleCell,
    /// Conductor to role: memory to use from now on.
    pub(crate) mapping: Newest<Regions<M>>,
    /// Conductor to role: the bell beside that memory, if there is one. Put before it.
    pub(crate) bell: Newest<Option<MappedBell>>,
    /// Conductor to role: the endpoint to use from now on.
    pub(crate) endpoint: Newest<E>,
    /// Role to conductor.
    notes: ArrayQueue<N>,
    closed: AtomicBool,
    /// Set when the conductor ended without a word and the role may go on with what it has.
    orphaned: OnceLock<Orphaned>,
    abandoned: AtomicBool,
    /// Role to conductor: what is to become of the lease.
    pub(crate) wishes: Wishes,
}

impl<M, E, N> Default for Link<M, E, N> {
    fn default() -> Self {
        Self {
            cell: RoleCell::default(),
            mapping: Newest::default(),
            bell: Newest::default(),
            endpoint: Newest::default(),
            notes: ArrayQueue::new(NOTES),
            closed: AtomicBool::new(false),
            orphaned: OnceLock::new(),
            abandoned: AtomicBool::new(false),
            wishes: Wishes::default(),
        }
    }
}

impl<M, E, N> Link<M, E, N> {
    /// Conductor: the role will get nothing more.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.cell.fence();
        self.cell.notify();
    }

    /// Conductor: it ends because its transport did; the role goes on with the memory it has, as long as that shows life.
    pub(crate) fn orphan(&self, orphaned: Orphaned) {
        let _ = self.orphaned.set(orphaned);
        self.cell.notify();
    }

    pub(crate) fn orphaned(&self) -> Option<Orphaned> {
        self.orphaned.get().copied()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Conductor: the role is gone, so nobody takes what waits for it; memory must not stay mapped for that.
    pub(crate) fn discard(&self) {
        drop((self.mapping.take(), self.bell.take(), self.endpoint.take()));
    }

    /// Role: it was dropped, its lease can go.
    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Role: tells the conductor. Whether there was room.
    pub(crate) fn note(&self, note: N) -> bool {
        self.notes.push(note).is_ok()
    }

    pub(crate) fn take_note(&self) -> Option<N> {
        self.notes.pop()
    }
}

/// A count that one thread moves and any thread reads.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds; only the owning role's thread does.
    pub(crate) fn add(&self, n: u64) {
        self.set(self.get().wrapping_add(n));
    }

    /// Says another value; only the owning role's thread does.
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_thing_is_what_is_taken() {
        let mailbox = Newest::default();
        mailbox.put(1);
        mailbox.put(2);
        assert_eq!(mailbox.take(), Some(2));
        assert_eq!(mailbox.take(), None);
    }

    #[test] // req: C-012
    fn a_closed_link_fences_its_role() {
        let link = Link::<(), (), ()>::default();
        link.cell.activate();
        let seen = link.cell.catch_up();
        link.close();
        assert!(link.cell.moved(seen) && !link.cell.catch_up().is_active() && link.is_closed());
    }
}
