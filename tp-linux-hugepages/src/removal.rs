//! Taking an epoch directory away: only our own files, only inside the stream's directory, never through links (D-203).

use crate::bell::BELL_FILE;
use crate::dir::{FileError, find_in, names};
use crate::epochs::decimal;
use crate::tree::{CanonicalTree, HEADER_FILE};
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, unlinkat};
use rustix::io::Errno;
use std::path::PathBuf;
use tp_core_nostd::ids::StreamId;

/// Why an epoch directory was not removed, or not whole.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// It holds something that is not ours, which stays; our files are gone (D-203).
    #[error("{} is none of our files", .0.display())]
    UnknownFile(PathBuf),
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

impl CanonicalTree {
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
    is_region(name) || name == BELL_FILE
}

/// Whether a file of this name is a region.
pub(crate) fn is_region(name: &str) -> bool {
    let is_pool = |number| decimal(number).is_some_and(|pool| u16::try_from(pool).is_ok());
    name == HEADER_FILE || name.strip_suffix(".pool").is_some_and(is_pool)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: D-203
    fn only_names_that_we_give_are_ours() {
        for ours in ["header.ring", "0.pool", "1.pool", "65535.pool"] {
            assert!(is_known(ours) && is_region(ours), "{ours}");
        }
        assert!(is_known("wake.bell") && !is_region("wake.bell"));
        for foreign in [
            "notes.txt",
            "01.pool",
            "65536.pool",
            "-1.pool",
            ".pool",
            "1.pool~",
            "header.ring~",
            "wake.bell~",
            "1.bell",
            "Header.ring",
            "",
        ] {
            assert!(!is_known(foreign), "{foreign}");
        }
    }
}
