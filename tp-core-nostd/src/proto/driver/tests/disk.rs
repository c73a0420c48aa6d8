//! The disk of a driver: which epochs each stream has, and when their regions were last written to.

use std::collections::BTreeMap;
use std::vec::Vec;

use super::super::*;
use crate::ids::StreamId;
use crate::time::Instant;

/// Epochs by stream. It outlives drivers.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    streams: BTreeMap<StreamId, BTreeMap<u64, Option<Instant>>>,
}

/// Streams with one old epoch each, whose regions nobody has written to since the beginning of time.
impl<const N: usize> From<[(StreamId, u64); N]> for Disk {
    fn from(old: [(StreamId, u64); N]) -> Self {
        let mut disk = Self::default();
        for (stream, epoch) in old {
            disk.create(Instant::from_ns(0), stream, epoch);
        }
        disk
    }
}

impl Disk {
    /// The highest epoch of a stream, 0 if there is none.
    pub(super) fn last(&self, stream: StreamId) -> u64 {
        let epochs = self.streams.get(&stream);
        epochs
            .and_then(|epochs| Some(*epochs.last_key_value()?.0))
            .unwrap_or(0)
    }

    /// Makes the regions of an epoch.
    pub(super) fn create(&mut self, now: Instant, stream: StreamId, epoch: u64) {
        self.streams
            .entry(stream)
            .or_default()
            .insert(epoch, Some(now));
    }

    /// The epochs that a collection would take the files of.
    pub(super) fn doomed(&self, now: Instant, stream: StreamId, keep: Keep) -> Vec<u64> {
        let epochs = self.streams.get(&stream).into_iter().flatten().rev();
        let mut doomed = Vec::new();
        for (rank, (epoch, activity)) in epochs.enumerate() {
            let Some(activity) = activity else { continue };
            let found = FoundEpoch {
                epoch: *epoch,
                activity_ns: activity.as_ns(),
                creator_lives: false,
            };
            if !keep.spares(now, rank as u32, found) {
                doomed.push(*epoch);
            }
        }
        doomed
    }

    /// Carries an order out as a working disk does.
    pub(super) fn carry_out(&mut self, now: Instant, order: FileOrder<'_>) -> Option<FileResult> {
        match order {
            FileOrder::Scan { stream } => {
                let last_epoch = self.last(stream);
                Some(FileResult::Scanned { stream, last_epoch })
            }
            FileOrder::Provision { stream, epoch, .. } => {
                self.create(now, stream, epoch.get());
                Some(FileResult::Provisioned { stream, epoch })
            }
            FileOrder::Collect { stream, keep } => {
                let doomed = self.doomed(now, stream, keep);
                let last = self.last(stream);
                let epochs = self.streams.entry(stream).or_default();
                for epoch in &doomed {
                    epochs.remove(epoch);
                    if *epoch == last {
                        // Its directory stays, empty (D-204).
                        epochs.insert(last, None);
                    }
                }
                let removed = doomed.len() as u32;
                Some(FileResult::Collected { stream, removed })
            }
            FileOrder::RefreshActivity { stream, epoch } => {
                let epochs = self.streams.entry(stream).or_default();
                if let Some(activity) = epochs.get_mut(&epoch.get()) {
                    *activity = Some(now);
                }
                None
            }
        }
    }
}
