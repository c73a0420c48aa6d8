//! The hot half of a consumer: it lives on the application's thread and reads memory and Aeron directly.

mod alone;
#[cfg(test)]
mod bench;
mod by_hand;
mod config;
mod counters;
mod hot;
mod view;
mod waiting;

use std::sync::Arc;

use tp_core_nostd::ids::Epoch;
use tp_core_nostd::proto::read::Reader;
use tp_core_nostd::role::Generation;
use tp_core_nostd::seq::Seq;
use tp_core_nostd::shm::PayloadPool;
use tp_core_nostd::time::Clock;
use tp_core_nostd::transport::ImageEvent;
use tp_core_nostd::wire::control::FrameDescriptor;
use tp_linux_hugepages::{MappedBell, Mapping};

use crate::clock::MonotonicClock;
use crate::link::Link;
use crate::medium::Receiver;
use alone::Alone;
pub use config::ConsumerConfig;
pub use counters::ConsumerCounters;
use hot::Hot;
pub use view::{FrameReader, FrameView};
pub use waiting::Wait;

/// What a consumer tells its conductor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// A descriptor of our stream named a higher epoch than the mapped one.
    Epoch(Epoch),
    /// The sequence fell within one image.
    Regression,
    /// The publisher went, or took us for too slow.
    ImageLost,
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
    seen: Generation,
    descriptors: Option<Box<dyn Receiver>>,
    /// A lost image that the conductor has not been told of.
    image_lost: bool,
    /// How the producer wakes it, if it can.
    bell: Option<MappedBell>,
    /// Its conductor ended, and it goes on without.
    alone: Option<Alone>,
    /// Looks at the memory so far.
    looks: u32,
    hot: Hot,
}

impl Consumer {
    pub(crate) fn new(link: Arc<ConsumerLink>, config: &ConsumerConfig) -> Self {
        Self {
            link,
            seen: Generation::START,
            descriptors: None,
            image_lost: false,
            bell: None,
            alone: None,
            looks: 0,
            hot: Hot::new(config),
        }
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
        let mut polled = 0;
        if let Some(descriptors) = &mut self.descriptors {
            let hot = &mut self.hot;
            let mut lost = false;
            descriptors.image_events(&mut |_, event| lost |= event == ImageEvent::Unavailable);
            // The end of another publisher on the stream is nothing to us while ours is there.
            let ours = hot.sequencer.image();
            self.image_lost |= lost && !ours.is_some_and(|image| descriptors.has_image(image));
            // Where the connection ended, another one is being set up.
            polled = descriptors
                .poll(limit, &mut |bytes, image| {
                    hot.on_descriptor(bytes, image, &mut handler)
                })
                .unwrap_or(0);
            hot.settle(&mut handler);
        }
        if polled == 0 {
            polled = self.hot.look_ahead(limit, &mut handler);
        }
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
        let now = MonotonicClock.now();
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
        if self.image_lost && self.link.note(Note::ImageLost) {
            self.image_lost = false;
        }
        if let Some(note) = self.hot.note
            && self.link.note(note)
        {
            self.hot.note = None;
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
        if let Some(descriptors) = self.link.endpoint.take() {
            self.descriptors = Some(descriptors);
            self.image_lost = false;
            self.hot.sequencer.resubscribed();
        }
        if let Some(bell) = self.link.bell.take() {
            self.bell = bell;
        }
        let mapping = self.link.mapping.take();
        if !self.seen.is_active() {
            self.hot.reading = None;
        }
        if let Some(regions) = mapping {
            self.hot.read_from(regions);
        }
        if let (None, Some(orphaned)) = (&self.alone, self.link.orphaned())
            && let Some(reading) = &self.hot.reading
        {
            let epoch = reading.regions().ring().shape().epoch;
            self.alone = Some(Alone::new(orphaned, epoch, MonotonicClock.now()));
            // Its connection is gone; nothing comes through it any more.
            self.descriptors = None;
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.link.abandon();
    }
}
