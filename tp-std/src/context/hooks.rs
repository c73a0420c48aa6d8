//! Functions of the application that a client calls.

use core::fmt;

use crate::error::Error;

/// Runs once per duty cycle; returns how much it did.
pub(crate) type Delegate = Box<dyn FnMut() -> u32 + Send>;
/// Hears once what ended the client.
pub(crate) type ErrorHandler = Box<dyn FnOnce(&Error) + Send>;

/// Those that were given.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) delegate: Option<Delegate>,
    pub(crate) on_error: Option<ErrorHandler>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("delegate", &self.delegate.is_some())
            .field("on_error", &self.on_error.is_some())
            .finish()
    }
}
