//! The table of consumers that asked for streams of their own: which ids they hold, and who is to be told (driver 11).

use heapless::String;

use super::id_pool::IdPool;
use super::id_ranges::IdRange;
use super::key_index::{Chain, KeyIndex, Keyed};
use super::lease::LeaseEntry;
use super::table::{Queue, Queued, Slot, Table};
use crate::ids::{Epoch, StreamId};
use crate::time::Instant;
use crate::wire::control::Endpoint;
use crate::wire::enums::Mode;

/// Longest channel of a per-consumer stream, in bytes (supervisor P-016).
pub(super) const CHANNEL_MAX: usize = 128;

/// Storage for one consumer with streams of its own.
#[derive(Clone, Debug)]
pub struct ConsumerEntry {
    consumer: Option<Consumer>,
    next: Option<Slot<ConsumerEntry>>,
    descriptors: Chain<ConsumerEntry>,
    controls: Chain<ConsumerEntry>,
}

impl ConsumerEntry {
    /// An unused entry.
    pub const fn new() -> Self {
        Self {
            consumer: None,
            next: None,
            descriptors: Chain::new(),
            controls: Chain::new(),
        }
    }
}

impl Default for ConsumerEntry {
    fn default() -> Self {
        Self::new()
    }
}

/// One consumer, from its first request to the end of its lease.
#[derive(Clone, Debug)]
pub(super) struct Consumer {
    /// `None` once it ended, and only this entry is left in the queue.
    pub(super) lease: Option<Slot<LeaseEntry>>,
    pub(super) use_shm: bool,
    pub(super) mode: Mode,
    pub(super) descriptor: Private,
    pub(super) control: Private,
    pub(super) heard_at: Instant,
    /// The last epoch of its stream that it was told its streams in (P-033).
    pub(super) told_in: Option<Epoch>,
    /// In the queue, to be told.
    is_due: bool,
}

/// A stream for one consumer alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Private {
    /// Its as long as the lease lives, whether it uses it or not (D-169).
    id: Option<StreamId>,
    /// As it was asked for; empty where the consumer stays on the shared stream.
    pub(super) channel: String<CHANNEL_MAX>,
}

impl Private {
    /// What the consumer is told: both, or nothing (P-031).
    pub(super) fn endpoint(&self) -> Option<Endpoint<'_>> {
        let channel = self.channel.as_str();
        let stream_id = self.id.filter(|_| !channel.is_empty())?;
        Some(Endpoint { channel, stream_id })
    }
}

/// Which of its two streams is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Descriptor,
    Control,
}

impl Consumer {
    pub(super) const fn private(&mut self, kind: Kind) -> &mut Private {
        match kind {
            Kind::Descriptor => &mut self.descriptor,
            Kind::Control => &mut self.control,
        }
    }
}

/// All of them, in memory the caller lends.
#[derive(Debug)]
pub(super) struct Consumers<'a> {
    table: Table<'a, ConsumerEntry>,
    by_descriptor: KeyIndex<Descriptors>,
    by_control: KeyIndex<Controls>,
    descriptor_ids: IdPool<'a>,
    control_ids: IdPool<'a>,
    free: Queue<ConsumerEntry>,
    due: Queue<ConsumerEntry>,
}

impl<'a> Consumers<'a> {
    pub(super) fn new(
        entries: &'a mut [ConsumerEntry],
        seed: u64,
        descriptors: &'a [IdRange],
        controls: &'a [IdRange],
    ) -> Self {
        let mut table = Table::new(entries);
        let mut free = Queue::new();
        for slot in table.slots() {
            table[slot] = ConsumerEntry::new();
            free.push(&mut table, slot);
        }
        Self {
            table,
            by_descriptor: KeyIndex::new(seed),
            by_control: KeyIndex::new(seed),
            descriptor_ids: IdPool::new(descriptors),
            control_ids: IdPool::new(controls),
            free,
            due: Queue::new(),
        }
    }

    /// Takes a free entry for a consumer that holds nothing yet.
    pub(super) fn add(
        &mut self,
        now: Instant,
        lease: Slot<LeaseEntry>,
    ) -> Option<Slot<ConsumerEntry>> {
        let slot = self.free.pop(&mut self.table)?;
        self.table[slot].consumer = Some(Consumer {
            lease: Some(lease),
            use_shm: true,
            mode: Mode::Stream,
            descriptor: Private::default(),
            control: Private::default(),
            heard_at: now,
            told_in: None,
            is_due: false,
        });
        Some(slot)
    }

    /// The consumer in an entry that is taken.
    pub(super) fn get(&self, slot: Slot<ConsumerEntry>) -> Option<&Consumer> {
        self.table[slot].consumer.as_ref()
    }

    /// The consumer in an entry that is taken.
    pub(super) fn get_mut(&mut self, slot: Slot<ConsumerEntry>) -> Option<&mut Consumer> {
        self.table[slot].consumer.as_mut()
    }

    /// Makes sure that a consumer holds an id of this kind; the one it wishes for if that is free, else the next. `false` if
    /// none is left (D-161), or none was ever there (D-160).
    pub(super) fn hold(&mut self, slot: Slot<ConsumerEntry>, kind: Kind, wish: StreamId) -> bool {
        if self.held(slot, kind).is_some() {
            return true;
        }
        let is_held = |id: StreamId| match kind {
            Kind::Descriptor => self.by_descriptor.find(&self.table, id.get()).is_some(),
            Kind::Control => self.by_control.find(&self.table, id.get()).is_some(),
        };
        let pool = match kind {
            Kind::Descriptor => &self.descriptor_ids,
            Kind::Control => &self.control_ids,
        };
        let wished = Some(wish).filter(|id| pool.contains(*id) && !is_held(*id));
        let Some(id) = wished.or_else(|| pool.next_free(is_held)) else {
            return false;
        };
        if let Some(consumer) = self.get_mut(slot) {
            consumer.private(kind).id = Some(id);
        }
        match kind {
            Kind::Descriptor => {
                self.descriptor_ids.take(id);
                self.by_descriptor.insert(&mut self.table, slot);
            }
            Kind::Control => {
                self.control_ids.take(id);
                self.by_control.insert(&mut self.table, slot);
            }
        }
        true
    }

    /// The consumer is to be told what it has.
    pub(super) fn tell(&mut self, slot: Slot<ConsumerEntry>) {
        let Some(consumer) = self.get_mut(slot) else {
            return;
        };
        if !core::mem::replace(&mut consumer.is_due, true) {
            self.due.push(&mut self.table, slot);
        }
    }

    /// Who is to be told next. Entries of leases that ended meanwhile are free from here on.
    pub(super) fn first_due(&mut self) -> Option<Slot<ConsumerEntry>> {
        loop {
            let slot = self.due.first()?;
            if self.get(slot).is_some_and(|it| it.lease.is_some()) {
                return Some(slot);
            }
            self.due.pop(&mut self.table);
            self.clear(slot);
        }
    }

    /// Whether somebody is to be told something.
    pub(super) const fn is_anyone_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// The first one was told.
    pub(super) fn told(&mut self) {
        if let Some(slot) = self.due.pop(&mut self.table)
            && let Some(consumer) = self.get_mut(slot)
        {
            consumer.is_due = false;
        }
    }

    /// Its lease ended, and with it the hold on its ids (D-169).
    pub(super) fn release(&mut self, slot: Slot<ConsumerEntry>) {
        if self.held(slot, Kind::Descriptor).is_some() {
            self.by_descriptor.remove(&mut self.table, slot);
            self.descriptor_ids.give_back();
        }
        if self.held(slot, Kind::Control).is_some() {
            self.by_control.remove(&mut self.table, slot);
            self.control_ids.give_back();
        }
        match self.get_mut(slot) {
            Some(consumer) if consumer.is_due => consumer.lease = None,
            _ => self.clear(slot),
        }
    }

    fn held(&self, slot: Slot<ConsumerEntry>, kind: Kind) -> Option<StreamId> {
        let consumer = self.get(slot)?;
        match kind {
            Kind::Descriptor => consumer.descriptor.id,
            Kind::Control => consumer.control.id,
        }
    }

    fn clear(&mut self, slot: Slot<ConsumerEntry>) {
        self.table[slot].consumer = None;
        self.free.push(&mut self.table, slot);
    }
}

/// The index by ids of descriptor streams.
#[derive(Debug)]
pub(super) struct Descriptors;
/// The index by ids of control streams.
#[derive(Debug)]
pub(super) struct Controls;

impl Queued for ConsumerEntry {
    fn next(&mut self) -> &mut Option<Slot<Self>> {
        &mut self.next
    }
}

impl ConsumerEntry {
    fn number(&self, private: impl Fn(&Consumer) -> &Private) -> u32 {
        let consumer = self.consumer.as_ref();
        consumer
            .and_then(|consumer| private(consumer).id)
            .map_or(0, StreamId::get)
    }
}

impl Keyed<Descriptors> for ConsumerEntry {
    fn key(&self) -> u32 {
        self.number(|consumer| &consumer.descriptor)
    }
    fn chain(&mut self) -> &mut Chain<Self> {
        &mut self.descriptors
    }
    fn chain_ref(&self) -> &Chain<Self> {
        &self.descriptors
    }
}

impl Keyed<Controls> for ConsumerEntry {
    fn key(&self) -> u32 {
        self.number(|consumer| &consumer.control)
    }
    fn chain(&mut self) -> &mut Chain<Self> {
        &mut self.controls
    }
    fn chain_ref(&self) -> &Chain<Self> {
        &self.controls
    }
}
