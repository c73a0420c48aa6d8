//! The way to the medium: the shared streams of one client, and coming back after the medium gave the client up.

use core::fmt;
use core::task::Poll;

use tp_core_nostd::proto::dispatch::{Ignored, Message, classify};
use tp_core_nostd::proto::session::Inbound;
use tp_core_nostd::time::Instant;
use tp_core_nostd::transport::{ImageEvent, ImageId};
use tp_core_nostd::wire::control::ShmPoolAnnounce;

use super::attaching::Attaching;
use crate::aeron::TransportError;
use crate::client::handlers::Stream;
use crate::context::{Context, Endpoint};
use crate::log::Seldom;
use crate::medium::{Awaited, Medium, Receiver, Sender};

/// An endpoint of some kind, on its way or there.
pub(super) enum Adding<T: 'static> {
    /// To be asked for.
    Wanted,
    /// Asked for.
    Asked(Awaited<T>),
    /// There, or handed on.
    Done,
}

impl<T> Adding<T> {
    /// What was asked for, once it is there. It is handed out once.
    pub(super) fn poll(&mut self) -> Result<Option<T>, TransportError> {
        let Self::Asked(awaited) = self else {
            return Ok(None);
        };
        match awaited() {
            Poll::Pending => Ok(None),
            Poll::Ready(result) => {
                *self = Self::Done;
                result.map(Some)
            }
        }
    }

    /// Asks for it if that was not done, else looks whether it is there.
    pub(super) fn ask_or_poll(
        &mut self,
        ask: impl FnOnce() -> Result<Awaited<T>, TransportError>,
    ) -> Result<Option<T>, TransportError> {
        if matches!(self, Self::Wanted) {
            *self = Self::Asked(ask()?);
        }
        self.poll()
    }
}

impl<T> fmt::Debug for Adding<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wanted => "Wanted",
            Self::Asked(_) => "Asked",
            Self::Done => "Done",
        })
    }
}

/// A shared publication. It is added when somebody first wants to say something.
#[derive(Debug)]
struct Outbox {
    endpoint: Option<Endpoint>,
    is_wanted: bool,
    adding: Adding<Box<dyn Sender>>,
    publication: Option<Box<dyn Sender>>,
}

impl Outbox {
    const fn new(endpoint: Option<Endpoint>) -> Self {
        Self {
            endpoint,
            is_wanted: false,
            adding: Adding::Wanted,
            publication: None,
        }
    }

    fn add(&mut self, medium: &mut dyn Medium) -> Result<(), TransportError> {
        let Some(endpoint) = self.endpoint.as_ref().filter(|_| self.is_wanted) else {
            return Ok(());
        };
        let ask = || medium.publication(endpoint);
        if let Some(publication) = self.adding.ask_or_poll(ask)? {
            self.publication = Some(publication);
        }
        Ok(())
    }

    fn again(&mut self) {
        self.adding = Adding::Wanted;
        self.publication = None;
    }

    fn sender(&mut self) -> Option<&mut dyn Sender> {
        self.is_wanted = true;
        match &mut self.publication {
            Some(publication) => Some(publication.as_mut()),
            None => None,
        }
    }
}

/// A subscription that is polled here, with the time each of its images was joined.
#[derive(Debug)]
struct Inbox {
    endpoint: Option<Endpoint>,
    is_wanted: bool,
    adding: Adding<Box<dyn Receiver>>,
    subscription: Option<Box<dyn Receiver>>,
    joined: Vec<(ImageId, Instant)>,
}

impl Inbox {
    const fn new(endpoint: Option<Endpoint>) -> Self {
        Self {
            endpoint,
            is_wanted: false,
            adding: Adding::Wanted,
            subscription: None,
            joined: Vec::new(),
        }
    }

    const fn wanted(endpoint: Option<Endpoint>) -> Self {
        let mut inbox = Self::new(endpoint);
        inbox.is_wanted = true;
        inbox
    }

    fn add(&mut self, medium: &mut dyn Medium) -> Result<(), TransportError> {
        let Some(endpoint) = self.endpoint.as_ref().filter(|_| self.is_wanted) else {
            return Ok(());
        };
        let ask = || medium.subscription(endpoint);
        if let Some(subscription) = self.adding.ask_or_poll(ask)? {
            self.subscription = Some(subscription);
        }
        Ok(())
    }

    /// An untethered subscription that lost an image does not get it back; a new one does.
    fn again(&mut self) {
        self.adding = Adding::Wanted;
        self.subscription = None;
        self.joined.clear();
    }

    /// Whether all that is said there is heard.
    const fn is_open(&self) -> bool {
        self.subscription.is_some() || self.endpoint.is_none()
    }

    /// Reports lost images, then hands on what the others sent.
    fn poll(
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
        let polled = subscription.poll(limit, &mut |bytes, image| {
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
    medium: Box<dyn Medium>,
    /// Messages taken from each shared subscription in one duty cycle (C-146).
    fragments: u32,
    heard: Heard,
    control: Outbox,
    qos: Outbox,
    metadata: Outbox,
    /// The publisher that granted us a lease: when its image goes, so did the driver (D-155).
    pub(super) driver: Option<ImageId>,
    /// The image that the last announce came through.
    announcer: Option<ImageId>,
    errors_said: Seldom,
    pub(super) attaching: Attaching,
}

/// The shared streams that are listened to, each polled in one place (C-118).
#[derive(Debug)]
struct Heard {
    control: Inbox,
    /// Nothing, where announces come on the control stream.
    announce: Inbox,
    descriptor: Inbox,
    qos: Inbox,
    metadata: Inbox,
}

impl Heard {
    fn each(&mut self) -> [&mut Inbox; 5] {
        let Self {
            control,
            announce,
            descriptor,
            qos,
            metadata,
        } = self;
        [control, announce, descriptor, qos, metadata]
    }
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
    pub(super) fn new(medium: Box<dyn Medium>, context: &Context) -> Self {
        let control = Some(context.control().clone());
        let announce =
            (context.announce() != context.control()).then(|| context.announce().clone());
        let mut outbox = Outbox::new(control.clone());
        outbox.is_wanted = true;
        Self {
            medium,
            fragments: context.budgets().fragments,
            heard: Heard {
                control: Inbox::wanted(control),
                announce: Inbox::wanted(announce),
                descriptor: Inbox::new(Some(context.descriptor().clone())),
                qos: Inbox::new(context.qos().cloned()),
                metadata: Inbox::new(context.metadata().cloned()),
            },
            control: outbox,
            qos: Outbox::new(context.qos().cloned()),
            metadata: Outbox::new(context.metadata().cloned()),
            driver: None,
            announcer: None,
            errors_said: Seldom::new(),
            attaching: Attaching::default(),
        }
    }

    /// Drives the medium and whatever is still being added.
    ///
    /// # Errors
    /// What the client cannot go on after: no media driver, or endpoints it refuses.
    pub(super) fn do_work(&mut self, now: Instant) -> Result<Progress, TransportError> {
        let work = match self.medium.do_work() {
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
                if let Some(count) = self.errors_said.happened(now, 1) {
                    tracing::warn!(%error, count, "Aeron reports an error");
                }
                1
            }
        };
        let medium = self.medium.as_mut();
        for inbox in self.heard.each() {
            inbox.add(medium)?;
        }
        for outbox in [&mut self.control, &mut self.qos, &mut self.metadata] {
            outbox.add(medium)?;
        }
        Ok(Progress::Work(work))
    }

    fn reconnect(&mut self) -> Result<(), TransportError> {
        // Endpoints go before their client.
        self.driver = None;
        self.announcer = None;
        for outbox in [&mut self.control, &mut self.qos, &mut self.metadata] {
            outbox.again();
        }
        self.heard.each().into_iter().for_each(Inbox::again);
        self.medium.reconnect()
    }

    /// Hands on what arrived; returns how much, and whether the driver's image went.
    pub(super) fn poll(
        &mut self,
        now: Instant,
        mut received: impl FnMut(Result<Inbound<'_>, Ignored>),
    ) -> (u32, bool) {
        let (mut work, mut driver_gone) = (0_u32, false);
        let (driver, announcer) = (self.driver, &mut self.announcer);
        let announces_at = usize::from(self.heard.announce.endpoint.is_some());
        for (at, inbox) in self.heard.each().into_iter().enumerate() {
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
            work = work.saturating_add(inbox.poll(now, self.fragments, &mut lost, &mut received));
            // Whoever has no lease waits for the driver, and all that is said elsewhere is repeated: nothing is missed.
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
        self.heard.each().into_iter().for_each(Inbox::again);
    }

    /// The shared control publication, once requests can be answered: our subscriptions stand.
    pub(super) fn control(&mut self) -> Option<&mut dyn Sender> {
        let hears = self.heard.control.is_open() && self.heard.announce.is_open();
        self.control.sender().filter(|_| hears)
    }

    /// The shared QoS publication, once it is there; asked for when it is first wanted.
    pub(super) fn qos(&mut self) -> Option<&mut dyn Sender> {
        self.qos.sender()
    }

    /// The shared metadata publication, once it is there; asked for when it is first wanted.
    pub(super) fn metadata(&mut self) -> Option<&mut dyn Sender> {
        self.metadata.sender()
    }

    /// A handler wants to hear what is said there from now on.
    pub(super) const fn listen_to(&mut self, stream: Stream) {
        match stream {
            Stream::Control => {}
            Stream::Descriptor => self.heard.descriptor.is_wanted = true,
            Stream::Qos => self.listen_to_qos(),
            Stream::Metadata => self.listen_to_metadata(),
        }
    }

    /// Somebody wants to hear QoS reports from now on.
    pub(super) const fn listen_to_qos(&mut self) {
        self.heard.qos.is_wanted = true;
    }

    /// Somebody wants to hear metadata from now on.
    pub(super) const fn listen_to_metadata(&mut self) {
        self.heard.metadata.is_wanted = true;
    }

    /// Where endpoints of roles are added.
    pub(super) fn medium(&mut self) -> &mut dyn Medium {
        self.medium.as_mut()
    }
}
