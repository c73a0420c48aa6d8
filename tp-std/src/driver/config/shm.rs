//! The `[shm]` table: where regions go, and how.

use std::path::{Path, PathBuf};

use tp_linux_hugepages::{FileMode, Namespace, Residency, UserName};

use super::number;
use crate::config::{Found, Origin, Settings, Texts};

/// Where a driver keeps its regions, and how.
#[derive(Clone, Debug)]
pub struct ShmConfig {
    /// Root of the canonical layout.
    pub base_dir: PathBuf,
    /// `<user>` of the canonical layout.
    pub user: UserName,
    /// `<namespace>` of the canonical layout.
    pub namespace: Namespace,
    /// Whether regions must lie on huge pages.
    pub hugepages: bool,
    /// Size of these pages in bytes, if it was configured; checked against the file system.
    pub page_size: Option<u64>,
    /// Mode of region files.
    pub mode: FileMode,
    /// Whether regions are touched and locked when they are created.
    pub residency: Residency,
    /// Whether regions are removed when the driver leaves.
    pub cleanup_on_exit: bool,
}

/// Reads the table; `None` after a problem.
pub(super) fn read(s: &mut Settings<'_>) -> Option<ShmConfig> {
    let base = s.scalar("shm.base_dir", "/dev/shm".to_owned());
    let base_dir = absolute(s, "shm.base_dir", &base.value, &base.origin);
    allowed(s, &base);

    let effective = UserName::effective();
    let user = s.scalar("shm.user", effective.as_str().to_owned());
    let user = UserName::new(&user.value).or_else(|| {
        s.problem(&user.origin, "shm.user", "must not be empty");
        None
    });
    let found = s.scalar("shm.namespace", "default".to_owned());
    let namespace = Namespace::new(&found.value).or_else(|| {
        let text = format!("{:?} must be letters, digits, - and _", found.value);
        s.problem(&found.origin, "shm.namespace", text);
        None
    });
    let found = s.scalar("shm.permissions_mode", "660".to_owned());
    let mode = FileMode::parse(&found.value).or_else(|| {
        let text = format!(
            "{:?} must be an octal mode like \"660\": read and write for the owner, nothing for others",
            found.value
        );
        s.problem(&found.origin, "shm.permissions_mode", text);
        None
    });
    let hugepages = s.scalar("shm.require_hugepages", false).value;
    let is_set = s.is_set("shm.page_size_bytes");
    let page_size = number(s, "shm.page_size_bytes", 4096, 1, u32::MAX.into());
    Some(ShmConfig {
        base_dir: base_dir?,
        user: user?,
        namespace: namespace?,
        hugepages,
        page_size: is_set.then_some(page_size),
        mode: mode?,
        residency: Residency {
            prefault: s.scalar("policies.prefault_shm", true).value,
            lock: s.scalar("policies.mlock_shm", false).value,
        },
        cleanup_on_exit: s.scalar("policies.cleanup_shm_on_exit", false).value,
    })
}

/// The base directory must lie in a directory that clients are allowed to map from (D-214).
fn allowed(s: &mut Settings<'_>, base: &Found<String>) {
    let key = "shm.allowed_base_dirs";
    let found = s.scalar(key, Texts(vec![base.value.clone()]));
    let mut contains = false;
    for dir in &found.value.0 {
        if let Some(dir) = absolute(s, key, dir, &found.origin) {
            contains |= Path::new(&base.value).starts_with(dir);
        }
    }
    if !contains {
        let text = format!("none of them contains shm.base_dir, {:?}", base.value);
        s.problem(&found.origin, key, text);
    }
}

fn absolute(s: &mut Settings<'_>, key: &str, dir: &str, origin: &Origin) -> Option<PathBuf> {
    let path = PathBuf::from(dir);
    if path.is_absolute() {
        return Some(path);
    }
    s.problem(origin, key, format!("{dir:?} must be an absolute path"));
    None
}
