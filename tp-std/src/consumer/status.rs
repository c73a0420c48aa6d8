//! How a consumer stands, for any thread to look at.

use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tp_core_nostd::ids::{ClientId, StreamId};
use tp_core_nostd::wire::enums::ClockDomain;

/// Where a consumer stands (C-093).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ConsumerState {
    /// Nothing was mapped yet, or shared memory is forbidden and there is no other source.
    Unmapped,
    /// Frames are read from shared memory.
    Mapped,
    /// What was mapped is given up; the regions that follow are awaited.
    Remapping,
    /// Payloads come from [`ConsumerStatus::fallback_uri`]; reading it is the application's business.
    Fallback,
    /// There is no lease at the moment; it is asked for again after a pause.
    Backoff,
}

impl ConsumerState {
    const ALL: [Self; 5] = [
        Self::Unmapped,
        Self::Mapped,
        Self::Remapping,
        Self::Fallback,
        Self::Backoff,
    ];
}

/// What the conductor knows of one consumer. Each value is of its own moment.
#[derive(Debug, Default)]
pub struct ConsumerStatus {
    state: AtomicU8,
    consumer: AtomicU32,
    descriptor_stream: AtomicU32,
    control_stream: AtomicU32,
    mappings: AtomicU64,
    collisions: AtomicU64,
    /// One above the metadata version whose frames have their header first; 0 is none.
    header_first: AtomicU64,
    /// As on the wire; 0 is none.
    clock_domain: AtomicU8,
    fallback_uri: Mutex<Option<Box<str>>>,
}

impl ConsumerStatus {
    /// Where it stands.
    pub fn state(&self) -> ConsumerState {
        let raw = usize::from(self.state.load(Ordering::Relaxed));
        let known = ConsumerState::ALL.get(raw);
        known.copied().unwrap_or(ConsumerState::Unmapped)
    }

    /// Whether frames are read from shared memory.
    pub fn uses_shm(&self) -> bool {
        self.state() == ConsumerState::Mapped
    }

    /// Its consumer id, that of its lease, once it has one; it changes when another consumer turns out to have it (C-031).
    pub fn consumer(&self) -> Option<ClientId> {
        ClientId::new(self.consumer.load(Ordering::Relaxed))
    }

    /// The descriptor stream of its own that it was assigned.
    pub fn assigned_descriptor_stream(&self) -> Option<StreamId> {
        StreamId::new(self.descriptor_stream.load(Ordering::Relaxed))
    }

    /// The control stream of its own that it was assigned, for progress.
    pub fn assigned_control_stream(&self) -> Option<StreamId> {
        StreamId::new(self.control_stream.load(Ordering::Relaxed))
    }

    /// Where payloads can be had without shared memory, as far as it was told a supported place. Takes a lock that is
    /// otherwise only taken when another place is told.
    pub fn fallback_uri(&self) -> Option<String> {
        self.uri().as_deref().map(str::to_owned)
    }

    /// How often regions were mapped; all but the first are remaps.
    pub fn mappings(&self) -> u64 {
        self.mappings.load(Ordering::Relaxed)
    }

    /// QoS reports of somebody else under its consumer id (C-112).
    pub fn id_collisions(&self) -> u64 {
        self.collisions.load(Ordering::Relaxed)
    }

    /// The metadata version for whose frames headers come first (E-02).
    pub fn header_first(&self) -> Option<u32> {
        let raised = self.header_first.load(Ordering::Relaxed);
        raised
            .checked_sub(1)
            .and_then(|version| u32::try_from(version).ok())
    }

    pub(crate) fn clock_domain(&self) -> Option<ClockDomain> {
        ClockDomain::new(self.clock_domain.load(Ordering::Relaxed))
    }

    pub(crate) fn set_clock_domain(&self, clock: ClockDomain) {
        self.clock_domain.store(clock.get(), Ordering::Relaxed);
    }

    pub(crate) fn set_state(&self, state: ConsumerState) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    pub(crate) fn set_consumer(&self, consumer: ClientId) {
        self.consumer.store(consumer.get(), Ordering::Relaxed);
    }

    pub(crate) fn set_streams(&self, descriptor: Option<StreamId>, control: Option<StreamId>) {
        let raw = |id: Option<StreamId>| id.map_or(0, StreamId::get);
        self.descriptor_stream
            .store(raw(descriptor), Ordering::Relaxed);
        self.control_stream.store(raw(control), Ordering::Relaxed);
    }

    pub(crate) fn set_fallback_uri(&self, uri: Option<&str>) {
        let mut known = self.uri();
        if known.as_deref() != uri {
            *known = uri.map(Box::from);
        }
    }

    pub(crate) fn set_header_first(&self, version: Option<u32>) {
        let raised = version.map_or(0, |version| u64::from(version).saturating_add(1));
        self.header_first.store(raised, Ordering::Relaxed);
    }

    pub(crate) fn set_collisions(&self, collisions: u64) {
        self.collisions.store(collisions, Ordering::Relaxed);
    }

    /// Regions are mapped; only the conductor counts.
    pub(crate) fn count_mapping(&self) {
        let mappings = self.mappings().wrapping_add(1);
        self.mappings.store(mappings, Ordering::Relaxed);
    }

    fn uri(&self) -> MutexGuard<'_, Option<Box<str>>> {
        // Nothing that holds the lock can panic half-way.
        self.fallback_uri
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
