//! Realtime set-up of the calling thread and process: CPUs, scheduling class, locked memory.
//!
//! For threads on isolated cores, once, before their first duty cycle. Each function either does all it says or
//! reports why not; none falls back to something weaker.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::thread::{CpuSet, sched_setaffinity};
use std::io;
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// Why the system refused a realtime setting.
#[derive(Debug, thiserror::Error)]
pub enum RealtimeError {
    /// None of the CPUs is online and allowed to this process, or there is no such number.
    #[error("cannot run on CPUs {cpus:?}: {source}")]
    Affinity {
        /// The CPUs asked for.
        cpus: Vec<usize>,
        /// What the system said.
        source: io::Error,
    },
    /// Out of range, or not permitted.
    #[error(
        "cannot schedule as SCHED_FIFO with priority {priority} \
         (1 to 99; needs CAP_SYS_NICE or a sufficient RLIMIT_RTPRIO): {source}"
    )]
    Fifo {
        /// The priority asked for.
        priority: u8,
        /// What the system said.
        source: io::Error,
    },
    /// Not permitted, or not enough memory.
    #[error("cannot lock memory (needs CAP_IPC_LOCK or a sufficient RLIMIT_MEMLOCK): {0}")]
    LockMemory(#[source] io::Error),
}

/// Keeps the calling thread on `cpus`.
///
/// # Errors
/// [`RealtimeError::Affinity`].
pub fn pin_thread(cpus: &[usize]) -> Result<(), RealtimeError> {
    let mut set = CpuSet::new();
    let known = cpus.iter().all(|&cpu| {
        let known = cpu < CpuSet::MAX_CPU;
        if known {
            set.set(cpu);
        }
        known
    });
    let pinned = if known {
        sched_setaffinity(None, &set)
    } else {
        Err(rustix::io::Errno::INVAL)
    };
    pinned.map_err(|error| RealtimeError::Affinity {
        cpus: cpus.to_vec(),
        source: error.into(),
    })
}

/// Schedules the calling thread as `SCHED_FIFO`, ahead of every ordinary thread, with `priority` 1 (lowest) to 99.
///
/// # Errors
/// [`RealtimeError::Fifo`].
pub fn schedule_fifo(priority: u8) -> Result<(), RealtimeError> {
    let refused = |source| RealtimeError::Fifo { priority, source };
    let value = ThreadPriorityValue::try_from(priority)
        .map_err(|why| refused(io::Error::new(io::ErrorKind::InvalidInput, why)))?;
    set_thread_priority_and_policy(
        thread_native_id(),
        ThreadPriority::Crossplatform(value),
        ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo),
    )
    .map_err(|why| {
        refused(match why {
            thread_priority::Error::OS(code) => io::Error::from_raw_os_error(code),
            other => io::Error::new(io::ErrorKind::InvalidInput, other.to_string()),
        })
    })
}

/// Locks all memory of the process, now and in future, so that no page of it is ever fetched from disk.
///
/// # Errors
/// [`RealtimeError::LockMemory`].
pub fn lock_all_memory() -> Result<(), RealtimeError> {
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE)
        .map_err(|error| RealtimeError::LockMemory(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{locked_kib, turn_to_lock};
    use rustix::thread::sched_getaffinity;

    /// Runs `test` on a thread of its own, whose settings end with it.
    fn on_a_thread(test: impl FnOnce() + Send + 'static) {
        std::thread::spawn(test).join().unwrap();
    }

    #[test]
    fn a_pinned_thread_may_run_nowhere_else() {
        on_a_thread(|| {
            let allowed = sched_getaffinity(None).unwrap();
            let last = (0..CpuSet::MAX_CPU)
                .rfind(|&cpu| allowed.is_set(cpu))
                .unwrap();
            pin_thread(&[last]).unwrap();
            let pinned = sched_getaffinity(None).unwrap();
            assert!(pinned.is_set(last) && pinned.count() == 1);
        });
    }

    #[test]
    fn cpus_that_are_not_there_are_refused() {
        on_a_thread(|| {
            for cpus in [&[][..], &[CpuSet::MAX_CPU - 1], &[0, CpuSet::MAX_CPU]] {
                let error = pin_thread(cpus).unwrap_err();
                assert!(error.to_string().contains(&format!("{cpus:?}")), "{error}");
            }
        });
    }

    #[test]
    fn fifo_takes_its_priorities_and_no_others() {
        on_a_thread(|| {
            for priority in [0, 100, 255] {
                let error = schedule_fifo(priority).unwrap_err();
                assert!(
                    error.to_string().contains(&format!("priority {priority} ")),
                    "{error}"
                );
            }
            match schedule_fifo(1) {
                Ok(()) => assert_eq!(
                    thread_priority::thread_schedule_policy().unwrap(),
                    ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo)
                ),
                Err(why) => crate::skip::skip("SCHED_FIFO", "realtime", why),
            }
        });
    }

    #[test]
    fn all_memory_can_be_locked() {
        let _turn = turn_to_lock();
        match lock_all_memory() {
            Ok(()) => assert!(locked_kib() > 0),
            Err(why) => crate::skip::skip("locking", "memory-lock", why),
        }
        rustix::mm::munlockall().unwrap();
    }
}
