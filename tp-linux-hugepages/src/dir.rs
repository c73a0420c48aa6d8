//! Directories, reached component by component and never through a link.

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, Dir, Mode, OFlags, openat};
use rustix::io::Errno;
use std::io;
use std::path::{Component, Path, PathBuf};

/// An operation on a file or directory that the system refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}: {source}", path.display())]
pub struct FileError {
    /// What was tried, as a verb for people.
    pub doing: &'static str,
    /// The path it was tried on.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl FileError {
    /// Why `doing` something with `path` failed.
    pub(crate) fn new(doing: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self {
            doing,
            path: path.to_path_buf(),
            source: source.into(),
        }
    }
}

/// Walks to the directory at an absolute path without `.` and `..`, following no link in any component.
///
/// A walk by `openat` needs no kernel newer than the oldest we know, so `openat2` has no part in this. The result
/// is a place to start from (`O_PATH`), which takes no more than the right to search.
pub(crate) fn walk(path: &Path) -> Result<OwnedFd, FileError> {
    const STEP: OFlags = OFlags::PATH
        .union(OFlags::DIRECTORY)
        .union(OFlags::NOFOLLOW)
        .union(OFlags::CLOEXEC);
    let refused = |error: Errno| FileError::new("walk to", path, error);
    let mut dir = openat(CWD, "/", STEP, Mode::empty()).map_err(refused)?;
    for component in path.components() {
        dir = match component {
            Component::RootDir => dir,
            Component::Normal(name) => openat(&dir, name, STEP, Mode::empty()).map_err(refused)?,
            Component::CurDir | Component::ParentDir | Component::Prefix(_) => {
                return Err(refused(Errno::INVAL));
            }
        };
    }
    Ok(dir)
}

/// Opens the directory `name` in `parent` for listing, not following it if it is a link. `path` is for the error.
pub(crate) fn open_in(parent: impl AsFd, name: &str, path: &Path) -> Result<OwnedFd, FileError> {
    openat(
        parent,
        name,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map_err(|error| FileError::new("open directory", path, error))
}

/// Like [`open_in`], with `None` for a directory that is not there.
pub(crate) fn find_in(
    parent: impl AsFd,
    name: &str,
    path: &Path,
) -> Result<Option<OwnedFd>, FileError> {
    match open_in(parent, name, path) {
        Ok(dir) => Ok(Some(dir)),
        Err(error) if error.source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The names in a directory, without `.` and `..`, sorted so that runs repeat. Names that are no UTF-8 come
/// out altered; they are none of ours.
pub(crate) fn names(dir: impl AsFd, path: &Path) -> Result<Vec<String>, FileError> {
    let refused = |error: Errno| FileError::new("list directory", path, error);
    let mut names = Vec::new();
    for entry in Dir::read_from(dir).map_err(refused)? {
        let name = entry
            .map_err(refused)?
            .file_name()
            .to_string_lossy()
            .into_owned();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test] // req: W-255
    fn a_link_anywhere_on_the_way_stops_the_walk() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("real/inner")).unwrap();
        symlink(root.join("real"), root.join("link")).unwrap();

        assert!(walk(&root.join("real/inner")).is_ok());
        for refused in ["link", "link/inner", "real/../real", "missing"] {
            let error = walk(&root.join(refused)).unwrap_err();
            assert_eq!(error.path, root.join(refused));
        }
    }

    #[test]
    fn names_are_listed_in_order_without_the_dots() {
        let scratch = tempfile::tempdir().unwrap();
        for name in ["b", "a", "10"] {
            std::fs::write(scratch.path().join(name), "").unwrap();
        }
        let dir = walk(&scratch.path().canonicalize().unwrap()).unwrap();
        let dir = open_in(&dir, ".", scratch.path()).unwrap();
        assert_eq!(names(&dir, scratch.path()).unwrap(), ["10", "a", "b"]);
    }
}
