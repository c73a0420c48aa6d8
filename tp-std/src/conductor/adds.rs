//! Endpoints that the application asked for and that are on their way (C-017).

use core::fmt;
use std::sync::Arc;

use super::completion::Handle;
use super::connection::Adding;
use crate::aeron::TransportError;
use crate::client::endpoints::{PublicationHandle, SubscriptionHandle};
use crate::context::Endpoint;
use crate::error::Error;
use crate::medium::{Awaited, Medium, Receiver, Sender};

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Wish<T> {
    pub(crate) endpoint: Endpoint,
    pub(crate) handle: Arc<Handle<T>>,
}

/// A kind of endpoint: how it is asked for, and what the application gets.
pub(super) trait Addable: Sized + Send + 'static {
    type Raw: Send + 'static;

    fn ask(
        endpoint: &Endpoint,
        medium: &mut dyn Medium,
    ) -> Result<Awaited<Self::Raw>, TransportError>;

    fn new(raw: Self::Raw, endpoint: Endpoint) -> Self;

    fn id(raw: &Self::Raw) -> Option<i64>;
}

impl Addable for PublicationHandle {
    type Raw = Box<dyn Sender>;

    fn ask(
        endpoint: &Endpoint,
        medium: &mut dyn Medium,
    ) -> Result<Awaited<Self::Raw>, TransportError> {
        medium.publication(endpoint)
    }

    fn new(raw: Self::Raw, endpoint: Endpoint) -> Self {
        Self::new(raw, endpoint)
    }

    fn id(raw: &Self::Raw) -> Option<i64> {
        raw.registration_id()
    }
}

impl Addable for SubscriptionHandle {
    type Raw = Box<dyn Receiver>;

    fn ask(
        endpoint: &Endpoint,
        medium: &mut dyn Medium,
    ) -> Result<Awaited<Self::Raw>, TransportError> {
        medium.subscription(endpoint)
    }

    fn new(raw: Self::Raw, endpoint: Endpoint) -> Self {
        Self::new(raw, endpoint)
    }

    fn id(raw: &Self::Raw) -> Option<i64> {
        raw.registration_id()
    }
}

/// One of them, on its way.
pub(super) struct Underway<T: Addable> {
    wish: Wish<T>,
    adding: Adding<T::Raw>,
}

impl<T: Addable> Underway<T> {
    /// Whether it is over: there, refused, or not wanted any more.
    fn poll(&mut self, medium: &mut dyn Medium) -> bool {
        let Self { wish, adding } = self;
        if wish.handle.is_cancelled() {
            return true;
        }
        match adding.ask_or_poll(|| T::ask(&wish.endpoint, medium)) {
            Ok(None) => false,
            Ok(Some(raw)) => {
                wish.handle.register(T::id(&raw));
                wish.handle.complete(Ok(T::new(raw, wish.endpoint.clone())));
                true
            }
            Err(error) => {
                wish.handle.complete(Err(Error::Transport(error)));
                true
            }
        }
    }
}

impl<T: Addable> fmt::Debug for Underway<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Underway")
            .field("endpoint", &self.wish.endpoint)
            .field("adding", &self.adding)
            .finish()
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Adds {
    publications: Vec<Underway<PublicationHandle>>,
    subscriptions: Vec<Underway<SubscriptionHandle>>,
}

impl Adds {
    pub(super) fn publication(&mut self, wish: Wish<PublicationHandle>) {
        let adding = Adding::Wanted;
        self.publications.push(Underway { wish, adding });
    }

    pub(super) fn subscription(&mut self, wish: Wish<SubscriptionHandle>) {
        let adding = Adding::Wanted;
        self.subscriptions.push(Underway { wish, adding });
    }

    /// Asks for what is new, hands out what is there; how many are done with.
    pub(super) fn poll(&mut self, medium: &mut dyn Medium) -> u32 {
        let before = self.len();
        self.publications.retain_mut(|add| !add.poll(medium));
        self.subscriptions.retain_mut(|add| !add.poll(medium));
        u32::try_from(before.saturating_sub(self.len())).unwrap_or(u32::MAX)
    }

    /// What was asked for of a connection that is gone is asked for again.
    pub(super) fn on_reconnect(&mut self) {
        for add in &mut self.publications {
            add.adding = Adding::Wanted;
        }
        for add in &mut self.subscriptions {
            add.adding = Adding::Wanted;
        }
    }

    /// Nothing more will come.
    pub(super) fn close(&mut self) {
        for add in self.publications.drain(..) {
            add.wish.handle.complete(Err(Error::Closed));
        }
        for add in self.subscriptions.drain(..) {
            add.wish.handle.complete(Err(Error::Closed));
        }
    }

    fn len(&self) -> usize {
        self.publications
            .len()
            .saturating_add(self.subscriptions.len())
    }
}
