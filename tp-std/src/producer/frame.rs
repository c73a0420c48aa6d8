//! Frames as they are handed in, and what becomes of them.

use tp_core_nostd::ids::Epoch;
use tp_core_nostd::proto::claim::ClaimError;
use tp_core_nostd::proto::publish::{self, CommitError};
use tp_core_nostd::proto::tracelink::Traced;
use tp_core_nostd::seq::Seq;
use tp_core_nostd::shm::TensorHeader;

/// One frame to be copied into the stream.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Type, shape and order of its elements.
    pub tensor: TensorHeader,
    /// Its elements, little-endian.
    pub payload: &'a [u8],
    /// When it was captured, in nanoseconds of the monotonic clock; now, where nobody says or
    /// says 0 (C-055).
    pub capture_ns: Option<u64>,
    /// The metadata that applies to it; where nobody says, the version the producer told last, if it told any (W-227).
    pub meta_version: Option<u32>,
    /// Its trace id; where nobody says, a producer that [traces](super::ProducerConfig::with_tracing) mints one.
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

    /// The same frame under this trace; see [`Producer::trace`](super::Producer::trace).
    #[must_use]
    pub const fn with_trace(mut self, traced: &Traced) -> Self {
        self.trace_id = Some(traced.trace_id().get());
        self
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

impl CommitMeta {
    /// The same under this trace; see [`Producer::trace`](super::Producer::trace).
    #[must_use]
    pub const fn with_trace(mut self, traced: &Traced) -> Self {
        self.trace_id = Some(traced.trace_id().get());
        self
    }
}

/// A frame that is committed: every reader of the memory can have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The epoch it belongs to.
    pub epoch: Epoch,
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
    /// Asked to test first: nobody subscribes to the descriptors (C-058).
    #[error("nobody subscribes to the descriptors of the stream")]
    NotConnected,
    /// Asked to test first: some subscriber has not read on.
    #[error("a subscriber to the descriptors of the stream has not read on")]
    BackPressured,
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

/// Something that was refused, with the claim or buffer as it was (C-061).
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Refused<T> {
    /// The claim or buffer.
    pub claim: T,
    /// Why.
    pub reason: CommitRefused,
}

/// Why a claim or a buffer was refused; nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitRefused {
    /// The lease the claim was made under is gone (C-065).
    #[error("the lease of this claim is gone")]
    LeaseLost,
    /// Longer than the slot, or the claim is of another producer or was overtaken.
    #[error("{0}")]
    Claim(CommitError),
}
