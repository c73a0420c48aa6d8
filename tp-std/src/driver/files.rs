//! The files of a driver as its agent sees them: orders go to a thread, results come back, stamps are written here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread::{self, JoinHandle};

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::memory::WritableRegion;
use tp_core_nostd::proto::driver::{FileOrder, FileResult};
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
