//! The fake medium as clients use it, with a tap in every line.

use core::task::Poll;
use core::time::Duration;

use tp_core_nostd::time::{Clock, Instant};
use tp_core_nostd::transport::{
    ImageEvent, ImageId, PollError, Publication, SendError, Subscription,
};
use tp_std::aeron::TransportError;
use tp_std::medium::{Awaited, Medium, Receiver, Sender};
use tp_std::{Endpoint, METADATA_STREAM, QOS_STREAM};
use tp_tests::fake_transport::{Dice, FakeNet, FakePublication, FakeSubscription, Owner};

use super::clock::Frozen;
use super::planted::{Bug, Planted, carries_descriptors};
use super::tap::Tap;
use crate::wire::Fuse;

/// A client that was not driven for so long is given up (Aeron's client liveness timeout).
const LIVENESS: Duration = Duration::from_secs(10);
/// How long an endpoint takes to be there, at most.
const LONGEST_ADD_MS: u64 = 30;

/// What the lines of one process share.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    pub(super) net: FakeNet,
    pub(super) owner: Owner,
    pub(super) fuse: Fuse,
    /// Nothing, where threads are to meet in nothing that is not theirs.
    pub(super) tap: Option<Tap>,
    pub(super) planted: Planted,
    /// Where time stands still, nothing is heard.
    pub(super) frozen: Frozen,
}

impl Lines {
    fn now(&self) -> Instant {
        self.net.clock().now()
    }

    fn is_deaf(&self, stream_id: i32) -> bool {
        let matters = ![QOS_STREAM, METADATA_STREAM].contains(&stream_id);
        matters && self.planted.is(Bug::Frozen) && self.frozen.since().is_some()
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct SimMedium {
    lines: Lines,
    dice: Dice,
    driven_at: Instant,
    publications: u32,
}

impl SimMedium {
    pub(super) fn new(lines: Lines, dice: Dice) -> Self {
        let driven_at = lines.now();
        Self {
            lines,
            dice,
            driven_at,
            publications: 0,
        }
    }

    /// It takes its time until `endpoint` is there.
    fn later<T: Send + 'static>(&mut self, endpoint: T) -> Awaited<T> {
        let ready_at = self.lines.now().after(self.dice.delay(0..=LONGEST_ADD_MS));
        let clock = self.lines.net.clock();
        let mut endpoint = Some(endpoint);
        Box::new(move || match clock.now() >= ready_at {
            true => Poll::Ready(endpoint.take().ok_or(TransportError::Closed)),
            false => Poll::Pending,
        })
    }

    fn send_to(
        &mut self,
        publication: FakePublication,
        stream_id: i32,
    ) -> Awaited<Box<dyn Sender>> {
        self.publications += 1;
        let line: Box<dyn Sender> = Box::new(Out {
            publication,
            stream_id,
            number: self.publications,
            lines: self.lines.clone(),
            dice: Dice::seeded(self.dice.roll()),
            kept_back: None,
        });
        self.later(line)
    }
}

impl Medium for SimMedium {
    fn do_work(&mut self) -> Result<u32, TransportError> {
        let now = self.lines.now();
        if now.since(self.driven_at) > LIVENESS {
            self.lines.net.kill(self.lines.owner, Duration::ZERO);
            return Err(TransportError::ClientTimedOut {
                dir: "nowhere".into(),
                detail: "not driven in time".into(),
            });
        }
        self.driven_at = now;
        Ok(0)
    }

    fn reconnect(&mut self) -> Result<(), TransportError> {
        self.driven_at = self.lines.now();
        Ok(())
    }

    fn publication(
        &mut self,
        endpoint: &Endpoint,
    ) -> Result<Awaited<Box<dyn Sender>>, TransportError> {
        let Lines { net, owner, .. } = &self.lines;
        let publication = net.shared_publication(endpoint.stream_id, *owner);
        Ok(self.send_to(publication, endpoint.stream_id))
    }

    fn exclusive_publication(
        &mut self,
        endpoint: &Endpoint,
    ) -> Result<Awaited<Box<dyn Sender>>, TransportError> {
        let Lines { net, owner, .. } = &self.lines;
        let publication = net.publication(endpoint.stream_id, *owner);
        Ok(self.send_to(publication, endpoint.stream_id))
    }

    fn subscription(
        &mut self,
        endpoint: &Endpoint,
    ) -> Result<Awaited<Box<dyn Receiver>>, TransportError> {
        let Lines { net, owner, .. } = &self.lines;
        let line: Box<dyn Receiver> = Box::new(In {
            subscription: net.subscription(endpoint.stream_id, *owner),
            stream_id: endpoint.stream_id,
            images: Vec::new(),
            lines: self.lines.clone(),
        });
        Ok(self.later(line))
    }
}

#[derive(Debug)]
struct Out {
    publication: FakePublication,
    stream_id: i32,
    number: u32,
    lines: Lines,
    dice: Dice,
    /// A descriptor that lets the next one pass, where that is planted.
    kept_back: Option<Vec<u8>>,
}

impl Out {
    fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        let changed = self.lines.planted.changes(self.stream_id, message);
        let message = changed.as_deref().unwrap_or(message);
        if self.lines.planted.lets_out(self.stream_id, message) {
            self.publication.offer(message)?;
        }
        let now = self.lines.now();
        if let Some(tap) = &self.lines.tap {
            tap.lock().said(now, self.number, message);
        }
        Ok(())
    }
}

impl Publication for Out {
    fn offer(&mut self, message: &[u8]) -> Result<(), SendError> {
        if self.lines.fuse.is_burnt() {
            return Err(SendError::Closed);
        }
        let is_shuffled =
            carries_descriptors(self.stream_id) && self.lines.planted.is(Bug::Shuffled);
        if is_shuffled && self.kept_back.is_none() && self.dice.happens(5) {
            self.publication.can_accept(message.len())?;
            self.kept_back = Some(message.to_vec());
        } else {
            self.send(message)?;
            if let Some(late) = self.kept_back.take() {
                self.send(&late)?;
            }
        }
        self.lines.fuse.burn();
        Ok(())
    }

    fn is_connected(&self) -> bool {
        self.publication.is_connected()
    }
}

impl Sender for Out {
    fn can_accept(&self, len: usize) -> Result<(), SendError> {
        self.publication.can_accept(len)
    }
}

#[derive(Debug)]
struct In {
    subscription: FakeSubscription,
    stream_id: i32,
    images: Vec<ImageId>,
    lines: Lines,
}

impl Subscription for In {
    fn poll(
        &mut self,
        limit: u32,
        handler: &mut dyn FnMut(&[u8], ImageId),
    ) -> Result<u32, PollError> {
        let is_deaf = self.lines.is_deaf(self.stream_id)
            || (carries_descriptors(self.stream_id) && self.lines.planted.is(Bug::Tailless));
        let (now, tap) = (self.lines.now(), &self.lines.tap);
        self.subscription.poll(limit, &mut |message, image| {
            if !is_deaf {
                if let Some(tap) = tap {
                    tap.lock().heard(now, message);
                }
                handler(message, image);
            }
        })
    }

    fn image_events(&mut self, handler: &mut dyn FnMut(ImageId, ImageEvent)) {
        let images = &mut self.images;
        let is_deaf = self.lines.is_deaf(self.stream_id);
        self.subscription.image_events(&mut |image, event| {
            match event {
                ImageEvent::Available => images.push(image),
                ImageEvent::Unavailable => images.retain(|known| *known != image),
            }
            if !is_deaf {
                handler(image, event);
            }
        });
    }

    fn image_count(&self) -> usize {
        self.subscription.image_count()
    }
}

impl Receiver for In {
    fn has_image(&self, image: ImageId) -> bool {
        self.images.contains(&image)
    }
}
