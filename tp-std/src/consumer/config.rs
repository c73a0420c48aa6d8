//! What a consumer asks the driver for, and how it reads.

use tp_core_nostd::ids::{ClientId, StreamId};
use tp_core_nostd::proto::lease_client::LeaseConfig;
use tp_core_nostd::proto::sequence::DEFAULT_MAX_OUTSTANDING_SEQ_GAP;
use tp_core_nostd::wire::driver::Role;

/// What a consumer asks the driver for, and how it reads.
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    pub(crate) stream: StreamId,
    lease: LeaseConfig,
    /// It has no driver, and takes what is announced.
    pub(crate) is_direct: bool,
    pub(super) watch_memory: bool,
    pub(crate) direct_poll: bool,
    pub(super) max_gap: u64,
}

impl ConsumerConfig {
    /// A consumer of `stream` with a client id of its own choice.
    pub const fn new(stream: StreamId) -> Self {
        let lease = LeaseConfig::new(stream, Role::Consumer);
        Self {
            stream,
            lease,
            is_direct: false,
            watch_memory: true,
            direct_poll: false,
            max_gap: DEFAULT_MAX_OUTSTANDING_SEQ_GAP,
        }
    }

    /// A consumer of `stream` without a driver: it asks for no lease, and maps what is announced (C-048).
    pub const fn direct(stream: StreamId) -> Self {
        let mut config = Self::new(stream);
        config.is_direct = true;
        config
    }

    /// A fixed client id; unique among all leases of the driver (C-030).
    #[must_use]
    pub const fn with_client(mut self, client: ClientId) -> Self {
        self.lease.client = Some(client);
        self
    }

    /// Whether frames are also found by looking at the memory while no descriptor comes, so that a stopped neighbour
    /// costs no frame (E-01). On by default; switch it off for producers that may use a number twice (T-59).
    #[must_use]
    pub const fn with_watched_memory(mut self, on: bool) -> Self {
        self.watch_memory = on;
        self
    }

    /// Whether the consumer reads on while driver and media driver are silent: as long as the activity stamps of its memory
    /// are fresh, the producer lives, and frames are found by [`wait`](super::Consumer::wait) or `poll` without
    /// descriptors (E-01). Without it a consumer whose driver is gone reads nothing until there is one again (D-155). Off
    /// by default. Includes [`Self::with_watched_memory`].
    #[must_use]
    pub const fn with_direct_poll(mut self, on: bool) -> Self {
        self.direct_poll = on;
        self.watch_memory |= on;
        self
    }

    /// Gaps above this many frames resynchronise to the newest (W-114); 256 by default.
    #[must_use]
    pub const fn with_max_outstanding_seq_gap(mut self, frames: u64) -> Self {
        self.max_gap = frames;
        self
    }

    pub(crate) const fn lease(&self) -> LeaseConfig {
        self.lease
    }
}
