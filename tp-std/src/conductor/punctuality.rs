//! How quickly a lease comes and how regularly it is kept, for histograms (C-159).

use std::sync::Arc;

use tp_core_nostd::proto::session::Session;
use tp_core_nostd::time::Instant;

use crate::histogram::ClientHistograms;

/// Of one role.
#[derive(Debug)]
pub(super) struct Punctuality {
    histograms: Arc<ClientHistograms>,
    /// Since when an attach is under way.
    asked_at: Option<Instant>,
    /// When the lease was kept last.
    kept_at: Option<Instant>,
}

impl Punctuality {
    pub(super) const fn new(histograms: Arc<ClientHistograms>) -> Self {
        Self {
            histograms,
            asked_at: None,
            kept_at: None,
        }
    }

    /// The session sent something: an attach while it has no lease, a keepalive while it has one.
    pub(super) fn sent(&mut self, now: Instant, session: &Session) {
        let lease = session.lease();
        if session.is_attaching() {
            self.asked_at.get_or_insert(now);
        } else if lease.is_some_and(|lease| lease.lease().is_some())
            && let Some(before) = self.kept_at.replace(now)
        {
            self.histograms.keepalive_gap.record(now.since(before));
        }
    }

    /// The driver granted the lease.
    pub(super) fn granted(&mut self, now: Instant) {
        if let Some(asked) = self.asked_at.take() {
            self.histograms.attach.record(now.since(asked));
        }
        self.kept_at = None;
    }
}
