//! The row of the matrix whose memory is on huge pages, where there may be some.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FlockOperation, flock};
use tp_core_nostd::wire::driver::HugepagesPolicy;
use tp_tests::skip;

use super::exchange::{Row, shape};
use super::film::Film;
use super::{Shape, all};
use crate::rig::{Rig, base_dir};

/// Enough for the epochs that exist at a time.
const PAGES: u64 = 64;
const POOL: &str = "/proc/sys/vm/nr_hugepages";

/// A file system of huge pages below the directory of a rig, and pages for it in the kernel's pool; both go with the value.
struct HugePages {
    root: PathBuf,
    mounted: bool,
    /// Whoever changes the pool waits for each other, in whatever process.
    _turn: File,
}

impl HugePages {
    /// For the rig at `root`.
    ///
    /// # Errors
    /// Why there are none.
    fn mount(root: &Path) -> Result<Self, String> {
        let failed = |error| format!("{POOL}: {error}");
        let turn = File::open(POOL).map_err(failed)?;
        flock(&turn, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
        let before = pool().map_err(failed)?;
        fs::write(POOL, (before + PAGES).to_string()).map_err(failed)?;
        let mut huge = Self {
            root: root.to_owned(),
            mounted: false,
            _turn: turn,
        };
        if pool().map_err(failed)? < before + PAGES {
            return Err("memory is full or fragmented".to_owned());
        }
        let mount = Command::new("mount")
            .args(["-t", "hugetlbfs", "hugetlbfs"])
            .arg(base_dir(root))
            .output();
        match mount {
            Ok(output) if output.status.success() => huge.mounted = true,
            other => return Err(format!("hugetlbfs cannot be mounted: {other:?}")),
        }
        Ok(huge)
    }
}

impl Drop for HugePages {
    fn drop(&mut self) {
        if self.mounted {
            let _ = Command::new("umount")
                .arg("-l")
                .arg(base_dir(&self.root))
                .output();
            // The rig could not take away where something was mounted.
            let _ = fs::remove_dir_all(&self.root);
        }
        let _ = pool().and_then(|now| fs::write(POOL, now.saturating_sub(PAGES).to_string()));
    }
}

/// How many pages the kernel's pool has.
fn pool() -> std::io::Result<u64> {
    let text = fs::read_to_string(POOL)?;
    text.trim().parse().map_err(std::io::Error::other)
}

#[test] // req: C-196, D-193, D-195
fn huge_pages() {
    let row = Row {
        shape: Shape {
            strides: &[1 << 20],
            shm: "require_hugepages = true",
            ..shape()
        },
        producer: |config| config.with_hugepages(HugepagesPolicy::Hugepages),
        end: |pair| {
            all(pair);
            // A mapping says what its pages are; that of a pool and that of a ring.
            let maps = fs::read_to_string("/proc/self/smaps").unwrap();
            for file in ["/header.ring", "/1.pool"] {
                let mut lines = maps.lines().skip_while(|line| !line.ends_with(file));
                let page = lines.find_map(|line| line.strip_prefix("KernelPageSize:"));
                let kib = page.and_then(|page| page.trim().strip_suffix(" kB"));
                let kib: u64 = kib.and_then(|kib| kib.parse().ok()).unwrap();
                assert!(kib > 4, "{file} has pages of {kib} KiB");
            }
        },
        ..Row::default()
    };
    let mut rig = Rig::start_without_driver(&row.shape);
    let huge = HugePages::mount(rig.root());
    match &huge {
        Ok(_) => {
            rig.start_driver();
            row.run_on(rig, &Film::load());
        }
        Err(why) => skip(
            "huge_pages",
            "huge-pages",
            format_args!("no huge pages are to be had: {why}"),
        ),
    }
}
