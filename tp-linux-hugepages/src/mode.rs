//! The permission bits of region files, and those of their directories, which follow from them.

use rustix::fs::Mode;

/// Permission bits of region files: readable and writable by the owner, nothing for others (D-186).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileMode(u32);

impl FileMode {
    /// Owner and group read and write; the default of `shm.permissions_mode`.
    pub const SHARED_GROUP: Self = Self(0o660);
    /// The owner alone.
    pub const PRIVATE: Self = Self(0o600);

    /// The mode an octal string means, `660` or `0660`. `None` if it is no number up to 777, grants others anything
    /// (clients refuse such files), or keeps the owner from reading or writing.
    pub fn parse(octal: &str) -> Option<Self> {
        if !octal.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let mode = u32::from_str_radix(octal, 8).ok()?;
        (mode <= 0o777 && mode & 0o007 == 0 && mode & 0o600 == 0o600).then_some(Self(mode))
    }

    /// For files.
    pub fn of_file(self) -> Mode {
        Mode::from_raw_mode(self.0)
    }

    /// For directories: may be entered wherever files may be read, and hand their group on if the group may anything
    /// at all (D-185).
    pub fn of_dir(self) -> Mode {
        let enter = (self.0 & 0o444) >> 2;
        let set_gid = if self.0 & 0o070 == 0 { 0 } else { 0o2000 };
        Mode::from_raw_mode(self.0 | enter | set_gid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: D-184, D-185, W-268, W-270
    fn directories_follow_their_files() {
        for (file, dir) in [
            ("660", 0o2770),
            ("600", 0o700),
            ("640", 0o2750),
            ("620", 0o2720),
            ("0700", 0o700),
        ] {
            let mode = FileMode::parse(file).unwrap();
            assert_eq!(mode.of_dir().as_raw_mode(), dir, "{file}");
            assert_eq!(mode.of_dir().as_raw_mode() & 0o007, 0);
        }
        assert_eq!(FileMode::parse("660"), Some(FileMode::SHARED_GROUP));
        assert_eq!(FileMode::parse("600"), Some(FileMode::PRIVATE));
    }

    #[test] // req: D-186, I-07
    fn modes_for_others_or_without_an_owner_are_refused() {
        for bad in [
            "",
            "664",
            "666",
            "661",
            "777",
            "1660",
            "60",
            "440",
            "000",
            "888",
            "-660",
            "+660",
            "0o660",
            "rw-rw----",
            "66000000000000",
        ] {
            assert_eq!(FileMode::parse(bad), None, "{bad}");
        }
    }
}
