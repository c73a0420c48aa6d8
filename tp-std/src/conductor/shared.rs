//! What the handles of a client and its conductor meet in.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use crossbeam_queue::ArrayQueue;

use super::Command;
use crate::clock::SharedClock;
use crate::context::{Context, Endpoint};
use crate::error::Error;
use crate::histogram::ClientHistograms;
use crate::link::Counter;

/// Shared by all handles of a client and its conductor.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Lock-free, many producers, one consumer, preallocated (C-143).
    pub(crate) commands: ArrayQueue<Command>,
    /// Messages of ours in name that did not fit (T-37), or made no sense (C-151).
    pub(crate) malformed: Counter,
    pub(crate) control: Endpoint,
    /// What joins and questions go by, too.
    pub(crate) clock: SharedClock,
    pub(crate) histograms: Option<Arc<ClientHistograms>>,
    closed: AtomicBool,
}

impl Shared {
    pub(super) fn new(context: &Context) -> Self {
        Self {
            commands: ArrayQueue::new(context.command_queue_capacity()),
            malformed: Counter::default(),
            control: context.control().clone(),
            clock: context.clock().clone(),
            histograms: context.histograms().cloned(),
            closed: AtomicBool::new(false),
        }
    }

    /// Asks the conductor for something.
    ///
    /// # Errors
    /// [`Error::QueueFull`], or [`Error::Closed`] when there is no conductor any more.
    pub(crate) fn send(&self, command: Command) -> Result<(), Error> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::Closed);
        }
        self.commands.push(command).map_err(|_| Error::QueueFull)?;
        // Whoever comes second, this or the end of the conductor, sees what the other one did.
        if self.closed.load(Ordering::SeqCst) {
            self.refuse_all();
        }
        Ok(())
    }

    /// There is no conductor any more.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.refuse_all();
    }

    fn refuse_all(&self) {
        while let Some(command) = self.commands.pop() {
            command.refuse();
        }
    }
}
