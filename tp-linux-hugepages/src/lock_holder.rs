//! Who holds a lock on bytes of a file.
//!
//! The kernel does not tell it for locks of open file descriptions, but lists the locks of every descriptor of the
//! processes that we may look at.

use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::fstat;
use std::fs;

/// The process whose lock on `file` covers `byte`, other than by this very descriptor; `None` if it cannot be found.
pub(crate) fn holder_of(file: &OwnedFd, byte: i64) -> Option<u32> {
    let inode = fstat(file).ok()?.st_ino;
    let own = (std::process::id(), file.as_raw_fd().to_string());
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let pid: Option<u32> = process.file_name().to_str().and_then(|n| n.parse().ok());
        let Some(pid) = pid else { continue };
        let infos = fs::read_dir(process.path().join("fdinfo"));
        for info in infos.into_iter().flatten().flatten() {
            let is_ours = pid == own.0 && info.file_name() == *own.1.as_str();
            let text = fs::read_to_string(info.path()).unwrap_or_default();
            if !is_ours && text.lines().any(|line| covers(line, inode, byte)) {
                return Some(pid);
            }
        }
    }
    None
}

/// Whether a line of `fdinfo` is about a lock of ours that covers `byte`:
/// `lock:  1: OFDLCK ADVISORY  WRITE -1 00:1b:3480 10000 10009`.
fn covers(line: &str, inode: u64, byte: i64) -> bool {
    let Some(rest) = line.strip_prefix("lock:") else {
        return false;
    };
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let [_, "OFDLCK", _, _, _, file, first, last] = fields[..] else {
        return false;
    };
    let is_file = file.rsplit(':').next().and_then(|n| n.parse().ok()) == Some(inode);
    let first = first.parse().unwrap_or(i64::MAX);
    // A range without end is written as EOF.
    let last = last.parse().unwrap_or(i64::MAX);
    is_file && (first..=last).contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_are_found_in_what_the_kernel_lists() {
        let line = "lock:\t1: OFDLCK ADVISORY  WRITE -1 00:1b:3480 10000 10009";
        assert!(covers(line, 3480, 10_000) && covers(line, 3480, 10_009));
        for (line, inode, byte) in [
            (line, 3480, 10_010),
            (line, 3481, 10_000),
            (
                "lock:\t2: FLOCK  ADVISORY  WRITE 9506 fe:00:3480 0 EOF",
                3480,
                0,
            ),
            ("pos:\t0", 3480, 0),
            ("lock:", 3480, 0),
        ] {
            assert!(!covers(line, inode, byte), "{line}");
        }
        let all = "lock:\t1: OFDLCK ADVISORY  WRITE -1 00:1b:7 0 EOF";
        assert!(covers(all, 7, i64::MAX));
    }
}
