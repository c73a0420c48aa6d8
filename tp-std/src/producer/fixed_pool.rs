//! A fixed set of slots that is lent again and again: buffers a camera SDK or a DMA engine was told of once (client 1.5).
//!
//! ```text
//!   into_fixed_pool ──▶ Slot<Queued> ── commit ──▶ Slot<Filled>
//!                          ▲  ▲ │                      │
//!                          │  └─┘ queue: cancelled     │ queue: free to be filled again
//!                          └───────────────────────────┘
//!   dropping a slot, of either kind, gives it back; when all are given back: into_streaming
//! ```
//!
//! A slot keeps its address for as long as it is lent. Its frame gets its number at the commit, whatever the order in
//! which the device completes its buffers.

use core::fmt;
use core::marker::PhantomData;
use std::sync::Arc;

use tp_core_nostd::proto::claim::{self as core_claim, Token};
use tp_core_nostd::seq::{Seq, SlotIndex};
use tp_core_nostd::shm::TensorHeader;
use tp_core_nostd::wire::control::FrameDescriptor;

use super::buffer::Buffer;
use super::{
    CommitMeta, CommitRefused, Entries, OfferError, Producer, Published, Refused, Streaming, sealed,
};

/// The mode of a producer whose slots are the buffers of a device.
#[derive(Debug)]
pub struct FixedPool;

impl sealed::Mode for FixedPool {
    type Claims = core_claim::FixedPool<Entries>;

    /// The set is frozen (C-069): memory of a new epoch waits until this one was given back.
    fn adopt(producer: &mut Producer<Self>) {
        producer.outlet.is_stale |= producer.outlet.link.mapping.is_waiting();
    }

    fn end(producer: &mut Producer<Self>, token: Token) {
        if let Some(writing) = &mut producer.writing {
            let _ = writing.release(token);
        }
    }

    fn next_seq(producer: &Producer<Self>) -> Option<Seq> {
        producer.writing.as_ref()?.claims().next_seq()
    }

    fn next_ready(producer: &mut Producer<Self>) -> Option<FrameDescriptor> {
        let sent_ns = producer.outlet.sent_ns();
        producer.writing.as_mut()?.next_ready(sent_ns)
    }
}

/// How many buffers of what size are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedPoolConfig {
    /// Buffers, at most as many as the ring has slots. As many as there are slots leave no gap in the numbers when they are
    /// completed in order.
    pub buffers: u32,
    /// Bytes each of them has to hold.
    pub len: u32,
}

/// No pool was made; the producer is as it was.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct NoPool {
    /// The producer.
    pub producer: Producer,
    /// Why.
    pub reason: NoPoolReason,
}

/// Why no pool was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPoolReason {
    /// There is no memory at the moment, or no pool with slots this long.
    #[error("{0}")]
    Offer(OfferError),
    /// Claims have not ended: commit, abort or drop them first.
    #[error("{0} claims of this producer have not ended")]
    Claims(u32),
    /// The ring has fewer slots, or no buffer was asked for.
    #[error("{buffers} buffers of a ring of {slots} slots")]
    Buffers {
        /// Buffers that were asked for.
        buffers: u32,
        /// Slots there are.
        slots: u32,
    },
}

/// The state of a slot that is being filled.
#[derive(Debug)]
pub struct Queued;
/// The state of a slot whose frame is published.
#[derive(Debug)]
pub struct Filled;

/// The state of a slot that can be queued: [`Queued`] (its buffer was cancelled) or [`Filled`].
pub trait Requeueable: fmt::Debug {}
impl Requeueable for Queued {}
impl Requeueable for Filled {}

/// One buffer of the set; its address and index never change (C-067). Dropping it gives it back.
#[derive(Debug)]
pub struct Slot<S> {
    buffer: Buffer,
    state: PhantomData<S>,
}

impl<S> Slot<S> {
    const fn new(buffer: Buffer) -> Self {
        Self {
            buffer,
            state: PhantomData,
        }
    }

    /// Which slot of the ring it is.
    pub const fn index(&self) -> SlotIndex {
        self.buffer.token.slot()
    }

    /// Bytes it has.
    pub const fn capacity(&self) -> u32 {
        self.buffer.capacity()
    }

    /// Its address, for the device's table of buffers.
    pub fn as_ptr(&self) -> *const u8 {
        self.buffer.as_mut_ptr()
    }

    /// The number of its frame; while it is queued, the least that can become of it.
    pub const fn seq(&self) -> Seq {
        self.buffer.token.seq()
    }
}

impl Slot<Queued> {
    /// Its bytes, to be filled by the CPU. Not while a device writes them: that goes through [`Self::as_mut_ptr`].
    pub fn bytes(&mut self) -> &mut [u8] {
        self.buffer.bytes(self.buffer.capacity())
    }

    /// Its address, for the device that fills it.
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.buffer.as_mut_ptr()
    }
}

impl Producer {
    /// Lends `buffers` slots of one pool until they are given back; meanwhile nothing else can be offered or claimed.
    ///
    /// # Errors
    /// [`NoPool`] with the producer.
    pub fn into_fixed_pool(
        mut self,
        config: FixedPoolConfig,
    ) -> Result<(Producer<FixedPool>, Vec<Slot<Queued>>), NoPool> {
        if let Err(reason) = self.check(config) {
            let producer = self;
            return Err(NoPool { producer, reason });
        }
        let (buffers, slots) = (config.buffers, self.slots());
        let Self {
            outlet,
            writing,
            dropped,
            mappings,
        } = self;
        let pooled = writing.map(|writing| writing.into_fixed_pool(buffers, config.len));
        match pooled {
            Some(Ok(writing)) => {
                let regions = writing.regions();
                let lent = writing.claims().tokens().filter_map(|token| {
                    let pool = regions.pool(token.pool())?.clone();
                    Some(Slot::new(Buffer::new(token, pool, dropped.clone())))
                });
                let lent = lent.collect();
                let producer = Producer {
                    outlet,
                    writing: Some(writing),
                    dropped,
                    mappings,
                };
                Ok((producer, lent))
            }
            refused => Err(NoPool {
                producer: Producer {
                    outlet,
                    writing: refused.and_then(Result::err),
                    dropped,
                    mappings,
                },
                reason: NoPoolReason::Buffers { buffers, slots },
            }),
        }
    }

    fn slots(&self) -> u32 {
        let writing = self.writing.as_ref();
        writing.map_or(0, |writing| writing.regions().ring().slots().get())
    }

    fn check(&mut self, config: FixedPoolConfig) -> Result<(), NoPoolReason> {
        self.catch_up().map_err(NoPoolReason::Offer)?;
        let Some(writing) = &self.writing else {
            return Err(NoPoolReason::Offer(OfferError::Fenced));
        };
        let (len, regions) = (config.len as usize, writing.regions());
        if regions.pool_for(len).is_none() {
            let longest = regions.pools().last();
            let max = longest.map_or(0, |pool| pool.stride().get());
            return Err(NoPoolReason::Offer(OfferError::TooLarge { len, max }));
        }
        match writing.claims().outstanding() {
            0 => Ok(()),
            claims => Err(NoPoolReason::Claims(claims)),
        }
    }
}

impl Producer<FixedPool> {
    /// Tells who wants to know that filling of a buffer begins, and what it will hold (C-072): `meta.len` bytes, or all it
    /// has. If anybody wants to know, its frame has its number from now on (C-067). What is said here and not said again
    /// at the commit stands; with [`ProducerConfig::with_header_first`](super::ProducerConfig::with_header_first) nothing
    /// else may be said then but a shorter length.
    ///
    /// # Errors
    /// [`CommitRefused`]; the buffer is what it was.
    pub fn start(
        &mut self,
        slot: &mut Slot<Queued>,
        tensor: &TensorHeader,
        meta: CommitMeta,
    ) -> Result<(), CommitRefused> {
        let len = meta.len.unwrap_or(slot.capacity());
        self.start_buffer(&mut slot.buffer, tensor, len, meta)
    }

    /// Tells who wants to know that the first `bytes_filled` bytes of a buffer are there, no more often than that is wanted
    /// (C-073). The first report begins a buffer that was not [started](Self::start). The end is told by its commit.
    ///
    /// # Errors
    /// [`CommitRefused`]: fewer bytes than before or more than it has (C-072).
    pub fn offer_progress(
        &mut self,
        slot: &mut Slot<Queued>,
        bytes_filled: u32,
    ) -> Result<(), CommitRefused> {
        let len = slot.capacity();
        self.fill_buffer(&mut slot.buffer, len, bytes_filled)
    }

    /// Publishes what is in a buffer; copies no payload byte (C-068).
    ///
    /// # Errors
    /// [`Refused`] with the slot.
    pub fn commit(
        &mut self,
        slot: Slot<Queued>,
        tensor: &TensorHeader,
        meta: CommitMeta,
    ) -> Result<(Published, Slot<Filled>), Refused<Slot<Queued>>> {
        let refuse = |claim, reason| Err(Refused { claim, reason });
        if self.catch_up().is_err() {
            return refuse(slot, CommitRefused::LeaseLost);
        }
        let Some(writing) = &mut self.writing else {
            return refuse(slot, CommitRefused::LeaseLost);
        };
        let started = slot.buffer.started;
        let len = meta.len.or(started.map(|started| started.len));
        let len = len.unwrap_or(slot.capacity());
        let meta = self.outlet.meta_after(started, meta);
        let sent_ns = self.outlet.sent_ns();
        let image = self.outlet.prepare(tensor);
        let epoch = writing.regions().ring().shape().epoch;
        let committed = writing.commit(slot.buffer.token, image, len, meta, sent_ns);
        let (token, committed) = match committed {
            Ok(committed) => committed,
            Err(error) => return refuse(slot, CommitRefused::Claim(error)),
        };
        let mut filled = Slot::new(slot.buffer);
        filled.buffer.token = token;
        filled.buffer.started = None;
        let published = self.published(epoch, committed, meta.trace_id);
        self.send_ready();
        self.tell();
        Ok((published, filled))
    }

    /// Gives a buffer back for filling: one that was published, or one whose acquisition was cancelled. From here on its
    /// last frame is gone for readers.
    ///
    /// # Errors
    /// [`Refused`] with the slot; a frame that is held has to be sent first.
    pub fn queue<S: Requeueable>(
        &mut self,
        slot: Slot<S>,
    ) -> Result<Slot<Queued>, Refused<Slot<S>>> {
        let refuse = |claim, reason| Err(Refused { claim, reason });
        if self.catch_up().is_err() {
            return refuse(slot, CommitRefused::LeaseLost);
        }
        let Some(writing) = &mut self.writing else {
            return refuse(slot, CommitRefused::LeaseLost);
        };
        let token = match writing.queue(slot.buffer.token) {
            Ok(token) => token,
            Err(error) => return refuse(slot, CommitRefused::Claim(error.into())),
        };
        let mut queued = Slot::new(slot.buffer);
        queued.buffer.token = token;
        queued.buffer.started = None;
        self.send_ready();
        Ok(queued)
    }

    /// Goes back to frames in ring order, once every slot was dropped. After the loss of the lease this is the way to the
    /// memory of the next epoch, whose addresses are others.
    ///
    /// # Errors
    /// The producer as it was, while some slot is still lent.
    pub fn into_streaming(mut self) -> Result<Producer<Streaming>, Self> {
        // Ends what was dropped; frames that waited for it go out.
        let _ = self.catch_up();
        self.release_all();
        let Self {
            outlet,
            writing,
            dropped,
            mappings,
        } = self;
        let streaming = match writing.map(|writing| writing.into_streaming()) {
            Some(Err(writing)) => {
                return Err(Self {
                    outlet,
                    writing: Some(writing),
                    dropped,
                    mappings,
                });
            }
            streaming => streaming.and_then(Result::ok),
        };
        let mut producer = Producer {
            outlet,
            writing: streaming,
            dropped,
            mappings,
        };
        // What came while the set was frozen.
        producer.adopt();
        Ok(producer)
    }

    /// Once no slot is lent: a frame that was held when its slot was dropped left its token behind.
    fn release_all(&mut self) {
        if Arc::strong_count(&self.dropped) > 1 {
            return;
        }
        // What the first round releases lets held frames go, which the second one releases.
        for _ in 0..2 {
            if let Some(writing) = &mut self.writing {
                let tokens: Vec<_> = writing.claims().tokens().collect();
                for token in tokens {
                    let _ = writing.release(token);
                }
            }
            self.send_ready();
        }
    }
}
