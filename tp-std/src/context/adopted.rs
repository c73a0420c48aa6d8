//! An Aeron client of the host in the place of one of our own.

use super::Context;
use crate::aeron::HostAeron;

impl Context {
    /// Uses a running Aeron client of the host, as it is: it is neither started nor closed nor given other settings, and
    /// the directory, name and driver timeout set here are without effect. Who drives it was said when it was wrapped
    /// (C-006, C-007).
    #[must_use]
    pub fn with_aeron(mut self, aeron: HostAeron) -> Self {
        self.adopted = Some(aeron);
        self
    }

    /// See [`Context::with_aeron`]; nothing, where the client has one of its own.
    pub const fn aeron(&self) -> Option<&HostAeron> {
        self.adopted.as_ref()
    }
}
