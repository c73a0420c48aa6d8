//! Where descriptors are read from: the shared stream, a private one, or the old one to its end while the new one already
//! collects (wire 3.4, C-110).
//!
//! ```text
//!             begin              leave           next began, current read so far
//!  current ──────────► current + next ──► leaving ──────────► next is current
//!     ▲                     │ drop            │
//!     └─────────────────────┴─────────────────┘
//! ```
//!
//! The next stream is not read before the old one is to be left, and then no further than its first frame. The old one is
//! left as soon as nothing is missing before that, so nothing is lost, even if the publisher took the new stream into use
//! long after it could be seen; what both brought is a duplicate to the sequencer.

use tp_core_nostd::transport::{ImageEvent, ImageId};

use super::Note;
use crate::medium::Receiver;

/// A stream that descriptors or progress come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Everybody's descriptor stream.
    Shared,
    /// The descriptor stream assigned to this consumer alone.
    Private,
    /// The control stream assigned to this consumer alone.
    Control,
}

/// What the conductor wants to be read.
#[derive(Debug)]
pub(crate) enum Order {
    /// A private descriptor stream was added beside the shared one.
    Private(Box<dyn Receiver>),
    /// This descriptor stream is left as soon as the other one makes it needless.
    Leave(Side),
    /// The shared descriptor stream is not left: it comes anew.
    Stay,
    /// The private descriptor stream is given up.
    Drop,
    /// Every stream is given up; the shared one comes anew.
    Reset,
    /// Progress comes through this stream, too; `None` leaves it.
    Control(Option<Box<dyn Receiver>>),
}

/// A subscription and whose it is.
#[derive(Debug)]
struct Feed {
    side: Side,
    receiver: Box<dyn Receiver>,
    /// The image of another publisher went. If the stream becomes his, nothing will be heard here.
    is_deaf: bool,
}

impl Feed {
    fn new(side: Side, receiver: Box<dyn Receiver>) -> Self {
        Self {
            side,
            receiver,
            is_deaf: false,
        }
    }
}

/// What happened to the sequence of descriptors by a change of streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// A new subscription to the same stream.
    Again,
    /// Two streams are open from now on.
    Begin,
    /// One stream is open again.
    End,
}

/// The descriptor streams of one consumer.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    current: Option<Feed>,
    next: Option<Feed>,
    leaving: bool,
    /// Another private stream, which waits until the one before is left.
    later: Option<Feed>,
}

impl Feeds {
    /// Whether only the stream of our own is read.
    pub(super) fn is_private(&self) -> bool {
        self.current
            .as_ref()
            .is_some_and(|feed| feed.side == Side::Private)
    }

    /// A subscription to the shared stream arrived: in place of the one there was, or beside the private one.
    pub(super) fn add_shared(&mut self, receiver: Box<dyn Receiver>) -> Turn {
        let feed = Some(Feed::new(Side::Shared, receiver));
        if self.is_private() {
            self.next = feed;
            return Turn::Begin;
        }
        self.current = feed;
        Turn::Again
    }

    /// A subscription to the private stream arrived.
    pub(super) fn add_private(&mut self, receiver: Box<dyn Receiver>) -> Option<Turn> {
        let feed = Some(Feed::new(Side::Private, receiver));
        if self.is_private() && self.leaving {
            self.later = feed;
            return None;
        }
        self.next = feed;
        Some(Turn::Begin)
    }

    /// This stream is left as soon as the other one makes it needless; at once if it was not gone over to yet.
    pub(super) fn leave(&mut self, side: Side) -> Option<Turn> {
        match self.next.as_ref().map(|next| next.side) {
            Some(next) if next == side => return self.drop_private(),
            next => self.leaving = next.is_some(),
        }
        None
    }

    /// The shared stream is not left after all.
    pub(super) fn stay(&mut self) {
        self.leaving &= self.is_private();
    }

    /// Whether one stream is to be left for the other.
    pub(super) const fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// The private stream that was to come is given up.
    pub(super) fn drop_private(&mut self) -> Option<Turn> {
        self.later = None;
        self.next.take_if(|next| next.side == Side::Private)?;
        self.leaving = false;
        Some(Turn::End)
    }

    pub(super) fn reset(&mut self) -> Turn {
        *self = Self::default();
        Turn::End
    }

    /// Images that came and went. The end of another publisher on the stream is nothing to us for as long as `ours` is there.
    pub(super) fn image_events(&mut self, ours: Option<ImageId>, mut tell: impl FnMut(Note)) {
        let is_left = [self.leaving, false];
        let feeds = [&mut self.current, &mut self.next].into_iter().zip(is_left);
        for (feed, is_left) in feeds.filter_map(|(feed, is_left)| Some((feed.as_mut()?, is_left))) {
            let (mut came, mut went) = (false, false);
            feed.receiver.image_events(&mut |_, event| match event {
                ImageEvent::Available => came = true,
                ImageEvent::Unavailable => went = true,
            });
            feed.is_deaf |= went;
            let is_ours_there = || ours.is_some_and(|image| feed.receiver.has_image(image));
            if is_left {
                // Whatever becomes of it.
            } else if feed.is_deaf && !is_ours_there() {
                feed.is_deaf = false;
                tell(Note::Lost(feed.side));
            } else if came {
                tell(Note::Found(feed.side));
            }
        }
    }

    /// Hands on at most `limit` messages of the stream that is read.
    pub(super) fn poll(&mut self, limit: u32, handler: &mut dyn FnMut(&[u8], ImageId)) -> u32 {
        poll(&mut self.current, limit, handler)
    }

    /// Hands on one message of the stream that comes next, if there is one.
    pub(super) fn poll_next(&mut self, handler: &mut dyn FnMut(&[u8], ImageId)) -> u32 {
        poll(&mut self.next, 1, handler)
    }

    /// Leaves one stream for the other; says what that means, in order.
    pub(super) fn cross(&mut self) -> (Turn, Option<Turn>) {
        self.leaving = false;
        self.current = self.next.take();
        self.next = self.later.take();
        (Turn::End, self.next.as_ref().map(|_| Turn::Begin))
    }
}

/// Where the connection ended, another one is being set up.
fn poll(feed: &mut Option<Feed>, limit: u32, handler: &mut dyn FnMut(&[u8], ImageId)) -> u32 {
    let feed = feed.as_mut();
    feed.map_or(0, |feed| feed.receiver.poll(limit, handler).unwrap_or(0))
}
