//! The lease of a consumer by hand.

use core::time::Duration;

use super::Consumer;

impl Consumer {
    /// Has a keepalive sent in the conductor's next duty cycle; the next one follows an interval later (C-038). Without a
    /// lease nothing is sent.
    pub fn keep_alive(&self) {
        self.link.wishes.keep_alive();
    }

    /// Asks for a lost lease again after `delay`, whatever was planned (C-046). Nothing happens while there is one.
    pub fn schedule_reattach(&self, delay: Duration) {
        self.link.wishes.schedule_reattach(delay);
    }

    /// Takes back what was planned for a lost lease; it is asked for again when it is scheduled.
    pub fn clear_reattach(&self) {
        self.link.wishes.clear_reattach();
    }
}
