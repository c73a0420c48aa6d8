//! What makes a role a consumer: memory to read, remapped as announces tell; streams to read it by, shared or its own; and
//! what it says of itself.

mod memory;
mod own_stream;
mod presence;
mod streams;

use std::sync::Arc;

use tp_core_nostd::proto::declared::TensorDeclaration;
use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::proto::fallback::{FallbackMachine, PayloadSource};
use tp_core_nostd::proto::mapping::{Input, MappingMachine, Source};
use tp_core_nostd::proto::private_stream::{self, Kind as StreamKind};
use tp_core_nostd::proto::progress::says_header_first;
use tp_core_nostd::proto::qos::Collision;
use tp_core_nostd::proto::session::{Cycle, Happened, Inbound};
use tp_core_nostd::time::{Duration, Instant};
use tp_core_nostd::wire::control::{DataSourceMeta, FrameProgress, QosConsumer};
use tp_core_nostd::wire::enums::Mode;
use tp_linux_hugepages::{LinuxMapper, Mapping};

use super::connection::{Adding, Connection};
use super::role::{Kind, LinkOf, Post};
use crate::aeron::TransportError;
use crate::clock::SharedClock;
use crate::consumer::{Board, Consumer, ConsumerConfig, ConsumerState, Note};
use crate::context::Context;
use crate::error::Error;
use crate::link::Orphaned;
use crate::log::Seldom;
use crate::medium::{Awaited, Medium, Receiver};
use crate::regions::{Mapped, Offered};
use own_stream::OwnStream;
use presence::Presence;

#[derive(Debug)]
pub(super) struct Consuming {
    machine: MappingMachine,
    fallback: Box<FallbackMachine>,
    presence: Presence,
    descriptors: OwnStream,
    control: OwnStream,
    /// As ordered, else as asked for.
    mode: Mode,
    /// Whether the lease is ours.
    is_held: bool,
    /// How long the stream may stay undeclared before it is taken as it is (E-04); `None` once that does not matter.
    awaits_metadata_until: Option<Instant>,
    refusals_said: Seldom,
    board: Board,
    period: Duration,
    look_at: Instant,
    clock: SharedClock,
    config: ConsumerConfig,
}

impl Consuming {
    pub(super) fn new(config: ConsumerConfig, context: &Context, now: Instant) -> Self {
        let mut machine = MappingMachine::new(context.freshness_window());
        machine.allow_same_epoch_restart(config.allows_same_epoch_restart());
        let own_stream = |kind| OwnStream::new(kind, context.message_timeout());
        Self {
            machine,
            fallback: Box::default(),
            presence: Presence::new(&config, context),
            descriptors: own_stream(StreamKind::Descriptor),
            control: own_stream(StreamKind::Control),
            mode: config.wish().mode,
            is_held: false,
            awaits_metadata_until: config.expected().map(|_| Instant::NEVER),
            refusals_said: Seldom::new(),
            board: Board::new(config.wish().progress.is_some()),
            period: context.announce_period(),
            look_at: now,
            clock: context.clock().clone(),
            config,
        }
    }

    /// The lease is gone, and whatever was assigned to its holder.
    fn lose(&mut self, post: &mut Post<Self>, now: Instant) {
        self.is_held = false;
        self.input(post, now, Input::LeaseLost);
        self.presence.fall_silent();
        if self.descriptors.is_handed() || self.control.is_handed() {
            self.start_over(post, now);
        }
        self.descriptors.forget(now);
        self.control.forget(now);
        self.mode = self.config.wish().mode;
        *self.fallback = FallbackMachine::new();
        self.board.status.set_fallback_uri(None);
    }

    /// What applies to the stream's frames.
    fn described(&mut self, post: &mut Post<Self>, meta: &DataSourceMeta<'_>) {
        if let Some(expected) = self.config.expected() {
            let declared = TensorDeclaration::of(&meta.attributes);
            match expected.contradicted_by(&declared) {
                // Of one that was handed out it says nothing: its frames do.
                Some(contradiction) => post.completion.fail(Error::Declared(contradiction)),
                None => self.awaits_metadata_until = None,
            }
        }
        let header_first = says_header_first(&meta.attributes).then_some(meta.meta_version);
        self.board.status.set_header_first(header_first);
    }

    /// Tells everybody who looks how it stands.
    fn show(&self, post: &Post<Self>) {
        let status = &self.board.status;
        status.set_state(match self.fallback.source() {
            PayloadSource::Shm => ConsumerState::Mapped,
            PayloadSource::Fallback => ConsumerState::Fallback,
            PayloadSource::Stopped => ConsumerState::Unmapped,
            PayloadSource::Waiting if status.mappings() == 0 => ConsumerState::Unmapped,
            PayloadSource::Waiting if self.is_held => ConsumerState::Remapping,
            PayloadSource::Waiting => ConsumerState::Backoff,
        });
        status.set_consumer(post.session.client());
        status.set_streams(self.descriptors.assigned(), self.control.assigned());
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
            Happened::Begun => self.is_held = true,
            Happened::Granted(grant) => {
                self.is_held = true;
                self.offered(post, now, &Offered::from(&grant), Source::Attach, mapper);
            }
            Happened::Announced(announce) => {
                let status = &self.board.status;
                status.set_clock_domain(announce.announce_clock_domain);
                let source = Source::Announce {
                    timestamp_ns: announce.announce_timestamp_ns,
                };
                self.offered(post, now, &Offered::from(&announce), source, mapper);
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
                self.lose(post, now);
            }
            Happened::Detached => {}
            refused => post.completion.refused(refused),
        }
    }

    fn hear(&mut self, post: &mut Post<Self>, cycle: &mut Cycle<'_>, inbound: &Inbound<'_>) {
        match inbound.message {
            Message::ConsumerConfig(view) => self.ordered(post, cycle.now, view),
            // What comes through our own control stream, too, is told from it by its image.
            Message::FrameProgress(view)
                if self.control.reads_shared()
                    && view.block.stream_id.get() == self.config.stream.get() =>
            {
                if let Ok(progress) = FrameProgress::try_from(view) {
                    self.board.pass_progress(inbound.image, progress);
                }
            }
            Message::DataSourceMeta(view)
                if view.block.stream_id.get() == self.config.stream.get() =>
            {
                if let Ok(meta) = DataSourceMeta::try_from(view) {
                    self.described(post, &meta);
                }
            }
            Message::QosConsumer(view) => {
                let Ok(qos) = QosConsumer::try_from(view) else {
                    return;
                };
                let (collision, collisions) = self.presence.hear(&qos);
                self.board.status.set_collisions(collisions);
                let Some(collision) = collision else { return };
                let (stream, consumer) = (self.config.stream, qos.consumer_id);
                tracing::warn!(%stream, %consumer, ?collision, "another consumer has our id");
                if collision == Collision::TakeAnotherId
                    && post.session.take_another_id(cycle).is_some()
                {
                    self.lose(post, cycle.now);
                }
            }
            _ => {}
        }
    }

    fn tend(
        &mut self,
        post: &mut Post<Self>,
        cycle: &mut Cycle<'_>,
        connection: &mut Connection,
    ) -> u32 {
        let (now, mut work) = (cycle.now, 0_u32);
        // Before the hot half's notes: it may have found a publisher there already.
        if self.descriptors.awaits_shared() && matches!(post.adding, Adding::Done) {
            let added = private_stream::Input::Added;
            let shared = self.descriptors.handle(now, &self.board, added);
            self.follow(post, now, shared);
        }
        while let Some(note) = post.link.take_note() {
            work = work.saturating_add(1);
            match note {
                Note::Epoch(epoch) => self.input(post, now, Input::DescriptorEpoch(epoch)),
                Note::Regression => self.input(post, now, Input::Regression),
                Note::Lost(side) => self.noted(post, now, side, false),
                Note::Found(side) => self.noted(post, now, side, true),
            }
        }
        if now >= self.look_at {
            self.look_at = now.after(self.period);
            if let Some(health) = post.mapped.as_ref().map(Mapped::health) {
                self.input(post, now, Input::Health(health));
            }
        }
        work = work.saturating_add(self.tend_streams(post, now, connection));
        self.show(post);
        work
    }

    fn on_reconnect(&mut self, post: &mut Post<Self>) {
        // Forgetting needs no time.
        self.start_over(post, Instant::from_ns(0));
    }

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

    fn may_begin(&self, now: Instant) -> bool {
        self.awaits_metadata_until.is_none_or(|until| now >= until)
    }

    fn hot(&self, link: Arc<LinkOf<Self>>) -> Consumer {
        Consumer::new(link, self.board.clone(), &self.config, self.clock.clone())
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]
mod tests;
