//! ShmPoolAnnounce: where a stream's memory is, said once a second (wire 4.2, 5.3).

use zerocopy::little_endian::{U16, U32, U64};

use super::SCHEMA;
use crate::ids::{ClientId, Epoch, StreamId};
use crate::sbe::{
    Cursor, DataKind, DecodeError, EncodeError, Group, MessageLayout, Tail, Writer, block,
};
use crate::seq::SlotCount;
use crate::uri::RegionUri;
use crate::wire::enums::ClockDomain;
use crate::wire::pool::{HEADER_SLOT_BYTES, POOLS_LAYOUT, read_pools, write_pools};
use crate::wire::value::{legal, region_uri};
use crate::wire::{PoolEntryView, Pools, ValueError};

block! {
    /// Fixed block of ShmPoolAnnounce (wire 4.2).
    pub struct ShmPoolAnnounceBlock [35] {
        0 stream_id: U32 = "streamId",
        4 producer_id: U32 = "producerId",
        8 epoch: U64 = "epoch",
        16 announce_timestamp_ns: U64 = "announceTimestampNs",
        24 announce_clock_domain: u8 = "announceClockDomain",
        25 layout_version: U32 = "layoutVersion",
        29 header_nslots: U32 = "headerNslots",
        33 header_slot_bytes: U16 = "headerSlotBytes",
    }
}

/// A ShmPoolAnnounce found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct ShmPoolAnnounceView<'a> {
    /// The fixed block.
    pub block: &'a ShmPoolAnnounceBlock,
    /// `payloadPools`.
    pub payload_pools: Group<'a, PoolEntryView<'a>>,
    /// `headerRegionUri`.
    pub header_region_uri: &'a [u8],
}

impl<'a> ShmPoolAnnounceView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`], [`Cursor::group`] and [`Cursor::data`] refuse.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (mut cursor, block) = Cursor::message(bytes, SCHEMA, ShmPoolAnnounce::TEMPLATE)?;
        Ok(Self {
            block,
            payload_pools: cursor.group()?,
            header_region_uri: cursor.data()?,
        })
    }
}

/// The regions of one incarnation of a stream. Soft state: whether it counts, and whether its regions may be mapped, is
/// decided elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShmPoolAnnounce<'a> {
    /// The stream.
    pub stream_id: StreamId,
    /// Who produces; none while a driver announces a stream without producer (T-08).
    pub producer_id: Option<ClientId>,
    /// The incarnation.
    pub epoch: Epoch,
    /// When it was sent, in nanoseconds of the clock below; 0 was never set (T-10).
    pub announce_timestamp_ns: u64,
    /// The clock of that time.
    pub announce_clock_domain: ClockDomain,
    /// Layout version of the regions; whether it can be mapped is for the mapper to say.
    pub layout_version: u32,
    /// Slots of the header ring and of every pool.
    pub header_nslots: SlotCount,
    /// Its payload pools.
    pub payload_pools: Pools<'a>,
    /// Where its header ring is.
    pub header_region_uri: RegionUri<'a>,
}

impl ShmPoolAnnounce<'_> {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 1;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout = MessageLayout::of::<ShmPoolAnnounceBlock>(
        "ShmPoolAnnounce",
        SCHEMA,
        Self::TEMPLATE,
        &[POOLS_LAYOUT, Tail::Data("headerRegionUri", DataKind::Text)],
    );

    /// Writes the message to the start of `out`; returns its length.
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut writer = Writer::new(out);
        writer.message(
            SCHEMA,
            Self::TEMPLATE,
            &ShmPoolAnnounceBlock {
                stream_id: self.stream_id.get().into(),
                producer_id: self.producer_id.map_or(0, ClientId::get).into(),
                epoch: self.epoch.get().into(),
                announce_timestamp_ns: self.announce_timestamp_ns.into(),
                announce_clock_domain: self.announce_clock_domain.get(),
                layout_version: self.layout_version.into(),
                header_nslots: self.header_nslots.get().into(),
                header_slot_bytes: HEADER_SLOT_BYTES.into(),
            },
        );
        write_pools(&mut writer, &self.payload_pools, self.header_nslots);
        writer.display(&self.header_region_uri).finish()
    }
}

impl<'a> TryFrom<ShmPoolAnnounceView<'a>> for ShmPoolAnnounce<'a> {
    type Error = ValueError;

    fn try_from(view: ShmPoolAnnounceView<'a>) -> Result<Self, ValueError> {
        let block = view.block;
        let header_nslots = legal("headerNslots", block.header_nslots.get(), SlotCount::new)?;
        legal("headerSlotBytes", block.header_slot_bytes.get(), |bytes| {
            (bytes == HEADER_SLOT_BYTES).then_some(())
        })?;
        Ok(Self {
            stream_id: legal("streamId", block.stream_id.get(), StreamId::new)?,
            producer_id: ClientId::new(block.producer_id.get()),
            epoch: legal("epoch", block.epoch.get(), Epoch::new)?,
            announce_timestamp_ns: block.announce_timestamp_ns.get(),
            announce_clock_domain: legal(
                "announceClockDomain",
                block.announce_clock_domain,
                ClockDomain::new,
            )?,
            layout_version: block.layout_version.get(),
            header_nslots,
            payload_pools: read_pools(view.payload_pools, header_nslots)?,
            header_region_uri: region_uri("headerRegionUri", view.header_region_uri)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::PoolId;
    use crate::wire::{PoolEntry, Stride};

    fn announce(producer_id: Option<ClientId>) -> ShmPoolAnnounce<'static> {
        let pool = PoolEntry {
            pool_id: PoolId::new(1).unwrap(),
            stride: Stride::new(640).unwrap(),
            region_uri: RegionUri::parse(b"shm:file?path=/p").unwrap(),
        };
        ShmPoolAnnounce {
            stream_id: StreamId::new(3).unwrap(),
            producer_id,
            epoch: Epoch::new(4).unwrap(),
            announce_timestamp_ns: 5,
            announce_clock_domain: ClockDomain::RealtimeSynced,
            layout_version: 1,
            header_nslots: SlotCount::new(8).unwrap(),
            payload_pools: Pools::from_slice(&[pool]).unwrap(),
            header_region_uri: RegionUri::parse(b"shm:file?path=/h").unwrap(),
        }
    }

    #[test] // req: W-005, W-023, W-123, T-08
    fn what_is_written_is_read_again() {
        for announce in [announce(None), announce(ClientId::new(7))] {
            let mut bytes = [0; 200];
            let len = announce.encode(&mut bytes).unwrap();
            let view = ShmPoolAnnounceView::parse(&bytes[..len]).unwrap();
            assert_eq!(view.block.header_slot_bytes.get(), 256);
            assert_eq!(
                view.payload_pools
                    .iter()
                    .next()
                    .unwrap()
                    .block
                    .pool_nslots
                    .get(),
                8
            );
            assert_eq!(ShmPoolAnnounce::try_from(view), Ok(announce));
        }
    }

    #[test] // req: T-54
    fn epochs_that_are_never_used_make_no_announce() {
        let mut bytes = [0; 200];
        announce(None).encode(&mut bytes).unwrap();
        for epoch in [0, u64::MAX] {
            bytes[16..24].copy_from_slice(&epoch.to_le_bytes());
            let view = ShmPoolAnnounceView::parse(&bytes).unwrap();
            let (field, got) = ("epoch", epoch.into());
            assert_eq!(
                ShmPoolAnnounce::try_from(view),
                Err(ValueError::Number { field, got })
            );
        }
    }
}
