//! What makes a role a producer: writable memory, a descriptor publication, activity stamps.

use std::sync::Arc;

use tp_core_nostd::proto::lease_client::LeaseLost;
use tp_core_nostd::proto::session::{Cycle, Happened};
use tp_core_nostd::time::{Duration, Instant};
use tp_linux_hugepages::{LinuxMapper, WritableMapping};

use super::connection::publication_channel;
use super::role::{Kind, LinkOf, Post};
use crate::aeron::{AeronClient, AeronExclusivePublication, Pending, TransportError};
use crate::context::Context;
use crate::producer::{Producer, ProducerConfig};
use crate::regions::Offer;

#[derive(Debug)]
pub(super) struct Producing {
    period: Duration,
    touch_at: Instant,
    config: ProducerConfig,
}

impl Producing {
    pub(super) fn new(config: ProducerConfig, context: &Context, now: Instant) -> Self {
        Self {
            period: context.announce_period(),
            touch_at: now,
            config,
        }
    }

    fn map(
        &mut self,
        post: &mut Post<Self>,
        cycle: &mut Cycle<'_>,
        offer: Offer,
        mapper: &LinuxMapper,
    ) {
        match offer.map_write(mapper) {
            Ok(mapped) => {
                // At once, since between attach and the first stamp the regions look abandoned (T-34).
                mapped.touch(cycle.now);
                self.touch_at = cycle.now.after(self.period);
                post.fence();
                post.mapped = Some(mapped);
                post.activate();
            }
            Err(refused) => {
                tracing::warn!(stream = %self.config.stream, %refused, "regions on offer are not used");
                post.completion.fail_for_good(&refused);
                // Of no use without memory; it is asked for again after a pause.
                let _ = post.session.lost(cycle, LeaseLost::Unusable);
            }
        }
    }
}

impl Kind for Producing {
    type Memory = WritableMapping;
    type Endpoint = AeronExclusivePublication;
    type Note = ();
    type Hot = Producer;

    fn act(
        &mut self,
        post: &mut Post<Self>,
        cycle: &mut Cycle<'_>,
        happened: Happened<'_>,
        mapper: &LinuxMapper,
    ) {
        match happened {
            Happened::Granted(grant) => self.map(post, cycle, Offer::of_grant(&grant), mapper),
            Happened::Lost(why) => {
                tracing::info!(stream = %self.config.stream, ?why, "producer lease lost");
                post.fence();
            }
            Happened::Detached | Happened::ProducerRevoked { .. } | Happened::Announced(_) => {}
            refused => post.completion.refused(refused),
        }
    }

    fn tend(&mut self, post: &mut Post<Self>, cycle: &mut Cycle<'_>) -> u32 {
        if let Some(mapped) = &post.mapped
            && cycle.now >= self.touch_at
        {
            mapped.touch(cycle.now);
            self.touch_at = cycle.now.after(self.period);
        }
        0
    }

    /// Once it has its lease: one that is refused leaves no trace on the descriptor stream.
    fn ask(
        &self,
        post: &Post<Self>,
        aeron: &mut AeronClient,
    ) -> Option<Result<Pending<AeronExclusivePublication>, TransportError>> {
        post.mapped.as_ref()?;
        let channel = publication_channel(&post.descriptors);
        Some(aeron.add_exclusive_publication(&channel, post.descriptors.stream_id))
    }

    fn hot(&self, link: Arc<LinkOf<Self>>) -> Producer {
        Producer::new(link, &self.config)
    }
}
