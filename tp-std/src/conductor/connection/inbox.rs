//! What is heard on a shared stream comes through here.

use tp_core_nostd::proto::dispatch::{Ignored, classify};
use tp_core_nostd::proto::session::Inbound;
use tp_core_nostd::time::Instant;
use tp_core_nostd::transport::{ImageEvent, ImageId};

use super::Adding;
use crate::aeron::TransportError;
use crate::context::Endpoint;
use crate::medium::{Medium, Receiver};

/// A subscription that is polled here, with the time each of its images was joined.
#[derive(Debug)]
pub(super) struct Inbox {
    endpoint: Option<Endpoint>,
    is_wanted: bool,
    adding: Adding<Box<dyn Receiver>>,
    subscription: Option<Box<dyn Receiver>>,
    /// The one before, which is read to its end first.
    leaving: Option<Box<dyn Receiver>>,
    joined: Vec<(ImageId, Instant)>,
}

impl Inbox {
    pub(super) const fn new(endpoint: Option<Endpoint>) -> Self {
        Self {
            endpoint,
            is_wanted: false,
            adding: Adding::Wanted,
            subscription: None,
            leaving: None,
            joined: Vec::new(),
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
        let ask = || medium.subscription(endpoint);
        if let Some(subscription) = self.adding.ask_or_poll(ask)? {
            self.leaving = self.subscription.replace(subscription);
            self.joined.clear();
        }
        Ok(())
    }

    /// An untethered subscription that lost an image does not get it back; a new one does.
    pub(super) fn again(&mut self) {
        self.adding = Adding::Wanted;
        self.subscription = None;
        self.leaving = None;
        self.joined.clear();
    }

    /// The same where nothing may be missed of the images that are still there: they are read on until the new subscription
    /// stands. What both bring comes twice.
    pub(super) fn renew(&mut self) {
        self.adding = Adding::Wanted;
    }

    /// Whether all that is said there is heard.
    pub(super) const fn is_open(&self) -> bool {
        self.subscription.is_some() || self.endpoint.is_none()
    }

    /// Reports lost images, then hands on what the others sent.
    pub(super) fn poll(
        &mut self,
        now: Instant,
        limit: u32,
        lost: &mut dyn FnMut(ImageId),
        received: &mut dyn FnMut(Result<Inbound<'_>, Ignored>),
    ) -> u32 {
        let Some(subscription) = &mut self.subscription else {
            return 0;
        };
        let joined = &mut self.joined;
        subscription.image_events(&mut |image, event| match event {
            ImageEvent::Available => joined.push((image, now)),
            ImageEvent::Unavailable => {
                joined.retain(|(known, _)| *known != image);
                lost(image);
            }
        });
        let since = |image| {
            joined
                .iter()
                .find(|(known, _)| *known == image)
                .map_or(now, |(_, joined)| *joined)
        };
        let mut hand_on = |bytes: &[u8], image| {
            received(classify(bytes).map(|message| Inbound {
                message,
                image,
                joined: since(image),
            }));
        };
        if let Some(leaving) = &mut self.leaving {
            let polled = leaving.poll(limit, &mut hand_on).unwrap_or(0);
            if polled > 0 {
                return polled;
            }
            self.leaving = None;
        }
        let polled = subscription.poll(limit, &mut hand_on);
        // A closed subscription belongs to a client that ended, which `do_work` of the client reports.
        polled.unwrap_or(0)
    }
}
