//! How the conductor is driven: its thread, what it does without work, and who is called from it.

use std::sync::Arc;

use super::{Context, Delegate, ErrorHandler};
use crate::error::{ConfigError, Error};
use crate::histogram::ClientHistograms;
use crate::idle::Idle;

impl Context {
    /// What the conductor thread does after a cycle without work; it sleeps for a millisecond by default.
    #[must_use]
    pub const fn with_idle(mut self, idle: Idle) -> Self {
        self.idle = idle;
        self
    }

    /// Name of the conductor thread; the system shows the first 15 bytes of it.
    ///
    /// # Errors
    /// Empty, or with a zero byte.
    pub fn with_thread_name(mut self, name: impl Into<String>) -> Result<Self, ConfigError> {
        let name = name.into();
        if name.is_empty() || name.contains('\0') {
            return Err(ConfigError::ThreadName(name));
        }
        self.thread_name = name;
        Ok(self)
    }

    /// The processors the conductor thread may run on, by number; all of them by default.
    #[must_use]
    pub fn with_thread_affinity(mut self, processors: impl Into<Vec<usize>>) -> Self {
        self.thread_affinity = processors.into();
        self
    }

    /// How many commands may wait for the conductor.
    ///
    /// # Errors
    /// Zero.
    pub fn with_command_queue_capacity(mut self, capacity: usize) -> Result<Self, ConfigError> {
        if capacity == 0 {
            return Err(ConfigError::Zero {
                knob: "command_queue_capacity",
            });
        }
        self.command_queue_capacity = capacity;
        Ok(self)
    }

    /// Called once per duty cycle, before the client's own work, on the thread that drives the conductor; what it returns
    /// counts as work (C-009). So a host's own agents need no thread of their own.
    #[must_use]
    pub fn with_delegate(mut self, delegate: impl FnMut() -> u32 + Send + 'static) -> Self {
        self.hooks.delegate = Some(Box::new(delegate));
        self
    }

    /// Whether the client measures how long its duty cycles and attaches take, and how far apart its keepalives are (C-159);
    /// it does not by default. Each duty cycle looks at the clock once more then.
    #[must_use]
    pub fn with_histograms(mut self, on: bool) -> Self {
        self.histograms = on.then(Arc::default);
        self
    }

    /// See [`Context::with_histograms`]; the client has them, too.
    pub const fn histograms(&self) -> Option<&Arc<ClientHistograms>> {
        self.histograms.as_ref()
    }

    /// Called once, on the conductor thread, with what ended the client. Where the caller drives the conductor,
    /// `do_work` says it, and this is not called.
    #[must_use]
    pub fn with_error_handler(mut self, handler: impl FnOnce(&Error) + Send + 'static) -> Self {
        self.hooks.on_error = Some(Box::new(handler));
        self
    }

    /// See [`Context::with_idle`].
    pub const fn idle(&self) -> Idle {
        self.idle
    }

    /// See [`Context::with_thread_name`].
    pub fn thread_name(&self) -> &str {
        &self.thread_name
    }

    /// See [`Context::with_thread_affinity`].
    pub fn thread_affinity(&self) -> &[usize] {
        &self.thread_affinity
    }

    /// See [`Context::with_command_queue_capacity`].
    pub const fn command_queue_capacity(&self) -> usize {
        self.command_queue_capacity
    }

    /// For its one owner.
    pub(crate) fn take_delegate(&mut self) -> Option<Delegate> {
        self.hooks.delegate.take()
    }

    /// For its one owner.
    pub(crate) fn take_error_handler(&mut self) -> Option<ErrorHandler> {
        self.hooks.on_error.take()
    }
}
