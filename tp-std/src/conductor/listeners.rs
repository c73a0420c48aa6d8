//! Handlers of the application, as the conductor keeps them.

use core::sync::atomic::Ordering;

use crate::client::handlers::{Heard, Listening};

/// All of them, in the order of their registration.
#[derive(Debug, Default)]
pub(super) struct Listeners(Vec<Listening>);

impl Listeners {
    pub(super) fn add(&mut self, listening: Listening) {
        self.0.push(listening);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells every handler, in order. Changes take effect before each message: handlers are replaced and dropped here, on
    /// the thread that calls them (C-150).
    pub(super) fn tell(&mut self, heard: Heard<'_>) {
        for listening in &mut self.0 {
            listening.take_next();
            if !listening.is_removed() {
                listening.listener.hear(heard);
            }
        }
    }

    /// Drops those that were taken out, also when nothing is said.
    pub(super) fn collect(&mut self) {
        self.0.retain_mut(|listening| {
            listening.take_next();
            !listening.is_removed()
        });
    }
}

impl Listening {
    fn take_next(&mut self) {
        if let Some(next) = self.next.pop() {
            self.listener = next;
        }
    }

    fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Acquire)
    }
}
