//! A camera that fills a fixed set of buffers in any order and cancels some.

use rustix::process::Signal;
use tp_std::{
    CommitMeta, CommitRefused, Consumer, Delivery, Filled, FixedPool, FixedPoolConfig,
    NoPoolReason, OfferError, Producer, Queued, Slot,
};

use crate::frames::{bytes_tensor, fill, is_whole, publish};
use crate::rig::{Rig, Shape, consumer, producer, wait_until};

const LEN: u32 = 1000;
const SLOTS: u32 = 8;

/// The SDK's side: buffers it may fill, and those the application looks at.
struct Camera {
    producer: Producer<FixedPool>,
    queued: Vec<Slot<Queued>>,
    filled: Vec<Slot<Filled>>,
    /// Content of the next frame.
    counter: u64,
    random: u64,
}

impl Camera {
    fn new(producer: Producer, buffers: u32) -> Self {
        let config = FixedPoolConfig { buffers, len: LEN };
        let (producer, queued) = producer.into_fixed_pool(config).unwrap();
        Self {
            producer,
            queued,
            filled: Vec::new(),
            counter: 0,
            random: 1,
        }
    }

    fn pick(&mut self, of: usize) -> usize {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.random >> 33).unwrap() % of
    }

    /// Fills one buffer, whichever, and publishes it; some are cancelled instead.
    fn work(&mut self) -> Option<(u64, Delivery)> {
        let at = self.pick(self.queued.len());
        let mut slot = self.queued.swap_remove(at);
        fill(0, self.counter, &mut slot.bytes()[..LEN as usize]);
        if self.pick(5) == 0 {
            self.queued.push(self.producer.queue(slot).unwrap());
            return None;
        }
        let meta = CommitMeta {
            len: Some(LEN),
            ..CommitMeta::default()
        };
        let (published, filled) = self
            .producer
            .commit(slot, &bytes_tensor(LEN), meta)
            .unwrap();
        assert_eq!(published.seq, filled.seq());
        self.filled.push(filled);
        // The application is done with all but the last ones.
        while self.filled.len() > 2 {
            let oldest = self.filled.remove(0);
            self.queued.push(self.producer.queue(oldest).unwrap());
        }
        self.counter += 1;
        Some((self.counter - 1, published.delivery))
    }

    fn addresses(&self) -> Vec<(u32, *const u8)> {
        let queued = self
            .queued
            .iter()
            .map(|slot| (slot.index().get(), slot.as_ptr()));
        let filled = self
            .filled
            .iter()
            .map(|slot| (slot.index().get(), slot.as_ptr()));
        let mut all: Vec<_> = queued.chain(filled).collect();
        all.sort_unstable();
        all
    }
}

/// Which frame of the camera came.
fn received(consumer: &mut Consumer) -> Option<u64> {
    let mut counter = None;
    consumer
        .poll(1, |_, reader| {
            let mut bytes = [0; LEN as usize];
            let frame = reader.read().unwrap();
            assert_eq!(frame.copy_to(&mut bytes), Ok(bytes.len()));
            // The first word tells which frame it is: try the next few.
            counter = (0..100_000).find(|counter| is_whole(0, *counter, &bytes));
        })
        .unwrap();
    counter
}

#[test] // req: C-066, C-067, C-068, C-069, C-070
fn buffers_are_filled_in_any_order_at_addresses_that_never_change() {
    let rig = Rig::start(&Shape {
        slots: SLOTS,
        ..Shape::default()
    });
    let (client, _conductor) = rig.client();
    let mut streaming = producer(&client);
    let mut consumer = consumer(&client);
    // Somebody listens before the camera starts.
    wait_until("a connected descriptor stream", || {
        let sent = publish(&mut streaming, 8).unwrap().1 == Delivery::Sent;
        consumer.poll(64, |_, _| {}).unwrap();
        sent
    });

    let too_large = streaming
        .into_fixed_pool(FixedPoolConfig {
            buffers: 2,
            len: 1 << 20,
        })
        .unwrap_err();
    let reason = NoPoolReason::Offer(OfferError::TooLarge {
        len: 1 << 20,
        max: 16 * 1024,
    });
    assert_eq!(too_large.reason, reason);
    let mut streaming = too_large.producer;
    let claim = streaming.try_claim(8).unwrap();
    let config = FixedPoolConfig {
        buffers: 2,
        len: LEN,
    };
    let refused = streaming.into_fixed_pool(config).unwrap_err();
    assert_eq!(refused.reason, NoPoolReason::Claims(1));
    drop(claim);
    let config = FixedPoolConfig {
        buffers: SLOTS + 1,
        ..config
    };
    let refused = refused.producer.into_fixed_pool(config).unwrap_err();
    let (buffers, slots) = (SLOTS + 1, SLOTS);
    assert_eq!(refused.reason, NoPoolReason::Buffers { buffers, slots });

    let mut camera = Camera::new(refused.producer, SLOTS);
    let addresses = camera.addresses();
    assert_eq!(addresses.len(), SLOTS as usize);
    for _ in 0..2000 {
        if let Some((counter, delivery)) = camera.work() {
            assert_eq!(delivery, Delivery::Sent);
            let mut came = None;
            wait_until("the frame", || {
                came = received(&mut consumer);
                came.is_some()
            });
            assert_eq!(came, Some(counter));
        }
    }
    assert!(camera.counter > 1000);
    assert_eq!(camera.addresses(), addresses);

    // One lent slot keeps the pool.
    let last = camera.queued.pop();
    camera.queued.clear();
    camera.filled.clear();
    let pool = camera.producer.into_streaming().unwrap_err();
    drop(last);
    let mut streaming = pool.into_streaming().unwrap();
    assert_eq!(publish(&mut streaming, 8).unwrap().1, Delivery::Sent);
}

#[test] // req: C-041, C-065
fn buffers_outlive_their_lease_and_are_refused_then() {
    let mut rig = Rig::start(&Shape {
        slots: SLOTS,
        ..Shape::default()
    });
    let (client, _conductor) = rig.client();
    let mut camera = Camera::new(producer(&client), 4);
    let epoch = camera.producer.epoch().unwrap();
    assert!(rig.end_driver(Signal::KILL).code().is_none());
    rig.start_driver();
    wait_until("the loss of the lease", || {
        camera.producer.epoch().is_none()
    });

    let mut slot = camera.queued.pop().unwrap();
    slot.bytes().fill(7);
    let refused = camera
        .producer
        .commit(slot, &bytes_tensor(LEN), CommitMeta::default())
        .unwrap_err();
    assert_eq!(refused.reason, CommitRefused::LeaseLost);
    let refused = camera.producer.queue(refused.claim).unwrap_err();
    assert_eq!(refused.reason, CommitRefused::LeaseLost);
    drop(refused);
    camera.queued.clear();
    let mut streaming = camera.producer.into_streaming().unwrap();
    wait_until("the next epoch", || {
        streaming.epoch().is_some_and(|next| next > epoch)
    });
    assert_eq!(publish(&mut streaming, 8).unwrap().0, 0);
}
