//! The cold half of a consumer: lease, mapping, descriptor subscription.

use std::sync::Arc;

use tp_core_nostd::proto::lease_client::{LeaseConfig, LeaseLost};
use tp_core_nostd::proto::mapping::{Input, Lost, MappingMachine, Order, Source};
use tp_core_nostd::proto::session::{Cycle, Happened, Inbound, Session};
use tp_core_nostd::time::{Duration, Instant};
use tp_core_nostd::transport::Publication;
use tp_linux_hugepages::{LinuxMapper, Mapping};

use super::connection::{Adding, Connection, subscription_channel};
use super::retired::Retired;
use super::{Completion, Ended};
use crate::aeron::{AeronSubscription, TransportError};
use crate::consumer::{Consumer, ConsumerConfig, ConsumerLink, Note};
use crate::context::{Context, Endpoint};
use crate::error::Error;
use crate::regions::{Mapped, Offer};

#[derive(Debug)]
pub(super) struct ConsumerRole {
    session: Session,
    machine: MappingMachine,
    period: Duration,
    descriptors: Endpoint,
    adding: Adding<AeronSubscription>,
    link: Arc<ConsumerLink>,
    mapped: Option<Mapped<Mapping>>,
    retired: Retired<Mapping>,
    look_at: Instant,
    completion: Completion<Consumer>,
    config: ConsumerConfig,
}

impl ConsumerRole {
    pub(super) fn new(
        config: ConsumerConfig,
        lease: LeaseConfig,
        context: &Context,
        cycle: &mut Cycle<'_>,
        handle: Arc<super::Handle<Consumer>>,
    ) -> Self {
        let window = context.freshness_window();
        Self {
            session: Session::new(lease, window, cycle.ids),
            machine: MappingMachine::new(window),
            period: context.announce_period(),
            descriptors: context.descriptor().clone(),
            adding: Adding::Wanted,
            link: Arc::default(),
            mapped: None,
            retired: Retired::default(),
            look_at: cycle.now,
            completion: Completion::new(handle, context),
            config,
        }
    }

    /// Whether this message was answered by granting us the lease.
    pub(super) fn on_message(
        &mut self,
        cycle: &mut Cycle<'_>,
        inbound: &Inbound<'_>,
        mapper: &LinuxMapper,
    ) -> bool {
        let Some(happened) = self.session.handle(cycle, inbound) else {
            return false;
        };
        let granted = matches!(happened, Happened::Granted(_));
        self.act(cycle, happened, mapper);
        granted
    }

    /// Ends the lease without a word from the driver.
    pub(super) fn on_driver_lost(&mut self, cycle: &mut Cycle<'_>, mapper: &LinuxMapper) {
        if let Some(happened) = self.session.lost(cycle, LeaseLost::DriverGone) {
            self.act(cycle, happened, mapper);
        }
    }

    /// Every endpoint is gone; they come back with the new connection.
    pub(super) fn on_reconnect(&mut self, cycle: &mut Cycle<'_>, mapper: &LinuxMapper) {
        self.adding = Adding::Wanted;
        self.on_driver_lost(cycle, mapper);
    }

    fn act(&mut self, cycle: &mut Cycle<'_>, happened: Happened<'_>, mapper: &LinuxMapper) {
        let now = cycle.now;
        match happened {
            Happened::Granted(grant) => {
                self.offered(now, Offer::of_grant(&grant), Source::Attach, mapper)
            }
            Happened::Announced(announce) => {
                let source = Source::Announce {
                    timestamp_ns: announce.announce_timestamp_ns,
                };
                self.offered(now, Offer::of_announce(&announce), source, mapper);
            }
            Happened::ProducerRevoked { timestamp_ns } => {
                self.input(now, Input::ProducerRevoked { timestamp_ns })
            }
            Happened::Lost(why) => {
                tracing::info!(stream = %self.config.stream, ?why, "consumer lease lost");
                self.input(now, Input::LeaseLost);
            }
            Happened::Detached => {}
            refused => self.completion.refused(refused),
        }
    }

    fn offered(&mut self, now: Instant, offer: Offer, source: Source, mapper: &LinuxMapper) {
        let same_layout = self.mapped.as_ref().is_some_and(|mapped| mapped.is(&offer));
        let order = self.machine.handle(
            now,
            Input::Offered {
                epoch: offer.epoch,
                source,
                same_layout,
            },
        );
        match order {
            Order::None => return,
            Order::Map => {}
            Order::Unmap(why) => return self.unmap(why),
            Order::Remap(why) => self.unmap(why),
        }
        let result = match offer.map_read(mapper) {
            Ok(mapped) => {
                let activity_ns = mapped.activity_ns();
                self.mapped = Some(mapped);
                Input::Mapped { activity_ns }
            }
            Err(refused) => {
                tracing::warn!(stream = %self.config.stream, %refused, "regions on offer are not used");
                self.completion.fail_for_good(&refused);
                Input::MapFailed
            }
        };
        self.input(now, result);
        if let Some(mapped) = &self.mapped {
            tracing::debug!(stream = %self.config.stream, epoch = %mapped.epoch(), "mapped");
            self.link.mapping.put(mapped.share());
            self.link.cell.activate();
        }
    }

    fn input(&mut self, now: Instant, input: Input) {
        match self.machine.handle(now, input) {
            Order::None | Order::Map => {}
            Order::Unmap(why) | Order::Remap(why) => self.unmap(why),
        }
    }

    fn unmap(&mut self, why: Lost) {
        tracing::debug!(stream = %self.config.stream, ?why, "unmapped");
        self.link.cell.fence();
        self.retired.add(self.mapped.take());
    }

    /// One duty cycle. `Some` when the role ended.
    pub(super) fn do_work(
        &mut self,
        cycle: &mut Cycle<'_>,
        connection: &mut Connection,
        mapper: &LinuxMapper,
    ) -> Result<u32, Ended> {
        if self.link.is_abandoned() || self.completion.is_cancelled() {
            self.link.cell.fence();
            self.session.detach(cycle);
        }
        let mut work = 0_u32;
        while let Some(note) = self.link.take_note() {
            work = work.saturating_add(1);
            match note {
                Note::Epoch(epoch) => self.input(cycle.now, Input::DescriptorEpoch(epoch)),
                Note::Regression => self.input(cycle.now, Input::Regression),
                // The image was taken away from us, or its publisher went: a new subscription finds the next one.
                Note::ImageLost => self.adding = Adding::Wanted,
            }
        }
        if cycle.now >= self.look_at {
            self.look_at = cycle.now.after(self.period);
            if let Some(health) = self.mapped.as_ref().map(Mapped::health) {
                self.input(cycle.now, Input::Health(health));
            }
        }
        if let Some(happened) = self.session.poll(cycle) {
            self.act(cycle, happened, mapper);
        }
        if let Some(control) = connection.control() {
            work = work.saturating_add(self.session.transmit(cycle, control));
        }
        if let Err(error) = self.add_descriptors(connection) {
            self.completion.fail(Error::Transport(error));
        }
        self.retired.collect();
        if self.mapped.is_some() && matches!(self.adding, Adding::Done) {
            let (link, config) = (&self.link, &self.config);
            self.completion
                .ready(|| Consumer::new(link.clone(), config));
        }
        if self.completion.has_failed() {
            self.session.detach(cycle);
        }
        // Of a client that ends, whoever is last unmaps.
        let unmapped = self.retired.is_empty() || self.link.is_closed();
        if self.session.lease().is_done() && unmapped {
            Err(Ended)
        } else {
            Ok(work)
        }
    }

    fn add_descriptors(&mut self, connection: &mut Connection) -> Result<(), TransportError> {
        let Some(aeron) = connection.aeron() else {
            return Ok(());
        };
        let channel = subscription_channel(&self.descriptors);
        let added = self
            .adding
            .poll(|| aeron.add_subscription(&channel, self.descriptors.stream_id))?;
        if let Some(subscription) = added {
            self.link.endpoint.put(subscription);
            self.link.cell.notify();
        }
        Ok(())
    }

    /// Stops the role and gives its lease back.
    pub(super) fn finish(&mut self, cycle: &mut Cycle<'_>) {
        self.link.close();
        self.completion.fail(Error::Closed);
        self.retired.add(self.mapped.take());
        self.session.detach(cycle);
    }

    /// The same, as far as one message does that.
    pub(super) fn close(&mut self, cycle: &mut Cycle<'_>, control: Option<&mut impl Publication>) {
        self.finish(cycle);
        if let Some(control) = control {
            self.session.transmit(cycle, control);
        }
    }
}
