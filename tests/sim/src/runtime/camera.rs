//! An application that writes a stream: frames that are copied, frames that are [filled](Filling) in place, in order or
//! not, and frames that are given up. Now and then its buffers belong to a device for a while ([`Rig`]), and sometimes it has
//! no driver.

use core::task::Poll;
use std::path::{Path, PathBuf};

use tp_core_nostd::ids::Epoch;
use tp_core_nostd::shm::TensorHeader;
use tp_core_nostd::time::Instant;
use tp_core_nostd::wire::enums::{Dtype, MajorOrder};
use tp_std::{
    Client, Consumers, Frame, OfferError, Pending, Producer, ProducerConfig, Published, Stage,
    TraceIds, Tracing,
};
use tp_tests::fake_transport::Dice;

use super::files::own_regions;
use super::filling::Filling;
use super::ledger::{Content, Ledger};
use super::planted::{Bug, Planted};
use super::rig::Rig;
use super::source::{Saying, Source};
use super::wishes::CameraWish;
use super::{ASK_AGAIN, STRIDE};

/// Frames that are filled at the same time at most.
const IN_HAND: usize = 3;
/// The node of a camera without a driver, which hands out lower ones.
const NODE_WITHOUT_DRIVER: u64 = 1001;
/// Bytes that a hasty camera tells of too early.
const TOO_MANY: usize = 100;

/// See the module.
pub(super) struct Camera {
    pub(super) wish: CameraWish,
    /// Where it makes regions of its own.
    dir: PathBuf,
    asked: Option<Pending<Producer>>,
    ask_at: Instant,
    pub(super) producer: Option<Producer>,
    in_hand: Vec<Filling>,
    /// In place of the producer.
    rig: Option<Rig>,
    source: Source,
    dice: Dice,
    planted: Planted,
}

impl Camera {
    pub(super) fn new(wish: CameraWish, dir: &Path, dice: Dice, planted: Planted) -> Self {
        Self {
            wish,
            dir: dir.to_owned(),
            asked: None,
            ask_at: Instant::from_ns(0),
            producer: None,
            in_hand: Vec::new(),
            rig: None,
            source: Source::default(),
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
        self.speak(ledger, haste);
        if let Some(rig) = &mut self.rig {
            return rig.step(self.wish.stream, ledger, &mut self.dice, tensor);
        }
        let begun = match self.dice.within(0..=11) {
            _ if haste && self.in_hand.is_empty() => self.offer(ledger),
            _ if haste => self.commit(ledger),
            0..=2 => self.offer(ledger),
            3 | 4 => self.claim(ledger),
            5 | 6 => self.go_on(),
            7..=9 => self.commit(ledger),
            10 => self.give_up(),
            _ => self.tend(),
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
                self.asked = client.producer(self.config(now)).ok();
            }
            None | Some(Poll::Pending) => {}
            Some(Poll::Ready(result)) => {
                self.asked = None;
                self.ask_at = now.after(ASK_AGAIN);
                self.producer = result.ok();
                // It begins to say what it is.
                self.source = Source::default();
            }
        }
    }

    fn config(&self, now: Instant) -> ProducerConfig {
        let wish = &self.wish;
        let config = match wish.is_direct {
            true => {
                let regions = own_regions(&self.dir, now, wish.stream);
                ProducerConfig::direct(wish.stream, regions)
            }
            false => ProducerConfig::new(wish.stream),
        };
        config
            .with_tracing(self.tracing())
            .with_header_first(wish.header_first)
            .with_descriptor_timestamp(true)
    }

    /// Its frames are nobody's children, under the node that the driver gives it, or else one of its own.
    fn tracing(&self) -> Tracing {
        let tracing = Tracing::of(Stage::Root);
        let own = match (self.planted.is(Bug::Namesakes), self.wish.is_direct) {
            (false, false) => return tracing,
            (false, true) => NODE_WITHOUT_DRIVER,
            (true, _) => 1,
        };
        tracing.with_ids(TraceIds::of_node(own).unwrap())
    }

    /// Sends what waited for its time; how consumers are treated may change, where that is its business.
    pub(super) fn tend(&mut self) -> Result<u32, OfferError> {
        if let Some(producer) = &mut self.producer {
            producer.poll();
            if self.wish.is_direct && self.dice.happens(2) {
                let grants = self.dice.happens(60);
                let consumers = Consumers::new().with_private_descriptors(grants);
                producer.set_consumers(consumers.with_private_controls(grants));
            }
        }
        Ok(0)
    }

    /// Says something of its source; in haste what everybody has to hear.
    fn speak(&mut self, ledger: &mut Ledger, haste: bool) {
        let (stream, dice) = (self.wish.stream, &mut self.dice);
        match (&mut self.producer, &mut self.rig) {
            (Some(producer), _) if haste => self.source.close(stream, producer, ledger, dice),
            _ if haste || !dice.happens(2) => {}
            (Some(producer), _) => self.source.go_on(stream, producer, ledger, dice),
            (None, Some(rig)) => self.source.go_on(stream, rig.producer(), ledger, dice),
            (None, None) => {}
        }
    }

    /// What it said last, and the version of that.
    pub(super) fn said(&self) -> Option<(u32, Saying)> {
        let version = self.producer.as_ref()?.meta_version()?;
        Some((version, self.source.said.clone()))
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
        let frame = Frame {
            capture_ns: Some(content.captured_ns),
            ..Frame::new(tensor(payload.len()), payload)
        };
        let published = producer.offer(&frame)?;
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
        let begun = Filling::begin(producer, self.wish.stream, &mut self.dice, ledger)?;
        self.in_hand.push(begun);
        Ok(1)
    }

    /// Some more of one of those in hand is there.
    fn go_on(&mut self) -> Result<u32, OfferError> {
        let Some(mut filling) = self.pick() else {
            return Ok(0);
        };
        let too_many = match self.planted.is(Bug::Hasty) {
            true => TOO_MANY,
            false => 0,
        };
        if let Some(producer) = &mut self.producer {
            filling.go_on(producer, &mut self.dice, too_many);
        }
        self.in_hand.push(filling);
        Ok(0)
    }

    /// Commits any of those in hand; one whose lease is gone is given up.
    fn commit(&mut self, ledger: &mut Ledger) -> Result<u32, OfferError> {
        let Some(filling) = self.pick() else {
            return Ok(0);
        };
        let (epoch, content) = (filling.epoch, filling.content);
        let producer = self.producer.as_mut();
        if let Some(published) = producer.and_then(|producer| filling.commit(producer)) {
            self.note(ledger, epoch, published, content);
        }
        Ok(0)
    }

    /// Aborts or drops one of those in hand.
    fn give_up(&mut self) -> Result<u32, OfferError> {
        if let Some(filling) = self.pick() {
            let aborts = self.dice.happens(50);
            filling.give_up(self.producer.as_mut().filter(|_| aborts));
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

    fn pick(&mut self) -> Option<Filling> {
        let last = self.in_hand.len().checked_sub(1)?;
        let at = self.dice.within(0..=last as u64);
        Some(self.in_hand.swap_remove(usize::try_from(at).unwrap()))
    }

    fn note(&mut self, ledger: &mut Ledger, epoch: Epoch, published: Published, content: Content) {
        let content = match self.planted.is(Bug::Scribbled) && self.dice.happens(2) {
            true => ledger.content(content.len),
            false => content,
        };
        ledger.published(self.wish.stream, epoch, published.seq, content);
    }
}

pub(super) fn len(dice: &mut Dice) -> usize {
    usize::try_from(dice.within(8..=STRIDE as u64)).unwrap()
}

pub(super) fn tensor(len: usize) -> TensorHeader {
    let dims = [i32::try_from(len).unwrap()];
    TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &dims).unwrap()
}
