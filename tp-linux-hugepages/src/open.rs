//! Opening a region somebody announced: a path from outside is a claim until every check of wire 5.19 has passed.

use crate::allow::{AllowedBases, Permissions};
use crate::dir::walk;
use crate::hugetlb::huge_page_bytes;
use core::num::NonZero;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, lstat, openat};
use rustix::io::Errno;
use std::io;
use std::path::{Path, PathBuf};
use tp_core_nostd::memory::{MapError, MapStep};

/// A canonical path inside an allowed base that named a regular file when it was looked at; nothing is opened yet.
#[derive(Debug)]
pub struct CheckedPath {
    path: PathBuf,
    seen: Stat,
}

impl CheckedPath {
    /// Resolves an announced path and checks where it leads and what lies there (W-249 to W-254).
    ///
    /// # Errors
    /// See [`MapError`].
    pub fn resolve(announced: &Path, bases: &AllowedBases) -> Result<Self, MapError> {
        if !announced.is_absolute() {
            return Err(MapError::OutsideBases);
        }
        let path = announced
            .canonicalize()
            .map_err(|error| failed(MapStep::Resolve, &error))?;
        if !bases.contain(&path) {
            return Err(MapError::OutsideBases);
        }
        let seen = lstat(&path).map_err(|error| failed(MapStep::Inspect, &error.into()))?;
        require_regular(&seen)?;
        Ok(Self { path, seen })
    }

    /// Opens the file without following a link in any component, and checks that it is the one seen before, with
    /// accepted permissions (W-255, W-256, C-004).
    ///
    /// # Errors
    /// See [`MapError`].
    pub fn open(self, write: bool, permissions: &Permissions) -> Result<RegionFile, MapError> {
        let (Some(parent), Some(name)) = (self.path.parent(), self.path.file_name()) else {
            return Err(MapError::NotAFile);
        };
        let parent = walk(parent).map_err(|error| failed(MapStep::Open, &error.source))?;
        // Should a FIFO or a terminal have taken the file's place, opening must neither wait for it nor adopt it.
        let access = if write { OFlags::RDWR } else { OFlags::RDONLY };
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = openat(parent, name, flags, Mode::empty())
            .map_err(|error| failed(MapStep::Open, &error.into()))?;
        let stat = fstat(&file).map_err(|error| failed(MapStep::Inspect, &error.into()))?;
        require_regular(&stat)?;
        if (stat.st_dev, stat.st_ino) != (self.seen.st_dev, self.seen.st_ino) {
            return Err(MapError::Replaced);
        }
        if !permissions.accept(&stat) {
            return Err(MapError::Permissions {
                mode: Mode::from_raw_mode(stat.st_mode).as_raw_mode(),
                uid: stat.st_uid,
                gid: stat.st_gid,
            });
        }
        Ok(RegionFile(file))
    }
}

fn require_regular(stat: &Stat) -> Result<(), MapError> {
    if FileType::from_raw_mode(stat.st_mode).is_file() {
        Ok(())
    } else {
        Err(MapError::NotAFile)
    }
}

/// What it means that the system refused `step`.
pub(crate) fn failed(step: MapStep, error: &io::Error) -> MapError {
    let code = error.raw_os_error().unwrap_or(0);
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) => MapError::NotFound,
        // The canonical path had neither links nor files for directories.
        Some(Errno::LOOP | Errno::NOTDIR) if step == MapStep::Open => MapError::Replaced,
        _ => MapError::Failed { step, code },
    }
}

/// An open regular file that passed every check that does not need its content.
#[derive(Debug)]
pub struct RegionFile(OwnedFd);

impl RegionFile {
    /// A file this process has just created itself, exclusively.
    pub(crate) fn created(file: OwnedFd) -> Self {
        Self(file)
    }

    /// Refuses a file that ends before `needed` bytes; longer is fine (wire 2.2).
    ///
    /// # Errors
    /// [`MapError::TooShort`], or the file cannot be asked.
    pub fn require_len(&self, needed: u64) -> Result<(), MapError> {
        let stat = fstat(&self.0).map_err(|error| failed(MapStep::Inspect, &error.into()))?;
        match u64::try_from(stat.st_size).unwrap_or(0) {
            got if got < needed => Err(MapError::TooShort { needed, got }),
            _ => Ok(()),
        }
    }

    /// The size of its huge pages in bytes, `None` for ordinary pages; an error if `required` and not proven
    /// (W-260, W-261).
    ///
    /// # Errors
    /// [`MapError::NotHugepages`].
    pub fn huge_page_bytes(&self, required: bool) -> Result<Option<NonZero<u64>>, MapError> {
        match huge_page_bytes(&self.0) {
            Ok(None) | Err(_) if required => Err(MapError::NotHugepages),
            Ok(page) => Ok(page),
            Err(error) => Err(failed(MapStep::Inspect, &error)),
        }
    }
}

impl AsFd for RegionFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, mknodat};
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// An allowed base with a good file in `dir/region`, and a file outside.
    struct Scratch {
        root: PathBuf,
        bases: AllowedBases,
        _dir: tempfile::TempDir,
    }

    impl Scratch {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let root = dir.path().canonicalize().unwrap();
            fs::create_dir_all(root.join("base/dir")).unwrap();
            fs::create_dir_all(root.join("base-of-another/dir")).unwrap();
            let bases = AllowedBases::new(&[root.join("base")]).unwrap();
            let scratch = Self {
                root,
                bases,
                _dir: dir,
            };
            scratch.file("base/dir/region");
            scratch.file("base-of-another/dir/region");
            scratch
        }

        fn path(&self, path: &str) -> PathBuf {
            self.root.join(path)
        }

        fn file(&self, path: &str) {
            fs::write(self.path(path), [0; 4096]).unwrap();
            let mode = fs::Permissions::from_mode(0o660);
            fs::set_permissions(self.path(path), mode).unwrap();
        }

        fn resolve(&self, path: &str) -> Result<CheckedPath, MapError> {
            CheckedPath::resolve(&self.path(path), &self.bases)
        }

        fn open(&self, path: &str) -> Result<RegionFile, MapError> {
            self.resolve(path)?.open(false, &Permissions::default())
        }

        /// Checks `path`, lets `attack` act before it is opened, and gives the refusal.
        fn open_after(&self, path: &str, attack: impl FnOnce()) -> MapError {
            let checked = self.resolve(path).unwrap();
            attack();
            checked.open(false, &Permissions::default()).unwrap_err()
        }
    }

    #[test] // req: W-250, W-253
    fn a_good_file_opens_for_reading_and_for_writing() {
        let scratch = Scratch::new();
        scratch.open("base/dir/region").unwrap();
        let checked = scratch.resolve("base/dir/region").unwrap();
        assert!(checked.open(true, &Permissions::default()).is_ok());
    }

    #[test] // req: W-249
    fn a_relative_path_is_refused() {
        let anywhere = AllowedBases::new(&["/"]).unwrap();
        let here = Path::new(".");
        let refused = CheckedPath::resolve(here, &anywhere).unwrap_err();
        assert_eq!(refused, MapError::OutsideBases);
        // Named absolutely, the same directory gets as far as the next check.
        let refused = CheckedPath::resolve(&here.canonicalize().unwrap(), &anywhere).unwrap_err();
        assert_eq!(refused, MapError::NotAFile);
    }

    #[test] // req: W-250, W-252, W-258, D-194
    fn what_leads_out_of_the_base_is_refused() {
        let scratch = Scratch::new();
        let outside = scratch.path("base-of-another/dir");
        symlink(outside.join("region"), scratch.path("base/dir/file-link")).unwrap();
        symlink(&outside, scratch.path("base/dir-link")).unwrap();
        for path in [
            "base/../base-of-another/dir/region", // `..`
            "base-of-another/dir/region",         // a prefix of the name, but not a component
            "base/dir/file-link",                 // a link as the last component
            "base/dir-link/region",               // a link as a directory
        ] {
            let error = scratch.open(path).unwrap_err();
            assert_eq!(error, MapError::OutsideBases, "{path}");
        }
    }

    #[test] // req: W-258, C-003
    fn without_a_base_nothing_is_accepted() {
        let scratch = Scratch::new();
        let path = scratch.path("base/dir/region");
        let refused = CheckedPath::resolve(&path, &AllowedBases::default());
        assert_eq!(refused.unwrap_err(), MapError::OutsideBases);
    }

    #[test] // req: T-32, W-250
    fn a_link_that_stays_inside_the_base_is_resolved_before_opening() {
        let scratch = Scratch::new();
        symlink("dir", scratch.path("base/alias")).unwrap();
        let checked = scratch.resolve("base/alias/../alias/region").unwrap();
        assert_eq!(checked.path, scratch.path("base/dir/region"));
        assert!(checked.open(false, &Permissions::default()).is_ok());
    }

    #[test] // req: W-253, W-254, D-194
    fn only_regular_files_are_accepted() {
        let scratch = Scratch::new();
        let make = |name: &str, kind| {
            let path = scratch.path("base").join(name);
            mknodat(
                CWD,
                &path,
                kind,
                Mode::from_raw_mode(0o660),
                rustix::fs::makedev(1, 3),
            )
        };
        make("fifo", FileType::Fifo).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(scratch.path("base/socket")).unwrap();
        let mut attacks = vec!["base/dir", "base/fifo", "base/socket"];
        match make("device", FileType::CharacterDevice) {
            Ok(()) => attacks.push("base/device"),
            Err(why) => crate::skip::skip("own device", "devices", why),
        }
        for path in attacks {
            let error = scratch.resolve(path).unwrap_err();
            assert_eq!(error, MapError::NotAFile, "{path}");
        }
        // A device that exists everywhere.
        let devices = AllowedBases::new(&["/dev"]).unwrap();
        let refused = CheckedPath::resolve(Path::new("/dev/null"), &devices);
        assert_eq!(refused.unwrap_err(), MapError::NotAFile);
    }

    #[test] // req: W-255, W-258
    fn a_link_swapped_in_after_the_check_is_not_followed() {
        let scratch = Scratch::new();
        let region = scratch.path("base/dir/region");
        let outside = scratch.path("base-of-another/dir");
        let error = scratch.open_after("base/dir/region", || {
            fs::remove_file(&region).unwrap();
            symlink(outside.join("region"), &region).unwrap();
        });
        assert_eq!(error, MapError::Replaced);

        // Not even to the file that was checked.
        fs::remove_file(&region).unwrap();
        scratch.file("base/dir/region");
        let error = scratch.open_after("base/dir/region", || {
            fs::rename(&region, scratch.path("base/dir/same")).unwrap();
            symlink("same", &region).unwrap();
        });
        assert_eq!(error, MapError::Replaced);

        fs::remove_file(&region).unwrap();
        scratch.file("base/dir/region");
        let error = scratch.open_after("base/dir/region", || {
            fs::rename(scratch.path("base/dir"), scratch.path("base/moved")).unwrap();
            symlink(&outside, scratch.path("base/dir")).unwrap();
        });
        assert_eq!(error, MapError::Replaced);
    }

    #[test] // req: W-256
    fn another_file_swapped_in_after_the_check_is_noticed() {
        let scratch = Scratch::new();
        let region = scratch.path("base/dir/region");
        scratch.file("base/dir/other");
        let error = scratch.open_after("base/dir/region", || {
            fs::rename(scratch.path("base/dir/other"), &region).unwrap();
        });
        assert_eq!(error, MapError::Replaced);

        // A FIFO without a writer must not hold us up either.
        let error = scratch.open_after("base/dir/region", || {
            fs::remove_file(&region).unwrap();
            mknodat(CWD, &region, FileType::Fifo, Mode::from_raw_mode(0o660), 0).unwrap();
        });
        assert_eq!(error, MapError::NotAFile);
    }

    #[test] // req: T-33
    fn a_short_file_is_refused_with_both_lengths() {
        let scratch = Scratch::new();
        let file = scratch.open("base/dir/region").unwrap();
        assert_eq!(file.require_len(4096), Ok(()));
        let (needed, got) = (4097, 4096);
        assert_eq!(
            file.require_len(4097),
            Err(MapError::TooShort { needed, got })
        );
    }

    #[test] // req: C-004, W-270
    fn permissions_are_judged_on_the_opened_file() {
        let scratch = Scratch::new();
        let region = scratch.path("base/dir/region");
        let error = scratch.open_after("base/dir/region", || {
            fs::set_permissions(&region, fs::Permissions::from_mode(0o664)).unwrap();
        });
        assert!(
            matches!(error, MapError::Permissions { mode: 0o664, .. }),
            "{error}"
        );
    }

    #[test] // req: W-260, W-261
    fn huge_pages_are_never_taken_on_trust() {
        let scratch = Scratch::new();
        let file = scratch.open("base/dir/region").unwrap();
        assert_eq!(file.huge_page_bytes(false), Ok(None));
        assert_eq!(file.huge_page_bytes(true), Err(MapError::NotHugepages));
    }
}
