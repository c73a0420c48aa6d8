//! What stands between a join, on a thread of the application, and the conductor, which hears of merge maps.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::merge_map::Scope;
use tp_core_nostd::wire::ValueError;

use crate::link::Newest;

/// What the conductor heard of a map that the join wants.
#[derive(Debug)]
pub(crate) enum MapTold {
    /// The announce.
    Announced(Box<[u8]>),
    /// One that makes no sense.
    Void(Scope, ValueError),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct JoinDesk {
    out: StreamId,
    /// The epoch of the output; 0 is none.
    epoch: AtomicU64,
    /// Whether no map applies.
    is_wanting: AtomicBool,
    /// Conductor to join: the newest word of it.
    pub(crate) told: Newest<MapTold>,
    abandoned: AtomicBool,
}

impl JoinDesk {
    pub(crate) fn new(out: StreamId) -> Self {
        Self {
            out,
            epoch: AtomicU64::new(0),
            is_wanting: AtomicBool::new(false),
            told: Newest::default(),
            abandoned: AtomicBool::new(false),
        }
    }

    /// Join: the output is in this epoch.
    pub(super) fn begin(&self, epoch: Epoch) {
        self.epoch.store(epoch.get(), Ordering::Relaxed);
    }

    /// Join: whether no map applies.
    pub(super) fn want(&self, wanting: bool) {
        if self.is_wanting.load(Ordering::Relaxed) != wanting {
            self.is_wanting.store(wanting, Ordering::Relaxed);
        }
    }

    /// Join: it was dropped.
    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    /// Conductor: what the join is in front of.
    pub(crate) fn scope(&self) -> Option<Scope> {
        let epoch = Epoch::new(self.epoch.load(Ordering::Relaxed))?;
        Some(Scope {
            out: self.out,
            epoch,
        })
    }

    pub(crate) fn is_wanting(&self) -> bool {
        self.is_wanting.load(Ordering::Relaxed)
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }
}
