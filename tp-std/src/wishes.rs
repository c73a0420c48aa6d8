//! What the hot half of a role asks of its lease by hand (C-038, C-046).

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;

use tp_core_nostd::proto::session::Session;
use tp_core_nostd::time::Instant;

/// Nothing is asked for.
const NONE: u64 = 0;
/// Nothing planned is to happen.
const CLEAR: u64 = 1;
/// The smallest number that is a delay, of zero nanoseconds.
const AT_ONCE: u64 = 2;

/// Written by the role, taken by the conductor; a newer wish about the same thing takes the place of an older one.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    keepalive: AtomicBool,
    reattach: AtomicU64,
}

impl Wishes {
    pub(crate) fn keep_alive(&self) {
        self.keepalive.store(true, Ordering::Relaxed);
    }

    pub(crate) fn schedule_reattach(&self, delay: Duration) {
        let ns = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        self.reattach
            .store(ns.saturating_add(AT_ONCE), Ordering::Relaxed);
    }

    pub(crate) fn clear_reattach(&self) {
        self.reattach.store(CLEAR, Ordering::Relaxed);
    }

    /// Conductor: does what is asked for.
    pub(crate) fn apply(&self, session: &mut Session, now: Instant) {
        // Two loads while nothing is asked for.
        if self.keepalive.load(Ordering::Relaxed) && self.keepalive.swap(false, Ordering::Relaxed) {
            session.keep_alive(now);
        }
        if self.reattach.load(Ordering::Relaxed) == NONE {
            return;
        }
        match self.reattach.swap(NONE, Ordering::Relaxed) {
            NONE => {}
            CLEAR => session.clear_reattach(),
            delay => {
                session.schedule_reattach(now, Duration::from_nanos(delay.saturating_sub(AT_ONCE)));
            }
        }
    }
}
