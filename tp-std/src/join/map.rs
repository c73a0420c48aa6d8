//! Merge maps as applications write them: rules for an output, whatever epoch it is in (join-barrier 2.2).

use core::time::Duration;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::merge_map::MergeRule;
use tp_core_nostd::wire::enums::ClockDomain;
use tp_core_nostd::wire::merge_map::{
    Offset, OffsetNs, SequenceMergeMapAnnounce, SequenceNeed, SequenceRule,
    TimestampMergeMapAnnounce, TimestampNeed, TimestampRule, TimestampSource, WindowNs, WindowSize,
};
use tp_core_nostd::wire::{Entries, ValueError};

use crate::error::ConfigError;

/// Most rules of one map here (J-026).
pub(crate) const RULES_MAX: usize = 64;

/// Which frames of its inputs an output needs, by number: for inputs of one rate whose numbering is preserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequenceMap {
    out: StreamId,
    rules: Vec<SequenceRule>,
    stale_timeout: Option<Duration>,
}

impl SequenceMap {
    /// For the frames of `out`; it needs a rule at least (J-023).
    pub const fn new(out: StreamId) -> Self {
        Self {
            out,
            rules: Vec::new(),
            stale_timeout: None,
        }
    }

    /// Frame n needs frame n + `offset` of `input`.
    ///
    /// # Errors
    /// `offset` is the number that stands for none on the wire, -2147483648.
    pub fn with_offset(self, input: StreamId, offset: i32) -> Result<Self, ConfigError> {
        let offset = Offset::new(offset).ok_or(number("offset", offset))?;
        Ok(self.with(input, SequenceNeed::Offset(offset)))
    }

    /// Frame n needs the `count` frames of `input` up to n; a stage does without those that are gone.
    ///
    /// # Errors
    /// `count` is 0, or 4294967295.
    pub fn with_window(self, input: StreamId, count: u32) -> Result<Self, ConfigError> {
        let size = WindowSize::new(count).ok_or(number("windowSize", count))?;
        Ok(self.with(input, SequenceNeed::Window(size)))
    }

    /// An input without a frame for so long is stale; outputs may do without it where the join allows that (J-090).
    #[must_use]
    pub const fn with_stale_timeout(mut self, timeout: Duration) -> Self {
        self.stale_timeout = Some(timeout);
        self
    }

    fn with(mut self, input: StreamId, need: SequenceNeed) -> Self {
        self.rules.push(SequenceRule { input, need });
        self
    }

    fn announce(&self, epoch: Epoch) -> SequenceMergeMapAnnounce<'_> {
        SequenceMergeMapAnnounce {
            out_stream_id: self.out,
            epoch,
            stale_timeout_ns: self.stale_timeout.map(nanoseconds),
            rules: Entries::listed(&self.rules),
        }
    }
}

/// Which frames of its inputs an output needs, by time: for inputs of several rates, or of several hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimestampMap {
    out: StreamId,
    clock: ClockDomain,
    rules: Vec<TimestampRule>,
    stale_timeout: Option<Duration>,
    lateness: Duration,
}

impl TimestampMap {
    /// For the frames of `out`, whose times and those of all inputs are of `clock` (J-018); it needs a rule at least.
    pub const fn new(out: StreamId, clock: ClockDomain) -> Self {
        Self {
            out,
            clock,
            rules: Vec::new(),
            stale_timeout: None,
            lateness: Duration::ZERO,
        }
    }

    /// A frame at time t needs the one of `input` that was current at t + `offset_ns`, by the time `source` names.
    ///
    /// # Errors
    /// `offset_ns` is the number that stands for none on the wire, the lowest there is.
    pub fn with_offset(
        self,
        input: StreamId,
        source: TimestampSource,
        offset_ns: i64,
    ) -> Result<Self, ConfigError> {
        let offset = OffsetNs::new(offset_ns).ok_or(number("offsetNs", offset_ns))?;
        Ok(self.with(input, source, TimestampNeed::Offset(offset)))
    }

    /// A frame at time t needs those of `input` from t - `window` to t, by the time `source` names.
    ///
    /// # Errors
    /// `window` is empty, or longer than the wire can say.
    pub fn with_window(
        self,
        input: StreamId,
        source: TimestampSource,
        window: Duration,
    ) -> Result<Self, ConfigError> {
        let ns = nanoseconds(window);
        let window = WindowNs::new(ns).ok_or(number("windowNs", ns))?;
        Ok(self.with(input, source, TimestampNeed::Window(window)))
    }

    /// As [`SequenceMap::with_stale_timeout`].
    #[must_use]
    pub const fn with_stale_timeout(mut self, timeout: Duration) -> Self {
        self.stale_timeout = Some(timeout);
        self
    }

    /// By so much inputs may lag behind what an output needs; by nothing unless this is said (J-060).
    #[must_use]
    pub const fn with_lateness(mut self, lateness: Duration) -> Self {
        self.lateness = lateness;
        self
    }

    fn with(mut self, input: StreamId, source: TimestampSource, need: TimestampNeed) -> Self {
        let rule = TimestampRule {
            input,
            source,
            need,
        };
        self.rules.push(rule);
        self
    }

    fn announce(&self, epoch: Epoch) -> TimestampMergeMapAnnounce<'_> {
        TimestampMergeMapAnnounce {
            out_stream_id: self.out,
            epoch,
            stale_timeout_ns: self.stale_timeout.map(nanoseconds),
            clock_domain: self.clock,
            lateness_ns: nanoseconds(self.lateness),
            rules: Entries::listed(&self.rules),
        }
    }
}

/// A map of either kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MergeMap {
    /// By number.
    Sequence(SequenceMap),
    /// By time.
    Timestamp(TimestampMap),
}

impl From<SequenceMap> for MergeMap {
    fn from(map: SequenceMap) -> Self {
        Self::Sequence(map)
    }
}

impl From<TimestampMap> for MergeMap {
    fn from(map: TimestampMap) -> Self {
        Self::Timestamp(map)
    }
}

impl MergeMap {
    /// The output it is for.
    pub const fn out(&self) -> StreamId {
        match self {
            Self::Sequence(map) => map.out,
            Self::Timestamp(map) => map.out,
        }
    }

    /// Whether peers would understand it.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let (count, names_out) = match self {
            Self::Sequence(map) => inputs(&map.rules, map.out),
            Self::Timestamp(map) => inputs(&map.rules, map.out),
        };
        let (field, max) = ("rules", RULES_MAX);
        Err(ConfigError::MergeMap(match count {
            0 => ValueError::Missing { field },
            got if got > max => ValueError::TooMany { field, got, max },
            _ if names_out => ValueError::Number {
                field: "inputStreamId",
                got: self.out().get().into(),
            },
            _ => return Ok(()),
        }))
    }
}

/// How many rules there are, and whether one of them names the output.
fn inputs<R: MergeRule>(rules: &[R], out: StreamId) -> (usize, bool) {
    (rules.len(), rules.iter().any(|rule| rule.input() == out))
}

/// The kind of map that a rule is of.
pub(crate) trait OwnRule: MergeRule {
    /// The map with its epoch, if it is of this kind.
    fn announce(map: &MergeMap, epoch: Epoch) -> Option<Self::Map<'_>>;
}

impl OwnRule for SequenceRule {
    fn announce(map: &MergeMap, epoch: Epoch) -> Option<SequenceMergeMapAnnounce<'_>> {
        match map {
            MergeMap::Sequence(map) => Some(map.announce(epoch)),
            MergeMap::Timestamp(_) => None,
        }
    }
}

impl OwnRule for TimestampRule {
    fn announce(map: &MergeMap, epoch: Epoch) -> Option<TimestampMergeMapAnnounce<'_>> {
        match map {
            MergeMap::Timestamp(map) => Some(map.announce(epoch)),
            MergeMap::Sequence(_) => None,
        }
    }
}

fn number(field: &'static str, got: impl Into<i128>) -> ConfigError {
    ConfigError::MergeMap(ValueError::Number {
        field,
        got: got.into(),
    })
}

/// What is longer than the wire can say is as long as it can say: one short of what stands for none.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos())
        .unwrap_or(u64::MAX)
        .min(u64::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(raw: u32) -> StreamId {
        StreamId::new(raw).unwrap()
    }

    #[test] // req: J-011, J-012, J-017, J-022, J-023
    fn maps_that_peers_would_not_understand_are_not_made() {
        let (out, input) = (stream(9), stream(1));
        let map = || SequenceMap::new(out);
        assert!(map().with_offset(input, i32::MIN).is_err());
        assert!(map().with_window(input, 0).is_err());
        let check = |map: SequenceMap| MergeMap::from(map).check();
        assert!(check(map()).is_err());
        assert!(check(map().with_offset(out, 0).unwrap()).is_err());
        assert_eq!(check(map().with_offset(input, -1).unwrap()), Ok(()));
        let full = (0..RULES_MAX).fold(map(), |map, _| map.with_window(input, 2).unwrap());
        assert_eq!(check(full.clone()), Ok(()));
        assert!(check(full.with_offset(input, 0).unwrap()).is_err());

        let by_slot = TimestampSource::SlotHeader;
        let map = || TimestampMap::new(out, ClockDomain::Monotonic);
        assert!(map().with_offset(input, by_slot, i64::MIN).is_err());
        assert!(map().with_window(input, by_slot, Duration::ZERO).is_err());
        assert!(map().with_window(input, by_slot, Duration::MAX).is_ok());
        assert!(MergeMap::from(map()).check().is_err());
    }
}
