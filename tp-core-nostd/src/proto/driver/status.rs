//! What an owner can see of a running driver.

use crate::ids::{ClientId, Epoch, LeaseId, NodeId, StreamId};
use crate::time::Instant;
use crate::wire::driver::Role;

/// A lease in force.
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
    /// When it ends unless a keepalive comes.
    pub expires_at: Instant,
}

/// A stream the driver knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamStatus {
    /// Its id.
    pub stream: StreamId,
    /// The place of its profile in the configuration.
    pub profile: usize,
    /// The epoch that is announced; none before the first attach, while a lost producer's epoch is replaced, and after
    /// that failed.
    pub epoch: Option<Epoch>,
    /// Holder of the producer lease.
    pub producer: Option<ClientId>,
    /// How many consumer leases there are.
    pub consumers: u32,
}
