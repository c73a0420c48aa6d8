//! What is kept of old epochs (driver 3.13).

use crate::ids::Epoch;
use crate::time::{Duration, Instant};

/// What is kept of the epochs that a stream had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Retention {
    /// So many of the newest, the current one included, however stale they are (D-197). At least 1.
    pub keep: u32,
    /// Those whose regions were written to within this time (D-198).
    pub min_age: Duration,
    /// Whether old epochs are also collected right after the start (D-200).
    pub on_startup: bool,
}

impl Retention {
    /// What must stay of a stream that nobody uses: what is fresh, or belongs to somebody who lives.
    pub const fn of_deserted(&self) -> Keep {
        Keep {
            in_use: None,
            spared: None,
            newest: 0,
            min_age: self.min_age,
        }
    }
}

/// Which epochs of one stream must stay; all others go (D-197, D-198).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Keep {
    /// The epoch that is announced. `None`: none is in use, and whoever carries the order out may let go of its own
    /// mappings of this stream as well.
    pub in_use: Option<Epoch>,
    /// The one before, while leases may still refer to it (driver 12, trap 13).
    pub spared: Option<Epoch>,
    /// So many of the newest.
    pub newest: u32,
    /// Those with activity within this time.
    pub min_age: Duration,
}

/// What stands on disk of one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FoundEpoch {
    /// Its number.
    pub epoch: u64,
    /// The latest activity stamp of its regions.
    pub activity_ns: u64,
    /// Whether the process that made it runs. The driver itself does not count: it has made the epochs it collects
    /// (driver 12, trap 12).
    pub creator_lives: bool,
}

impl Keep {
    /// Of a stream that is out of use, where nothing is ever removed.
    pub(super) const EVERYTHING: Self = Self {
        in_use: None,
        spared: None,
        newest: u32::MAX,
        min_age: Duration::ZERO,
    };

    /// Whether an epoch stays. The newest one of the stream has rank 0, the next newest 1, and so on.
    pub fn spares(&self, now: Instant, rank_from_newest: u32, found: FoundEpoch) -> bool {
        let is = |epoch: Option<Epoch>| epoch.is_some_and(|epoch| epoch.get() == found.epoch);
        // A stamp far ahead of the clock is from before a reboot, and as old as any.
        let age = Duration::from_nanos(now.as_ns().abs_diff(found.activity_ns));
        rank_from_newest < self.newest
            || is(self.in_use)
            || is(self.spared)
            || found.creator_lives
            || age < self.min_age
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_ns(100);
    const KEEP: Keep = Keep {
        in_use: Epoch::new(50),
        spared: Epoch::new(40),
        newest: 2,
        min_age: Duration::from_nanos(10),
    };
    /// Stale, of a dead process, and far from the newest.
    const OLD: FoundEpoch = FoundEpoch {
        epoch: 7,
        activity_ns: 90,
        creator_lives: false,
    };

    #[test] // req: D-197, D-198
    fn an_epoch_goes_only_if_nothing_speaks_for_it() {
        assert!(!KEEP.spares(NOW, 2, OLD));
        for (rank, found, why) in [
            (0, OLD, "the newest"),
            (1, OLD, "the next newest"),
            (2, FoundEpoch { epoch: 50, ..OLD }, "in use"),
            (9, FoundEpoch { epoch: 40, ..OLD }, "leases refer to it"),
            (
                2,
                FoundEpoch {
                    activity_ns: 91,
                    ..OLD
                },
                "active lately",
            ),
            (
                2,
                FoundEpoch {
                    activity_ns: 100,
                    ..OLD
                },
                "active right now",
            ),
            (
                2,
                FoundEpoch {
                    activity_ns: 109,
                    ..OLD
                },
                "stamped meanwhile",
            ),
            (
                2,
                FoundEpoch {
                    creator_lives: true,
                    ..OLD
                },
                "somebody else's",
            ),
        ] {
            assert!(KEEP.spares(NOW, rank, found), "{why}");
        }
        // Stamps of an earlier boot are ahead of the clock.
        let found = FoundEpoch {
            activity_ns: 110,
            ..OLD
        };
        assert!(!KEEP.spares(NOW, 2, found));
    }

    #[test] // req: D-168
    fn a_stream_that_is_forgotten_keeps_only_what_is_fresh() {
        let none = Keep {
            in_use: None,
            spared: None,
            newest: 0,
            ..KEEP
        };
        assert!(!none.spares(NOW, 0, OLD));
        assert!(none.spares(
            NOW,
            0,
            FoundEpoch {
                activity_ns: 95,
                ..OLD
            }
        ));
    }
}
