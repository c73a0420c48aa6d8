//! When a consumer maps, remaps and lets go of a stream's regions (wire 3.6, T-12..T-14, T-34; driver 3.6).
//!
//! ```text
//!              offered (announce that counts, attach answer)
//!   Unmapped ───────────────────────────────► Mapping ── mapped ──► Mapped
//!      ▲                                         │                    │
//!      └────────────── failed, stale ────────────┘                    │
//!      └── lost (higher epoch, revoke, regression, stale stamp …) ◄───┘
//! ```
//!
//! The machine orders; whoever owns it maps, and fences the role before it unmaps. While it waits after a loss it
//! remembers which epoch to wait for, and for how long: after that any fresh announce will do.

use crate::ids::Epoch;
use crate::time::{Duration, Instant};

/// Where an offer of regions came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The answer to our attach: the driver's word, taken without looking at activity stamps (T-34).
    Attach,
    /// An announce that passed the announce filter, sent at this time of the monotonic clock.
    Announce {
        /// Its timestamp in nanoseconds.
        timestamp_ns: u64,
    },
}

/// Why a mapping was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Lost {
    /// A higher epoch was announced or granted (W-051).
    HigherEpoch,
    /// A descriptor named a higher epoch than the mapped one (T-13).
    DescriptorAhead,
    /// The sequence fell within one image (T-14).
    Regression,
    /// The stream's producer lost its lease (D-115).
    ProducerRevoked,
    /// Our own lease is gone (D-099).
    LeaseLost,
    /// The creator's process id in a superblock changed (W-275).
    WriterChanged,
    /// A superblock, or the announced layout, is no longer the mapped one (W-025..W-028).
    LayoutChanged,
    /// The activity stamp stood still for a freshness window (W-032).
    Inactive,
    /// A ConsumerConfig forbids shared memory (C-099).
    Forbidden,
}

/// What the superblocks of a mapped stream show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Magic, version, epoch and sizes are the mapped ones.
    pub intact: bool,
    /// The creator's process id is the one found when mapping.
    pub same_writer: bool,
    /// The oldest activity stamp of all regions, in nanoseconds of the monotonic clock.
    pub activity_ns: u64,
}

/// Something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Regions of `epoch` are on offer; `same_layout` compares them with the mapped ones.
    Offered {
        /// Their epoch.
        epoch: Epoch,
        /// Who offers them.
        source: Source,
        /// Whether slot counts, pools and URIs are the mapped ones. Without a mapping it says nothing.
        same_layout: bool,
    },
    /// The ordered mapping stands, and its superblocks are the announced ones.
    Mapped {
        /// The oldest activity stamp of all regions, in nanoseconds of the monotonic clock.
        activity_ns: u64,
        /// Whether all superblocks bear one process id.
        one_writer: bool,
    },
    /// The ordered mapping failed, or its superblocks were refused.
    MapFailed,
    /// A descriptor of our stream named another epoch.
    DescriptorEpoch(Epoch),
    /// The sequence fell within one image.
    Regression,
    /// The producer's lease ended, by a notice sent at `timestamp_ns`.
    ProducerRevoked {
        /// When the driver sent the notice, monotonic.
        timestamp_ns: u64,
    },
    /// Our own lease ended.
    LeaseLost,
    /// Shared memory must not be used; announces are not offered until it may be again.
    Forbidden,
    /// A look at the mapped superblocks.
    Health(Health),
}

/// What the owner has to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Order {
    /// Nothing.
    None,
    /// Map the regions just offered; answer with [`Input::Mapped`] or [`Input::MapFailed`]. They may be used once the
    /// machine says [`Order::None`] to the first.
    Map,
    /// Fence the role, drop what is in flight, unmap.
    Unmap(Lost),
    /// [`Order::Unmap`], then [`Order::Map`].
    Remap(Lost),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unmapped {
        wait: Wait,
    },
    Mapping {
        epoch: Epoch,
        source: Source,
        /// What it was waited for, in case the regions turn out to be still in change.
        wait: Wait,
    },
    Mapped {
        epoch: Epoch,
        source: Source,
        since: Instant,
    },
}

/// Which epochs are good enough, and from when on any is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wait {
    /// The lowest epoch to map before `until`.
    at_least: u64,
    until: Instant,
    /// The same epoch again, written anew by a restarted producer: its regions have to be of one hand (E-05).
    rewritten: bool,
}

impl Wait {
    const NONE: Self = Self {
        at_least: 0,
        until: Instant::from_ns(0),
        rewritten: false,
    };

    fn admits(self, epoch: Epoch, now: Instant) -> bool {
        now >= self.until || epoch.get() >= self.at_least
    }
}

/// The mapping of one stream in one consumer.
#[derive(Clone, Copy, Debug)]
pub struct MappingMachine {
    window: Duration,
    /// Whether a restarted producer may go on in the same epoch (E-05).
    same_epoch_restart: bool,
    state: State,
}

impl MappingMachine {
    /// A consumer without regions; `window` is the freshness window, three announce periods.
    pub const fn new(window: Duration) -> Self {
        Self {
            window,
            same_epoch_restart: false,
            state: State::Unmapped { wait: Wait::NONE },
        }
    }

    /// Whether a stream whose writer changed may come back in the same epoch, after one window and with one new process id
    /// in all superblocks (E-05). It may not by default: a higher epoch is waited for (W-275, T-58).
    pub const fn allow_same_epoch_restart(&mut self, on: bool) {
        self.same_epoch_restart = on;
    }

    /// The epoch that is mapped.
    pub const fn mapped(&self) -> Option<Epoch> {
        match self.state {
            State::Mapped { epoch, .. } => Some(epoch),
            State::Unmapped { .. } | State::Mapping { .. } => None,
        }
    }

    /// Takes one input and says what to do about it.
    pub fn handle(&mut self, now: Instant, input: Input) -> Order {
        let (state, order) = self.decide(now, input);
        self.state = state;
        order
    }

    fn decide(&self, now: Instant, input: Input) -> (State, Order) {
        let lost = |wait: Wait, why: Lost| (State::Unmapped { wait }, Order::Unmap(why));
        let wait_for = |at_least: u64| Wait {
            at_least,
            until: now.after(self.window),
            rewritten: false,
        };
        let wait_for_writer = |epoch: Epoch| Wait {
            at_least: epoch.get().saturating_add(1),
            until: match self.same_epoch_restart {
                true => now.after(self.window),
                false => Instant::NEVER,
            },
            rewritten: true,
        };
        match (self.state, input) {
            (State::Unmapped { .. }, Input::LeaseLost | Input::Forbidden) => {
                (self.state, Order::None)
            }
            (_, Input::LeaseLost) => lost(Wait::NONE, Lost::LeaseLost),
            (_, Input::Forbidden) => lost(Wait::NONE, Lost::Forbidden),

            // The driver's answer to our own attach needs no waiting.
            (State::Unmapped { wait }, Input::Offered { epoch, source, .. })
                if source == Source::Attach || wait.admits(epoch, now) =>
            {
                // A higher epoch is new in every region, and an attach answer is the driver's word.
                let wait = match source != Source::Attach && epoch.get() < wait.at_least {
                    true => wait,
                    false => Wait::NONE,
                };
                (
                    State::Mapping {
                        epoch,
                        source,
                        wait,
                    },
                    Order::Map,
                )
            }
            (State::Mapping { epoch: mapping, .. }, Input::Offered { epoch, source, .. })
                if epoch > mapping =>
            {
                (mapping_of(epoch, source), Order::Remap(Lost::HigherEpoch))
            }
            (State::Mapped { epoch: mapped, .. }, Input::Offered { epoch, source, .. })
                if epoch > mapped =>
            {
                (mapping_of(epoch, source), Order::Remap(Lost::HigherEpoch))
            }
            (
                State::Mapped { epoch: mapped, .. },
                Input::Offered {
                    epoch,
                    source,
                    same_layout: false,
                },
            ) if epoch == mapped => (mapping_of(epoch, source), Order::Remap(Lost::LayoutChanged)),
            (
                State::Mapped {
                    epoch: mapped,
                    since,
                    ..
                },
                Input::Offered { epoch, source, .. },
            ) if epoch == mapped => {
                // A repeat refreshes what a revoke notice is compared with, nothing else (C-096).
                (
                    State::Mapped {
                        epoch,
                        source,
                        since,
                    },
                    Order::None,
                )
            }

            // A driver's answer to our attach is taken without looking at stamps (T-34), an announce is not (W-047).
            (
                State::Mapping {
                    source: Source::Announce { .. },
                    ..
                },
                Input::Mapped { activity_ns, .. },
            ) if now.since(Instant::from_ns(activity_ns)) > self.window => {
                lost(Wait::NONE, Lost::Inactive)
            }
            (State::Mapping { wait, .. }, Input::Mapped { one_writer, .. })
                if wait.rewritten && !one_writer =>
            {
                lost(wait, Lost::WriterChanged)
            }
            (State::Mapping { epoch, source, .. }, Input::Mapped { .. }) => (
                State::Mapped {
                    epoch,
                    source,
                    since: now,
                },
                Order::None,
            ),
            (State::Mapping { wait, .. }, Input::MapFailed) => {
                (State::Unmapped { wait }, Order::None)
            }

            (
                State::Mapped { epoch: mapped, .. } | State::Mapping { epoch: mapped, .. },
                Input::DescriptorEpoch(epoch),
            ) if epoch > mapped => lost(wait_for(epoch.get()), Lost::DescriptorAhead),
            (State::Mapped { .. }, Input::Regression) => lost(Wait::NONE, Lost::Regression),

            (
                State::Mapped { epoch, source, .. } | State::Mapping { epoch, source, .. },
                Input::ProducerRevoked { timestamp_ns },
            ) if !already_answered(source, timestamp_ns) => lost(
                wait_for(epoch.get().saturating_add(1)),
                Lost::ProducerRevoked,
            ),

            (State::Mapped { epoch, .. }, Input::Health(health)) if !health.same_writer => {
                lost(wait_for_writer(epoch), Lost::WriterChanged)
            }
            (State::Mapped { .. }, Input::Health(health)) if !health.intact => {
                lost(Wait::NONE, Lost::LayoutChanged)
            }
            // One freshness window of grace after mapping (T-34).
            (State::Mapped { since, .. }, Input::Health(health))
                if now.since(since) > self.window
                    && now.since(Instant::from_ns(health.activity_ns)) > self.window =>
            {
                lost(Wait::NONE, Lost::Inactive)
            }

            // Late, repeated, of a lower epoch, or nothing to do with what is mapped.
            (state, _) => (state, Order::None),
        }
    }
}

/// Maps what needs no waiting.
const fn mapping_of(epoch: Epoch, source: Source) -> State {
    State::Mapping {
        epoch,
        source,
        wait: Wait::NONE,
    }
}

/// Control and announce streams are not ordered against each other: a notice from before the announce that brought
/// the mapped epoch is already answered by it. An attach answer is ordered behind the notice (D-217).
fn already_answered(source: Source, revoked_ns: u64) -> bool {
    matches!(source, Source::Announce { timestamp_ns } if revoked_ns <= timestamp_ns)
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "small numbers of a test")]
mod tests;
