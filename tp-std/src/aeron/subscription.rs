//! The receiving end: whole messages per image, and images that come and go.

use core::fmt;
use std::sync::Arc;

use rusteron_client as rc;
use tp_core_nostd::transport::{ImageEvent, ImageId, PollError, Subscription};

use super::assembler::Assembler;
use super::error;
use super::frame::{self, Fragment, Images};
use super::publication::channel_status;
use super::shared::Shared;
use crate::medium::ChannelStatus;

/// Receives from every publication of its channel and stream. One thread uses it at a time.
///
/// An [`ImageId`] is the registration id of the publication behind the image: never used twice by a media driver,
/// unlike a session id. With `rejoin=true` (never our default) a reader that was too slow gets the same image back,
/// and with it the same id, after an `Unavailable`.
///
/// `image_events` compares the images there are with those it reported last, so it cannot overflow. What it cannot
/// show is an image that came and went between two calls; call it every cycle, before `poll`. Where the client is
/// driven by another thread, the first messages of an image can overtake its `Available` by one call.
pub struct AeronSubscription {
    raw: Option<rc::AeronSubscription>,
    shared: Arc<Shared>,
    channel: String,
    stream_id: i32,
    registration_id: i64,
    status_counter: i32,
    assembler: Assembler,
    /// Images reported as available.
    images: Vec<ImageId>,
    /// The images there are now; kept for its buffer.
    present: Vec<ImageId>,
}

impl AeronSubscription {
    /// The subscription, once the media driver has answered.
    pub(super) fn complete(
        registration: &rc::AeronAsyncAddSubscription,
        shared: &Arc<Shared>,
    ) -> Result<Option<Self>, rc::AeronCError> {
        let Some(raw) = registration.poll()? else {
            return Ok(None);
        };
        let facts = raw.get_constants().map(|constants| {
            let channel = constants.channel().to_owned();
            let id = constants.registration_id();
            let counter = constants.channel_status_indicator_id();
            (channel, constants.stream_id(), id, counter)
        });
        let mut subscription = Self {
            raw: Some(raw),
            shared: shared.clone(),
            channel: String::new(),
            stream_id: 0,
            registration_id: 0,
            status_counter: 0,
            assembler: Assembler::default(),
            images: Vec::new(),
            present: Vec::new(),
        };
        (
            subscription.channel,
            subscription.stream_id,
            subscription.registration_id,
            subscription.status_counter,
        ) = facts?;
        Ok(Some(subscription))
    }

    /// The channel as it was asked for.
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// Aeron's stream id.
    pub fn stream_id(&self) -> i32 {
        self.stream_id
    }

    /// Aeron's number for it; unique for the life of the media driver.
    pub fn registration_id(&self) -> i64 {
        self.registration_id
    }

    /// What Aeron says about the channel.
    pub fn channel_status(&self) -> ChannelStatus {
        match self.open() {
            Some(raw) => channel_status(self.status_counter, raw.channel_status()),
            None => ChannelStatus::Errored,
        }
    }

    /// Whether this image was available when events were last asked for.
    pub fn has_image(&self, image: ImageId) -> bool {
        self.images.contains(&image)
    }

    /// Stops receiving; the images still known are reported as unavailable. Dropping does the same without a report.
    pub fn close(&mut self) {
        if let Some(raw) = self.raw.take() {
            self.shared.give_back(Box::new(raw));
        }
    }

    /// Aeron's subscription while it can be used.
    fn open(&self) -> Option<&rc::AeronSubscription> {
        self.raw
            .as_ref()
            .filter(|raw| !self.shared.is_closed() && !raw.is_closed())
    }
}

impl Subscription for AeronSubscription {
    fn poll(
        &mut self,
        limit: u32,
        handler: &mut dyn FnMut(&[u8], ImageId),
    ) -> Result<u32, PollError> {
        let raw = match &self.raw {
            Some(raw) if !self.shared.is_closed() => raw,
            _ => return Err(PollError::Closed),
        };
        let assembler = &mut self.assembler;
        let mut messages: u32 = 0;
        let mut images = Images::default();
        let on_frame = |bytes: &[u8], header: rc::AeronHeader| {
            let Some(image) = images.of(&header) else {
                return;
            };
            let message = if frame::is_whole(&header) {
                Some(bytes)
            } else {
                let fragment = Fragment::new(bytes, &header, image);
                fragment.and_then(|fragment| assembler.assemble(fragment))
            };
            if let Some(message) = message {
                messages = messages.saturating_add(1);
                handler(message, image);
            }
        };
        // One frame completes at most one message, so the limit on frames is one on messages.
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        match raw.poll_fn(on_frame, limit) {
            Ok(_) => Ok(messages),
            Err(_) if raw.is_closed() => Err(PollError::Closed),
            Err(_) => Err(PollError::Failed(error::last_code())),
        }
    }

    fn image_events(&mut self, handler: &mut dyn FnMut(ImageId, ImageEvent)) {
        let mut present = core::mem::take(&mut self.present);
        present.clear();
        if let Some(raw) = self.open() {
            raw.for_each_image(|image| present.extend(frame::image_id(image)));
        }
        if present != self.images {
            for gone in self.images.iter().filter(|id| !present.contains(id)) {
                self.assembler.forget(*gone);
                handler(*gone, ImageEvent::Unavailable);
            }
            for new in present.iter().filter(|id| !self.images.contains(id)) {
                handler(*new, ImageEvent::Available);
            }
            core::mem::swap(&mut self.images, &mut present);
        }
        self.present = present;
    }

    fn image_count(&self) -> usize {
        let count = self.open().and_then(|raw| raw.image_count().ok());
        count.and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
    }
}

impl Drop for AeronSubscription {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for AeronSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            channel, stream_id, ..
        } = self;
        write!(f, "AeronSubscription({channel} stream {stream_id})")
    }
}
