//! ShmLeaseRevoked: a lease has ended (driver 2.2, 3.6).

use zerocopy::little_endian::{U32, U64};

use super::{LeaseRevokeReason, Role, SCHEMA};
use crate::ids::{ClientId, LeaseId, StreamId};
use crate::sbe::{Cursor, DataKind, DecodeError, EncodeError, MessageLayout, Tail, Writer, block};
use crate::wire::error_message::sent_message;
use crate::wire::value::{legal, provided};
use crate::wire::{Text, ValueError};

block! {
    /// Fixed block of ShmLeaseRevoked (driver 2.2).
    pub struct ShmLeaseRevokedBlock [26] {
        0 timestamp_ns: U64 = "timestampNs",
        8 lease_id: U64 = "leaseId",
        16 stream_id: U32 = "streamId",
        20 client_id: U32 = "clientId",
        24 role: u8 = "role",
        25 reason: u8 = "reason",
    }
}

/// A ShmLeaseRevoked found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct ShmLeaseRevokedView<'a> {
    /// The fixed block.
    pub block: &'a ShmLeaseRevokedBlock,
    /// `errorMessage`.
    pub error_message: &'a [u8],
}

impl<'a> ShmLeaseRevokedView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`] and [`Cursor::data`] refuse.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (mut cursor, block) = Cursor::message(bytes, SCHEMA, ShmLeaseRevoked::TEMPLATE)?;
        Ok(Self {
            block,
            error_message: cursor.data()?,
        })
    }
}

/// The end of a lease, told to everybody once (D-108). Its holder knows it by the lease id (D-123).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShmLeaseRevoked<'a> {
    /// When it was sent, by the driver's monotonic clock (D-139, D-217).
    pub timestamp_ns: u64,
    /// The lease.
    pub lease_id: LeaseId,
    /// Its stream.
    pub stream_id: StreamId,
    /// Its holder.
    pub client_id: ClientId,
    /// Its role.
    pub role: Role,
    /// Why it ended.
    pub reason: LeaseRevokeReason,
    /// For people.
    pub error_message: Option<Text<'a>>,
}

impl ShmLeaseRevoked<'_> {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 7;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout = MessageLayout::of::<ShmLeaseRevokedBlock>(
        "ShmLeaseRevoked",
        SCHEMA,
        Self::TEMPLATE,
        &[Tail::Data("errorMessage", DataKind::Text)],
    );

    /// Writes the message to the start of `out`; returns its length.
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let block = ShmLeaseRevokedBlock {
            timestamp_ns: self.timestamp_ns.into(),
            lease_id: self.lease_id.get().into(),
            stream_id: self.stream_id.get().into(),
            client_id: self.client_id.get().into(),
            role: self.role.get(),
            reason: self.reason.get(),
        };
        Writer::new(out)
            .message(SCHEMA, Self::TEMPLATE, &block)
            .data(sent_message(self.error_message))
            .finish()
    }
}

impl<'a> TryFrom<ShmLeaseRevokedView<'a>> for ShmLeaseRevoked<'a> {
    type Error = ValueError;

    /// An unknown role or reason makes the message void (D-118, D-119).
    fn try_from(view: ShmLeaseRevokedView<'a>) -> Result<Self, ValueError> {
        let block = view.block;
        Ok(Self {
            timestamp_ns: block.timestamp_ns.get(),
            lease_id: legal("leaseId", block.lease_id.get(), LeaseId::new)?,
            stream_id: legal("streamId", block.stream_id.get(), StreamId::new)?,
            client_id: legal("clientId", block.client_id.get(), ClientId::new)?,
            role: legal("role", block.role, Role::new)?,
            reason: legal("reason", block.reason, LeaseRevokeReason::new)?,
            error_message: provided(view.error_message),
        })
    }
}
