//! A small ring in real files, its one writer and its readers.

use core::sync::atomic::{AtomicBool, Ordering};
use std::path::PathBuf;

use tempfile::TempDir;
use tp_core_nostd::ids::{Epoch, PoolId, StreamId};
use tp_core_nostd::memory::{Region, RegionMapper};
use tp_core_nostd::proto::claim::{Entry, Overtaking, Streaming, TableId};
use tp_core_nostd::proto::direct;
use tp_core_nostd::proto::publish::{FrameMeta, Publisher};
use tp_core_nostd::proto::read::Reader;
use tp_core_nostd::proto::regions::StreamRegions;
use tp_core_nostd::seq::{Seq, SlotCount};
use tp_core_nostd::shm::{
    Dtype, HeaderRing, MajorOrder, PayloadPool, RegionKind, RegionShape, SlotImage, Stride,
    TensorHeader,
};
use tp_core_nostd::time::Instant;
use tp_core_nostd::uri::RegionUri;
use tp_linux_hugepages::{
    AllowedBases, CanonicalTree, EpochShape, FileMode, LinuxMapper, Namespace, Residency, UserName,
};

use crate::Read;
use crate::content::{LONGEST, fill, is_whole, len};

/// Few, so that what is read is overwritten soon.
const SLOTS: SlotCount = SlotCount::new(4).unwrap();
const STREAM: StreamId = StreamId::new(10_000).unwrap();
const EPOCH: Epoch = Epoch::new(1).unwrap();
const POOL: PoolId = PoolId::new(1).unwrap();
const STRIDE: Stride = Stride::new(LONGEST as u32).unwrap();

/// The files of one epoch.
pub(crate) struct Stage {
    ring: PathBuf,
    pool: PathBuf,
    mapper: LinuxMapper,
    _files: TempDir,
}

type Regions<M> = StreamRegions<M, [PayloadPool<M>; 1]>;

impl Stage {
    pub(crate) fn new() -> Self {
        let files = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let files = files.unwrap();
        let namespace = Namespace::new("torture").unwrap();
        let user = UserName::effective();
        let tree = CanonicalTree::new(files.path(), &user, namespace, FileMode::PRIVATE).unwrap();
        let shape = EpochShape {
            stream: STREAM,
            epoch: EPOCH,
            slots: SLOTS,
            pools: &[(POOL, STRIDE)],
        };
        let now = Instant::from_ns(1);
        let regions = tree.create_epoch(&shape, now, Residency::default());
        let mut paths = regions.unwrap().into_iter().map(|region| region.path);
        let mut path = || paths.next().unwrap();
        Self {
            ring: path(),
            pool: path(),
            mapper: LinuxMapper {
                bases: AllowedBases::new(&[files.path()]).unwrap(),
                ..LinuxMapper::default()
            },
            _files: files,
        }
    }

    /// Publishes frame after frame until told to stop, and returns how many.
    pub(crate) fn write_until(&self, done: &AtomicBool) -> u64 {
        let regions = self.map(|uri, len| self.mapper.map_write(uri, len).unwrap());
        let entries = [Entry::FREE; SLOTS.get() as usize];
        let claims = Streaming::new(TableId(1), entries, SLOTS, Overtaking::Hold).unwrap();
        let mut publisher = Publisher::new(regions, claims);
        let mut payload = [0; LONGEST];
        let mut images: Vec<_> = (0..=LONGEST)
            .map(|len| (len > 0).then(|| image(len)))
            .collect();
        let mut seq = 0;
        while !done.load(Ordering::Relaxed) {
            let payload = &mut payload[..len(seq)];
            fill(seq, payload);
            let meta = FrameMeta {
                timestamp_ns: seq + 1,
                ..FrameMeta::default()
            };
            let image = images[payload.len()].as_mut().unwrap();
            let committed = publisher.offer(payload, image, meta, None).unwrap();
            assert_eq!(committed.seq().get(), seq);
            seq += 1;
        }
        seq
    }

    /// Tries so many times to read one of the newest frames.
    pub(crate) fn read(&self, reads: u64) -> Read {
        let regions = self.map(|uri, len| self.mapper.map_read(uri, len).unwrap());
        let mut reader = Reader::new(regions, [0; SLOTS.get() as usize]).unwrap();
        let mut buffer = [0; LONGEST];
        let mut read = Read::default();
        while read.reads < reads {
            let Some(newest) = direct::newest(reader.regions().ring()) else {
                core::hint::spin_loop();
                continue;
            };
            read.reads += 1;
            // The newest is whole for longest, the oldest is about to be overwritten.
            let back = read.reads % u64::from(SLOTS.get());
            let seq = Seq::new(newest.get().saturating_sub(back)).unwrap();
            let copied = reader.read(seq).ok().and_then(|frame| {
                let len = reader.copy_to(&frame, &mut buffer).ok()?;
                Some((frame.header, len))
            });
            let Some((header, len)) = copied else {
                read.dropped += 1;
                continue;
            };
            read.accepted += 1;
            let dims = [i32::try_from(len).unwrap()];
            let whole = header.timestamp_ns == Some(seq.get() + 1)
                && header.tensor.dims() == dims
                && is_whole(seq.get(), &buffer[..len]);
            read.torn += u64::from(!whole);
        }
        read
    }

    fn map<M: Region>(&self, map: impl Fn(&RegionUri<'_>, u64) -> M) -> Regions<M> {
        let open = |path: &PathBuf, shape: &RegionShape| {
            let uri = RegionUri::new(path.to_str().unwrap(), false).unwrap();
            map(&uri, shape.region_len())
        };
        let ring = shape(RegionKind::HeaderRing);
        let pool = shape(RegionKind::PayloadPool {
            pool_id: POOL,
            stride: STRIDE,
        });
        let ring = HeaderRing::open(open(&self.ring, &ring), &ring).unwrap();
        let pool = PayloadPool::open(open(&self.pool, &pool), &pool).unwrap();
        StreamRegions::new(ring, [pool]).unwrap()
    }
}

fn shape(kind: RegionKind) -> RegionShape {
    RegionShape {
        stream_id: STREAM,
        epoch: EPOCH,
        slots: SLOTS,
        kind,
    }
}

/// The header of a vector of `len` bytes.
fn image(len: usize) -> SlotImage {
    let dims = [i32::try_from(len).unwrap()];
    SlotImage::new(&TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &dims).unwrap())
}
