//! What makes a role a consumer: memory to read, remapped as announces tell; streams to read it by, shared or its own; and
//! what it says of itself.

mod own_stream;
mod presence;

use std::sync::Arc;

use tp_core_nostd::proto::declared::TensorDeclaration;
use tp_core_nostd::proto::fallback::{self, FallbackMachine, PayloadSource};
use tp_core_nostd::proto::mapping::{Input, Lost, MappingMachine, Order, Source};
use tp_core_nostd::proto::private_stream::{self, Kind as StreamKind};
use tp_core_nostd::proto::progress::says_header_first;
use tp_core_nostd::proto::qos::{Collision, ConsumerFigures};
use tp_core_nostd::proto::session::{Cycle, Happened, Inbound};
use tp_core_nostd::time::{Duration, Instant};
use tp_core_nostd::wire::control::{
    self, ConsumerConfigView, DataSourceMeta, FrameProgress, QosConsumer,
};
use tp_core_nostd::wire::enums::Mode;
use tp_linux_hugepages::{LinuxMapper, Mapping};

use super::connection::{Adding, Connection};
use super::role::{Kind, LinkOf, Post};
use crate::aeron::TransportError;
use crate::clock::SharedClock;
use crate::consumer::{Board, Consumer, ConsumerConfig, ConsumerState, Note, Side};
use crate::context::Context;
use crate::error::Error;
use crate::link::Orphaned;
use crate::medium::{Awaited, Medium, Receiver};
use crate::regions::{Mapped, Offer, Offered};
use own_stream::{OwnStream, SharedStream};
use presence::Presence;
use tp_core_nostd::proto::dispatch::Message;

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
            board: Board::new(config.wish().progress.is_some()),
            period: context.announce_period(),
            look_at: now,
            clock: context.clock().clone(),
            config,
        }
    }

    fn offered(
        &mut self,
        post: &mut Post<Self>,
        now: Instant,
        offered: &Offered<'_>,
        source: Source,
        mapper: &LinuxMapper,
    ) {
        if !self.fallback.may_map() {
            return;
        }
        let same_layout = post
            .mapped
            .as_ref()
            .is_some_and(|mapped| mapped.is(offered));
        let epoch = offered.epoch;
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
        let result = match Offer::of(offered).map_read(mapper) {
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
                let _ = self.fallback.handle(fallback::Input::Refused);
                Input::MapFailed
            }
        };
        self.input(post, now, result);
        if self.machine.mapped().is_some() {
            let _ = self.fallback.handle(fallback::Input::Mapped);
            self.board.status.count_mapping();
            self.presence.speak();
            if let Some(until) = &mut self.awaits_metadata_until {
                *until = (*until).min(now.after(self.period.saturating_mul(3)));
            }
        }
        post.activate();
    }

    fn input(&mut self, post: &mut Post<Self>, now: Instant, input: Input) {
        match self.machine.handle(now, input) {
            Order::None | Order::Map => {}
            Order::Unmap(why) | Order::Remap(why) => self.unmap(post, why),
        }
    }

    fn unmap(&mut self, post: &mut Post<Self>, why: Lost) {
        tracing::debug!(stream = %self.config.stream, ?why, "unmapped");
        let _ = self.fallback.handle(fallback::Input::Unmapped);
        post.fence();
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

    /// Orders of whoever answers hellos (C-110).
    fn ordered(&mut self, post: &mut Post<Self>, now: Instant, view: ConsumerConfigView<'_>) {
        let Ok(ordered) = control::ConsumerConfig::try_from(view) else {
            return;
        };
        let addressee = (self.config.stream, post.session.client());
        if (ordered.stream_id, ordered.consumer_id) != addressee {
            return;
        }
        self.mode = ordered.mode;
        if self.fallback.handle(fallback::Input::Config(&ordered)) {
            self.input(post, now, Input::Forbidden);
        }
        self.board.status.set_fallback_uri(self.fallback.uri());
        let descriptors = private_stream::Input::Config(ordered.descriptor);
        let shared = self.descriptors.handle(now, &self.board, descriptors);
        self.follow(post, now, shared);
        let control = private_stream::Input::Config(ordered.control);
        let shared = self.control.handle(now, &self.board, control);
        self.follow(post, now, shared);
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

    fn follow(&mut self, post: &mut Post<Self>, now: Instant, shared: SharedStream) {
        match shared {
            SharedStream::Stays => {}
            SharedStream::Wanted => post.adding = Adding::Wanted,
            SharedStream::StartOver => self.start_over(post, now),
        }
    }

    /// Every stream is given up; the shared one comes anew.
    fn start_over(&mut self, post: &mut Post<Self>, now: Instant) {
        self.descriptors.forget(now);
        self.control.forget(now);
        self.board.start_over();
        post.adding = Adding::Wanted;
    }

    /// A stream got or lost its publisher.
    fn noted(&mut self, post: &mut Post<Self>, now: Instant, side: Side, is_there: bool) {
        let input = match is_there {
            true => private_stream::Input::Connected,
            false => private_stream::Input::Lost,
        };
        let shared = match (side, is_there) {
            (Side::Control, _) => self.control.handle(now, &self.board, input),
            (Side::Private, _) => self.descriptors.handle(now, &self.board, input),
            // Found again where it is returned to; there the news is of the other stream.
            (Side::Shared, true) if self.descriptors.is_returning() => {
                self.descriptors.handle(now, &self.board, input)
            }
            // Or left already.
            (Side::Shared, _) if is_there || self.descriptors.is_private() => SharedStream::Stays,
            // The image was taken away from us, or its publisher went: a new subscription finds the next one.
            (Side::Shared, _) => SharedStream::Wanted,
        };
        self.follow(post, now, shared);
    }

    /// What is said of us, and which streams are ours.
    fn tend_streams(
        &mut self,
        post: &mut Post<Self>,
        now: Instant,
        connection: &mut Connection,
    ) -> u32 {
        let mut work = 0_u32;
        let consumer = post.session.client();
        if self
            .presence
            .say_hello(now, consumer, &self.config, connection)
        {
            work = work.saturating_add(1);
            let wish = self.config.wish();
            let asked = [wish.descriptor.is_some(), wish.control.is_some()];
            let streams = [&mut self.descriptors, &mut self.control];
            for (stream, asks) in streams.into_iter().zip(asked) {
                // At most it has one added, which is nothing to the shared stream.
                let input = private_stream::Input::HelloSent { asks };
                let _ = stream.handle(now, &self.board, input);
            }
        }
        let medium = connection.medium();
        let shared = self.descriptors.tend(now, &self.board, medium);
        let of_control = self.control.tend(now, &self.board, medium);
        self.follow(post, now, shared);
        self.follow(post, now, of_control);
        if !self.board.is_settled() {
            post.link.cell.notify();
        }
        let (counters, epoch, mode) = (&self.board.counters, self.machine.mapped(), self.mode);
        let figures = || ConsumerFigures {
            epoch,
            last_seq: counters.last_seq(),
            drops_gap: counters.gap_drops(),
            drops_late: counters.late_drops(),
            mode,
        };
        connection.listen_to_qos();
        if self.config.wish().progress.is_some() || self.config.expected().is_some() {
            connection.listen_to_metadata();
        }
        let reported = self
            .presence
            .report(now, consumer, &self.config, figures, connection);
        work.saturating_add(reported.into())
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
