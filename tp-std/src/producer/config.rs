//! What a producer is told before it exists.

use std::fmt;
use std::sync::Arc;

use tp_core_nostd::ids::{ClientId, NodeId, StreamId};
use tp_core_nostd::memory::CacheOps;
use tp_core_nostd::proto::claim::Overtaking;
use tp_core_nostd::proto::lease_client::LeaseConfig;
use tp_core_nostd::shm::RegionWriter;
use tp_core_nostd::wire::driver::{HugepagesPolicy, PublishMode, Role};

/// What a producer asks the driver for, and how it publishes.
#[derive(Clone, Debug)]
pub struct ProducerConfig {
    pub(crate) stream: StreamId,
    lease: LeaseConfig,
    pub(super) overtaking: Overtaking,
    pub(super) descriptor_timestamp: bool,
    pub(super) test_first: bool,
    pub(super) flush: Flush,
    pub(crate) metadata_capacity: usize,
}

/// Bytes for attributes unless the application asks for more or fewer.
const METADATA_CAPACITY: usize = 4096;

impl ProducerConfig {
    /// The producer of `stream` with a client id of its own choice.
    pub const fn new(stream: StreamId) -> Self {
        let lease = LeaseConfig::new(stream, Role::Producer);
        Self {
            stream,
            lease,
            overtaking: Overtaking::Hold,
            descriptor_timestamp: false,
            test_first: false,
            flush: Flush(None),
            metadata_capacity: METADATA_CAPACITY,
        }
    }

    /// A fixed client id; unique among all leases of the driver (C-030).
    #[must_use]
    pub const fn with_client(mut self, client: ClientId) -> Self {
        self.lease.client = Some(client);
        self
    }

    /// Whether the driver may create the stream; it may by default (C-026).
    #[must_use]
    pub const fn with_publish_mode(mut self, mode: PublishMode) -> Self {
        self.lease.publish_mode = mode;
        self
    }

    /// What pages the regions have to lie on; any by default (D-050 to D-052).
    #[must_use]
    pub const fn with_hugepages(mut self, policy: HugepagesPolicy) -> Self {
        self.lease.hugepages = policy;
        self
    }

    /// A node id to ask for (D-172).
    #[must_use]
    pub const fn with_node(mut self, node: NodeId) -> Self {
        self.lease.desired_node = Some(node);
        self
    }

    /// What becomes of an older claim when a newer one commits first; it is waited for by default (C-064).
    #[must_use]
    pub const fn with_overtaking(mut self, overtaking: Overtaking) -> Self {
        self.overtaking = overtaking;
        self
    }

    /// Whether descriptors carry the time they were sent at; they do not by default (W-144).
    #[must_use]
    pub const fn with_descriptor_timestamp(mut self, on: bool) -> Self {
        self.descriptor_timestamp = on;
        self
    }

    /// Whether `offer` and `try_claim` look at the descriptor stream first, and refuse a frame whose descriptor could not
    /// be sent at the moment; nothing is consumed then. By default every frame is committed, for readers that watch the
    /// memory, and its delivery says what became of the descriptor (C-056, C-058).
    #[must_use]
    pub const fn with_test_first(mut self, on: bool) -> Self {
        self.test_first = on;
        self
    }

    /// Bytes for the attributes of the source, each with its texts and 12 bytes; 4096 by default. All of them go out in
    /// one message, which the metadata stream has to carry: an eighth of its term length (T-49).
    #[must_use]
    pub const fn with_metadata_capacity(mut self, bytes: usize) -> Self {
        self.metadata_capacity = bytes;
        self
    }

    /// Called with the payload's first byte and its length when a frame that has one is complete, before it is committed:
    /// for devices that write past the caches (C-071). It runs on the publishing thread.
    #[must_use]
    pub fn with_payload_flush(
        mut self,
        flush: impl Fn(*mut u8, usize) + Send + Sync + 'static,
    ) -> Self {
        self.flush = Flush(Some(Arc::new(flush)));
        self
    }

    pub(crate) const fn lease(&self) -> LeaseConfig {
        self.lease
    }
}

/// The application's flush hook, if it has one.
#[derive(Clone, Default)]
pub(super) struct Flush(Option<Arc<dyn Fn(*mut u8, usize) + Send + Sync>>);

impl CacheOps for Flush {
    fn before_commit(&self, payload: RegionWriter<'_>, len: usize) {
        if let Some(flush) = &self.0 {
            flush(payload.as_mut_ptr(), len);
        }
    }
}

impl fmt::Debug for Flush {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Flush" } else { "None" })
    }
}
