//! The thread of a conductor, where it has one of its own.

use core::time::Duration;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tp_core_nostd::agent::IdleStrategy;
use tp_linux_hugepages::realtime::pin_thread;

use crate::conductor::{Command, Conductor, Shared, is_in_cycle};
use crate::context::{Context, ErrorHandler};
use crate::error::{ConfigError, Error};
use crate::idle::Idle;

/// How often a closing handle looks whether the thread has ended.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// How the thread is to be.
pub(super) struct Plan {
    name: String,
    processors: Vec<usize>,
    idle: Idle,
    on_error: Option<ErrorHandler>,
}

impl Plan {
    pub(super) fn of(context: &mut Context) -> Self {
        Self {
            name: context.thread_name().to_owned(),
            processors: context.thread_affinity().to_vec(),
            idle: context.idle(),
            on_error: context.take_error_handler(),
        }
    }
}

/// The thread of a conductor. Dropping it ends the client and waits for the thread.
#[derive(Debug)]
pub struct ConductorThread {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Option<Error>>>,
}

impl ConductorThread {
    /// Starts it; it is where it is to run before this returns.
    pub(super) fn start(
        plan: Plan,
        conductor: Conductor,
        shared: Arc<Shared>,
    ) -> Result<Self, Error> {
        let Plan {
            name,
            processors,
            idle,
            on_error,
        } = plan;
        let (pinned, is_pinned) = mpsc::sync_channel(1);
        let run = move || {
            let place = match processors.is_empty() {
                true => Ok(()),
                false => pin_thread(&processors).map_err(|error| ConfigError::Affinity {
                    processors,
                    error: error.to_string(),
                }),
            };
            let is_there = place.is_ok();
            // Whoever starts the thread waits for this.
            let _ = pinned.send(place);
            is_there
                .then(|| duty_cycles(conductor, idle, on_error))
                .flatten()
        };
        let spawned = thread::Builder::new().name(name).spawn(run);
        let thread = spawned.map_err(|error| Error::Thread(error.to_string()))?;
        match is_pinned.recv() {
            Ok(place) => place?,
            Err(_) => return Err(Error::Closed),
        }
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Whether the client ended by itself, as when the media driver is gone; [`Self::close`] says why.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends the client at once: leases are given back as far as one message each does that, endpoints closed.
    /// Idempotent with dropping.
    ///
    /// # Errors
    /// What ended the client before.
    pub fn close(mut self) -> Result<(), Error> {
        self.join().map_or(Ok(()), Err)
    }

    /// Ends the client when the driver has confirmed that it has every lease back; after `timeout` in any case (C-013).
    ///
    /// # Errors
    /// What ended the client before, [`Error::Timeout`], or [`Error::InCallback`].
    pub fn close_and_wait(mut self, timeout: Duration) -> Result<(), Error> {
        if is_in_cycle() {
            return Err(Error::InCallback);
        }
        let started = Instant::now();
        self.send(|| Command::Finish);
        while !self.is_finished() && started.elapsed() < timeout {
            thread::sleep(LOOK_EVERY);
        }
        let in_time = self.is_finished();
        match self.join() {
            Some(error) => Err(error),
            None if in_time => Ok(()),
            None => Err(Error::Timeout),
        }
    }

    fn join(&mut self) -> Option<Error> {
        if is_in_cycle() {
            // Dropped by the very thread it would wait for; that one ends with its next cycle.
            let _ = self.shared.commands.push(Command::Close);
            return None;
        }
        self.send(|| Command::Close);
        self.thread.take()?.join().unwrap_or(Some(Error::Closed))
    }

    /// Gives a command to a thread that still takes some; a full queue is being emptied by it.
    fn send(&self, command: impl Fn() -> Command) {
        while !self.is_finished() && self.shared.commands.push(command()).is_err() {
            thread::sleep(LOOK_EVERY);
        }
    }
}

impl Drop for ConductorThread {
    fn drop(&mut self) {
        let _ = self.join();
    }
}

/// Runs until the client ends; what ended it, unless it was closed.
fn duty_cycles(
    mut conductor: Conductor,
    mut idle: Idle,
    on_error: Option<ErrorHandler>,
) -> Option<Error> {
    let error = loop {
        match conductor.do_work() {
            Ok(work) => idle.idle(work),
            Err(Error::Closed) => return None,
            Err(error) => break error,
        }
    };
    tracing::error!(%error, "the client ended");
    if let Some(on_error) = on_error {
        on_error(&error);
    }
    Some(error)
}
