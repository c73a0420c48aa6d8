//! What becomes of leases.

use tp_core_nostd::ids::{ClientId, Epoch, StreamId};
use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::proto::lease_client::LeaseLost;
use tp_core_nostd::wire::driver::{
    RefusalCode, Role, ShmDetachResponse, ShmDriverShutdown, ShmLeaseRevoked,
};

use super::Heard;

/// Something happened to a lease of this client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseNews {
    /// Its stream.
    pub stream: StreamId,
    /// As what.
    pub role: Role,
    /// The id of the role, as it is from now on.
    pub client: ClientId,
    /// What.
    pub change: LeaseChange,
}

/// What happened to a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseChange {
    /// It is ours.
    Attached {
        /// For this epoch.
        epoch: Epoch,
    },
    /// The driver refused it.
    Refused {
        /// The driver's code.
        code: RefusalCode,
        /// The driver's words.
        text: String,
        /// It is asked for at once under another id.
        will_retry: bool,
    },
    /// The driver's answer made no sense.
    Broken,
    /// Nobody answered in time.
    TimedOut,
    /// It is gone. What used its memory was stopped before this is said (C-041).
    Lost(LeaseLost),
    /// It was given back.
    Detached,
}

/// Hears what becomes of the leases of this client, and what drivers say to all, each in its order.
pub trait DriverHandler {
    /// Something happened to a lease of this client.
    fn on_lease(&mut self, news: &LeaseNews) {
        let _ = news;
    }

    /// A driver took a lease from somebody.
    fn on_revoked(&mut self, revoked: &ShmLeaseRevoked<'_>) {
        let _ = revoked;
    }

    /// A driver took a lease back from somebody.
    fn on_detach_response(&mut self, response: &ShmDetachResponse<'_>) {
        let _ = response;
    }

    /// A driver is about to end.
    fn on_shutdown(&mut self, shutdown: &ShmDriverShutdown<'_>) {
        let _ = shutdown;
    }
}

/// Tells `handler` what is for it.
pub(super) fn tell(handler: &mut (impl DriverHandler + ?Sized), heard: Heard<'_>) {
    match heard {
        Heard::Lease(news) => handler.on_lease(news),
        Heard::Message(Message::ShmLeaseRevoked(view), _) => {
            if let Ok(revoked) = view.try_into() {
                handler.on_revoked(&revoked);
            }
        }
        Heard::Message(Message::ShmDetachResponse(view), _) => {
            if let Ok(response) = view.try_into() {
                handler.on_detach_response(&response);
            }
        }
        Heard::Message(Message::ShmDriverShutdown(view), _) => {
            if let Ok(shutdown) = view.try_into() {
                handler.on_shutdown(&shutdown);
            }
        }
        Heard::Message(..) => {}
    }
}
