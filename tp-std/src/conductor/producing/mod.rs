//! What makes a role a producer: writable memory, a descriptor publication, activity stamps, and what it tells by itself
//! ([`telling`]).

mod beacon;
mod blobs;
#[cfg(test)]
mod line;
mod manager;
mod naming;
mod outlets;
mod source;
mod telling;

use std::sync::Arc;

use tp_core_nostd::ids::NodeId;
use tp_core_nostd::proto::cadence::Cadence;
use tp_core_nostd::proto::lease_client::LeaseLost;
use tp_core_nostd::proto::session::{Cycle, Happened, Inbound};
use tp_core_nostd::time::{Duration, Instant};
use tp_linux_hugepages::{LinuxMapper, WritableMapping};

use super::connection::Connection;
use super::role::{Kind, LinkOf, Post};
use crate::aeron::TransportError;
use crate::clock::SharedClock;
use crate::context::Context;
use crate::error::Error;
use crate::medium::{Awaited, Medium, Sender};
use crate::producer::{Exchange, Producer, ProducerConfig, Tracing, Voice};
use crate::regions::{Mapped, Offer, Offered};
use beacon::Beacon;
use manager::Managing;
use naming::{Named, Naming};
use telling::{Teller, Telling};

/// Of hellos, which consumers send once a period.
const SILENT_PERIODS: u32 = 5;

#[derive(Debug)]
pub(super) struct Producing {
    period: Duration,
    /// After so much silence a consumer is a new one.
    silence: Duration,
    /// When the activity stamps of its regions are renewed (C-079).
    activity: Cadence,
    config: ProducerConfig,
    clock: SharedClock,
    voice: Arc<Voice>,
    /// From the first memory on.
    telling: Option<Telling>,
    /// Without a driver.
    beacon: Option<Beacon>,
    consumers: Managing,
    exchange: Arc<Exchange>,
    /// Where trace ids need a node of the driver's.
    naming: Option<Naming>,
}

impl Producing {
    pub(super) fn new(config: ProducerConfig, context: &Context) -> Self {
        let (period, hello_period) = (context.announce_period(), context.hello_period());
        let has_driver = config.own.is_none();
        let (consumers, exchange) =
            Managing::new(config.stream, &config.consumers, has_driver, context);
        let links = config.tracing.as_ref().is_some_and(Tracing::has_links);
        let naming = config.tracing.as_ref().and_then(Naming::new);
        Self {
            period,
            naming,
            silence: hello_period.max(period).saturating_mul(SILENT_PERIODS),
            activity: Cadence::new(period),
            config,
            clock: context.clock().clone(),
            voice: Arc::new(Voice::new(context.metadata().is_some())),
            telling: None,
            beacon: None,
            consumers: consumers.with_links(links),
            exchange,
        }
    }

    fn map(
        &mut self,
        post: &mut Post<Self>,
        cycle: &mut Cycle<'_>,
        offer: Offer,
        mapper: &LinuxMapper,
    ) {
        let mapped = offer.map_write(mapper);
        // A driver's regions are of a new epoch; those of an application are what it says.
        let mapped = match self.config.own {
            Some(_) => mapped.and_then(Mapped::unused),
            None => mapped,
        };
        match mapped {
            Ok(mapped) => {
                // At once, since between attach and the first stamp the regions look abandoned (T-34).
                mapped.touch(cycle.now);
                self.activity.sent(cycle.now);
                post.fence();
                post.mapped = Some(mapped);
                post.activate();
                self.tell_anew(post);
                self.consumers.on_epoch();
            }
            Err(refused) => {
                tracing::warn!(stream = %self.config.stream, %refused, "regions on offer are not used");
                post.completion.fail_for_good(&refused);
                // Of no use without memory; it is asked for again after a pause.
                let _ = post.session.lost(cycle, LeaseLost::Unusable);
            }
        }
    }

    /// A lease came with a node, or without; whether the producer may go on.
    fn name_node(
        &mut self,
        post: &mut Post<Self>,
        cycle: &Cycle<'_>,
        node: Option<NodeId>,
    ) -> bool {
        let Some(naming) = &mut self.naming else {
            return true;
        };
        match naming.granted(cycle.real_ns, node) {
            Named::Same => {}
            Named::By(ids) => self.exchange.ids.put(Some(ids)),
            Named::Nobody => {
                tracing::warn!(stream = %self.config.stream, "frames are not traced: there is no node id");
                self.exchange.ids.put(None);
                post.completion.fail(Error::NoNode);
            }
        }
        naming.desire(post);
        !post.completion.has_failed()
    }

    /// Without a driver: the regions are those the application gave.
    fn begin(&mut self, post: &mut Post<Self>, cycle: &mut Cycle<'_>, mapper: &LinuxMapper) {
        let Some(own) = self.config.own.clone() else {
            return;
        };
        let stream = self.config.stream;
        self.map(post, cycle, Offer::of_own(stream, &own), mapper);
        self.beacon = Some(Beacon::new(stream, post.session.client(), self.period, own));
    }

    fn tell_anew(&mut self, post: &Post<Self>) {
        match &mut self.telling {
            Some(telling) => telling.renew(),
            none => {
                let (stream, client) = (self.config.stream, post.session.client());
                let capacity = self.config.metadata_capacity;
                let voice = self.voice.clone();
                let (period, silence) = (self.period, self.silence);
                *none = Some(Telling::new(
                    stream, client, period, voice, silence, capacity,
                ));
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
            Happened::Granted(grant) => {
                if !self.name_node(post, cycle, grant.node_id) {
                    return;
                }
                self.map(post, cycle, Offer::of(&Offered::from(&grant)), mapper)
            }
            Happened::Begun => self.begin(post, cycle, mapper),
            Happened::Lost(why) => {
                tracing::info!(stream = %self.config.stream, ?why, "producer lease lost");
                post.fence();
            }
            Happened::Detached | Happened::ProducerRevoked { .. } | Happened::Announced(_) => {}
            refused => {
                // Perhaps for a node id that is somebody else's by now; tracing keeps nobody from producing.
                if let (Some(naming), Happened::Refused { .. }) = (&self.naming, &refused) {
                    naming.desire_none(post);
                }
                post.completion.refused(refused);
            }
        }
    }

    fn hear(&mut self, _: &mut Post<Self>, cycle: &mut Cycle<'_>, inbound: &Inbound<'_>) {
        if let Some(telling) = &mut self.telling {
            telling.hear(cycle.now, inbound.message);
        }
        self.consumers.hear(cycle.now, inbound.message);
    }

    fn tend(
        &mut self,
        post: &mut Post<Self>,
        cycle: &mut Cycle<'_>,
        connection: &mut Connection,
    ) -> u32 {
        let now = cycle.now;
        let (mut work, has_orders) = self.consumers.tend(now, connection);
        if has_orders {
            post.link.cell.notify();
        }
        let (Some(mapped), Some(telling)) = (&post.mapped, &mut self.telling) else {
            return work;
        };
        if self.activity.is_due(now) {
            mapped.touch(now);
            self.activity.sent(now);
        }
        let has_newcomers = telling.has_newcomers(now);
        if let (Some(beacon), Some(control)) = (&mut self.beacon, connection.control()) {
            if has_newcomers {
                beacon.hasten();
            }
            work = work.saturating_add(beacon.tend(now, control));
        }
        let teller = Teller {
            client: post.session.client(),
            epoch: mapped.epoch(),
        };
        work.saturating_add(telling.tend(now, teller, connection))
    }

    fn on_reconnect(&mut self, _: &mut Post<Self>) {
        if let Some(telling) = &mut self.telling {
            telling.on_reconnect();
        }
        self.consumers.on_reconnect();
    }

    /// Once it has its lease: one that is refused leaves no trace on the descriptor stream.
    fn ask(
        &self,
        post: &Post<Self>,
        medium: &mut dyn Medium,
    ) -> Option<Result<Awaited<Box<dyn Sender>>, TransportError>> {
        post.mapped.as_ref()?;
        Some(medium.exclusive_publication(&post.descriptors))
    }

    fn may_begin(&self, _: Instant) -> bool {
        self.consumers.may_begin()
    }

    fn hot(&self, link: Arc<LinkOf<Self>>) -> Producer {
        let (clock, voice) = (self.clock.clone(), self.voice.clone());
        Producer::new(link, &self.config, clock, voice, self.exchange.clone())
    }
}
