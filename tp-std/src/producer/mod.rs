//! The hot half of a producer: it lives on the application's thread and talks to memory and Aeron directly.
//!
//! A producer is in one of two modes, which is part of its type. [`Streaming`] (`streaming.rs`) hands out slots in ring
//! order: [`offer`](Producer::offer) copies, [`try_claim`](Producer::try_claim) lends. [`FixedPool`] (`fixed_pool.rs`)
//! lends the same slots again and again, for devices that fill a set of buffers they were told of once.
//!
//! In either mode it sends descriptors to the shared stream and to those consumers that have one of their own
//! (`privates.rs`), and tells how far a frame is filled (`progress.rs`) to whoever wants to know.

mod buffer;
mod by_hand;
mod claim;
mod config;
mod consumers;
mod exchange;
mod fixed_pool;
mod frame;
mod outlet;
mod privates;
mod progress;
mod source;
mod streaming;
mod trace;
mod voice;

use core::fmt;
use std::sync::Arc;

use crossbeam_queue::ArrayQueue;
use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::claim::{self as core_claim, Entry, TableId, Token};
use tp_core_nostd::proto::progress::{Meter, Throttle};
use tp_core_nostd::proto::publish::{Committed, Publisher};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::shm::PayloadPool;
use tp_core_nostd::wire::control::FrameDescriptor;
use tp_linux_hugepages::WritableMapping;

use crate::clock::SharedClock;
use crate::link::Link;
use crate::medium::Sender;
use crate::regions::Regions;
use buffer::Dropped;
pub use claim::Claim;
use config::Flush;
pub use config::ProducerConfig;
pub use consumers::{AnswerHellos, Consumers};
pub(crate) use exchange::{Exchange, Order, Private, StreamCounts};
pub use fixed_pool::{
    Filled, FixedPool, FixedPoolConfig, NoPool, NoPoolReason, Queued, Requeueable, Slot,
};
pub use frame::{
    CommitMeta, CommitRefused, Delivery, DeliveryCounts, Frame, OfferError, Published, Refused,
};
use outlet::Outlet;
pub use privates::PrivateDeliveries;
pub use source::{BlobRefused, BlobRefusedReason};
pub use streaming::Streaming;
pub use trace::{TraceIds, Tracing};
pub(crate) use voice::{Blob, Voice};

pub(crate) type ProducerLink = Link<WritableMapping, Box<dyn Sender>, ()>;

/// The writer of one epoch's memory, with claims of one mode.
type Writing<C> =
    Publisher<WritableMapping, Box<[PayloadPool<WritableMapping>]>, C, Flush, Box<[Meter]>>;
type Entries = Box<[Entry]>;

/// How a producer's slots are lent: [`Streaming`] or [`FixedPool`].
pub trait Mode: sealed::Mode {}

impl<M: sealed::Mode> Mode for M {}

mod sealed {
    use tp_core_nostd::proto::claim::Claims;

    use super::{FrameDescriptor, Producer, Seq, Token};

    /// What differs between the modes.
    pub trait Mode: Sized {
        /// The claims of an epoch.
        type Claims: core::fmt::Debug + Claims;

        /// New memory may be in the mailbox.
        fn adopt(producer: &mut Producer<Self>);

        /// Ends a claim that was dropped without a word. A stale one belongs to an epoch that is gone.
        fn end(producer: &mut Producer<Self>, token: Token);

        /// The number of the next frame; `None` after the last.
        fn next_seq(producer: &Producer<Self>) -> Option<Seq>;

        /// The next frame that waited for an older claim.
        fn next_ready(producer: &mut Producer<Self>) -> Option<FrameDescriptor>;
    }
}

/// The producer of one stream. It reattaches by itself when its lease is lost; meanwhile every call says
/// [`OfferError::Fenced`], and numbers start at 0 in the new epoch.
pub struct Producer<M: Mode = Streaming> {
    outlet: Outlet,
    writing: Option<Writing<M::Claims>>,
    dropped: Dropped,
    mappings: u32,
}

impl Producer {
    pub(crate) fn new(
        link: Arc<ProducerLink>,
        config: &ProducerConfig,
        clock: SharedClock,
        voice: Arc<Voice>,
        exchange: Arc<Exchange>,
    ) -> Self {
        let mut producer = Self {
            outlet: Outlet::new(link, config, clock, voice, exchange),
            writing: None,
            dropped: Arc::new(ArrayQueue::new(1)),
            mappings: 0,
        };
        producer.declare_header_order();
        producer
    }

    /// Uses the memory of a new epoch from now on.
    fn write_to(&mut self, regions: Regions<WritableMapping>) {
        let (slots, epoch) = (regions.ring().slots(), regions.ring().shape().epoch);
        let entries = vec![Entry::FREE; slots.get() as usize].into_boxed_slice();
        self.mappings = self.mappings.wrapping_add(1);
        // As many claims can be dropped as there are slots.
        self.dropped = Arc::new(ArrayQueue::new(entries.len()));
        let (table, overtaking) = (TableId(self.mappings), self.outlet.overtaking);
        let claims = core_claim::Streaming::new(table, entries, slots, overtaking);
        let flush = self.outlet.flush.clone();
        let stream = regions.ring().shape().stream_id;
        let meters = vec![Meter::IDLE; slots.get() as usize].into_boxed_slice();
        let throttle = Throttle::new(stream, epoch, slots, meters);
        let order = self.outlet.header_order;
        self.writing = claims.zip(throttle).map(|(claims, throttle)| {
            let publisher = Publisher::with_cache(regions, claims, flush);
            publisher.telling(throttle, order)
        });
        self.outlet.privates.forget_waiting();
        if let Some(tracer) = &mut self.outlet.tracer {
            tracer.write_to(stream, slots);
        }
        self.outlet.is_stale = false;
        self.outlet.voice.figures().begin(epoch);
    }
}

impl<M: Mode> Producer<M> {
    /// The epoch it writes, while it has the lease.
    pub fn epoch(&mut self) -> Option<Epoch> {
        self.catch_up().ok()?;
        self.writing
            .as_ref()
            .map(|writing| writing.regions().ring().shape().epoch)
    }

    /// Whether anybody subscribes to the shared descriptor stream, as far as the transport knows: to be looked at, not to
    /// be relied on (C-023).
    pub fn is_connected(&mut self) -> bool {
        let _ = self.catch_up();
        self.outlet.is_connected()
    }

    /// The number that the next claim or offer gets; `None` while it has no lease, and after the last. For joins, whose
    /// outputs are named by it.
    pub fn next_seq(&mut self) -> Option<Seq> {
        self.catch_up().ok()?;
        M::next_seq(self)
    }

    /// What its descriptors met so far.
    pub const fn deliveries(&self) -> DeliveryCounts {
        self.outlet.deliveries
    }

    /// One load while nothing changed (C-092).
    #[inline]
    fn catch_up(&mut self) -> Result<(), OfferError> {
        if self.outlet.moved() {
            self.adopt();
        }
        while let Some(token) = self.dropped.pop() {
            self.end(token);
        }
        self.outlet.standing()
    }

    /// Takes what the conductor put into the mailboxes.
    #[cold]
    fn adopt(&mut self) {
        self.outlet.catch_up();
        M::adopt(self);
        if let Some(writing) = &mut self.writing {
            writing.set_progress(self.outlet.privates.policy());
        }
    }

    fn end(&mut self, token: Token) {
        M::end(self, token);
        self.outlet.voice.figures().advance(M::next_seq(self));
        // Frames that waited for the claim go out now.
        self.send_ready();
    }

    /// Stores the committed words of frames that waited and are due now, and sends their descriptors.
    fn send_ready(&mut self) {
        while let Some(descriptor) = M::next_ready(self) {
            self.outlet.send(&descriptor);
        }
    }

    fn published(
        &mut self,
        epoch: Epoch,
        committed: Committed,
        trace_id: Option<u64>,
    ) -> Published {
        self.outlet.voice.figures().advance(M::next_seq(self));
        let seq = committed.seq();
        if let Some(tracer) = &mut self.outlet.tracer {
            tracer.record(&frame_of(self.outlet.stream, epoch, seq, trace_id));
        }
        Published {
            epoch,
            seq,
            delivery: match committed {
                Committed::Ready(descriptor) => self.outlet.send(&descriptor),
                Committed::Held(_) => Delivery::Held,
            },
        }
    }
}

/// What names a frame and its trace.
const fn frame_of(
    stream_id: StreamId,
    epoch: Epoch,
    seq: Seq,
    trace_id: Option<u64>,
) -> FrameDescriptor {
    FrameDescriptor {
        stream_id,
        epoch,
        seq,
        timestamp_ns: None,
        meta_version: None,
        trace_id,
    }
}

impl<M: Mode> fmt::Debug for Producer<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("writing", &self.writing)
            .field("deliveries", &self.outlet.deliveries)
            .finish_non_exhaustive()
    }
}
