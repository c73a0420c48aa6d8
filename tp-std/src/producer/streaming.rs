//! Slots in ring order: each frame takes the next one.

use tp_core_nostd::proto::claim::{self as core_claim, Token};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::shm::TensorHeader;
use tp_core_nostd::wire::control::FrameDescriptor;

use super::buffer::Buffer;
use super::{
    Claim, CommitMeta, CommitRefused, Entries, Frame, OfferError, Producer, Published, Refused,
    sealed,
};

/// The mode of a producer whose frames take the next slot of the ring.
#[derive(Debug)]
pub struct Streaming;

impl sealed::Mode for Streaming {
    type Claims = core_claim::Streaming<Entries>;

    fn adopt(producer: &mut Producer) {
        if let Some(regions) = producer.outlet.link.mapping.take() {
            producer.write_to(regions);
        }
    }

    fn end(producer: &mut Producer<Self>, token: Token) {
        if let Some(writing) = &mut producer.writing {
            let _ = writing.abort(token);
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

impl Producer {
    /// Copies a frame into the smallest slot that holds it, commits it and sends its descriptor. Never waits.
    ///
    /// # Errors
    /// [`OfferError`]
    pub fn offer(&mut self, frame: &Frame<'_>) -> Result<Published, OfferError> {
        self.catch_up()?;
        self.outlet.test()?;
        let Some(writing) = &mut self.writing else {
            return Err(OfferError::Fenced);
        };
        let meta = self
            .outlet
            .meta(frame.capture_ns, frame.meta_version, frame.trace_id);
        let sent_ns = self.outlet.sent_ns();
        let image = self.outlet.prepare(&frame.tensor);
        let epoch = writing.regions().ring().shape().epoch;
        let committed = writing.offer(frame.payload, image, meta, sent_ns)?;
        Ok(self.published(epoch, committed, meta.trace_id))
    }

    /// Gives the next frame the number `seq`, for stages whose frames keep the number they came with (L-006); consumers see
    /// those in between as a gap. Returns whether it does: numbers never fall within an epoch, no claim may be open, and
    /// there has to be a lease.
    pub fn skip_to(&mut self, seq: Seq) -> bool {
        self.catch_up().is_ok()
            && self
                .writing
                .as_mut()
                .is_some_and(|writing| writing.skip_to(seq))
    }

    /// Takes the next slot with room for `len` bytes, to be filled in place.
    ///
    /// # Errors
    /// [`OfferError`]
    pub fn try_claim(&mut self, len: u32) -> Result<Claim, OfferError> {
        self.catch_up()?;
        self.outlet.test()?;
        let writing = self.writing.as_mut().ok_or(OfferError::Fenced)?;
        let token = writing.claim(len)?;
        let next = writing.claims().next_seq();
        self.outlet.voice.figures().advance(next);
        // The pool is the one the claim was made from.
        let pool = writing.regions().pool(token.pool()).cloned();
        let pool = pool.ok_or(OfferError::Fenced)?;
        Ok(Claim {
            buffer: Buffer::new(token, pool, self.dropped.clone()),
            len,
        })
    }

    /// Publishes a claimed frame; copies no payload byte (C-068).
    ///
    /// # Errors
    /// [`Refused`] with the claim.
    pub fn commit(
        &mut self,
        claim: Claim,
        tensor: &TensorHeader,
        meta: CommitMeta,
    ) -> Result<Published, Refused<Claim>> {
        let refuse = |claim, reason| Err(Refused { claim, reason });
        if self.catch_up().is_err() {
            return refuse(claim, CommitRefused::LeaseLost);
        }
        let Some(writing) = &mut self.writing else {
            return refuse(claim, CommitRefused::LeaseLost);
        };
        let started = claim.buffer.started;
        let len = meta.len.or(started.map(|started| started.len));
        let len = len.unwrap_or(claim.len);
        let meta = self.outlet.meta_after(started, meta);
        let sent_ns = self.outlet.sent_ns();
        let image = self.outlet.prepare(tensor);
        let epoch = writing.regions().ring().shape().epoch;
        let committed = match writing.commit(claim.buffer.token, image, len, meta, sent_ns) {
            Ok(committed) => committed,
            Err(error) => return refuse(claim, CommitRefused::Claim(error)),
        };
        claim.buffer.end();
        let published = self.published(epoch, committed, meta.trace_id);
        self.send_ready();
        self.tell();
        Ok(published)
    }

    /// Tells who wants to know that filling of a claim begins, and what it will hold (C-072): `meta.len` bytes, or what was
    /// claimed. What is said here and not said again at the commit stands; with
    /// [`ProducerConfig::with_header_first`](super::ProducerConfig::with_header_first) nothing else may be said then but a
    /// shorter length.
    ///
    /// # Errors
    /// [`CommitRefused`]; the claim is what it was.
    pub fn start(
        &mut self,
        claim: &mut Claim,
        tensor: &TensorHeader,
        meta: CommitMeta,
    ) -> Result<(), CommitRefused> {
        let len = meta.len.unwrap_or(claim.len);
        self.start_buffer(&mut claim.buffer, tensor, len, meta)
    }

    /// Tells who wants to know that the first `bytes_filled` bytes of a claim are there, no more often than that is wanted
    /// (C-073). The first report begins a claim that was not [started](Self::start). The end is told by its commit.
    ///
    /// # Errors
    /// [`CommitRefused`]: fewer bytes than before or more than it has (C-072).
    pub fn offer_progress(
        &mut self,
        claim: &mut Claim,
        bytes_filled: u32,
    ) -> Result<(), CommitRefused> {
        let len = claim.len;
        self.fill_buffer(&mut claim.buffer, len, bytes_filled)
    }

    /// Ends a claim without a frame.
    pub fn abort(&mut self, claim: Claim) {
        let token = claim.buffer.token;
        claim.buffer.end();
        self.end(token);
    }
}
