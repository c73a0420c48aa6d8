//! How often progress is worth a message: the hints of all consumers, and what the producer makes of them.

use crate::time::Duration;
use crate::wire::control::ProgressHints;

/// The least that happens between two PROGRESS messages of a stream. The thresholds are alternatives: either is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ProgressPolicy {
    /// Time from one to the next, whatever frames they are of; zero leaves it to the thresholds alone.
    pub interval: Duration,
    /// Bytes a frame has grown by; unset, bytes trigger nothing.
    pub bytes_delta: Option<u32>,
    /// Whole rows or columns it has grown by, at least one; unset, they trigger nothing.
    pub major_delta_units: Option<u32>,
}

/// What a producer goes by when it combines the hints of its consumers (W-175, W-178).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ProgressLimits {
    /// In place of hints that were not given.
    pub default: ProgressPolicy,
    /// No hint gets below these; an unset delta is no floor.
    pub floor: ProgressPolicy,
}

impl Default for ProgressLimits {
    /// 250 us and 64 KiB unless consumers ask for else, and never more than 5000 messages a second (W-171, W-176).
    fn default() -> Self {
        Self {
            default: ProgressPolicy {
                interval: Duration::from_micros(250),
                bytes_delta: Some(64 << 10),
                major_delta_units: None,
            },
            floor: ProgressPolicy {
                interval: Duration::from_micros(200),
                bytes_delta: None,
                major_delta_units: None,
            },
        }
    }
}

impl ProgressLimits {
    /// The policy that serves everybody who supports progress: the smallest of each, not below the floor. `None` if
    /// nobody does, for then nothing is sent (W-174, C-073).
    pub fn policy(&self, hints: impl IntoIterator<Item = ProgressHints>) -> Option<ProgressPolicy> {
        let asked = hints.into_iter().map(|hints| self.asked(hints));
        let least = asked.reduce(|one, other| ProgressPolicy {
            interval: one.interval.min(other.interval),
            bytes_delta: smaller(one.bytes_delta, other.bytes_delta),
            major_delta_units: smaller(one.major_delta_units, other.major_delta_units),
        })?;
        Some(ProgressPolicy {
            interval: least.interval.max(self.floor.interval),
            bytes_delta: raised(least.bytes_delta, self.floor.bytes_delta),
            major_delta_units: raised(least.major_delta_units, self.floor.major_delta_units),
        })
    }

    /// What one consumer asks for.
    fn asked(&self, hints: ProgressHints) -> ProgressPolicy {
        let interval = hints.interval_us.map(|us| Duration::from_micros(us.into()));
        ProgressPolicy {
            interval: interval.unwrap_or(self.default.interval),
            bytes_delta: hints.bytes_delta.or(self.default.bytes_delta),
            major_delta_units: hints.major_delta_units.or(self.default.major_delta_units),
        }
    }
}

/// The smaller of two thresholds; an unset one triggers nothing.
fn smaller(one: Option<u32>, other: Option<u32>) -> Option<u32> {
    one.into_iter().chain(other).min()
}

/// A threshold, not below `floor`.
fn raised(delta: Option<u32>, floor: Option<u32>) -> Option<u32> {
    delta.map(|delta| delta.max(floor.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(interval_us: Option<u32>, bytes: Option<u32>, lines: Option<u32>) -> ProgressHints {
        ProgressHints {
            interval_us,
            bytes_delta: bytes,
            major_delta_units: lines,
        }
    }

    fn policy(us: u64, bytes: Option<u32>, lines: Option<u32>) -> Option<ProgressPolicy> {
        Some(ProgressPolicy {
            interval: Duration::from_micros(us),
            bytes_delta: bytes,
            major_delta_units: lines,
        })
    }

    // req: W-174, W-175, W-176, W-178, C-073, C-076
    #[test]
    fn the_smallest_hints_win_above_the_floors() {
        let kib = |count: u32| Some(count << 10);
        let unasked = hints(None, None, None);
        #[rustfmt::skip]
        let rows = [
            (&[][..],                                                             None),
            (&[unasked][..],                                                      policy(250, kib(64), None)),
            (&[hints(Some(500), kib(128), Some(8))],                              policy(500, kib(128), Some(8))),
            (&[hints(Some(500), kib(128), Some(8)), hints(Some(400), kib(256), Some(4))], policy(400, kib(128), Some(4))),
            // Nothing said is the default, which may be the smallest.
            (&[hints(Some(500), kib(128), Some(8)), unasked],                     policy(250, kib(64), Some(8))),
            // Zero is a value; the floor holds against it.
            (&[hints(Some(0), Some(0), Some(0))],                                 policy(200, kib(4), Some(2))),
        ];
        let mut limits = ProgressLimits::default();
        limits.floor.bytes_delta = kib(4);
        limits.floor.major_delta_units = Some(2);
        for (asked, expected) in rows {
            assert_eq!(limits.policy(asked.iter().copied()), expected, "{asked:?}");
        }
    }

    #[test]
    fn bytes_alone_can_trigger() {
        let bytes_only = ProgressPolicy {
            interval: Duration::ZERO,
            bytes_delta: Some(64 << 10),
            major_delta_units: None,
        };
        let limits = ProgressLimits {
            default: bytes_only,
            floor: bytes_only,
        };
        assert_eq!(limits.policy([hints(None, None, None)]), Some(bytes_only));
    }
}
