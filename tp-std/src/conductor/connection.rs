//! The way to the media driver: one Aeron client, the shared control and announce streams, and coming back after the
//! media driver gave the client up.

use core::task::Poll;

use tp_core_nostd::proto::dispatch::{Ignored, Message, classify};
use tp_core_nostd::time::Instant;
use tp_core_nostd::transport::{ImageEvent, ImageId, Subscription};
use tp_core_nostd::wire::control::ShmPoolAnnounce;

use crate::aeron::{
    AeronClient, AeronPublication, AeronSubscription, Channel, ClientConfig, Pending,
    TransportError,
};
use crate::context::{Context, Endpoint};
use tp_core_nostd::proto::session::Inbound;

/// Messages taken from each shared subscription in one duty cycle (C-146).
const FRAGMENTS_PER_CYCLE: u32 = 64;

/// An endpoint of some kind, on its way or there.
#[derive(Debug)]
pub(super) enum Adding<T: 'static> {
    /// To be asked for.
    Wanted,
    /// Asked for.
    Asked(Pending<T>),
    /// There, or handed on.
    Done,
}

impl<T> Adding<T> {
    /// What was asked for, once it is there. It is handed out once.
    pub(super) fn poll(&mut self) -> Result<Option<T>, TransportError> {
        let Self::Asked(pending) = self else {
            return Ok(None);
        };
        match pending.poll() {
            Poll::Pending => Ok(None),
            Poll::Ready(result) => {
                *self = Self::Done;
                result.map(Some)
            }
        }
    }

    /// Asks for it if that was not done, else looks whether it is there.
    fn ask_or_poll(
        &mut self,
        ask: impl FnOnce() -> Result<Pending<T>, TransportError>,
    ) -> Result<Option<T>, TransportError> {
        if matches!(self, Self::Wanted) {
            *self = Self::Asked(ask()?);
        }
        self.poll()
    }
}

/// A subscription that is polled here, with the time each of its images was joined.
#[derive(Debug)]
struct Inbox {
    endpoint: Endpoint,
    adding: Adding<AeronSubscription>,
    subscription: Option<AeronSubscription>,
    joined: Vec<(ImageId, Instant)>,
}

impl Inbox {
    fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            adding: Adding::Wanted,
            subscription: None,
            joined: Vec::new(),
        }
    }

    fn add(&mut self, aeron: &mut AeronClient) -> Result<(), TransportError> {
        let Endpoint { channel, stream_id } = &self.endpoint;
        let ask = || aeron.add_subscription(&channel.clone().for_client_subscription(), *stream_id);
        if let Some(subscription) = self.adding.ask_or_poll(ask)? {
            self.subscription = Some(subscription);
        }
        Ok(())
    }

    /// An untethered subscription that lost an image does not get it back; a new one does.
    fn again(&mut self) {
        *self = Self::new(self.endpoint.clone());
    }

    /// Reports lost images, then hands on what the others sent.
    fn poll(
        &mut self,
        now: Instant,
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
        let polled = subscription.poll(FRAGMENTS_PER_CYCLE, &mut |bytes, image| {
            received(classify(bytes).map(|message| Inbound {
                message,
                image,
                joined: since(image),
            }));
        });
        // A closed subscription belongs to a client that ended, which `do_work` of the client reports.
        polled.unwrap_or(0)
    }
}

/// The connection of one client.
#[derive(Debug)]
pub(super) struct Connection {
    config: ClientConfig,
    control_endpoint: Endpoint,
    aeron: Option<AeronClient>,
    inboxes: Vec<Inbox>,
    adding_control: Adding<AeronPublication>,
    control: Option<AeronPublication>,
    /// The publisher that granted us a lease: when its image goes, so did the driver (D-155).
    pub(super) driver: Option<ImageId>,
    /// The image that the last announce came through.
    announcer: Option<ImageId>,
}

/// What a duty cycle of the connection brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// So much was done.
    Work(u32),
    /// The connection was lost and is set up anew: every endpoint and every lease is gone.
    Reconnected,
}

impl Connection {
    pub(super) fn open(context: &Context) -> Result<Self, TransportError> {
        let mut config = ClientConfig::new(context.aeron_dir());
        context.client_name().clone_into(&mut config.name);
        config.driver_timeout = context.driver_timeout();
        let aeron = AeronClient::connect(&config)?;
        let mut inboxes = vec![Inbox::new(context.control().clone())];
        // One poller per stream (C-118); announces come on the control stream where no other is configured.
        if context.announce() != context.control() {
            inboxes.push(Inbox::new(context.announce().clone()));
        }
        Ok(Self {
            config,
            control_endpoint: context.control().clone(),
            aeron: Some(aeron),
            inboxes,
            adding_control: Adding::Wanted,
            control: None,
            driver: None,
            announcer: None,
        })
    }

    /// Drives Aeron and whatever is still being added.
    ///
    /// # Errors
    /// What the client cannot go on after: no media driver, or endpoints it refuses.
    pub(super) fn do_work(&mut self) -> Result<Progress, TransportError> {
        let Some(aeron) = &mut self.aeron else {
            return Err(TransportError::Closed);
        };
        let work = match aeron.do_work() {
            Ok(work) => work,
            Err(TransportError::ClientTimedOut { detail, .. }) => {
                tracing::warn!(
                    detail,
                    "the media driver gave this client up; connecting again"
                );
                return self.reconnect().map(|()| Progress::Reconnected);
            }
            Err(error) if error.ends_client() => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "Aeron reports an error");
                1
            }
        };
        for inbox in &mut self.inboxes {
            inbox.add(aeron)?;
        }
        let Endpoint { channel, stream_id } = &self.control_endpoint;
        let ask = || aeron.add_publication(&channel.clone().for_publication(), *stream_id);
        if let Some(control) = self.adding_control.ask_or_poll(ask)? {
            self.control = Some(control);
        }
        Ok(Progress::Work(work))
    }

    fn reconnect(&mut self) -> Result<(), TransportError> {
        self.driver = None;
        self.announcer = None;
        self.control = None;
        self.adding_control = Adding::Wanted;
        self.inboxes.iter_mut().for_each(Inbox::again);
        // The old client goes before the new one comes, endpoints before their client.
        self.aeron = None;
        self.aeron = Some(AeronClient::connect(&self.config)?);
        Ok(())
    }

    /// Hands on what arrived; returns how much, and whether the driver's image went.
    pub(super) fn poll(
        &mut self,
        now: Instant,
        mut received: impl FnMut(Result<Inbound<'_>, Ignored>),
    ) -> (u32, bool) {
        let (mut work, mut driver_gone) = (0_u32, false);
        let (driver, announcer) = (self.driver, &mut self.announcer);
        let announces_at = self.inboxes.len().saturating_sub(1);
        for (at, inbox) in self.inboxes.iter_mut().enumerate() {
            let mut other_gone = false;
            let voices = [driver, announcer.filter(|_| at == 0)];
            let mut lost = |image| match voices.contains(&Some(image)) {
                true => driver_gone = true,
                false => other_gone = true,
            };
            let mut received = |message: Result<Inbound<'_>, Ignored>| {
                // Announces elsewhere, or without sense, are some stranger's, who may go as he came.
                if let Ok(inbound) = &message
                    && let Message::ShmPoolAnnounce(view) = inbound.message
                    && at == announces_at
                    && ShmPoolAnnounce::try_from(view).is_ok()
                {
                    *announcer = Some(inbound.image);
                }
                received(message);
            };
            work = work.saturating_add(inbox.poll(now, &mut lost, &mut received));
            // Whoever has no lease waits for the driver, and announces of their own stream are repeated: nothing is missed.
            if other_gone && (driver.is_none() || at > 0) {
                inbox.again();
            }
        }
        (work, driver_gone)
    }

    /// Subscribes to the shared streams again, as after the loss of the driver's image: it may have been us who were
    /// too slow, and messages may be missing.
    pub(super) fn subscribe_again(&mut self) {
        self.driver = None;
        self.announcer = None;
        self.inboxes.iter_mut().for_each(Inbox::again);
    }

    /// The shared control publication, once requests can be answered: our subscriptions stand.
    pub(super) fn control(&mut self) -> Option<&mut AeronPublication> {
        let heard = self
            .inboxes
            .iter()
            .all(|inbox| inbox.subscription.is_some());
        self.control.as_mut().filter(|_| heard)
    }

    pub(super) const fn aeron(&mut self) -> Option<&mut AeronClient> {
        self.aeron.as_mut()
    }
}

/// An endpoint of a role: its stream, and how its channel is to be used.
pub(super) fn subscription_channel(endpoint: &Endpoint) -> Channel {
    endpoint.channel.clone().for_client_subscription()
}

pub(super) fn publication_channel(endpoint: &Endpoint) -> Channel {
    endpoint.channel.clone().for_publication()
}
