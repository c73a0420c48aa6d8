//! A frame that is filled in place, at once or bit by bit while its camera tells how far it is.

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_std::{Claim, CommitMeta, OfferError, Producer, Published};
use tp_tests::fake_transport::Dice;

use super::camera::{len, tensor};
use super::ledger::{Content, Ledger};

/// See the module.
pub(super) struct Filling {
    claim: Claim,
    pub(super) epoch: Epoch,
    pub(super) content: Content,
    /// Bytes that are there.
    filled: usize,
    /// Its producer tells of each part.
    is_told: bool,
}

impl Filling {
    pub(super) fn begin(
        producer: &mut Producer,
        stream: StreamId,
        dice: &mut Dice,
        ledger: &mut Ledger,
    ) -> Result<Self, OfferError> {
        let epoch = producer.epoch().ok_or(OfferError::Fenced)?;
        let content = ledger.content(len(dice));
        let mut claim = producer.try_claim(u32::try_from(content.len).unwrap())?;
        ledger.begun(stream, epoch, claim.seq(), content);
        let is_told = dice.happens(60);
        if is_told {
            // What its consumers read there is left of another frame.
            let tensor = tensor(content.len);
            let _ = producer.start(&mut claim, &tensor, meta(content));
        }
        Ok(Self {
            claim,
            epoch,
            content,
            filled: 0,
            is_told,
        })
    }

    /// Some more bytes are there; `too_many` are told of that are not.
    pub(super) fn go_on(&mut self, producer: &mut Producer, dice: &mut Dice, too_many: usize) {
        let left = self.content.len - self.filled;
        let more = usize::try_from(dice.within(0..=left as u64)).unwrap();
        self.fill(self.filled + more);
        if self.is_told {
            let told = self.content.len.min(self.filled + too_many);
            // Refused where the lease is gone, which its commit will say.
            let _ = producer.offer_progress(&mut self.claim, u32::try_from(told).unwrap());
        }
    }

    /// The rest is there, too.
    pub(super) fn commit(mut self, producer: &mut Producer) -> Option<Published> {
        self.fill(self.content.len);
        // Only what was claimed in the epoch in use can be committed, and the promise is that nothing else is.
        let tensor = tensor(self.content.len);
        match producer.commit(self.claim, &tensor, meta(self.content)) {
            Ok(published) => Some(published),
            Err(refused) => {
                producer.abort(refused.claim);
                None
            }
        }
    }

    /// There will be no frame.
    pub(super) fn give_up(self, producer: Option<&mut Producer>) {
        match producer {
            Some(producer) => producer.abort(self.claim),
            None => drop(self.claim),
        }
    }

    fn fill(&mut self, up_to: usize) {
        let part = self.content.part(self.filled..up_to);
        self.claim.write_at(self.filled, &part).unwrap();
        self.filled = up_to;
    }
}

/// It was captured when its number was given to it, so that times rise as numbers do.
fn meta(content: Content) -> CommitMeta {
    CommitMeta {
        capture_ns: Some(content.captured_ns),
        ..CommitMeta::default()
    }
}
