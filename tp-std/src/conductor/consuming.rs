//! What makes a role a consumer: memory to read, remapped as announces tell, and a descriptor subscription.

use std::sync::Arc;

use tp_core_nostd::proto::mapping::{Input, Lost, MappingMachine, Order, Source};
use tp_core_nostd::proto::session::{Cycle, Happened, Inbound};
use tp_core_nostd::time::{Duration, Instant};
use tp_linux_hugepages::{LinuxMapper, Mapping};

use super::connection::{Adding, Connection};
use super::role::{Kind, LinkOf, Post};
use crate::aeron::TransportError;
use crate::consumer::{Consumer, ConsumerConfig, Note};
use crate::context::Context;
use crate::link::Orphaned;
use crate::medium::{Awaited, Medium, Receiver};
use crate::regions::{Mapped, Offer};

#[derive(Debug)]
pub(super) struct Consuming {
    machine: MappingMachine,
    period: Duration,
    look_at: Instant,
    config: ConsumerConfig,
}

impl Consuming {
    pub(super) fn new(config: ConsumerConfig, context: &Context, now: Instant) -> Self {
        Self {
            machine: MappingMachine::new(context.freshness_window()),
            period: context.announce_period(),
            look_at: now,
            config,
        }
    }

    fn offered(
        &mut self,
        post: &mut Post<Self>,
        now: Instant,
        offer: Offer,
        source: Source,
        mapper: &LinuxMapper,
    ) {
        let same_layout = post.mapped.as_ref().is_some_and(|mapped| mapped.is(&offer));
        let epoch = offer.epoch;
        let input = Input::Offered {
            epoch,
            source,
            same_layout,
        };
        match self.machine.handle(now, input) {
            Order::None => return,
            Order::Map => {}
            Order::Unmap(why) => return self.unmap(post, why),
            Order::Remap(why) => self.unmap(post, why),
        }
        let result = match offer.map_read(mapper) {
            Ok(mapped) => {
                let (activity_ns, one_writer) = (mapped.activity_ns(), mapped.is_of_one_writer());
                post.mapped = Some(mapped);
                Input::Mapped {
                    activity_ns,
                    one_writer,
                }
            }
            Err(refused) => {
                tracing::warn!(stream = %self.config.stream, %refused, "regions on offer are not used");
                post.completion.fail_for_good(&refused);
                Input::MapFailed
            }
        };
        self.input(post, now, result);
        post.activate();
    }

    fn input(&mut self, post: &mut Post<Self>, now: Instant, input: Input) {
        match self.machine.handle(now, input) {
            Order::None | Order::Map => {}
            Order::Unmap(why) | Order::Remap(why) => self.unmap(post, why),
        }
    }

    fn unmap(&self, post: &mut Post<Self>, why: Lost) {
        tracing::debug!(stream = %self.config.stream, ?why, "unmapped");
        post.fence();
    }
}

impl Kind for Consuming {
    type Memory = Mapping;
    type Endpoint = Box<dyn Receiver>;
    type Note = Note;
    type Hot = Consumer;

    fn act(
        &mut self,
        post: &mut Post<Self>,
        cycle: &mut Cycle<'_>,
        happened: Happened<'_>,
        mapper: &LinuxMapper,
    ) {
        let now = cycle.now;
        match happened {
            Happened::Granted(grant) => {
                self.offered(post, now, Offer::of_grant(&grant), Source::Attach, mapper);
            }
            Happened::Announced(announce) => {
                let source = Source::Announce {
                    timestamp_ns: announce.announce_timestamp_ns,
                };
                self.offered(post, now, Offer::of_announce(&announce), source, mapper);
            }
            Happened::ProducerRevoked { timestamp_ns } => {
                self.input(post, now, Input::ProducerRevoked { timestamp_ns });
            }
            // What is mapped is judged by its own signs of life until the driver is back (E-01).
            Happened::Lost(why) if self.config.direct_poll && why.is_silence() => {
                tracing::info!(stream = %self.config.stream, ?why, "consumer reads on without a lease");
            }
            Happened::Lost(why) => {
                tracing::info!(stream = %self.config.stream, ?why, "consumer lease lost");
                self.input(post, now, Input::LeaseLost);
            }
            Happened::Detached => {}
            refused => post.completion.refused(refused),
        }
    }

    fn hear(&mut self, _: &mut Post<Self>, _: &mut Cycle<'_>, _: &Inbound<'_>) {}

    fn tend(&mut self, post: &mut Post<Self>, cycle: &mut Cycle<'_>, _: &mut Connection) -> u32 {
        let (now, mut work) = (cycle.now, 0_u32);
        while let Some(note) = post.link.take_note() {
            work = work.saturating_add(1);
            match note {
                Note::Epoch(epoch) => self.input(post, now, Input::DescriptorEpoch(epoch)),
                Note::Regression => self.input(post, now, Input::Regression),
                // The image was taken away from us, or its publisher went: a new subscription finds the next one.
                Note::ImageLost => post.adding = Adding::Wanted,
            }
        }
        if now >= self.look_at {
            self.look_at = now.after(self.period);
            if let Some(health) = post.mapped.as_ref().map(Mapped::health) {
                self.input(post, now, Input::Health(health));
            }
        }
        work
    }

    fn on_reconnect(&mut self, _: &mut Post<Self>) {}

    fn outlives(&self, post: &Post<Self>) -> Option<Orphaned> {
        let mapped = post.mapped.as_ref().filter(|_| self.config.direct_poll)?;
        let window = self.period.saturating_mul(3);
        Some(Orphaned {
            pid: mapped.pid(),
            window,
        })
    }

    fn ask(
        &self,
        post: &Post<Self>,
        medium: &mut dyn Medium,
    ) -> Option<Result<Awaited<Box<dyn Receiver>>, TransportError>> {
        Some(medium.subscription(&post.descriptors))
    }

    fn hot(&self, link: Arc<LinkOf<Self>>) -> Consumer {
        Consumer::new(link, &self.config)
    }
}
