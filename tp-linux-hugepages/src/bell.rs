//! The bell of an epoch as a file beside its regions, and sleeping on it (E-01; `docs/wake-up.md`).

use core::time::Duration;
use std::path::Path;

use rustix::fd::OwnedFd;
use rustix::thread::futex;
use rustix::time::Timespec;
use tp_core_nostd::memory::{MapError, WritableRegion};
use tp_core_nostd::shm::{BELL_LEN, Bell, Ticket};
use tp_core_nostd::uri::RegionUri;

use crate::create::CreateError;
use crate::mapper::LinuxMapper;
use crate::mapping::{Extent, Residency, WritableMapping};
use crate::mode::FileMode;
use crate::open::RegionFile;
use crate::reserve::reserve;

/// Name of the bell's file in every epoch directory.
pub const BELL_FILE: &str = "wake.bell";

/// A bell, mapped. Clones share the memory; the last one dropped unmaps it.
#[derive(Clone, Debug)]
pub struct MappedBell(WritableMapping);

impl MappedBell {
    /// Whether no clone of it is left, so that dropping it unmaps.
    pub fn is_last(&self) -> bool {
        self.0.is_last()
    }

    /// Consumer: says that it is about to sleep. Look for a frame afterwards, then [`Self::sleep`].
    pub fn announce(&self) -> Option<Ticket> {
        self.bell().map(|bell| bell.announce())
    }

    /// Consumer: sleeps until somebody rings, at most so long. Somebody who rang since the ticket was drawn counts, and a
    /// signal ends it, too: whoever wakes looks again.
    pub fn sleep(&self, ticket: Ticket, at_most: Duration) {
        let Some(bell) = self.bell() else { return };
        let Ok(timeout) = Timespec::try_from(at_most) else {
            return;
        };
        // Shared by processes, therefore not private. However it ends, there is nothing to do about it.
        let _ = futex::wait(
            bell.word(),
            futex::Flags::empty(),
            ticket.get(),
            Some(&timeout),
        );
    }

    /// Producer, after a commit: wakes whoever sleeps. One relaxed load while nobody does.
    #[inline]
    pub fn ring_if_wanted(&self) {
        if let Some(bell) = self.bell().filter(Bell::is_wanted) {
            wake_all(bell);
        }
    }

    #[inline]
    fn bell(&self) -> Option<Bell<'_>> {
        Bell::of(self.0.writer()).ok()
    }
}

#[cold]
fn wake_all(bell: Bell<'_>) {
    bell.ring();
    // It can only fail for a word that is not mapped, and this one is.
    let _ = futex::wake(bell.word(), futex::Flags::empty(), i32::MAX.cast_unsigned());
}

impl LinuxMapper {
    /// The bell beside a header ring, after all checks that a region has to pass; `None` where there is none, or none
    /// that may be written here. Nothing is written to what is no bell.
    pub fn find_bell(&self, header: &RegionUri<'_>) -> Option<MappedBell> {
        let path = Path::new(header.path()).with_file_name(BELL_FILE);
        let uri = RegionUri::new(path.to_str()?, false).ok()?;
        let (file, extent) = self.open(&uri, BELL_LEN, true).ok()?;
        let mapping = WritableMapping::new(&file, extent, Residency::default()).ok()?;
        Bell::open(mapping.writer()).ok()?;
        Some(MappedBell(mapping))
    }
}

/// Makes the bell of an epoch at `path`, in its directory.
pub(crate) fn create(dir: &OwnedFd, path: &Path, mode: FileMode) -> Result<(), CreateError> {
    let unusable = |reason| CreateError::Map {
        path: path.to_path_buf(),
        reason,
    };
    let file = RegionFile::created(reserve(dir, path, mode, BELL_LEN)?);
    let extent = Extent::new(BELL_LEN, None).map_err(unusable)?;
    let mapping = WritableMapping::new(&file, extent, Residency::default()).map_err(unusable)?;
    Bell::create(mapping.writer()).map_err(|bounds| {
        let (needed, got) = (bounds.needed, bounds.got);
        unusable(MapError::TooShort { needed, got })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allow::AllowedBases;
    use crate::dir::walk;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Instant;

    /// Longer than any test takes: who sleeps so long was not woken.
    const LONG: Duration = Duration::from_secs(600);

    struct Scratch {
        root: PathBuf,
        mapper: LinuxMapper,
        _dir: tempfile::TempDir,
    }

    impl Scratch {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let root = dir.path().canonicalize().unwrap();
            let mapper = LinuxMapper {
                bases: AllowedBases::new(&[&root]).unwrap(),
                ..LinuxMapper::default()
            };
            Self {
                root,
                mapper,
                _dir: dir,
            }
        }

        fn path(&self) -> PathBuf {
            self.root.join(BELL_FILE)
        }

        fn create(&self, mode: FileMode) {
            create(&walk(&self.root).unwrap(), &self.path(), mode).unwrap();
        }

        fn find(&self) -> Option<MappedBell> {
            let header = self.root.join("header.ring");
            let uri = RegionUri::new(header.to_str().unwrap(), false).unwrap();
            self.mapper.find_bell(&uri)
        }
    }

    #[test] // req: E-01
    fn a_sleeper_is_woken_through_another_mapping() {
        let scratch = Scratch::new();
        scratch.create(FileMode::SHARED_GROUP);
        let (sleeper, producer) = (scratch.find().unwrap(), scratch.find().unwrap());
        let (announced, hear) = mpsc::channel();
        let asleep = thread::spawn(move || {
            let ticket = sleeper.announce().unwrap();
            announced.send(()).unwrap();
            let begun = Instant::now();
            sleeper.sleep(ticket, LONG);
            begun.elapsed() < LONG
        });
        hear.recv().unwrap();
        // Whether it sleeps by now or is about to.
        producer.ring_if_wanted();
        assert!(asleep.join().unwrap());
        assert!(!producer.bell().unwrap().is_wanted());
    }

    #[test] // req: E-01
    fn a_sleeper_that_nobody_wakes_wakes_by_itself() {
        let scratch = Scratch::new();
        scratch.create(FileMode::PRIVATE);
        let bell = scratch.find().unwrap();
        let ticket = bell.announce().unwrap();
        bell.sleep(ticket, Duration::from_millis(1));
        assert!(bell.bell().unwrap().is_still(ticket));
    }

    #[test] // req: E-01
    fn what_is_no_bell_is_neither_used_nor_written() {
        let scratch = Scratch::new();
        assert!(scratch.find().is_none());
        let foreign = [7; 64];
        fs::write(scratch.path(), foreign).unwrap();
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o660)).unwrap();
        assert!(scratch.find().is_none());
        assert_eq!(fs::read(scratch.path()).unwrap(), foreign);

        // One that anybody may write, a short one, a link to a good one.
        fs::remove_file(scratch.path()).unwrap();
        scratch.create(FileMode::SHARED_GROUP);
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o666)).unwrap();
        assert!(scratch.find().is_none());
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o660)).unwrap();
        assert!(scratch.find().is_some());
        let elsewhere = tempfile::tempdir().unwrap();
        let good = elsewhere.path().join("good");
        fs::copy(scratch.path(), &good).unwrap();
        fs::remove_file(scratch.path()).unwrap();
        symlink(&good, scratch.path()).unwrap();
        assert!(scratch.find().is_none());
        fs::remove_file(scratch.path()).unwrap();
        fs::write(scratch.path(), b"TPBELL01").unwrap();
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o660)).unwrap();
        assert!(scratch.find().is_none());
    }
}
