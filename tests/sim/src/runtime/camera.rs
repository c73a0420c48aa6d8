//! An application that writes a stream: frames that are copied, frames that are filled in place, in order or not, and
//! frames that are given up. Now and then its buffers belong to a device for a while ([`Rig`]).

use core::task::Poll;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::shm::TensorHeader;
use tp_core_nostd::time::Instant;
use tp_core_nostd::wire::enums::{Dtype, MajorOrder};
use tp_std::{
    Claim, Client, CommitMeta, Frame, OfferError, Pending, Producer, ProducerConfig, Published,
};
use tp_tests::fake_transport::Dice;

use super::ledger::{Content, Ledger};
use super::planted::{Bug, Planted};
use super::rig::Rig;
use super::{ASK_AGAIN, STRIDE};

/// Frames that are filled at the same time at most.
const IN_HAND: usize = 3;

/// See the module.
pub(super) struct Camera {
    pub(super) stream: StreamId,
    asked: Option<Pending<Producer>>,
    ask_at: Instant,
    pub(super) producer: Option<Producer>,
    in_hand: Vec<(Claim, Epoch, Content)>,
    /// In place of the producer.
    rig: Option<Rig>,
    dice: Dice,
    planted: Planted,
}

impl Camera {
    pub(super) fn new(stream: StreamId, dice: Dice, planted: Planted) -> Self {
        Self {
            stream,
            asked: None,
            ask_at: Instant::from_ns(0),
            producer: None,
            in_hand: Vec::new(),
            rig: None,
            dice,
            planted,
        }
    }

    /// The epoch it writes.
    pub(super) fn epoch(&mut self) -> Option<Epoch> {
        match &mut self.rig {
            Some(rig) => rig.epoch(),
            None => self.producer.as_mut()?.epoch(),
        }
    }

    /// Asks for the producer, or does what cameras do; how many frames it began to write. In haste it finishes what it
    /// has in hand.
    pub(super) fn step(
        &mut self,
        now: Instant,
        client: &Client,
        ledger: &mut Ledger,
        haste: bool,
    ) -> u32 {
        self.ask(now, client);
        self.change_hands(haste);
        if let Some(rig) = &mut self.rig {
            return rig.step(self.stream, ledger, &mut self.dice, tensor);
        }
        let begun = match self.dice.within(0..=9) {
            _ if haste && self.in_hand.is_empty() => self.offer(ledger),
            _ if haste => self.commit(ledger),
            0..=2 => self.offer(ledger),
            3 | 4 => self.claim(ledger),
            5..=7 => self.commit(ledger),
            8 => self.give_up(),
            _ => Ok(0),
        };
        match begun {
            Ok(begun) => begun,
            Err(OfferError::Closed) => {
                self.in_hand.clear();
                self.producer = None;
                0
            }
            Err(_) => 0,
        }
    }

    fn ask(&mut self, now: Instant, client: &Client) {
        if self.producer.is_some() || self.rig.is_some() {
            return;
        }
        match self.asked.as_mut().map(Pending::poll) {
            None if now >= self.ask_at => {
                self.asked = client.producer(ProducerConfig::new(self.stream)).ok();
            }
            None | Some(Poll::Pending) => {}
            Some(Poll::Ready(result)) => {
                self.asked = None;
                self.ask_at = now.after(ASK_AGAIN);
                self.producer = result.ok();
            }
        }
    }

    /// A device takes the buffers, or gives them back: of itself, or because their lease is gone.
    fn change_hands(&mut self, haste: bool) {
        if let Some(mut rig) = self.rig.take() {
            let stays = rig.epoch().is_some() && !haste && !self.dice.happens(1);
            match stays {
                true => self.rig = Some(rig),
                false => self.producer = Some(rig.give_back()),
            }
        } else if self.in_hand.is_empty()
            && !haste
            && self.dice.happens(1)
            && let Some(producer) = self.producer.take()
        {
            let buffers = u32::try_from(self.dice.within(1..=8)).unwrap();
            match Rig::take(producer, buffers) {
                Ok(rig) => self.rig = Some(rig),
                Err(producer) => self.producer = Some(producer),
            }
        }
    }

    fn offer(&mut self, ledger: &mut Ledger) -> Result<u32, OfferError> {
        let Some(producer) = &mut self.producer else {
            return Ok(0);
        };
        let epoch = producer.epoch().ok_or(OfferError::Fenced)?;
        let content = ledger.content(len(&mut self.dice));
        let mut payload = [0; STRIDE];
        let payload = &mut payload[..content.len];
        content.fill(payload);
        let published = producer.offer(&Frame::new(tensor(payload.len()), payload))?;
        self.note(ledger, epoch, published, content);
        Ok(1)
    }

    fn claim(&mut self, ledger: &mut Ledger) -> Result<u32, OfferError> {
        let Some(producer) = self
            .producer
            .as_mut()
            .filter(|_| self.in_hand.len() < IN_HAND)
        else {
            return Ok(0);
        };
        let epoch = producer.epoch().ok_or(OfferError::Fenced)?;
        let content = ledger.content(len(&mut self.dice));
        let mut claim = producer.try_claim(u32::try_from(content.len).unwrap())?;
        content.fill(claim.bytes());
        self.in_hand.push((claim, epoch, content));
        Ok(1)
    }

    /// Commits any of those in hand; one whose lease is gone is given up.
    fn commit(&mut self, ledger: &mut Ledger) -> Result<u32, OfferError> {
        let Some((claim, epoch, content)) = self.pick() else {
            return Ok(0);
        };
        let Some(producer) = &mut self.producer else {
            return Ok(0);
        };
        // Only what was claimed in the epoch in use can be committed, and the promise is that nothing else is.
        let tensor = tensor(content.len);
        match producer.commit(claim, &tensor, CommitMeta::default()) {
            Ok(published) => self.note(ledger, epoch, published, content),
            Err(refused) => producer.abort(refused.claim),
        }
        Ok(0)
    }

    /// Aborts or drops one of those in hand.
    fn give_up(&mut self) -> Result<u32, OfferError> {
        let Some((claim, ..)) = self.pick() else {
            return Ok(0);
        };
        match &mut self.producer {
            Some(producer) if self.dice.happens(50) => producer.abort(claim),
            _ => drop(claim),
        }
        Ok(0)
    }

    /// The application ends. A claim that is forgotten holds its memory for ever.
    pub(super) fn end(&mut self) {
        if let Some(rig) = self.rig.as_mut().filter(|_| self.planted.is(Bug::Hoarded)) {
            rig.lose_one();
        }
        if self.planted.is(Bug::Hoarded)
            && let Some(producer) = &mut self.producer
        {
            core::mem::forget(producer.try_claim(1));
        }
    }

    fn pick(&mut self) -> Option<(Claim, Epoch, Content)> {
        let last = self.in_hand.len().checked_sub(1)?;
        let at = self.dice.within(0..=last as u64);
        Some(self.in_hand.swap_remove(usize::try_from(at).unwrap()))
    }

    fn note(&mut self, ledger: &mut Ledger, epoch: Epoch, published: Published, content: Content) {
        let content = match self.planted.is(Bug::Scribbled) && self.dice.happens(2) {
            true => ledger.content(content.len),
            false => content,
        };
        ledger.published(self.stream, epoch, published.seq, content);
    }
}

fn len(dice: &mut Dice) -> usize {
    usize::try_from(dice.within(8..=STRIDE as u64)).unwrap()
}

fn tensor(len: usize) -> TensorHeader {
    let dims = [i32::try_from(len).unwrap()];
    TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &dims).unwrap()
}
