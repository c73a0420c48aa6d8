//! Work of the application that is done in the conductor's duty cycle.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use tp_core_nostd::time::Instant;

use crate::log::Seldom;

/// Does at most as much as it is told; how much that was, or what went wrong.
pub(crate) type Work = Box<dyn FnMut(u32) -> Result<u32, String> + Send>;

/// One registered piece of work.
pub(crate) struct Item {
    work: Work,
    limit: u32,
    removed: Arc<AtomicBool>,
    failures_said: Seldom,
}

impl Item {
    pub(crate) const fn new(work: Work, limit: u32, removed: Arc<AtomicBool>) -> Self {
        Self {
            work,
            limit,
            removed,
            failures_said: Seldom::new(),
        }
    }

    fn do_work(&mut self, now: Instant) -> u32 {
        match (self.work)(self.limit) {
            Ok(work) => work,
            Err(error) => {
                if let Some(count) = self.failures_said.happened(now, 1) {
                    tracing::warn!(error, count, "a work item failed");
                }
                0
            }
        }
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// All of them, in the order of their registration.
#[derive(Debug, Default)]
pub(super) struct Items(Vec<Item>);

impl Items {
    pub(super) fn add(&mut self, item: Item) {
        self.0.push(item);
    }

    /// Does a piece of each, without those that were taken out; one that fails stops no other.
    pub(super) fn do_work(&mut self, now: Instant) -> u32 {
        self.0.retain(|item| !item.removed.load(Ordering::Acquire));
        let done = self.0.iter_mut().map(|item| item.do_work(now));
        done.fold(0, u32::saturating_add)
    }
}
