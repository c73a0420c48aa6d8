//! Endpoints that the media driver has not answered for yet.

use core::fmt;
use core::task::Poll;
use std::sync::Arc;

use rusteron_client as rc;

use super::error::TransportError;
use super::shared::Shared;

/// An endpoint on its way. Poll it beside [`super::AeronClient::do_work`]; drop it to take the wish back.
pub struct Pending<T: 'static> {
    registration: Option<Registration<T>>,
    shared: Arc<Shared>,
    channel: String,
    stream_id: i32,
}

impl<T> Pending<T> {
    pub(super) fn new(
        registration: Registration<T>,
        shared: Arc<Shared>,
        channel: String,
        stream_id: i32,
    ) -> Self {
        Self {
            registration: Some(registration),
            shared,
            channel,
            stream_id,
        }
    }

    /// Asks whether the media driver has answered. Never waits.
    ///
    /// # Errors
    /// The media driver's refusal, or [`TransportError::Closed`] when the client ended meanwhile. Every poll after the
    /// first that was ready answers `Closed`.
    pub fn poll(&mut self) -> Poll<Result<T, TransportError>> {
        let Some(registration) = &self.registration else {
            return Poll::Ready(Err(TransportError::Closed));
        };
        if self.shared.is_closed() {
            return Poll::Ready(Err(TransportError::Closed));
        }
        let answer = match (registration.ask)(&self.shared) {
            Ok(None) => return Poll::Pending,
            Ok(Some(endpoint)) => Ok(endpoint),
            Err(_) => {
                let answer = rc::Aeron::errmsg();
                Err(TransportError::refused(
                    &self.channel,
                    self.stream_id,
                    answer,
                ))
            }
        };
        self.registration = None;
        Poll::Ready(answer)
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        if let Some(registration) = self.registration.take() {
            self.shared.give_back(Box::new(registration));
        }
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pending({} stream {})", self.channel, self.stream_id)
    }
}

/// Aeron's registration in flight and how to ask after it; dropping it takes the wish back.
pub(super) struct Registration<T> {
    ask: Box<Ask<T>>,
}

type Ask<T> = dyn Fn(&Arc<Shared>) -> Result<Option<T>, rc::AeronCError>;

/// Makes our endpoint of the registration `R` once the media driver has answered.
pub(super) type Complete<R, T> = fn(&R, &Arc<Shared>) -> Result<Option<T>, rc::AeronCError>;

impl<T> Registration<T> {
    /// `R` must be one of the binding's registrations.
    pub(super) fn new<R: 'static>(registration: R, complete: Complete<R, T>) -> Self
    where
        T: 'static,
    {
        Self {
            ask: Box::new(move |shared| complete(&registration, shared)),
        }
    }
}

// SAFETY: the closure holds one registration of the binding and a function. A registration is shared with the
// conductor of Aeron only, through a status word that Aeron stores with release and loads with acquire, so that asking
// works from any one thread. Taking a registration back would touch the conductor's tables; `Pending` leaves that to the
// client's thread by way of `Shared::give_back`. What the binding adds is reference counted atomically (its feature
// `multi-threaded`).
#[expect(unsafe_code, reason = "the binding leaves registrations without Send")]
unsafe impl<T> Send for Registration<T> {}
