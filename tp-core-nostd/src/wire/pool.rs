//! The payload pools of a stream, as announces, attach responses and discovery results all list them.

use zerocopy::little_endian::{U16, U32};

use super::ValueError;
use super::value::{legal, region_uri};
use crate::ids::PoolId;
use crate::sbe::{Cursor, DataKind, DecodeError, Entry, Group, GroupLayout, Tail, Writer, block};
use crate::seq::SlotCount;
use crate::uri::RegionUri;

/// Most pools of one stream that this build keeps.
pub const POOLS_MAX: usize = 16;

/// The one length of a header slot (W-023, D-037).
pub(crate) const HEADER_SLOT_BYTES: u16 = 256;

block! {
    /// Fixed block of a `payloadPools` entry (wire 4.2, driver 2.2, discovery 1.2).
    pub struct PoolEntryBlock [10] {
        0 pool_id: U16 = "poolId",
        2 pool_nslots: U32 = "poolNslots",
        6 stride_bytes: U32 = "strideBytes",
    }
}

/// A `payloadPools` entry found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct PoolEntryView<'a> {
    /// The fixed block.
    pub block: &'a PoolEntryBlock,
    /// `regionUri`.
    pub region_uri: &'a [u8],
}

impl<'a> Entry<'a> for PoolEntryView<'a> {
    type Block = PoolEntryBlock;

    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            block: cursor.block()?,
            region_uri: cursor.data()?,
        })
    }
}

/// The shape of the group, for tools.
pub(crate) const POOLS_LAYOUT: Tail = Tail::Group(GroupLayout::of::<PoolEntryBlock>(
    "payloadPools",
    &[Tail::Data("regionUri", DataKind::Text)],
));

/// Bytes from one payload slot to the next: a non-zero multiple of 64 (W-131, T-05).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Stride(u32);

impl Stride {
    /// What every stride is a multiple of.
    pub const UNIT: u32 = 64;

    /// The stride of so many bytes, or `None` for 0 and for what is no multiple of 64.
    pub const fn new(bytes: u32) -> Option<Self> {
        if bytes != 0 && bytes.is_multiple_of(Self::UNIT) {
            Some(Self(bytes))
        } else {
            None
        }
    }

    /// The stride in bytes.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// One payload pool. It has as many slots as the header ring (D-038), so the count is not repeated here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolEntry<'a> {
    /// Its number within the stream.
    pub pool_id: PoolId,
    /// Room for one payload.
    pub stride: Stride,
    /// Where its memory is.
    pub region_uri: RegionUri<'a>,
}

/// The pools of one stream in wire order: one or more, no number twice.
pub type Pools<'a> = heapless::Vec<PoolEntry<'a>, POOLS_MAX>;

/// Reads the pools that belong to a header ring of `nslots` slots.
///
/// # Errors
/// No pool, more than [`POOLS_MAX`], a slot count other than the ring's, a bad stride, a number twice, a bad URI
/// (D-076 to D-082, T-07).
pub(crate) fn read_pools<'a>(
    group: Group<'a, PoolEntryView<'a>>,
    nslots: SlotCount,
) -> Result<Pools<'a>, ValueError> {
    let mut pools = Pools::new();
    for entry in group.iter() {
        let block = entry.block;
        legal("poolNslots", block.pool_nslots.get(), |raw| {
            (raw == nslots.get()).then_some(())
        })?;
        let pool = PoolEntry {
            pool_id: legal("poolId", block.pool_id.get(), PoolId::new)?,
            stride: legal("strideBytes", block.stride_bytes.get(), Stride::new)?,
            region_uri: region_uri("regionUri", entry.region_uri)?,
        };
        if pools.iter().any(|other| other.pool_id == pool.pool_id) {
            return Err(ValueError::Repeated {
                field: "poolId",
                got: block.pool_id.get().into(),
            });
        }
        pools.push(pool).map_err(|_| ValueError::TooMany {
            field: "payloadPools",
            got: group.len().into(),
            max: POOLS_MAX,
        })?;
    }
    if pools.is_empty() {
        return Err(ValueError::Missing {
            field: "payloadPools",
        });
    }
    Ok(pools)
}

/// Appends the group, entries included.
pub(crate) fn write_pools(writer: &mut Writer<'_>, pools: &[PoolEntry<'_>], nslots: SlotCount) {
    writer.group::<PoolEntryBlock>(pools.len());
    for pool in pools {
        writer
            .block(&PoolEntryBlock {
                pool_id: pool.pool_id.get().into(),
                pool_nslots: nslots.get().into(),
                stride_bytes: pool.stride.get().into(),
            })
            .display(&pool.region_uri);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: W-131
    fn strides_are_non_zero_multiples_of_64() {
        assert_eq!(Stride::new(192).map(Stride::get), Some(192));
        for refused in [0, 1, 63, 100, u32::MAX] {
            assert_eq!(Stride::new(refused), None);
        }
    }

    #[test]
    fn pools_beyond_the_last_place_are_an_error_not_left_out() {
        let mut out = [0; 2048];
        let nslots = SlotCount::new(8).unwrap();
        let region_uri = RegionUri::new("/dev/shm/1.pool", false).unwrap();
        let pools: std::vec::Vec<_> = (1..=17)
            .map(|id| PoolEntry {
                pool_id: PoolId::new(id).unwrap(),
                stride: Stride::new(64).unwrap(),
                region_uri,
            })
            .collect();
        let mut read = |pools: &[PoolEntry<'_>]| {
            let mut writer = Writer::new(&mut out);
            write_pools(&mut writer, pools, nslots);
            let len = writer.finish().unwrap();
            let group = Cursor::new(&out[..len]).group().unwrap();
            read_pools(group, nslots).map(|pools| pools.len())
        };
        assert_eq!(read(&pools[..POOLS_MAX]), Ok(POOLS_MAX));
        let field = "payloadPools";
        let (got, max) = (17, POOLS_MAX);
        assert_eq!(read(&pools), Err(ValueError::TooMany { field, got, max }));
    }
}
