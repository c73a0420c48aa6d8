//! Payload pools: raw bytes at a fixed stride, one slot per slot of the ring (wire 2.5, 5.8).

use super::error::RegionError;
use super::layout::{RegionKind, RegionShape};
use super::region::{Region, RegionView, RegionWriter, Slots, WritableRegion};
use super::superblock::Superblock;
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

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]
mod tests {
    use super::*;
    use crate::ids::{Epoch, StreamId};
    use crate::seq::Seq;
    use crate::shm::Line;
    use proptest::prelude::*;

    fn class(pool_id: u16, stride: u32) -> PoolClass {
        PoolClass {
            stride: Stride::new(stride).unwrap(),
            pool_id: PoolId::new(pool_id).unwrap(),
        }
    }

    #[test]
    fn the_smallest_pool_that_fits_is_chosen() {
        let pools = [
            class(4, 1024),
            class(2, 4096),
            class(3, 1024),
            class(1, 640),
        ];
        let rows = [
            (0, Some(1)),    // req: W-085
            (640, Some(1)),  // req: W-120
            (641, Some(3)),  // req: W-120, T-46
            (1024, Some(3)), // req: T-46
            (1025, Some(2)), // req: W-120
            (4097, None),    // req: W-121
            (u32::MAX, None),
        ];
        for (len, chosen) in rows {
            let fit = PoolClass::smallest_fit(pools, len);
            assert_eq!(fit.map(|pool| pool.pool_id.get()), chosen, "{len}");
        }
        assert_eq!(PoolClass::smallest_fit([], 0), None);
    }

    proptest! {
        #[test] // req: W-119, W-120, T-46
        fn no_pool_would_have_been_a_better_choice(
            pools in proptest::collection::vec((0..6_u16, 1..6_u32), 0..8), len in 0..400_u32,
        ) {
            let pools = pools.iter().map(|(id, lines)| class(*id, lines * 64));
            match PoolClass::smallest_fit(pools.clone(), len) {
                None => prop_assert!(pools.clone().all(|pool| pool.stride.get() < len)),
                Some(chosen) => {
                    prop_assert!(chosen.stride.get() >= len);
                    for pool in pools.filter(|pool| pool.stride.get() >= len) {
                        prop_assert!(pool.stride >= chosen.stride);
                        prop_assert!(pool.stride > chosen.stride || pool.pool_id >= chosen.pool_id);
                    }
                }
            }
        }
    }

    #[test] // req: W-083, W-118, W-124, W-130, W-132
    fn slots_lie_one_stride_apart_behind_the_superblock() {
        let memory: [Line; 7] = core::array::from_fn(|_| Line::zeroed());
        let shape = RegionShape {
            stream_id: StreamId::new(1).unwrap(),
            epoch: Epoch::new(1).unwrap(),
            slots: SlotCount::new(2).unwrap(),
            kind: RegionKind::PayloadPool {
                pool_id: PoolId::new(0).unwrap(),
                stride: Stride::new(192).unwrap(), // no power of two (T-05), no page
            },
        };
        let superblock = Superblock {
            shape,
            pid: 1,
            start_ns: 1,
            activity_ns: 1,
        };
        superblock.create(memory.as_slice().writer()).unwrap();
        let pool = PayloadPool::open(memory.as_slice(), &shape).unwrap();
        assert_eq!((pool.class(), pool.slots().get()), (class(0, 192), 2));
        assert_eq!(pool.superblock(), Ok(superblock));

        let index = pool.slots().slot_of(Seq::new(1).unwrap());
        pool.slot_writer(index).copy_in(191, &[0xAB]).unwrap();
        assert!(pool.slot_writer(index).copy_in(192, &[0xAB]).is_err());
        let mut byte = [0];
        memory
            .as_slice()
            .view()
            .copy_out(64 + 192 + 191, &mut byte)
            .unwrap();
        assert_eq!(byte, [0xAB]);
        assert_eq!(pool.slot(index).len(), 192);
    }

    #[test] // req: W-022, W-133, T-07
    fn only_the_announced_pool_opens() {
        let memory: [Line; 3] = core::array::from_fn(|_| Line::zeroed());
        let shape = |pool_id, stride| RegionShape {
            stream_id: StreamId::new(1).unwrap(),
            epoch: Epoch::new(1).unwrap(),
            slots: SlotCount::new(1).unwrap(),
            kind: RegionKind::PayloadPool {
                pool_id: PoolId::new(pool_id).unwrap(),
                stride: Stride::new(stride).unwrap(),
            },
        };
        let superblock = Superblock {
            shape: shape(5, 128),
            pid: 1,
            start_ns: 1,
            activity_ns: 1,
        };
        superblock.create(memory.as_slice().writer()).unwrap();
        assert!(PayloadPool::open(memory.as_slice(), &shape(5, 128)).is_ok());
        for other in [
            shape(0, 128),
            shape(5, 64),
            RegionShape {
                kind: RegionKind::HeaderRing,
                ..shape(5, 128)
            },
        ] {
            assert!(PayloadPool::open(memory.as_slice(), &other).is_err());
        }
    }
}
