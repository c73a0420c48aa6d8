//! New files with all of their space, so that no use of them fails later for lack of it (W-271, D-187).

use crate::dir::FileError;
use crate::mode::FileMode;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FallocateFlags, Mode, OFlags, fallocate, fchmod, fstatvfs, openat};
use rustix::io::{Errno, retry_on_intr};
use std::io::ErrorKind;
use std::path::Path;

/// Makes the file at `path`, which must not exist, in its directory `dir`, with exactly this mode and length. It reads
/// as zeros. A file system that cannot reserve space is refused like a full one: writing to a mapping there could end
/// the process.
pub(crate) fn reserve(
    dir: impl AsFd,
    path: &Path,
    mode: FileMode,
    len_bytes: u64,
) -> Result<OwnedFd, FileError> {
    let refused = |error: Errno| FileError::new("create", path, error);
    let name = path.file_name().unwrap_or_default();
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(dir, name, flags, Mode::RUSR | Mode::WUSR).map_err(refused)?;
    fchmod(&file, mode.of_file()).map_err(refused)?;
    retry_on_intr(|| fallocate(&file, FallocateFlags::empty(), 0, len_bytes))
        .map_err(|error| FileError::new("reserve space for", path, error))?;
    Ok(file)
}

/// Whether an error means that there is no room: on the file system, in memory, among the huge pages, in the quota.
pub(crate) fn is_no_space(error: &FileError) -> bool {
    matches!(
        error.source.kind(),
        ErrorKind::StorageFull
            | ErrorKind::OutOfMemory
            | ErrorKind::QuotaExceeded
            | ErrorKind::FileTooLarge
    )
}

/// Bytes that may be reserved on a file system; 0 if it does not tell.
pub(crate) fn free_bytes(dir: impl AsFd) -> u64 {
    fstatvfs(dir).map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dir::walk;
    use crate::fixture::Mounted;
    use crate::mapping::{Extent, Residency, WritableMapping};
    use crate::open::RegionFile;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};
    use tp_core_nostd::memory::{Region, WritableRegion};

    #[test] // req: D-184, D-186, W-268, W-270, I-07
    fn files_have_their_mode_whatever_the_umask() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = walk(&scratch.path().canonicalize().unwrap()).unwrap();
        for mode in [FileMode::SHARED_GROUP, FileMode::PRIVATE] {
            for umask in [0o000, 0o077] {
                let path = scratch
                    .path()
                    .join(format!("{:o}-{umask:o}", mode.of_file()));
                let before = rustix::process::umask(Mode::from_raw_mode(umask));
                let made = reserve(&dir, &path, mode, 4096);
                rustix::process::umask(before);
                made.unwrap();
                let found = fs::metadata(&path).unwrap();
                assert_eq!(found.mode() & 0o7777, mode.of_file().as_raw_mode());
                assert_eq!(found.uid(), rustix::process::geteuid().as_raw());
            }
        }
    }

    #[test] // req: D-187, D-194, W-255
    fn nothing_that_exists_is_opened_or_replaced() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = walk(&scratch.path().canonicalize().unwrap()).unwrap();
        fs::write(scratch.path().join("file"), "data").unwrap();
        symlink("missing", scratch.path().join("link")).unwrap();
        for name in ["file", "link"] {
            let path = scratch.path().join(name);
            let refused = reserve(&dir, &path, FileMode::PRIVATE, 4096).unwrap_err();
            assert_eq!(refused.source.kind(), ErrorKind::AlreadyExists);
        }
        assert_eq!(fs::read(scratch.path().join("file")).unwrap(), b"data");
        assert!(!scratch.path().join("missing").exists());
    }

    #[test] // req: W-271
    fn reserved_space_can_be_used_to_the_last_byte_of_a_full_file_system() {
        let name = "reserved_space_can_be_used_to_the_last_byte_of_a_full_file_system";
        let Some(small) = Mounted::tmpfs(name, 1 << 20) else {
            return;
        };
        let dir = walk(small.path()).unwrap();
        let reserve = |name, len| reserve(&dir, &small.path().join(name), FileMode::PRIVATE, len);
        let pool = reserve("1.pool", 512 << 10).unwrap();
        let free = free_bytes(&dir);
        assert!(is_no_space(&reserve("2.pool", free + 4096).unwrap_err()));
        drop(reserve("3.pool", free).unwrap());
        assert_eq!(free_bytes(&dir), 0);

        // Without its space, the first store to a page would end this process.
        let extent = Extent::new(512 << 10, None).unwrap();
        let pool = RegionFile::created(pool);
        let pool = WritableMapping::new(&pool, extent, Residency::default()).unwrap();
        for word in 0..pool.view().len() / 8 {
            pool.writer().store(word, u64::MAX).unwrap();
        }
    }
}
