//! Collecting the old epochs of a stream (driver 3.13): whoever decides sees each of them, newest first; what is not
//! spared goes.
//!
//! Here is only what the disk says and how directories go safely; which ones go is the driver's policy.

use crate::dir::{FileError, find_in, names};
use crate::epochs::{decimal, read_superblock};
use crate::process::another_lives;
use crate::removal::{RemoveError, is_region};
use crate::tree::CanonicalTree;
use rustix::fd::AsFd;
use std::path::Path;
use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::driver::FoundEpoch;
use tp_core_nostd::time::Instant;

/// What a collection did.
#[derive(Debug, Default)]
pub struct Collected {
    /// The epochs that went, by the numbers of their directories; the newest one only lost its files.
    pub removed: Vec<u64>,
    /// What stayed although it was to go, or could not even be looked at. A later collection tries again.
    pub stayed: Vec<RemoveError>,
}

impl CanonicalTree {
    /// Shows `spares` each epoch directory of a stream with its rank, 0 for the newest, and removes those it does not
    /// spare; of the newest only the files, as the directory is the record of the last epoch (D-204). Mappings of removed
    /// files stay as they are until they are dropped.
    ///
    /// Nothing is touched but directories with decimal names in the stream's own directory and files with our names
    /// in them; no link is followed (D-203). Half-made directories of killed drivers are among them, with no activity.
    ///
    /// # Errors
    /// The stream's directory cannot be listed. Whatever else goes wrong concerns one epoch, and is in the result.
    pub fn collect(
        &self,
        stream: StreamId,
        now: Instant,
        mut spares: impl FnMut(u32, FoundEpoch) -> bool,
    ) -> Result<Collected, FileError> {
        let mut collected = Collected::default();
        let Some(dir) = self.find_stream_dir(stream)? else {
            return Ok(collected);
        };
        let mut found = Vec::new();
        for number in names(&dir, &self.stream_dir(stream))?
            .iter()
            .filter_map(|name| decimal(name))
        {
            match look_at(&dir, number, &self.epoch_dir(stream, number), now) {
                Ok(Some(epoch)) => found.push((number, epoch)),
                Ok(None) => {}
                Err(error) => collected.stayed.push(error.into()),
            }
        }
        found.sort_unstable_by_key(|(number, epoch)| core::cmp::Reverse((epoch.epoch, *number)));
        for (rank, (number, epoch)) in (0..).zip(found) {
            if spares(rank, epoch) {
                continue;
            }
            let emptied = self.empty(&dir, stream, number);
            let removed = match rank {
                0 => emptied.map(|files| files > 0),
                _ => emptied
                    .and_then(|_| self.remove_empty(&dir, stream, number))
                    .map(|()| true),
            };
            match removed {
                Ok(true) => collected.removed.push(number),
                Ok(false) => {}
                Err(error) => collected.stayed.push(error),
            }
        }
        Ok(collected)
    }
}

/// What the regions of an epoch directory tell; `None` if it vanished meanwhile.
fn look_at(
    stream_dir: impl AsFd,
    number: u64,
    path: &Path,
    now: Instant,
) -> Result<Option<FoundEpoch>, FileError> {
    let Some(dir) = find_in(stream_dir, &number.to_string(), path)? else {
        return Ok(None);
    };
    let mut found = FoundEpoch {
        epoch: number,
        activity_ns: 0,
        creator_lives: false,
    };
    for name in names(&dir, path)?.iter().filter(|name| is_region(name)) {
        let Some(block) = read_superblock(&dir, name, path)? else {
            continue;
        };
        found.epoch = found.epoch.max(block.epoch.get());
        let made_at = Instant::from_ns(block.start_timestamp_ns.get());
        // Of another boot, on a disk that outlived it: neither its times nor its pid mean anything now.
        if made_at > now {
            continue;
        }
        let activity_ns = block.activity_timestamp_ns.get();
        found.activity_ns = found.activity_ns.max(activity_ns);
        found.creator_lives |= another_lives(block.pid.get(), made_at);
    }
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Creator, STREAM, ScratchTree};
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    const NOW: Instant = Instant::from_ns(1_000_000);
    /// No process has this number (`PID_MAX_LIMIT` is 2^22).
    const NOBODY: u64 = 1 << 30;

    /// Collects and spares nothing but the newest.
    fn collect_all(scratch: &ScratchTree) -> Collected {
        let collected = scratch.tree.collect(STREAM, NOW, |rank, _| rank == 0);
        collected.unwrap()
    }

    /// What a collection that spares everything was shown.
    fn shown(scratch: &ScratchTree) -> Vec<(u32, FoundEpoch)> {
        let mut shown = Vec::new();
        let collected = scratch.tree.collect(STREAM, NOW, |rank, found| {
            shown.push((rank, found));
            true
        });
        assert!(collected.unwrap().removed.is_empty());
        shown
    }

    fn creator(pid: u64, activity_ns: u64) -> Creator {
        Creator {
            pid,
            start_ns: 10,
            activity_ns,
        }
    }

    #[test] // req: D-197, D-198, T-14
    fn epochs_are_shown_newest_first_with_the_newest_stamp_of_their_regions() {
        let scratch = ScratchTree::new();
        for number in [5, 6, 7, 30] {
            scratch.epoch(number);
        }
        scratch.region(5, "header.ring", creator(NOBODY, 400));
        scratch.region(5, "1.pool", creator(NOBODY, 900));
        scratch.region(5, "2.pool", creator(NOBODY, 600));
        // No region: what it says is nobody's activity.
        scratch.region(5, "wake.bell", creator(NOBODY, 950));
        // Our parent lives and was there before the region was made, as far as anybody knows.
        let parent = rustix::process::getppid().unwrap().as_raw_nonzero().get();
        let parent = Creator {
            pid: u64::try_from(parent).unwrap(),
            start_ns: 0,
            activity_ns: 70,
        };
        scratch.region(6, "1.pool", parent);
        // Killed before it had any region.
        fs::write(scratch.path("7/header.ring"), [0; 10]).unwrap();

        let found = |epoch, activity_ns, creator_lives| FoundEpoch {
            epoch,
            activity_ns,
            creator_lives,
        };
        assert_eq!(
            shown(&scratch),
            [
                (0, found(30, 0, false)),
                (1, found(7, 0, false)),
                (2, found(6, 70, true)),
                (3, found(5, 900, false)),
            ]
        );
    }

    #[test] // req: D-197, D-204
    fn rank_is_by_the_epoch_that_name_or_regions_tell() {
        let scratch = ScratchTree::new();
        for number in [5, 6, 7] {
            scratch.epoch(number);
        }
        // The name may lie: this is the newest.
        let own = scratch.path("5/header.ring");
        scratch.region(6, "header.ring", creator(NOBODY, 1));
        fs::rename(scratch.path("6/header.ring"), &own).unwrap();
        scratch.epoch_with_ring(4, tp_core_nostd::shm::MAGIC, 99);
        assert_eq!(
            shown(&scratch)
                .iter()
                .map(|(_, found)| found.epoch)
                .collect::<Vec<_>>(),
            [99, 7, 6, 6]
        );
        let mut removed = collect_all(&scratch).removed;
        removed.sort_unstable();
        assert_eq!(removed, [5, 6, 7]);
        assert_eq!(scratch.last(), Some(99));
    }

    #[test] // req: D-196, D-202, D-204, W-277
    fn what_is_not_spared_goes_and_the_newest_keeps_its_directory() {
        let scratch = ScratchTree::new();
        for number in [5, 6, 7, 8] {
            scratch.epoch(number);
            scratch.region(number, "header.ring", creator(NOBODY, 1));
            scratch.region(number, "65535.pool", creator(NOBODY, 1));
            scratch.region(number, "wake.bell", creator(NOBODY, 1));
        }
        let collected = scratch
            .tree
            .collect(STREAM, NOW, |_, found| found.epoch == 6)
            .unwrap();
        assert_eq!(collected.removed, [8, 7, 5]);
        assert!(collected.stayed.is_empty());
        assert!(scratch.path("6/65535.pool").exists());
        assert_eq!(fs::read_dir(scratch.path("8")).unwrap().count(), 0);
        assert_eq!(fs::read_dir(scratch.path("")).unwrap().count(), 2);
        assert_eq!(scratch.last(), Some(8));
        // Once more there is nothing to do.
        let collected = scratch
            .tree
            .collect(STREAM, NOW, |_, found| found.epoch == 6);
        assert!(collected.unwrap().removed.is_empty());
    }

    #[test] // req: D-202
    fn leftovers_of_killed_drivers_go_in_whatever_state_they_are() {
        let scratch = ScratchTree::new();
        // Nothing but a directory, not even with its final mode; a file without its length; one without a superblock.
        scratch.epoch(1);
        let bare = fs::Permissions::from_mode(0o700);
        fs::set_permissions(scratch.path("1"), bare).unwrap();
        scratch.epoch(2);
        fs::write(scratch.path("2/header.ring"), "").unwrap();
        scratch.epoch(3);
        fs::write(scratch.path("3/header.ring"), [0; 4096]).unwrap();
        fs::write(scratch.path("3/1.pool"), [0; 4096]).unwrap();
        // Stamps from before the machine was started anew: later than now.
        scratch.epoch(4);
        let before = Creator {
            pid: 1,
            start_ns: NOW.as_ns() + 1,
            activity_ns: NOW.as_ns() + 2,
        };
        scratch.region(4, "header.ring", before);
        scratch.epoch(5);
        for (_, found) in shown(&scratch) {
            assert_eq!((found.activity_ns, found.creator_lives), (0, false));
        }
        assert_eq!(collect_all(&scratch).removed, [4, 3, 2, 1]);
    }

    #[test] // req: D-203
    fn a_link_in_the_place_of_an_epoch_stays_and_so_does_what_it_points_at() {
        let scratch = ScratchTree::new();
        let precious = scratch.base().join("precious");
        fs::create_dir(&precious).unwrap();
        fs::write(precious.join("1.pool"), "data").unwrap();
        symlink(&precious, scratch.path("6")).unwrap();
        for number in [5, 7] {
            scratch.epoch(number);
        }
        let collected = collect_all(&scratch);
        assert_eq!(collected.removed, [5]);
        let [RemoveError::File(error)] = &collected.stayed[..] else {
            panic!("{collected:?}");
        };
        assert_eq!(error.path, scratch.path("6"));
        assert!(precious.join("1.pool").exists());
        assert!(scratch.path("6").is_symlink());
    }

    #[test] // req: D-203
    fn a_link_in_the_place_of_a_region_stops_at_the_link() {
        let scratch = ScratchTree::new();
        let precious = scratch.base().join("precious");
        fs::write(&precious, "data").unwrap();
        scratch.epoch(5);
        symlink(&precious, scratch.path("5/1.pool")).unwrap();
        scratch.epoch(7);
        // It cannot be looked at, so nobody can say how old its activity is.
        let collected = collect_all(&scratch);
        assert!(collected.removed.is_empty());
        assert_eq!(collected.stayed.len(), 1);
        assert_eq!(fs::read(&precious).unwrap(), b"data");
    }

    #[test] // req: D-203
    fn foreign_files_keep_their_directory_and_nothing_else_of_it() {
        let scratch = ScratchTree::new();
        scratch.epoch(5);
        scratch.region(5, "1.pool", creator(NOBODY, 1));
        fs::write(scratch.path("5/notes.txt"), "data").unwrap();
        scratch.epoch(7);
        let collected = collect_all(&scratch);
        assert!(collected.removed.is_empty());
        let [RemoveError::UnknownFile(path)] = &collected.stayed[..] else {
            panic!("{collected:?}");
        };
        assert_eq!(path, &scratch.path("5/notes.txt"));
        let left: Vec<_> = fs::read_dir(scratch.path("5")).unwrap().collect();
        assert_eq!(left.len(), 1);
    }

    #[test] // req: D-203
    fn a_directory_or_a_fifo_in_the_place_of_a_file_is_left_alone() {
        let scratch = ScratchTree::new();
        scratch.epoch(4);
        fs::create_dir(scratch.path("4/1.pool")).unwrap();
        fs::write(scratch.path("4/1.pool/header.ring"), "data").unwrap();
        scratch.epoch(7);
        // And a file in the place of a directory.
        fs::write(scratch.path("6"), "data").unwrap();
        let collected = collect_all(&scratch);
        assert!(collected.removed.is_empty());
        assert_eq!(collected.stayed.len(), 2, "{collected:?}");
        assert!(scratch.path("4/1.pool/header.ring").exists());
        assert!(scratch.path("6").exists());
    }

    #[test] // req: D-203
    fn what_vanishes_meanwhile_is_gone_and_no_failure() {
        let scratch = ScratchTree::new();
        for number in [5, 6, 7] {
            scratch.epoch(number);
            scratch.region(number, "1.pool", creator(NOBODY, 1));
        }
        let collected = scratch
            .tree
            .collect(STREAM, NOW, |rank, found| {
                if rank > 0 {
                    fs::remove_dir_all(scratch.path(&found.epoch.to_string())).unwrap();
                }
                rank == 0
            })
            .unwrap();
        assert!(collected.stayed.is_empty(), "{collected:?}");
        assert!(!scratch.path("5").exists() && scratch.path("7").exists());

        let unseen = StreamId::new(10_001).unwrap();
        let nothing = scratch.tree.collect(unseen, NOW, |_, _| false).unwrap();
        assert!(nothing.removed.is_empty() && nothing.stayed.is_empty());
    }

    #[test] // req: D-203
    fn an_epoch_swapped_for_a_link_after_it_was_shown_is_not_followed() {
        let scratch = ScratchTree::new();
        let precious = scratch.base().join("precious");
        fs::create_dir(&precious).unwrap();
        fs::write(precious.join("1.pool"), "data").unwrap();
        for number in [5, 7] {
            scratch.epoch(number);
        }
        let collected = scratch
            .tree
            .collect(STREAM, NOW, |rank, _| {
                if rank == 1 {
                    fs::remove_dir(scratch.path("5")).unwrap();
                    symlink(&precious, scratch.path("5")).unwrap();
                }
                rank == 0
            })
            .unwrap();
        assert!(collected.removed.is_empty());
        assert_eq!(collected.stayed.len(), 1);
        assert!(precious.join("1.pool").exists());
    }
}
