//! Real files in a directory of their own, made at once.

use std::collections::BTreeMap;
use std::path::Path;
use std::vec::Drain;

use tempfile::TempDir;
use tp_core_nostd::ids::{Epoch, PoolId, StreamId};
use tp_core_nostd::memory::WritableRegion;
use tp_core_nostd::proto::driver::{FileError, FileOrder, FileResult, Profile};
use tp_core_nostd::seq::SlotCount;
use tp_core_nostd::shm::{Stride, store_activity};
use tp_core_nostd::time::Instant;
use tp_linux_hugepages::{
    CanonicalTree, CreateError, CreatedRegion, EpochShape, FileMode, Namespace, Residency, UserName,
};
use tp_std::OwnRegions;
use tp_tests::fake_transport::{Dice, Owner};

use super::STRIDE;
use crate::fact::Removal;
use crate::store::Store;

/// The files of all drivers of one run. They go with it.
#[derive(Debug)]
pub(super) struct Files {
    tree: CanonicalTree,
    /// What the living driver has mapped, for its stamps.
    regions: BTreeMap<StreamId, (Epoch, Vec<CreatedRegion>)>,
    removed: Vec<Removal>,
    dir: TempDir,
}

impl Files {
    /// In memory, where the machine has a place for that.
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let dir = dir.unwrap();
        let namespace = Namespace::new("sim").unwrap();
        let user = UserName::effective();
        let tree = CanonicalTree::new(dir.path(), &user, namespace, FileMode::SHARED_GROUP);
        Self {
            tree: tree.unwrap(),
            regions: BTreeMap::new(),
            removed: Vec::new(),
            dir,
        }
    }

    /// The directory that clients are allowed to map from.
    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What drivers announce paths below.
    pub(super) fn root(&self) -> String {
        self.tree.root().to_str().unwrap().to_owned()
    }

    /// Unmaps what the last driver had mapped.
    pub(super) fn forget(&mut self) {
        self.regions.clear();
    }

    fn provision(
        &mut self,
        now: Instant,
        stream: StreamId,
        first: Epoch,
        profile: &Profile<'_>,
    ) -> FileResult {
        let pools = profile.pools.iter();
        let pools: Vec<_> = pools.map(|class| (class.pool_id, class.stride)).collect();
        let mut epoch = first;
        loop {
            let shape = EpochShape {
                stream,
                epoch,
                slots: profile.header_nslots,
                pools: &pools,
            };
            match self.tree.create_epoch(&shape, now, Residency::default()) {
                Ok(regions) => {
                    self.regions.insert(stream, (epoch, regions));
                    return FileResult::Provisioned { stream, epoch };
                }
                Err(CreateError::EpochExists(_)) => {
                    epoch = epoch.get().checked_add(1).and_then(Epoch::new).unwrap();
                }
                Err(_) => {
                    let error = FileError::Failed(0);
                    return FileResult::Failed { stream, error };
                }
            }
        }
    }

    fn refresh(&self, now: Instant, stream: StreamId, epoch: Epoch) {
        let Some((_, regions)) = self.regions.get(&stream).filter(|(at, _)| *at == epoch) else {
            return;
        };
        for region in regions {
            store_activity(region.mapping.writer(), now).unwrap();
        }
    }
}

/// What a producer without a driver writes, made anew below `dir`.
pub(super) fn own_regions(dir: &Path, now: Instant, stream: StreamId) -> OwnRegions {
    let namespace = Namespace::new("own").unwrap();
    let user = UserName::effective();
    let tree = CanonicalTree::new(dir, &user, namespace, FileMode::SHARED_GROUP).unwrap();
    let last = tree.last_epoch(stream).unwrap().unwrap_or(0);
    let shape = EpochShape {
        stream,
        epoch: Epoch::new(now.as_ns().max(last + 1)).unwrap(),
        slots: SlotCount::new(8).unwrap(),
        pools: &[(
            PoolId::new(1).unwrap(),
            Stride::new(u32::try_from(STRIDE).unwrap()).unwrap(),
        )],
    };
    let regions = tree
        .create_epoch(&shape, now, Residency::default())
        .unwrap();
    OwnRegions::created(&regions).unwrap()
}

impl Store for Files {
    fn came(&mut self, _: Owner) {}

    /// All drivers of a run have one process id, that of the simulation; none looks alive to another.
    fn went(&mut self, _: Owner, _: &mut Dice) {
        self.forget();
    }

    fn carry_out(&mut self, now: Instant, _: Owner, order: FileOrder<'_>) -> Option<FileResult> {
        Some(match order {
            FileOrder::Scan { stream } => FileResult::Scanned {
                stream,
                last_epoch: self.tree.last_epoch(stream).unwrap().unwrap_or(0),
            },
            FileOrder::Provision {
                stream,
                epoch,
                profile,
            } => self.provision(now, stream, epoch, &profile),
            FileOrder::Collect { stream, keep } => {
                if keep.in_use.is_none() {
                    self.regions.remove(&stream);
                }
                let spares = |rank, found| keep.spares(now, rank, found);
                let collected = self.tree.collect(stream, now, spares).unwrap();
                let removed = u32::try_from(collected.removed.len()).unwrap();
                FileResult::Collected { stream, removed }
            }
            FileOrder::RefreshActivity { stream, epoch } => {
                self.refresh(now, stream, epoch);
                return None;
            }
        })
    }

    fn interrupted(&mut self, now: Instant, creator: Owner, order: FileOrder<'_>, dice: &mut Dice) {
        if dice.happens(50) {
            self.carry_out(now, creator, order);
        }
    }

    fn removed(&mut self) -> Drain<'_, Removal> {
        self.removed.drain(..)
    }
}
