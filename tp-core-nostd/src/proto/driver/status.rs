//! What an owner can see of a running driver.
//!
//! Both tables can be read place by place. A reader that does a little at a time remembers the place it came to; what
//! comes and goes meanwhile is seen or not, and nothing is seen twice.

use super::config::{Config, Profile};
use super::counters::Counters;
use super::engine::{Driver, Life};
use super::lease::LeaseState;
use super::regions::RegionPath;
use super::stream::Stream;
use crate::ids::{ClientId, Epoch, LeaseId, NodeId, StreamId};
use crate::time::Instant;
use crate::wire::driver::Role;

/// A lease, from the attach that passed its checks to its published revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseStatus {
    /// Its id.
    pub lease: LeaseId,
    /// Its stream.
    pub stream: StreamId,
    /// Its holder.
    pub client: ClientId,
    /// What for.
    pub role: Role,
    /// Its node id, if one was left.
    pub node: Option<NodeId>,
    /// Where it is in its life.
    pub phase: LeasePhase,
    /// When it ends unless a keepalive comes; while [`LeasePhase::Granted`], when its OK is given up. Without meaning
    /// before and after.
    pub expires_at: Instant,
}

/// Where a lease is in its life (driver 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum LeasePhase {
    /// The files of its stream are being made.
    Waiting,
    /// Its OK is to be published.
    Granted,
    /// In force.
    Active,
    /// Its revocation is to be published.
    Ended,
}

/// A stream the driver knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamStatus<'a> {
    /// Its id.
    pub stream: StreamId,
    /// Whether a client brought it into being.
    pub dynamic: bool,
    /// The place of its profile in the configuration.
    pub profile: usize,
    /// The profile itself.
    pub shape: Profile<'a>,
    /// The epoch that is announced; none before the first attach, while a lost producer's epoch is replaced, and after
    /// that failed.
    pub epoch: Option<Epoch>,
    /// Where the header ring of that epoch is; its pools lie beside it.
    pub header: Option<RegionPath<'a>>,
    /// Holder of the producer lease.
    pub producer: Option<ClientId>,
    /// The producer lease.
    pub producer_lease: Option<LeaseId>,
    /// How many consumer leases there are.
    pub consumers: u32,
}

impl<'a> Driver<'a> {
    /// Where the driver is in its life.
    pub const fn life(&self) -> Life {
        self.life
    }

    /// What it was told.
    pub const fn config(&self) -> &Config<'a> {
        &self.config
    }

    /// What it has done so far.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Entries of the lease table that are taken; attaches in progress and unpublished revocations included.
    pub const fn leases_in_use(&self) -> u32 {
        self.leases.in_use()
    }

    /// All leases.
    pub fn leases(&self) -> impl Iterator<Item = LeaseStatus> {
        (0..self.lease_places()).filter_map(|place| self.lease_at(place))
    }

    /// The streams.
    pub fn streams(&self) -> impl Iterator<Item = StreamStatus<'a>> {
        (0..self.stream_places()).filter_map(|place| self.stream_at(place))
    }

    /// How many places the lease table has.
    pub const fn lease_places(&self) -> u32 {
        self.leases.places()
    }

    /// The lease in this place of the table.
    pub fn lease_at(&self, place: u32) -> Option<LeaseStatus> {
        let (id, due, lease) = self.leases.at(place)?;
        Some(LeaseStatus {
            lease: id,
            stream: self.streams.get(lease.stream)?.id,
            client: lease.client,
            role: lease.role,
            node: lease.node,
            phase: match lease.state {
                LeaseState::Waiting => LeasePhase::Waiting,
                LeaseState::Granted => LeasePhase::Granted,
                LeaseState::Active => LeasePhase::Active,
                LeaseState::Ended { .. } => LeasePhase::Ended,
            },
            expires_at: due,
        })
    }

    /// How many places the stream table has.
    pub const fn stream_places(&self) -> u32 {
        self.streams.places()
    }

    /// The stream in this place of the table.
    pub fn stream_at(&self, place: u32) -> Option<StreamStatus<'a>> {
        let stream = self.streams.at(place)?;
        let producer_lease = stream.producer.and_then(|slot| self.leases.id(slot));
        Some(StreamStatus {
            stream: stream.id,
            dynamic: stream.dynamic,
            profile: stream.profile,
            shape: *self.profile(stream)?,
            epoch: stream.epoch,
            header: stream.epoch.map(|epoch| RegionPath {
                root: self.config.root,
                stream: stream.id,
                epoch,
                pool: None,
            }),
            producer: self.producer_of(stream),
            producer_lease,
            consumers: stream.consumers,
        })
    }

    /// The client that holds the producer lease of a stream.
    pub(super) fn producer_of(&self, stream: &Stream) -> Option<ClientId> {
        Some(self.leases.lease(stream.producer?)?.client)
    }

    /// The epoch of a stream that is announced.
    pub fn epoch(&self, stream: StreamId) -> Option<Epoch> {
        self.streams.get(self.streams.find(stream.get())?)?.epoch
    }
}
