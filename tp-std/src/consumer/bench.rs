//! A stream's memory in real files, and a hand that writes into its slots, for tests of the hot half.

use core::time::Duration;
use std::sync::Arc;

use tempfile::TempDir;
use tp_core_nostd::ids::{ClientId, Epoch, LeaseId, PoolId, StreamId};
use tp_core_nostd::memory::{RegionMapper as _, WritableRegion as _};
use tp_core_nostd::seq::{Seq, SlotCount};
use tp_core_nostd::shm::{
    Dtype, HeaderRing, LAYOUT_VERSION, MajorOrder, PayloadPool, ProgressUnit, RegionKind,
    RegionShape, SlotFrame, SlotImage, Stride, Superblock, TensorHeader, store_activity,
};
use tp_core_nostd::time::Instant;
use tp_core_nostd::transport::ImageId;
use tp_core_nostd::uri::RegionUri;
use tp_core_nostd::wire::control::{FrameDescriptor, ShmPoolAnnounce};
use tp_core_nostd::wire::driver::Grant;
use tp_core_nostd::wire::enums::ClockDomain;
use tp_core_nostd::wire::{PoolEntry, Pools};
use tp_linux_hugepages::{
    AllowedBases, CanonicalTree, EpochShape, FileMode, LinuxMapper, MappedBell, Mapping, Namespace,
    Residency, UserName, WritableMapping,
};

use super::hot::Hot;
use super::{ConsumerConfig, FrameReader};
use crate::clock::SharedClock;
use crate::regions::Regions;

pub(crate) const STREAM: StreamId = StreamId::new(10_000).unwrap();
/// Where descriptors come from unless a test says else.
pub(crate) const IMAGE: ImageId = ImageId(1);

/// One pool of short slots is enough.
const POOL: PoolId = PoolId::new(1).unwrap();
const STRIDE: Stride = Stride::new(256).unwrap();

pub(crate) fn seq(raw: u64) -> Seq {
    Seq::new(raw).unwrap()
}

pub(crate) fn epoch(raw: u64) -> Epoch {
    Epoch::new(raw).unwrap()
}

/// The regions of one epoch, as their producer has them.
pub(crate) struct Stage {
    ring: HeaderRing<WritableMapping>,
    pool: PayloadPool<WritableMapping>,
    epoch: Epoch,
    files: TempDir,
    paths: Vec<std::path::PathBuf>,
}

impl Stage {
    pub(crate) fn new(raw_epoch: u64, slots: u32) -> Self {
        let files = tempfile::tempdir().unwrap();
        let namespace = Namespace::new("bench").unwrap();
        let user = UserName::effective();
        let tree = CanonicalTree::new(files.path(), &user, namespace, FileMode::SHARED_GROUP);
        let shape = EpochShape {
            stream: STREAM,
            epoch: epoch(raw_epoch),
            slots: SlotCount::new(slots).unwrap(),
            pools: &[(POOL, STRIDE)],
        };
        let created = tree
            .unwrap()
            .create_epoch(&shape, Instant::from_ns(1), Residency::default())
            .unwrap();
        let paths = created.iter().map(|region| region.path.clone()).collect();
        let mut mappings = created.into_iter().map(|region| region.mapping);
        let shape_of = |kind| shape_of(&shape, kind);
        Self {
            ring: HeaderRing::open(mappings.next().unwrap(), &shape_of(RegionKind::HeaderRing))
                .unwrap(),
            pool: PayloadPool::open(mappings.next().unwrap(), &shape_of(POOL_KIND)).unwrap(),
            epoch: shape.epoch,
            files,
            paths,
        }
    }

    /// What a consumer has of it.
    pub(crate) fn map(&self) -> Regions<Mapping> {
        let mapper = self.mapper();
        let map = |region, shape: &RegionShape| {
            let uri = self.uri(region);
            mapper.map_read(&uri, shape.region_len()).unwrap()
        };
        let ring = HeaderRing::open(map(0, self.ring.shape()), self.ring.shape()).unwrap();
        let pool = PayloadPool::open(map(1, self.pool.shape()), self.pool.shape()).unwrap();
        Regions::new(ring, Box::new([pool])).unwrap()
    }

    fn mapper(&self) -> LinuxMapper {
        LinuxMapper {
            bases: AllowedBases::new(&[self.files.path()]).unwrap(),
            ..LinuxMapper::default()
        }
    }

    /// The bell beside it.
    pub(crate) fn bell(&self) -> MappedBell {
        self.mapper().find_bell(&self.uri(0)).unwrap()
    }

    /// The driver's answer to an attach.
    pub(crate) fn grant(&self, lease_id: LeaseId) -> Grant<'_> {
        Grant {
            lease_id,
            lease_expires_at: None,
            stream_id: STREAM,
            epoch: self.epoch,
            layout_version: LAYOUT_VERSION,
            header_nslots: self.ring.slots(),
            node_id: None,
            payload_pools: self.pools(),
            header_region_uri: self.uri(0),
        }
    }

    /// What the driver announces at `now`.
    pub(crate) fn announce(&self, now: Instant) -> ShmPoolAnnounce<'_> {
        ShmPoolAnnounce {
            stream_id: STREAM,
            producer_id: ClientId::new(3),
            epoch: self.epoch,
            announce_timestamp_ns: now.as_ns(),
            announce_clock_domain: ClockDomain::Monotonic,
            layout_version: LAYOUT_VERSION,
            header_nslots: self.ring.slots(),
            payload_pools: self.pools(),
            header_region_uri: self.uri(0),
        }
    }

    fn pools(&self) -> Pools<'_> {
        let mut pools = Pools::new();
        let pool = PoolEntry {
            pool_id: POOL,
            stride: STRIDE,
            region_uri: self.uri(1),
        };
        pools.push(pool).unwrap();
        pools
    }

    fn uri(&self, region: usize) -> RegionUri<'_> {
        RegionUri::new(self.paths[region].to_str().unwrap(), false).unwrap()
    }

    /// Its producer shows that it lives.
    pub(crate) fn touch(&self, now: Instant) {
        for region in [self.ring.region(), self.pool.region()] {
            store_activity(region.writer(), now).unwrap();
        }
    }

    /// Another process has created these regions, or says so.
    pub(crate) fn change_pid(&self, pid: u64) {
        let rings = (self.ring.superblock().unwrap(), self.ring.region().writer());
        let pools = (self.pool.superblock().unwrap(), self.pool.region().writer());
        for (superblock, region) in [rings, pools] {
            Superblock { pid, ..superblock }.create(region).unwrap();
        }
    }

    /// Another epoch takes the place of this one, in the same files.
    pub(crate) fn replace_epoch(&self, raw_epoch: u64) {
        let superblock = Superblock {
            shape: RegionShape {
                epoch: epoch(raw_epoch),
                ..*self.ring.shape()
            },
            ..self.ring.superblock().unwrap()
        };
        superblock.create(self.ring.region().writer()).unwrap();
    }

    /// Opens the slot of frame `raw`.
    pub(crate) fn begin(&self, raw: u64) {
        let slot = self.ring.slots().slot_of(seq(raw));
        self.ring.slot_writer(slot).begin(seq(raw));
    }

    /// A frame of 16-bit rows of two elements; its bytes are the low one of its number.
    pub(crate) fn image(&self, raw: u64, len: u32) -> SlotImage {
        let rows = i32::try_from(len / 4).unwrap();
        let tensor = TensorHeader::contiguous(Dtype::Uint16, MajorOrder::Row, &[rows, 2]);
        let tensor = tensor.unwrap();
        let mut image = SlotImage::new(&tensor);
        image.set_frame(&self.frame(raw, len, 1_000 + raw));
        image
    }

    /// A frame of eight bytes that was captured `after` some moment.
    pub(crate) fn timed(&self, raw: u64, after: Duration) -> SlotImage {
        let mut image = self.image(raw, 8);
        let captured_ns = 1 + u64::try_from(after.as_nanos()).unwrap();
        image.set_frame(&self.frame(raw, 8, captured_ns));
        image
    }

    /// A frame whose progress is counted in rows.
    pub(crate) fn rows(&self, raw: u64, len: u32) -> SlotImage {
        let rows = i32::try_from(len / 4).unwrap();
        let tensor = TensorHeader::contiguous(Dtype::Uint16, MajorOrder::Row, &[rows, 2]);
        let tensor = tensor.unwrap().with_progress(ProgressUnit::Rows).unwrap();
        let mut image = SlotImage::new(&tensor);
        image.set_frame(&self.frame(raw, len, 1_000 + raw));
        image
    }

    fn frame(&self, raw: u64, len: u32, timestamp_ns: u64) -> SlotFrame {
        SlotFrame {
            slot: self.ring.slots().slot_of(seq(raw)),
            pool_id: POOL,
            values_len_bytes: len,
            timestamp_ns,
            meta_version: 3,
        }
    }

    /// Writes all of frame `raw` but the last word, with a header as it is.
    pub(crate) fn begin_with(&self, raw: u64, image: &SlotImage, len: u32) {
        let slot = self.ring.slots().slot_of(seq(raw));
        let payload = vec![raw as u8; len as usize];
        self.begin(raw);
        self.pool.slot_writer(slot).copy_in(0, &payload).unwrap();
        self.ring.slot_writer(slot).write(image);
    }

    /// Writes frame `raw` whole, with a header as it is.
    pub(crate) fn commit(&self, raw: u64, image: &SlotImage, len: u32) {
        self.begin_with(raw, image, len);
        let slot = self.ring.slots().slot_of(seq(raw));
        self.ring.slot_writer(slot).commit(seq(raw));
    }

    /// Writes frame `raw` with this tensor and payload.
    pub(crate) fn write_tensor(&self, raw: u64, tensor: &TensorHeader, payload: &[u8]) {
        let slot = self.ring.slots().slot_of(seq(raw));
        let mut image = SlotImage::new(tensor);
        image.set_frame(&SlotFrame {
            slot,
            pool_id: POOL,
            values_len_bytes: u32::try_from(payload.len()).unwrap(),
            timestamp_ns: 1_000,
            meta_version: 0,
        });
        self.begin(raw);
        self.pool.slot_writer(slot).copy_in(0, payload).unwrap();
        self.ring.slot_writer(slot).write(&image);
        self.ring.slot_writer(slot).commit(seq(raw));
    }

    /// Writes frames of eight bytes.
    pub(crate) fn write(&self, numbers: impl IntoIterator<Item = u64>) {
        for raw in numbers {
            self.commit(raw, &self.image(raw, 8), 8);
        }
    }

    /// The descriptor of frame `raw`.
    pub(crate) fn descriptor(&self, raw: u64) -> FrameDescriptor {
        FrameDescriptor {
            stream_id: STREAM,
            epoch: self.epoch,
            seq: seq(raw),
            timestamp_ns: None,
            meta_version: None,
            trace_id: None,
        }
    }
}

const POOL_KIND: RegionKind = RegionKind::PayloadPool {
    pool_id: POOL,
    stride: STRIDE,
};

fn shape_of(epoch: &EpochShape<'_>, kind: RegionKind) -> RegionShape {
    RegionShape {
        stream_id: epoch.stream,
        epoch: epoch.epoch,
        slots: epoch.slots,
        kind,
    }
}

/// A hot half that has mapped `stage` and does not look at the memory by itself.
pub(in crate::consumer) fn reader_of(stage: &Stage) -> Hot {
    let mut hot = hot_of(&ConsumerConfig::new(STREAM).with_watched_memory(false));
    hot.read_from(stage.map());
    hot
}

/// A hot half by itself.
pub(in crate::consumer) fn hot_of(config: &ConsumerConfig) -> Hot {
    Hot::new(config, Arc::default(), SharedClock::default())
}

/// A descriptor as it comes in.
pub(crate) fn encoded(descriptor: &FrameDescriptor) -> [u8; FrameDescriptor::LEN] {
    let mut bytes = [0; FrameDescriptor::LEN];
    descriptor.encode(&mut bytes).unwrap();
    bytes
}

/// Reads what is handed out: number and, if it was accepted, whether its bytes are its own.
pub(crate) fn note(
    got: &mut Vec<(u64, Option<bool>)>,
) -> impl FnMut(&FrameDescriptor, FrameReader<'_>) + '_ {
    |descriptor, reader| {
        let raw = descriptor.seq.get();
        let whole = reader.read().ok().map(|frame| {
            let mut payload = [0; 256];
            let len = frame.copy_to(&mut payload).unwrap();
            payload[..len].iter().all(|byte| *byte == raw as u8)
        });
        got.push((raw, whole));
    }
}
