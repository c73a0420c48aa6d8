//! The table of streams: which epoch each one has, and what is being done about its files.
//!
//! ```text
//!            1 scan       2 taken           3 scanned, nothing to replace
//!  Unknown --------> ScanDue ----> Scanning ---------------------------> Idle <-----------------+
//!     ^                               |  |                              |    ^                  |
//!     +-------------------------------+  | 3 scanned, old epochs        |    |                  |
//!            4 failed                    v                              |    |                  |
//!                                RaiseDue(Restart) ------+    5 raise   |    |                  |
//!                                                        |    +---------+    | 4 failed         |
//!                            +-- RaiseDue(Attach) <------|----+              |                  |
//!                2 taken     v                           v                   |   7 provisioned  |
//!                         Raising <------------------------------------------+------------------+
//!                         ^  |  ^                                      6 fence
//!            11 room made |  |  +-- RaiseDue(Loss) <------- Fenced <-------- Idle, with a producer
//!                         |  | 10 no room         8 revoked
//!                         |  v
//!               MakingRoom <-- RoomDue                    12 retire             13 forget
//!                        2 taken                    Idle ----------> Retiring ------------> (free)
//!                                                                        |
//!                                                                        +----------------> Idle, if somebody came
//! ```
//!
//! - 1: A stream is added, or an attach wants one whose disk could not be read.
//! - 2: The adapter took the order.
//! - 3: What is found of a configured stream is replaced, so that clients of the dead driver see the change (driver 7).
//! - 5: An attach needs a new epoch.
//! - 6: The producer's lease ended: from here on the old epoch is not announced.
//! - 8: Its revocation was published (D-112).
//! - 10, 11: Old epochs are collected once, then the new one is tried once more (D-201).
//! - 12: Nobody has used a dynamic stream for the minimum age.
//!
//! Beside all this, old epochs of a stream in use are collected without holding up anybody (`upkeep.rs`).

use super::deadlines::Deadlines;
use super::key_index::KeyIndex;
use super::lease::LeaseEntry;
use super::stream::{Announce, ById, Cause, Stream, StreamEntry, Upkeep, Work};
use super::table::{Queue, Slot, Table};
use crate::ids::{Epoch, StreamId};
use crate::time::{Duration, Instant};

/// All streams, in memory the caller lends.
#[derive(Debug)]
pub(super) struct Streams<'a> {
    pub(super) table: Table<'a, StreamEntry>,
    by_id: KeyIndex<ById>,
    pub(super) announces: Deadlines<Announce>,
    pub(super) upkeeps: Deadlines<Upkeep>,
    free: Queue<StreamEntry>,
    orders: Queue<StreamEntry>,
    pub(super) period: Duration,
}

impl<'a> Streams<'a> {
    pub(super) fn new(entries: &'a mut [StreamEntry], seed: u64, period: Duration) -> Self {
        let mut table = Table::new(entries);
        let mut free = Queue::new();
        for slot in table.slots() {
            table[slot] = StreamEntry::new();
            free.push(&mut table, slot);
        }
        Self {
            table,
            by_id: KeyIndex::new(seed),
            announces: Deadlines::new(),
            upkeeps: Deadlines::new(),
            free,
            orders: Queue::new(),
            period,
        }
    }

    /// Whether another stream can be added.
    pub(super) const fn has_room(&self) -> bool {
        !self.free.is_empty()
    }

    /// Adds a stream that is not there yet and orders its scan; `None` if there is no room.
    pub(super) fn add(
        &mut self,
        id: StreamId,
        profile: usize,
        dynamic: bool,
    ) -> Option<Slot<StreamEntry>> {
        let slot = self.free.pop(&mut self.table)?;
        self.table[slot].stream = Some(Stream::new(id, profile, dynamic));
        self.by_id.insert(&mut self.table, slot);
        self.scan(slot);
        Some(slot)
    }

    /// 13: takes the entry back; its id is free again.
    pub(super) fn forget(&mut self, slot: Slot<StreamEntry>) {
        self.by_id.remove(&mut self.table, slot);
        self.announces.clear(&mut self.table, slot);
        self.upkeeps.clear(&mut self.table, slot);
        self.table[slot].stream = None;
        self.free.push(&mut self.table, slot);
    }

    /// The stream with this id.
    pub(super) fn find(&self, id: u32) -> Option<Slot<StreamEntry>> {
        self.by_id.find(&self.table, id)
    }

    /// The stream in an entry that is taken.
    pub(super) fn get(&self, slot: Slot<StreamEntry>) -> Option<&Stream> {
        self.table[slot].stream.as_ref()
    }

    /// The stream in an entry that is taken.
    pub(super) fn get_mut(&mut self, slot: Slot<StreamEntry>) -> Option<&mut Stream> {
        self.table[slot].stream.as_mut()
    }

    /// How many places there are, taken or not.
    pub(super) const fn places(&self) -> u32 {
        self.table.len()
    }

    /// The stream in a place.
    pub(super) fn at(&self, place: u32) -> Option<&Stream> {
        self.table[self.table.slot(place)?].stream.as_ref()
    }

    /// 1: orders a look at the disk.
    pub(super) fn scan(&mut self, slot: Slot<StreamEntry>) {
        self.order(slot, Work::ScanDue);
    }

    /// 5, 8 and 11: orders a new epoch.
    pub(super) fn raise(&mut self, slot: Slot<StreamEntry>, cause: Cause) {
        self.order(slot, Work::RaiseDue(cause));
    }

    /// 10: there was no room for a new epoch. A collection that is under way already will do.
    pub(super) fn make_room(&mut self, slot: Slot<StreamEntry>, cause: Cause) {
        let Some(stream) = self.get_mut(slot) else {
            return;
        };
        stream.made_room = true;
        if stream.collecting {
            stream.work = Work::MakingRoom(cause);
        } else {
            self.order(slot, Work::RoomDue(cause));
        }
    }

    /// 13, if somebody came meanwhile: the stream stays.
    pub(super) fn stay(&mut self, slot: Slot<StreamEntry>) {
        if let Some(stream) = self.get_mut(slot) {
            stream.work = Work::Idle;
        }
        self.schedule(slot);
    }

    /// The stream whose order is next.
    pub(super) fn first_order(&self) -> Option<Slot<StreamEntry>> {
        self.orders.first()
    }

    /// 2: the adapter took the first order. `epoch` is the ordered one; its number is burned, whatever comes of it.
    pub(super) fn taken(&mut self, epoch: Option<Epoch>) {
        let Some(slot) = self.orders.pop(&mut self.table) else {
            return;
        };
        if let Some(stream) = self.get_mut(slot) {
            stream.work = match (stream.work, epoch) {
                (Work::RaiseDue(cause), Some(epoch)) => {
                    stream.last_epoch = epoch.get();
                    Work::Raising(cause, epoch)
                }
                (Work::RoomDue(cause), _) => Work::MakingRoom(cause),
                (_, _) => Work::Scanning,
            };
        }
    }

    /// The first order cannot be given; it is not in the queue any more.
    pub(super) fn drop_order(&mut self) {
        self.orders.pop(&mut self.table);
    }

    /// 3: the disk was looked at; `last_epoch` is 0 if nothing was found.
    pub(super) fn scanned(&mut self, slot: Slot<StreamEntry>, last_epoch: u64) {
        let Some(stream) = self.get_mut(slot) else {
            return;
        };
        stream.last_epoch = stream.last_epoch.max(last_epoch);
        stream.work = Work::Idle;
        // Whoever brought a dynamic stream into being waits for an epoch of its own anyway.
        if last_epoch > 0 && !stream.dynamic {
            self.raise(slot, Cause::Restart);
        }
    }

    /// 4: the order in hand failed.
    pub(super) fn failed(&mut self, slot: Slot<StreamEntry>) {
        if let Some(stream) = self.get_mut(slot) {
            stream.made_room = false;
            stream.work = match stream.work {
                Work::Scanning => Work::Unknown,
                _ => Work::Idle,
            };
        }
        self.schedule(slot);
    }

    /// 7: the regions of `epoch` are there; it is announced at once.
    pub(super) fn provisioned(&mut self, now: Instant, slot: Slot<StreamEntry>, epoch: Epoch) {
        // Its stamps are fresh.
        let refresh_at = now.after(self.period);
        if let Some(stream) = self.get_mut(slot) {
            stream.last_epoch = stream.last_epoch.max(epoch.get());
            stream.previous = stream.epoch.or(stream.previous);
            stream.epoch = Some(epoch);
            stream.changed_at = now;
            stream.told = false;
            stream.made_room = false;
            stream.work = Work::Idle;
            stream.refresh_at = refresh_at;
        }
        self.announces.set(&mut self.table, slot, now);
        self.schedule(slot);
    }

    /// The stream has a producer, which refreshes the stamps from now on (D-016).
    pub(super) fn enthrone(&mut self, slot: Slot<StreamEntry>, lease: Slot<LeaseEntry>) {
        if let Some(stream) = self.get_mut(slot) {
            stream.producer = Some(lease);
            stream.refresh_at = Instant::NEVER;
        }
        self.schedule(slot);
    }

    /// 6: the producer is gone, and with it the epoch.
    pub(super) fn fence(&mut self, slot: Slot<StreamEntry>) {
        self.silence(slot);
        if let Some(stream) = self.get_mut(slot) {
            stream.producer = None;
            stream.work = Work::Fenced;
        }
    }

    /// The epoch of the stream is not announced any more, nor its stamps refreshed.
    pub(super) fn silence(&mut self, slot: Slot<StreamEntry>) {
        if let Some(stream) = self.get_mut(slot) {
            stream.previous = stream.epoch.take().or(stream.previous);
            stream.refresh_at = Instant::NEVER;
            stream.collect_at = Instant::NEVER;
        }
        self.announces.clear(&mut self.table, slot);
        self.schedule(slot);
    }

    /// A consumer lease ended.
    pub(super) fn part(&mut self, slot: Slot<StreamEntry>) {
        if let Some(stream) = self.get_mut(slot) {
            stream.consumers = stream.consumers.saturating_sub(1);
        }
    }

    /// The stream whose announce is next, and when.
    pub(super) fn next_announce(&self) -> (Instant, Option<Slot<StreamEntry>>) {
        (
            self.announces.next(&self.table),
            self.announces.first(&self.table),
        )
    }

    /// The stream was announced.
    pub(super) fn announced(&mut self, now: Instant, slot: Slot<StreamEntry>) {
        if let Some(stream) = self.get_mut(slot) {
            stream.told = true;
        }
        let next = now.after(self.period);
        self.announces.set(&mut self.table, slot, next);
    }

    /// Makes the announces of all streams due that have an epoch.
    pub(super) fn announce_all(&mut self, now: Instant) {
        for slot in self.table.slots() {
            if self.get(slot).is_some_and(|stream| stream.epoch.is_some()) {
                self.announces.set(&mut self.table, slot, now);
            }
        }
    }

    fn order(&mut self, slot: Slot<StreamEntry>, work: Work) {
        if let Some(stream) = self.get_mut(slot) {
            stream.work = work;
            self.orders.push(&mut self.table, slot);
        }
    }
}
