//! The first 64 bytes of a region: what they must say, who created it, and whether its producer lives (wire 2.2, 5.2).

use super::error::{OutOfBounds, RegionError};
use super::layout::{
    HEADER_SLOT_LEN, LAYOUT_VERSION, MAGIC, POOL_SLOT_BYTES_UNSET, RegionKind, RegionShape,
    SuperblockBlock,
};
use super::region::{RegionView, RegionWriter};
use crate::ids::{Epoch, PoolId, StreamId};
use crate::seq::SlotCount;
use crate::sync::{FencePoint, fence_at};
use crate::wire::Stride;
use crate::wire::enums::RegionType;

const WORDS: usize = size_of::<SuperblockBlock>() / 8;
const ACTIVITY_WORD: usize = core::mem::offset_of!(SuperblockBlock, activity_timestamp_ns) / 8;

/// What a superblock says: written once, except for the activity stamp (W-019, T-04). Times are CLOCK_MONOTONIC
/// nanoseconds (T-09).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Superblock {
    /// What the region holds.
    pub shape: RegionShape,
    /// Process id of the creator. Information only (W-029), but a change means another writer (W-275).
    pub pid: u64,
    /// When the region was created.
    pub start_ns: u64,
    /// When its producer last said that it lives; 0 is never.
    pub activity_ns: u64,
}

impl Superblock {
    /// Reads the superblock of a region.
    ///
    /// # Errors
    /// What [`Superblock::try_from`] refuses, or a region shorter than a superblock.
    pub fn load(region: RegionView<'_>) -> Result<Self, RegionError> {
        let magic = region.load(0)?;
        if magic != MAGIC {
            return Err(RegionError::Magic { got: magic });
        }
        // The magic was stored last: behind it the rest is there.
        fence_at(FencePoint::AfterFirstLoad);
        let mut words = [magic; WORDS];
        for (index, word) in words.iter_mut().enumerate().skip(1) {
            *word = region.load(index)?;
        }
        let mut block: SuperblockBlock = zerocopy::transmute!(words);
        block.activity_timestamp_ns = load_activity(region)?.into();
        Self::try_from(&block)
    }

    /// Reads the superblock of a region and compares it with what was announced (W-024). Done when the region is mapped,
    /// and again at every announce (W-027).
    ///
    /// # Errors
    /// What [`Superblock::load`] refuses, or [`RegionError::NotAsAnnounced`].
    pub fn load_as(region: RegionView<'_>, announced: &RegionShape) -> Result<Self, RegionError> {
        let superblock = Self::load(region)?;
        superblock.compare(announced)?;
        Ok(superblock)
    }

    /// Refuses a superblock of another region than the announced one.
    ///
    /// # Errors
    /// [`RegionError::NotAsAnnounced`] with the first field that differs.
    pub fn compare(&self, announced: &RegionShape) -> Result<(), RegionError> {
        let fields = [
            "regionType",
            "streamId",
            "epoch",
            "poolId",
            "nslots",
            "strideBytes",
        ];
        let found = numbers(&self.shape).into_iter().zip(numbers(announced));
        match fields
            .into_iter()
            .zip(found)
            .find(|(_, (got, announced))| got != announced)
        {
            None => Ok(()),
            Some((field, (got, announced))) => Err(RegionError::NotAsAnnounced {
                field,
                announced,
                got,
            }),
        }
    }

    /// Writes the superblock of a new region; the magic comes last, so that nobody sees a region before it is one
    /// (T-04). The region must be zeroed, and is announced only later (W-271).
    ///
    /// # Errors
    /// A region shorter than its parameters say; then nothing was written.
    pub fn create(&self, region: RegionWriter<'_>) -> Result<(), OutOfBounds> {
        let (needed, got) = (self.shape.region_len(), region.view().len() as u64);
        if needed > got {
            return Err(OutOfBounds { needed, got });
        }
        let words: [u64; WORDS] = zerocopy::transmute!(self.block());
        for (index, word) in words.into_iter().enumerate().skip(1) {
            region.store(index, word)?;
        }
        region.word(0)?.publish(MAGIC);
        Ok(())
    }

    /// The block as it stands in memory.
    pub fn block(&self) -> SuperblockBlock {
        let (region_type, pool_id, slot_bytes, stride_bytes) = match self.shape.kind {
            RegionKind::HeaderRing => (RegionType::HeaderRing, 0, HEADER_SLOT_LEN, 0),
            RegionKind::PayloadPool { pool_id, stride } => {
                let stride = stride.get();
                (RegionType::PayloadPool, pool_id.get(), stride, stride)
            }
        };
        SuperblockBlock {
            magic: MAGIC.into(),
            layout_version: LAYOUT_VERSION.into(),
            epoch: self.shape.epoch.get().into(),
            stream_id: self.shape.stream_id.get().into(),
            region_type: region_type.get().into(),
            pool_id: pool_id.into(),
            nslots: self.shape.slots.get().into(),
            slot_bytes: slot_bytes.into(),
            stride_bytes: stride_bytes.into(),
            pid: self.pid.into(),
            start_timestamp_ns: self.start_ns.into(),
            activity_timestamp_ns: self.activity_ns.into(),
        }
    }
}

/// Everything that can be told without knowing what was announced.
impl TryFrom<&SuperblockBlock> for Superblock {
    type Error = RegionError;

    fn try_from(block: &SuperblockBlock) -> Result<Self, RegionError> {
        if block.magic.get() != MAGIC {
            return Err(RegionError::Magic {
                got: block.magic.get(),
            });
        }
        if block.layout_version.get() != LAYOUT_VERSION {
            return Err(RegionError::LayoutVersion {
                got: block.layout_version.get(),
            });
        }
        let invalid = |field, got: u64| RegionError::Invalid { field, got };
        let (pool_id, stride) = (block.pool_id.get(), block.stride_bytes.get());
        let slot_bytes = block.slot_bytes.get();
        let kind = match RegionType::new(block.region_type.get()) {
            Some(RegionType::HeaderRing) if pool_id != 0 => {
                return Err(invalid("poolId", pool_id.into()));
            }
            Some(RegionType::HeaderRing) if slot_bytes != HEADER_SLOT_LEN => {
                return Err(invalid("slotBytes", slot_bytes.into()));
            }
            // Whatever its stride_bytes says (T-06).
            Some(RegionType::HeaderRing) => RegionKind::HeaderRing,
            Some(RegionType::PayloadPool) => {
                if slot_bytes != stride && slot_bytes != POOL_SLOT_BYTES_UNSET {
                    return Err(invalid("slotBytes", slot_bytes.into()));
                }
                RegionKind::PayloadPool {
                    pool_id: PoolId::new(pool_id).ok_or(invalid("poolId", pool_id.into()))?,
                    stride: Stride::new(stride).ok_or(invalid("strideBytes", stride.into()))?,
                }
            }
            // The number's bits, as a tool would show them.
            None => {
                let raw = block.region_type.get().cast_unsigned();
                return Err(invalid("regionType", raw.into()));
            }
        };
        let (stream_id, nslots) = (block.stream_id.get(), block.nslots.get());
        let epoch = block.epoch.get();
        Ok(Self {
            shape: RegionShape {
                stream_id: StreamId::new(stream_id).ok_or(invalid("streamId", stream_id.into()))?,
                epoch: Epoch::new(epoch).ok_or(invalid("epoch", epoch))?,
                slots: SlotCount::new(nslots).ok_or(invalid("nslots", nslots.into()))?,
                kind,
            },
            pid: block.pid.get(),
            start_ns: block.start_timestamp_ns.get(),
            activity_ns: block.activity_timestamp_ns.get(),
        })
    }
}

/// When the producer of a region last said that it lives, in nanoseconds; 0 is never (T-09).
///
/// # Errors
/// A region shorter than a superblock.
pub fn load_activity(region: RegionView<'_>) -> Result<u64, OutOfBounds> {
    let word = region.word(ACTIVITY_WORD)?;
    // Where it takes two loads, a refresh may come between them; the next is a second away.
    let stamp = word.load_stable().or_else(|| word.load_stable());
    fence_at(FencePoint::AfterFirstLoad);
    Ok(stamp.unwrap_or_default())
}

/// Says that the producer lives: right after attach, then once per announce period (W-031, T-34). Not for CPUs without
/// 64-bit stores, whose gateway does it (E-03).
///
/// # Errors
/// A region shorter than a superblock.
#[cfg(target_has_atomic = "64")]
pub fn store_activity(
    region: RegionWriter<'_>,
    now: crate::time::Instant,
) -> Result<(), OutOfBounds> {
    region.word(ACTIVITY_WORD)?.publish(now.as_ns());
    Ok(())
}

/// A shape as numbers, in the order in which they are compared.
fn numbers(shape: &RegionShape) -> [u64; 6] {
    let (region_type, pool_id, stride) = match shape.kind {
        RegionKind::HeaderRing => (1, 0, 0),
        RegionKind::PayloadPool { pool_id, stride } => (2, pool_id.get(), stride.get()),
    };
    [
        region_type,
        shape.stream_id.get().into(),
        shape.epoch.get(),
        pool_id.into(),
        shape.slots.get().into(),
        stride.into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::Line;
    use crate::time::Instant;

    fn shape(kind: RegionKind) -> RegionShape {
        RegionShape {
            stream_id: StreamId::new(10_000).unwrap(),
            epoch: Epoch::new(7).unwrap(),
            slots: SlotCount::new(2).unwrap(),
            kind,
        }
    }

    fn superblock(kind: RegionKind) -> Superblock {
        Superblock {
            shape: shape(kind),
            pid: 4242,
            start_ns: 1_000,
            activity_ns: 2_000,
        }
    }

    fn pool(pool_id: u16, stride: u32) -> RegionKind {
        RegionKind::PayloadPool {
            pool_id: PoolId::new(pool_id).unwrap(),
            stride: Stride::new(stride).unwrap(),
        }
    }

    fn lines<const N: usize>() -> [Line; N] {
        core::array::from_fn(|_| Line::zeroed())
    }

    #[test] // req: W-017, W-020, W-021, W-022, W-024, T-06
    fn what_was_created_is_found_again() {
        for kind in [RegionKind::HeaderRing, pool(1, 64), pool(0, 64)] {
            let memory = lines::<9>();
            let region = RegionWriter::of_lines(&memory);
            superblock(kind).create(region).unwrap();
            let found = Superblock::load_as(region.view(), &shape(kind));
            assert_eq!(found, Ok(superblock(kind)));
            assert_eq!(region.view().load(0), Ok(MAGIC));
        }
        let block = superblock(RegionKind::HeaderRing).block();
        assert_eq!((block.slot_bytes.get(), block.stride_bytes.get()), (256, 0));
        let block = superblock(pool(3, 640)).block();
        assert_eq!(
            (block.slot_bytes.get(), block.stride_bytes.get()),
            (640, 640)
        );
    }

    #[test]
    fn a_region_too_short_for_its_slots_is_not_begun() {
        let memory = lines::<8>();
        let region = RegionWriter::of_lines(&memory);
        let created = superblock(RegionKind::HeaderRing).create(region);
        assert_eq!(
            created,
            Err(OutOfBounds {
                needed: 576,
                got: 512
            })
        );
        let found = Superblock::load(region.view());
        assert_eq!(found, Err(RegionError::Magic { got: 0 }));
        let found = Superblock::load(RegionView::of_lines(&[]));
        assert_eq!(
            found,
            Err(RegionError::TooShort(OutOfBounds { needed: 8, got: 0 }))
        );
    }

    #[test]
    #[rustfmt::skip] // one row, one line
    fn each_field_is_checked() {
        use RegionError::{Invalid, LayoutVersion, Magic, NotAsAnnounced};
        const READABLE: u64 = u64::from_le_bytes(*b"TPOLSHM1");
        type Change = fn(&mut SuperblockBlock);
        let differs = |field, announced, got| NotAsAnnounced { field, announced, got };
        let (ring, pool) = (RegionKind::HeaderRing, pool(1, 1024));
        let invalid = |field, got| Invalid { field, got };
        let rows: &[(RegionKind, Change, RegionError)] = &[
            (ring, |b| b.magic = READABLE.into(), Magic { got: READABLE }), // req: W-020, T-01
            (ring, |b| b.layout_version = 2.into(), LayoutVersion { got: 2 }), // req: W-025, W-028
            (ring, |b| b.epoch = 8.into(), differs("epoch", 7, 8)), // req: W-027
            (ring, |b| b.epoch = 0.into(), invalid("epoch", 0)), // req: W-033
            (ring, |b| b.stream_id = 9.into(), differs("streamId", 10_000, 9)), // req: W-024
            (ring, |b| b.stream_id = 0.into(), invalid("streamId", 0)),
            (ring, |b| b.region_type = 0.into(), invalid("regionType", 0)), // req: W-281
            (ring, |b| b.region_type = (-1).into(), invalid("regionType", 0xFFFF)), // req: W-281
            (ring, |b| b.region_type = 2.into(), invalid("slotBytes", 256)), // req: W-025
            (ring, |b| b.pool_id = 1.into(), invalid("poolId", 1)), // req: W-021
            (ring, |b| b.nslots = 0.into(), invalid("nslots", 0)), // req: W-023
            (ring, |b| b.nslots = 3.into(), invalid("nslots", 3)), // req: W-023
            (ring, |b| b.nslots = 4.into(), differs("nslots", 2, 4)), // req: W-025
            (ring, |b| b.slot_bytes = 512.into(), invalid("slotBytes", 512)), // req: W-023, T-06
            (ring, |b| b.slot_bytes = u32::MAX.into(), invalid("slotBytes", 0xFFFF_FFFF)), // req: T-06
            (pool, |b| b.pool_id = 2.into(), differs("poolId", 1, 2)), // req: W-022
            (pool, |b| b.pool_id = 0.into(), differs("poolId", 1, 0)), // req: T-07
            (pool, |b| b.region_type = 1.into(), invalid("poolId", 1)), // req: W-025
            (pool, |b| b.stride_bytes = 2048.into(), invalid("slotBytes", 1024)), // req: W-025
            (pool, |b| (b.stride_bytes, b.slot_bytes) = (2048.into(), 2048.into()), differs("strideBytes", 1024, 2048)), // req: W-025
            (pool, |b| (b.stride_bytes, b.slot_bytes) = (0.into(), 0.into()), invalid("strideBytes", 0)), // req: W-131, W-133
            (pool, |b| (b.stride_bytes, b.slot_bytes) = (100.into(), u32::MAX.into()), invalid("strideBytes", 100)), // req: W-131, W-133
            (pool, |b| b.slot_bytes = 256.into(), invalid("slotBytes", 256)), // req: T-06
        ];
        for (kind, change, error) in rows {
            let mut block = superblock(*kind).block();
            change(&mut block);
            let found = Superblock::try_from(&block).and_then(|found| found.compare(&shape(*kind)));
            assert_eq!(found, Err(*error));
        }
    }

    #[test] // req: W-029, T-06
    fn what_proves_nothing_is_not_checked() {
        type Change = fn(&mut SuperblockBlock);
        let rows: &[(RegionKind, Change)] = &[
            (RegionKind::HeaderRing, |b| b.stride_bytes = 77.into()),
            (RegionKind::HeaderRing, |b| b.pid = 1.into()),
            (pool(1, 640), |b| {
                b.slot_bytes = POOL_SLOT_BYTES_UNSET.into()
            }),
            (pool(1, 640), |b| b.start_timestamp_ns = 0.into()),
        ];
        for (kind, change) in rows {
            let mut block = superblock(*kind).block();
            change(&mut block);
            let found = Superblock::try_from(&block).and_then(|found| found.compare(&shape(*kind)));
            assert_eq!(found, Ok(()));
        }
    }

    #[test] // req: W-019, W-031, T-04, T-09
    fn a_refresh_changes_the_activity_stamp_and_nothing_else() {
        let memory = lines::<9>();
        let region = RegionWriter::of_lines(&memory);
        superblock(RegionKind::HeaderRing).create(region).unwrap();
        store_activity(region, Instant::from_ns(9_000)).unwrap();
        assert_eq!(load_activity(region.view()), Ok(9_000));
        let refreshed = Superblock {
            activity_ns: 9_000,
            ..superblock(RegionKind::HeaderRing)
        };
        assert_eq!(Superblock::load(region.view()), Ok(refreshed));
    }
}
