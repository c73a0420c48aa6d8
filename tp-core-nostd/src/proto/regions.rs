//! The regions of one stream and epoch that belong together: a header ring and its payload pools.

use crate::ids::PoolId;
use crate::seq::Seq;
use crate::shm::{CommitWord, HeaderRing, PayloadPool, Region};

/// A ring and its pools, found to be of one stream, one epoch and one slot count. `P` lends the pools as a slice: an
/// array, a boxed slice, a borrowed slice.
#[derive(Clone, Copy, Debug)]
pub struct StreamRegions<R, P> {
    ring: HeaderRing<R>,
    pools: P,
}

/// Why regions do not belong together. Nothing of them is used then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RegionsError {
    /// A ring without a pool (wire T-07).
    NoPool,
    /// A pool of another stream, epoch or slot count than the ring (W-123).
    NotOfTheRing {
        /// The pool.
        pool: PoolId,
    },
    /// Two pools with one number (wire T-07).
    PoolTwice {
        /// Their number.
        pool: PoolId,
    },
}

impl core::fmt::Display for RegionsError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NoPool => f.write_str("a header ring without a payload pool"),
            Self::NotOfTheRing { pool } => {
                write!(f, "pool {pool} is of another stream, epoch or slot count")
            }
            Self::PoolTwice { pool } => write!(f, "pool {pool} occurs twice"),
        }
    }
}

impl core::error::Error for RegionsError {}

impl<R: Region, P: AsRef<[PayloadPool<R>]>> StreamRegions<R, P> {
    /// Puts a ring and its pools together.
    ///
    /// # Errors
    /// [`RegionsError`]
    pub fn new(ring: HeaderRing<R>, mut pools: P) -> Result<Self, RegionsError>
    where
        P: AsMut<[PayloadPool<R>]>,
    {
        let all = pools.as_mut();
        all.sort_unstable_by_key(PayloadPool::class);
        if all.is_empty() {
            return Err(RegionsError::NoPool);
        }
        let of_ring = ring.shape();
        for (index, pool) in all.iter().enumerate() {
            let (shape, id) = (pool.shape(), pool.pool_id());
            if (shape.stream_id, shape.epoch, shape.slots)
                != (of_ring.stream_id, of_ring.epoch, of_ring.slots)
            {
                return Err(RegionsError::NotOfTheRing { pool: id });
            }
            if all.iter().take(index).any(|other| other.pool_id() == id) {
                return Err(RegionsError::PoolTwice { pool: id });
            }
        }
        Ok(Self { ring, pools })
    }

    /// Whether no frame was ever begun: a region that reads as zeros behind its superblock. One that was written is not
    /// for another producer, whose numbers would begin at 0 again (W-049, T-58).
    pub fn is_unused(&self) -> bool {
        let slots = self.ring.slots();
        let mut indices = (0..slots.get()).filter_map(|index| slots.index(index));
        let untouched = CommitWord::in_progress(Seq::FIRST);
        indices.all(|index| self.ring.slot(index).load() == Some(untouched))
    }

    /// The header ring; its shape names stream and epoch.
    pub const fn ring(&self) -> &HeaderRing<R> {
        &self.ring
    }

    /// The payload pools, at least one; those with short slots first, then by number.
    pub fn pools(&self) -> &[PayloadPool<R>] {
        self.pools.as_ref()
    }

    /// The pool with this number.
    #[inline]
    pub fn pool(&self, id: PoolId) -> Option<&PayloadPool<R>> {
        self.pools().iter().find(|pool| pool.pool_id() == id)
    }

    /// The pool for a payload of `len` bytes: the smallest stride that holds it, the lower number among equals (W-120,
    /// T-46). `None` if none does (W-121).
    #[inline]
    pub fn pool_for(&self, len: usize) -> Option<&PayloadPool<R>> {
        let mut pools = self.pools().iter();
        pools.find(|pool| pool.stride().get() as usize >= len)
    }
}

#[cfg(test)]
pub(super) mod fixture {
    //! Regions of four slots in memory of our own.

    use crate::ids::{Epoch, PoolId, StreamId};
    use crate::seq::SlotCount;
    use crate::shm::{
        HeaderRing, Line, PayloadPool, RegionKind, RegionShape, RegionWriter, Stride, Superblock,
    };
    use std::boxed::Box;
    use std::vec::Vec;

    pub(crate) const SLOTS: SlotCount = SlotCount::new(4).unwrap();
    pub(crate) const STREAM: StreamId = StreamId::new(10_000).unwrap();
    pub(crate) const EPOCH: Epoch = Epoch::new(5).unwrap();

    pub(crate) type Memory = &'static [Line];

    pub(crate) fn pool_id(raw: u16) -> PoolId {
        PoolId::new(raw).unwrap()
    }

    pub(crate) fn shape(kind: RegionKind) -> RegionShape {
        RegionShape {
            stream_id: STREAM,
            epoch: EPOCH,
            slots: SLOTS,
            kind,
        }
    }

    pub(crate) fn pool_shape(id: u16, stride: u32) -> RegionShape {
        shape(RegionKind::PayloadPool {
            pool_id: pool_id(id),
            stride: Stride::new(stride).unwrap(),
        })
    }

    /// Memory of this shape with its superblock. It lives as long as the test process.
    pub(crate) fn memory(shape: &RegionShape) -> Memory {
        let lines = shape.region_len().div_ceil(64);
        let lines: Vec<Line> = (0..lines).map(|_| Line::zeroed()).collect();
        let lines: Memory = Box::leak(lines.into_boxed_slice());
        let superblock = Superblock {
            shape: *shape,
            pid: 1,
            start_ns: 1,
            activity_ns: 1,
        };
        superblock.create(RegionWriter::of_lines(lines)).unwrap();
        lines
    }

    pub(crate) fn ring() -> HeaderRing<Memory> {
        let shape = shape(RegionKind::HeaderRing);
        HeaderRing::open(memory(&shape), &shape).unwrap()
    }

    pub(crate) fn pool(id: u16, stride: u32) -> PayloadPool<Memory> {
        let shape = pool_shape(id, stride);
        PayloadPool::open(memory(&shape), &shape).unwrap()
    }

    /// A ring with pools 1 of 256 and 2 of 64 bytes.
    pub(crate) fn regions() -> super::StreamRegions<Memory, [PayloadPool<Memory>; 2]> {
        super::StreamRegions::new(ring(), [pool(1, 256), pool(2, 64)]).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::fixture::{memory, pool, pool_id, pool_shape, ring};
    use super::*;
    use crate::ids::{Epoch, StreamId};
    use crate::seq::SlotCount;
    use crate::shm::RegionShape;

    #[test] // req: W-120, W-121, C-051, T-46
    fn the_smallest_pool_that_fits_is_chosen() {
        let pools = [pool(4, 256), pool(3, 64), pool(2, 256), pool(9, 1024)];
        let regions = StreamRegions::new(ring(), pools).unwrap();
        for (len, id) in [
            (0, Some(3)),
            (64, Some(3)),
            (65, Some(2)),
            (256, Some(2)),
            (1024, Some(9)),
            (1025, None),
            (usize::MAX, None),
        ] {
            let chosen = regions.pool_for(len).map(PayloadPool::pool_id);
            assert_eq!(chosen.map(PoolId::get), id, "{len} bytes");
        }
    }

    #[test] // req: W-049, T-58
    fn regions_are_unused_until_a_frame_is_begun() {
        let regions = super::fixture::regions();
        assert!(regions.is_unused());
        let slots = regions.ring().slots();
        let seq = Seq::new(3).unwrap();
        regions.ring().slot_writer(slots.slot_of(seq)).begin(seq);
        assert!(!regions.is_unused());
    }

    #[test] // req: W-123, T-07
    fn regions_that_do_not_belong_together_are_refused() {
        let own = pool_shape(2, 64);
        let stream_id = StreamId::new(10_001).unwrap();
        let epoch = Epoch::new(6).unwrap();
        let slots = SlotCount::new(8).unwrap();
        for foreign in [
            RegionShape { stream_id, ..own },
            RegionShape { epoch, ..own },
            RegionShape { slots, ..own },
        ] {
            let foreign = PayloadPool::open(memory(&foreign), &foreign).unwrap();
            let refused = StreamRegions::new(ring(), [pool(1, 64), foreign]).err();
            let pool = pool_id(2);
            assert_eq!(refused, Some(RegionsError::NotOfTheRing { pool }));
        }
        let twice = StreamRegions::new(ring(), [pool(1, 64), pool(1, 128)]).err();
        assert_eq!(twice, Some(RegionsError::PoolTwice { pool: pool_id(1) }));
        let none = StreamRegions::new(ring(), []).err();
        assert_eq!(none, Some(RegionsError::NoPool));
    }
}
