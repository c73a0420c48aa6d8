//! The seam between a role on the application's thread and the conductor that owns everything cold.
//!
//! A role (producer or consumer) begins each call with one relaxed load, [`RoleCell::moved`]. While nothing moved there
//! is no further cost. The conductor stops a role with [`RoleCell::fence`], and sets it going again by putting what is
//! new into the role's mailbox and then calling [`RoleCell::activate`]. The role notices at its next call, takes the
//! new [`Generation`] **first** and empties its mailbox **then**: what was put in before the generation is there.
//!
//! A call in flight during a fence finishes on the old mapping. That is safe: the role holds a reference to it, the
//! conductor unmaps only as the last holder, and what is written there belongs to an epoch nobody accepts any more.

use crate::sync::{AtomicU32, Ordering, fence};

/// How often the role was stopped and started: even is active, odd is fenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Generation(u32);

impl Generation {
    /// A role that was never active.
    pub const START: Self = Self(1);

    /// Whether the role may touch its memory (C-092).
    pub const fn is_active(self) -> bool {
        self.0 & 1 == 0
    }
}

/// Shared by one role and its conductor. Written by the conductor only.
#[derive(Debug)]
pub struct RoleCell {
    generation: AtomicU32,
}

impl Default for RoleCell {
    fn default() -> Self {
        Self {
            generation: AtomicU32::new(Generation::START.0),
        }
    }
}

impl RoleCell {
    /// Whether the conductor did something since the role saw `seen`: the one load of each hot call.
    pub fn moved(&self, seen: Generation) -> bool {
        self.generation.load(Ordering::Relaxed) != seen.0
    }

    /// The present generation. Everything put into the mailbox before it is visible to the caller from now on.
    pub fn catch_up(&self) -> Generation {
        let generation = Generation(self.generation.load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        generation
    }

    /// Conductor: the role must not touch its memory any more. Harmless when it is fenced already.
    pub fn fence(&self) {
        let generation = self.generation.load(Ordering::Relaxed);
        if Generation(generation).is_active() {
            self.generation
                .store(generation.wrapping_add(1), Ordering::Release);
        }
    }

    /// Conductor: there is news in the mailbox, and the role is active from now on.
    pub fn activate(&self) {
        let generation = self.generation.load(Ordering::Relaxed);
        let steps = if Generation(generation).is_active() {
            2
        } else {
            1
        };
        self.generation
            .store(generation.wrapping_add(steps), Ordering::Release);
    }

    /// Conductor: there is news in the mailbox; whether the role is active does not change.
    pub fn notify(&self) {
        let generation = self.generation.load(Ordering::Relaxed);
        self.generation
            .store(generation.wrapping_add(2), Ordering::Release);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test] // req: C-092
    fn a_role_notices_each_step_with_one_load() {
        let cell = RoleCell::default();
        let start = cell.catch_up();
        assert!(!start.is_active() && !cell.moved(start));
        cell.fence();
        assert!(!cell.moved(start), "fencing a fenced role is no news");

        cell.activate();
        let first = cell.catch_up();
        assert!(cell.moved(start) && first.is_active());
        cell.notify();
        assert!(cell.moved(first) && cell.catch_up().is_active());
        cell.activate();
        assert!(cell.catch_up().is_active());

        let active = cell.catch_up();
        cell.fence();
        assert!(cell.moved(active) && !cell.catch_up().is_active());
        cell.notify();
        assert!(
            !cell.catch_up().is_active(),
            "news does not wake a fenced role"
        );
    }
}
