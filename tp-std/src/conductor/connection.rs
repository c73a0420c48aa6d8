//! The way to the medium: the shared streams of one client, and coming back after the medium gave the client up.

mod adding;
mod inbox;
mod outbox;

use tp_core_nostd::proto::dispatch::{Ignored, Message};
use tp_core_nostd::proto::session::Inbound;
use tp_core_nostd::time::Instant;
use tp_core_nostd::transport::ImageId;
use tp_core_nostd::wire::control::ShmPoolAnnounce;

use super::attaching::Attaching;
use crate::aeron::TransportError;
use crate::client::handlers::Stream;
use crate::context::Context;
use crate::log::Seldom;
use crate::medium::{Medium, Sender};
pub(super) use adding::Adding;
use inbox::Inbox;
use outbox::Outbox;

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
        Self {
            medium,
            fragments: context.budgets().fragments,
            heard: Heard {
                control: Inbox::wanted(control.clone()),
                announce: Inbox::wanted(announce),
                descriptor: Inbox::new(Some(context.descriptor().clone())),
                qos: Inbox::new(context.qos().cloned()),
                metadata: Inbox::new(context.metadata().cloned()),
            },
            control: Outbox::wanted(control),
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
        let announces_at = usize::from(self.heard.announce.has_endpoint());
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
            match driver.is_none() || at > 0 {
                true if other_gone => inbox.again(),
                false if other_gone => inbox.renew(),
                _ => {}
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
            Stream::Descriptor => self.heard.descriptor.want(),
            Stream::Qos => self.listen_to_qos(),
            Stream::Metadata => self.listen_to_metadata(),
        }
    }

    /// Somebody wants to hear QoS reports from now on.
    pub(super) const fn listen_to_qos(&mut self) {
        self.heard.qos.want();
    }

    /// Somebody wants to hear metadata from now on.
    pub(super) const fn listen_to_metadata(&mut self) {
        self.heard.metadata.want();
    }

    /// Where endpoints of roles are added.
    pub(super) fn medium(&mut self) -> &mut dyn Medium {
        self.medium.as_mut()
    }
}
