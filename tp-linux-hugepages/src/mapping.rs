//! Mapped regions. The only unsafe of this crate.

use crate::hugetlb::whole_pages;
use crate::open::{RegionFile, failed};
use core::num::NonZero;
use core::ptr::NonNull;
use memmap2::{Advice, MmapOptions, MmapRaw};
use rustix::fd::{AsFd, AsRawFd};
use rustix::io::Errno;
use std::io;
use std::sync::Arc;
use tp_core_nostd::memory::{MapError, MapStep, Region, WritableRegion};
use tp_core_nostd::shm::{RegionView, RegionWriter};

/// What is done for a mapping before its first use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Residency {
    /// Touch every page, so that none faults later.
    pub prefault: bool,
    /// Lock every page into memory, for as long as the mapping lives (D-190, D-192). A lock that is refused is an error.
    pub lock: bool,
}

/// A region mapped for reading; storing to it would end the process. Clones share the memory; the last one dropped
/// unmaps it.
#[derive(Clone, Debug)]
pub struct Mapping {
    view: RegionView<'static>,
    memory: Arc<MmapRaw>,
}

/// A region mapped for reading and writing. Clones share the memory; the last one dropped unmaps it.
#[derive(Clone, Debug)]
pub struct WritableMapping {
    writer: RegionWriter<'static>,
    memory: Arc<MmapRaw>,
}

impl Mapping {
    /// Whether no clone of it is left, so that dropping it unmaps.
    pub fn is_last(&self) -> bool {
        Arc::strong_count(&self.memory) == 1
    }

    /// Maps `extent` of a file that is known to have so much.
    pub(crate) fn new(
        file: &RegionFile,
        extent: Extent,
        residency: Residency,
    ) -> Result<Self, MapError> {
        let options = extent.options();
        let map = |options: &MmapOptions| options.map_raw_read_only(file.as_fd().as_raw_fd());
        let memory = resident(&options, map, residency, Advice::PopulateRead)?;
        let base = first_byte(&memory)?;
        #[expect(unsafe_code, reason = "how long a mapping lives is only known here")]
        // SAFETY: pages are aligned to far more than 64. The mapping has `extent.len` readable bytes and lives as
        // long as any clone of the struct with the view, which never leaves it for longer than a borrow of the struct. Peers write by the rules
        // of the region module, or what they write is discarded by them.
        let view = unsafe { RegionView::from_raw(base, extent.len) };
        Ok(Self {
            view,
            memory: Arc::new(memory),
        })
    }
}

impl WritableMapping {
    /// Whether no clone of it is left, so that dropping it unmaps.
    pub fn is_last(&self) -> bool {
        Arc::strong_count(&self.memory) == 1
    }

    /// Maps `extent` of a file that is known to have so much.
    pub(crate) fn new(
        file: &RegionFile,
        extent: Extent,
        residency: Residency,
    ) -> Result<Self, MapError> {
        let options = extent.options();
        let map = |options: &MmapOptions| options.map_raw(file.as_fd().as_raw_fd());
        let memory = resident(&options, map, residency, Advice::PopulateWrite)?;
        let base = first_byte(&memory)?;
        #[expect(unsafe_code, reason = "how long a mapping lives is only known here")]
        // SAFETY: as in `Mapping::new`, and the mapping is writable.
        let writer = unsafe { RegionWriter::from_raw(base, extent.len) };
        Ok(Self {
            writer,
            memory: Arc::new(memory),
        })
    }
}

#[expect(unsafe_code, reason = "the trait asks for a promise")]
// SAFETY: the view is made once; the memory behind it does not move with the value.
unsafe impl Region for Mapping {
    fn view(&self) -> RegionView<'_> {
        self.view
    }
}

#[expect(unsafe_code, reason = "the trait asks for a promise")]
// SAFETY: as for `Mapping`.
unsafe impl Region for WritableMapping {
    fn view(&self) -> RegionView<'_> {
        self.writer.view()
    }
}

#[expect(unsafe_code, reason = "the trait asks for a promise")]
// SAFETY: mapped for writing, and the view is the writer's own.
unsafe impl WritableRegion for WritableMapping {
    fn writer(&self) -> RegionWriter<'_> {
        self.writer
    }
}

/// How much of a file is looked at, and how much has to be mapped for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Bytes of the region.
    len: usize,
    /// Those in whole huge pages, without which the kernel would not unmap them (wire T-30).
    mapped: usize,
}

impl Extent {
    /// The extent of a region of `needed` bytes.
    pub(crate) fn new(
        needed: u64,
        huge_page_bytes: Option<NonZero<u64>>,
    ) -> Result<Self, MapError> {
        let addressable = |bytes| isize::try_from(bytes).ok().map(isize::cast_unsigned);
        let mapped = whole_pages(needed, huge_page_bytes).and_then(addressable);
        match (addressable(needed), mapped) {
            (Some(len), Some(mapped)) => Ok(Self { len, mapped }),
            _ => Err(MapError::TooLarge { needed }),
        }
    }

    fn options(self) -> MmapOptions {
        let mut options = MmapOptions::new();
        options.len(self.mapped);
        options
    }
}

/// Maps with `map`, then prefaults and locks as told.
fn resident(
    options: &MmapOptions,
    map: impl Fn(&MmapOptions) -> io::Result<MmapRaw>,
    residency: Residency,
    populate: Advice,
) -> Result<MmapRaw, MapError> {
    let mapped = |options: &MmapOptions| map(options).map_err(|error| failed(MapStep::Map, &error));
    let mut memory = mapped(options)?;
    if residency.prefault
        && let Err(error) = memory.advise(populate)
    {
        // Kernels before 5.14 do not know the advice. Their way to populate does not tell whether it succeeded.
        if Errno::from_io_error(&error) != Some(Errno::INVAL) {
            return Err(failed(MapStep::Prefault, &error));
        }
        memory = mapped(options.clone().populate())?;
    }
    if residency.lock {
        memory
            .lock()
            .map_err(|error| failed(MapStep::Lock, &error))?;
    }
    Ok(memory)
}

fn first_byte(memory: &MmapRaw) -> Result<NonNull<u8>, MapError> {
    // Linux maps nothing at address 0 unless it is asked to.
    NonNull::new(memory.as_mut_ptr()).ok_or(MapError::Failed {
        step: MapStep::Map,
        code: 0,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

    use super::*;
    use crate::fixture::{HugePages, Mapped, mapped, turn_to_lock};
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
    use std::fs::File;
    use std::path::{Path, PathBuf};

    const LEN: u64 = 64 + 256 * 1024;

    /// A file longer than its region.
    fn file_in(dir: &Path) -> (RegionFile, PathBuf) {
        let path = dir.canonicalize().unwrap().join("region");
        let file = File::create_new(&path).unwrap();
        file.set_len(LEN + 8192).unwrap();
        drop(file);
        let file = File::options().read(true).write(true).open(&path).unwrap();
        (RegionFile::created(file.into()), path)
    }

    fn extent() -> Extent {
        Extent::new(LEN, None).unwrap()
    }

    #[test] // req: T-33, W-016
    fn exactly_the_region_is_mapped_however_long_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let (file, path) = file_in(dir.path());
        let region = Mapping::new(&file, extent(), Residency::default()).unwrap();
        assert_eq!(region.view().len() as u64, LEN);
        let mapped = mapped(&path).unwrap();
        assert_eq!(mapped.size_kib, LEN.next_multiple_of(4096) / 1024);
    }

    #[test] // req: W-274
    fn consumers_map_read_only_and_see_what_the_writer_stores() {
        let dir = tempfile::tempdir().unwrap();
        let (file, path) = file_in(dir.path());
        let region = Mapping::new(&file, extent(), Residency::default()).unwrap();
        assert_eq!(mapped(&path).unwrap().access, "r--s");

        let producer = WritableMapping::new(&file, extent(), Residency::default()).unwrap();
        producer.writer().store(9, 0xC0FFEE).unwrap();
        producer.writer().copy_in(100, b"payload").unwrap();
        assert_eq!(region.view().load(9), Ok(0xC0FFEE));
        let mut payload = [0; 7];
        region.view().copy_out(100, &mut payload).unwrap();
        assert_eq!(&payload, b"payload");
        assert_eq!(producer.view().load(9), Ok(0xC0FFEE));
    }

    #[test]
    fn a_dropped_mapping_is_unmapped() {
        let dir = tempfile::tempdir().unwrap();
        let (file, path) = file_in(dir.path());
        drop(WritableMapping::new(&file, extent(), Residency::default()).unwrap());
        drop(Mapping::new(&file, extent(), Residency::default()).unwrap());
        assert_eq!(mapped(&path), None);
    }

    #[test]
    fn mappings_go_to_any_thread() {
        fn is_send_and_sync<T: Send + Sync>() {}
        is_send_and_sync::<Mapping>();
        is_send_and_sync::<WritableMapping>();
    }

    #[test] // req: C-070
    fn prefaulted_pages_are_all_there() {
        let dir = tempfile::tempdir_in("/dev/shm").unwrap();
        let (file, path) = file_in(dir.path());
        let residency = |prefault| Residency {
            prefault,
            lock: false,
        };
        let all = |mapped: Mapped| mapped.resident_kib == mapped.size_kib;

        let region = Mapping::new(&file, extent(), residency(false)).unwrap();
        assert_eq!(mapped(&path).unwrap().resident_kib, 0);
        drop(region);
        let region = WritableMapping::new(&file, extent(), residency(true)).unwrap();
        assert!(all(mapped(&path).unwrap()));
        drop(region);
        let _region = Mapping::new(&file, extent(), residency(true)).unwrap();
        assert!(all(mapped(&path).unwrap()));
    }

    #[test] // req: D-190, D-192, C-070
    fn a_locked_mapping_stays_locked_until_it_is_dropped() {
        let _turn = turn_to_lock();
        let dir = tempfile::tempdir().unwrap();
        let (file, path) = file_in(dir.path());
        let locked = Residency {
            prefault: false,
            lock: true,
        };
        let driver = WritableMapping::new(&file, extent(), locked).unwrap();
        let before = mapped(&path).unwrap();
        assert_eq!(before.locked_kib, before.size_kib);
        drop(driver);
        assert_eq!(mapped(&path), None);
    }

    #[test] // req: D-189
    fn a_refused_lock_is_an_error() {
        let _turn = turn_to_lock();
        let dir = tempfile::tempdir().unwrap();
        let (file, path) = file_in(dir.path());
        let before = getrlimit(Resource::Memlock);
        let nothing = Rlimit {
            current: Some(0),
            ..before
        };
        setrlimit(Resource::Memlock, nothing).unwrap();
        // Privileges belong to threads, so this one can go without them for the rest of its life.
        let refused = std::thread::spawn(move || {
            let mut own = capabilities(None).unwrap();
            own.effective.remove(CapabilitySet::IPC_LOCK);
            set_capabilities(None, own).unwrap();
            let locked = Residency {
                prefault: false,
                lock: true,
            };
            Mapping::new(&file, extent(), locked).unwrap_err()
        });
        let refused = refused.join().unwrap();
        setrlimit(Resource::Memlock, before).unwrap();
        assert!(
            matches!(
                refused,
                MapError::Failed {
                    step: MapStep::Lock,
                    ..
                }
            ),
            "{refused}"
        );
        assert_eq!(mapped(&path), None);
    }

    #[test] // req: C-050
    fn more_than_the_address_space_is_refused() {
        let page = NonZero::new(2 << 20);
        for (needed, page) in [(u64::MAX, None), (1 << 63, None), ((1 << 63) - 64, page)] {
            assert_eq!(
                Extent::new(needed, page),
                Err(MapError::TooLarge { needed })
            );
        }
    }

    #[test] // req: C-050, C-200
    fn a_region_beyond_4_gib_is_addressed_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("region");
        let file = File::create_new(&path).unwrap();
        let len = (5 << 30) + 64;
        file.set_len(len).unwrap(); // sparse
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let file = RegionFile::created(file.into());
        let extent = Extent::new(len, None).unwrap();
        let producer = WritableMapping::new(&file, extent, Residency::default()).unwrap();
        let consumer = Mapping::new(&file, extent, Residency::default()).unwrap();
        let last = (len / 8 - 1) as usize;
        producer.writer().store(last, 7).unwrap();
        assert_eq!(consumer.view().load(last), Ok(7));
        assert_eq!(consumer.view().load(last % (1 << 29)), Ok(0));
        assert!(consumer.view().load(last + 1).is_err());
    }

    #[test] // req: T-30, W-259
    fn huge_pages_are_mapped_and_unmapped_whole() {
        let Some(huge) = HugePages::mount("huge_pages_are_mapped_and_unmapped_whole", 2) else {
            return;
        };
        let path = huge.path().join("region");
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .unwrap();
        let file = RegionFile::created(file.into());
        let page = file.huge_page_bytes(true).unwrap();
        let extent = Extent::new(page.unwrap().get() + 64, page).unwrap();
        rustix::fs::ftruncate(&file, extent.mapped as u64).unwrap();

        let region = WritableMapping::new(&file, extent, Residency::default()).unwrap();
        assert_eq!(region.view().len() as u64, page.unwrap().get() + 64);
        let mapped_now = mapped(&path).unwrap();
        assert_eq!(mapped_now.size_kib, 2 * page.unwrap().get() / 1024);
        assert_eq!(mapped_now.page_kib, page.unwrap().get() / 1024);
        region
            .writer()
            .store(region.view().len() / 8 - 1, 1)
            .unwrap();
        drop(region);
        assert_eq!(mapped(&path), None);
    }
}
