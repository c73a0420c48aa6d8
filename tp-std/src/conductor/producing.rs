//! What makes a role a producer: writable memory, a descriptor publication, activity stamps.

use std::sync::Arc;

use tp_core_nostd::proto::lease_client::LeaseLost;
use tp_core_nostd::proto::session::{Cycle, Happened, Inbound};
use tp_core_nostd::time::{Duration, Instant};
use tp_linux_hugepages::{LinuxMapper, WritableMapping};

use super::connection::Connection;
use super::role::{Kind, LinkOf, Post};
use crate::aeron::TransportError;
use crate::clock::SharedClock;
use crate::context::Context;
use crate::medium::{Awaited, Medium, Sender};
use crate::producer::{Producer, ProducerConfig};
use crate::regions::Offer;

#[derive(Debug)]
pub(super) struct Producing {
    period: Duration,
    touch_at: Instant,
    config: ProducerConfig,
    clock: SharedClock,
}

impl Producing {
    pub(super) fn new(config: ProducerConfig, context: &Context, now: Instant) -> Self {
        Self {
            period: context.announce_period(),
            touch_at: now,
            config,
            clock: context.clock().clone(),
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
    type Endpoint = Box<dyn Sender>;
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

    fn hear(&mut self, _: &mut Post<Self>, _: &mut Cycle<'_>, _: &Inbound<'_>) {}

    fn tend(&mut self, post: &mut Post<Self>, cycle: &mut Cycle<'_>, _: &mut Connection) -> u32 {
        if let Some(mapped) = &post.mapped
            && cycle.now >= self.touch_at
        {
            mapped.touch(cycle.now);
            self.touch_at = cycle.now.after(self.period);
        }
        0
    }

    fn on_reconnect(&mut self, _: &mut Post<Self>) {}

    /// Once it has its lease: one that is refused leaves no trace on the descriptor stream.
    fn ask(
        &self,
        post: &Post<Self>,
        medium: &mut dyn Medium,
    ) -> Option<Result<Awaited<Box<dyn Sender>>, TransportError>> {
        post.mapped.as_ref()?;
        Some(medium.exclusive_publication(&post.descriptors))
    }

    fn hot(&self, link: Arc<LinkOf<Self>>) -> Producer {
        Producer::new(link, &self.config, self.clock.clone())
    }
}
