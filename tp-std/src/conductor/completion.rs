//! How a role that was asked for gets to the application: once, as itself or as the reason why not.

use core::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use core::task::{Poll, Waker};
use std::sync::Arc;

use crossbeam_queue::ArrayQueue;

use crate::context::Context;
use crate::error::Error;
use crate::regions::OfferRefused;
use tp_core_nostd::proto::session::Happened;

/// What stands for no number (client 1.8).
const UNREGISTERED: i64 = -1;

/// Shared by a pending handle of the application and the conductor.
#[derive(Debug)]
pub(crate) struct Handle<T> {
    outcome: ArrayQueue<Result<T, Error>>,
    cancelled: AtomicBool,
    /// The transport's number for what was asked for; negative until there is one.
    registration: AtomicI64,
    /// Who is to be woken, where the application waits as a `Future`.
    waker: ArrayQueue<Waker>,
}

impl<T> Default for Handle<T> {
    fn default() -> Self {
        Self {
            outcome: ArrayQueue::new(1),
            cancelled: AtomicBool::new(false),
            registration: AtomicI64::new(UNREGISTERED),
            waker: ArrayQueue::new(1),
        }
    }
}

impl<T> Handle<T> {
    pub(crate) fn poll(&self) -> Poll<Result<T, Error>> {
        self.outcome.pop().map_or(Poll::Pending, Poll::Ready)
    }

    /// As [`Self::poll`]; `waker` is woken when the outcome is there.
    pub(crate) fn poll_waking(&self, waker: &Waker) -> Poll<Result<T, Error>> {
        // In this order, and the conductor in the other: whoever comes second sees what the first one left.
        drop(self.waker.force_push(waker.clone()));
        self.poll()
    }

    pub(crate) fn registration_id(&self) -> Option<i64> {
        let id = self.registration.load(Ordering::Relaxed);
        (id != UNREGISTERED).then_some(id)
    }

    pub(super) fn register(&self, id: Option<i64>) {
        self.registration
            .store(id.unwrap_or(UNREGISTERED), Ordering::Relaxed);
    }

    /// Hands over the one outcome there is.
    pub(super) fn complete(&self, outcome: Result<T, Error>) {
        let _ = self.outcome.push(outcome);
        if let Some(waker) = self.waker.pop() {
            waker.wake();
        }
    }

    /// Answers a wish that never became a role.
    pub(super) fn fail(&self, error: Error) {
        self.complete(Err(error));
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// The application no longer waits (C-020). What arrives later is dropped with the handle.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

/// The conductor's end of a [`Handle`].
#[derive(Debug)]
pub(super) struct Completion<T> {
    handle: Option<Arc<Handle<T>>>,
    control_stream: i32,
    /// Attaches that may stay unanswered before a role is given up (C-014).
    attempts: u32,
    unanswered: u32,
    failed: bool,
}

impl<T> Completion<T> {
    pub(super) const fn new(handle: Arc<Handle<T>>, context: &Context) -> Self {
        Self {
            handle: Some(handle),
            control_stream: context.control().stream_id,
            attempts: context.message_retry_attempts(),
            unanswered: 0,
            failed: false,
        }
    }

    pub(super) fn ready(&mut self, make: impl FnOnce() -> T) {
        if let Some(handle) = self.handle.take() {
            handle.complete(Ok(make()));
        }
    }

    /// The role cannot be had. Once it was had, this says nothing any more.
    pub(super) fn fail(&mut self, error: Error) {
        if let Some(handle) = self.handle.take() {
            handle.fail(error);
            self.failed = true;
        }
    }

    /// The driver refused, or did not answer: final for a role that was never had, a pause for one that was.
    pub(super) fn refused(&mut self, happened: Happened<'_>) {
        match happened {
            Happened::Refused {
                code,
                text,
                will_retry: false,
            } => {
                let text = text.map(|text| text.to_string()).unwrap_or_default();
                self.fail(Error::Rejected { code, text });
            }
            Happened::Broken => self.fail(Error::Protocol),
            Happened::TimedOut => {
                self.unanswered = self.unanswered.saturating_add(1);
                if self.unanswered >= self.attempts {
                    self.fail(Error::NoDriver {
                        control_stream: self.control_stream,
                    });
                }
            }
            _ => {}
        }
    }

    /// The regions on offer cannot be used, and will not be usable with the next announce.
    pub(super) fn fail_for_good(&mut self, refused: &OfferRefused) {
        self.fail(Error::Memory(*refused));
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.handle
            .as_ref()
            .is_some_and(|handle| handle.is_cancelled())
    }

    pub(super) const fn has_failed(&self) -> bool {
        self.failed
    }
}
