//! An endpoint is asked for in one duty cycle and there in a later one.

use core::fmt;
use core::task::Poll;

use crate::aeron::TransportError;
use crate::medium::Awaited;

/// An endpoint of some kind, on its way or there.
pub(in crate::conductor) enum Adding<T: 'static> {
    /// To be asked for.
    Wanted,
    /// Asked for.
    Asked(Awaited<T>),
    /// There, or handed on.
    Done,
}

impl<T> Adding<T> {
    /// What was asked for, once it is there. It is handed out once.
    pub(in crate::conductor) fn poll(&mut self) -> Result<Option<T>, TransportError> {
        let Self::Asked(awaited) = self else {
            return Ok(None);
        };
        match awaited() {
            Poll::Pending => Ok(None),
            Poll::Ready(result) => {
                *self = Self::Done;
                result.map(Some)
            }
        }
    }

    /// Asks for it if that was not done, else looks whether it is there.
    pub(in crate::conductor) fn ask_or_poll(
        &mut self,
        ask: impl FnOnce() -> Result<Awaited<T>, TransportError>,
    ) -> Result<Option<T>, TransportError> {
        if matches!(self, Self::Wanted) {
            *self = Self::Asked(ask()?);
        }
        self.poll()
    }
}

impl<T> fmt::Debug for Adding<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wanted => "Wanted",
            Self::Asked(_) => "Asked",
            Self::Done => "Done",
        })
    }
}
