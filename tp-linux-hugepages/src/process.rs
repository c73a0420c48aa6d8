//! Whether the process that made a file still lives; its pid alone may mean another one by now.

use core::time::Duration;
use rustix::io::Errno;
use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, test_kill_process};
use rustix::time::{ClockId, clock_gettime};
use std::fs;
use tp_core_nostd::time::Instant;

/// Whether a process other than this one has `pid` and may have been there at `made_at`.
///
/// Our own pid says nothing about a process that is gone: in containers a restarted driver has the number of the one
/// before, and what this process made it knows without asking (driver, trap 12). A zombie is gone. In doubt a process
/// lives.
pub(crate) fn another_lives(pid: u64, made_at: Instant) -> bool {
    if pid == u64::from(std::process::id()) {
        return false;
    }
    let Some(known) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return false;
    };
    if test_kill_process(known) == Err(Errno::SRCH) {
        return false;
    }
    match Told::of(pid) {
        Some(told) => !told.is_zombie && !began_after(told.start_since_boot, made_at),
        None => true,
    }
}

/// What `/proc/<pid>/stat` tells.
struct Told {
    is_zombie: bool,
    /// CLOCK_BOOTTIME, cut down to whole ticks.
    start_since_boot: Duration,
}

impl Told {
    fn of(pid: u64) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the program's name in parentheses, which may hold anything, parentheses too.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_ascii_whitespace();
        let state = fields.next()?;
        // Field 22 of proc(5).
        let ticks: u64 = fields.nth(18)?.parse().ok()?;
        let per_second = u32::try_from(clock_ticks_per_second()).ok()?;
        Some(Self {
            is_zombie: matches!(state, "Z" | "X"),
            start_since_boot: Duration::from_secs(ticks).checked_div(per_second)?,
        })
    }
}

/// Whether a process started after `made_at`, a CLOCK_MONOTONIC time; 0 was never set and proves nothing. The two
/// clocks differ by the time the machine has slept, at most by as much as they do now.
fn began_after(start_since_boot: Duration, made_at: Instant) -> bool {
    let now = |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default();
    let monotonic = now(ClockId::Monotonic);
    let slept = now(ClockId::Boottime).saturating_sub(monotonic);
    let earliest = start_since_boot.saturating_sub(slept);
    made_at.as_ns() != 0 && earliest > Duration::from_nanos(made_at.as_ns())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    fn sleeper() -> Child {
        let sleep = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn();
        sleep.unwrap()
    }

    fn now() -> Instant {
        let now = Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap();
        Instant::from_ns(now.as_nanos() as u64)
    }

    #[test] // req: D-198
    fn a_killed_process_is_gone_even_before_anybody_waits_for_it() {
        let mut child = sleeper();
        let pid = child.id().into();
        assert!(another_lives(pid, now()));
        child.kill().unwrap();
        while another_lives(pid, now()) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(!another_lives(pid, now()));
    }

    #[test] // req: D-198
    fn a_process_that_began_later_made_nothing() {
        let mut child = sleeper();
        let pid = child.id().into();
        assert!(!another_lives(pid, Instant::from_ns(1)), "made at boot");
        assert!(another_lives(pid, Instant::from_ns(0)), "nobody knows when");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test] // req: D-198
    fn own_and_impossible_pids_are_nobody() {
        assert!(!another_lives(std::process::id().into(), now()));
        for pid in [0, u64::from(u32::MAX), u64::MAX, 1 << 31] {
            assert!(!another_lives(pid, now()), "{pid}");
        }
    }
}
