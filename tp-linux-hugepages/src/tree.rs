//! The canonical tree `<base>/tensorpool-<user>/<namespace>/<stream>/<epoch>/` and the ways into it (wire 5.21).

use crate::allow::canonical_base;
use crate::dir::{FileError, find_in, names, open_in, walk};
use crate::epochs::decimal;
use crate::hugetlb::huge_page_bytes;
use crate::mode::FileMode;
use crate::names::{Namespace, UserName};
use core::num::NonZero;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, fchmod, fstat, mkdirat};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::io;
use std::path::{Path, PathBuf};
use tp_core_nostd::ids::{PoolId, StreamId};

/// Name of the header ring's file in every epoch directory.
pub const HEADER_FILE: &str = "header.ring";

/// Name of a pool's file in every epoch directory.
pub fn pool_file(pool: PoolId) -> String {
    format!("{pool}.pool")
}

/// Where one deployment keeps its regions. Holds no file open; a value to keep and to share between threads.
#[derive(Clone, Debug)]
pub struct CanonicalTree {
    base: PathBuf,
    user_dir: String,
    namespace: Namespace,
    mode: FileMode,
    huge_page_bytes: Option<NonZero<u64>>,
}

impl CanonicalTree {
    /// A tree under `base_dir`, which must exist; everything below is made when it is needed. Announced paths start
    /// with the canonical form of `base_dir` (wire T-32).
    ///
    /// # Errors
    /// The base is relative, missing, no directory, or on a file system that cannot be asked.
    pub fn new(
        base_dir: &Path,
        user: &UserName,
        namespace: Namespace,
        mode: FileMode,
    ) -> Result<Self, FileError> {
        let base = canonical_base(base_dir)?;
        let huge_page_bytes = huge_page_bytes(walk(&base)?)
            .map_err(|error| FileError::new("find the file system of", &base, error))?;
        Ok(Self {
            base,
            user_dir: format!("tensorpool-{}", user.as_str()),
            namespace,
            mode,
            huge_page_bytes,
        })
    }

    /// The size of the huge pages below the base in bytes, `None` if it is no hugetlbfs: then regions with
    /// `require_hugepages` cannot be had here (D-193).
    pub fn huge_page_bytes(&self) -> Option<NonZero<u64>> {
        self.huge_page_bytes
    }

    /// The mode of region files.
    pub(crate) fn mode(&self) -> FileMode {
        self.mode
    }

    /// The directory of the streams' directories: `<base>/tensorpool-<user>/<namespace>`.
    pub fn root(&self) -> PathBuf {
        self.base.join(&self.user_dir).join(self.namespace.as_str())
    }

    /// The directory of a stream, which holds its epochs.
    pub fn stream_dir(&self, stream: StreamId) -> PathBuf {
        self.root().join(stream.to_string())
    }

    /// The directory of one epoch of a stream. A number rather than an epoch, because names found on disk may lie.
    pub fn epoch_dir(&self, stream: StreamId, epoch: u64) -> PathBuf {
        self.stream_dir(stream).join(epoch.to_string())
    }

    fn root_below_base(&self) -> [String; 2] {
        [self.user_dir.clone(), self.namespace.as_str().to_owned()]
    }

    fn below_base(&self, stream: StreamId) -> [String; 3] {
        let [user, namespace] = self.root_below_base();
        [user, namespace, stream.to_string()]
    }

    /// Opens the directory of a stream; `None` if there is none.
    pub(crate) fn find_stream_dir(&self, stream: StreamId) -> Result<Option<OwnedFd>, FileError> {
        self.find_below_base(&self.below_base(stream))
    }

    fn find_below_base(&self, below: &[String]) -> Result<Option<OwnedFd>, FileError> {
        let mut path = self.base.clone();
        let mut dir = walk(&path)?;
        for name in below {
            path.push(name);
            dir = match find_in(&dir, name, &path)? {
                Some(dir) => dir,
                None => return Ok(None),
            };
        }
        Ok(Some(dir))
    }

    /// The streams that have a directory, whoever made it, in rising order.
    ///
    /// # Errors
    /// The directory of the streams' directories cannot be listed.
    pub fn streams(&self) -> Result<Vec<StreamId>, FileError> {
        let Some(dir) = self.find_below_base(&self.root_below_base())? else {
            return Ok(Vec::new());
        };
        let names = names(&dir, &self.root())?;
        let numbers = names.iter().filter_map(|name| decimal(name));
        let ids = numbers.filter_map(|number| StreamId::new(u32::try_from(number).ok()?));
        let mut streams: Vec<_> = ids.collect();
        streams.sort_unstable();
        Ok(streams)
    }

    /// Opens the directory of a stream, making what is missing of it.
    pub(crate) fn make_stream_dir(&self, stream: StreamId) -> Result<OwnedFd, FileError> {
        self.make_below_base(&self.below_base(stream))
    }

    /// Opens the directory of the streams' directories, making what is missing of it.
    pub(crate) fn make_root(&self) -> Result<OwnedFd, FileError> {
        self.make_below_base(&self.root_below_base())
    }

    fn make_below_base(&self, names: &[String]) -> Result<OwnedFd, FileError> {
        let mut path = self.base.clone();
        let mut dir = walk(&path)?;
        for name in names {
            path.push(name);
            dir = match self.make_dir(&dir, name, &path) {
                Err(error) if error.source.kind() == io::ErrorKind::AlreadyExists => {
                    open_in(&dir, name, &path)?
                }
                other => other?,
            };
            require_own(&dir, &path)?;
        }
        Ok(dir)
    }

    /// Makes the directory `name`, which must not exist, with exactly the mode that follows from the files' (D-186).
    pub(crate) fn make_dir(
        &self,
        parent: impl AsFd,
        name: &str,
        path: &Path,
    ) -> Result<OwnedFd, FileError> {
        let refused = |error: Errno| FileError::new("make directory", path, error);
        mkdirat(&parent, name, Mode::RWXU).map_err(refused)?;
        let dir = open_in(parent, name, path)?;
        fchmod(&dir, self.mode.of_dir()).map_err(refused)?;
        Ok(dir)
    }
}

/// Refuses a directory that somebody else put there first, as anybody may in `/dev/shm`: its owner could exchange our
/// files under their announced paths.
fn require_own(dir: &OwnedFd, path: &Path) -> Result<(), FileError> {
    let refused = |error: Errno| FileError::new("trust directory", path, error);
    let stat = fstat(dir).map_err(refused)?;
    let own = stat.st_uid == geteuid().as_raw() || stat.st_uid == 0;
    if own && stat.st_mode & 0o002 == 0 {
        Ok(())
    } else {
        Err(refused(Errno::PERM))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{STREAM, tree_in};
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    #[test] // req: W-262, W-266, D-179, D-182
    fn paths_are_canonical_and_absolute() {
        let scratch = tempfile::tempdir().unwrap();
        let base = scratch.path().canonicalize().unwrap();
        fs::create_dir(base.join("real")).unwrap();
        symlink("real", base.join("link")).unwrap();
        let tree = tree_in(&base.join("link"), FileMode::SHARED_GROUP);
        assert_eq!(tree.root(), base.join("real/tensorpool-jane/lab1"));
        assert_eq!(
            tree.epoch_dir(STREAM, 18_446_744_073_709_551_614),
            base.join("real/tensorpool-jane/lab1/10000/18446744073709551614")
        );
        assert_eq!(pool_file(PoolId::new(7).unwrap()), "7.pool");
    }

    #[test] // req: D-202
    fn streams_are_found_by_their_directories() {
        let scratch = tempfile::tempdir().unwrap();
        let tree = tree_in(scratch.path(), FileMode::PRIVATE);
        assert_eq!(tree.streams().unwrap(), []);
        let ids = [20_001, 7, 10_000].map(|id| StreamId::new(id).unwrap());
        for id in ids {
            tree.make_stream_dir(id).unwrap();
        }
        for other in ["driver", "007", "4294967296", "-1", "0"] {
            fs::create_dir(tree.root().join(other)).unwrap();
        }
        assert_eq!(tree.streams().unwrap(), [ids[1], ids[2], ids[0]]);
    }

    #[test] // req: D-185, D-186, W-270
    fn directories_have_their_mode_whatever_the_umask() {
        for mode in [FileMode::SHARED_GROUP, FileMode::PRIVATE] {
            for umask in [0o000, 0o077, 0o027] {
                let scratch = tempfile::tempdir().unwrap();
                let tree = tree_in(scratch.path(), mode);
                let before = rustix::process::umask(Mode::from_raw_mode(umask));
                let made = tree.make_stream_dir(STREAM);
                rustix::process::umask(before);
                made.unwrap();
                for dir in tree.stream_dir(STREAM).ancestors().take(3) {
                    let found = fs::metadata(dir).unwrap().mode() & 0o7777;
                    assert_eq!(found, mode.of_dir().as_raw_mode(), "{}", dir.display());
                }
            }
        }
    }

    #[test] // req: D-019, D-203, W-255
    fn a_link_in_the_tree_is_neither_followed_nor_replaced() {
        let scratch = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let tree = tree_in(scratch.path(), FileMode::SHARED_GROUP);
        symlink(elsewhere.path(), scratch.path().join("tensorpool-jane")).unwrap();
        assert!(tree.make_stream_dir(STREAM).is_err());
        assert!(tree.find_stream_dir(STREAM).is_err());
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }

    #[test] // req: W-268, W-270
    fn a_directory_others_may_write_is_not_trusted() {
        let scratch = tempfile::tempdir().unwrap();
        let tree = tree_in(scratch.path(), FileMode::SHARED_GROUP);
        let planted = scratch.path().join("tensorpool-jane");
        fs::create_dir(&planted).unwrap();
        fs::set_permissions(&planted, fs::Permissions::from_mode(0o777)).unwrap();
        let error = tree.make_stream_dir(STREAM).unwrap_err();
        assert_eq!(error.doing, "trust directory");

        fs::set_permissions(&planted, fs::Permissions::from_mode(0o750)).unwrap();
        assert!(tree.make_stream_dir(STREAM).is_ok());
        match std::os::unix::fs::chown(&planted, Some(12_345), None) {
            Ok(()) => assert!(tree.make_stream_dir(STREAM).is_err()),
            Err(why) => crate::skip::skip("foreign owner", "owners", why),
        }
    }

    #[test] // req: D-193
    fn an_ordinary_base_has_no_huge_pages() {
        let scratch = tempfile::tempdir().unwrap();
        let tree = tree_in(scratch.path(), FileMode::SHARED_GROUP);
        assert_eq!(tree.huge_page_bytes(), None);
    }
}
