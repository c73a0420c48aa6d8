//! Opening a region somebody announced: a path from outside is a claim until every check of wire 5.19 has passed.

use crate::allow::{AllowedBases, Permissions};
use crate::dir::{FileError, walk};
use crate::hugetlb::huge_page_bytes;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, lstat, openat};
use std::num::NonZero;
use std::path::{Path, PathBuf};

/// Why an announced file is not used (W-241, W-258).
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Relative paths mean something else in every process (W-249).
    #[error("{} is not an absolute path", .0.display())]
    NotAbsolute(PathBuf),
    /// The canonical path lies in none of the allowed bases; without a base none does (W-252, C-003).
    #[error("{} lies outside the allowed base directories", .0.display())]
    OutsideBases(PathBuf),
    /// A directory, device, FIFO or socket (W-253, W-254).
    #[error("{} is not a regular file but a {kind:?}", path.display())]
    NotRegular {
        /// The canonical path.
        path: PathBuf,
        /// What it is.
        kind: FileType,
    },
    /// Between check and opening, the path came to name another file (W-256).
    #[error("{} was exchanged while it was being opened", .0.display())]
    Exchanged(PathBuf),
    /// Owner, group or mode are not as demanded (C-004).
    #[error("{} has mode {mode:04o}, owner {uid} and group {gid}, which the configured permissions refuse", path.display())]
    Permissions {
        /// The canonical path.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
    },
    /// The file ends before the region does (wire T-33).
    #[error("{} is too short: {len_bytes} of {needed_bytes} bytes", path.display())]
    TooShort {
        /// The canonical path.
        path: PathBuf,
        /// Length of the file.
        len_bytes: u64,
        /// Length of the region.
        needed_bytes: u64,
    },
    /// Huge pages are demanded, and the file lies on ordinary ones (W-260).
    #[error("{} does not lie on huge pages", .0.display())]
    NotHugePages(PathBuf),
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

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
    /// See [`OpenError`].
    pub fn resolve(announced: &Path, bases: &AllowedBases) -> Result<Self, OpenError> {
        if !announced.is_absolute() {
            return Err(OpenError::NotAbsolute(announced.to_path_buf()));
        }
        let path = announced
            .canonicalize()
            .map_err(|error| FileError::new("resolve", announced, error))?;
        if !bases.contain(&path) {
            return Err(OpenError::OutsideBases(path));
        }
        let seen = lstat(&path).map_err(|error| FileError::new("look at", &path, error))?;
        require_regular(&seen, &path)?;
        Ok(Self { path, seen })
    }

    /// Opens the file without following a link in any component, and checks that it is the one seen before, with
    /// accepted permissions (W-255, W-256, C-004).
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(self, write: bool, permissions: &Permissions) -> Result<RegionFile, OpenError> {
        let Self { path, seen } = self;
        let refused = |error| FileError::new("open", &path, error);
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(OpenError::OutsideBases(path));
        };
        // Should a FIFO or a terminal have taken the file's place, opening must neither wait for it nor adopt it.
        let access = if write { OFlags::RDWR } else { OFlags::RDONLY };
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = openat(walk(parent)?, name, flags, Mode::empty()).map_err(refused)?;
        let stat = fstat(&file).map_err(refused)?;
        require_regular(&stat, &path)?;
        if (stat.st_dev, stat.st_ino) != (seen.st_dev, seen.st_ino) {
            return Err(OpenError::Exchanged(path));
        }
        if !permissions.accept(&stat) {
            return Err(OpenError::Permissions {
                mode: Mode::from_raw_mode(stat.st_mode).as_raw_mode(),
                uid: stat.st_uid,
                gid: stat.st_gid,
                path,
            });
        }
        Ok(RegionFile { file, path })
    }
}

fn require_regular(stat: &Stat, path: &Path) -> Result<(), OpenError> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(()),
        kind => Err(OpenError::NotRegular {
            path: path.to_path_buf(),
            kind,
        }),
    }
}

/// An open regular file that passed every check that does not need its content.
#[derive(Debug)]
pub struct RegionFile {
    file: OwnedFd,
    path: PathBuf,
}

impl RegionFile {
    /// A file this process has just created itself, exclusively.
    pub(crate) fn created(file: OwnedFd, path: PathBuf) -> Self {
        Self { file, path }
    }

    /// The canonical path it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses a file that ends before `needed_bytes`; longer is fine (wire 2.2).
    ///
    /// # Errors
    /// [`OpenError::TooShort`], or the file cannot be asked.
    pub fn require_len(&self, needed_bytes: u64) -> Result<(), OpenError> {
        let stat =
            fstat(&self.file).map_err(|error| FileError::new("measure", &self.path, error))?;
        let len_bytes = u64::try_from(stat.st_size).unwrap_or(0);
        if len_bytes >= needed_bytes {
            return Ok(());
        }
        Err(OpenError::TooShort {
            path: self.path.clone(),
            len_bytes,
            needed_bytes,
        })
    }

    /// The size of its huge pages in bytes, `None` for ordinary pages; an error if `required` and not proven
    /// (W-260, W-261).
    ///
    /// # Errors
    /// [`OpenError::NotHugePages`], or the file system cannot be asked.
    pub fn huge_page_bytes(&self, required: bool) -> Result<Option<NonZero<u64>>, OpenError> {
        match huge_page_bytes(&self.file, &self.path)? {
            None if required => Err(OpenError::NotHugePages(self.path.clone())),
            page => Ok(page),
        }
    }
}

impl AsFd for RegionFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, mknodat};
    use rustix::io::Errno;
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

        fn resolve(&self, path: &str) -> Result<CheckedPath, OpenError> {
            CheckedPath::resolve(&self.path(path), &self.bases)
        }

        fn open(&self, path: &str) -> Result<RegionFile, OpenError> {
            self.resolve(path)?.open(false, &Permissions::default())
        }

        /// Checks `path`, lets `attack` act before it is opened, and gives the refusal.
        fn open_after(&self, path: &str, attack: impl FnOnce()) -> OpenError {
            let checked = self.resolve(path).unwrap();
            attack();
            checked.open(false, &Permissions::default()).unwrap_err()
        }
    }

    /// Whether opening stopped at a link: as the file itself, or where a directory was expected.
    fn is_link(error: &OpenError) -> bool {
        let code = match error {
            OpenError::File(error) => error.source.raw_os_error(),
            _ => None,
        };
        [Errno::LOOP, Errno::NOTDIR]
            .map(|link| Some(link.raw_os_error()))
            .contains(&code)
    }

    #[test] // req: W-250, W-253
    fn a_good_file_opens_for_reading_and_for_writing() {
        let scratch = Scratch::new();
        let file = scratch.open("base/dir/region").unwrap();
        assert_eq!(file.path(), scratch.path("base/dir/region"));
        file.require_len(4096).unwrap();
        let checked = scratch.resolve("base/dir/region").unwrap();
        assert!(checked.open(true, &Permissions::default()).is_ok());
    }

    #[test] // req: W-249
    fn a_relative_path_is_refused() {
        let refused = CheckedPath::resolve(Path::new("dev/shm/region"), &AllowedBases::default());
        assert!(matches!(refused, Err(OpenError::NotAbsolute(_))));
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
            assert!(
                matches!(error, OpenError::OutsideBases(_)),
                "{path}: {error}"
            );
        }
    }

    #[test] // req: W-258, C-003
    fn without_a_base_nothing_is_accepted() {
        let scratch = Scratch::new();
        let path = scratch.path("base/dir/region");
        let refused = CheckedPath::resolve(&path, &AllowedBases::default());
        assert!(matches!(refused, Err(OpenError::OutsideBases(_))));
    }

    #[test] // req: T-32, W-250
    fn a_link_that_stays_inside_the_base_is_resolved_before_opening() {
        let scratch = Scratch::new();
        symlink("dir", scratch.path("base/alias")).unwrap();
        let file = scratch.open("base/alias/../alias/region").unwrap();
        assert_eq!(file.path(), scratch.path("base/dir/region"));
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
        let mut attacks = vec![
            ("base/dir", FileType::Directory),
            ("base/fifo", FileType::Fifo),
            ("base/socket", FileType::Socket),
        ];
        match make("device", FileType::CharacterDevice) {
            Ok(()) => attacks.push(("base/device", FileType::CharacterDevice)),
            Err(why) => println!("device node: skipped, because none can be made here: {why}"),
        }
        for (path, expected) in attacks {
            match scratch.open(path) {
                Err(OpenError::NotRegular { kind, .. }) => assert_eq!(kind, expected),
                other => panic!("{path}: {other:?}"),
            }
        }
        // A device that exists everywhere.
        let devices = AllowedBases::new(&["/dev"]).unwrap();
        let refused = CheckedPath::resolve(Path::new("/dev/null"), &devices);
        assert!(matches!(refused, Err(OpenError::NotRegular { .. })));
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
        assert!(is_link(&error), "{error}");

        fs::remove_file(&region).unwrap();
        scratch.file("base/dir/region");
        let error = scratch.open_after("base/dir/region", || {
            fs::rename(scratch.path("base/dir"), scratch.path("base/moved")).unwrap();
            symlink(&outside, scratch.path("base/dir")).unwrap();
        });
        assert!(is_link(&error), "{error}");
    }

    #[test] // req: W-256
    fn another_file_swapped_in_after_the_check_is_noticed() {
        let scratch = Scratch::new();
        let region = scratch.path("base/dir/region");
        scratch.file("base/dir/other");
        let error = scratch.open_after("base/dir/region", || {
            fs::rename(scratch.path("base/dir/other"), &region).unwrap();
        });
        assert!(matches!(error, OpenError::Exchanged(_)), "{error}");

        // A FIFO without a writer must not hold us up either.
        let error = scratch.open_after("base/dir/region", || {
            fs::remove_file(&region).unwrap();
            mknodat(CWD, &region, FileType::Fifo, Mode::from_raw_mode(0o660), 0).unwrap();
        });
        assert!(matches!(error, OpenError::NotRegular { .. }), "{error}");
    }

    #[test] // req: T-33
    fn a_short_file_is_refused_with_both_lengths() {
        let scratch = Scratch::new();
        let error = scratch.open("base/dir/region").unwrap().require_len(4097);
        assert!(matches!(
            error,
            Err(OpenError::TooShort {
                len_bytes: 4096,
                needed_bytes: 4097,
                ..
            })
        ));
    }

    #[test] // req: C-004, W-270
    fn permissions_are_judged_on_the_opened_file() {
        let scratch = Scratch::new();
        let region = scratch.path("base/dir/region");
        let error = scratch.open_after("base/dir/region", || {
            fs::set_permissions(&region, fs::Permissions::from_mode(0o664)).unwrap();
        });
        assert!(
            matches!(error, OpenError::Permissions { mode: 0o664, .. }),
            "{error}"
        );
    }

    #[test] // req: W-260, W-261
    fn huge_pages_are_never_taken_on_trust() {
        let scratch = Scratch::new();
        let file = scratch.open("base/dir/region").unwrap();
        assert_eq!(file.huge_page_bytes(false).unwrap(), None);
        let refused = file.huge_page_bytes(true);
        assert!(matches!(refused, Err(OpenError::NotHugePages(_))));
    }
}
