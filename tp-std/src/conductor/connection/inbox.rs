//! What is heard on a shared stream comes through here.

use tp_core_nostd::proto::dispatch::{Ignored, classify};
use tp_core_nostd::proto::session::Inbound;
use tp_core_nostd::time::Instant;
use tp_core_nostd::transport::{ImageEvent, ImageId};

use super::Adding;
use crate::aeron::TransportError;
use crate::context::Endpoint;
use crate::medium::{Medium, Receiver};

/// A subscription that is polled here; the one before it is read to its end first.
#[derive(Debug)]
pub(super) struct Inbox {
    endpoint: Option<Endpoint>,
    is_wanted: bool,
    adding: Adding<Box<dyn Receiver>>,
    current: Option<Ear>,
    leaving: Option<Ear>,
}

impl Inbox {
    pub(super) const fn new(endpoint: Option<Endpoint>) -> Self {
        Self {
            endpoint,
            is_wanted: false,
            adding: Adding::Wanted,
            current: None,
            leaving: None,
        }
    }

    pub(super) const fn wanted(endpoint: Option<Endpoint>) -> Self {
        let mut inbox = Self::new(endpoint);
        inbox.is_wanted = true;
        inbox
    }

    /// Somebody wants to hear what is said there from now on.
    pub(super) const fn want(&mut self) {
        self.is_wanted = true;
    }

    pub(super) const fn has_endpoint(&self) -> bool {
        self.endpoint.is_some()
    }

    pub(super) fn add(&mut self, medium: &mut dyn Medium) -> Result<(), TransportError> {
        let Some(endpoint) = self.endpoint.as_ref().filter(|_| self.is_wanted) else {
            return Ok(());
        };
        if self.leaving.is_some() {
            return Ok(());
        }
        let ask = || medium.subscription(endpoint);
        if let Some(receiver) = self.adding.ask_or_poll(ask)? {
            self.leaving = self.current.replace(Ear::new(receiver));
        }
        Ok(())
    }

    /// An untethered subscription that lost an image does not get it back; a new one does.
    pub(super) fn again(&mut self) {
        self.adding = Adding::Wanted;
        self.current = None;
        self.leaving = None;
    }

    /// The same where nothing may be missed of the images that are still there: they are read on until the new subscription
    /// stands. What both bring comes twice.
    pub(super) fn renew(&mut self) {
        self.adding = Adding::Wanted;
    }

    /// Whether all that is said there is heard.
    pub(super) const fn is_open(&self) -> bool {
        self.current.is_some() || self.endpoint.is_none()
    }

    /// Reports lost images, then hands on what the others sent.
    pub(super) fn poll(
        &mut self,
        now: Instant,
        limit: u32,
        lost: &mut dyn FnMut(ImageId),
        received: &mut dyn FnMut(Result<Inbound<'_>, Ignored>),
    ) -> u32 {
        let Some(current) = &mut self.current else {
            return 0;
        };
        current.notice_images(now, lost);
        if let Some(leaving) = &mut self.leaving {
            let polled = leaving.poll(now, limit, received);
            if polled > 0 {
                return polled;
            }
            self.leaving = None;
        }
        current.poll(now, limit, received)
    }
}

/// One subscription, with the time each of its images was joined (W-042).
#[derive(Debug)]
struct Ear {
    receiver: Box<dyn Receiver>,
    joined: Vec<(ImageId, Instant)>,
}

impl Ear {
    fn new(receiver: Box<dyn Receiver>) -> Self {
        Self {
            receiver,
            joined: Vec::new(),
        }
    }

    fn notice_images(&mut self, now: Instant, lost: &mut dyn FnMut(ImageId)) {
        let joined = &mut self.joined;
        self.receiver.image_events(&mut |image, event| match event {
            ImageEvent::Available => joined.push((image, now)),
            ImageEvent::Unavailable => {
                joined.retain(|(known, _)| *known != image);
                lost(image);
            }
        });
    }

    fn poll(
        &mut self,
        now: Instant,
        limit: u32,
        received: &mut dyn FnMut(Result<Inbound<'_>, Ignored>),
    ) -> u32 {
        let joined = &self.joined;
        let since = |image| {
            let known = joined.iter().find(|(known, _)| *known == image);
            known.map_or(now, |(_, joined)| *joined)
        };
        let mut hand_on = |bytes: &[u8], image| {
            received(classify(bytes).map(|message| Inbound {
                message,
                image,
                joined: since(image),
            }));
        };
        // A closed subscription belongs to a client that ended, which `do_work` of the client reports.
        self.receiver.poll(limit, &mut hand_on).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
