//! Payload pools: raw bytes at a fixed stride, one slot per slot of the ring (wire 2.5, 5.8).

use super::layout::{RegionKind, RegionShape};
use super::region::{Region, RegionView, RegionWriter, Slots, WritableRegion};
use super::superblock::{RegionError, Superblock};
use crate::ids::PoolId;
use crate::seq::{SlotCount, SlotIndex};
use crate::wire::Stride;

/// A region whose superblock was found to be that of an announced payload pool. Holds the region.
#[derive(Clone, Copy, Debug)]
pub struct PayloadPool<R> {
    slots: Slots<R>,
    shape: RegionShape,
    class: PoolClass,
}

impl<R: Region> PayloadPool<R> {
    /// Takes `region` for the pool that was announced, after checking that it is (W-024). The number is always checked,
    /// be it 0 (T-07).
    ///
    /// # Errors
    /// See [`RegionError`]; a shape that is no pool's counts as invalid.
    pub fn open(region: R, announced: &RegionShape) -> Result<Self, RegionError> {
        let RegionKind::PayloadPool { pool_id, stride } = announced.kind else {
            return Err(RegionError::Invalid {
                field: "regionType",
                got: 1,
            });
        };
        Superblock::load_as(region.view(), announced)?;
        Ok(Self {
            slots: Slots::new(region, announced.slots, stride.get())?,
            shape: *announced,
            class: PoolClass { stride, pool_id },
        })
    }

    /// What it holds.
    pub const fn shape(&self) -> &RegionShape {
        &self.shape
    }

    /// How many slots there are; as many as the ring has (W-123).
    pub const fn slots(&self) -> SlotCount {
        self.slots.count()
    }

    /// Its number.
    pub const fn pool_id(&self) -> PoolId {
        self.class.pool_id
    }

    /// Bytes from slot to slot, and the longest payload.
    pub const fn stride(&self) -> Stride {
        self.class.stride
    }

    /// Number and stride, for choosing among pools.
    pub const fn class(&self) -> PoolClass {
        self.class
    }

    /// Its memory.
    pub const fn region(&self) -> &R {
        self.slots.region()
    }

    /// The superblock as it is now, checked again (W-027).
    ///
    /// # Errors
    /// What [`PayloadPool::open`] would refuse by now.
    pub fn superblock(&self) -> Result<Superblock, RegionError> {
        Superblock::load_as(self.region().view(), &self.shape)
    }

    /// One slot, `stride` bytes long; a frame's payload is where its header is in the ring (W-124).
    #[inline]
    pub fn slot(&self, index: SlotIndex) -> RegionView<'_> {
        self.slots.at(index)
    }

    /// One slot, for writing.
    #[inline]
    pub fn slot_writer(&self, index: SlotIndex) -> RegionWriter<'_>
    where
        R: WritableRegion,
    {
        self.slots.writer_at(index)
    }
}

/// What decides which pool a payload goes to: the stride, then the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PoolClass {
    /// Bytes from slot to slot.
    pub stride: Stride,
    /// The pool's number.
    pub pool_id: PoolId,
}

impl PoolClass {
    /// The pool for a payload of `len` bytes: the smallest stride that holds it, the lower number among equals (W-120,
    /// T-46). `None` if none does: the frame is dropped, nobody waits (W-121).
    pub fn smallest_fit(pools: impl IntoIterator<Item = Self>, len: u32) -> Option<Self> {
        pools
            .into_iter()
            .filter(|pool| pool.stride.get() >= len)
            .min()
    }
}
