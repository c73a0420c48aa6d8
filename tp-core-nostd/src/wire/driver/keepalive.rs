//! ShmLeaseKeepalive: a client still uses its lease (driver 2.2, 3.5).

use zerocopy::little_endian::{U32, U64};

use super::{Role, SCHEMA};
use crate::ids::{ClientId, LeaseId, StreamId};
use crate::sbe::{Cursor, DecodeError, EncodeError, MessageLayout, Writer, block};
use crate::wire::ValueError;
use crate::wire::value::legal;

block! {
    /// Fixed block of ShmLeaseKeepalive (driver 2.2).
    pub struct ShmLeaseKeepaliveBlock [25] {
        0 lease_id: U64 = "leaseId",
        8 stream_id: U32 = "streamId",
        12 client_id: U32 = "clientId",
        16 role: u8 = "role",
        17 client_timestamp_ns: U64 = "clientTimestampNs",
    }
}

/// A ShmLeaseKeepalive found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct ShmLeaseKeepaliveView<'a> {
    /// The fixed block.
    pub block: &'a ShmLeaseKeepaliveBlock,
}

impl<'a> ShmLeaseKeepaliveView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`] refuses.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (_, block) = Cursor::message(bytes, SCHEMA, ShmLeaseKeepalive::TEMPLATE)?;
        Ok(Self { block })
    }
}

/// A sign of life. One-way: never answered, and one that makes no sense extends nothing (D-092).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ShmLeaseKeepalive {
    /// The lease; it is extended only if the next three fields are its own as well.
    pub lease_id: LeaseId,
    /// Its stream.
    pub stream_id: StreamId,
    /// Its holder.
    pub client_id: ClientId,
    /// Its role.
    pub role: Role,
    /// When it was sent, by the client's monotonic clock. For diagnosis; expiry counts from receipt (D-091).
    pub client_timestamp_ns: u64,
}

impl ShmLeaseKeepalive {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 5;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout = MessageLayout::of::<ShmLeaseKeepaliveBlock>(
        "ShmLeaseKeepalive",
        SCHEMA,
        Self::TEMPLATE,
        &[],
    );

    /// Writes the message to the start of `out`; returns its length, always 33.
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let block = ShmLeaseKeepaliveBlock {
            lease_id: self.lease_id.get().into(),
            stream_id: self.stream_id.get().into(),
            client_id: self.client_id.get().into(),
            role: self.role.get(),
            client_timestamp_ns: self.client_timestamp_ns.into(),
        };
        Writer::new(out)
            .message(SCHEMA, Self::TEMPLATE, &block)
            .finish()
    }
}

impl TryFrom<ShmLeaseKeepaliveView<'_>> for ShmLeaseKeepalive {
    type Error = ValueError;

    fn try_from(view: ShmLeaseKeepaliveView<'_>) -> Result<Self, ValueError> {
        let block = view.block;
        Ok(Self {
            lease_id: legal("leaseId", block.lease_id.get(), LeaseId::new)?,
            stream_id: legal("streamId", block.stream_id.get(), StreamId::new)?,
            client_id: legal("clientId", block.client_id.get(), ClientId::new)?,
            role: legal("role", block.role, Role::new)?,
            client_timestamp_ns: block.client_timestamp_ns.get(),
        })
    }
}
