//! Everything about a run that is decided before it begins.

use core::time::Duration;

use tp_core_nostd::ids::{ClientId, StreamId};
use tp_core_nostd::proto::driver::Retention;
use tp_core_nostd::wire::driver::Role;

use crate::act::Act;

/// A run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What every throw of dice follows from.
    pub seed: u64,
    /// The configured streams.
    pub streams: Vec<StreamId>,
    /// Who wants what.
    pub clients: Vec<ClientPlan>,
    /// What the driver is told to do.
    pub policy: Policy,
    /// How much the driver can hold.
    pub capacities: Capacities,
    /// What happens when, counted from the start.
    pub acts: Vec<(Duration, Act)>,
    /// How long it is left alone at the end, before everybody has to have settled.
    pub rest: Duration,
}

/// A client process and what it wants.
#[derive(Clone, Copy, Debug)]
pub struct ClientPlan {
    /// The stream.
    pub stream: StreamId,
    /// As what.
    pub role: Role,
    /// Its id; `None` for a random one each time.
    pub id: Option<ClientId>,
    /// Whether it asks for streams of its own.
    pub is_private: bool,
}

/// What drivers may be told in different ways.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// What is kept of old epochs.
    pub retention: Option<Retention>,
    /// Consumers that one stream may have.
    pub consumer_limit: u32,
}

/// Lengths of the tables a driver borrows.
#[derive(Clone, Copy, Debug)]
pub struct Capacities {
    /// Leases.
    pub leases: usize,
    /// Streams, configured or brought into being.
    pub streams: usize,
    /// Consumers with streams of their own.
    pub consumers: usize,
    /// Node ids, held or cooling down.
    pub nodes: usize,
    /// Answers on their way.
    pub answers: usize,
}
