//! The hot half of a consumer: it lives on the application's thread and reads memory and Aeron directly.

mod alone;
#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]
pub(crate) mod bench;
mod board;
mod by_hand;
mod config;
mod counters;
mod feeds;
mod hot;
mod latest;
mod progress;
mod status;
mod typed;
mod view;
mod waiting;

use std::sync::Arc;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::read::Reader;
use tp_core_nostd::role::Generation;
use tp_core_nostd::seq::Seq;
use tp_core_nostd::shm::PayloadPool;
use tp_core_nostd::wire::control::{FrameDescriptor, FrameProgress};
use tp_core_nostd::wire::enums::ClockDomain;
use tp_linux_hugepages::{MappedBell, Mapping};

use crate::clock::SharedClock;
use crate::link::Link;
use crate::medium::Receiver;
use alone::Alone;
pub(crate) use board::Board;
pub use config::ConsumerConfig;
pub use counters::ConsumerCounters;
use feeds::{Feeds, Turn};
pub(crate) use feeds::{Order, Side};
use hot::Hot;
use progress::ProgressDesk;
pub use progress::{PrefixView, ProgressReader};
pub use status::{ConsumerState, ConsumerStatus};
pub use typed::TypedView;
pub use view::{FrameReader, FrameView};
pub use waiting::Wait;

/// What a consumer tells its conductor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// A descriptor of our stream named a higher epoch than the mapped one.
    Epoch(Epoch),
    /// The sequence fell within one image.
    Regression,
    /// The publisher of a stream went, or took us for too slow.
    Lost(Side),
    /// A publisher of a stream is there.
    Found(Side),
}

/// Notes that found no room yet: the newest of each kind.
#[derive(Debug, Default)]
struct Untold([Option<Note>; 4]);

impl Untold {
    fn add(&mut self, note: Note) {
        let kind = match note {
            Note::Epoch(_) | Note::Regression => 0,
            Note::Lost(Side::Shared) | Note::Found(Side::Shared) => 1,
            Note::Lost(Side::Private) | Note::Found(Side::Private) => 2,
            Note::Lost(Side::Control) | Note::Found(Side::Control) => 3,
        };
        if let Some(place) = self.0.get_mut(kind) {
            *place = Some(note);
        }
    }
}

pub(crate) type ConsumerLink = Link<Mapping, Box<dyn Receiver>, Note>;

type Reading = Reader<Mapping, Box<[PayloadPool<Mapping>]>, Box<[u64]>>;

/// Polling cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsumeError {
    /// The client was closed, or the lease cannot be had any more.
    #[error("the consumer is closed")]
    Closed,
}

/// A consumer of one stream. It reattaches and remaps by itself; meanwhile polls return 0.
#[derive(Debug)]
pub struct Consumer {
    link: Arc<ConsumerLink>,
    board: Board,
    seen: Generation,
    feeds: Feeds,
    untold: Untold,
    progress: ProgressDesk,
    /// How the producer wakes it, if it can.
    bell: Option<MappedBell>,
    /// Its conductor ended, and it goes on without.
    alone: Option<Alone>,
    /// Looks at the memory so far.
    looks: u32,
    hot: Hot,
}

impl Consumer {
    pub(crate) fn new(
        link: Arc<ConsumerLink>,
        board: Board,
        config: &ConsumerConfig,
        clock: SharedClock,
    ) -> Self {
        Self {
            link,
            seen: Generation::START,
            bell: None,
            alone: None,
            looks: 0,
            feeds: Feeds::default(),
            untold: Untold::default(),
            progress: ProgressDesk::new(config.stream, config.wish().progress.is_some()),
            hot: Hot::new(config, board.counters.clone(), clock),
            board,
        }
    }

    /// Its stream.
    pub const fn stream(&self) -> StreamId {
        self.hot.stream()
    }

    /// The clock of its frames' times, as the last announce that was heeded says; `None` before the first one.
    pub fn clock_domain(&self) -> Option<ClockDomain> {
        self.board.status.clock_domain()
    }

    /// The epoch that is mapped.
    pub fn epoch(&mut self) -> Option<Epoch> {
        self.catch_up();
        self.hot
            .reading
            .as_ref()
            .map(|reading| reading.regions().ring().shape().epoch)
    }

    /// What was dropped so far, readable from any thread.
    pub fn counters(&self) -> Arc<ConsumerCounters> {
        self.hot.counters.clone()
    }

    /// How it stands, readable from any thread.
    pub fn status(&self) -> Arc<ConsumerStatus> {
        self.board.status.clone()
    }

    /// Where it stands.
    pub fn state(&self) -> ConsumerState {
        self.board.status.state()
    }

    /// The number of the last frame seen in this epoch.
    pub fn last_seq(&self) -> Option<Seq> {
        self.hot.sequencer.last_seq()
    }

    /// Hands at most `limit` descriptors to `handler`, each with a one-shot reader of its frame, and returns how many
    /// arrived. After a gap, frames that are still in memory come first, at most a ring of them. Never waits.
    ///
    /// # Errors
    /// [`ConsumeError`]
    pub fn poll(
        &mut self,
        limit: u32,
        mut handler: impl FnMut(&FrameDescriptor, FrameReader<'_>),
    ) -> Result<u32, ConsumeError> {
        self.catch_up();
        self.check()?;
        let hot = &mut self.hot;
        let untold = &mut self.untold;
        self.feeds
            .image_events(hot.sequencer.image(), |note| untold.add(note));
        let is_crossing = self.feeds.is_leaving() && limit > 0;
        if is_crossing && !hot.has_first() {
            // Before the old one is read: all that is before it in there can be found then. Other streams' go first.
            for _ in 0..limit {
                let next = &mut |bytes: &[u8], image| hot.begin_with(bytes, image);
                if self.feeds.poll_next(next) == 0 || hot.has_first() {
                    break;
                }
            }
        }
        let mut polled = match limit {
            0 => 0,
            _ => hot.take_pending(&mut handler),
        };
        let left = limit.saturating_sub(polled);
        let more = self.feeds.poll(left, &mut |bytes, image| {
            hot.on_descriptor(bytes, image, &mut handler)
        });
        polled = polled.saturating_add(more);
        if is_crossing {
            polled = self.cross(limit, polled, &mut handler);
        }
        self.hot.settle(&mut handler);
        if core::mem::take(&mut self.hot.has_new_writer) {
            self.progress.forget();
        }
        if polled == 0 {
            polled = self.hot.look_ahead(limit, &mut handler);
        }
        self.tell();
        Ok(polled)
    }

    /// After `polled` descriptors of the stream to be left: leaves it, if the next one makes it needless.
    #[cold]
    fn cross(
        &mut self,
        limit: u32,
        mut polled: u32,
        handler: &mut impl FnMut(&FrameDescriptor, FrameReader<'_>),
    ) -> u32 {
        let Self { feeds, hot, .. } = self;
        if !hot.has_first() {
            return polled;
        }
        if polled == 0 {
            // The rest of a term may bring nothing, and more come after it.
            polled = feeds.poll(limit, &mut |bytes, image| {
                hot.on_descriptor(bytes, image, handler)
            });
        }
        if polled > 0 && !hot.reaches_first() {
            return polled;
        }
        hot.settle(handler);
        hot.cross();
        let (end, begin) = feeds.cross();
        hot.turn(end, feeds.is_private());
        if let Some(begin) = begin {
            hot.turn(begin, feeds.is_private());
        }
        match polled < limit {
            true => polled.saturating_add(hot.take_pending(handler)),
            false => polled,
        }
    }

    /// Hands at most `limit` progress messages to `handler` that are valid, each with a one-shot reader of what is there of
    /// its frame, and returns how many arrived. Progress comes only to consumers that
    /// [asked for it](ConsumerConfig::with_progress), may be lost, and never stands in for the descriptor (W-168).
    ///
    /// # Errors
    /// [`ConsumeError`]
    pub fn poll_progress(
        &mut self,
        limit: u32,
        mut handler: impl FnMut(&FrameProgress, ProgressReader<'_>),
    ) -> Result<u32, ConsumeError> {
        self.catch_up();
        self.check()?;
        let untold = &mut self.untold;
        self.progress.image_events(|note| untold.add(note));
        let reading = &mut self.hot.reading;
        let polled = self
            .progress
            .poll(limit, &self.board, reading, &mut handler);
        self.tell();
        Ok(polled)
    }

    /// Whether there is anything to wait for.
    #[inline]
    fn check(&mut self) -> Result<(), ConsumeError> {
        if self.alone.is_some() {
            self.check_alone();
        }
        match !self.seen.is_active() && self.link.is_closed() {
            true => Err(ConsumeError::Closed),
            false => Ok(()),
        }
    }

    /// Without a conductor nobody else looks after the memory.
    #[cold]
    fn check_alone(&mut self) {
        let now = self.hot.now();
        let (Some(alone), Some(reading)) = (&mut self.alone, &self.hot.reading) else {
            return;
        };
        if !alone.may_read(reading.regions(), now) {
            self.link.close();
            self.adopt();
        }
    }

    /// Passes on what the conductor should know; what finds no room is passed on next time.
    #[inline]
    fn tell(&mut self) {
        if let Some(note) = self.hot.note.take() {
            self.untold.add(note);
        }
        for untold in &mut self.untold.0 {
            if let Some(note) = *untold
                && self.link.note(note)
            {
                *untold = None;
            }
        }
    }

    /// One load while nothing changed (C-092).
    #[inline]
    fn catch_up(&mut self) {
        if self.link.cell.moved(self.seen) {
            self.adopt();
        }
    }

    /// Takes what the conductor put into the mailboxes.
    #[cold]
    fn adopt(&mut self) {
        self.seen = self.link.cell.catch_up();
        while let Some(order) = self.board.take_order() {
            let turn = match order {
                Order::Private(receiver) => self.feeds.add_private(receiver),
                Order::Leave(side) => self.feeds.leave(side),
                Order::Stay => {
                    self.feeds.stay();
                    None
                }
                Order::Drop => self.feeds.drop_private(),
                Order::Reset => {
                    self.progress.listen(None);
                    Some(self.feeds.reset())
                }
                Order::Control(receiver) => {
                    self.progress.listen(receiver);
                    None
                }
            };
            self.turn(turn);
        }
        if let Some(descriptors) = self.link.endpoint.take() {
            let turn = self.feeds.add_shared(descriptors);
            self.turn(Some(turn));
        }
        if let Some(bell) = self.link.bell.take() {
            self.bell = bell;
        }
        let mapping = self.link.mapping.take();
        if !self.seen.is_active() {
            self.hot.unmap();
            self.progress.read_from(None);
        }
        if let Some(regions) = mapping {
            self.progress.read_from(Some(&regions));
            self.hot.read_from(regions);
        }
        if let (None, Some(orphaned)) = (&self.alone, self.link.orphaned())
            && let Some(reading) = &self.hot.reading
        {
            let epoch = reading.regions().ring().shape().epoch;
            self.alone = Some(Alone::new(orphaned, epoch, self.hot.now()));
            // Its connection is gone; nothing comes through it any more.
            self.feeds.reset();
        }
    }

    fn turn(&mut self, turn: Option<Turn>) {
        if let Some(turn) = turn {
            self.hot.turn(turn, self.feeds.is_private());
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.link.abandon();
    }
}
