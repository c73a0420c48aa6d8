//! The directory of a media driver before it starts: whose it is, and what it takes.

use core::time::Duration;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::cnc::heartbeat;
use super::media_driver::MediaDriverError;

/// Heartbeats of a media driver older than this are those of a dead one.
const DRIVER_TIMEOUT: Duration = Duration::from_secs(10);

/// What Aeron keeps in its directory. Anything else there is somebody's data, and the directory is not ours to delete.
const FILES_OF_AERON: [&str; 4] = ["cnc.dat", "loss-report.dat", "publications", "images"];

/// Makes sure that a media driver may start in `dir`; whether a dead one must be removed that looks alive.
pub(super) fn check(dir: &Path) -> Result<bool, MediaDriverError> {
    let unreadable = |source| MediaDriverError::Directory {
        dir: dir.to_owned(),
        source,
    };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(unreadable(error)),
    };
    for entry in entries {
        let name = entry.map_err(unreadable)?.file_name();
        if !FILES_OF_AERON.iter().any(|known| name == *known) {
            let dir = dir.to_owned();
            return Err(MediaDriverError::ForeignFiles { dir, name });
        }
    }
    let Ok(before) = heartbeat(dir, DRIVER_TIMEOUT) else {
        return Ok(false);
    };
    let in_use = MediaDriverError::InUse {
        dir: dir.to_owned(),
        pid: before.pid,
    };
    if process_exists(before.pid) {
        return Err(in_use);
    }
    // Its process is gone, or lives in another container. A media driver that lives beats once a second at least.
    thread::sleep(Duration::from_secs(3));
    match heartbeat(dir, DRIVER_TIMEOUT) {
        Ok(after) if after != before => Err(in_use),
        _ => Ok(true),
    }
}

fn process_exists(pid: i64) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}

/// Bytes that the files below `dir` occupy.
pub(super) fn bytes_below(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else {
        return 0;
    };
    let bytes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(of) if of.is_dir() => bytes_below(&entry.path()),
        Ok(of) => of.blocks().saturating_mul(512),
        Err(_) => 0,
    });
    bytes.fold(0, u64::saturating_add)
}
