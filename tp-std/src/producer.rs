//! The hot half of a producer: it lives on the application's thread and talks to memory and Aeron directly.

use std::sync::Arc;

use crossbeam_queue::ArrayQueue;
use tp_core_nostd::ids::{ClientId, Epoch, StreamId};
use tp_core_nostd::proto::claim::{ClaimError, Entry, Overtaking, Streaming, TableId, Token};
use tp_core_nostd::proto::lease_client::LeaseConfig;
use tp_core_nostd::proto::publish::{self, CommitError, Committed, FrameMeta, Publisher};
use tp_core_nostd::role::Generation;
use tp_core_nostd::seq::Seq;
use tp_core_nostd::shm::{OutOfBounds, PayloadPool, RegionWriter, SlotImage, TensorHeader};
use tp_core_nostd::time::Clock;
use tp_core_nostd::transport::{Publication, SendError};
use tp_core_nostd::wire::control::FrameDescriptor;
use tp_core_nostd::wire::driver::{PublishMode, Role};
use tp_linux_hugepages::WritableMapping;

use crate::aeron::AeronExclusivePublication;
use crate::clock::MonotonicClock;
use crate::link::Link;
use crate::regions::Regions;

/// Bytes of a FrameDescriptor message: header and block (wire 4.5).
const DESCRIPTOR_LEN: usize = 48;

/// What a producer asks the driver for, and how it publishes.
#[derive(Clone, Debug)]
pub struct ProducerConfig {
    pub(crate) stream: StreamId,
    lease: LeaseConfig,
    overtaking: Overtaking,
    descriptor_timestamp: bool,
}

impl ProducerConfig {
    /// The producer of `stream` with a client id of its own choice.
    pub const fn new(stream: StreamId) -> Self {
        let lease = LeaseConfig::new(stream, Role::Producer);
        Self {
            stream,
            lease,
            overtaking: Overtaking::Hold,
            descriptor_timestamp: false,
        }
    }

    /// A fixed client id; unique among all leases of the driver (C-030).
    #[must_use]
    pub const fn with_client(mut self, client: ClientId) -> Self {
        self.lease.client = Some(client);
        self
    }

    /// Whether the driver may create the stream; it may by default (C-026).
    #[must_use]
    pub const fn with_publish_mode(mut self, mode: PublishMode) -> Self {
        self.lease.publish_mode = mode;
        self
    }

    /// What becomes of an older claim when a newer one commits first; it is waited for by default (C-064).
    #[must_use]
    pub const fn with_overtaking(mut self, overtaking: Overtaking) -> Self {
        self.overtaking = overtaking;
        self
    }

    /// Whether descriptors carry the time they were sent at; they do not by default (W-144).
    #[must_use]
    pub const fn with_descriptor_timestamp(mut self, on: bool) -> Self {
        self.descriptor_timestamp = on;
        self
    }

    pub(crate) const fn lease(&self) -> LeaseConfig {
        self.lease
    }
}

/// One frame to be copied into the stream.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Type, shape and order of its elements.
    pub tensor: TensorHeader,
    /// Its elements, little-endian.
    pub payload: &'a [u8],
    /// When it was captured, in nanoseconds of the monotonic clock; now, where nobody says (C-055).
    pub capture_ns: Option<u64>,
    /// The metadata that applies to it.
    pub meta_version: Option<u32>,
    /// Set where it is traced.
    pub trace_id: Option<u64>,
}

impl<'a> Frame<'a> {
    /// A frame captured now, without metadata or trace.
    pub const fn new(tensor: TensorHeader, payload: &'a [u8]) -> Self {
        Self {
            tensor,
            payload,
            capture_ns: None,
            meta_version: None,
            trace_id: None,
        }
    }
}

/// What is said of a claimed frame at its commit.
#[derive(Clone, Copy, Debug, Default)]
pub struct CommitMeta {
    /// Bytes of payload, where they are fewer than were claimed.
    pub len: Option<u32>,
    /// See [`Frame::capture_ns`].
    pub capture_ns: Option<u64>,
    /// See [`Frame::meta_version`].
    pub meta_version: Option<u32>,
    /// See [`Frame::trace_id`].
    pub trace_id: Option<u64>,
}

/// A frame that is committed: every reader of the memory can have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its number.
    pub seq: Seq,
    /// What became of its descriptor (C-056).
    pub delivery: Delivery,
}

/// What became of a descriptor. The frame is committed in any case; nothing is retried (C-057).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It went out.
    Sent,
    /// Nobody subscribes: a normal state (C-058).
    Unconnected,
    /// Some subscriber has not read on; those that watch the memory see the frame all the same.
    BackPressured,
    /// It waits, with its frame, for an older claim (C-064).
    Held,
    /// The transport failed, or is being set up again.
    Failed,
}

/// Why no frame was taken. Neither slot nor number was consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// The lease is gone; it is being asked for again. Try later.
    #[error("the producer lease is gone, it is being asked for again")]
    Fenced,
    /// The client was closed, or the lease cannot be had any more.
    #[error("the producer is closed")]
    Closed,
    /// No pool has slots this long.
    #[error("{len} bytes of payload, the longest slot has {max}")]
    TooLarge {
        /// Bytes of the payload.
        len: usize,
        /// Bytes of the longest slots.
        max: u32,
    },
    /// The next slot belongs to a claim that has not ended: commit or abort it first (C-060).
    #[error("the next slot is held by a claim of this producer")]
    SlotHeld,
    /// All numbers of the epoch are used.
    #[error("the epoch has no sequence number left")]
    Exhausted,
}

impl From<publish::OfferError> for OfferError {
    fn from(error: publish::OfferError) -> Self {
        match error {
            publish::OfferError::TooLarge { len, max } => Self::TooLarge { len, max },
            publish::OfferError::Claim(ClaimError::SlotHeld { .. }) => Self::SlotHeld,
            publish::OfferError::Claim(ClaimError::Exhausted) => Self::Exhausted,
        }
    }
}

/// A commit that was refused, with the claim as it was (C-061).
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Refused {
    /// The claim, still to be committed or aborted.
    pub claim: Claim,
    /// Why.
    pub reason: CommitRefused,
}

/// Why a commit was refused; nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitRefused {
    /// The lease the claim was made under is gone (C-065).
    #[error("the lease of this claim is gone")]
    LeaseLost,
    /// Longer than the slot, or the claim is of another producer or was overtaken.
    #[error("{0}")]
    Claim(CommitError),
}

/// What the descriptors of a producer met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// Went out.
    pub sent: u64,
    /// Nobody subscribed.
    pub unconnected: u64,
    /// Some subscriber had not read on.
    pub back_pressured: u64,
    /// The transport failed.
    pub failed: u64,
}

pub(crate) type ProducerLink = Link<WritableMapping, AeronExclusivePublication, ()>;

type Writing =
    Publisher<WritableMapping, Box<[PayloadPool<WritableMapping>]>, Streaming<Box<[Entry]>>>;

/// The producer of one stream. It reattaches by itself when its lease is lost; meanwhile every call says
/// [`OfferError::Fenced`], and numbers start at 0 in the new epoch.
#[derive(Debug)]
pub struct Producer {
    link: Arc<ProducerLink>,
    seen: Generation,
    publication: Option<AeronExclusivePublication>,
    writing: Option<Writing>,
    /// Claims that were dropped without a word.
    dropped: Arc<ArrayQueue<Token>>,
    /// The header of the last tensor, ready to be written again.
    prepared: Option<(TensorHeader, SlotImage)>,
    mappings: u32,
    overtaking: Overtaking,
    descriptor_timestamp: bool,
    deliveries: DeliveryCounts,
}

impl Producer {
    pub(crate) fn new(link: Arc<ProducerLink>, config: &ProducerConfig) -> Self {
        Self {
            link,
            seen: Generation::START,
            publication: None,
            writing: None,
            dropped: Arc::new(ArrayQueue::new(1)),
            prepared: None,
            mappings: 0,
            overtaking: config.overtaking,
            descriptor_timestamp: config.descriptor_timestamp,
            deliveries: DeliveryCounts::default(),
        }
    }

    /// The epoch it writes, while it has the lease.
    pub fn epoch(&mut self) -> Option<Epoch> {
        self.catch_up().ok()?;
        self.writing
            .as_ref()
            .map(|writing| writing.regions().ring().shape().epoch)
    }

    /// What its descriptors met so far.
    pub const fn deliveries(&self) -> DeliveryCounts {
        self.deliveries
    }

    /// Copies a frame into the smallest slot that holds it, commits it and sends its descriptor. Never waits.
    ///
    /// # Errors
    /// [`OfferError`]
    pub fn offer(&mut self, frame: &Frame<'_>) -> Result<Published, OfferError> {
        self.catch_up()?;
        let (Some(writing), meta) = (
            &mut self.writing,
            meta(frame.capture_ns, frame.meta_version, frame.trace_id),
        ) else {
            return Err(OfferError::Fenced);
        };
        let image = prepare(&mut self.prepared, &frame.tensor);
        let sent_ns = sent_ns(self.descriptor_timestamp);
        let committed = writing.offer(frame.payload, image, meta, sent_ns)?;
        Ok(self.published(committed))
    }

    /// Takes the next slot with room for `len` bytes, to be filled in place.
    ///
    /// # Errors
    /// [`OfferError`]
    pub fn try_claim(&mut self, len: u32) -> Result<Claim, OfferError> {
        self.catch_up()?;
        let writing = self.writing.as_mut().ok_or(OfferError::Fenced)?;
        let token = writing.claim(len)?;
        let pool = writing.regions().pool(token.pool()).cloned();
        // The pool is the one the claim was made from.
        let pool = pool.ok_or(OfferError::Fenced)?;
        Ok(Claim {
            token,
            len,
            pool,
            dropped: Some(self.dropped.clone()),
        })
    }

    /// Publishes a claimed frame; copies no payload byte (C-068).
    ///
    /// # Errors
    /// [`Refused`] with the claim.
    #[expect(
        clippy::result_large_err,
        reason = "the claim comes back as a value; a box would allocate"
    )]
    pub fn commit(
        &mut self,
        mut claim: Claim,
        tensor: &TensorHeader,
        meta: CommitMeta,
    ) -> Result<Published, Refused> {
        let refuse = |claim, reason| Err(Refused { claim, reason });
        if self.catch_up().is_err() {
            return refuse(claim, CommitRefused::LeaseLost);
        }
        let Some(writing) = &mut self.writing else {
            return refuse(claim, CommitRefused::LeaseLost);
        };
        let image = prepare(&mut self.prepared, tensor);
        let len = meta.len.unwrap_or(claim.len);
        let meta = self::meta(meta.capture_ns, meta.meta_version, meta.trace_id);
        let sent_ns = sent_ns(self.descriptor_timestamp);
        let committed = match writing.commit(claim.token, image, len, meta, sent_ns) {
            Ok(committed) => committed,
            Err(error) => return refuse(claim, CommitRefused::Claim(error)),
        };
        claim.dropped = None;
        let published = self.published(committed);
        self.send_ready();
        Ok(published)
    }

    /// Ends a claim without a frame.
    pub fn abort(&mut self, mut claim: Claim) {
        claim.dropped = None;
        self.end(claim.token);
    }

    fn end(&mut self, token: Token) {
        if let Some(writing) = &mut self.writing {
            // A stale token belongs to an epoch that is gone.
            let _ = writing.abort(token);
            // Frames that waited for the claim go out now.
            self.send_ready();
        }
    }

    fn published(&mut self, committed: Committed) -> Published {
        Published {
            seq: committed.seq(),
            delivery: match committed {
                Committed::Ready(descriptor) => self.send(&descriptor),
                Committed::Held(_) => Delivery::Held,
            },
        }
    }

    /// Stores the committed words of frames that waited and are due now, and sends their descriptors.
    fn send_ready(&mut self) {
        while let Some(writing) = &mut self.writing
            && let Some(descriptor) = writing.next_ready(sent_ns(self.descriptor_timestamp))
        {
            self.send(&descriptor);
        }
    }

    fn send(&mut self, descriptor: &FrameDescriptor) -> Delivery {
        let delivery = send(self.publication.as_mut(), descriptor);
        let count = match delivery {
            Delivery::Sent => &mut self.deliveries.sent,
            Delivery::Unconnected => &mut self.deliveries.unconnected,
            Delivery::BackPressured => &mut self.deliveries.back_pressured,
            Delivery::Failed | Delivery::Held => &mut self.deliveries.failed,
        };
        *count = count.wrapping_add(1);
        delivery
    }

    /// One load while nothing changed (C-092).
    #[inline]
    fn catch_up(&mut self) -> Result<(), OfferError> {
        if self.link.cell.moved(self.seen) {
            self.adopt();
        }
        while let Some(token) = self.dropped.pop() {
            self.end(token);
        }
        match self.seen.is_active() {
            true => Ok(()),
            false if self.link.is_closed() => Err(OfferError::Closed),
            false => Err(OfferError::Fenced),
        }
    }

    /// Takes what the conductor put into the mailboxes.
    #[cold]
    fn adopt(&mut self) {
        self.seen = self.link.cell.catch_up();
        if let Some(publication) = self.link.endpoint.take() {
            self.publication = Some(publication);
        }
        if let Some(regions) = self.link.mapping.take() {
            self.write_to(regions);
        }
    }

    fn write_to(&mut self, regions: Regions<WritableMapping>) {
        let slots = regions.ring().slots();
        let entries = vec![Entry::FREE; slots.get() as usize].into_boxed_slice();
        self.mappings = self.mappings.wrapping_add(1);
        // As many claims can be dropped as there are slots.
        self.dropped = Arc::new(ArrayQueue::new(entries.len()));
        let claims = Streaming::new(TableId(self.mappings), entries, slots, self.overtaking);
        self.writing = claims.map(|claims| Publisher::new(regions, claims));
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.link.abandon();
    }
}

/// The time of sending, where descriptors carry it (W-144).
fn sent_ns(wanted: bool) -> Option<u64> {
    wanted.then(|| MonotonicClock.now().as_ns())
}

fn meta(capture_ns: Option<u64>, meta_version: Option<u32>, trace_id: Option<u64>) -> FrameMeta {
    let timestamp_ns = capture_ns.unwrap_or_else(|| MonotonicClock.now().as_ns());
    FrameMeta {
        timestamp_ns,
        meta_version,
        trace_id,
    }
}

/// The header image of a tensor: most producers send the same one again and again.
fn prepare<'a>(
    prepared: &'a mut Option<(TensorHeader, SlotImage)>,
    tensor: &TensorHeader,
) -> &'a mut SlotImage {
    if prepared.as_ref().is_some_and(|(last, _)| last != tensor) {
        *prepared = None;
    }
    let (_, image) = prepared.get_or_insert_with(|| (*tensor, SlotImage::new(tensor)));
    image
}

fn send(
    publication: Option<&mut AeronExclusivePublication>,
    descriptor: &FrameDescriptor,
) -> Delivery {
    let mut message = [0; DESCRIPTOR_LEN];
    let Some(publication) = publication else {
        return Delivery::Failed;
    };
    if descriptor.encode(&mut message).is_err() {
        return Delivery::Failed;
    }
    match publication.offer(&message) {
        Ok(()) => Delivery::Sent,
        Err(SendError::NotConnected) => Delivery::Unconnected,
        Err(SendError::BackPressured | SendError::AdminAction) => Delivery::BackPressured,
        Err(_) => Delivery::Failed,
    }
}

/// A slot that is being filled: a moved token, so that it ends once. Dropping it aborts it. It keeps its memory mapped,
/// so it may outlive the lease; its commit is refused then.
#[derive(Debug)]
pub struct Claim {
    token: Token,
    len: u32,
    pool: PayloadPool<WritableMapping>,
    /// Where it is left if it is dropped; `None` once it ended.
    dropped: Option<Arc<ArrayQueue<Token>>>,
}

impl Claim {
    /// The number its frame will have.
    pub const fn seq(&self) -> Seq {
        self.token.seq()
    }

    /// Bytes that were claimed.
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Whether no byte was claimed.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies `bytes` to `offset` of the payload.
    ///
    /// # Errors
    /// The slot ends before them; nothing was written.
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) -> Result<(), OutOfBounds> {
        self.slot().copy_in(offset, bytes)
    }

    /// The claimed bytes, to be filled in place. Not while a device writes them: that goes through
    /// [`Self::as_mut_ptr`].
    pub fn bytes(&mut self) -> &mut [u8] {
        let start = self.slot().as_mut_ptr();
        #[expect(unsafe_code, reason = "the one claim of a slot owns its bytes")]
        // SAFETY: the slot was chosen to hold `len` bytes and stays mapped by `pool`. The token of this claim is the only
        // one of its slot in this process; claims are neither cloned nor copied, and the slice borrows this one mutably.
        // Readers in other processes discard what changes under them.
        unsafe {
            core::slice::from_raw_parts_mut(start, self.len as usize)
        }
    }

    /// Where the payload begins, for devices and C libraries; the slot has [`Self::capacity`] bytes.
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.slot().as_mut_ptr()
    }

    /// Bytes of the slot.
    pub fn capacity(&self) -> u32 {
        self.pool.stride().get()
    }

    fn slot(&self) -> RegionWriter<'_> {
        self.pool.slot_writer(self.token.slot())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(dropped) = self.dropped.take() {
            // It has room for a token of every slot.
            let _ = dropped.push(self.token);
        }
    }
}
