//! Time as the protocol sees it: nanoseconds of CLOCK_MONOTONIC, injected by a [`Clock`].

pub use core::time::Duration;

/// A point on the monotonic clock of this host, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Instant(u64);

impl Instant {
    /// Later than anything that happens: a deadline that is not set.
    pub const NEVER: Self = Self(u64::MAX);

    /// The instant `ns` nanoseconds after the clock's origin.
    pub const fn from_ns(ns: u64) -> Self {
        Self(ns)
    }

    /// Nanoseconds since the clock's origin, as written into timestamps.
    pub const fn as_ns(self) -> u64 {
        self.0
    }

    /// The instant `delay` later; saturates at [`Instant::NEVER`].
    pub const fn after(self, delay: Duration) -> Self {
        let ns = delay.as_nanos();
        if ns > u64::MAX as u128 {
            Self::NEVER
        } else {
            Self(self.0.saturating_add(ns as u64))
        }
    }

    /// How long after `earlier` this is; zero if it is not later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Where time comes from; the only way any part of the system learns it (so that runs can be replayed).
pub trait Clock {
    /// Now, on CLOCK_MONOTONIC.
    fn now(&self) -> Instant;

    /// Now, in nanoseconds since 1970, where the platform has a real-time clock.
    fn real_ns(&self) -> Option<u64>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_saturate() {
        let t = Instant::from_ns(10);
        assert_eq!(t.after(Duration::from_nanos(5)).as_ns(), 15);
        assert_eq!(t.after(Duration::MAX), Instant::NEVER);
        assert_eq!(Instant::from_ns(3).since(t), Duration::ZERO);
    }
}
