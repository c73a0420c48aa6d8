//! A shared subscription of a client, with the time each of its images was joined.

use tp_core_nostd::time::Instant;
use tp_core_nostd::transport::{ImageEvent, ImageId, Subscription};
use tp_tests::fake_transport::{FakeNet, FakeSubscription, Owner};

/// A message and how it came.
pub(crate) struct Letter {
    pub(crate) bytes: Vec<u8>,
    pub(crate) image: ImageId,
    pub(crate) joined: Instant,
}

/// A shared subscription, never tethered.
pub(crate) struct Inbox {
    subscription: FakeSubscription,
    joined: Vec<(ImageId, Instant)>,
}

impl Inbox {
    pub(crate) fn open(net: &FakeNet, stream_id: i32, owner: Owner) -> Self {
        Self {
            subscription: net.subscription(stream_id, owner),
            joined: Vec::new(),
        }
    }

    /// Takes everything that has arrived; names the images that went.
    pub(crate) fn poll(&mut self, now: Instant, received: &mut Vec<Letter>) -> Vec<ImageId> {
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
