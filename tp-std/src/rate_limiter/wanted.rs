//! Something that is asked for until it is there.

use core::task::Poll;
use core::time::Duration;

use tp_core_nostd::time::Instant;

use crate::client::Pending;
use crate::error::Error;

/// A role or an endpoint, or the wish for one.
#[derive(Debug)]
pub(super) struct Wanted<T> {
    there: Option<T>,
    pending: Option<Pending<T>>,
    /// After a failure nothing is asked for before.
    not_before: Instant,
}

impl<T> Wanted<T> {
    pub(super) const fn new() -> Self {
        Self {
            there: None,
            pending: None,
            not_before: Instant::from_ns(0),
        }
    }

    /// Asks, where nothing was asked for, and takes what was granted. Never waits.
    ///
    /// # Errors
    /// Why there is nothing; it is asked for again after `pause`.
    pub(super) fn work(
        &mut self,
        now: Instant,
        pause: Duration,
        ask: impl FnOnce() -> Result<Pending<T>, Error>,
    ) -> Result<(), Error> {
        if self.there.is_some() || now < self.not_before {
            return Ok(());
        }
        let outcome = match &mut self.pending {
            None => ask().map(|pending| self.pending = Some(pending)),
            Some(pending) => match pending.poll() {
                Poll::Pending => return Ok(()),
                Poll::Ready(outcome) => {
                    self.pending = None;
                    outcome.map(|there| self.there = Some(there))
                }
            },
        };
        outcome.inspect_err(|_| self.not_before = now.after(pause))
    }

    pub(super) const fn get(&mut self) -> Option<&mut T> {
        self.there.as_mut()
    }

    /// Gives up what there is, or the wish.
    pub(super) fn give_up(&mut self) {
        self.there = None;
        self.pending = None;
    }
}
