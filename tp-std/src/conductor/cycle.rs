//! Whether this thread is inside a duty cycle: a call that waits for the conductor would wait for itself there (C-148).

use core::cell::Cell;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Whether the caller is called from a duty cycle.
pub(crate) fn is_in_cycle() -> bool {
    INSIDE.get()
}

/// While it lives, this thread is inside.
pub(super) struct Inside {
    was_inside: bool,
}

/// A duty cycle begins.
pub(super) fn enter() -> Inside {
    Inside {
        was_inside: INSIDE.replace(true),
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(self.was_inside);
    }
}
