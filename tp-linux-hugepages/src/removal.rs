//! Taking old epochs of a stream away: only our own files, only inside its directory, never through links (D-203).

use crate::dir::{FileError, find_in, names};
use crate::epochs::{EpochOnDisk, decimal};
use crate::tree::{CanonicalTree, HEADER_FILE};
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, unlinkat};
use rustix::io::Errno;
use std::path::PathBuf;
use tp_core_nostd::ids::StreamId;

/// Why an epoch directory was not removed, or not whole.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// Without it nobody would know the stream's last epoch any more (D-204).
    #[error("{} is the only record of the last epoch", .0.display())]
    OnlyRecord(PathBuf),
    /// It holds something that is not ours, which stays; our files are gone (D-203).
    #[error("{} is none of our files", .0.display())]
    UnknownFile(PathBuf),
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

impl CanonicalTree {
    /// Removes our files from an epoch directory and keeps the directory as the record of its number. Mappings of the
    /// files stay as they are until they are dropped. A directory that is gone already is fine.
    ///
    /// # Errors
    /// See [`RemoveError`].
    pub fn empty_epoch(&self, stream: StreamId, number: u64) -> Result<(), RemoveError> {
        match self.find_stream_dir(stream)? {
            Some(dir) => self.empty(&dir, stream, number).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Removes an epoch directory with our files in it, unless the stream's last epoch would be forgotten with it. One
    /// that is gone already is fine.
    ///
    /// # Errors
    /// See [`RemoveError`].
    pub fn remove_epoch(&self, stream: StreamId, number: u64) -> Result<(), RemoveError> {
        let path = self.epoch_dir(stream, number);
        let epochs = self.epochs(stream)?;
        let Some(removed) = epochs.iter().find(|epoch| epoch.number == number) else {
            return Ok(());
        };
        let others = epochs.iter().filter(|epoch| epoch.number != number);
        if others.map(EpochOnDisk::last_epoch).max() < Some(removed.last_epoch()) {
            return Err(RemoveError::OnlyRecord(path));
        }
        match self.find_stream_dir(stream)? {
            Some(dir) => self.discard_epoch(&dir, stream, number),
            None => Ok(()),
        }
    }

    /// Removes an epoch directory with our files in it, whatever is forgotten with it.
    pub(crate) fn discard_epoch(
        &self,
        stream_dir: &OwnedFd,
        stream: StreamId,
        number: u64,
    ) -> Result<(), RemoveError> {
        self.empty(stream_dir, stream, number)?;
        self.remove_empty(stream_dir, stream, number)
    }

    /// Removes an epoch directory that has nothing in it any more.
    pub(crate) fn remove_empty(
        &self,
        stream_dir: &OwnedFd,
        stream: StreamId,
        number: u64,
    ) -> Result<(), RemoveError> {
        match unlinkat(stream_dir, number.to_string(), AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => {
                let path = self.epoch_dir(stream, number);
                Err(FileError::new("remove directory", &path, error).into())
            }
        }
    }

    /// Removes our files from an epoch directory; returns how many there were.
    pub(crate) fn empty(
        &self,
        stream_dir: &OwnedFd,
        stream: StreamId,
        number: u64,
    ) -> Result<u32, RemoveError> {
        let path = self.epoch_dir(stream, number);
        let Some(dir) = find_in(stream_dir, &number.to_string(), &path)? else {
            return Ok(0);
        };
        let mut removed = 0_u32;
        let mut unknown = None;
        for name in names(&dir, &path)? {
            let path = path.join(&name);
            if !is_known(&name) {
                unknown = Some(RemoveError::UnknownFile(path));
                continue;
            }
            match unlinkat(&dir, &name, AtFlags::empty()) {
                Ok(()) => removed = removed.saturating_add(1),
                // Gone is gone, whoever removed it.
                Err(Errno::NOENT) => {}
                // A directory, which we never put there.
                Err(Errno::ISDIR) => unknown = Some(RemoveError::UnknownFile(path)),
                Err(error) => return Err(FileError::new("remove", &path, error).into()),
            }
        }
        unknown.map_or(Ok(removed), Err)
    }
}

/// Whether a file of this name is one that we put into epoch directories.
pub(crate) fn is_known(name: &str) -> bool {
    let is_pool = |number| decimal(number).is_some_and(|pool| u16::try_from(pool).is_ok());
    name == HEADER_FILE || name.strip_suffix(".pool").is_some_and(is_pool)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{STREAM, ScratchTree};
    use std::fs;
    use std::os::unix::fs::symlink;
    use tp_core_nostd::shm::MAGIC;

    #[test] // req: D-203, W-277
    fn an_old_epoch_goes_with_all_of_its_files() {
        let scratch = ScratchTree::new();
        scratch.epoch_with_ring(5, MAGIC, 5);
        fs::write(scratch.path("5/1.pool"), "").unwrap();
        fs::write(scratch.path("5/65535.pool"), "").unwrap();
        scratch.epoch(6);
        scratch.tree.remove_epoch(STREAM, 5).unwrap();
        assert!(!scratch.path("5").exists());
        assert_eq!(scratch.last(), Some(6));
    }

    #[test]
    fn what_is_gone_already_needs_no_removal() {
        let scratch = ScratchTree::new();
        scratch.epoch(6);
        scratch.tree.remove_epoch(STREAM, 5).unwrap();
        scratch.tree.empty_epoch(STREAM, 5).unwrap();
        let unseen = StreamId::new(10_001).unwrap();
        scratch.tree.remove_epoch(unseen, 5).unwrap();
        scratch.tree.empty_epoch(unseen, 5).unwrap();
    }

    #[test] // req: D-204
    fn the_only_record_of_the_last_epoch_stays() {
        let scratch = ScratchTree::new();
        let is_kept = |number| {
            let refused = scratch.tree.remove_epoch(STREAM, number);
            matches!(refused, Err(RemoveError::OnlyRecord(_)))
        };
        scratch.epoch_with_ring(5, MAGIC, 9);
        assert!(is_kept(5));
        scratch.epoch(7);
        assert!(is_kept(5), "7 is above its name, but not above its ring");
        scratch.epoch(10);
        assert!(is_kept(10));
        scratch.tree.remove_epoch(STREAM, 5).unwrap();
        scratch.tree.remove_epoch(STREAM, 7).unwrap();
        assert!(is_kept(10));
        assert_eq!(scratch.last(), Some(10));
    }

    #[test] // req: D-204, W-272
    fn an_emptied_epoch_is_remembered_by_its_name() {
        let scratch = ScratchTree::new();
        scratch.epoch_with_ring(5, MAGIC, 5);
        fs::write(scratch.path("5/1.pool"), "").unwrap();
        scratch.tree.empty_epoch(STREAM, 5).unwrap();
        assert_eq!(fs::read_dir(scratch.path("5")).unwrap().count(), 0);
        assert_eq!(scratch.last(), Some(5));
    }

    #[test] // req: D-203
    fn foreign_files_and_what_links_point_at_are_not_touched() {
        let scratch = ScratchTree::new();
        let precious = scratch.base().join("precious");
        fs::create_dir(&precious).unwrap();
        fs::write(precious.join("1.pool"), "data").unwrap();
        scratch.epoch(9);

        scratch.epoch(5);
        symlink(precious.join("1.pool"), scratch.path("5/1.pool")).unwrap();
        fs::write(scratch.path("5/2.pool"), "").unwrap();
        for foreign in [
            "notes.txt",
            "01.pool",
            "65536.pool",
            ".pool",
            "header.ring~",
        ] {
            fs::write(scratch.path(&format!("5/{foreign}")), "").unwrap();
        }
        let refused = scratch.tree.remove_epoch(STREAM, 5);
        assert!(matches!(refused, Err(RemoveError::UnknownFile(_))));
        assert_eq!(fs::read_dir(scratch.path("5")).unwrap().count(), 5);

        // A directory under the name of a file, with something in it.
        scratch.epoch(7);
        fs::create_dir(scratch.path("7/1.pool")).unwrap();
        fs::write(scratch.path("7/1.pool/1.pool"), "data").unwrap();
        fs::write(scratch.path("7/2.pool"), "").unwrap();
        let refused = scratch.tree.remove_epoch(STREAM, 7);
        assert!(matches!(refused, Err(RemoveError::UnknownFile(_))));
        assert!(scratch.path("7/1.pool/1.pool").exists());
        assert!(!scratch.path("7/2.pool").exists());

        symlink(&precious, scratch.path("6")).unwrap();
        assert!(scratch.tree.empty_epoch(STREAM, 6).is_err());
        assert!(scratch.tree.remove_epoch(STREAM, 6).is_err());
        assert_eq!(fs::read_to_string(precious.join("1.pool")).unwrap(), "data");
    }
}
