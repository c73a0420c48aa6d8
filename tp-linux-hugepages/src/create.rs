//! Creating the regions of a new epoch, complete or not at all (W-271, D-187).

use crate::bell::{self, BELL_FILE};
use crate::dir::FileError;
use crate::hugetlb::whole_pages;
use crate::mapping::{Extent, Residency, WritableMapping};
use crate::open::RegionFile;
use crate::reserve::{free_bytes, is_no_space, reserve};
use crate::tree::{CanonicalTree, HEADER_FILE, pool_file};
use rustix::fd::OwnedFd;
use rustix::fs::fsync;
use std::io;
use std::path::{Path, PathBuf};
use tp_core_nostd::ids::{Epoch, PoolId, StreamId};
use tp_core_nostd::memory::{MapError, WritableRegion};
use tp_core_nostd::seq::SlotCount;
use tp_core_nostd::shm::{RegionKind, RegionShape, Stride, Superblock};
use tp_core_nostd::time::Instant;

/// Why there is no new epoch. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The directory is there already; take the next number (driver 7, step 3).
    #[error("{} exists already", .0.display())]
    EpochExists(PathBuf),
    /// Not enough room for all regions, in memory, on disk or in huge pages.
    #[error("no room for {}: {needed_bytes} bytes needed, {free_bytes} free", path.display())]
    NoSpace {
        /// The epoch's directory.
        path: PathBuf,
        /// Bytes that the files of all its regions take together.
        needed_bytes: u64,
        /// Bytes that were free.
        free_bytes: u64,
    },
    /// A region could not be mapped, prefaulted or locked (D-189).
    #[error("cannot use {}: {reason}", path.display())]
    Map {
        /// The region's file.
        path: PathBuf,
        /// What went wrong.
        reason: MapError,
    },
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The regions of one epoch.
#[derive(Clone, Copy, Debug)]
pub struct EpochShape<'a> {
    /// The data source.
    pub stream: StreamId,
    /// The new incarnation of its regions.
    pub epoch: Epoch,
    /// Slots of the ring and of every pool.
    pub slots: SlotCount,
    /// The pools, each with its own id.
    pub pools: &'a [(PoolId, Stride)],
}

impl EpochShape<'_> {
    /// The header ring, then the pools.
    fn regions(&self) -> impl Iterator<Item = RegionShape> {
        let pool = |&(pool_id, stride)| RegionKind::PayloadPool { pool_id, stride };
        let kinds = core::iter::once(RegionKind::HeaderRing).chain(self.pools.iter().map(pool));
        kinds.map(|kind| RegionShape {
            stream_id: self.stream,
            epoch: self.epoch,
            slots: self.slots,
            kind,
        })
    }
}

/// A region as it was created: ready to be announced. The mapping is for activity stamps, and keeps the region locked if
/// it was to be (D-192).
#[derive(Debug)]
pub struct CreatedRegion {
    /// What it holds.
    pub shape: RegionShape,
    /// Its canonical path.
    pub path: PathBuf,
    /// Its memory.
    pub mapping: WritableMapping,
}

impl CanonicalTree {
    /// Creates the regions of an epoch: header ring first, then the pools in their order. All space is reserved before
    /// anything is written, so that no use of a region can fail for lack of it. May take seconds for large pools.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub fn create_epoch(
        &self,
        shape: &EpochShape<'_>,
        now: Instant,
        residency: Residency,
    ) -> Result<Vec<CreatedRegion>, CreateError> {
        let number = shape.epoch.get();
        let path = self.epoch_dir(shape.stream, number);
        let stream_dir = self.make_stream_dir(shape.stream)?;
        let dir = self
            .make_dir(&stream_dir, &number.to_string(), &path)
            .map_err(|error| match error.source.kind() {
                io::ErrorKind::AlreadyExists => CreateError::EpochExists(error.path),
                _ => error.into(),
            })?;
        self.fill(shape, &dir, &path, now, residency)
            .map_err(|failure| {
                // The failure is what counts; that something could not be cleared away would only hide it.
                let _ = self.discard_epoch(&stream_dir, shape.stream, number);
                match failure {
                    CreateError::File(error) if is_no_space(&error) => CreateError::NoSpace {
                        path,
                        needed_bytes: self.needed_bytes(shape),
                        free_bytes: free_bytes(&stream_dir),
                    },
                    other => other,
                }
            })
    }

    /// Bytes that the files of an epoch take together.
    fn needed_bytes(&self, shape: &EpochShape<'_>) -> u64 {
        let lengths = shape.regions().map(|region| self.file_len(&region));
        lengths.fold(0, u64::saturating_add)
    }

    fn file_len(&self, region: &RegionShape) -> u64 {
        // No file system has room for what does not fit 64 bits.
        whole_pages(region.region_len(), self.huge_page_bytes()).unwrap_or(u64::MAX)
    }

    fn fill(
        &self,
        shape: &EpochShape<'_>,
        dir: &OwnedFd,
        path: &Path,
        now: Instant,
        residency: Residency,
    ) -> Result<Vec<CreatedRegion>, CreateError> {
        let mut reserved = Vec::new();
        for region in shape.regions() {
            let path = match region.kind {
                RegionKind::HeaderRing => path.join(HEADER_FILE),
                RegionKind::PayloadPool { pool_id, .. } => path.join(pool_file(pool_id)),
            };
            let file = reserve(dir, &path, self.mode(), self.file_len(&region))?;
            reserved.push((region, path, file));
        }
        let regions = reserved
            .into_iter()
            .map(|(shape, path, file)| {
                let mapping =
                    self.write(&shape, &path, &RegionFile::created(file), now, residency)?;
                Ok(CreatedRegion {
                    shape,
                    path,
                    mapping,
                })
            })
            .collect::<Result<_, CreateError>>()?;
        // On huge pages it would take a whole one; consumers do without.
        if self.huge_page_bytes().is_none() {
            bell::create(dir, &path.join(BELL_FILE), self.mode())?;
        }
        fsync(dir).map_err(|error| FileError::new("sync", path, error))?;
        Ok(regions)
    }

    /// Maps a reserved file and makes it a region.
    fn write(
        &self,
        shape: &RegionShape,
        path: &Path,
        file: &RegionFile,
        now: Instant,
        residency: Residency,
    ) -> Result<WritableMapping, CreateError> {
        let unusable = |reason| CreateError::Map {
            path: path.to_path_buf(),
            reason,
        };
        let extent = Extent::new(shape.region_len(), self.huge_page_bytes()).map_err(unusable)?;
        let mapping = WritableMapping::new(file, extent, residency).map_err(unusable)?;
        let superblock = Superblock {
            shape: *shape,
            pid: std::process::id().into(),
            start_ns: now.as_ns(),
            activity_ns: now.as_ns(),
        };
        superblock.create(mapping.writer()).map_err(|bounds| {
            let (needed, got) = (bounds.needed, bounds.got);
            unusable(MapError::TooShort { needed, got })
        })?;
        fsync(file).map_err(|error| FileError::new("sync", path, error))?;
        Ok(mapping)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{HugePages, Mounted, STREAM, ScratchTree, mapped, tree_in, turn_to_lock};
    use crate::mode::FileMode;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};
    use tp_core_nostd::memory::Region;

    const NOW: Instant = Instant::from_ns(1_234_567);
    const POOLS: [(PoolId, Stride); 2] = [
        (PoolId::new(1).unwrap(), Stride::new(640).unwrap()),
        (PoolId::new(7).unwrap(), Stride::new(1 << 16).unwrap()),
    ];

    fn shape(epoch: u64) -> EpochShape<'static> {
        EpochShape {
            stream: STREAM,
            epoch: Epoch::new(epoch).unwrap(),
            slots: SlotCount::new(8).unwrap(),
            pools: &POOLS,
        }
    }

    fn create(tree: &CanonicalTree, epoch: u64) -> Result<Vec<CreatedRegion>, CreateError> {
        tree.create_epoch(&shape(epoch), NOW, Residency::default())
    }

    #[test] // req: W-016, W-017, W-244, W-262, W-266, W-267, D-179, D-182, D-188
    fn an_epoch_is_a_ring_and_its_pools_in_the_canonical_place() {
        let scratch = ScratchTree::new();
        let regions = create(&scratch.tree, 42).unwrap();
        let dir = scratch
            .base()
            .canonicalize()
            .unwrap()
            .join("tensorpool-jane/lab1/10000/42");
        for (region, (file, len)) in regions.iter().zip([
            ("header.ring", 64 + 8 * 256),
            ("1.pool", 64 + 8 * 640),
            ("7.pool", 64 + 8 * 65536),
        ]) {
            assert_eq!(region.path, dir.join(file));
            assert_eq!(fs::metadata(&region.path).unwrap().len(), len);
            assert_eq!(region.mapping.view().len() as u64, len);
        }
        let bell = fs::metadata(dir.join("wake.bell")).unwrap();
        let ring = fs::metadata(dir.join("header.ring")).unwrap();
        assert_eq!(
            (bell.uid(), bell.gid(), bell.mode()),
            (ring.uid(), ring.gid(), ring.mode())
        );
        assert_eq!(fs::read_dir(&dir).unwrap().count(), regions.len() + 1);
    }

    #[test] // req: D-015, D-187, W-019, W-271
    fn regions_are_complete_and_otherwise_zero() {
        let scratch = ScratchTree::new();
        for region in create(&scratch.tree, 42).unwrap() {
            let superblock = Superblock::load_as(region.mapping.view(), &region.shape).unwrap();
            assert_eq!(superblock.pid, u64::from(std::process::id()));
            assert_eq!(
                (superblock.start_ns, superblock.activity_ns),
                (1_234_567, 1_234_567)
            );
            let bytes = fs::read(&region.path).unwrap();
            assert!(bytes[64..].iter().all(|&byte| byte == 0));
        }
        assert_eq!(scratch.last(), Some(42));
    }

    #[test] // req: D-187, D-131
    fn an_epoch_that_exists_is_left_alone() {
        let scratch = ScratchTree::new();
        let first = create(&scratch.tree, 42).unwrap();
        first[0].mapping.writer().store(20, 7).unwrap();
        let refused = create(&scratch.tree, 42).unwrap_err();
        assert!(matches!(refused, CreateError::EpochExists(path) if path.ends_with("42")));
        assert_eq!(first[0].mapping.view().load(20), Ok(7));
        assert_eq!(fs::read_dir(scratch.path("42")).unwrap().count(), 4);
        assert!(create(&scratch.tree, 43).is_ok());
    }

    #[test] // req: D-187, W-255
    fn a_planted_link_is_not_followed() {
        let scratch = ScratchTree::new();
        symlink(scratch.base(), scratch.path("42")).unwrap();
        let refused = create(&scratch.tree, 42);
        assert!(matches!(refused, Err(CreateError::EpochExists(_))));
        assert!(!scratch.base().join("header.ring").exists());
    }

    #[test] // req: D-187, D-192
    fn prefaulted_and_locked_regions_are_in_memory_from_the_start() {
        let _turn = turn_to_lock();
        let base = tempfile::tempdir_in("/dev/shm").unwrap();
        let tree = tree_in(base.path(), FileMode::SHARED_GROUP);
        let prefault = Residency {
            prefault: true,
            lock: false,
        };
        for region in tree.create_epoch(&shape(42), NOW, prefault).unwrap() {
            let mapped = mapped(&region.path).unwrap();
            assert_eq!(mapped.resident_kib, mapped.size_kib);
        }
        let lock = Residency {
            prefault: false,
            lock: true,
        };
        for region in tree.create_epoch(&shape(43), NOW, lock).unwrap() {
            let mapped = mapped(&region.path).unwrap();
            assert_eq!(mapped.locked_kib, mapped.size_kib);
        }
    }

    #[test] // req: D-201, W-271
    fn a_full_file_system_is_an_error_that_leaves_nothing_behind() {
        let name = "a_full_file_system_is_an_error_that_leaves_nothing_behind";
        let Some(small) = Mounted::tmpfs(name, 1 << 20) else {
            return;
        };
        let tree = tree_in(small.path(), FileMode::SHARED_GROUP);
        let first = create(&tree, 1).unwrap();
        let needed = first
            .iter()
            .map(|region| region.shape.region_len())
            .sum::<u64>();
        match create(&tree, 2) {
            Err(CreateError::NoSpace {
                path,
                needed_bytes,
                free_bytes,
            }) => {
                assert_eq!(path, tree.epoch_dir(STREAM, 2));
                assert_eq!(needed_bytes, needed);
                assert!(free_bytes > 0 && free_bytes < needed);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(tree.last_epoch(STREAM).unwrap(), Some(1));
    }

    #[test] // req: D-188, D-193, T-30, W-259
    fn on_huge_pages_files_are_whole_pages() {
        let Some(huge) = HugePages::mount("on_huge_pages_files_are_whole_pages", 3) else {
            return;
        };
        let tree = tree_in(huge.path(), FileMode::SHARED_GROUP);
        let page = tree.huge_page_bytes().unwrap().get();
        for region in create(&tree, 1).unwrap() {
            assert_eq!(fs::metadata(&region.path).unwrap().len(), page);
            assert_eq!(
                region.mapping.view().len() as u64,
                region.shape.region_len()
            );
            assert_eq!(mapped(&region.path).unwrap().page_kib, page / 1024);
            Superblock::load_as(region.mapping.view(), &region.shape).unwrap();
        }
        assert_eq!(tree.last_epoch(STREAM).unwrap(), Some(1));
    }

    #[test] // req: D-193, D-201
    fn too_few_huge_pages_are_an_error_that_leaves_nothing_behind() {
        let name = "too_few_huge_pages_are_an_error_that_leaves_nothing_behind";
        let Some(huge) = HugePages::mount(name, 2) else {
            return;
        };
        let tree = tree_in(huge.path(), FileMode::SHARED_GROUP);
        let page = tree.huge_page_bytes().unwrap().get();
        match create(&tree, 1) {
            Err(CreateError::NoSpace {
                needed_bytes,
                free_bytes,
                ..
            }) => assert_eq!((needed_bytes, free_bytes), (3 * page, 2 * page)),
            other => panic!("{other:?}"),
        }
        assert_eq!(tree.last_epoch(STREAM).unwrap(), None);
    }
}
