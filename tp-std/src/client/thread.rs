//! The thread of a conductor, where it has one of its own.

use core::time::Duration;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crate::agent::{AgentRunner, AgentThread, Ended, Placement};
use crate::conductor::{Command, Conductor, Shared, is_in_cycle};
use crate::context::{Context, ErrorHandler};
use crate::error::Error;
use crate::idle::Idle;

/// How often a closing handle looks whether the thread has ended.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// How the thread is to be.
pub(super) struct Plan {
    placement: Placement,
    idle: Idle,
    on_error: Option<ErrorHandler>,
}

impl Plan {
    pub(super) fn of(context: &mut Context) -> Self {
        Self {
            placement: Placement {
                name: context.thread_name().to_owned(),
                processors: context.thread_affinity().to_vec(),
            },
            idle: context.idle(),
            on_error: context.take_error_handler(),
        }
    }
}

/// The thread of a conductor. Dropping it ends the client and waits for the thread.
#[derive(Debug)]
pub struct ConductorThread {
    shared: Arc<Shared>,
    thread: AgentThread<Error>,
}

impl ConductorThread {
    /// Starts it; it is where it is to run before this returns.
    pub(super) fn start(
        plan: Plan,
        conductor: Conductor,
        shared: Arc<Shared>,
    ) -> Result<Self, Error> {
        let mut on_error = plan.on_error;
        let log = conductor.log().clone();
        let runner = AgentRunner::new(conductor, plan.idle).with_report(move |error| {
            if *error == Error::Closed {
                return;
            }
            log.within(|| tracing::error!(%error, "the client ended"));
            if let Some(on_error) = on_error.take() {
                on_error(error);
            }
        });
        let thread = runner.start(&plan.placement)?;
        Ok(Self { shared, thread })
    }

    /// Whether the client ended by itself, as when the media driver is gone; [`Self::close`] says why.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends the client at once: leases are given back as far as one message each does that, endpoints closed.
    /// Idempotent with dropping. From within a duty cycle it only asks for the end, which follows that cycle.
    ///
    /// # Errors
    /// What ended the client before.
    pub fn close(self) -> Result<(), Error> {
        match self.thread.close() {
            Ok(()) | Err(Ended::Failed(Error::Closed)) => Ok(()),
            Err(Ended::Failed(error)) => Err(error),
            Err(Ended::Closed | Ended::Panicked) => Err(Error::Closed),
        }
    }

    /// Ends the client when the driver has confirmed that it has every lease back; after `timeout` in any case (C-013).
    ///
    /// # Errors
    /// What ended the client before, [`Error::Timeout`], or [`Error::InCallback`].
    pub fn close_and_wait(self, timeout: Duration) -> Result<(), Error> {
        if is_in_cycle() {
            return Err(Error::InCallback);
        }
        let started = Instant::now();
        let mut asked = false;
        while !self.is_finished() && started.elapsed() < timeout {
            // A full queue is being emptied.
            asked = asked || self.shared.commands.push(Command::Finish).is_ok();
            thread::sleep(LOOK_EVERY);
        }
        let in_time = self.is_finished();
        self.close()?;
        match in_time {
            true => Ok(()),
            false => Err(Error::Timeout),
        }
    }
}
