//! One driver per stream and host: streams are locked while their driver lives (D-008).
//!
//! One lock file stands in the namespace's directory, and the stream with id `n` is its byte `n`: an *open file
//! description* lock (`F_OFD_SETLK`) on a range of bytes. So a driver with ten thousand streams holds one descriptor, a
//! whole range of dynamic ids is locked at once, and two drivers may share a namespace as long as their streams differ
//! (D-183), which a lock on the whole namespace would forbid. The kernel drops the lock with the process, however that
//! ends. Not `flock`, which has no ranges; not the older record locks either, which belong to the process: they would let
//! two drivers of one process pass, and be lost as soon as anybody in it closes the file.
//!
//! The file has no contents, so that it may stand on a hugetlbfs, and stays when its driver leaves: removing it would let
//! two drivers lock two files of one name. Retention never meets it, because it looks into the streams' directories only.

use crate::dir::FileError;
use crate::tree::CanonicalTree;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{FileType, Mode, OFlags, fchmod, fstat, openat};
use rustix::io::Errno;
use std::fs;
use std::path::PathBuf;
use tp_core_nostd::ids::StreamId;

/// Name of the lock file in a namespace's directory.
pub const LOCK_FILE: &str = "driver.lock";

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
    path: PathBuf,
}

impl CanonicalTree {
    /// Opens the lock file, making it and the directories above it where they are missing. Nothing is locked yet.
    ///
    /// # Errors
    /// The base directory cannot be written, or something else stands in the file's place.
    pub fn stream_lock(&self) -> Result<StreamLock, FileError> {
        let path = self.root().join(LOCK_FILE);
        let refused = |error: Errno| FileError::new("open lock file", &path, error);
        let dir = self.make_root()?;
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let owner = Mode::RUSR | Mode::WUSR;
        let file = match openat(
            &dir,
            LOCK_FILE,
            flags | OFlags::CREATE | OFlags::EXCL,
            owner,
        ) {
            Ok(file) => {
                fchmod(&file, self.mode().of_file()).map_err(refused)?;
                file
            }
            Err(Errno::EXIST) => openat(&dir, LOCK_FILE, flags, owner).map_err(refused)?,
            Err(error) => return Err(refused(error)),
        };
        let stat = fstat(&file).map_err(refused)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(refused(Errno::INVAL));
        }
        Ok(StreamLock { file, path })
    }
}

impl StreamLock {
    /// Locks the streams `first` to `last`, both included, at once or not at all. What this lock has already it may have
    /// again.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn hold(&self, first: StreamId, last: StreamId) -> Result<(), LockError> {
        let (first, last) = (i64::from(first.get()), i64::from(last.get()));
        let wanted = range(first, last);
        match fcntl(&self.file, FcntlArg::F_OFD_SETLK(&wanted)) {
            Ok(_) => Ok(()),
            Err(nix::Error::EAGAIN | nix::Error::EACCES) => Err(self.held(first, last)),
            Err(error) => {
                let error = std::io::Error::from(error);
                Err(FileError::new("lock", &self.path, error).into())
            }
        }
    }

    /// Says who stands in the way.
    fn held(&self, first: i64, last: i64) -> LockError {
        let mut theirs = range(first, last);
        // Unanswered, or gone by now: the range itself is what we know.
        let _ = fcntl(&self.file, FcntlArg::F_OFD_GETLK(&mut theirs));
        let stream = theirs.l_start.max(first);
        LockError::Held {
            stream: u64::try_from(stream).unwrap_or(0),
            pid: self.holder_of(stream),
            path: self.path.clone(),
        }
    }

    /// The process whose lock covers a byte. The kernel does not tell it for these locks, but lists the locks of every
    /// descriptor of the processes that we may look at.
    fn holder_of(&self, byte: i64) -> Option<u32> {
        let inode = fstat(&self.file).ok()?.st_ino;
        let own = std::process::id();
        for process in fs::read_dir("/proc").ok()?.flatten() {
            let pid: Option<u32> = process.file_name().to_str().and_then(|n| n.parse().ok());
            let Some(pid) = pid else { continue };
            for info in fs::read_dir(process.path().join("fdinfo"))
                .into_iter()
                .flatten()
                .flatten()
            {
                let is_this =
                    pid == own && info.file_name() == *self.file.as_raw_fd().to_string().as_str();
                let text = fs::read_to_string(info.path()).unwrap_or_default();
                if !is_this && text.lines().any(|line| covers(line, inode, byte)) {
                    return Some(pid);
                }
            }
        }
        None
    }
}

/// A write lock on the bytes `first` to `last`.
fn range(first: i64, last: i64) -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: first,
        // Both are stream ids, far from the ends of 64 bits.
        l_len: last.saturating_sub(first).saturating_add(1),
        l_pid: 0,
    }
}

/// Whether a line of `fdinfo` is about a lock of ours that covers `byte`:
/// `lock:  1: OFDLCK ADVISORY  WRITE -1 00:1b:3480 10000 10009`.
fn covers(line: &str, inode: u64, byte: i64) -> bool {
    let Some(rest) = line.strip_prefix("lock:") else {
        return false;
    };
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let [_, "OFDLCK", _, _, _, file, first, last] = fields[..] else {
        return false;
    };
    let is_file = file.rsplit(':').next().and_then(|n| n.parse().ok()) == Some(inode);
    let first = first.parse().unwrap_or(i64::MAX);
    // A range without end is written as EOF.
    let last = last.parse().unwrap_or(i64::MAX);
    is_file && (first..=last).contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{HugePages, ScratchTree, tree_in};
    use crate::mode::FileMode;
    use std::io::{BufRead, BufReader};
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::process::{Command, Stdio};

    fn id(raw: u32) -> StreamId {
        StreamId::new(raw).unwrap()
    }

    #[test] // req: D-008
    fn a_stream_has_one_holder_at_a_time() {
        let scratch = ScratchTree::new();
        let first = scratch.tree.stream_lock().unwrap();
        let second = scratch.tree.stream_lock().unwrap();
        first.hold(id(10_000), id(10_000)).unwrap();
        first.hold(id(20_000), id(29_999)).unwrap();
        // Its own, once more.
        first.hold(id(10_000), id(10_000)).unwrap();

        for (wanted, contested) in [
            ((10_000, 10_000), 10_000),
            ((9_000, 11_000), 10_000),
            ((29_999, 40_000), 29_999),
            ((25_000, 25_001), 25_000),
        ] {
            match second.hold(id(wanted.0), id(wanted.1)) {
                Err(LockError::Held { stream, pid, path }) => {
                    assert_eq!(stream, contested);
                    assert_eq!(pid, Some(std::process::id()));
                    assert_eq!(path, scratch.tree.root().join("driver.lock"));
                }
                other => panic!("{other:?}"),
            }
        }
        // Other streams of the namespace are free, and nothing of the refused ranges was taken.
        second.hold(id(10_001), id(19_999)).unwrap();
        second.hold(id(30_000), id(40_000)).unwrap();
        second
            .hold(id(i32::MAX as u32), id(i32::MAX as u32))
            .unwrap();
        drop(first);
        second.hold(id(10_000), id(10_000)).unwrap();
    }

    /// Names the base directory to the process that plays the other driver.
    const OTHER: &str = "TP_TEST_OTHER_DRIVER";
    const LOCKED: &str = "stream 10000 locked";

    /// What that process does instead of the tests: it locks a stream until it is killed, or its input ends.
    #[test]
    fn other_driver() {
        if let Some(base) = std::env::var_os(OTHER) {
            let tree = tree_in(base.as_ref(), FileMode::SHARED_GROUP);
            let lock = tree.stream_lock().unwrap();
            lock.hold(id(10_000), id(10_000)).unwrap();
            println!("{LOCKED}");
            let _ = std::io::stdin().lines().count();
        }
    }

    #[test] // req: D-008
    fn the_refusal_says_which_stream_and_who_holds_it() {
        let scratch = ScratchTree::new();
        scratch.tree.stream_lock().unwrap();
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

        let ours = scratch.tree.stream_lock().unwrap();
        let refused = ours.hold(id(1), id(20_000)).unwrap_err();
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
        ours.hold(id(1), id(20_000)).unwrap();
    }

    #[test] // req: D-184, D-203, W-255
    fn the_file_has_our_mode_and_nothing_else_is_taken_for_it() {
        let scratch = ScratchTree::new();
        let path = scratch.tree.root().join(LOCK_FILE);
        drop(scratch.tree.stream_lock().unwrap());
        let found = fs::metadata(&path).unwrap();
        assert_eq!((found.mode() & 0o7777, found.len()), (0o660, 0));

        fs::remove_file(&path).unwrap();
        let precious = scratch.base().join("precious");
        fs::write(&precious, "data").unwrap();
        symlink(&precious, &path).unwrap();
        assert!(scratch.tree.stream_lock().is_err());
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(scratch.tree.stream_lock().is_err());
    }

    #[test] // req: D-008, D-193
    fn streams_can_be_locked_on_huge_pages_too() {
        let Some(huge) = HugePages::mount("streams_can_be_locked_on_huge_pages_too", 0) else {
            return;
        };
        let tree = tree_in(huge.path(), FileMode::SHARED_GROUP);
        let first = tree.stream_lock().unwrap();
        let second = tree.stream_lock().unwrap();
        first.hold(id(1), id(9)).unwrap();
        assert!(second.hold(id(9), id(9)).is_err());
    }

    #[test]
    fn locks_are_found_in_what_the_kernel_lists() {
        let line = "lock:\t1: OFDLCK ADVISORY  WRITE -1 00:1b:3480 10000 10009";
        assert!(covers(line, 3480, 10_000) && covers(line, 3480, 10_009));
        for (line, inode, byte) in [
            (line, 3480, 10_010),
            (line, 3481, 10_000),
            (
                "lock:\t2: FLOCK  ADVISORY  WRITE 9506 fe:00:3480 0 EOF",
                3480,
                0,
            ),
            ("pos:\t0", 3480, 0),
            ("lock:", 3480, 0),
        ] {
            assert!(!covers(line, inode, byte), "{line}");
        }
        let all = "lock:\t1: OFDLCK ADVISORY  WRITE -1 00:1b:7 0 EOF";
        assert!(covers(all, 7, i64::MAX));
    }
}
