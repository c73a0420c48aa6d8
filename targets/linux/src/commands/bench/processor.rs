//! How much of a processor another process takes.

use core::time::Duration;
use std::fs;
use std::io;
use std::time::Instant;

/// Processor time of all threads of a process so far.
pub(super) fn used(pid: u32) -> io::Result<Duration> {
    let mut used = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let path = thread?.path().join("schedstat");
        // The first number is the time on a processor, in nanoseconds.
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            // A thread that ended meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let ns = text
            .split_whitespace()
            .next()
            .and_then(|ns| ns.parse().ok());
        let ns = ns.ok_or(io::ErrorKind::InvalidData)?;
        used = used.saturating_add(Duration::from_nanos(ns));
    }
    Ok(used)
}

/// Processor time between two looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    pid: u32,
    used: Duration,
    since: Instant,
}

impl Watch {
    pub(super) fn start(pid: u32) -> io::Result<Self> {
        Ok(Self {
            pid,
            used: used(pid)?,
            since: Instant::now(),
        })
    }

    /// Share of one processor since the start.
    pub(super) fn share(&self) -> io::Result<f64> {
        let used = used(self.pid)?.saturating_sub(self.used);
        Ok(used.as_secs_f64() / self.since.elapsed().as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_time_and_one_that_is_not_there_takes_none() {
        let watch = Watch::start(std::process::id()).unwrap();
        let mut n = 0_u64;
        while used(std::process::id()).unwrap() == watch.used {
            n = core::hint::black_box(n.wrapping_add(1));
        }
        assert!(watch.share().unwrap() > 0.0);
        assert!(Watch::start(u32::MAX).is_err());
    }
}
