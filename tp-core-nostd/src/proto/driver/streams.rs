//! The table of streams: which epoch each one has, and what is being done about its files.
//!
//! ```text
//!            1 scan       2 taken           3 scanned, nothing found
//!  Unknown --------> ScanDue ----> Scanning ---------------------------> Idle <-----------------+
//!     ^                               |  |                              |    ^                  |
//!     +-------------------------------+  | 3 scanned, old epochs        |    |                  |
//!            4 failed                    v                              |    |                  |
//!                                RaiseDue(Restart) ------+    5 raise   |    |                  |
//!                                                        |    +---------+    | 4 failed         |
//!                            +-- RaiseDue(Attach) <------|----+              |                  |
//!                2 taken     v                           v                   |   7 provisioned  |
//!                         Raising <------------------------------------------+------------------+
//!                            ^                                      6 fence
//!                            +-- RaiseDue(Loss) <---------- Fenced <-------- Idle, with a producer
//!                                              8 revoked
//! ```
//!
//! - 1: A stream is added, or an attach wants one whose disk could not be read.
//! - 2: The adapter took the order.
//! - 5: An attach needs a new epoch.
//! - 6: The producer's lease ended: from here on the old epoch is not announced.
//! - 8: Its revocation was published (D-112).

use super::deadlines::{Deadlines, Timed, Timer};
use super::key_index::{Chain, KeyIndex, Keyed};
use super::leases::LeaseEntry;
use super::table::{Queue, Queued, Slot, Table};
use crate::ids::{CorrelationId, Epoch, StreamId};
use crate::time::{Duration, Instant};

/// Storage for one stream.
#[derive(Clone, Debug)]
pub struct StreamEntry {
    stream: Option<Stream>,
    next: Option<Slot<StreamEntry>>,
    chain: Chain<StreamEntry>,
    announce: Timer<StreamEntry>,
    refresh: Timer<StreamEntry>,
}

impl StreamEntry {
    /// An unused entry.
    pub const fn new() -> Self {
        Self {
            stream: None,
            next: None,
            chain: Chain::new(),
            announce: Timer::new(),
            refresh: Timer::new(),
        }
    }
}

impl Default for StreamEntry {
    fn default() -> Self {
        Self::new()
    }
}

impl Queued for StreamEntry {
    fn next(&mut self) -> &mut Option<Slot<Self>> {
        &mut self.next
    }
}

impl Keyed for StreamEntry {
    fn key(&self) -> u32 {
        self.stream.as_ref().map_or(0, |stream| stream.id.get())
    }
    fn chain(&mut self) -> &mut Chain<Self> {
        &mut self.chain
    }
    fn chain_ref(&self) -> &Chain<Self> {
        &self.chain
    }
}

/// The set of deadlines for announces.
#[derive(Debug)]
pub(super) struct Announce;
/// The set of deadlines for activity stamps.
#[derive(Debug)]
pub(super) struct Refresh;

impl Timed<Announce> for StreamEntry {
    fn timer(&mut self) -> &mut Timer<Self> {
        &mut self.announce
    }
    fn timer_ref(&self) -> &Timer<Self> {
        &self.announce
    }
}

impl Timed<Refresh> for StreamEntry {
    fn timer(&mut self) -> &mut Timer<Self> {
        &mut self.refresh
    }
    fn timer_ref(&self) -> &Timer<Self> {
        &self.refresh
    }
}

/// One stream.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) id: StreamId,
    /// The place of its profile in the configuration.
    pub(super) profile: usize,
    /// The highest epoch number known, in use, burned or found on disk; 0 for none.
    pub(super) last_epoch: u64,
    /// The epoch that is announced.
    pub(super) epoch: Option<Epoch>,
    /// The one producer lease, granted or active (D-055).
    pub(super) producer: Option<Slot<LeaseEntry>>,
    /// Consumer leases, granted or active.
    pub(super) consumers: u32,
    pub(super) work: Work,
    /// Attaches that passed their checks and wait for files, in order of arrival.
    pub(super) waiting: Queue<LeaseEntry>,
    /// The producer's detach, to be answered when its new epoch was announced (D-112).
    pub(super) farewell: Option<CorrelationId>,
}

/// See the drawing in the module's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// The disk has not been looked at, and nobody asks.
    Unknown,
    /// The disk is to be looked at.
    ScanDue,
    /// The disk is being looked at.
    Scanning,
    /// Nothing in hand.
    Idle,
    /// The producer is gone and its revocation not published yet.
    Fenced,
    /// A new epoch is due.
    RaiseDue(Cause),
    /// The files of this epoch or a higher one are being made.
    Raising(Cause, Epoch),
}

/// Why a stream gets a new epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Epochs of an earlier driver were found (D-129).
    Restart,
    /// The first waiting attach needs it (D-124, D-132).
    Attach,
    /// The producer is gone (D-125).
    Loss,
}

/// All streams, in memory the caller lends.
#[derive(Debug)]
pub(super) struct Streams<'a> {
    table: Table<'a, StreamEntry>,
    by_id: KeyIndex<StreamEntry>,
    announces: Deadlines<Announce>,
    refreshes: Deadlines<Refresh>,
    free: Queue<StreamEntry>,
    orders: Queue<StreamEntry>,
    period: Duration,
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
            refreshes: Deadlines::new(),
            free,
            orders: Queue::new(),
            period,
        }
    }

    /// Adds a stream that is not there yet and orders its scan; `None` if there is no room.
    pub(super) fn add(&mut self, id: StreamId, profile: usize) -> Option<Slot<StreamEntry>> {
        let slot = self.free.pop(&mut self.table)?;
        self.table[slot].stream = Some(Stream {
            id,
            profile,
            last_epoch: 0,
            epoch: None,
            producer: None,
            consumers: 0,
            work: Work::Unknown,
            waiting: Queue::new(),
            farewell: None,
        });
        self.by_id.insert(&mut self.table, slot);
        self.scan(slot);
        Some(slot)
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

    /// 5 and 8: orders a new epoch.
    pub(super) fn raise(&mut self, slot: Slot<StreamEntry>, cause: Cause) {
        self.order(slot, Work::RaiseDue(cause));
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
        if let Some(stream) = self.get_mut(slot) {
            stream.last_epoch = stream.last_epoch.max(last_epoch);
            stream.work = Work::Idle;
        }
        if last_epoch > 0 {
            self.raise(slot, Cause::Restart);
        }
    }

    /// 4: the order in hand failed.
    pub(super) fn failed(&mut self, slot: Slot<StreamEntry>) {
        if let Some(stream) = self.get_mut(slot) {
            stream.work = match stream.work {
                Work::Scanning => Work::Unknown,
                _ => Work::Idle,
            };
        }
    }

    /// 7: the regions of `epoch` are there; it is announced at once.
    pub(super) fn provisioned(&mut self, now: Instant, slot: Slot<StreamEntry>, epoch: Epoch) {
        if let Some(stream) = self.get_mut(slot) {
            stream.last_epoch = stream.last_epoch.max(epoch.get());
            stream.epoch = Some(epoch);
            stream.work = Work::Idle;
        }
        self.announces.set(&mut self.table, slot, now);
        // Their stamps are fresh.
        let next = now.after(self.period);
        self.refreshes.set(&mut self.table, slot, next);
    }

    /// The stream has a producer, which refreshes the stamps from now on (D-016).
    pub(super) fn enthrone(&mut self, slot: Slot<StreamEntry>, lease: Slot<LeaseEntry>) {
        if let Some(stream) = self.get_mut(slot) {
            stream.producer = Some(lease);
        }
        self.refreshes.clear(&mut self.table, slot);
    }

    /// 6: the producer is gone, and with it the epoch.
    pub(super) fn fence(&mut self, slot: Slot<StreamEntry>) {
        if let Some(stream) = self.get_mut(slot) {
            stream.producer = None;
            stream.epoch = None;
            stream.work = Work::Fenced;
        }
        self.announces.clear(&mut self.table, slot);
        self.refreshes.clear(&mut self.table, slot);
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

    /// The stream whose stamps are to be refreshed next, and when.
    pub(super) fn next_refresh(&self) -> (Instant, Option<Slot<StreamEntry>>) {
        (
            self.refreshes.next(&self.table),
            self.refreshes.first(&self.table),
        )
    }

    /// The adapter took the order to refresh.
    pub(super) fn refreshed(&mut self, now: Instant, slot: Slot<StreamEntry>) {
        let next = now.after(self.period);
        self.refreshes.set(&mut self.table, slot, next);
    }

    fn order(&mut self, slot: Slot<StreamEntry>, work: Work) {
        if let Some(stream) = self.get_mut(slot) {
            stream.work = work;
            self.orders.push(&mut self.table, slot);
        }
    }
}
