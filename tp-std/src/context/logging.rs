//! To whom a client talks.

use std::sync::Arc;

use super::Context;
use crate::log::{Handler, Hook, Level};

/// The hook, if one was given, and how much it wants to hear.
#[derive(Default)]
pub(super) struct Logging {
    handler: Option<Handler>,
    level: Option<Level>,
}

impl core::fmt::Debug for Logging {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Logging")
            .field("handler", &self.handler.is_some())
            .field("level", &self.level)
            .finish()
    }
}

impl Context {
    /// Hears every line of the client, of at most 1024 bytes each. Without it, lines go to the subscriber of the process,
    /// or to stderr as `[tp][LEVEL] text` where there is none when the client is made (client 1.9).
    #[must_use]
    pub fn with_log_handler(
        mut self,
        handler: impl Fn(Level, &str) + Send + Sync + 'static,
    ) -> Self {
        self.logging.handler = Some(Arc::new(handler));
        self
    }

    /// Up to where lines are wanted. Unset, the environment says it in `TP_LOG_LEVEL`, else it is [`Level::Info`]; set
    /// without a handler, lines go to stderr.
    #[must_use]
    pub const fn with_log_level(mut self, level: Level) -> Self {
        self.logging.level = Some(level);
        self
    }

    /// See [`Context::with_log_level`].
    pub const fn log_level(&self) -> Option<Level> {
        self.logging.level
    }

    pub(crate) fn log_hook(&self) -> Hook {
        Hook::new(self.logging.handler.clone(), self.logging.level)
    }
}
