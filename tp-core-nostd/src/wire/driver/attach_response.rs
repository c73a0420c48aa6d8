//! ShmAttachResponse: the driver grants or refuses a lease (driver 2.2, 3.3, 3.4).

use zerocopy::little_endian::{I32, I64, U16, U32, U64};

use super::{Refusal, SCHEMA};
use crate::ids::{CorrelationId, Epoch, LeaseId, NodeId, StreamId};
use crate::sbe::{
    Cursor, DataKind, DecodeError, EncodeError, Group, MessageLayout, Tail, Writer, block,
};
use crate::seq::SlotCount;
use crate::time::Instant;
use crate::uri::RegionUri;
use crate::wire::enums::ResponseCode;
use crate::wire::pool::{HEADER_SLOT_BYTES, POOLS_LAYOUT, read_pools, write_pools};
use crate::wire::value::{legal, optional, region_uri};
use crate::wire::{PoolEntryBlock, PoolEntryView, Pools, ValueError};

block! {
    /// Fixed block of ShmAttachResponse (driver 2.2).
    pub struct ShmAttachResponseBlock [54] {
        0 correlation_id: I64 = "correlationId",
        8 code: I32 = "code",
        12 lease_id: U64 = "leaseId" null u64::MAX,
        20 lease_expiry_timestamp_ns: U64 = "leaseExpiryTimestampNs" null u64::MAX,
        28 stream_id: U32 = "streamId" null u32::MAX,
        32 epoch: U64 = "epoch" null u64::MAX,
        40 layout_version: U32 = "layoutVersion" null u32::MAX,
        44 header_nslots: U32 = "headerNslots" null u32::MAX,
        48 header_slot_bytes: U16 = "headerSlotBytes" null u16::MAX,
        50 node_id: U32 = "nodeId" null u32::MAX,
    }
}

/// A ShmAttachResponse found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct ShmAttachResponseView<'a> {
    /// The fixed block.
    pub block: &'a ShmAttachResponseBlock,
    /// `payloadPools`.
    pub payload_pools: Group<'a, PoolEntryView<'a>>,
    /// `headerRegionUri`.
    pub header_region_uri: &'a [u8],
    /// `errorMessage`.
    pub error_message: &'a [u8],
}

impl<'a> ShmAttachResponseView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`], [`Cursor::group`] and [`Cursor::data`] refuse.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (mut cursor, block) = Cursor::message(bytes, SCHEMA, ShmAttachResponse::TEMPLATE)?;
        Ok(Self {
            block,
            payload_pools: cursor.group()?,
            header_region_uri: cursor.data()?,
            error_message: cursor.data()?,
        })
    }
}

/// The answer to an attach request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShmAttachResponse<'a> {
    /// That of the request, unchanged (D-035).
    pub correlation_id: CorrelationId,
    /// The lease, or why there is none. What else a refusal may carry is ignored.
    pub outcome: Result<Grant<'a>, Refusal<'a>>,
}

/// A lease and all that is needed to map its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant<'a> {
    /// The lease.
    pub lease_id: LeaseId,
    /// When it ends unless keepalives come, on the monotonic clock of the driver's host; a hard deadline (D-094).
    /// Foreign drivers may leave it out (D-095).
    pub lease_expires_at: Option<Instant>,
    /// The stream, the one that was really allocated (D-167).
    pub stream_id: StreamId,
    /// The current incarnation of its regions.
    pub epoch: Epoch,
    /// Layout version of the regions; whether it can be mapped is for the mapper to say.
    pub layout_version: u32,
    /// Slots of the header ring and of every pool.
    pub header_nslots: SlotCount,
    /// The node id for the life of the lease, if one was assigned (D-039). 0 and null both mean none (tracelink 4).
    pub node_id: Option<NodeId>,
    /// Its payload pools.
    pub payload_pools: Pools<'a>,
    /// Where its header ring is.
    pub header_region_uri: RegionUri<'a>,
}

impl<'a> ShmAttachResponse<'a> {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 2;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout = MessageLayout::of::<ShmAttachResponseBlock>(
        "ShmAttachResponse",
        SCHEMA,
        Self::TEMPLATE,
        &[
            POOLS_LAYOUT,
            Tail::Data("headerRegionUri", DataKind::Text),
            Tail::Data("errorMessage", DataKind::Text),
        ],
    );

    /// Writes the message to the start of `out`; returns its length, 74 or more.
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut writer = Writer::new(out);
        match &self.outcome {
            Ok(grant) => {
                writer.message(SCHEMA, Self::TEMPLATE, &self.granted(grant));
                write_pools(&mut writer, &grant.payload_pools, grant.header_nslots);
                writer.display(&grant.header_region_uri).data(&[]);
            }
            Err(refusal) => {
                writer
                    .message(SCHEMA, Self::TEMPLATE, &self.refused(refusal))
                    .group::<PoolEntryBlock>(0)
                    .data(&[])
                    .data(refusal.sent_message());
            }
        }
        writer.finish()
    }

    fn granted(&self, grant: &Grant<'a>) -> ShmAttachResponseBlock {
        ShmAttachResponseBlock {
            correlation_id: self.correlation_id.0.into(),
            code: ResponseCode::Ok.get().into(),
            lease_id: grant.lease_id.get().into(),
            lease_expiry_timestamp_ns: grant
                .lease_expires_at
                .map_or(u64::MAX, Instant::as_ns)
                .into(),
            stream_id: grant.stream_id.get().into(),
            epoch: grant.epoch.get().into(),
            layout_version: grant.layout_version.into(),
            header_nslots: grant.header_nslots.get().into(),
            header_slot_bytes: HEADER_SLOT_BYTES.into(),
            node_id: grant.node_id.map_or(u32::MAX, NodeId::get).into(),
        }
    }

    /// Everything null but the correlation id and the code (D-041, D-043).
    fn refused(&self, refusal: &Refusal<'a>) -> ShmAttachResponseBlock {
        ShmAttachResponseBlock {
            correlation_id: self.correlation_id.0.into(),
            code: refusal.code.get().into(),
            lease_id: u64::MAX.into(),
            lease_expiry_timestamp_ns: u64::MAX.into(),
            stream_id: u32::MAX.into(),
            epoch: u64::MAX.into(),
            layout_version: u32::MAX.into(),
            header_nslots: u32::MAX.into(),
            header_slot_bytes: u16::MAX.into(),
            node_id: u32::MAX.into(),
        }
    }
}

impl<'a> TryFrom<ShmAttachResponseView<'a>> for ShmAttachResponse<'a> {
    type Error = ValueError;

    /// An error here is a protocol error: the client drops the attach and attaches again (D-081).
    fn try_from(view: ShmAttachResponseView<'a>) -> Result<Self, ValueError> {
        let outcome = match Refusal::of_response(view.block.code.get(), view.error_message)? {
            Ok(()) => Ok(view.try_into()?),
            Err(refusal) => Err(refusal),
        };
        Ok(Self {
            correlation_id: CorrelationId(view.block.correlation_id.get()),
            outcome,
        })
    }
}

impl<'a> TryFrom<ShmAttachResponseView<'a>> for Grant<'a> {
    type Error = ValueError;

    fn try_from(view: ShmAttachResponseView<'a>) -> Result<Self, ValueError> {
        let block = view.block;
        let header_nslots = legal("headerNslots", block.header_nslots.get(), SlotCount::new)?;
        legal("headerSlotBytes", block.header_slot_bytes.get(), |bytes| {
            (bytes == HEADER_SLOT_BYTES).then_some(())
        })?;
        Ok(Self {
            lease_id: legal("leaseId", block.lease_id.get(), LeaseId::new)?,
            lease_expires_at: optional(block.lease_expiry_timestamp_ns.get(), u64::MAX)
                .map(Instant::from_ns),
            stream_id: legal("streamId", block.stream_id.get(), StreamId::new)?,
            epoch: legal("epoch", block.epoch.get(), Epoch::new)?,
            layout_version: legal("layoutVersion", block.layout_version.get(), |raw| {
                optional(raw, u32::MAX)
            })?,
            header_nslots,
            node_id: NodeId::new(block.node_id.get()),
            payload_pools: read_pools(view.payload_pools, header_nslots)?,
            header_region_uri: region_uri("headerRegionUri", view.header_region_uri)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::RefusalCode;
    use super::*;
    use crate::ids::PoolId;
    use crate::wire::{PoolEntry, Stride};

    fn grant() -> Grant<'static> {
        let pool = PoolEntry {
            pool_id: PoolId::new(1).unwrap(),
            stride: Stride::new(4096).unwrap(),
            region_uri: RegionUri::new("/dev/shm/1.pool", true).unwrap(),
        };
        Grant {
            lease_id: LeaseId::new(9).unwrap(),
            lease_expires_at: Some(Instant::from_ns(5)),
            stream_id: StreamId::new(10_000).unwrap(),
            epoch: Epoch::new(3).unwrap(),
            layout_version: 1,
            header_nslots: SlotCount::new(8).unwrap(),
            node_id: NodeId::new(17),
            payload_pools: Pools::from_slice(&[pool]).unwrap(),
            header_region_uri: RegionUri::new("/dev/shm/header.ring", true).unwrap(),
        }
    }

    /// Encodes, lets `damage` change the bytes, and reads them again.
    fn through_the_wire(
        outcome: Result<Grant<'_>, Refusal<'_>>,
        damage: impl Fn(&mut [u8]),
        check: impl Fn(Result<ShmAttachResponse<'_>, ValueError>),
    ) {
        let correlation_id = CorrelationId(-7);
        let response = ShmAttachResponse {
            correlation_id,
            outcome,
        };
        let mut out = [0; 512];
        let len = response.encode(&mut out).unwrap();
        damage(&mut out[..len]);
        let view = ShmAttachResponseView::parse(&out[..len]).unwrap();
        check(ShmAttachResponse::try_from(view));
    }

    #[test] // req: D-034, D-035, D-036, D-039, D-040
    fn a_grant_arrives_whole() {
        through_the_wire(
            Ok(grant()),
            |_| {},
            |response| {
                let response = response.unwrap();
                assert_eq!(response.correlation_id, CorrelationId(-7));
                assert_eq!(response.outcome, Ok(grant()));
            },
        );
    }

    #[test] // req: D-041, D-042, D-043
    fn a_refusal_is_all_null_but_for_its_reason() {
        let refusal = Refusal::new(RefusalCode::Rejected, "driver draining");
        through_the_wire(
            Err(refusal),
            |bytes| {
                let nulls = bytes[20..62].iter();
                assert!(nulls.clone().all(|byte| *byte == 0xFF));
            },
            |response| assert_eq!(response.unwrap().outcome, Err(refusal)),
        );
    }

    #[test] // req: D-171
    fn node_id_0_is_none() {
        through_the_wire(
            Ok(grant()),
            |bytes| bytes[58..62].fill(0),
            |response| assert_eq!(response.unwrap().outcome.unwrap().node_id, None),
        );
    }

    #[test] // req: D-095
    fn a_grant_without_expiry_is_one() {
        through_the_wire(
            Ok(grant()),
            |bytes| bytes[28..36].fill(0xFF),
            |response| assert_eq!(response.unwrap().outcome.unwrap().lease_expires_at, None),
        );
    }
}
