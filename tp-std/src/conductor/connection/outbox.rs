//! What is said on a shared stream goes through here.

use super::Adding;
use crate::aeron::TransportError;
use crate::context::Endpoint;
use crate::medium::{Medium, Sender};

/// A shared publication. It is added when somebody first wants to say something.
#[derive(Debug)]
pub(super) struct Outbox {
    endpoint: Option<Endpoint>,
    is_wanted: bool,
    adding: Adding<Box<dyn Sender>>,
    publication: Option<Box<dyn Sender>>,
}

impl Outbox {
    pub(super) const fn new(endpoint: Option<Endpoint>) -> Self {
        Self {
            endpoint,
            is_wanted: false,
            adding: Adding::Wanted,
            publication: None,
        }
    }

    pub(super) const fn wanted(endpoint: Option<Endpoint>) -> Self {
        let mut outbox = Self::new(endpoint);
        outbox.is_wanted = true;
        outbox
    }

    pub(super) fn add(&mut self, medium: &mut dyn Medium) -> Result<(), TransportError> {
        let Some(endpoint) = self.endpoint.as_ref().filter(|_| self.is_wanted) else {
            return Ok(());
        };
        let ask = || medium.publication(endpoint);
        if let Some(publication) = self.adding.ask_or_poll(ask)? {
            self.publication = Some(publication);
        }
        Ok(())
    }

    pub(super) fn again(&mut self) {
        self.adding = Adding::Wanted;
        self.publication = None;
    }

    pub(super) fn sender(&mut self) -> Option<&mut dyn Sender> {
        self.is_wanted = true;
        match &mut self.publication {
            Some(publication) => Some(publication.as_mut()),
            None => None,
        }
    }
}
