//! Bugs to order. Each sits at the edge of the system under test, in what this package wraps around the real machines,
//! and breaks exactly one promise: that shows that the simulator would notice.

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::driver::Event;
use tp_core_nostd::proto::session::Happened;
use tp_core_nostd::time::Instant;
use tp_core_nostd::wire::driver::Role;

/// What operators know.
pub(crate) const SECRET: &[u8] = b"friend";
/// What strangers try.
pub(crate) const GUESS: &[u8] = b"please";

/// A bug that was planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Revocations of producers are dropped on their way out.
    SilentRevocation,
    /// The disk finds no old epochs.
    ForgetfulDisk,
    /// The disk reports success and makes nothing.
    LyingDisk,
    /// Each driver starts from the same "random" seed.
    SameSeed,
    /// Files of the epoch after a lost producer are made, and nobody is told.
    LostResult,
    /// A producer does not look at the clock.
    NoDeadline,
    /// A new epoch gets the files of the one before.
    FilesReused,
    /// Collection does the opposite of what the policy says.
    InvertedRetention,
    /// Collection takes the last directory of a stream, too.
    NoRecord,
    /// Lent tables are longer than the configuration says.
    LongTables,
    /// Every consumer is told the same descriptor stream.
    TwinStreams,
    /// The secret for shutdowns is one that strangers guess.
    WeakSecret,
    /// A consumer's ears are closed to whatever ends its mapping.
    DeafConsumer,
    /// What a client sends never leaves it, and it is told otherwise.
    MuteClient,
}

/// The places where a bug can sit. Without a bug each of them changes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Planted(pub Option<Bug>);

impl Planted {
    /// Whether it is this bug.
    pub fn is(self, bug: Bug) -> bool {
        self.0 == Some(bug)
    }

    /// Whether a message of the driver goes out.
    pub(crate) fn lets_out(self, event: Event) -> bool {
        let ends_producer = matches!(
            event,
            Event::Revoked {
                role: Role::Producer,
                ..
            }
        );
        !(ends_producer && self.is(Bug::SilentRevocation))
    }

    /// What a message of the driver tells.
    pub(crate) fn told(self, event: Event) -> Event {
        match event {
            Event::Configured {
                stream,
                consumer,
                descriptor: Some(_),
                control,
            } if self.is(Bug::TwinStreams) => Event::Configured {
                stream,
                consumer,
                descriptor: StreamId::new(31_000),
                control,
            },
            event => event,
        }
    }

    /// What whoever ends the driver has to know.
    pub(crate) fn secret(self) -> &'static [u8] {
        if self.is(Bug::WeakSecret) {
            GUESS
        } else {
            SECRET
        }
    }

    pub(crate) fn scanned(self, last_epoch: u64) -> u64 {
        if self.is(Bug::ForgetfulDisk) {
            0
        } else {
            last_epoch
        }
    }

    /// Whether collection leaves an epoch alone.
    pub(crate) fn spares(self, spared: bool) -> bool {
        spared != self.is(Bug::InvertedRetention)
    }

    pub(crate) fn driver_seed(self, seed: u64) -> u64 {
        if self.is(Bug::SameSeed) { 4711 } else { seed }
    }

    pub(crate) fn leases(self, capacity: usize) -> usize {
        if self.is(Bug::LongTables) {
            capacity.saturating_add(8)
        } else {
            capacity
        }
    }

    /// The time a producer's session is told.
    pub(crate) fn now(self, now: Instant, writes_since: Option<Instant>) -> Instant {
        match writes_since {
            Some(since) if self.is(Bug::NoDeadline) => since,
            _ => now,
        }
    }

    /// Whether a consumer's mapping machine hears of it.
    pub(crate) fn hears(self, happened: &Happened<'_>) -> bool {
        !self.is(Bug::DeafConsumer) || matches!(happened, Happened::Granted(_))
    }
}
