//! The files of a driver as its agent sees them: orders go to a thread, results come back, stamps are written here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread::{self, JoinHandle};

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::memory::WritableRegion;
use tp_core_nostd::proto::driver::{FileOrder, FileResult, Keep};
use tp_core_nostd::shm::store_activity;
use tp_core_nostd::time::{Clock, Instant};
use tp_linux_hugepages::{CanonicalTree, CreatedRegion, Residency};

use super::error::DriverError;
use super::provisioner::{Done, Job, Provisioner};

/// The regions in use, and the thread that makes new ones.
#[derive(Debug)]
pub(super) struct Files {
    /// `None` once the thread was told to end.
    jobs: Option<Sender<Job>>,
    done: Receiver<Done>,
    thread: Option<JoinHandle<()>>,
    /// The epoch in use of each stream, mapped: for its stamps, and to keep locked what was locked (D-192).
    regions: BTreeMap<StreamId, (Epoch, Vec<CreatedRegion>)>,
}

impl Files {
    /// Starts the thread.
    pub(super) fn start(
        tree: CanonicalTree,
        residency: Residency,
        clock: impl Clock + Send + 'static,
    ) -> Result<Self, DriverError> {
        let (jobs, queue) = mpsc::channel();
        let (results, done) = mpsc::channel();
        let provisioner = Provisioner {
            tree,
            residency,
            clock,
            streams: BTreeSet::new(),
            complained: BTreeSet::new(),
        };
        let thread = thread::Builder::new()
            .name("tp-driver-files".into())
            .spawn(move || provisioner.run(&queue, &results))
            .map_err(DriverError::Thread)?;
        Ok(Self {
            jobs: Some(jobs),
            done,
            thread: Some(thread),
            regions: BTreeMap::new(),
        })
    }

    /// Takes an order. There is at most one job per stream at a time, so nothing piles up.
    pub(super) fn order(&mut self, now: Instant, order: FileOrder<'_>) -> Result<(), DriverError> {
        match order {
            FileOrder::Scan { stream } => self.send(Job::Scan(stream)),
            FileOrder::Provision {
                stream,
                epoch,
                profile,
            } => self.send(Job::Provision {
                stream,
                epoch,
                slots: profile.header_nslots,
                pools: profile
                    .pools
                    .iter()
                    .map(|class| (class.pool_id, class.stride))
                    .collect(),
            }),
            FileOrder::Collect { stream, keep } => {
                if keep.in_use.is_none()
                    && let Some((_, regions)) = self.regions.remove(&stream)
                {
                    self.send(Job::Unmap(regions))?;
                }
                self.send(Job::Collect(stream, keep))
            }
            FileOrder::RefreshActivity { stream, epoch } => {
                self.refresh(now, stream, epoch);
                Ok(())
            }
        }
    }

    /// Removes what of these streams is not to be kept; nobody uses them.
    pub(super) fn sweep(&self, streams: Vec<StreamId>, keep: Keep) -> Result<(), DriverError> {
        self.send(Job::Sweep(streams, keep))
    }

    /// The next result, if there is one.
    pub(super) fn next(&mut self) -> Result<Option<FileResult>, DriverError> {
        let done = match self.done.try_recv() {
            Ok(done) => done,
            Err(TryRecvError::Empty) => return Ok(None),
            Err(TryRecvError::Disconnected) => return Err(DriverError::FilesGone),
        };
        if let FileResult::Provisioned { stream, epoch } = done.result {
            let before = self.regions.insert(stream, (epoch, done.regions));
            if let Some((_, regions)) = before {
                self.send(Job::Unmap(regions))?;
            }
        }
        Ok(Some(done.result))
    }

    /// Ends the thread after the jobs it has, and removes all files if told so.
    pub(super) fn finish(&mut self, remove: bool) {
        if remove {
            // A thread that is gone has nothing to remove.
            let _ = self.send(Job::RemoveAll);
        }
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.regions.clear();
    }

    /// One aligned 8-byte store per region (D-018).
    fn refresh(&self, now: Instant, stream: StreamId, epoch: Epoch) {
        let Some((_, regions)) = self.regions.get(&stream).filter(|(of, _)| *of == epoch) else {
            return;
        };
        for region in regions {
            // Every region has a superblock; it was written when the region was made.
            let _ = store_activity(region.mapping.writer(), now);
        }
    }

    fn send(&self, job: Job) -> Result<(), DriverError> {
        let jobs = self.jobs.as_ref().ok_or(DriverError::FilesGone)?;
        jobs.send(job).map_err(|_| DriverError::FilesGone)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.finish(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use std::path::Path;
    use std::thread::yield_now;

    use tempfile::TempDir;
    use tp_core_nostd::ids::PoolId;
    use tp_core_nostd::proto::driver::{Keep, Profile};
    use tp_core_nostd::seq::SlotCount;
    use tp_core_nostd::shm::{PoolClass, Stride};
    use tp_linux_hugepages::{FileMode, Namespace, UserName};

    use crate::clock::MonotonicClock;

    const POOLS: [PoolClass; 1] = [PoolClass {
        pool_id: PoolId::new(1).unwrap(),
        stride: Stride::new(64).unwrap(),
    }];

    fn stream() -> StreamId {
        StreamId::new(10_000).unwrap()
    }

    fn epoch(number: u64) -> Epoch {
        Epoch::new(number).unwrap()
    }

    fn start(base: &Path) -> Files {
        let user = UserName::new("jane").unwrap();
        let namespace = Namespace::new("lab").unwrap();
        let tree = CanonicalTree::new(base, &user, namespace, FileMode::PRIVATE).unwrap();
        Files::start(tree, Residency::default(), MonotonicClock).unwrap()
    }

    /// Gives an order and waits for its result.
    fn done(files: &mut Files, order: FileOrder<'_>) -> FileResult {
        files.order(MonotonicClock.now(), order).unwrap();
        loop {
            match files.next().unwrap() {
                Some(result) => return result,
                None => yield_now(),
            }
        }
    }

    fn provision(files: &mut Files, number: u64) {
        let order = FileOrder::Provision {
            stream: stream(),
            epoch: epoch(number),
            profile: Profile {
                header_nslots: SlotCount::new(8).unwrap(),
                pools: &POOLS,
            },
        };
        let made = FileResult::Provisioned {
            stream: stream(),
            epoch: epoch(number),
        };
        assert_eq!(done(files, order), made);
    }

    fn collect(files: &mut Files, keep: Keep) -> u32 {
        let stream = stream();
        match done(files, FileOrder::Collect { stream, keep }) {
            FileResult::Collected { removed, .. } => removed,
            other => panic!("{other:?}"),
        }
    }

    fn epochs(base: &TempDir) -> Vec<(String, usize)> {
        let dir = base.path().join("tensorpool-jane/lab/10000");
        let mut epochs: Vec<_> = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let files = std::fs::read_dir(entry.path()).unwrap().count();
                (entry.file_name().into_string().unwrap(), files)
            })
            .collect();
        epochs.sort();
        epochs
    }

    /// Everything but the newest `newest` and the one in use goes, however fresh.
    fn keep(in_use: Option<u64>, newest: u32) -> Keep {
        Keep {
            in_use: in_use.and_then(Epoch::new),
            spared: None,
            newest,
            min_age: Duration::ZERO,
        }
    }

    #[test] // req: D-192, D-197, D-203
    fn old_epochs_go_as_ordered_and_the_one_in_use_stays_mapped() {
        let base = tempfile::tempdir().unwrap();
        let mut files = start(base.path());
        for number in [5, 6, 7, 8] {
            provision(&mut files, number);
        }
        assert_eq!(collect(&mut files, keep(Some(8), 2)), 2);
        assert_eq!(epochs(&base), [("7".to_owned(), 3), ("8".to_owned(), 3)]);
        assert_eq!(collect(&mut files, keep(Some(8), 2)), 0);
        assert_eq!(files.regions[&stream()].0, epoch(8));
    }

    #[test] // req: D-168, D-204
    fn a_stream_out_of_use_is_unmapped_and_leaves_only_its_number() {
        let base = tempfile::tempdir().unwrap();
        let mut files = start(base.path());
        for number in [5, 6] {
            provision(&mut files, number);
        }
        assert_eq!(collect(&mut files, keep(None, 0)), 2);
        assert!(files.regions.is_empty());
        assert_eq!(epochs(&base), [("6".to_owned(), 0)]);
        let scanned = done(&mut files, FileOrder::Scan { stream: stream() });
        let last_epoch = 6;
        let stream = stream();
        assert_eq!(scanned, FileResult::Scanned { stream, last_epoch });
    }

    #[test] // req: D-134, D-204
    fn cleaning_up_takes_what_killed_drivers_left_too() {
        let base = tempfile::tempdir().unwrap();
        let mut files = start(base.path());
        provision(&mut files, 5);
        // Half-made: killed before it had any region.
        std::fs::create_dir(base.path().join("tensorpool-jane/lab/10000/4")).unwrap();
        provision(&mut files, 6);
        files.finish(true);
        assert_eq!(epochs(&base), [("6".to_owned(), 0)]);
    }
}
