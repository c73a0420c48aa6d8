//! The memory of one small stream.

use tp_core_nostd::ids::{Epoch, PoolId, StreamId};
use tp_core_nostd::proto::regions::StreamRegions;
use tp_core_nostd::seq::SlotCount;
use tp_core_nostd::shm::{
    HeaderRing, Line, PayloadPool, RegionKind, RegionShape, Stride, Superblock, WritableRegion,
};

/// Slots of the ring and of its pool.
pub(super) const SLOTS: SlotCount = SlotCount::new(8).unwrap();
/// Bytes of the slots of the pool.
pub(super) const STRIDE: Stride = Stride::new(1024).unwrap();

const RING: RegionShape = shape(RegionKind::HeaderRing);
const POOL: RegionShape = shape(RegionKind::PayloadPool {
    pool_id: PoolId::new(1).unwrap(),
    stride: STRIDE,
});

/// Its ring and its pool.
pub(super) type Regions<'m> = StreamRegions<&'m [Line], [PayloadPool<&'m [Line]>; 1]>;

/// Memory with valid superblocks.
pub(super) struct StreamMemory {
    ring: Vec<Line>,
    pool: Vec<Line>,
}

impl StreamMemory {
    pub(super) fn new() -> Self {
        let [ring, pool] = [RING, POOL].map(|shape| {
            let memory = lines(shape.region_len() as usize, &[]);
            let superblock = Superblock {
                shape,
                pid: 1,
                start_ns: 1,
                activity_ns: 1,
            };
            superblock.create(memory.as_slice().writer()).unwrap();
            memory
        });
        Self { ring, pool }
    }

    /// Puts bytes somewhere into its ring.
    pub(super) fn write_ring(&self, offset: usize, bytes: &[u8]) {
        self.ring
            .as_slice()
            .writer()
            .copy_in(offset, bytes)
            .unwrap();
    }

    pub(super) fn regions(&self) -> Regions<'_> {
        let ring = HeaderRing::open(self.ring.as_slice(), &RING).unwrap();
        let pools = [PayloadPool::open(self.pool.as_slice(), &POOL).unwrap()];
        StreamRegions::new(ring, pools).unwrap()
    }
}

/// Memory of `len` bytes, at least a line, that begins with these.
pub(super) fn lines(len: usize, bytes: &[u8]) -> Vec<Line> {
    let lines: Vec<_> = (0..len.div_ceil(64).max(1))
        .map(|_| Line::zeroed())
        .collect();
    lines.as_slice().writer().copy_in(0, bytes).unwrap();
    lines
}

const fn shape(kind: RegionKind) -> RegionShape {
    RegionShape {
        stream_id: StreamId::new(10_000).unwrap(),
        epoch: Epoch::new(1).unwrap(),
        slots: SLOTS,
        kind,
    }
}
