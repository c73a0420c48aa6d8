//! What a driver is told before it runs, and the memory it is lent.

use super::answers::AnswerEntry;
use super::consumers::ConsumerEntry;
use super::id_ranges::{self, IdRange};
use super::lease::LeaseEntry;
use super::nodes::NodeEntry;
use super::regions;
use super::retention::Retention;
use super::stream::StreamEntry;
use crate::ids::{LeaseId, StreamId};
use crate::seq::SlotCount;
use crate::shm::PoolClass;
use crate::time::Duration;

/// The policies of one driver (driver 9).
#[derive(Clone, Copy, Debug)]
pub struct Config<'a> {
    /// Directory of the streams' directories, `<base_dir>/tensorpool-<user>/<namespace>`: absolute, canonical, at most
    /// [`ROOT_MAX`](super::ROOT_MAX) of the bytes a region URI may have (D-179).
    pub root: &'a str,
    /// Whether regions lie on huge pages; the same for every stream of this driver (D-193, D-195).
    pub hugepages: bool,
    /// The shapes that streams can have. A stream names one by its place here.
    pub profiles: &'a [Profile<'a>],
    /// How often each stream is announced, and its activity stamps refreshed while it has no producer.
    pub announce_period: Duration,
    /// How often clients send keepalives; also how long an OK that cannot be published is retried (D-061).
    pub keepalive_interval: Duration,
    /// After how many silent intervals a lease expires (D-096).
    pub expiry_grace_intervals: u32,
    /// How long a released node id is kept for its last holder; zero for not at all (D-177).
    pub node_id_cooldown: Duration,
    /// 64 random bits, from which lease ids start (D-089).
    pub seed: u64,
    /// Streams that clients may bring into being; `None`: only configured ones exist (D-165).
    pub dynamic: Option<Dynamic<'a>>,
    /// Ids of descriptor streams for single consumers; none: every such request is declined (D-159, D-160).
    pub private_descriptors: &'a [IdRange],
    /// Ids of control streams for single consumers; none: every such request is declined.
    pub private_controls: &'a [IdRange],
    /// The driver's own control, announce and QoS streams: no range may have their ids (D-162).
    pub shared_streams: &'a [StreamId],
    /// Whether this driver answers hellos; not where a supervisor does (P-007).
    pub answers_hellos: bool,
    /// Consumers that one stream may have; `None`: as many as there is room for (D-056).
    pub consumer_limit: Option<u32>,
    /// What is kept of old epochs; `None`: everything.
    pub retention: Option<Retention>,
    /// Who may ask for a shutdown; `None`: nobody (D-147).
    pub shutdown: Option<ShutdownPolicy<'a>>,
    /// How long leases are served after a shutdown request (D-148).
    pub shutdown_timeout: Duration,
}

impl<'a> Config<'a> {
    /// Streams of these `profiles` in directories below `root`, with the periods that driver 9 names, and nothing that can
    /// be switched on: write what differs beside `..Config::new(root, profiles, seed)`.
    pub const fn new(root: &'a str, profiles: &'a [Profile<'a>], seed: u64) -> Self {
        Self {
            root,
            hugepages: false,
            profiles,
            announce_period: Duration::from_secs(1),
            keepalive_interval: Duration::from_secs(1),
            expiry_grace_intervals: 3,
            node_id_cooldown: Duration::from_secs(1),
            seed,
            dynamic: None,
            private_descriptors: &[],
            private_controls: &[],
            shared_streams: &[],
            answers_hellos: false,
            consumer_limit: None,
            retention: None,
            shutdown: None,
            shutdown_timeout: Duration::from_secs(2),
        }
    }

    /// Whether its parts go together; the streams are checked as they are added.
    pub(super) fn check(&self, text: usize) -> Result<(), SetupError> {
        regions::check(self.root, self.profiles, text)?;
        if let Some(dynamic) = self.dynamic {
            if dynamic.ids.is_empty() {
                return Err(SetupError::NoDynamicIds);
            }
            if dynamic.profile >= self.profiles.len() {
                let got = dynamic.profile;
                return Err(SetupError::NoProfile { got });
            }
        }
        id_ranges::check(self)?;
        if self.shutdown.is_some_and(|policy| policy.token.is_empty()) {
            return Err(SetupError::EmptyToken);
        }
        if self.retention.is_some_and(|retention| retention.keep == 0) {
            return Err(SetupError::KeepsNothing);
        }
        Ok(())
    }

    /// How long a lease lives after its OK and after each keepalive.
    pub(super) const fn lease_lifetime(&self) -> Duration {
        self.keepalive_interval
            .saturating_mul(self.expiry_grace_intervals)
    }
}

/// Streams that clients bring into being (D-156).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dynamic<'a> {
    /// The ids they get (D-157). There is at least one (D-158).
    pub ids: &'a [IdRange],
    /// The place of their profile in [`Config::profiles`].
    pub profile: usize,
}

/// Who may ask for a shutdown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ShutdownPolicy<'a> {
    /// The secret that a request must carry (D-146). Never empty; never shown (D-147).
    pub token: &'a [u8],
}

impl core::fmt::Debug for ShutdownPolicy<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ShutdownPolicy(..)")
    }
}

/// The shape of a stream's regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile<'a> {
    /// Slots of the header ring and of every pool.
    pub header_nslots: SlotCount,
    /// Its payload pools, at most [`POOLS_MAX`](crate::wire::POOLS_MAX), each with its own id; ours start at 1 (T-07).
    pub pools: &'a [PoolClass],
}

/// The memory a driver works in. The lengths are its capacities; the driver never needs more.
#[derive(Debug)]
pub struct Storage<'a> {
    /// One per lease, attaches in progress included.
    pub leases: &'a mut [LeaseEntry],
    /// One per stream, configured or brought into being by clients.
    pub streams: &'a mut [StreamEntry],
    /// One per consumer that asks for streams of its own. Without a free one its hellos are not answered, and it stays on
    /// the shared streams.
    pub consumers: &'a mut [ConsumerEntry],
    /// One per node id held or cooling down: 1023 plus those asked for by number.
    pub nodes: &'a mut [NodeEntry],
    /// Answers that wait for room in the control publication. Without a free one an answer is dropped and counted; its
    /// requester asks again.
    pub answers: &'a mut [AnswerEntry],
    /// Lease ids of other drivers that were told to be void (D-154). The oldest is forgotten first.
    pub strangers: &'a mut [Option<LeaseId>],
    /// Scratch for the paths of one message: [`TEXT_MAX`](super::TEXT_MAX) bytes do for every stream.
    pub text: &'a mut [u8],
}

/// What a driver cannot be set up with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SetupError {
    /// The root is not absolute, too long, or has bytes that no region URI may have.
    Root,
    /// The scratch for paths is shorter than `needed`.
    Text {
        /// Bytes that every message fits.
        needed: usize,
        /// Bytes that were lent.
        got: usize,
    },
    /// A profile has more pools than a message may list, or two with one id.
    Pools {
        /// The place of the profile.
        profile: usize,
    },
    /// There is no profile in that place.
    NoProfile {
        /// The place that was named.
        got: usize,
    },
    /// No room for another stream.
    StreamsFull,
    /// The stream is there already.
    StreamRepeated,
    /// Dynamic streams are allowed, and no id for them (D-158).
    NoDynamicIds,
    /// An id of a range is also in another range, or one of a shared or configured stream (D-162).
    IdsOverlap {
        /// The lowest such id.
        id: StreamId,
    },
    /// The secret for shutdown requests is empty (D-147).
    EmptyToken,
    /// Not even the current epoch would be kept (D-197).
    KeepsNothing,
}

impl core::fmt::Display for SetupError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::Root => f.write_str("the root directory cannot stand in a region URI"),
            Self::Text { needed, got } => {
                write!(f, "{needed} bytes of scratch are needed, {got} were lent")
            }
            Self::Pools { profile } => {
                write!(
                    f,
                    "profile {profile} has too many pools, or two with one id"
                )
            }
            Self::NoProfile { got } => write!(f, "there is no profile {got}"),
            Self::StreamsFull => f.write_str("there is no room for another stream"),
            Self::StreamRepeated => f.write_str("the stream is there already"),
            Self::NoDynamicIds => f.write_str("dynamic streams need a range of stream ids"),
            Self::IdsOverlap { id } => {
                write!(
                    f,
                    "stream id {id} is in two ranges, or taken by another stream"
                )
            }
            Self::EmptyToken => f.write_str("the shutdown token is empty"),
            Self::KeepsNothing => f.write_str("retention must keep at least one epoch"),
        }
    }
}

impl core::error::Error for SetupError {}
