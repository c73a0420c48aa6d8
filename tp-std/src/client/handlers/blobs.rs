//! Blobs put together from their pieces (C-121).

use core::time::Duration;

use tp_core_nostd::proto::blob::{BlobCounters, BlobEntry, BlobReceiver};
use tp_core_nostd::proto::metadata::MetaEvent;
use tp_core_nostd::time::Clock;
use tp_core_nostd::wire::control::{
    DataSourceAnnounce, MetaBlobAnnounce, MetaBlobChunk, MetaBlobComplete,
};

use super::MetadataHandler;
use crate::clock::SharedClock;

/// A blob whose pieces stay away for longer is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Hands on all that a metadata handler hears, and tells it of each blob that is whole: all its bytes, in order, with the
/// CRC32C that was announced. Others are thrown away and counted. It works where a handler is asked for, and allocates
/// nothing after it was made.
#[derive(Debug)]
pub struct Blobs<H> {
    handler: H,
    receiver: BlobReceiver<Vec<BlobEntry<Vec<u8>>>>,
    clock: SharedClock,
}

impl<H: MetadataHandler> Blobs<H> {
    /// Puts together as many blobs at a time as there are `places`, each of at most so many `bytes`; the memory is taken
    /// at once.
    pub fn new(handler: H, places: usize, bytes: usize) -> Self {
        let entries = (0..places).map(|_| BlobEntry::new(vec![0; bytes]));
        Self {
            handler,
            receiver: BlobReceiver::new(PATIENCE, true, entries.collect()),
            clock: SharedClock::default(),
        }
    }

    /// Goes by this clock, not by that of the host.
    #[must_use]
    pub fn with_clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// What happened so far.
    pub const fn counters(&self) -> &BlobCounters {
        self.receiver.counters()
    }

    /// The handler behind it.
    pub const fn handler(&self) -> &H {
        &self.handler
    }
}

impl<H: MetadataHandler> MetadataHandler for Blobs<H> {
    fn on_source_announce(&mut self, announce: &DataSourceAnnounce<'_>) {
        self.handler.on_source_announce(announce);
    }

    fn on_meta(&mut self, event: &MetaEvent<'_>) {
        self.handler.on_meta(event);
    }

    fn on_blob_announce(&mut self, announce: &MetaBlobAnnounce) {
        let now = self.clock.now();
        self.receiver.poll(now);
        // What is refused or thrown away is counted there.
        let _ = self.receiver.handle_announce(now, announce);
        self.handler.on_blob_announce(announce);
    }

    fn on_blob_chunk(&mut self, chunk: &MetaBlobChunk<'_>) {
        let now = self.clock.now();
        self.receiver.poll(now);
        let _ = self.receiver.handle_chunk(now, chunk);
        self.handler.on_blob_chunk(chunk);
    }

    fn on_blob_complete(&mut self, complete: &MetaBlobComplete) {
        self.handler.on_blob_complete(complete);
        if let Ok(blob) = self.receiver.handle_complete(complete) {
            self.handler.on_blob(&blob);
        }
    }
}
