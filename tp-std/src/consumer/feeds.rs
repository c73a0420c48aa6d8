//! Where descriptors are read from: the shared stream, a private one, or the old one to its end while the new one already
//! collects (wire 3.4, C-110).
//!
//! ```text
//!             begin              leave, old one read empty
//!  current ──────────► current + next ──────────► next is current
//!     ▲                     │ drop
//!     └─────────────────────┘
//! ```
//!
//! The next stream is not read before the old one is left. What it brings begins at the latest where the old one was read
//! to the end, so nothing is lost; what both brought is a duplicate to the sequencer.

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
    /// The old descriptor stream is to be read empty and left.
    Leave,
    /// The new descriptor stream is given up.
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
        let feed = Some(Feed {
            side: Side::Shared,
            receiver,
        });
        if self.is_private() {
            self.next = feed;
            return Turn::Begin;
        }
        self.current = feed;
        Turn::Again
    }

    /// A subscription to the private stream arrived.
    pub(super) fn add_private(&mut self, receiver: Box<dyn Receiver>) -> Turn {
        self.next = Some(Feed {
            side: Side::Private,
            receiver,
        });
        Turn::Begin
    }

    /// The current stream is left as soon as it is read empty.
    pub(super) const fn leave(&mut self) {
        self.leaving = self.next.is_some();
    }

    /// The next stream is given up.
    pub(super) fn drop_next(&mut self) -> Turn {
        self.leaving = false;
        self.next = None;
        Turn::End
    }

    pub(super) fn reset(&mut self) -> Turn {
        self.current = None;
        self.drop_next()
    }

    /// Images that came and went. The end of another publisher on the stream is nothing to us while `ours` is there.
    pub(super) fn image_events(&mut self, ours: Option<ImageId>, mut tell: impl FnMut(Note)) {
        for feed in [&mut self.current, &mut self.next].into_iter().flatten() {
            let (mut came, mut went) = (false, false);
            feed.receiver.image_events(&mut |_, event| match event {
                ImageEvent::Available => came = true,
                ImageEvent::Unavailable => went = true,
            });
            let is_ours_there = ours.is_some_and(|image| feed.receiver.has_image(image));
            if went && !is_ours_there {
                tell(Note::Lost(feed.side));
            } else if came {
                tell(Note::Found(feed.side));
            }
        }
    }

    /// Hands on at most `limit` messages; says if that ended a switch.
    pub(super) fn poll(
        &mut self,
        limit: u32,
        handler: &mut dyn FnMut(&[u8], ImageId),
    ) -> (u32, Option<Turn>) {
        // Where the connection ended, another one is being set up.
        let mut poll = |feed: &mut Option<Feed>| {
            let feed = feed.as_mut();
            feed.map_or(0, |feed| feed.receiver.poll(limit, handler).unwrap_or(0))
        };
        let polled = poll(&mut self.current);
        if polled > 0 || !self.leaving {
            return (polled, None);
        }
        self.leaving = false;
        self.current = self.next.take();
        (0, Some(Turn::End))
    }
}
