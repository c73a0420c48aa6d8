//! Which announces of a stream count: fresh ones of the highest epoch, from after we joined (wire 5.3, T-10..T-12).

use crate::ids::Epoch;
use crate::time::{Duration, Instant};
use crate::wire::enums::ClockDomain;

/// The parts of an announce that decide whether it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Epoch it announces.
    pub epoch: Epoch,
    /// When it was sent, in nanoseconds of `domain`; 0 was never set.
    pub timestamp_ns: u64,
    /// The clock of `timestamp_ns`.
    pub domain: ClockDomain,
}

/// When and how an announce reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Now, on our monotonic clock.
    pub now: Instant,
    /// Now, in nanoseconds since 1970, where we have that clock.
    pub real_ns: Option<u64>,
    /// When the image it came on became available to us (W-042).
    pub joined: Instant,
}

/// Why an announce does not count. None of these is an error: announces are soft state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Ignored {
    /// It carries no timestamp, or one of a clock we do not have.
    NoTimestamp,
    /// It is older than the freshness window (W-039).
    Stale,
    /// It is further in the future than the freshness window: another boot or host (T-10).
    FromTheFuture,
    /// It was sent before we joined: a replayed log (W-041).
    BeforeJoin,
    /// A higher epoch of the stream has been announced (W-038).
    LowerEpoch,
}

/// Judges the announces of one stream. Lives as long as the stream is wanted, across unmapping (T-12).
#[derive(Clone, Copy, Debug)]
pub struct AnnounceFilter {
    window: Duration,
    highest: Option<Epoch>,
}

impl AnnounceFilter {
    /// A filter that takes announces for fresh during `window`, usually three announce periods (W-040).
    pub const fn new(window: Duration) -> Self {
        Self {
            window,
            highest: None,
        }
    }

    /// The highest epoch announced so far.
    pub const fn highest(&self) -> Option<Epoch> {
        self.highest
    }

    /// Decides on one announce. Only those that pass the time rules raise the highest epoch.
    ///
    /// # Errors
    /// The rule by which it does not count.
    pub fn judge(&mut self, stamp: Stamp, arrival: Arrival) -> Result<(), Ignored> {
        let now_ns = match stamp.domain {
            ClockDomain::Monotonic => Some(arrival.now.as_ns()),
            ClockDomain::RealtimeSynced => arrival.real_ns,
        };
        let now_ns = now_ns
            .filter(|_| stamp.timestamp_ns != 0)
            .ok_or(Ignored::NoTimestamp)?;
        let window_ns = u64::try_from(self.window.as_nanos()).unwrap_or(u64::MAX);
        if now_ns.saturating_sub(stamp.timestamp_ns) > window_ns {
            return Err(Ignored::Stale);
        }
        if stamp.timestamp_ns.saturating_sub(now_ns) > window_ns {
            return Err(Ignored::FromTheFuture);
        }
        // Only the monotonic clock can be compared with the time we joined (W-041, W-043).
        if stamp.domain == ClockDomain::Monotonic && stamp.timestamp_ns < arrival.joined.as_ns() {
            return Err(Ignored::BeforeJoin);
        }
        if self.highest.is_some_and(|highest| stamp.epoch < highest) {
            return Err(Ignored::LowerEpoch);
        }
        self.highest = Some(stamp.epoch);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn epoch(raw: u64) -> Epoch {
        Epoch::new(raw).unwrap()
    }

    fn filter() -> AnnounceFilter {
        AnnounceFilter::new(Duration::from_secs(3))
    }

    fn monotonic(raw_epoch: u64, timestamp_ns: u64) -> Stamp {
        Stamp {
            epoch: epoch(raw_epoch),
            timestamp_ns,
            domain: ClockDomain::Monotonic,
        }
    }

    fn synced(timestamp_ns: u64) -> Stamp {
        Stamp {
            domain: ClockDomain::RealtimeSynced,
            ..monotonic(1, timestamp_ns)
        }
    }

    /// At 100 s monotonic and 1000 s real, joined at 98 s.
    const ARRIVAL: Arrival = Arrival {
        now: Instant::from_ns(100 * SECOND),
        real_ns: Some(1_000 * SECOND),
        joined: Instant::from_ns(98 * SECOND),
    };

    #[test]
    fn time_rules_decide_first() {
        let rows = [
            (monotonic(1, 100 * SECOND), Ok(())), // req: W-037
            (monotonic(1, 98 * SECOND), Ok(())),  // req: W-041, T-11
            (monotonic(1, 98 * SECOND - 1), Err(Ignored::BeforeJoin)), // req: W-041, W-042
            (monotonic(1, 97 * SECOND - 1), Err(Ignored::Stale)), // req: W-039, W-040
            (monotonic(1, 103 * SECOND), Ok(())), // req: T-10
            (monotonic(1, 103 * SECOND + 1), Err(Ignored::FromTheFuture)), // req: T-10
            (monotonic(1, 0), Err(Ignored::NoTimestamp)), // req: T-10
            (synced(997 * SECOND), Ok(())),       // req: W-043, W-044
            (synced(997 * SECOND - 1), Err(Ignored::Stale)), // req: W-044
            (synced(100 * SECOND), Err(Ignored::Stale)), // req: W-044, T-10
        ];
        for (stamp, verdict) in rows {
            assert_eq!(filter().judge(stamp, ARRIVAL), verdict, "{stamp:?}");
        }
    }

    #[test]
    fn a_synced_stamp_without_a_real_clock_says_nothing() {
        let arrival = Arrival {
            real_ns: None,
            ..ARRIVAL
        };
        assert_eq!(
            filter().judge(synced(1_000 * SECOND), arrival),
            Err(Ignored::NoTimestamp)
        );
    }

    #[test] // req: W-038, W-048, T-12
    fn the_highest_epoch_wins_and_stays() {
        let mut filter = filter();
        assert_eq!(filter.judge(monotonic(5, 100 * SECOND), ARRIVAL), Ok(()));
        assert_eq!(
            filter.judge(monotonic(4, 100 * SECOND), ARRIVAL),
            Err(Ignored::LowerEpoch)
        );
        assert_eq!(filter.judge(monotonic(5, 100 * SECOND), ARRIVAL), Ok(()));
        assert_eq!(filter.judge(monotonic(9, 1), ARRIVAL), Err(Ignored::Stale));
        assert_eq!(
            filter.highest(),
            Some(epoch(5)),
            "a stale announce raises nothing"
        );
        assert_eq!(filter.judge(monotonic(6, 100 * SECOND), ARRIVAL), Ok(()));
    }
}
