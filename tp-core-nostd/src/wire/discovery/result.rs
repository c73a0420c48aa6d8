//! One stream in a DiscoveryResponse: groups and var data inside a group entry (discovery 1.2).

use zerocopy::little_endian::{U16, U32, U64};

use super::request::channel;
use super::tags::{TAGS_LAYOUT, write_tags};
use super::{Tag, Tags};
use crate::ids::{ClientId, Epoch, StreamId};
use crate::sbe::{Cursor, DataKind, DecodeError, Entry, Group, GroupLayout, Tail, Writer, block};
use crate::seq::SlotCount;
use crate::uri::RegionUri;
use crate::wire::pool::{POOLS_LAYOUT, read_pools, write_pools};
use crate::wire::value::{legal, optional, provided, region_uri, text_bytes};
use crate::wire::{PoolEntryView, Pools, Text, ValueError};

const HEADER_SLOT_BYTES: u16 = 256;
const MAX_DIMS: u8 = 8;

block! {
    /// Fixed block of a `results` entry (discovery 1.2).
    pub struct DiscoveryResultBlock [39] {
        0 stream_id: U32 = "streamId",
        4 producer_id: U32 = "producerId",
        8 epoch: U64 = "epoch",
        16 layout_version: U32 = "layoutVersion",
        20 header_nslots: U32 = "headerNslots",
        24 header_slot_bytes: U16 = "headerSlotBytes",
        26 max_dims: u8 = "maxDims",
        27 data_source_id: U64 = "dataSourceId" null u64::MAX,
        35 driver_control_stream_id: U32 = "driverControlStreamId",
    }
}

/// A `results` entry found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct DiscoveryResultView<'a> {
    /// The fixed block.
    pub block: &'a DiscoveryResultBlock,
    /// `payloadPools`.
    pub payload_pools: Group<'a, PoolEntryView<'a>>,
    /// `tags`.
    pub tags: Group<'a, Tag<'a>>,
    /// `headerRegionUri`.
    pub header_region_uri: &'a [u8],
    /// `dataSourceName`.
    pub data_source_name: &'a [u8],
    /// `driverInstanceId`.
    pub driver_instance_id: &'a [u8],
    /// `driverControlChannel`.
    pub driver_control_channel: &'a [u8],
}

impl<'a> Entry<'a> for DiscoveryResultView<'a> {
    type Block = DiscoveryResultBlock;

    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            block: cursor.block()?,
            payload_pools: cursor.group()?,
            tags: cursor.group()?,
            header_region_uri: cursor.data()?,
            data_source_name: cursor.data()?,
            driver_instance_id: cursor.data()?,
            driver_control_channel: cursor.data()?,
        })
    }
}

/// The shape of the group, for tools.
pub(super) const RESULTS_LAYOUT: Tail = Tail::Group(GroupLayout::of::<DiscoveryResultBlock>(
    "results",
    &[
        POOLS_LAYOUT,
        TAGS_LAYOUT,
        Tail::Data("headerRegionUri", DataKind::Text),
        Tail::Data("dataSourceName", DataKind::Text),
        Tail::Data("driverInstanceId", DataKind::Text),
        Tail::Data("driverControlChannel", DataKind::Text),
    ],
));

/// One stream and the driver that answers for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveryResult<'a> {
    /// The stream.
    pub stream_id: StreamId,
    /// Its producer; `None` while none is attached (0 on the wire).
    pub producer_id: Option<ClientId>,
    /// The newest epoch the provider has seen.
    pub epoch: Epoch,
    /// Layout version of its regions.
    pub layout_version: u32,
    /// Slots of the header ring and of every pool.
    pub header_nslots: SlotCount,
    /// Set where the deployment numbers its data sources.
    pub data_source_id: Option<u64>,
    /// Where its driver listens.
    pub driver_control_stream_id: StreamId,
    /// Where its driver listens: printable ASCII, not empty.
    pub driver_control_channel: &'a str,
    /// Which driver that is.
    pub driver_instance_id: Option<Text<'a>>,
    /// The name of the data source exactly as announced.
    pub data_source_name: Option<Text<'a>>,
    /// All its tags.
    pub tags: Tags<'a>,
    /// Its payload pools.
    pub payload_pools: Pools<'a>,
    /// Where its header ring is.
    pub header_region_uri: RegionUri<'a>,
}

impl DiscoveryResult<'_> {
    /// Appends the entry, its groups and var data included.
    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        writer.block(&DiscoveryResultBlock {
            stream_id: self.stream_id.get().into(),
            producer_id: self.producer_id.map_or(0, ClientId::get).into(),
            epoch: self.epoch.get().into(),
            layout_version: self.layout_version.into(),
            header_nslots: self.header_nslots.get().into(),
            header_slot_bytes: HEADER_SLOT_BYTES.into(),
            max_dims: MAX_DIMS,
            data_source_id: self.data_source_id.unwrap_or(u64::MAX).into(),
            driver_control_stream_id: self.driver_control_stream_id.get().into(),
        });
        write_pools(writer, &self.payload_pools, self.header_nslots);
        write_tags(writer, &self.tags);
        writer
            .display(&self.header_region_uri)
            .data(text_bytes(self.data_source_name))
            .data(text_bytes(self.driver_instance_id))
            .data(self.driver_control_channel.as_bytes());
    }
}

impl<'a> TryFrom<DiscoveryResultView<'a>> for DiscoveryResult<'a> {
    type Error = ValueError;

    /// An error makes this result void, not its neighbours.
    fn try_from(view: DiscoveryResultView<'a>) -> Result<Self, ValueError> {
        let block = view.block;
        let header_nslots = legal("headerNslots", block.header_nslots.get(), SlotCount::new)?;
        legal("headerSlotBytes", block.header_slot_bytes.get(), |bytes| {
            (bytes == HEADER_SLOT_BYTES).then_some(())
        })?;
        legal("maxDims", block.max_dims, |dims| {
            (dims == MAX_DIMS).then_some(())
        })?;
        let producer_id = match block.producer_id.get() {
            0 => None,
            raw => Some(legal("producerId", raw, ClientId::new)?),
        };
        Ok(Self {
            stream_id: legal("streamId", block.stream_id.get(), StreamId::new)?,
            producer_id,
            epoch: legal("epoch", block.epoch.get(), Epoch::new)?,
            layout_version: block.layout_version.get(),
            header_nslots,
            data_source_id: optional(block.data_source_id.get(), u64::MAX),
            driver_control_stream_id: legal(
                "driverControlStreamId",
                block.driver_control_stream_id.get(),
                StreamId::new,
            )?,
            driver_control_channel: channel("driverControlChannel", view.driver_control_channel)?,
            driver_instance_id: provided(view.driver_instance_id),
            data_source_name: provided(view.data_source_name),
            tags: Tags::received(view.tags),
            payload_pools: read_pools(view.payload_pools, header_nslots)?,
            header_region_uri: region_uri("headerRegionUri", view.header_region_uri)?,
        })
    }
}
