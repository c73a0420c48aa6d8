//! The thread that makes, finds and removes files. Prefaulting a large pool takes seconds; here it holds up nothing but
//! other files (D-216).

use core::time::Duration;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::mpsc::{Receiver, Sender};

use tp_core_nostd::ids::{Epoch, PoolId, StreamId};
use tp_core_nostd::memory::{MapError, MapStep};
use tp_core_nostd::proto::driver::{FileError, FileResult, FoundEpoch, Keep};
use tp_core_nostd::seq::SlotCount;
use tp_core_nostd::shm::Stride;
use tp_core_nostd::time::{Clock, Instant};
use tp_linux_hugepages::{CanonicalTree, CreateError, CreatedRegion, EpochShape, Residency};
use tracing::{info, warn};

/// Directories that may be in the way of one new epoch.
const EPOCHS_TRIED: u32 = 1000;
/// Complaints about old epochs that are written to the log, each once.
const COMPLAINTS: usize = 1000;

/// Something to do.
#[derive(Debug)]
pub(super) enum Job {
    /// Find the last epoch of a stream.
    Scan(StreamId),
    /// Create the regions of an epoch.
    Provision {
        stream: StreamId,
        epoch: Epoch,
        slots: SlotCount,
        pools: Vec<(PoolId, Stride)>,
    },
    /// Remove the old epochs of a stream, except those to keep.
    Collect(StreamId, Keep),
    /// The same for streams that the driver does not have.
    Sweep(Vec<StreamId>, Keep),
    /// Unmap the regions of an epoch that is out of use. Takes its time, too.
    Unmap(Vec<CreatedRegion>),
    /// Remove all files of the driver's streams.
    RemoveAll,
}

/// What came of a job.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) result: FileResult,
    /// The mapped regions of a new epoch.
    pub(super) regions: Vec<CreatedRegion>,
}

impl Done {
    fn failed(stream: StreamId, error: FileError) -> Self {
        Self {
            result: FileResult::Failed { stream, error },
            regions: Vec::new(),
        }
    }
}

/// Does the jobs of one driver, one after the other.
#[derive(Debug)]
pub(super) struct Provisioner<C> {
    pub(super) tree: CanonicalTree,
    pub(super) residency: Residency,
    pub(super) clock: C,
    /// The streams that were looked at or got files.
    pub(super) streams: BTreeSet<StreamId>,
    /// What was complained about already, so that a planted file fills no log.
    pub(super) complained: BTreeSet<String>,
}

impl<C: Clock> Provisioner<C> {
    /// Works until nobody can send jobs or hear results any more.
    pub(super) fn run(mut self, jobs: &Receiver<Job>, done: &Sender<Done>) {
        for job in jobs {
            let answer = match job {
                Job::Scan(stream) => Some(self.scan(stream)),
                Job::Provision {
                    stream,
                    epoch,
                    slots,
                    pools,
                } => Some(self.provision(stream, epoch, slots, &pools)),
                Job::Collect(stream, keep) => {
                    let removed =
                        self.collect(stream, |now, rank, found| keep.spares(now, rank, found));
                    Some(Done {
                        result: FileResult::Collected { stream, removed },
                        regions: Vec::new(),
                    })
                }
                Job::Sweep(streams, keep) => {
                    for stream in streams {
                        self.collect(stream, |now, rank, found| keep.spares(now, rank, found));
                    }
                    None
                }
                Job::Unmap(regions) => {
                    drop(regions);
                    None
                }
                Job::RemoveAll => {
                    self.remove_all();
                    None
                }
            };
            if answer.is_some_and(|answer| done.send(answer).is_err()) {
                return;
            }
        }
    }

    fn scan(&mut self, stream: StreamId) -> Done {
        self.streams.insert(stream);
        match self.tree.last_epoch(stream) {
            Ok(last) => Done {
                result: FileResult::Scanned {
                    stream,
                    last_epoch: last.unwrap_or(0),
                },
                regions: Vec::new(),
            },
            Err(error) => {
                warn!(%stream, %error, "old epochs cannot be read");
                Done::failed(stream, FileError::Unreadable)
            }
        }
    }

    fn provision(
        &mut self,
        stream: StreamId,
        first: Epoch,
        slots: SlotCount,
        pools: &[(PoolId, Stride)],
    ) -> Done {
        self.streams.insert(stream);
        let mut epoch = first;
        for _ in 0..EPOCHS_TRIED {
            let shape = EpochShape {
                stream,
                epoch,
                slots,
                pools,
            };
            let begun = self.clock.now();
            match self.tree.create_epoch(&shape, begun, self.residency) {
                Ok(regions) => {
                    let took: Duration = self.clock.now().since(begun);
                    info!(%stream, %epoch, regions = regions.len(), ?took, "files created");
                    return Done {
                        result: FileResult::Provisioned { stream, epoch },
                        regions,
                    };
                }
                // Somebody else's; numbers only rise (driver 7, step 3).
                Err(CreateError::EpochExists(_)) => {
                    match epoch.get().checked_add(1).and_then(Epoch::new) {
                        Some(next) => epoch = next,
                        None => break,
                    }
                }
                Err(error) => {
                    warn!(%stream, %epoch, %error, "files not created");
                    return Done::failed(stream, reason(&error));
                }
            }
        }
        warn!(%stream, epoch = %first, "every epoch number tried is taken on disk");
        Done::failed(stream, FileError::NoEpochLeft)
    }

    /// Removes the epochs of a stream that `spares` does not spare; returns how many.
    fn collect(
        &mut self,
        stream: StreamId,
        spares: impl Fn(Instant, u32, FoundEpoch) -> bool,
    ) -> u32 {
        let now = self.clock.now();
        let collected = self
            .tree
            .collect(stream, now, |rank, found| spares(now, rank, found));
        match collected {
            Ok(collected) => {
                for error in &collected.stayed {
                    self.complain(stream, error.to_string());
                }
                if !collected.removed.is_empty() {
                    info!(%stream, epochs = ?collected.removed, "old epochs removed");
                }
                u32::try_from(collected.removed.len()).unwrap_or(u32::MAX)
            }
            Err(error) => {
                self.complain(stream, error.to_string());
                0
            }
        }
    }

    /// Removes all files of the driver's streams, except those of another process that lives. The last directory of each
    /// stream stays, empty, as the record of its number (D-204).
    fn remove_all(&mut self) {
        for stream in core::mem::take(&mut self.streams) {
            self.collect(stream, |_, _, found| found.creator_lives);
        }
    }

    /// Says once that something could not be removed.
    fn complain(&mut self, stream: StreamId, error: String) {
        if self.complained.len() < COMPLAINTS && !self.complained.contains(&error) {
            warn!(%stream, %error, "old epoch not removed");
            self.complained.insert(error);
        }
    }
}

/// What clients are told; the log has the whole story.
fn reason(error: &CreateError) -> FileError {
    match error {
        CreateError::NoSpace {
            needed_bytes,
            free_bytes,
            ..
        } => FileError::NoSpace {
            needed: *needed_bytes,
            free: *free_bytes,
        },
        CreateError::Map {
            reason:
                MapError::Failed {
                    step: MapStep::Lock,
                    ..
                },
            ..
        } => FileError::NotLocked,
        CreateError::Map {
            reason: MapError::Failed { code, .. },
            ..
        } => FileError::Failed(*code),
        CreateError::File(error)
            if matches!(
                error.source.kind(),
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            FileError::NotPermitted
        }
        CreateError::File(error) => FileError::Failed(error.source.raw_os_error().unwrap_or(0)),
        CreateError::EpochExists(_) | CreateError::Map { .. } => FileError::Failed(0),
    }
}
