//! One stream: which epoch it has, and what is being done about its files.

use super::deadlines::{Timed, Timer};
use super::key_index::{Chain, Keyed};
use super::lease::LeaseEntry;
use super::table::{Queue, Queued, Slot};
use crate::ids::{CorrelationId, Epoch, StreamId};
use crate::time::Instant;

/// Storage for one stream.
#[derive(Clone, Debug)]
pub struct StreamEntry {
    pub(super) stream: Option<Stream>,
    next: Option<Slot<StreamEntry>>,
    chain: Chain<StreamEntry>,
    announce: Timer<StreamEntry>,
    upkeep: Timer<StreamEntry>,
}

impl StreamEntry {
    /// An unused entry.
    pub const fn new() -> Self {
        Self {
            stream: None,
            next: None,
            chain: Chain::new(),
            announce: Timer::new(),
            upkeep: Timer::new(),
        }
    }
}

impl Default for StreamEntry {
    fn default() -> Self {
        Self::new()
    }
}

/// One stream.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) id: StreamId,
    /// The place of its profile in the configuration.
    pub(super) profile: usize,
    /// A client brought it into being; it goes when nobody uses it any more (D-168).
    pub(super) dynamic: bool,
    /// The highest epoch number known, in use, burned or found on disk; 0 for none.
    pub(super) last_epoch: u64,
    /// The epoch that is announced.
    pub(super) epoch: Option<Epoch>,
    /// The one that was in use before it.
    pub(super) previous: Option<Epoch>,
    /// When the epoch in use was taken into use.
    pub(super) changed_at: Instant,
    /// It was announced since.
    pub(super) told: bool,
    /// The one producer lease, granted or active (D-055).
    pub(super) producer: Option<Slot<LeaseEntry>>,
    /// Consumer leases, granted or active.
    pub(super) consumers: u32,
    /// Leases in any state, from the attach to the published revocation.
    pub(super) leases: u32,
    pub(super) work: Work,
    /// Attaches that passed their checks and wait for files, in order of arrival.
    pub(super) waiting: Queue<LeaseEntry>,
    /// The producer's detach, to be answered when its new epoch was announced (D-112).
    pub(super) farewell: Option<CorrelationId>,
    /// When its activity stamps are to be refreshed.
    pub(super) refresh_at: Instant,
    /// When its old epochs are to be collected, as soon as nothing else is in hand; if it is left, when it is to be
    /// forgotten.
    pub(super) collect_at: Instant,
    /// Old epochs are being collected, beside whatever `work` says.
    pub(super) collecting: bool,
    /// Room was made for the epoch that is due (D-201).
    pub(super) made_room: bool,
    /// A dynamic stream that nobody uses and that is not announced any more.
    pub(super) left: bool,
}

impl Stream {
    /// A stream of which nothing is known.
    pub(super) const fn new(id: StreamId, profile: usize, dynamic: bool) -> Self {
        Self {
            id,
            profile,
            dynamic,
            last_epoch: 0,
            epoch: None,
            previous: None,
            changed_at: Instant::NEVER,
            told: false,
            producer: None,
            consumers: 0,
            leases: 0,
            work: Work::Unknown,
            waiting: Queue::new(),
            farewell: None,
            refresh_at: Instant::NEVER,
            collect_at: Instant::NEVER,
            collecting: false,
            made_room: false,
            left: false,
        }
    }

    /// Whether old epochs can be collected now: nothing else is in hand.
    pub(super) fn may_collect(&self) -> bool {
        self.work == Work::Idle && !self.collecting
    }

    /// Whether a client brought it into being and nobody needs it any more: no lease refers to it, the loss of its
    /// producer has been told, and nothing is in hand.
    pub(super) fn is_deserted(&self) -> bool {
        let is_told = self.told || self.epoch.is_none();
        self.dynamic
            && self.leases == 0
            && self.farewell.is_none()
            && is_told
            && !self.collecting
            && matches!(self.work, Work::Idle | Work::Unknown)
    }
}

/// See the drawing in `streams.rs`.
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
    /// There was no room for a new epoch: old ones are to be collected first (D-201).
    RoomDue(Cause),
    /// They are being collected.
    MakingRoom(Cause),
    /// Nobody uses the stream: what it leaves on disk is being collected, then it is forgotten.
    Retiring,
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

/// The set of deadlines for announces.
#[derive(Debug)]
pub(super) struct Announce;
/// The set of deadlines for stamps and old epochs.
#[derive(Debug)]
pub(super) struct Upkeep;

impl Timed<Announce> for StreamEntry {
    fn timer(&mut self) -> &mut Timer<Self> {
        &mut self.announce
    }
    fn timer_ref(&self) -> &Timer<Self> {
        &self.announce
    }
}

impl Timed<Upkeep> for StreamEntry {
    fn timer(&mut self) -> &mut Timer<Self> {
        &mut self.upkeep
    }
    fn timer_ref(&self) -> &Timer<Self> {
        &self.upkeep
    }
}

impl Queued for StreamEntry {
    fn next(&mut self) -> &mut Option<Slot<Self>> {
        &mut self.next
    }
}

/// The index of streams by their ids.
#[derive(Debug)]
pub(super) struct ById;

impl Keyed<ById> for StreamEntry {
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
