//! A role that was asked for and is on its way.

use core::pin::Pin;
use core::task::{self, Poll};
use core::time::Duration;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use tp_core_nostd::agent::IdleStrategy;

use crate::conductor::{Conductor, Handle, is_in_cycle};
use crate::error::Error;
use crate::idle::SleepingIdle;

/// A role or an endpoint on its way. Dropping it takes the wish back (C-020). It is a `Future` too, for async runtimes
/// (C-163); the conductor must be driven by somebody else then.
#[derive(Debug)]
pub struct Pending<T> {
    handle: Arc<Handle<T>>,
    done: bool,
}

impl<T> Pending<T> {
    pub(super) const fn new(handle: Arc<Handle<T>>) -> Self {
        Self {
            handle,
            done: false,
        }
    }

    /// Whether it is there. Never waits; drive the conductor between two calls.
    ///
    /// # Errors
    /// Why it cannot be had; final.
    pub fn poll(&mut self) -> Poll<Result<T, Error>> {
        let polled = self.handle.poll();
        self.done |= polled.is_ready();
        polled
    }

    /// The transport's number for an endpoint, once it is there; a role has none. Any thread may ask (C-019).
    pub fn registration_id(&self) -> Option<i64> {
        self.handle.registration_id()
    }

    /// Waits for a role of a client whose conductor runs elsewhere.
    ///
    /// # Errors
    /// Why it cannot be had, [`Error::Timeout`], or [`Error::InCallback`].
    pub fn wait(self, timeout: Duration) -> Result<T, Error> {
        self.wait_driving(timeout, || {
            thread::sleep(Duration::from_millis(1));
            Ok(())
        })
    }

    /// Waits for a role while driving its conductor.
    ///
    /// # Errors
    /// Why it cannot be had, what the conductor met, [`Error::Timeout`], or [`Error::InCallback`].
    pub fn wait_with(self, conductor: &mut Conductor, timeout: Duration) -> Result<T, Error> {
        let mut idle = SleepingIdle::new(Duration::from_millis(1));
        self.wait_driving(timeout, || {
            idle.idle(conductor.do_work()?);
            Ok(())
        })
    }

    fn wait_driving(
        mut self,
        timeout: Duration,
        mut drive: impl FnMut() -> Result<(), Error>,
    ) -> Result<T, Error> {
        if is_in_cycle() {
            return Err(Error::InCallback);
        }
        let started = Instant::now();
        loop {
            if let Poll::Ready(outcome) = self.poll() {
                return outcome;
            }
            if started.elapsed() > timeout {
                return Err(Error::Timeout);
            }
            drive()?;
        }
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let polled = this.handle.poll_waking(context.waker());
        this.done |= polled.is_ready();
        polled
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        if !self.done {
            self.handle.cancel();
        }
    }
}
