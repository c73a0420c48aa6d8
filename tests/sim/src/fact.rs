//! What happened, as invariants and people see it.

use core::fmt;

use tp_core_nostd::ids::{Epoch, LeaseId, StreamId};
use tp_core_nostd::proto::driver::{Event, FileResult};
use tp_core_nostd::proto::lease_client::LeaseLost;
use tp_core_nostd::time::Instant;
use tp_core_nostd::wire::driver::Role;

use crate::act::Act;

/// Somebody did something.
#[derive(Clone, Debug)]
pub struct Fact {
    /// When, on the monotonic clock of this boot.
    pub at: Instant,
    /// Who.
    pub who: Who,
    /// What.
    pub what: What,
}

/// An actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The weather, the operator, the machine.
    World,
    /// The driver.
    Driver,
    /// The client in this place of the plan.
    Client(usize),
}

/// What an actor did.
#[derive(Clone, Debug)]
pub enum What {
    /// A process started.
    Started,
    /// A process died, or ended by itself.
    Ended,
    /// The machine booted; the clock began anew.
    Booted,
    /// Something went wrong, or right again.
    Fate(Act),
    /// The driver's message was taken by the medium.
    Said(Event),
    /// The disk did what the driver had ordered, or failed.
    Filed(FileResult),
    /// An epoch directory went.
    Removed(Removal),
    /// A client was granted its lease.
    Granted(Holding),
    /// A client's lease is gone.
    Lost(LeaseLost),
    /// A consumer maps another epoch, or none.
    Maps(Option<Epoch>),
    /// A client's log said this; it is asked only where a run is told whole.
    Logged(String),
    /// A producer began to write a frame.
    WriteBegan(Write),
    /// A producer wrote the last byte of a frame.
    WriteEnded(Write),
}

/// What a client was granted.
#[derive(Clone, Copy)]
pub struct Holding {
    /// Which stream.
    pub stream: StreamId,
    /// As what.
    pub role: Role,
    /// The lease.
    pub lease: LeaseId,
    /// The epoch.
    pub epoch: Epoch,
}

/// A frame on its way into memory.
#[derive(Clone, Copy)]
pub struct Write {
    /// The lease it is written under.
    pub holding: Holding,
    /// Until when the lease allows to start one, counted by the simulation from what went over the wire.
    pub deadline: Instant,
    /// Which memory it goes into.
    pub memory: u64,
}

/// An epoch directory that was removed.
#[derive(Clone, Copy, Debug)]
pub struct Removal {
    /// Of which stream.
    pub stream: StreamId,
    /// Which one.
    pub epoch: u64,
    /// The newest directory of the stream before that.
    pub newest: u64,
    /// Whether only its regions went, and the directory stays.
    pub record_stays: bool,
}

impl Fact {
    /// Whether people need not be told of it.
    pub(crate) fn is_routine(&self) -> bool {
        match &self.what {
            What::WriteBegan(write) | What::WriteEnded(write) => self.at <= write.deadline,
            What::Said(Event::Announced { .. }) => true,
            _ => false,
        }
    }
}

impl fmt::Debug for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            stream,
            role,
            lease,
            epoch,
        } = self;
        write!(f, "{role:?} of {stream} in {epoch} by {lease}")
    }
}

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, until {}", self.holding, self.deadline.as_ns())
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.at.as_ns();
        let (s, us) = (ns / 1_000_000_000, ns / 1_000 % 1_000_000);
        write!(
            f,
            "{s:>5}.{us:06} {:<10} {:?}",
            self.who.to_string(),
            self.what
        )
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::World => f.write_str("world"),
            Self::Driver => f.write_str("driver"),
            Self::Client(at) => write!(f, "client {at}"),
        }
    }
}
