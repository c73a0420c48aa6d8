//! What to ask the driver for, and how patiently.

use crate::ids::{ClientId, NodeId, StreamId};
use crate::time::Duration;
use crate::wire::driver::{HugepagesPolicy, PublishMode, Role};

/// What to ask for, and how patiently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseConfig {
    /// The stream to use.
    pub stream: StreamId,
    /// As what.
    pub role: Role,
    /// The id of the lease; `None` picks a random one, and another if that is taken (D-073, D-074).
    pub client: Option<ClientId>,
    /// Whether the driver may create the stream. Always sent, since peers read its absence differently (D-064).
    pub publish_mode: PublishMode,
    /// What pages to ask for.
    pub hugepages: HugepagesPolicy,
    /// A node id to ask for.
    pub desired_node: Option<NodeId>,
    /// How often to say that we live; zero never does (for tests).
    pub keepalive_interval: Duration,
    /// After how many missed intervals the lease counts as dead.
    pub grace_intervals: u32,
    /// How long one attach or detach is tried; more than interval x grace (driver 5).
    pub timeout: Duration,
    /// How often an unanswered request is repeated with the same correlation id (C-033).
    pub resend_every: Duration,
    /// The first delay before attaching again; doubles up to `backoff_max` (C-046).
    pub backoff_min: Duration,
    /// The longest delay before attaching again.
    pub backoff_max: Duration,
    /// A lease that was held and is gone is asked for again only when the owner says so (C-046).
    pub reattach_by_hand: bool,
}

impl LeaseConfig {
    /// The defaults of client 1.1 and 1.3 for a lease on `stream` as `role`.
    pub const fn new(stream: StreamId, role: Role) -> Self {
        Self {
            stream,
            role,
            client: None,
            publish_mode: match role {
                Role::Producer => PublishMode::ExistingOrCreate,
                Role::Consumer => PublishMode::RequireExisting,
            },
            hugepages: HugepagesPolicy::Unspecified,
            desired_node: None,
            keepalive_interval: Duration::from_secs(1),
            grace_intervals: 3,
            timeout: Duration::from_secs(5),
            resend_every: Duration::from_millis(200),
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_millis(3_200),
            reattach_by_hand: false,
        }
    }
}
