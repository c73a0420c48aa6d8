//! What a driver puts out: bytes for the transport, and what they mean, for logs and tests.

use crate::ids::{ClientId, CorrelationId, Epoch, LeaseId, NodeId, StreamId};
use crate::wire::driver::{LeaseRevokeReason, RefusalCode, Role, ShutdownReason};

/// A message that is due.
#[derive(Clone, Copy, Debug)]
pub struct Output<'m> {
    /// The whole message.
    pub bytes: &'m [u8],
    /// What it says. True once the message was taken.
    pub event: Event,
}

/// What a message of a driver says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A lease was granted.
    Attached {
        /// The lease.
        lease: LeaseId,
        /// Its stream.
        stream: StreamId,
        /// The stream's epoch.
        epoch: Epoch,
        /// Its holder.
        client: ClientId,
        /// What for.
        role: Role,
        /// Its node id.
        node: Option<NodeId>,
        /// Whether this only repeats an answer that may have been lost (D-059).
        again: bool,
    },
    /// An attach was refused.
    AttachRefused {
        /// That of the request.
        correlation: CorrelationId,
        /// The client id as requested; 0 where the request could not be read.
        client: u32,
        /// The stream id as requested; 0 where the request could not be read, or asked for any.
        stream: u32,
        /// What kind of refusal.
        code: RefusalCode,
    },
    /// A detach was done; the revocation went before.
    Detached {
        /// That of the request.
        correlation: CorrelationId,
    },
    /// A detach was refused.
    DetachRefused {
        /// That of the request.
        correlation: CorrelationId,
        /// What kind of refusal.
        code: RefusalCode,
    },
    /// A lease ended.
    Revoked {
        /// The lease.
        lease: LeaseId,
        /// Its stream.
        stream: StreamId,
        /// Its holder.
        client: ClientId,
        /// What for.
        role: Role,
        /// Why.
        reason: LeaseRevokeReason,
    },
    /// The holder of another driver's lease was told that it is void (D-154).
    StrangerRevoked {
        /// The lease it believed in.
        lease: LeaseId,
        /// Its stream.
        stream: StreamId,
        /// The holder.
        client: ClientId,
    },
    /// A stream was announced.
    Announced {
        /// The stream.
        stream: StreamId,
        /// Its epoch.
        epoch: Epoch,
        /// Holder of the producer lease.
        producer: Option<ClientId>,
    },
    /// A consumer was told which streams of its own it has.
    Configured {
        /// Its stream.
        stream: StreamId,
        /// The consumer.
        consumer: ClientId,
        /// Its own descriptor stream; `None`: the shared one.
        descriptor: Option<StreamId>,
        /// Its own control stream; `None`: the shared one.
        control: Option<StreamId>,
    },
    /// The driver left.
    Shutdown {
        /// Why.
        reason: ShutdownReason,
    },
}
