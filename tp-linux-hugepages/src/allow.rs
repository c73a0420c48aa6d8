//! What this process accepts from others: where regions may lie and who may own them.

use crate::dir::{FileError, walk};
use rustix::fs::Stat;
use std::io;
use std::path::{Path, PathBuf};

/// The directories under which regions are accepted, in canonical form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedBases(Vec<PathBuf>);

impl AllowedBases {
    /// Canonicalises each base, here and never again (W-251). No base at all is legal and allows nothing.
    ///
    /// # Errors
    /// A base is relative, missing, or no directory.
    pub fn new<P: AsRef<Path>>(bases: &[P]) -> Result<Self, FileError> {
        let canonical = |base: &P| canonical_base(base.as_ref());
        bases
            .iter()
            .map(canonical)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether `canonical` lies inside one of the bases, by whole components (W-252).
    pub fn contain(&self, canonical: &Path) -> bool {
        self.0.iter().any(|base| canonical.starts_with(base))
    }
}

/// The canonical form of a configured base directory.
pub(crate) fn canonical_base(base: &Path) -> Result<PathBuf, FileError> {
    let refused = |error: io::Error| FileError::new("use base directory", base, error);
    if !base.is_absolute() {
        return Err(refused(io::ErrorKind::InvalidInput.into()));
    }
    let canonical = base.canonicalize().map_err(refused)?;
    walk(&canonical)?;
    Ok(canonical)
}

/// Who may own a region's file and which permission bits it must not have. Judged on the opened file (C-004).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// Whether owner, group and mode are looked at.
    pub enforce: bool,
    /// The only owner accepted; any if `None`.
    pub uid: Option<u32>,
    /// The only group accepted; any if `None`.
    pub gid: Option<u32>,
    /// Permission bits of which none may be set.
    pub forbidden_mode: u32,
}

impl Default for Permissions {
    /// Any owner, any group, nothing for others.
    fn default() -> Self {
        Self {
            enforce: true,
            uid: None,
            gid: None,
            forbidden_mode: 0o007,
        }
    }
}

impl Permissions {
    /// Whether a file with this owner, group and mode is accepted.
    pub(crate) fn accept(&self, stat: &Stat) -> bool {
        !self.enforce
            || (stat.st_mode & self.forbidden_mode == 0
                && self.uid.is_none_or(|uid| uid == stat.st_uid)
                && self.gid.is_none_or(|gid| gid == stat.st_gid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test] // req: W-247, W-248, W-251, C-003
    fn bases_are_canonicalised_once() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().canonicalize().unwrap();
        fs::create_dir(root.join("real")).unwrap();
        fs::create_dir(root.join("elsewhere")).unwrap();
        symlink(root.join("real"), root.join("link")).unwrap();

        let bases = AllowedBases::new(&[root.join("link")]).unwrap();
        fs::remove_file(root.join("link")).unwrap();
        symlink(root.join("elsewhere"), root.join("link")).unwrap();
        assert!(bases.contain(&root.join("real/region")));
        assert!(!bases.contain(&root.join("elsewhere/region")));
    }

    #[test] // req: W-252
    fn containment_goes_by_whole_components() {
        let bases = AllowedBases(vec!["/dev/shm".into(), "/mnt/huge".into()]);
        for (path, inside) in [
            ("/dev/shm/region", true),
            ("/mnt/huge/a/b", true),
            ("/dev/shmem/region", false),
            ("/dev/region", false),
            ("/mnt/huge2", false),
        ] {
            assert_eq!(bases.contain(Path::new(path)), inside, "{path}");
        }
    }

    #[test] // req: W-247, C-003
    fn a_base_that_cannot_be_used_is_an_error_at_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for base in [
            Path::new("dev/shm"),
            Path::new("/no/such/base"),
            file.path(),
        ] {
            let error = AllowedBases::new(&[base]).unwrap_err();
            assert!(error.path.ends_with(base), "{error}");
        }
    }

    #[test] // req: C-004, W-270
    fn permissions_refuse_what_they_say() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let stat_with = |mode| {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            rustix::fs::stat(file.path()).unwrap()
        };
        let standard = Permissions::default();
        for (mode, accepted) in [
            (0o600, true),
            (0o640, true),
            (0o660, true),
            (0o661, false),
            (0o642, false),
            (0o604, false),
        ] {
            assert_eq!(standard.accept(&stat_with(mode)), accepted, "{mode:o}");
        }

        let stat = stat_with(0o660);
        let owned_by = |uid, gid| Permissions {
            uid,
            gid,
            ..standard
        };
        assert!(owned_by(Some(stat.st_uid), Some(stat.st_gid)).accept(&stat));
        assert!(!owned_by(Some(stat.st_uid ^ 1), None).accept(&stat));
        assert!(!owned_by(None, Some(stat.st_gid ^ 1)).accept(&stat));

        let off = Permissions {
            enforce: false,
            ..standard
        };
        assert!(off.accept(&stat_with(0o666)));
    }
}
