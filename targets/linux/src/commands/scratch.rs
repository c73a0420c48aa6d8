//! A directory of a command's own in shared memory, which has to be empty in the end.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process;

/// Where shared memory is on Linux.
const SHARED_MEMORY: &str = "/dev/shm";

/// Everything that a command and its processes put anywhere, in one place.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// A new directory that only this user can enter.
    pub(super) fn new(name: &str) -> Result<Self, String> {
        Self::below(Path::new(SHARED_MEMORY), name)
    }

    fn below(parent: &Path, name: &str) -> Result<Self, String> {
        let dir = parent.join(format!("tp-{name}-{}", process::id()));
        let made = DirBuilder::new().mode(0o700).create(&dir);
        made.map_err(|error| format!("cannot create {}: {error}", dir.display()))?;
        Ok(Self(dir))
    }

    /// Directory of the media driver, made by it.
    pub(super) fn aeron_dir(&self) -> PathBuf {
        self.0.join("aeron")
    }

    /// Base directory of the driver's regions.
    pub(super) fn regions_dir(&self) -> Result<PathBuf, String> {
        let dir = self.0.join("regions");
        fs::create_dir_all(&dir)
            .map_err(|error| format!("cannot create {}: {error}", dir.display()))?;
        Ok(dir)
    }

    /// Writes the driver's configuration and says where.
    pub(super) fn write_config(&self, text: &str) -> Result<PathBuf, String> {
        let path = self.0.join("driver.toml");
        fs::write(&path, text)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(path)
    }

    /// Removes the directory; an error if any of the processes left a file in it. Empty directories are none: a driver
    /// keeps that of its last epoch as a record (D-204).
    pub(super) fn clear(self) -> Result<(), String> {
        let failed = |error: io::Error| format!("cannot remove {}: {error}", self.0.display());
        match fs::remove_file(self.0.join("driver.toml")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let mut left = Vec::new();
        files_below(&self.0, &mut left).map_err(failed)?;
        fs::remove_dir_all(&self.0).map_err(failed)?;
        match left.as_slice() {
            [] => Ok(()),
            [first, ..] => Err(format!(
                "{} files were left in shared memory, {} is one (removed now)",
                left.len(),
                first.display()
            )),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // After `clear` there is nothing to remove any more.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn files_below(dir: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => files_below(&entry.path(), files)?,
            false => files.push(entry.path()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_directories_are_cleared_and_files_left_behind_are_told() {
        let parent = tempfile::tempdir().unwrap();
        let entries = || fs::read_dir(parent.path()).unwrap().count();
        let scratch = Scratch::below(parent.path(), "test").unwrap();
        scratch.write_config("x = 1").unwrap();
        scratch.regions_dir().unwrap();
        assert_eq!((scratch.clear(), entries()), (Ok(()), 0));

        let scratch = Scratch::below(parent.path(), "test").unwrap();
        fs::write(scratch.regions_dir().unwrap().join("header.ring"), b"x").unwrap();
        let complaint = scratch.clear().unwrap_err();
        assert!(complaint.contains("regions/header.ring"), "{complaint}");
        assert_eq!(entries(), 0);
    }
}
