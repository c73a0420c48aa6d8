//! The cold half of a producer: lease, mapping, descriptor publication, activity stamps.

use std::sync::Arc;

use tp_core_nostd::proto::lease_client::{LeaseConfig, LeaseLost};
use tp_core_nostd::proto::session::{Cycle, Happened, Inbound, Session};
use tp_core_nostd::time::{Duration, Instant};
use tp_core_nostd::transport::Publication;
use tp_linux_hugepages::{LinuxMapper, WritableMapping};

use super::connection::{Adding, Connection, publication_channel};
use super::retired::Retired;
use super::{Completion, Ended};
use crate::aeron::{AeronExclusivePublication, TransportError};
use crate::context::{Context, Endpoint};
use crate::error::Error;
use crate::producer::{Producer, ProducerConfig, ProducerLink};
use crate::regions::{Mapped, Offer};

#[derive(Debug)]
pub(super) struct ProducerRole {
    session: Session,
    period: Duration,
    descriptors: Endpoint,
    adding: Adding<AeronExclusivePublication>,
    link: Arc<ProducerLink>,
    mapped: Option<Mapped<WritableMapping>>,
    retired: Retired<WritableMapping>,
    touch_at: Instant,
    completion: Completion<Producer>,
    config: ProducerConfig,
}

impl ProducerRole {
    pub(super) fn new(
        config: ProducerConfig,
        lease: LeaseConfig,
        context: &Context,
        cycle: &mut Cycle<'_>,
        handle: Arc<super::Handle<Producer>>,
    ) -> Self {
        Self {
            session: Session::new(lease, context.freshness_window(), cycle.ids),
            period: context.announce_period(),
            descriptors: context.descriptor().clone(),
            adding: Adding::Wanted,
            link: Arc::default(),
            mapped: None,
            retired: Retired::default(),
            touch_at: cycle.now,
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
        match happened {
            Happened::Granted(grant) => self.map(cycle, Offer::of_grant(&grant), mapper),
            Happened::Lost(why) => self.unmap(why),
            Happened::Detached | Happened::ProducerRevoked { .. } | Happened::Announced(_) => {}
            refused => self.completion.refused(refused),
        }
    }

    fn map(&mut self, cycle: &mut Cycle<'_>, offer: Offer, mapper: &LinuxMapper) {
        match offer.map_write(mapper) {
            Ok(mapped) => {
                // At once, since between attach and the first stamp the regions look abandoned (T-34).
                mapped.touch(cycle.now);
                self.touch_at = cycle.now.after(self.period);
                tracing::debug!(stream = %self.config.stream, epoch = %mapped.epoch(), "mapped");
                self.link.mapping.put(mapped.share());
                self.retired.add(self.mapped.replace(mapped));
                self.link.cell.activate();
            }
            Err(refused) => {
                tracing::warn!(stream = %self.config.stream, %refused, "regions on offer are not used");
                self.completion.fail_for_good(&refused);
                // Of no use without memory; it is asked for again after a pause.
                let _ = self.session.lost(cycle, LeaseLost::Unusable);
            }
        }
    }

    fn unmap(&mut self, why: LeaseLost) {
        tracing::info!(stream = %self.config.stream, ?why, "producer lease lost");
        self.link.cell.fence();
        self.retired.add(self.mapped.take());
    }

    /// One duty cycle. `Err` when the role ended.
    pub(super) fn do_work(
        &mut self,
        cycle: &mut Cycle<'_>,
        connection: &mut Connection,
        mapper: &LinuxMapper,
    ) -> Result<u32, Ended> {
        if self.link.is_abandoned() || self.completion.is_cancelled() {
            self.link.cell.fence();
            self.retired.add(self.mapped.take());
            self.session.detach(cycle);
        }
        if let Some(happened) = self.session.poll(cycle) {
            self.act(cycle, happened, mapper);
        }
        let mut work = 0;
        if let Some(control) = connection.control() {
            work = self.session.transmit(cycle, control);
        }
        if let Some(mapped) = &self.mapped
            && cycle.now >= self.touch_at
        {
            mapped.touch(cycle.now);
            self.touch_at = cycle.now.after(self.period);
        }
        if let Err(error) = self.add_descriptors(connection) {
            self.completion.fail(Error::Transport(error));
        }
        self.retired.collect();
        if self.mapped.is_some() && matches!(self.adding, Adding::Done) {
            let (link, config) = (&self.link, &self.config);
            self.completion
                .ready(|| Producer::new(link.clone(), config));
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
        // One that is refused leaves no trace on the descriptor stream.
        let Some(aeron) = connection.aeron().filter(|_| self.mapped.is_some()) else {
            return Ok(());
        };
        let channel = publication_channel(&self.descriptors);
        let added = self
            .adding
            .poll(|| aeron.add_exclusive_publication(&channel, self.descriptors.stream_id))?;
        if let Some(publication) = added {
            self.link.endpoint.put(publication);
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
