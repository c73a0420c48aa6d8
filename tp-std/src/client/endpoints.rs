//! Publications and subscriptions of the application's own, on the client's connection (client 1.2).

use core::time::Duration;
use std::thread;
use std::time::Instant;

use tp_core_nostd::agent::IdleStrategy;
use tp_core_nostd::transport::{ImageEvent, ImageId, PollError, SendError};

use super::Client;
use crate::conductor::{Command, Conductor, Wish, is_in_cycle};
use crate::context::Endpoint;
use crate::error::Error;
use crate::idle::SleepingIdle;
use crate::medium::{ChannelStatus, Receiver, Sender};

use super::Pending;

/// How often a call that waits looks again.
const LOOK_EVERY: Duration = Duration::from_millis(1);

impl Client {
    /// Asks for a publication of the application's own; it shares its image with others of this stream. Answers at once.
    ///
    /// # Errors
    /// [`Error::Config`] for a text that is no channel, [`Error::QueueFull`].
    pub fn add_publication(
        &self,
        channel: &str,
        stream_id: i32,
    ) -> Result<Pending<PublicationHandle>, Error> {
        self.publish_on(&endpoint(channel, stream_id)?)
    }

    pub(crate) fn publish_on(
        &self,
        endpoint: &Endpoint,
    ) -> Result<Pending<PublicationHandle>, Error> {
        let endpoint = endpoint.clone();
        self.ask(|handle| Command::AddPublication(Wish { endpoint, handle }))
    }

    /// Asks for a subscription of the application's own. It loses its images rather than hold a publisher up.
    ///
    /// # Errors
    /// As [`Client::add_publication`].
    pub fn add_subscription(
        &self,
        channel: &str,
        stream_id: i32,
    ) -> Result<Pending<SubscriptionHandle>, Error> {
        self.subscribe(&endpoint(channel, stream_id)?)
    }

    pub(super) fn subscribe(
        &self,
        endpoint: &Endpoint,
    ) -> Result<Pending<SubscriptionHandle>, Error> {
        let endpoint = endpoint.clone();
        self.ask(|handle| Command::AddSubscription(Wish { endpoint, handle }))
    }
}

pub(super) fn endpoint(channel: &str, stream_id: i32) -> Result<Endpoint, Error> {
    let channel = channel
        .parse()
        .map_err(crate::error::ConfigError::Channel)?;
    Ok(Endpoint::new(channel, stream_id))
}

/// A publication of the application's own. It is used on any one thread and closes when dropped; when its client ends,
/// it answers `Closed`.
#[derive(Debug)]
pub struct PublicationHandle {
    sender: Box<dyn Sender>,
    endpoint: Endpoint,
}

impl PublicationHandle {
    pub(crate) const fn new(sender: Box<dyn Sender>, endpoint: Endpoint) -> Self {
        Self { sender, endpoint }
    }

    /// Sends one whole message. Never waits.
    ///
    /// # Errors
    /// See [`SendError`]; nothing was sent then.
    pub fn offer(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.sender.offer(message)
    }

    /// Whether a message of `len` bytes would be taken at the moment; another sender may be faster.
    ///
    /// # Errors
    /// What `offer` would say.
    pub fn can_accept(&self, len: usize) -> Result<(), SendError> {
        self.sender.can_accept(len)
    }
}

/// A subscription of the application's own: whole messages, in order per image. It is used on any one thread and closes
/// when dropped; when its client ends, it answers `Closed`.
#[derive(Debug)]
pub struct SubscriptionHandle {
    receiver: Box<dyn Receiver>,
    endpoint: Endpoint,
}

impl SubscriptionHandle {
    pub(crate) const fn new(receiver: Box<dyn Receiver>, endpoint: Endpoint) -> Self {
        Self { receiver, endpoint }
    }

    /// Hands at most `limit` messages to `handler`, with the image they came from; returns how many.
    ///
    /// # Errors
    /// See [`PollError`].
    pub fn poll(
        &mut self,
        limit: u32,
        mut handler: impl FnMut(&[u8], ImageId),
    ) -> Result<u32, PollError> {
        self.receiver.poll(limit, &mut handler)
    }

    /// Reports publishers that came and went since the last call, in order.
    pub fn image_events(&mut self, mut handler: impl FnMut(ImageId, ImageEvent)) {
        self.receiver.image_events(&mut handler);
    }

    /// How many publishers are connected at the moment.
    pub fn image_count(&self) -> usize {
        self.receiver.image_count()
    }

    fn is_there(&self) -> bool {
        self.image_count() > 0
    }
}

/// Declares what both kinds of handle tell of themselves.
macro_rules! introspection {
    ($($handle:ident($raw:ident).$connected:ident)*) => {$(
        impl $handle {
            /// The channel as it was asked for.
            pub fn channel(&self) -> String {
                self.endpoint.channel.to_string()
            }

            /// Its stream id.
            pub const fn stream_id(&self) -> i32 {
                self.endpoint.stream_id
            }

            /// The transport's number for it, where it has one.
            pub fn registration_id(&self) -> Option<i64> {
                self.$raw.registration_id()
            }

            /// What the transport says about its channel.
            pub fn channel_status(&self) -> ChannelStatus {
                self.$raw.channel_status()
            }

            /// Whether somebody is at the other end at the moment. An observation: it may be over when this returns, and
            /// nothing is to rest on it (C-023).
            pub fn is_connected(&self) -> bool {
                self.$connected()
            }

            /// Waits until somebody is at the other end, while the conductor runs elsewhere (C-024).
            ///
            /// # Errors
            /// [`Error::Timeout`], or [`Error::InCallback`].
            pub fn wait_connected(&self, timeout: Duration) -> Result<(), Error> {
                wait(timeout, || self.is_connected(), || {
                    thread::sleep(LOOK_EVERY);
                    Ok(())
                })
            }

            /// Waits until somebody is at the other end, while driving the conductor.
            ///
            /// # Errors
            /// What the conductor met, [`Error::Timeout`], or [`Error::InCallback`].
            pub fn wait_connected_with(
                &self,
                conductor: &mut Conductor,
                timeout: Duration,
            ) -> Result<(), Error> {
                let mut idle = SleepingIdle::new(LOOK_EVERY);
                wait(timeout, || self.is_connected(), || {
                    idle.idle(conductor.do_work()?);
                    Ok(())
                })
            }
        }
    )*};
}

introspection! {
    PublicationHandle(sender).is_heard
    SubscriptionHandle(receiver).is_there
}

impl PublicationHandle {
    fn is_heard(&self) -> bool {
        self.sender.is_connected()
    }
}

fn wait(
    timeout: Duration,
    done: impl Fn() -> bool,
    mut drive: impl FnMut() -> Result<(), Error>,
) -> Result<(), Error> {
    if is_in_cycle() {
        return Err(Error::InCallback);
    }
    let started = Instant::now();
    while !done() {
        if started.elapsed() > timeout {
            return Err(Error::Timeout);
        }
        drive()?;
    }
    Ok(())
}
