//! The shared subscriptions of a client, with the time each of their images was joined, and which of them is the driver's.

use tp_core_nostd::time::Instant;
use tp_core_nostd::transport::{ImageEvent, ImageId, Subscription};
use tp_tests::fake_transport::{FakeNet, FakeSubscription, Owner};

use crate::{ANNOUNCE, CONTROL};

/// A message and how it came.
pub(super) struct Letter {
    pub(super) bytes: Vec<u8>,
    pub(super) image: ImageId,
    pub(super) joined: Instant,
}

/// Where a client hears the driver.
pub(super) struct Ears {
    net: FakeNet,
    owner: Owner,
    control: Inbox,
    announces: Inbox,
    /// Whoever granted the lease.
    pub(super) driver: Option<ImageId>,
}

impl Ears {
    pub(super) fn open(net: &FakeNet, owner: Owner) -> Self {
        Self {
            net: net.clone(),
            owner,
            control: Inbox::open(net, CONTROL, owner),
            announces: Inbox::open(net, ANNOUNCE, owner),
            driver: None,
        }
    }

    /// Takes everything that has arrived; says whether the driver's image went. An untethered subscription that lost an
    /// image does not get it back; a new one does.
    pub(super) fn hear(&mut self, now: Instant, received: &mut Vec<Letter>) -> bool {
        let lost = self.control.poll(now, received);
        let driver_gone = lost.iter().any(|image| Some(*image) == self.driver);
        if !lost.is_empty() && self.driver.is_none() {
            self.control = Inbox::open(&self.net, CONTROL, self.owner);
        }
        if !self.announces.poll(now, received).is_empty() {
            self.announces = Inbox::open(&self.net, ANNOUNCE, self.owner);
        }
        driver_gone
    }

    /// Begins anew, with whatever driver there is.
    pub(super) fn again(&mut self) {
        *self = Self::open(&self.net, self.owner);
    }
}

/// A shared subscription, never tethered.
pub(super) struct Inbox {
    subscription: FakeSubscription,
    joined: Vec<(ImageId, Instant)>,
}

impl Inbox {
    pub(super) fn open(net: &FakeNet, stream_id: i32, owner: Owner) -> Self {
        Self {
            subscription: net.subscription(stream_id, owner),
            joined: Vec::new(),
        }
    }

    /// Takes everything that has arrived; names the images that went.
    pub(super) fn poll(&mut self, now: Instant, received: &mut Vec<Letter>) -> Vec<ImageId> {
        let joined = &mut self.joined;
        let mut gone = Vec::new();
        self.subscription
            .image_events(&mut |image, event| match event {
                ImageEvent::Available => joined.push((image, now)),
                ImageEvent::Unavailable => {
                    joined.retain(|(known, _)| *known != image);
                    gone.push(image);
                }
            });
        let since = |image| {
            let known = joined.iter().find(|(known, _)| *known == image);
            known.map_or(now, |(_, at)| *at)
        };
        let mut receive = |message: &[u8], image| {
            received.push(Letter {
                bytes: message.to_vec(),
                image,
                joined: since(image),
            });
        };
        self.subscription.poll(1000, &mut receive).unwrap();
        gone
    }
}
