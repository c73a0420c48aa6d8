//! What a lease sends, and what its owner hears of it.

use crate::ids::LeaseId;
use crate::wire::driver::{
    LeaseRevokeReason, RefusalCode, ShmAttachRequest, ShmDetachRequest, ShmLeaseKeepalive,
};

/// Why a lease ended. All of them mean: stop using its regions now (D-099).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum LeaseLost {
    /// The driver said so.
    Revoked(LeaseRevokeReason),
    /// No keepalive got through before the deadline (D-094).
    Expired,
    /// The driver announced its end (D-151).
    DriverShutdown,
    /// The driver is gone without a word (D-155).
    DriverGone,
    /// A fresh announce of the stream has a higher epoch than the lease was granted for (D-155).
    Superseded,
    /// Its regions cannot be mapped by its holder.
    Unusable,
    /// Somebody else goes by its client id; it goes back, and is asked for with another one (C-112).
    IdTaken,
}

impl LeaseLost {
    /// Whether it was concluded from silence: nobody took the lease away. A consumer that watches the memory may go on
    /// reading while its producer shows signs of life there (E-01).
    pub const fn is_silence(self) -> bool {
        matches!(self, Self::Expired | Self::DriverGone)
    }
}

/// What the owner should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The lease is ours: take regions and ids from the response at hand.
    Attached(LeaseId),
    /// The driver refused; it will be asked again after a pause.
    Refused(RefusalCode),
    /// The driver's answer broke the protocol; it will be asked again after a pause (D-081).
    Broken,
    /// Nobody answered in time; it will be tried again after a pause.
    TimedOut,
    /// The lease is gone; it will be asked for again after a pause, while it is wanted.
    Lost(LeaseLost),
    /// The lease was given back, or the driver no longer knows it.
    Detached,
}

/// A message that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transmit {
    /// Ask for the lease.
    Attach(ShmAttachRequest),
    /// Say that we live.
    Keepalive(ShmLeaseKeepalive),
    /// Give a lease back.
    Detach(ShmDetachRequest),
}
