//! Publishing from a fixed set of buffers that a camera fills (client 1.5).

use super::{CommitError, Committed, FrameMeta, Meters, Publisher, tags};
use crate::memory::CacheOps;
use crate::proto::claim::{Entries, FixedPool, Streaming, Token, TokenError};
use crate::shm::{PayloadPool, SlotImage, WritableRegion};
use crate::wire::control::FrameDescriptor;

impl<R, P, S, K, M> Publisher<R, P, Streaming<S>, K, M>
where
    R: WritableRegion,
    P: AsRef<[PayloadPool<R>]>,
    S: Entries,
    K: CacheOps,
    M: Meters,
{
    /// Dedicates `buffers` slots that hold `len` bytes each; their tokens are queued and marked as being written. The
    /// publisher comes back as it was if no pool fits, while claims are outstanding, or if there are fewer slots.
    ///
    /// # Errors
    /// This publisher, as it was.
    pub fn into_fixed_pool(
        self,
        buffers: u32,
        len: u32,
    ) -> Result<Publisher<R, P, FixedPool<S>, K, M>, Self> {
        let pool = self.regions.pool_for(len as usize);
        let Some(pool) = pool.map(PayloadPool::pool_id) else {
            return Err(self);
        };
        let (regions, cache, telling) = (self.regions, self.cache, self.telling);
        match self.claims.into_fixed_pool(buffers, pool) {
            Ok(claims) => {
                let publisher = Publisher {
                    regions,
                    claims,
                    cache,
                    telling,
                };
                for token in publisher.claims.tokens() {
                    publisher.slot(token).begin(token.seq());
                }
                Ok(publisher)
            }
            Err(claims) => Err(Self {
                regions,
                claims,
                cache,
                telling,
            }),
        }
    }
}

impl<R, P, S, K, M> Publisher<R, P, FixedPool<S>, K, M>
where
    R: WritableRegion,
    P: AsRef<[PayloadPool<R>]>,
    S: Entries,
    K: CacheOps,
    M: Meters,
{
    /// Publishes `len` bytes that are in the buffer; the token that comes back can be queued again. Then call
    /// [`Self::next_ready`] until `None`.
    ///
    /// # Errors
    /// [`CommitError`]
    pub fn commit(
        &mut self,
        token: Token,
        image: &mut SlotImage,
        len: u32,
        meta: FrameMeta,
        sent_ns: Option<u64>,
    ) -> Result<(Token, Committed), CommitError> {
        self.check_len(token, len)?;
        self.check_told(token, image, len, meta)?;
        let (bound, ready) = self.claims.commit(token, tags(meta))?;
        self.rebegin(token, bound);
        let committed = self.finish(bound, ready, image, len, meta, sent_ns);
        self.complete(token, len);
        Ok((bound, committed))
    }

    /// Gives a buffer back for filling, and marks its slot as being written. Then call [`Self::next_ready`] until `None`.
    ///
    /// # Errors
    /// [`TokenError`]
    pub fn queue(&mut self, token: Token) -> Result<Token, TokenError> {
        let queued = self.claims.queue(token)?;
        self.forget(token);
        self.slot(queued).begin(queued.seq());
        Ok(queued)
    }

    /// Ends the claim on a buffer, after acquisition stopped. Then call [`Self::next_ready`] until `None`.
    ///
    /// # Errors
    /// [`TokenError`]
    pub fn release(&mut self, token: Token) -> Result<(), TokenError> {
        self.claims.release(token)?;
        self.forget(token);
        Ok(())
    }

    /// As for streaming claims.
    pub fn next_ready(&mut self, sent_ns: Option<u64>) -> Option<FrameDescriptor> {
        let ready = self.claims.next_ready()?;
        Some(self.unhold(ready, sent_ns))
    }

    /// Goes back to frames in ring order, once every buffer was released.
    ///
    /// # Errors
    /// This publisher, as it was.
    pub fn into_streaming(self) -> Result<Publisher<R, P, Streaming<S>, K, M>, Self> {
        let (regions, cache, telling) = (self.regions, self.cache, self.telling);
        match self.claims.into_streaming() {
            Ok(claims) => Ok(Publisher {
                regions,
                claims,
                cache,
                telling,
            }),
            Err(claims) => Err(Self {
                regions,
                claims,
                cache,
                telling,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::claim::{Entry, Overtaking, TableId};
    use crate::proto::regions::fixture::{self, Memory};
    use crate::seq::Seq;
    use crate::shm::{CommitWord, Dtype, MajorOrder, TensorHeader};
    use std::vec::Vec;

    type Camera = Publisher<Memory, [PayloadPool<Memory>; 2], FixedPool<[Entry; 4]>>;

    fn camera(buffers: u32) -> Camera {
        let entries = [Entry::FREE; 4];
        let claims = Streaming::new(TableId(1), entries, fixture::SLOTS, Overtaking::Hold).unwrap();
        let publisher = Publisher::new(fixture::regions(), claims);
        publisher.into_fixed_pool(buffers, 200).unwrap()
    }

    fn commit(camera: &mut Camera, token: Token) -> (Token, Committed) {
        let tensor = TensorHeader::contiguous(Dtype::Bytes, MajorOrder::Row, &[200]).unwrap();
        let meta = FrameMeta::default();
        camera
            .commit(token, &mut SlotImage::new(&tensor), 200, meta, None)
            .unwrap()
    }

    fn word(camera: &Camera, token: Token) -> CommitWord {
        camera.regions.ring().slot(token.slot()).load().unwrap()
    }

    fn seq(raw: u64) -> Seq {
        Seq::new(raw).unwrap()
    }

    #[test] // req: C-066, C-067, C-068, C-070
    fn buffers_keep_their_address_and_get_their_number_late() {
        let mut camera = camera(4);
        let tokens: Vec<_> = camera.claims().tokens().collect();
        let addresses: Vec<_> = tokens
            .iter()
            .map(|token| camera.payload(*token).unwrap().as_mut_ptr())
            .collect();
        assert!(
            tokens
                .iter()
                .all(|token| token.pool() == fixture::pool_id(1))
        );
        for (token, raw) in tokens.iter().zip(0..) {
            assert_eq!(word(&camera, *token), CommitWord::in_progress(seq(raw)));
        }
        // The camera completes buffer 2 first; buffer 0 then has to be numbered 4.
        let (second, committed) = commit(&mut camera, tokens[2]);
        assert!(matches!(committed, Committed::Ready(sent) if sent.seq == seq(2)));
        let (first, committed) = commit(&mut camera, tokens[0]);
        assert_eq!(first.seq(), seq(4));
        assert!(matches!(committed, Committed::Ready(sent) if sent.seq == seq(4)));
        assert_eq!(word(&camera, first), CommitWord::committed(seq(4)));
        // Queued again, its frame is gone for readers and its address is what it was.
        let queued = camera.queue(second).unwrap();
        assert_eq!(word(&camera, queued), CommitWord::in_progress(seq(6)));
        let address = camera.payload(queued).unwrap().as_mut_ptr();
        assert_eq!(address, addresses[2]);
    }

    #[test] // req: C-067, E-06
    fn a_number_that_was_told_stays_and_holds_the_others() {
        let mut camera = camera(2);
        let tokens: Vec<_> = camera.claims().tokens().collect();
        let told = camera.announce(tokens[0]).unwrap();
        let (waiting, committed) = commit(&mut camera, tokens[1]);
        assert_eq!(committed, Committed::Held(seq(1)));
        assert_eq!(word(&camera, waiting), CommitWord::in_progress(seq(1)));
        assert_eq!(camera.next_ready(None), None);
        assert_eq!(camera.announce(told), Ok(told));
        let (_, committed) = commit(&mut camera, told);
        assert_eq!(committed.seq(), seq(0));
        assert_eq!(camera.next_ready(None).map(|d| d.seq), Some(seq(1)));
        assert_eq!(word(&camera, waiting), CommitWord::committed(seq(1)));
    }

    #[test] // req: C-069
    fn the_pool_is_given_up_when_all_buffers_are_released() {
        let camera = camera(2);
        let mut camera = camera.into_streaming().unwrap_err();
        let tokens: Vec<_> = camera.claims().tokens().collect();
        for token in tokens {
            camera.release(token).unwrap();
        }
        let publisher = camera.into_streaming().unwrap();
        let publisher = publisher.into_fixed_pool(2, 257).unwrap_err();
        let mut publisher = publisher.into_fixed_pool(5, 1).unwrap_err();
        publisher.claim(1).unwrap();
        assert!(publisher.into_fixed_pool(2, 1).is_err());
    }
}
