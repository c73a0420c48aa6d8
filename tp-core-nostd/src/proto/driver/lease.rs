//! One lease: who holds what, and what it waits for.

use super::consumers::ConsumerEntry;
use super::deadlines::{Timed, Timer};
use super::key_index::{Chain, Keyed};
use super::stream::StreamEntry;
use super::table::{Queued, Slot};
use crate::ids::{ClientId, CorrelationId, NodeId};
use crate::wire::driver::{LeaseRevokeReason, Role, ShmAttachRequest};

/// Storage for one lease.
#[derive(Clone, Debug)]
pub struct LeaseEntry {
    /// How many leases have stood here, the present one included.
    pub(super) issued: u64,
    pub(super) lease: Option<Lease>,
    next: Option<Slot<LeaseEntry>>,
    chain: Chain<LeaseEntry>,
    pub(super) timer: Timer<LeaseEntry>,
}

impl LeaseEntry {
    /// An unused entry.
    pub const fn new() -> Self {
        Self {
            issued: 0,
            lease: None,
            next: None,
            chain: Chain::new(),
            timer: Timer::new(),
        }
    }
}

impl Default for LeaseEntry {
    fn default() -> Self {
        Self::new()
    }
}

impl Queued for LeaseEntry {
    fn next(&mut self) -> &mut Option<Slot<Self>> {
        &mut self.next
    }
}

/// The index of leases by their clients.
#[derive(Debug)]
pub(super) struct ByClient;

impl Keyed<ByClient> for LeaseEntry {
    fn key(&self) -> u32 {
        self.lease.as_ref().map_or(0, |lease| lease.client.get())
    }
    fn chain(&mut self) -> &mut Chain<Self> {
        &mut self.chain
    }
    fn chain_ref(&self) -> &Chain<Self> {
        &self.chain
    }
}

/// The set of deadlines of leases: when a lease expires, or when an unpublished OK is given up.
#[derive(Debug)]
pub(super) struct Expiry;

impl Timed<Expiry> for LeaseEntry {
    fn timer(&mut self) -> &mut Timer<Self> {
        &mut self.timer
    }
    fn timer_ref(&self) -> &Timer<Self> {
        &self.timer
    }
}

/// One lease, from the attach that passed its checks to its published revocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub(super) stream: Slot<StreamEntry>,
    pub(super) client: ClientId,
    pub(super) role: Role,
    /// Ties the OK to the attach; with `asked_stream` it tells a repeat (D-059).
    pub(super) correlation: CorrelationId,
    /// The stream id as requested, 0 for "assign one".
    pub(super) asked_stream: u32,
    pub(super) node: Option<NodeId>,
    /// The streams of its own that its consumer asked for.
    pub(super) private: Option<Slot<ConsumerEntry>>,
    pub(super) state: LeaseState,
}

impl Lease {
    /// Whether `request` is the very attach this lease came from (D-059).
    pub(super) fn came_from(&self, request: &ShmAttachRequest) -> bool {
        self.correlation == request.correlation_id
            && self.client == request.client_id
            && self.role == request.role
            && self.asked_stream == asked_stream(request)
    }
}

/// The stream id as it stood in the request.
pub(super) fn asked_stream(request: &ShmAttachRequest) -> u32 {
    request.stream_id.map_or(0, |stream| stream.get())
}

/// See the drawing in `leases.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeaseState {
    /// In the queue of its stream, for files.
    Waiting,
    /// In the outgoing queue, for its OK to be published.
    Granted,
    /// Published.
    Active,
    /// In the outgoing queue, for its revocation to be published. Its client id and node id are free again.
    Ended {
        reason: LeaseRevokeReason,
        /// The detach to answer afterwards.
        detach: Option<CorrelationId>,
    },
}
