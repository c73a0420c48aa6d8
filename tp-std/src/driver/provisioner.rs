//! The thread that makes, finds and removes files. Prefaulting a large pool takes seconds; here it holds up nothing but
//! other files (D-216).

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, Sender};

use tp_core_nostd::ids::{Epoch, PoolId, StreamId};
use tp_core_nostd::memory::{MapError, MapStep};
use tp_core_nostd::proto::driver::{FileError, FileResult};
use tp_core_nostd::seq::SlotCount;
use tp_core_nostd::shm::Stride;
use tp_core_nostd::time::Clock;
use tp_linux_hugepages::{CanonicalTree, CreateError, CreatedRegion, EpochShape, Residency};
use tracing::{info, warn};

/// Directories that may be in the way of one new epoch.
const EPOCHS_TRIED: u32 = 1000;

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
    /// Remove the old epochs of a stream.
    Collect(StreamId),
    /// Unmap the regions of an epoch that is out of use. Takes its time, too.
    Unmap(Vec<CreatedRegion>),
    /// Remove all files that were made.
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
    /// What was made and not removed since.
    pub(super) made: BTreeSet<(StreamId, u64)>,
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
                Job::Collect(stream) => Some(Done {
                    result: FileResult::Collected { stream, removed: 0 },
                    regions: Vec::new(),
                }),
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

    fn scan(&self, stream: StreamId) -> Done {
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
                    self.made.insert((stream, epoch.get()));
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

    /// Removes what this driver made. The last directory of each stream stays, empty, as the record of its number
    /// (D-204).
    fn remove_all(&mut self) {
        for (stream, epoch) in core::mem::take(&mut self.made) {
            let is_last = matches!(self.tree.last_epoch(stream), Ok(Some(last)) if last == epoch);
            let removed = if is_last {
                self.tree.empty_epoch(stream, epoch)
            } else {
                self.tree.remove_epoch(stream, epoch)
            };
            if let Err(error) = removed {
                warn!(%stream, epoch, %error, "files not removed");
            }
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
        CreateError::File(error) if error.source.kind() == std::io::ErrorKind::PermissionDenied => {
            FileError::NotPermitted
        }
        CreateError::File(error) => FileError::Failed(error.source.raw_os_error().unwrap_or(0)),
        CreateError::EpochExists(_) | CreateError::Map { .. } => FileError::Failed(0),
    }
}
