//! One driver per stream and host: streams are locked while their driver lives (D-008).
//!
//! One lock file stands in the namespace's directory, and the stream with id `n` is its byte `n`: an *open file
//! description* lock (`F_OFD_SETLK`) on a range of bytes. So a driver with ten thousand streams holds one descriptor, a
//! whole range of dynamic ids is locked at once, and two drivers may share a namespace as long as their streams differ
//! (D-183), which a lock on the whole namespace would forbid. The kernel drops the lock with the process, however that
//! ends. Not `flock`, which has no ranges; not the older record locks either, which belong to the process: they would let
//! two drivers of one process pass, and be lost as soon as anybody in it closes the file.
//!
//! The file has no contents, so that it may stand on a hugetlbfs. The last driver of a namespace takes it away when it
//! leaves: whoever holds the whole file may, and whoever locked a file that is no longer there tries again with the new
//! one. Retention never meets it, because it looks into the streams' directories only.

use crate::dir::FileError;
use crate::lock_holder::holder_of;
use crate::tree::CanonicalTree;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fchmod, fstat, openat, statat, unlinkat};
use rustix::io::Errno;
use std::path::PathBuf;
use tp_core_nostd::proto::driver::IdRange;

/// Name of the lock file in a namespace's directory.
pub const LOCK_FILE: &str = "driver.lock";

/// How often the file may be taken away while it is being locked, until that counts as an attack.
const ATTEMPTS: u32 = 100;

/// Why streams could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another driver has it.
    #[error("stream {stream} belongs to another driver{}: {} is locked", holder(*.pid), path.display())]
    Held {
        /// The lowest stream that both want.
        stream: u64,
        /// The other driver's process, if this one may look at it and both see the same processes.
        pid: Option<u32>,
        /// The lock file.
        path: PathBuf,
    },
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(", process {pid}"))
}

/// The streams of one driver, locked until this is dropped.
#[derive(Debug)]
pub struct StreamLock {
    file: OwnedFd,
    dir: OwnedFd,
    path: PathBuf,
}

impl CanonicalTree {
    /// Locks all of these streams, or none. Makes the lock file and the directories above it where they are missing.
    ///
    /// # Errors
    /// Another driver has one of the streams, the base directory cannot be written, or something else stands in the
    /// lock file's place.
    pub fn lock_streams(&self, streams: &[IdRange]) -> Result<StreamLock, LockError> {
        let path = self.root().join(LOCK_FILE);
        for _ in 0..ATTEMPTS {
            let dir = self.make_root()?;
            let file = self
                .lock_file(&dir)
                .map_err(|error| FileError::new("open lock file", &path, error))?;
            let path = path.clone();
            let lock = StreamLock { file, dir, path };
            for range in streams {
                lock.hold(*range)?;
            }
            if lock.is_current() {
                return Ok(lock);
            }
        }
        Err(FileError::new("lock", &path, Errno::AGAIN).into())
    }

    /// Opens the lock file, or makes it.
    fn lock_file(&self, dir: &OwnedFd) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let create = flags | OFlags::CREATE | OFlags::EXCL;
        let file = match openat(dir, LOCK_FILE, create, Mode::RUSR | Mode::WUSR) {
            Ok(file) => {
                fchmod(&file, self.mode().of_file())?;
                return Ok(file);
            }
            Err(Errno::EXIST) => openat(dir, LOCK_FILE, flags, Mode::empty())?,
            Err(error) => return Err(error),
        };
        let stat = fstat(&file)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(file),
            _ => Err(Errno::INVAL),
        }
    }
}

impl StreamLock {
    fn hold(&self, streams: IdRange) -> Result<(), LockError> {
        let first = i64::from(streams.first().get());
        let last = i64::from(streams.last().get());
        // Both are stream ids, far from the ends of 64 bits.
        let wanted = bytes(first, last.saturating_sub(first).saturating_add(1));
        match fcntl(&self.file, FcntlArg::F_OFD_SETLK(&wanted)) {
            Ok(_) => Ok(()),
            Err(nix::Error::EAGAIN | nix::Error::EACCES) => Err(self.held(wanted)),
            Err(error) => {
                let error = std::io::Error::from(error);
                Err(FileError::new("lock", &self.path, error).into())
            }
        }
    }

    /// Whether the file is the one that others find under its name.
    fn is_current(&self) -> bool {
        let found = statat(&self.dir, LOCK_FILE, AtFlags::SYMLINK_NOFOLLOW);
        match (fstat(&self.file), found) {
            (Ok(ours), Ok(found)) => (ours.st_dev, ours.st_ino) == (found.st_dev, found.st_ino),
            _ => false,
        }
    }

    /// Says who stands in the way.
    fn held(&self, wanted: libc::flock) -> LockError {
        let mut theirs = wanted;
        // Unanswered, or gone by now: what was wanted is all we know.
        let _ = fcntl(&self.file, FcntlArg::F_OFD_GETLK(&mut theirs));
        let stream = theirs.l_start.max(wanted.l_start);
        LockError::Held {
            stream: u64::try_from(stream).unwrap_or(0),
            pid: holder_of(&self.file, stream),
            path: self.path.clone(),
        }
    }
}

impl Drop for StreamLock {
    /// Takes the file away unless another driver has streams in it.
    fn drop(&mut self) {
        let everything = bytes(0, 0);
        if fcntl(&self.file, FcntlArg::F_OFD_SETLK(&everything)).is_ok() && self.is_current() {
            // Left behind it does no harm, as after a kill.
            let _ = unlinkat(&self.dir, LOCK_FILE, AtFlags::empty());
        }
    }
}

/// A write lock on `len` bytes from `first` on; 0 are all there can be.
fn bytes(first: i64, len: i64) -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: first,
        l_len: len,
        l_pid: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{HugePages, ScratchTree, tree_in};
    use crate::mode::FileMode;
    use core::sync::atomic::{AtomicU32, Ordering};
    use std::fs;
    use std::io::{BufRead, BufReader};
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::process::{Command, Stdio};
    use tp_core_nostd::ids::StreamId;

    fn ids(first: u32, last: u32) -> IdRange {
        let id = |raw| StreamId::new(raw).unwrap();
        IdRange::new(id(first), id(last)).unwrap()
    }

    #[test] // req: D-008, D-164, D-183
    fn a_stream_has_one_holder_at_a_time() {
        let scratch = ScratchTree::new();
        let lock = |ranges: &[IdRange]| scratch.tree.lock_streams(ranges);
        let first = lock(&[ids(10_000, 10_000), ids(20_000, 29_999)]).unwrap();
        for (wanted, contested) in [
            (ids(10_000, 10_000), 10_000),
            (ids(9_000, 11_000), 10_000),
            (ids(29_999, 40_000), 29_999),
            (ids(25_000, 25_001), 25_000),
        ] {
            match lock(&[ids(1, 1), wanted]) {
                Err(LockError::Held { stream, pid, path }) => {
                    assert_eq!(stream, contested);
                    assert_eq!(pid, Some(std::process::id()));
                    assert_eq!(path, scratch.tree.root().join("driver.lock"));
                }
                other => panic!("{other:?}"),
            }
        }
        // Other streams of the namespace are free, and nothing of the refused ones was taken.
        let top = i32::MAX as u32;
        let second = lock(&[ids(1, 9_999), ids(10_001, 19_999), ids(30_000, top)]).unwrap();
        drop(first);
        let third = lock(&[ids(10_000, 10_000)]).unwrap();
        drop((second, third));
        lock(&[ids(1, top)]).unwrap();
    }

    #[test]
    fn the_last_one_takes_the_file_away() {
        let scratch = ScratchTree::new();
        let path = scratch.tree.root().join(LOCK_FILE);
        let first = scratch.tree.lock_streams(&[ids(1, 1)]).unwrap();
        let second = scratch.tree.lock_streams(&[ids(2, 2)]).unwrap();
        assert!(scratch.tree.lock_streams(&[ids(2, 2)]).is_err());
        drop(first);
        assert!(path.exists(), "the second driver is still there");
        assert!(scratch.tree.lock_streams(&[ids(2, 2)]).is_err());

        // Somebody's file under that name is not ours to remove.
        fs::rename(&path, path.with_extension("old")).unwrap();
        fs::write(&path, "").unwrap();
        drop(second);
        assert!(path.exists() && path.with_extension("old").exists());
        drop(scratch.tree.lock_streams(&[ids(2, 2)]).unwrap());
        assert!(!path.exists());
    }

    #[test] // req: D-008
    fn drivers_that_come_and_go_at_once_never_share_a_stream() {
        let scratch = ScratchTree::new();
        let holders = AtomicU32::new(0);
        let held = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..300 {
                        let Ok(lock) = scratch.tree.lock_streams(&[ids(7, 7)]) else {
                            continue;
                        };
                        assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                        held.fetch_add(1, Ordering::SeqCst);
                        std::thread::yield_now();
                        holders.fetch_sub(1, Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
        assert!(held.into_inner() > 0);
    }

    /// Names the base directory to the process that plays the other driver.
    const OTHER: &str = "TP_TEST_OTHER_DRIVER";
    const LOCKED: &str = "stream 10000 locked";

    /// What that process does instead of the tests: it locks a stream until it is killed, or its input ends.
    #[test]
    fn other_driver() {
        if let Some(base) = std::env::var_os(OTHER) {
            let tree = tree_in(base.as_ref(), FileMode::SHARED_GROUP);
            let _lock = tree.lock_streams(&[ids(10_000, 10_000)]).unwrap();
            println!("{LOCKED}");
            let _ = std::io::stdin().lines().count();
        }
    }

    #[test] // req: D-008
    fn the_refusal_says_which_stream_and_who_holds_it() {
        let scratch = ScratchTree::new();
        let path = scratch.tree.root().join(LOCK_FILE);
        let mut other = Command::new(std::env::current_exe().unwrap())
            .args(["lock::tests::other_driver", "--exact", "--nocapture"])
            .env(OTHER, scratch.base())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(other.stdout.take().unwrap());
        assert!(said.lines().any(|line| line.unwrap().ends_with(LOCKED)));

        let wanted = [ids(1, 20_000)];
        let refused = scratch.tree.lock_streams(&wanted).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!(
                "stream 10000 belongs to another driver, process {}: {} is locked",
                other.id(),
                path.display()
            )
        );
        // However it ends, its lock ends with it.
        other.kill().unwrap();
        other.wait().unwrap();
        scratch.tree.lock_streams(&wanted).unwrap();
    }

    #[test] // req: D-184, D-203, W-255
    fn the_file_has_our_mode_and_nothing_else_is_taken_for_it() {
        let scratch = ScratchTree::new();
        let path = scratch.tree.root().join(LOCK_FILE);
        let lock = scratch.tree.lock_streams(&[ids(1, 1)]).unwrap();
        let found = fs::metadata(&path).unwrap();
        assert_eq!((found.mode() & 0o7777, found.len()), (0o660, 0));
        drop(lock);

        let precious = scratch.base().join("precious");
        fs::write(&precious, "data").unwrap();
        symlink(&precious, &path).unwrap();
        assert!(scratch.tree.lock_streams(&[ids(1, 1)]).is_err());
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(scratch.tree.lock_streams(&[ids(1, 1)]).is_err());
        assert!(path.is_dir() && precious.exists());
    }

    #[test] // req: D-008, D-193
    fn streams_can_be_locked_on_huge_pages_too() {
        let Some(huge) = HugePages::mount("streams_can_be_locked_on_huge_pages_too", 0) else {
            return;
        };
        let tree = tree_in(huge.path(), FileMode::SHARED_GROUP);
        let _first = tree.lock_streams(&[ids(1, 9)]).unwrap();
        assert!(tree.lock_streams(&[ids(9, 9)]).is_err());
    }
}
