//! Frames that are told of while they are being filled (wire 5.12, E-02).
//!
//! ```text
//!   start ──▶ the claim gets its number, its word says it, its header stands (where that was agreed) ──▶ STARTED is due
//!   fill  ──▶ checked against what was reported before                                               ──▶ PROGRESS is due
//!   commit ─▶ flush, header (unless it stands), word                                                 ──▶ COMPLETE is due
//!   abort, queue, release ──▶ forgotten
//! ```
//!
//! What is due is what [`Publisher::transmit`] sends. While nobody supports progress nothing is numbered early and no header
//! is written early: such a frame is [unheard](Throttle::start_unheard) to its end, its reports are checked all the same.

use super::{CommitError, FrameMeta, Publisher, frame};
use crate::memory::CacheOps;
use crate::proto::claim::{Claims, Token, TokenError};
use crate::proto::progress::{Meter, ProgressError, ProgressPolicy, Throttle};
use crate::shm::{PayloadPool, SlotFrame, SlotImage, WritableRegion};
use crate::time::Instant;
use crate::wire::control::FrameProgress;

/// When the header of a frame is written whose progress is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum HeaderOrder {
    /// After the payload, as the protocol has it: progress is a hint of state and count (T-21).
    #[default]
    Last,
    /// Before STARTED, which the metadata of the stream has to say: prefixes can be read before the commit (E-02, C-075).
    First,
}

/// Where a throttle's meters stand; whatever lends them as a slice will do.
pub trait Meters: AsRef<[Meter]> + AsMut<[Meter]> {}

impl<M: AsRef<[Meter]> + AsMut<[Meter]>> Meters for M {}

/// What a publisher tells by.
#[derive(Debug)]
pub(super) struct Telling<M> {
    throttle: Throttle<M>,
    order: HeaderOrder,
}

impl<R, P, C, K, M> Publisher<R, P, C, K, M> {
    /// From now on it tells of frames that are being filled. The throttle is of its stream, epoch and slots, and new.
    pub fn telling<N: Meters>(
        self,
        throttle: Throttle<N>,
        order: HeaderOrder,
    ) -> Publisher<R, P, C, K, N> {
        Publisher {
            regions: self.regions,
            claims: self.claims,
            cache: self.cache,
            telling: Some(Telling { throttle, order }),
        }
    }
}

impl<R, P, C, K, M: Meters> Publisher<R, P, C, K, M> {
    /// How often to tell; `None`, as long as no consumer supports progress, tells nothing (C-073).
    pub fn set_progress(&mut self, policy: Option<ProgressPolicy>) {
        if let Some(telling) = &mut self.telling {
            telling.throttle.set_policy(policy);
        }
    }

    /// What it goes by (C-076).
    pub fn progress(&self) -> Option<ProgressPolicy> {
        self.telling.as_ref()?.throttle.policy()
    }

    /// Offers the message that is due at `now` to `emit`, which sends it; returns whether one was sent. Call it after each
    /// report and commit, and at [`Self::poll_timeout`].
    ///
    /// # Errors
    /// What `emit` returned; the message stays due unless another frame reports first.
    pub fn transmit<E>(
        &mut self,
        now: Instant,
        emit: impl FnOnce(&FrameProgress) -> Result<(), E>,
    ) -> Result<bool, E> {
        match &mut self.telling {
            Some(telling) => telling.throttle.transmit(now, emit),
            None => Ok(false),
        }
    }

    /// When to call [`Self::transmit`] if nothing is reported before.
    pub fn poll_timeout(&self) -> Instant {
        let telling = self.telling.as_ref();
        telling.map_or(Instant::NEVER, |telling| telling.throttle.poll_timeout())
    }

    /// A claim ended with a frame.
    #[inline]
    pub(super) fn complete(&mut self, token: Token, len: u32) {
        if let Some(telling) = &mut self.telling {
            // Of most frames nothing was told.
            let _ = telling.throttle.complete(token.seq(), len.into());
        }
    }

    /// A claim ended without a frame, or its frame is to be filled anew.
    pub(super) fn forget(&mut self, token: Token) {
        if let Some(telling) = &mut self.telling {
            telling.throttle.forget(token.seq());
        }
    }
}

impl<R, P, C, K, M> Publisher<R, P, C, K, M>
where
    R: WritableRegion,
    P: AsRef<[PayloadPool<R>]>,
    C: Claims,
    K: CacheOps,
    M: Meters,
{
    /// The claim's number is told by other means than these; the token that has it from now on. Its word says it.
    ///
    /// # Errors
    /// [`TokenError`]
    pub fn announce(&mut self, token: Token) -> Result<Token, TokenError> {
        let bound = self.claims.tell(token)?;
        self.rebegin(token, bound);
        Ok(bound)
    }

    /// Filling of a claim begins: `len` bytes of the tensor that `image` was prepared for. The claim has its number from now
    /// on if anybody listens (C-067); it is in the token that comes back. With [`HeaderOrder::First`] the header is written
    /// now, and the commit may only shorten it.
    ///
    /// # Errors
    /// [`CommitError`]; the claim is what it was.
    pub fn start(
        &mut self,
        token: Token,
        image: &mut SlotImage,
        len: u32,
        meta: FrameMeta,
    ) -> Result<Token, CommitError> {
        let tensor = image.tensor().ok();
        let line = tensor.and_then(|tensor| tensor.prefix_line_len());
        let bound = self.open(token, len, line)?;
        if self.claims.is_headed(bound)? {
            image.set_frame(&frame(bound.slot(), bound.pool(), len, meta));
            self.slot(bound).write(image);
        }
        Ok(bound)
    }

    /// As [`Self::start`], of a frame whose tensor is not known yet.
    ///
    /// # Errors
    /// [`CommitError`], [`CommitError::HeaderMissing`] with [`HeaderOrder::First`]; the claim is what it was.
    pub fn start_unknown(&mut self, token: Token, len: u32) -> Result<Token, CommitError> {
        let order = self.telling.as_ref().map(|telling| telling.order);
        if order == Some(HeaderOrder::First) {
            return Err(CommitError::HeaderMissing);
        }
        self.open(token, len, None)
    }

    /// The first `bytes` bytes of a claim that was started are there.
    ///
    /// # Errors
    /// [`CommitError::Token`], [`CommitError::Progress`]; nothing changed.
    pub fn fill(&mut self, token: Token, bytes: u32) -> Result<(), CommitError> {
        self.claims.is_headed(token)?;
        let telling = self.telling.as_mut();
        let telling = telling.ok_or(ProgressError::NotStarted)?;
        Ok(telling.throttle.fill(token.seq(), bytes.into())?)
    }

    /// Starts the meter of a claim, and numbers it where somebody will hear of it.
    fn open(&mut self, token: Token, len: u32, line: Option<u32>) -> Result<Token, CommitError> {
        self.check_len(token, len)?;
        self.claims.is_headed(token)?;
        let Some(Telling { throttle, order }) = &mut self.telling else {
            return Err(ProgressError::NotStarted.into());
        };
        throttle.check_start(token.seq())?;
        if throttle.policy().is_none() {
            throttle.start_unheard(token.seq(), len.into())?;
            return Ok(token);
        }
        let bound = self.claims.tell(token)?;
        throttle.start(bound.seq(), len.into(), line)?;
        if *order == HeaderOrder::First {
            self.claims.head(bound)?;
        }
        self.rebegin(token, bound);
        Ok(bound)
    }

    /// Whether a commit may say this, after all that was told of its frame.
    #[inline]
    pub(super) fn check_told(
        &mut self,
        token: Token,
        image: &mut SlotImage,
        len: u32,
        meta: FrameMeta,
    ) -> Result<(), CommitError> {
        let Some(telling) = &self.telling else {
            return Ok(());
        };
        let is_headed = self.claims.is_headed(token)?;
        telling.throttle.check_complete(token.seq(), len.into())?;
        // A few numbers and not the token: one that has an address cannot stay in registers, here where all commits pass.
        let (slot, pool) = (token.slot(), token.pool());
        if is_headed && !self.stands(&frame(slot, pool, len, meta), image) {
            return Err(CommitError::HeaderStands);
        }
        Ok(())
    }

    /// Whether the header in memory says the same. Its length may only fall, which is one word, so that whoever reads a
    /// prefix meanwhile sees the one length or the other.
    #[cold]
    fn stands(&self, frame: &SlotFrame, image: &mut SlotImage) -> bool {
        image.set_frame(frame);
        let stands = self.regions.ring().slot(frame.slot).copy();
        image.differs_in_length_alone(&stands)
    }

    /// The word of a committed slot only flips its lowest bit (E-03), so the final number has to stand there before.
    pub(super) fn rebegin(&self, token: Token, bound: Token) {
        if bound.seq() != token.seq() {
            self.slot(bound).begin(bound.seq());
        }
    }
}

#[cfg(test)]
mod tests;
