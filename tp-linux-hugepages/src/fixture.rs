//! What tests need: a canonical tree to fill by hand, small file systems, and what the kernel says of this process.
//!
//! File systems are mounted where they may be and taken away again.
//! A test that cannot have them says so by `skip` and returns; it proves nothing then, and says so.

#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use crate::mode::FileMode;
use crate::names::{Namespace, UserName};
use crate::skip::skip;
use crate::tree::CanonicalTree;
use rustix::fs::{FlockOperation, flock};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tp_core_nostd::ids::StreamId;
use tp_core_nostd::shm::{MAGIC, SuperblockBlock};
use zerocopy::{FromZeros, IntoBytes};

/// The stream of the tests.
pub(crate) const STREAM: StreamId = StreamId::new(10_000).unwrap();

/// A canonical tree in a directory of its own, with the directory of one stream.
pub(crate) struct ScratchTree {
    pub(crate) tree: CanonicalTree,
    dir: tempfile::TempDir,
}

impl ScratchTree {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tree = tree_in(dir.path(), FileMode::SHARED_GROUP);
        tree.make_stream_dir(STREAM).unwrap();
        Self { tree, dir }
    }

    /// The base directory of the tree.
    pub(crate) fn base(&self) -> &Path {
        self.dir.path()
    }

    /// A path in the stream's directory.
    pub(crate) fn path(&self, below_stream: &str) -> PathBuf {
        self.tree.stream_dir(STREAM).join(below_stream)
    }

    /// Makes an empty epoch directory.
    pub(crate) fn epoch(&self, number: u64) {
        fs::create_dir(self.path(&number.to_string())).unwrap();
    }

    /// Makes an epoch directory whose header ring records `epoch` under `magic`.
    pub(crate) fn epoch_with_ring(&self, number: u64, magic: u64, epoch: u64) {
        self.epoch(number);
        let mut block = SuperblockBlock::new_zeroed();
        block.magic = magic.into();
        block.epoch = epoch.into();
        block.pid = 77.into();
        let ring = self.path(&format!("{number}/header.ring"));
        fs::write(ring, block.as_bytes()).unwrap();
    }

    /// Makes a region of an epoch directory as its creator left it.
    pub(crate) fn region(&self, number: u64, file: &str, creator: Creator) {
        let mut block = SuperblockBlock::new_zeroed();
        block.magic = MAGIC.into();
        block.epoch = number.into();
        block.pid = creator.pid.into();
        block.start_timestamp_ns = creator.start_ns.into();
        block.activity_timestamp_ns = creator.activity_ns.into();
        let file = self.path(&format!("{number}/{file}"));
        fs::write(file, block.as_bytes()).unwrap();
    }

    /// The last epoch as the tree finds it.
    pub(crate) fn last(&self) -> Option<u64> {
        self.tree.last_epoch(STREAM).unwrap()
    }
}

/// What a creator writes into its regions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Creator {
    pub(crate) pid: u64,
    pub(crate) start_ns: u64,
    pub(crate) activity_ns: u64,
}

/// The canonical tree of user `jane` and namespace `lab1`.
pub(crate) fn tree_in(base: &Path, mode: FileMode) -> CanonicalTree {
    let user = UserName::new("jane").unwrap();
    CanonicalTree::new(base, &user, Namespace::new("lab1").unwrap(), mode).unwrap()
}

/// A mounted file system of its own; unmounted when dropped.
pub(crate) struct Mounted {
    root: PathBuf,
    _dir: tempfile::TempDir,
}

impl Mounted {
    fn new(kind: &str, options: &str) -> io::Result<Self> {
        let dir = tempfile::tempdir()?;
        let root = dir.path().canonicalize()?;
        let data = CString::new(options)?;
        mount(kind, &root, kind, MountFlags::empty(), data.as_c_str())?;
        Ok(Self { root, _dir: dir })
    }

    /// A memory file system of `bytes`, or says why test `name` is skipped.
    pub(crate) fn tmpfs(name: &str, bytes: u64) -> Option<Self> {
        Self::new("tmpfs", &format!("size={bytes}"))
            .map_err(|why| {
                skip(
                    name,
                    "tmpfs",
                    format_args!("tmpfs cannot be mounted here: {why}"),
                )
            })
            .ok()
    }

    /// Where it is mounted, canonical.
    pub(crate) fn path(&self) -> &Path {
        &self.root
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Err(error) = unmount(&self.root, UnmountFlags::empty()) {
            let _ = unmount(&self.root, UnmountFlags::DETACH);
            let failing = std::thread::panicking();
            assert!(failing, "a file or a mapping outlived its test: {error}");
        }
    }
}

/// A hugetlbfs with some pages to itself: adds them to the kernel's pool and takes them out again when dropped.
pub(crate) struct HugePages {
    mounted: Option<Mounted>,
    added: u64,
    /// Tests that change the pool wait for each other, in whatever process they run.
    _turn: File,
}

const POOL: &str = "/proc/sys/vm/nr_hugepages";

impl HugePages {
    /// A hugetlbfs that holds `pages` pages and no more, or says why test `name` is skipped.
    pub(crate) fn mount(name: &str, pages: u64) -> Option<Self> {
        let huge = Self::take(pages).and_then(|mut huge| {
            // `min_size` reserves the pages for this mount, `size` keeps it from taking others.
            let page = huge_page_bytes();
            let bytes = pages * page;
            let options = format!("pagesize={page},size={bytes},min_size={bytes}");
            huge.mounted = Some(Mounted::new("hugetlbfs", &options)?);
            Ok(huge)
        });
        huge.map_err(|why| {
            skip(
                name,
                "huge-pages",
                format_args!("no huge pages are to be had: {why}"),
            )
        })
        .ok()
    }

    /// Adds pages to the kernel's pool.
    fn take(pages: u64) -> io::Result<Self> {
        let turn = File::open(POOL)?;
        flock(&turn, FlockOperation::LockExclusive)?;
        let before = pool()?;
        fs::write(POOL, (before + pages).to_string())?;
        let huge = Self {
            mounted: None,
            added: pages,
            _turn: turn,
        };
        if pool()? < before + pages {
            return Err(io::Error::other("memory is full or fragmented"));
        }
        Ok(huge)
    }

    /// Where it is mounted, canonical.
    pub(crate) fn path(&self) -> &Path {
        self.mounted.as_ref().unwrap().path()
    }
}

impl Drop for HugePages {
    fn drop(&mut self) {
        self.mounted = None;
        let _ = pool().and_then(|now| fs::write(POOL, (now - self.added).to_string()));
    }
}

/// How many pages the kernel's pool has.
fn pool() -> io::Result<u64> {
    fs::read_to_string(POOL)?
        .trim()
        .parse()
        .map_err(io::Error::other)
}

/// What `/proc/self/smaps` says of a mapped file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mapped {
    /// Such as `r--s`.
    pub(crate) access: String,
    pub(crate) size_kib: u64,
    pub(crate) page_kib: u64,
    pub(crate) resident_kib: u64,
    pub(crate) locked_kib: u64,
}

/// The first mapping of the file at `path`, if there is any.
pub(crate) fn mapped(path: &Path) -> Option<Mapped> {
    let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
    let mut lines = smaps.lines();
    let head = lines.find(|line| line.ends_with(path.to_str().unwrap()))?;
    let rest: Vec<&str> = lines.take(30).collect();
    let kib = |key| kib_in(&rest, key);
    Some(Mapped {
        access: head.split(' ').nth(1).unwrap().to_owned(),
        size_kib: kib("Size:"),
        page_kib: kib("KernelPageSize:"),
        resident_kib: kib("Rss:"),
        locked_kib: kib("Locked:"),
    })
}

/// Tests that lock memory wait for each other, because they count what the process has locked.
pub(crate) fn turn_to_lock() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How much memory this process has locked, in KiB.
pub(crate) fn locked_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    kib_in(&status.lines().collect::<Vec<_>>(), "VmLck:")
}

/// The size of the pages in the pool that `nr_hugepages` counts.
fn huge_page_bytes() -> u64 {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    kib_in(&meminfo.lines().collect::<Vec<_>>(), "Hugepagesize:") * 1024
}

/// The value of a line such as `VmLck:  64 kB`.
fn kib_in(lines: &[&str], key: &str) -> u64 {
    let value = lines
        .iter()
        .find_map(|line| line.strip_prefix(key))
        .unwrap();
    value.trim().trim_end_matches(" kB").parse().unwrap()
}
