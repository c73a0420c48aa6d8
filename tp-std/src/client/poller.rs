//! A stream heard from a thread of the application, with the handlers that the conductor would tell (client 1.7).
//!
//! A poller has a subscription of its own, so it takes no message from anybody: not from the client's roles, nor from its
//! handlers, nor from other pollers (C-118). It classifies and tells as the conductor does; only the thread is another one.

use core::marker::PhantomData;
use core::task::Poll;

use tp_core_nostd::proto::dispatch::{Ignored, Message, classify};
use tp_core_nostd::transport::{ImageEvent, PollError};

use super::endpoints::{SubscriptionHandle, endpoint};
use super::{Client, Pending};
use crate::aeron::TransportError;
use crate::context::Endpoint;
use crate::error::Error;

/// Messages taken at most in one call, unless the application says otherwise (C-122).
const FRAGMENT_LIMIT: u32 = 10;

/// Hears one stream for handlers of family `F`, such as [`Qos`](crate::handlers::Qos), on any one thread. One that is to
/// hear a single type of message is given a handler that implements no more.
///
/// It asks its client for the subscription and hears from then on; the client must be driven by somebody. A poller that was
/// too slow loses what it did not take, and subscribes again by itself.
///
/// ```no_run
/// # use tp_std::{Client, Error, Poller, QOS_STREAM};
/// use tp_core_nostd::wire::control::QosConsumer;
/// use tp_std::handlers::{Qos, QosHandler};
///
/// struct Losses(u64);
///
/// impl QosHandler for Losses {
///     fn on_consumer(&mut self, report: &QosConsumer) {
///         self.0 = report.drops_gap + report.drops_late;
///     }
/// }
///
/// # fn watch(client: &Client) -> Result<(), Error> {
/// let mut poller = Poller::<Qos>::new(client, "aeron:ipc?term-length=4m", QOS_STREAM)?;
/// let mut losses = Losses(0);
/// loop {
///     poller.poll(&mut losses)?;
/// #   break;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Poller<F> {
    client: Client,
    endpoint: Endpoint,
    limit: u32,
    subscription: Option<SubscriptionHandle>,
    next: Next,
    malformed: u64,
    interruptions: u64,
    family: PhantomData<fn(F)>,
}

/// The subscription that is to follow.
#[derive(Debug)]
enum Next {
    None,
    Wanted,
    Asked(Pending<SubscriptionHandle>),
}

impl<F> Poller<F> {
    /// Hears `stream_id` on `channel`. Answers at once; the first calls of `poll` find nothing yet.
    ///
    /// # Errors
    /// [`Error::Config`] for a text that is no channel, [`Error::QueueFull`].
    pub fn new(client: &Client, channel: &str, stream_id: i32) -> Result<Self, Error> {
        let endpoint = endpoint(channel, stream_id)?;
        let next = Next::Asked(client.subscribe(&endpoint)?);
        Ok(Self {
            client: client.clone(),
            endpoint,
            limit: FRAGMENT_LIMIT,
            subscription: None,
            next,
            malformed: 0,
            interruptions: 0,
            family: PhantomData,
        })
    }

    /// How many messages one call of `poll` takes at most; 10 by default.
    #[must_use]
    pub const fn with_fragment_limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// Hears another stream instead: the old one until the new one is there (C-124).
    ///
    /// # Errors
    /// As [`Self::new`]; it goes on as it was then.
    pub fn rebind(&mut self, channel: &str, stream_id: i32) -> Result<(), Error> {
        let endpoint = endpoint(channel, stream_id)?;
        self.next = Next::Asked(self.client.subscribe(&endpoint)?);
        self.endpoint = endpoint;
        Ok(())
    }

    /// The channel that is heard, or will be.
    pub fn channel(&self) -> String {
        self.endpoint.channel.to_string()
    }

    /// The stream that is heard, or will be.
    pub const fn stream_id(&self) -> i32 {
        self.endpoint.stream_id
    }

    /// Whether somebody speaks there at the moment.
    pub fn is_connected(&self) -> bool {
        let subscription = self.subscription.as_ref();
        subscription.is_some_and(SubscriptionHandle::is_connected)
    }

    /// Whether what is said there is heard.
    pub(crate) const fn is_open(&self) -> bool {
        self.subscription.is_some()
    }

    /// Messages that claimed to be ours and did not fit, or made no sense (C-151).
    pub const fn malformed_messages(&self) -> u64 {
        self.malformed
    }

    /// How often a publisher went, or took this poller for too slow; messages may be missing then.
    pub const fn interruptions(&self) -> u64 {
        self.interruptions
    }

    /// Classifies what arrived, for `tell`.
    pub(crate) fn take(&mut self, mut tell: impl FnMut(Message<'_>)) -> Result<u32, Error> {
        self.follow()?;
        let Some(subscription) = &mut self.subscription else {
            return match self.next {
                Next::None => Err(Error::Closed),
                Next::Wanted | Next::Asked(_) => Ok(0),
            };
        };
        let (mut gone, malformed) = (0_u64, &mut self.malformed);
        subscription.image_events(|_, event| {
            gone = gone.saturating_add((event == ImageEvent::Unavailable).into());
        });
        let taken = subscription.poll(self.limit, |bytes, _| match classify(bytes) {
            Ok(message) => {
                *malformed = malformed.saturating_add(u64::from(!message.makes_sense()));
                tell(message);
            }
            Err(Ignored::Malformed(_)) => *malformed = malformed.saturating_add(1),
            Err(Ignored::Foreign | Ignored::Newer(_)) => {}
        });
        if gone > 0 {
            // An untethered subscription does not get a lost image back; a new one does.
            self.interruptions = self.interruptions.saturating_add(gone);
            if matches!(self.next, Next::None) {
                self.next = Next::Wanted;
                self.ask()?;
            }
        }
        match taken {
            Ok(taken) => Ok(taken),
            Err(PollError::Closed) => self.lose(),
            Err(PollError::Failed(code)) => Err(TransportError::Failed {
                code,
                detail: "a poll failed".to_owned(),
            }
            .into()),
        }
    }

    /// The subscription is gone, with its client or with the client's connection, which is set up anew.
    fn lose(&mut self) -> Result<u32, Error> {
        self.subscription = None;
        self.next = Next::Wanted;
        self.ask().map(|()| 0)
    }

    /// Asks for the subscription that is wanted; where there is no room for the wish, the next call does.
    fn ask(&mut self) -> Result<(), Error> {
        if matches!(self.next, Next::Wanted) {
            match self.client.subscribe(&self.endpoint) {
                Ok(pending) => self.next = Next::Asked(pending),
                Err(Error::QueueFull) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Goes over to the subscription that is to follow, once it is there.
    fn follow(&mut self) -> Result<(), Error> {
        self.ask()?;
        if let Next::Asked(pending) = &mut self.next
            && let Poll::Ready(subscription) = pending.poll()
        {
            self.next = Next::None;
            self.subscription = None;
            self.subscription = Some(subscription?);
        }
        Ok(())
    }
}
