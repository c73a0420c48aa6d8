//! The sending end of an actor, and the moment of its death.

use std::sync::{Arc, Mutex};

use tp_core_nostd::proto::dispatch::{Message, classify};
use tp_core_nostd::time::Instant;
use tp_core_nostd::transport::{Publication, SendError};
use tp_tests::fake_transport::FakePublication;

/// How much a process still does before it dies. Clones burn together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fuse(Arc<Mutex<Option<u32>>>);

impl Fuse {
    pub(crate) fn light(&self, left: u32) {
        self.0.lock().unwrap().get_or_insert(left);
    }

    pub(crate) fn blow(&self) {
        *self.0.lock().unwrap() = Some(0);
    }

    pub(crate) fn put_out(&self) {
        *self.0.lock().unwrap() = None;
    }

    pub(crate) fn is_burnt(&self) -> bool {
        *self.0.lock().unwrap() == Some(0)
    }

    /// Whether the process lives to do one thing more.
    pub(crate) fn burn(&self) -> bool {
        match &mut *self.0.lock().unwrap() {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }
}

/// A publication that ends with its process.
pub(crate) struct Wire {
    publication: FakePublication,
    fuse: Fuse,
    /// Whether messages go nowhere.
    mute: bool,
    /// Whether a keepalive was taken since somebody last asked.
    kept_alive: bool,
}

impl Wire {
    pub(crate) fn new(publication: FakePublication, fuse: &Fuse, mute: bool) -> Self {
        Self {
            publication,
            fuse: fuse.clone(),
            mute,
            kept_alive: false,
        }
    }

    /// Whether a keepalive was taken since the last call.
    pub(crate) const fn has_kept_alive(&mut self) -> bool {
        core::mem::replace(&mut self.kept_alive, false)
    }
}

impl Publication for Wire {
    fn offer(&mut self, message: &[u8]) -> Result<(), SendError> {
        if self.fuse.is_burnt() {
            return Err(SendError::Closed);
        }
        if !self.mute {
            self.publication.offer(message)?;
        }
        self.kept_alive |= matches!(classify(message), Ok(Message::ShmLeaseKeepalive(_)));
        self.fuse.burn();
        Ok(())
    }

    fn is_connected(&self) -> bool {
        self.publication.is_connected()
    }
}

/// Gets no processor until then.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stall(Option<Instant>);

impl Stall {
    pub(crate) fn extend(&mut self, until: Instant) {
        self.0 = self.0.max(Some(until));
    }

    pub(crate) fn end(&mut self) {
        self.0 = None;
    }

    /// Until when, if it lasts.
    pub(crate) fn until(&self, now: Instant) -> Option<Instant> {
        self.0.filter(|until| now < *until)
    }
}
