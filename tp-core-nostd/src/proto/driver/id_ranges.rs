//! Ranges of stream ids that a driver may hand out (driver 3.10).

use super::config::{Config, SetupError};
use crate::ids::StreamId;

/// Stream ids from `first` to `last`, both included (D-170).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct IdRange {
    first: StreamId,
    last: StreamId,
}

impl IdRange {
    /// The ids from `first` to `last`; `None` if `first` is above `last` (D-163).
    pub const fn new(first: StreamId, last: StreamId) -> Option<Self> {
        if first.get() <= last.get() {
            Some(Self { first, last })
        } else {
            None
        }
    }

    /// The lowest id.
    pub const fn first(self) -> StreamId {
        self.first
    }

    /// The highest id.
    pub const fn last(self) -> StreamId {
        self.last
    }

    /// Whether this id is one of them.
    pub const fn contains(self, id: StreamId) -> bool {
        self.first.get() <= id.get() && id.get() <= self.last.get()
    }

    /// The lowest id that both have.
    fn shared_with(self, other: Self) -> Option<StreamId> {
        let lowest = self.first.max(other.first);
        (self.contains(lowest) && other.contains(lowest)).then_some(lowest)
    }
}

/// Checks that no id means two things: one of the driver's own streams, or several ranges (D-162, D-163).
pub(super) fn check(config: &Config<'_>) -> Result<(), SetupError> {
    for (place, range) in all(config).enumerate() {
        let mut earlier = all(config).take(place);
        if let Some(id) = earlier.find_map(|other| range.shared_with(other)) {
            return Err(SetupError::IdsOverlap { id });
        }
        if let Some(id) = config.shared_streams.iter().find(|id| range.contains(**id)) {
            return Err(SetupError::IdsOverlap { id: *id });
        }
    }
    Ok(())
}

/// Whether a configured stream would have an id that the driver may hand out (D-162).
pub(super) fn are_taken(config: &Config<'_>, id: StreamId) -> bool {
    all(config).any(|range| range.contains(id))
}

/// The ranges of all three purposes.
fn all<'a>(config: &Config<'a>) -> impl Iterator<Item = IdRange> + use<'a> {
    let dynamic = config.dynamic.map_or(&[][..], |dynamic| dynamic.ids);
    [dynamic, config.private_descriptors, config.private_controls]
        .into_iter()
        .flatten()
        .copied()
}
