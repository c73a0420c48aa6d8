//! The epochs of a stream found on disk, and the last one they bear witness of (driver 7).

use crate::dir::{FileError, find_in, names};
use crate::tree::{CanonicalTree, HEADER_FILE};
use rustix::fd::AsFd;
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use tp_core_nostd::ids::StreamId;
use tp_core_nostd::shm::{MAGIC, SUPERBLOCK_LEN, SuperblockBlock};
use zerocopy::FromBytes;

/// One epoch directory of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochOnDisk {
    /// The number that is its name.
    pub number: u64,
    /// What its header ring says, if there is one with the right magic. Unchecked otherwise.
    pub superblock: Option<SuperblockBlock>,
}

impl EpochOnDisk {
    /// The highest epoch it bears witness of; its name may lie (driver 7).
    pub fn last_epoch(&self) -> u64 {
        let recorded = self.superblock.map_or(0, |block| block.epoch.get());
        self.number.max(recorded)
    }
}

impl CanonicalTree {
    /// The epoch directories of a stream, lowest number first; none if the stream has no directory. Other names in it
    /// are passed over.
    ///
    /// # Errors
    /// A directory or header ring that is there and cannot be read: whoever guessed its epoch could repeat it.
    pub fn epochs(&self, stream: StreamId) -> Result<Vec<EpochOnDisk>, FileError> {
        let Some(dir) = self.find_stream_dir(stream)? else {
            return Ok(Vec::new());
        };
        let mut epochs = Vec::new();
        for number in names(&dir, &self.stream_dir(stream))?
            .iter()
            .filter_map(|name| decimal(name))
        {
            let path = self.epoch_dir(stream, number);
            // Whoever removes old epochs may be doing so now.
            if let Some(epoch_dir) = find_in(&dir, &number.to_string(), &path)? {
                let superblock = read_superblock(&epoch_dir, HEADER_FILE, &path)?;
                epochs.push(EpochOnDisk { number, superblock });
            }
        }
        epochs.sort_unstable_by_key(|epoch| epoch.number);
        Ok(epochs)
    }

    /// The highest epoch of a stream that the disk bears witness of: directory names and header rings (driver 7).
    ///
    /// # Errors
    /// See [`CanonicalTree::epochs`]; then the stream must not be provisioned.
    pub fn last_epoch(&self, stream: StreamId) -> Result<Option<u64>, FileError> {
        let epochs = self.epochs(stream)?;
        Ok(epochs.iter().map(EpochOnDisk::last_epoch).max())
    }
}

/// A number in plain decimal: no sign, no leading zeros.
pub(crate) fn decimal(name: &str) -> Option<u64> {
    name.parse()
        .ok()
        .filter(|number: &u64| number.to_string() == name)
}

/// The superblock at the start of the region file `name` in an epoch's directory; `None` where there is no such file, or
/// none whose creation was finished. `path` is the directory's.
pub(crate) fn read_superblock(
    dir: impl AsFd,
    name: &str,
    path: &Path,
) -> Result<Option<SuperblockBlock>, FileError> {
    let refused = |error: io::Error| FileError::new("read", &path.join(name), error);
    // Not waiting for a writer, should it be a FIFO.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(dir, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(refused(error.into())),
    };
    let mut bytes = [0; SUPERBLOCK_LEN as usize];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(refused(error)),
    }
    Ok(SuperblockBlock::read_from_bytes(&bytes)
        .ok()
        .filter(|block| block.magic.get() == MAGIC))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{STREAM, ScratchTree};
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test] // req: T-55, D-131
    fn the_last_epoch_is_the_highest_that_a_name_or_a_ring_tells() {
        let scratch = ScratchTree::new();
        assert_eq!(scratch.last(), None);
        scratch.epoch(5);
        assert_eq!(scratch.last(), Some(5));
        scratch.epoch_with_ring(7, MAGIC, 7);
        assert_eq!(scratch.last(), Some(7));
        // The name may lie.
        scratch.epoch_with_ring(6, MAGIC, 9);
        assert_eq!(scratch.last(), Some(9));
        // Not a region, whatever its number.
        scratch.epoch_with_ring(8, MAGIC + 1, 1_000);
        assert_eq!(scratch.last(), Some(9));
        // Died while it was being created.
        scratch.epoch(10);
        fs::write(scratch.path("10/header.ring"), [0; 63]).unwrap();
        assert_eq!(scratch.last(), Some(10));
        scratch.epoch(u64::MAX);
        assert_eq!(scratch.last(), Some(u64::MAX));

        let epochs = scratch.tree.epochs(STREAM).unwrap();
        let numbers: Vec<u64> = epochs.iter().map(|epoch| epoch.number).collect();
        assert_eq!(numbers, [5, 6, 7, 8, 10, u64::MAX]);
        assert_eq!(epochs[1].superblock.unwrap().pid.get(), 77);
    }

    #[test] // req: T-55
    fn a_stream_never_seen_has_no_last_epoch() {
        let scratch = ScratchTree::new();
        let other = StreamId::new(10_001).unwrap();
        assert_eq!(scratch.tree.last_epoch(other).unwrap(), None);
    }

    #[test] // req: D-203
    fn names_that_are_no_plain_decimal_are_passed_over() {
        let scratch = ScratchTree::new();
        for name in [
            "007",
            "+8",
            "-9",
            "1e3",
            "0x10",
            "18446744073709551616",
            "lost+found",
        ] {
            fs::create_dir(scratch.path(name)).unwrap();
        }
        assert_eq!(scratch.tree.epochs(STREAM).unwrap(), []);
    }

    #[test] // req: D-203
    fn what_cannot_be_read_is_an_error_and_no_guess() {
        let scratch = ScratchTree::new();
        let elsewhere = scratch.base().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        symlink(&elsewhere, scratch.path("3")).unwrap();
        assert!(scratch.tree.last_epoch(STREAM).is_err());
        fs::remove_file(scratch.path("3")).unwrap();

        scratch.epoch(4);
        fs::create_dir(scratch.path("4/header.ring")).unwrap();
        assert!(scratch.tree.last_epoch(STREAM).is_err());
        fs::remove_dir(scratch.path("4/header.ring")).unwrap();
        symlink(elsewhere.join("ring"), scratch.path("4/header.ring")).unwrap();
        assert!(scratch.tree.last_epoch(STREAM).is_err());
    }
}
