//! A model of the base directory: one directory per stream and epoch, what is in it, and what may go wrong with it.
//!
//! It outlives drivers and boots. Memory that somebody has mapped outlives its directory, as with real files.

use core::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::driver::{FileError, FileOrder, FileResult, FoundEpoch, Keep};
use tp_core_nostd::time::Instant;
use tp_tests::fake_transport::{Dice, Owner};

use crate::fact::Removal;
use crate::planted::{Bug, Planted};
use crate::store::Store;

/// What is wrong with the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// No room for more regions than there are, until some are removed.
    Full,
    /// No huge pages are left, and nothing the driver removes brings any back.
    NoHugePages,
    /// Regions cannot be locked into memory.
    NotLocked,
    /// The driver may not write.
    NotPermitted,
    /// What is there cannot be read.
    Unreadable,
}

/// The disk as actors hold it.
pub(crate) type SharedDisk = Rc<RefCell<Disk>>;

/// The regions of one epoch.
#[derive(Debug)]
pub(crate) struct Regions {
    /// Which memory this is: two that share it have the same number.
    pub memory: u64,
    /// The activity stamp of its superblocks, in nanoseconds.
    pub activity_ns: Cell<u64>,
    /// The process in its superblocks.
    pub creator: Owner,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Disk {
    /// Directories by stream and epoch; those without regions are empty.
    streams: BTreeMap<StreamId, BTreeMap<u64, Option<Rc<Regions>>>>,
    trouble: Trouble,
    /// How many epochs with regions there is room for.
    room: usize,
    memories: u64,
    /// Processes whose ids are in use, by themselves or by whoever came after them.
    living: BTreeSet<Owner>,
    /// What collection took since somebody last looked.
    removed: Vec<Removal>,
    planted: Planted,
}

impl Disk {
    /// An empty one.
    pub(crate) fn new(planted: Planted) -> SharedDisk {
        Rc::new(RefCell::new(Self {
            streams: BTreeMap::new(),
            trouble: Trouble::None,
            room: usize::MAX,
            memories: 0,
            living: BTreeSet::new(),
            removed: Vec::new(),
            planted,
        }))
    }

    /// From now on it has this trouble.
    pub(crate) fn set_trouble(&mut self, trouble: Trouble) {
        self.trouble = trouble;
        self.room = match trouble {
            Trouble::Full => self.used(),
            _ => usize::MAX,
        };
    }

    /// The regions of an epoch, for whoever maps them.
    pub(crate) fn open(&self, stream: StreamId, epoch: Epoch) -> Option<Rc<Regions>> {
        self.streams.get(&stream)?.get(&epoch.get())?.clone()
    }

    fn scan(&self, stream: StreamId) -> FileResult {
        if self.trouble == Trouble::Unreadable {
            let error = FileError::Unreadable;
            return FileResult::Failed { stream, error };
        }
        FileResult::Scanned {
            stream,
            last_epoch: self.planted.scanned(self.newest(stream)),
        }
    }

    fn provision(
        &mut self,
        now: Instant,
        creator: Owner,
        stream: StreamId,
        epoch: Epoch,
    ) -> FileResult {
        let no_space = FileError::NoSpace { needed: 1, free: 0 };
        let error = match self.trouble {
            Trouble::None | Trouble::Unreadable => None,
            Trouble::Full => (self.used() >= self.room).then_some(no_space),
            Trouble::NoHugePages => Some(no_space),
            Trouble::NotLocked => Some(FileError::NotLocked),
            Trouble::NotPermitted => Some(FileError::NotPermitted),
        };
        if let Some(error) = error {
            return FileResult::Failed { stream, error };
        }
        let epochs = self.streams.entry(stream).or_default();
        let mut number = epoch.get();
        while epochs.contains_key(&number) {
            number = number.saturating_add(1);
        }
        let Some(epoch) = Epoch::new(number) else {
            let error = FileError::NoEpochLeft;
            return FileResult::Failed { stream, error };
        };
        self.memories = self.memories.saturating_add(1);
        let before = epochs.values().next_back().and_then(Option::as_ref);
        let memory = match before {
            Some(before) if self.planted.is(Bug::FilesReused) => before.memory,
            _ => self.memories,
        };
        let regions = Regions {
            memory,
            activity_ns: Cell::new(now.as_ns()),
            creator,
        };
        if !self.planted.is(Bug::LyingDisk) {
            epochs.insert(number, Some(Rc::new(regions)));
        }
        FileResult::Provisioned { stream, epoch }
    }

    /// What the policy of the engine does not spare goes; of the newest only its regions (D-204).
    fn collect(
        &mut self,
        now: Instant,
        driver: Owner,
        stream: StreamId,
        keep: &Keep,
    ) -> FileResult {
        let newest = self.newest(stream);
        let Self {
            streams,
            living,
            planted,
            removed: told,
            ..
        } = self;
        let epochs = streams.entry(stream).or_default();
        let ranked: Vec<u64> = epochs.keys().rev().copied().collect();
        let mut removed = 0;
        for (rank, epoch) in (0..).zip(ranked) {
            let regions = epochs.get(&epoch).and_then(Option::as_ref);
            let found = FoundEpoch {
                epoch,
                activity_ns: regions.map_or(0, |regions| regions.activity_ns.get()),
                // The driver itself does not count (driver 12, trap 12).
                creator_lives: regions.is_some_and(|regions| {
                    regions.creator != driver && living.contains(&regions.creator)
                }),
            };
            if planted.spares(keep.spares(now, rank, found)) {
                continue;
            }
            removed += u32::from(regions.is_some());
            let record_stays = epoch == newest && !planted.is(Bug::NoRecord);
            if record_stays {
                epochs.insert(epoch, None);
            } else {
                epochs.remove(&epoch);
            }
            told.push(Removal {
                stream,
                epoch,
                newest,
                record_stays,
            });
        }
        FileResult::Collected { stream, removed }
    }

    /// How many epochs have regions, but for those that look alive because their maker's id is in use again.
    pub(crate) fn epochs(&self, stream: StreamId) -> usize {
        let last = self.living.last();
        let epochs = self.streams.get(&stream).into_iter();
        let made = epochs.flat_map(BTreeMap::values).flatten();
        made.filter(|regions| {
            Some(&regions.creator) == last || !self.living.contains(&regions.creator)
        })
        .count()
    }

    fn newest(&self, stream: StreamId) -> u64 {
        let epochs = self.streams.get(&stream);
        let newest = epochs.and_then(|epochs| epochs.keys().next_back());
        newest.copied().unwrap_or(0)
    }

    fn used(&self) -> usize {
        let epochs = self.streams.values().flat_map(BTreeMap::values);
        epochs.flatten().count()
    }
}

impl Store for Disk {
    fn came(&mut self, driver: Owner) {
        self.living.insert(driver);
    }

    fn went(&mut self, driver: Owner, dice: &mut Dice) {
        if !dice.happens(10) {
            self.living.remove(&driver);
        }
    }

    fn carry_out(
        &mut self,
        now: Instant,
        creator: Owner,
        order: FileOrder<'_>,
    ) -> Option<FileResult> {
        match order {
            FileOrder::Scan { stream } => Some(self.scan(stream)),
            FileOrder::Provision { stream, epoch, .. } => {
                Some(self.provision(now, creator, stream, epoch))
            }
            FileOrder::Collect { stream, keep } => Some(self.collect(now, creator, stream, &keep)),
            FileOrder::RefreshActivity { stream, epoch } => {
                if let Some(regions) = self.open(stream, epoch) {
                    regions.activity_ns.set(now.as_ns());
                }
                None
            }
        }
    }

    fn interrupted(&mut self, now: Instant, creator: Owner, order: FileOrder<'_>, dice: &mut Dice) {
        match (dice.within(0..=2), order) {
            (0, FileOrder::Provision { stream, epoch, .. }) => {
                let epochs = self.streams.entry(stream).or_default();
                epochs.entry(epoch.get()).or_insert(None);
            }
            (1, _) => {
                self.carry_out(now, creator, order);
            }
            _ => {}
        }
    }

    fn removed(&mut self) -> std::vec::Drain<'_, Removal> {
        self.removed.drain(..)
    }
}
