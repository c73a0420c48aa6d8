//! Frames on their way into memory: claimed, filled, committed, announced (wire 3.2, C-052).
//!
//! ```
//! use tp_core_nostd::ids::{Epoch, PoolId, StreamId};
//! use tp_core_nostd::proto::claim::{Entry, Overtaking, Streaming, TableId};
//! use tp_core_nostd::proto::publish::{Committed, FrameMeta, Publisher};
//! use tp_core_nostd::proto::{read::Reader, regions::StreamRegions};
//! use tp_core_nostd::seq::SlotCount;
//! use tp_core_nostd::shm::*;
//! # use std::error::Error;
//! # fn main() -> Result<(), Box<dyn Error>> {
//! // A ring of four slots and a pool of 64 bytes each, in memory of our own.
//! let slots = SlotCount::new(4).ok_or("not a power of two")?;
//! let of = |kind| RegionShape {
//!     stream_id: StreamId::new(10_000).unwrap(), epoch: Epoch::new(1).unwrap(), slots, kind,
//! };
//! let ring = of(RegionKind::HeaderRing);
//! let pool_id = PoolId::new(1).unwrap();
//! let pool = of(RegionKind::PayloadPool { pool_id, stride: Stride::new(64).unwrap() });
//! let ring_memory = [const { Line::zeroed() }; 1 + 4 * 4];
//! let pool_memory = [const { Line::zeroed() }; 1 + 4];
//! for (shape, memory) in [(ring, &ring_memory[..]), (pool, &pool_memory[..])] {
//!     Superblock { shape, pid: 1, start_ns: 1, activity_ns: 1 }.create(RegionWriter::of_lines(memory))?;
//! }
//! let ring = HeaderRing::open(&ring_memory[..], &ring)?;
//! let pool = PayloadPool::open(&pool_memory[..], &pool)?;
//! let regions = StreamRegions::new(ring, [pool])?;
//!
//! // The producer.
//! let entries = [Entry::FREE; 4];
//! let claims = Streaming::new(TableId(1), entries, slots, Overtaking::Hold).ok_or("too few entries")?;
//! let mut publisher = Publisher::new(regions, claims);
//! let tensor = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[3, 4])?;
//! let mut image = SlotImage::new(&tensor); // prepared once, used for every frame of this tensor
//! let meta = FrameMeta { timestamp_ns: 123, ..FrameMeta::default() };
//! let mut message = [0; 48];
//! if let Committed::Ready(descriptor) = publisher.offer(b"Hello, world", &mut image, meta, None)? {
//!     descriptor.encode(&mut message)?; // and off it goes
//! }
//!
//! // A consumer of the same memory.
//! let mut reader = Reader::new(regions, [0; 4]).ok_or("too few words")?;
//! let frame = reader.read(tp_core_nostd::seq::Seq::FIRST).unwrap();
//! let mut copy = [0; 64];
//! let len = reader.copy_to(&frame, &mut copy)?;
//! assert_eq!((frame.header.tensor.dims(), &copy[..len]), (&[3, 4][..], &b"Hello, world"[..]));
//! # Ok(())
//! # }
//! ```
//!
//! A frame that is filled in place is [claimed](Publisher::claim), written through [`Publisher::payload`] and
//! [committed](Publisher::commit). Where claims overlap, a frame may have to wait for an older one; then it comes out of
//! `next_ready`, which is asked after each commit and abort. Whoever gets a descriptor sends it; if that fails the frame
//! stays committed, nothing is rewritten (T-56).

mod error;
mod fixed_pool;
mod progress;

use super::claim::{Entries, Ready, Streaming, Tags, Token, TokenError};
use super::progress::Meter;
use super::regions::StreamRegions;
use crate::ids::PoolId;
use crate::memory::{CacheOps, Coherent};
use crate::seq::{Seq, SlotIndex};
use crate::shm::{PayloadPool, RegionWriter, SlotFrame, SlotImage, SlotWriter, WritableRegion};
use crate::wire::control::FrameDescriptor;
pub use error::{CommitError, OfferError};
use progress::Telling;
pub use progress::{HeaderOrder, Meters};

/// What a producer says of one frame besides its tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FrameMeta {
    /// Capture time of the payload, in nanoseconds (W-141).
    pub timestamp_ns: u64,
    /// The metadata that applies; 0 stands in the slot where there is none (T-44).
    pub meta_version: Option<u32>,
    /// Set where the frame is traced.
    pub trace_id: Option<u64>,
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub enum Committed {
    /// The frame is there for its readers: send this.
    Ready(FrameDescriptor),
    /// The frame of this number is written and waits for an older claim (E-06); `next_ready` gives it out in its turn.
    Held(Seq),
}

impl Committed {
    /// The frame's number.
    pub const fn seq(&self) -> Seq {
        match self {
            Self::Ready(descriptor) => descriptor.seq,
            Self::Held(seq) => *seq,
        }
    }
}

/// The one writer of a mapping. `C` are its claims, [`Streaming`] or [`FixedPool`](super::claim::FixedPool); `K` is the
/// cache maintenance its payloads need; `M` lends the meters, if it [tells](Publisher::telling) of frames being filled.
#[derive(Debug)]
pub struct Publisher<R, P, C, K = Coherent, M = [Meter; 0]> {
    regions: StreamRegions<R, P>,
    claims: C,
    cache: K,
    telling: Option<Telling<M>>,
}

impl<R, P, C> Publisher<R, P, C> {
    /// A publisher into regions of a new epoch whose payloads need no cache maintenance.
    pub const fn new(regions: StreamRegions<R, P>, claims: C) -> Self {
        Self::with_cache(regions, claims, Coherent)
    }
}

impl<R, P, C, K> Publisher<R, P, C, K> {
    /// A publisher into regions of a new epoch, with this cache maintenance.
    pub const fn with_cache(regions: StreamRegions<R, P>, claims: C, cache: K) -> Self {
        Self {
            regions,
            claims,
            cache,
            telling: None,
        }
    }
}

impl<R, P, C, K, M> Publisher<R, P, C, K, M> {
    /// The regions it writes.
    pub const fn regions(&self) -> &StreamRegions<R, P> {
        &self.regions
    }

    /// Its claims, to look at.
    pub const fn claims(&self) -> &C {
        &self.claims
    }
}

impl<R, P, C, K, M> Publisher<R, P, C, K, M>
where
    R: WritableRegion,
    P: AsRef<[PayloadPool<R>]>,
    K: CacheOps,
{
    /// The payload slot of a claim, to be filled by a copy, in place or by a device. `None` for a token of other pools.
    pub fn payload(&self, token: Token) -> Option<RegionWriter<'_>> {
        let pool = self.regions.pool(token.pool())?;
        Some(pool.slot_writer(token.slot()))
    }

    fn slot(&self, token: Token) -> SlotWriter<'_> {
        self.regions.ring().slot_writer(token.slot())
    }

    fn check_len(&self, token: Token, len: u32) -> Result<(), CommitError> {
        let pool = self.regions.pool(token.pool()).ok_or(TokenError::Stale)?;
        let stride = pool.stride().get();
        if len > stride {
            return Err(CommitError::TooLong { len, stride });
        }
        Ok(())
    }

    /// Writes a claim just committed; its word follows if it is its turn.
    #[inline]
    fn finish(
        &self,
        token: Token,
        ready: Option<Ready>,
        image: &mut SlotImage,
        len: u32,
        meta: FrameMeta,
        sent_ns: Option<u64>,
    ) -> Committed {
        if len != 0
            && let Some(payload) = self.payload(token)
        {
            self.cache.before_commit(payload, len as usize);
        }
        let slot = self.slot(token);
        image.set_frame(&frame(token.slot(), token.pool(), len, meta));
        slot.write(image);
        match ready {
            Some(ready) => {
                slot.commit(ready.seq);
                Committed::Ready(self.descriptor(ready, sent_ns))
            }
            None => Committed::Held(token.seq()),
        }
    }

    /// Stores the word of a frame that was held.
    fn unhold(&self, ready: Ready, sent_ns: Option<u64>) -> FrameDescriptor {
        let slot = self.regions.ring().slot_writer(ready.slot);
        slot.commit(ready.seq);
        self.descriptor(ready, sent_ns)
    }

    #[inline]
    fn descriptor(&self, ready: Ready, sent_ns: Option<u64>) -> FrameDescriptor {
        let shape = self.regions.ring().shape();
        FrameDescriptor {
            stream_id: shape.stream_id,
            epoch: shape.epoch,
            seq: ready.seq,
            timestamp_ns: sent_ns,
            meta_version: ready.tags.meta_version,
            trace_id: ready.tags.trace_id,
        }
    }
}

impl<R, P, S, K, M> Publisher<R, P, Streaming<S>, K, M>
where
    R: WritableRegion,
    P: AsRef<[PayloadPool<R>]>,
    S: Entries,
    K: CacheOps,
    M: Meters,
{
    /// Takes the next slot for a payload of at most `len` bytes, and marks it as being written.
    ///
    /// # Errors
    /// [`OfferError`]
    #[inline]
    pub fn claim(&mut self, len: u32) -> Result<Token, OfferError> {
        let pool = pool_for(&self.regions, len as usize)?;
        let token = self.claims.claim(pool.pool_id())?;
        self.slot(token).begin(token.seq());
        Ok(token)
    }

    /// Ends a claim with a frame: `len` bytes of payload are in its slot, `image` was prepared for their tensor. No
    /// payload byte is copied (C-068). `sent_ns` is the time of sending, where it is wanted (W-144). Then call
    /// [`Self::next_ready`] until `None`.
    ///
    /// # Errors
    /// [`CommitError`]
    #[inline]
    pub fn commit(
        &mut self,
        token: Token,
        image: &mut SlotImage,
        len: u32,
        meta: FrameMeta,
        sent_ns: Option<u64>,
    ) -> Result<Committed, CommitError> {
        self.check_len(token, len)?;
        self.check_told(token, image, len, meta)?;
        let ready = self.claims.commit(token, tags(meta))?;
        let committed = self.finish(token, ready, image, len, meta, sent_ns);
        self.complete(token, len);
        Ok(committed)
    }

    /// Ends a claim without a frame (C-063). Then call [`Self::next_ready`] until `None`: others may have waited for it.
    ///
    /// # Errors
    /// [`TokenError::Stale`]
    pub fn abort(&mut self, token: Token) -> Result<(), TokenError> {
        self.claims.abort(token)?;
        self.forget(token);
        Ok(())
    }

    /// The next frame takes this number; see [`Streaming::skip_to`].
    pub fn skip_to(&mut self, seq: Seq) -> bool {
        self.claims.skip_to(seq)
    }

    /// Claims, copies and commits. Nothing that waited becomes ready by it.
    ///
    /// # Errors
    /// [`OfferError`]
    #[inline]
    pub fn offer(
        &mut self,
        payload: &[u8],
        image: &mut SlotImage,
        meta: FrameMeta,
        sent_ns: Option<u64>,
    ) -> Result<Committed, OfferError> {
        let pool = pool_for(&self.regions, payload.len())?;
        let Some(ready) = self.claims.pass(tags(meta)) else {
            return self.offer_among_claims(payload, image, meta, sent_ns);
        };
        let slot = self.regions.ring().slot_writer(ready.slot);
        slot.begin(ready.seq);
        if !payload.is_empty() {
            self.copy(pool.slot_writer(ready.slot), payload);
        }
        // A stride has 32 bits, so what fits it has.
        let len = payload.len() as u32;
        image.set_frame(&frame(ready.slot, pool.pool_id(), len, meta));
        slot.write(image);
        slot.commit(ready.seq);
        Ok(Committed::Ready(self.descriptor(ready, sent_ns)))
    }

    /// Copies a payload to a slot that was chosen to hold it. Apart, so that what is around it stays in registers.
    #[inline(never)]
    fn copy(&self, slot: RegionWriter<'_>, payload: &[u8]) {
        let _ = slot.copy_in(0, payload);
        self.cache.before_commit(slot, payload.len());
    }

    /// As [`Self::offer`], while claims are outstanding.
    #[cold]
    fn offer_among_claims(
        &mut self,
        payload: &[u8],
        image: &mut SlotImage,
        meta: FrameMeta,
        sent_ns: Option<u64>,
    ) -> Result<Committed, OfferError> {
        let len = payload.len() as u32;
        let token = self.claim(len)?;
        if let Some(memory) = self.payload(token) {
            let _ = memory.copy_in(0, payload);
        }
        // The claim is new, and its pool was chosen to hold the payload.
        let ready = self.claims.commit(token, tags(meta)).unwrap_or_default();
        Ok(self.finish(token, ready, image, len, meta, sent_ns))
    }

    /// Makes the next held frame whole for its readers and returns the descriptor to send, in rising order (C-064). `None`
    /// when nothing is left to send.
    #[inline]
    pub fn next_ready(&mut self, sent_ns: Option<u64>) -> Option<FrameDescriptor> {
        let ready = self.claims.next_ready()?;
        Some(self.unhold(ready, sent_ns))
    }
}

/// The pool for a payload of `len` bytes.
#[inline]
fn pool_for<R, P>(regions: &StreamRegions<R, P>, len: usize) -> Result<&PayloadPool<R>, OfferError>
where
    R: WritableRegion,
    P: AsRef<[PayloadPool<R>]>,
{
    regions.pool_for(len).ok_or_else(|| {
        let longest = regions.pools().last();
        let max = longest.map_or(0, |pool| pool.stride().get());
        OfferError::TooLarge { len, max }
    })
}

const fn frame(slot: SlotIndex, pool_id: PoolId, len: u32, meta: FrameMeta) -> SlotFrame {
    SlotFrame {
        slot,
        pool_id,
        values_len_bytes: len,
        timestamp_ns: meta.timestamp_ns,
        meta_version: match meta.meta_version {
            Some(version) => version,
            None => 0,
        },
    }
}

const fn tags(meta: FrameMeta) -> Tags {
    Tags {
        meta_version: meta.meta_version,
        trace_id: meta.trace_id,
    }
}

#[cfg(test)]
mod tests;
