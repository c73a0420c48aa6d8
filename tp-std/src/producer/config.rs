//! What a producer is told before it exists.

use std::fmt;
use std::sync::Arc;

use tp_core_nostd::ids::{ClientId, NodeId, StreamId};
use tp_core_nostd::memory::CacheOps;
use tp_core_nostd::proto::claim::Overtaking;
use tp_core_nostd::proto::lease_client::LeaseConfig;
use tp_core_nostd::proto::publish::HeaderOrder;
use tp_core_nostd::shm::RegionWriter;
use tp_core_nostd::wire::driver::{HugepagesPolicy, PublishMode, Role};

use super::consumers::Consumers;
use super::trace::Tracing;
use crate::context::Endpoint;
use crate::error::ConfigError;
use crate::own_regions::OwnRegions;

/// What a producer asks the driver for, and how it publishes.
#[derive(Clone, Debug)]
pub struct ProducerConfig {
    pub(crate) stream: StreamId,
    lease: LeaseConfig,
    /// Which driver is to grant it, if that matters.
    driver: Option<Box<Endpoint>>,
    pub(super) overtaking: Overtaking,
    pub(super) descriptor_timestamp: bool,
    pub(super) test_first: bool,
    pub(super) flush: Flush,
    pub(crate) metadata_capacity: usize,
    /// What it writes if it has no driver.
    pub(crate) own: Option<OwnRegions>,
    pub(crate) consumers: Consumers,
    pub(super) header_order: HeaderOrder,
    pub(super) wake_ups: bool,
    pub(crate) tracing: Option<Tracing>,
}

/// Bytes for attributes unless the application asks for more or fewer.
const METADATA_CAPACITY: usize = 4096;

impl ProducerConfig {
    /// The producer of `stream` with a client id of its own choice.
    pub fn new(stream: StreamId) -> Self {
        let lease = LeaseConfig::new(stream, Role::Producer);
        Self {
            stream,
            lease,
            driver: None,
            overtaking: Overtaking::Hold,
            descriptor_timestamp: false,
            test_first: false,
            flush: Flush(None),
            metadata_capacity: METADATA_CAPACITY,
            consumers: Consumers::new(),
            header_order: HeaderOrder::Last,
            own: None,
            wake_ups: true,
            tracing: None,
        }
    }

    /// The producer of `stream` without a driver: it writes regions of its own, which nobody wrote before, and announces
    /// them each announce period (C-048, C-078).
    pub fn direct(stream: StreamId, regions: OwnRegions) -> Self {
        Self {
            own: Some(regions),
            ..Self::new(stream)
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

    /// Whether consumers that sleep are woken, at the price of a system call (E-01). One relaxed load per frame tells that
    /// none does. On by default; producers that must not make a system call switch it off, and their consumers look by
    /// themselves every now and then.
    #[must_use]
    pub const fn with_wake_ups(mut self, on: bool) -> Self {
        self.wake_ups = on;
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

    /// Traces its frames: each carries an id, and those made from several others name them
    /// ([`Producer::trace`](super::Producer::trace)). They are not traced by default.
    #[must_use]
    pub fn with_tracing(mut self, tracing: Tracing) -> Self {
        self.tracing = Some(tracing);
        self
    }

    /// What no driver is asked for, where there is none.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let Some(own) = &self.own else { return Ok(()) };
        own.check()?;
        let usual = LeaseConfig::new(self.stream, Role::Producer);
        let wishes = [
            (
                "a publish mode",
                self.lease.publish_mode != usual.publish_mode,
            ),
            (
                "a hugepages policy",
                self.lease.hugepages != usual.hugepages,
            ),
            ("a node id", self.lease.desired_node.is_some()),
            (
                "the node id of trace ids",
                self.tracing.as_ref().is_some_and(Tracing::needs_node),
            ),
        ];
        match wishes.into_iter().find(|(_, asked)| *asked) {
            Some((wish, _)) => Err(ConfigError::WithoutDriver { wish }),
            None => Ok(()),
        }
    }

    /// What its consumers are granted; each the streams it asks for by default (C-082, C-086).
    #[must_use]
    pub fn with_consumers(mut self, consumers: Consumers) -> Self {
        self.consumers = consumers;
        self
    }

    /// Whether the header of a frame that is told of while it is filled is written first, so that consumers can read
    /// prefixes (C-075, E-02). The metadata of the stream says so from the start, by the attribute
    /// `tp.progress.header_first`.
    #[must_use]
    pub const fn with_header_first(mut self, on: bool) -> Self {
        self.header_order = match on {
            true => HeaderOrder::First,
            false => HeaderOrder::Last,
        };
        self
    }

    /// Only the driver that listens there may grant it.
    pub(crate) fn with_driver(mut self, endpoint: Endpoint) -> Self {
        self.driver = Some(Box::new(endpoint));
        self
    }

    pub(crate) fn driver(&self) -> Option<&Endpoint> {
        self.driver.as_deref()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::producer::TraceIds;
    use tp_core_nostd::ids::{Epoch, PoolId};
    use tp_core_nostd::proto::tracelink::Stage;
    use tp_core_nostd::seq::SlotCount;
    use tp_core_nostd::shm::Stride;

    #[test] // req: C-048
    fn a_producer_without_a_driver_has_regions_and_asks_for_nothing() {
        let (epoch, slots) = (Epoch::new(1).unwrap(), SlotCount::new(4).unwrap());
        let ring = OwnRegions::new(epoch, slots, "shm:file?path=/h").unwrap();
        let (pool_id, stride) = (PoolId::new(1).unwrap(), Stride::new(64).unwrap());
        let regions = ring.clone().with_pool(pool_id, stride, "shm:file?path=/p");
        let stream = StreamId::new(10_000).unwrap();
        let direct = |regions| ProducerConfig::direct(stream, regions);
        let regions = regions.unwrap();
        assert_eq!(direct(regions.clone()).check(), Ok(()));
        assert!(matches!(direct(ring).check(), Err(ConfigError::Pools(_))));
        let node = NodeId::new(3).unwrap();
        for wish in [
            direct(regions.clone()).with_publish_mode(PublishMode::RequireExisting),
            direct(regions.clone()).with_hugepages(HugepagesPolicy::Hugepages),
            direct(regions.clone()).with_node(node),
            direct(regions.clone()).with_tracing(Tracing::of(Stage::Root)),
        ] {
            assert!(matches!(
                wish.check(),
                Err(ConfigError::WithoutDriver { .. })
            ));
        }
        let own = Tracing::of(Stage::Root).with_ids(TraceIds::of_node(3).unwrap());
        assert_eq!(direct(regions).with_tracing(own).check(), Ok(()));
        let leased = ProducerConfig::new(stream).with_node(node);
        assert_eq!(leased.check(), Ok(()));
        assert_eq!(leased.own, None);
    }
}
