//! The size of the last-level cache, as the kernel describes it.

use std::fs;
use std::path::Path;

/// Bytes of the last-level cache of the first CPU; `None` where the kernel does not tell, as in some virtual machines.
pub fn last_level_cache_bytes() -> Option<u64> {
    last_level_in(Path::new("/sys/devices/system/cpu/cpu0/cache"))
}

fn last_level_in(dir: &Path) -> Option<u64> {
    let caches = fs::read_dir(dir).ok()?.flatten().filter_map(|entry| {
        let read = |name| fs::read_to_string(entry.path().join(name)).ok();
        let level: u32 = read("level")?.trim().parse().ok()?;
        Some((level, bytes(read("size")?.trim())?))
    });
    caches.max().map(|(_, bytes)| bytes)
}

/// A size such as `32768K`.
fn bytes(size: &str) -> Option<u64> {
    let (number, unit) = match size.strip_suffix('K') {
        Some(number) => (number, 1 << 10),
        None => match size.strip_suffix('M') {
            Some(number) => (number, 1 << 20),
            None => (size, 1),
        },
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_level_counts_whatever_the_order() {
        let scratch = tempfile::tempdir().unwrap();
        for (index, level, size) in [
            ("index0", "1\n", "32K\n"),
            ("index3", "3\n", "16M\n"),
            ("index2", "2\n", "512K\n"),
        ] {
            let dir = scratch.path().join(index);
            fs::create_dir(&dir).unwrap();
            fs::write(dir.join("level"), level).unwrap();
            fs::write(dir.join("size"), size).unwrap();
        }
        fs::create_dir(scratch.path().join("power")).unwrap();
        assert_eq!(last_level_in(scratch.path()), Some(16 << 20));
        assert_eq!(last_level_in(&scratch.path().join("missing")), None);
        assert_eq!((bytes("4096"), bytes("4Q")), (Some(4096), None));
    }
}
