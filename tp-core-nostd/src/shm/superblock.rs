//! The first 64 bytes of a region: what they must say, who created it, and whether its producer lives (wire 2.2, 5.2).

use super::layout::{
    HEADER_SLOT_LEN, LAYOUT_VERSION, MAGIC, POOL_SLOT_BYTES_UNSET, RegionKind, RegionShape,
    SuperblockBlock,
};
use super::region::{OutOfBounds, RegionView, RegionWriter};
use crate::ids::{Epoch, PoolId, StreamId};
use crate::seq::SlotCount;
use crate::sync::{FencePoint, fence_at};
use crate::wire::Stride;
use crate::wire::enums::RegionType;

const WORDS: usize = size_of::<SuperblockBlock>() / 8;
const ACTIVITY_WORD: usize = core::mem::offset_of!(SuperblockBlock, activity_timestamp_ns) / 8;

/// Memory that is not the region it should be. Nothing of it is used then (W-030). `field` is the specification's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RegionError {
    /// Shorter than its parameters say.
    TooShort(OutOfBounds),
    /// No region, or one that is still being created (W-020, T-01).
    Magic {
        /// What stands there.
        got: u64,
    },
    /// A layout of memory that we do not speak (W-028).
    LayoutVersion {
        /// What stands there.
        got: u32,
    },
    /// A number that no region of this layout has.
    Invalid {
        /// The field, `nslots`.
        field: &'static str,
        /// What it holds.
        got: u64,
    },
    /// Another number than was announced (W-025).
    NotAsAnnounced {
        /// The field, `nslots`.
        field: &'static str,
        /// What was announced.
        announced: u64,
        /// What it holds.
        got: u64,
    },
}

impl core::fmt::Display for RegionError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::TooShort(bounds) => write!(f, "too short: {bounds}"),
            Self::Magic { got } => write!(f, "magic {got:#018x}, a region has {MAGIC:#018x}"),
            Self::LayoutVersion { got } => {
                write!(f, "layout version {got}, only {LAYOUT_VERSION} is known")
            }
            Self::Invalid { field, got } => write!(f, "{field} must not be {got}"),
            Self::NotAsAnnounced {
                field,
                announced,
                got,
            } => write!(f, "{field} is {got}, announced was {announced}"),
        }
    }
}

impl core::error::Error for RegionError {}

impl From<OutOfBounds> for RegionError {
    fn from(bounds: OutOfBounds) -> Self {
        Self::TooShort(bounds)
    }
}

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
        Self::try_from(&load_block(region)?)
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

/// The 64 bytes, the magic before the rest.
fn load_block(region: RegionView<'_>) -> Result<SuperblockBlock, OutOfBounds> {
    let mut words = [0; WORDS];
    for (index, word) in words.iter_mut().enumerate() {
        *word = region.load(index)?;
        if index == 0 {
            fence_at(FencePoint::AfterFirstLoad);
        }
    }
    let mut block: SuperblockBlock = zerocopy::transmute!(words);
    block.activity_timestamp_ns = load_activity(region)?.into();
    Ok(block)
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
