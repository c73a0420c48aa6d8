//! Mappings that are no longer used, until the last borrower is gone (C-154).

use tp_core_nostd::memory::Region;
use tp_linux_hugepages::{Mapping, WritableMapping};

use crate::regions::Mapped;

/// A mapping that can tell whether it is the last holder of its memory.
pub(super) trait Shared: Region {
    fn is_last(&self) -> bool;
}

impl Shared for Mapping {
    fn is_last(&self) -> bool {
        Self::is_last(self)
    }
}

impl Shared for WritableMapping {
    fn is_last(&self) -> bool {
        Self::is_last(self)
    }
}

/// Keeps a holder of each retired mapping, so that no application thread ever unmaps.
#[derive(Debug)]
pub(super) struct Retired<M>(Vec<Mapped<M>>);

impl<M> Default for Retired<M> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<M: Shared> Retired<M> {
    pub(super) fn add(&mut self, mapping: Option<Mapped<M>>) {
        self.0.extend(mapping);
    }

    /// Unmaps what nobody else holds any more.
    pub(super) fn collect(&mut self) {
        self.0
            .retain(|mapping| !(mapping.each().all(M::is_last) && mapping.bell_is_last()));
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
