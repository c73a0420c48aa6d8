//! Streams that clients of an earlier driver brought into being, and that nobody has asked for since: their files are
//! collected once, when whoever still uses one has had the time to come back (D-202).

use std::collections::BTreeSet;

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::driver::Keep;
use tp_core_nostd::time::Instant;
use tracing::warn;

use super::config::DriverConfig;
use super::tables::DriverTables;

/// What is to be swept, and when.
#[derive(Debug)]
pub(super) struct Strays {
    due: Instant,
    streams: Vec<StreamId>,
    keep: Keep,
}

impl Strays {
    /// Looks for streams in the ranges of dynamic ids, if old epochs are collected at the start at all (D-200).
    pub(super) fn find(tables: &DriverTables<'_>, now: Instant) -> Option<Self> {
        let config = tables.config();
        let retention = config.retention.filter(|retention| retention.on_startup)?;
        let mut streams = tables.tree().streams().unwrap_or_else(|error| {
            warn!(%error, "streams of earlier drivers cannot be looked for");
            Vec::new()
        });
        streams.retain(|stream| is_dynamic(config, *stream));
        (!streams.is_empty()).then(|| Self {
            due: now.after(retention.min_age),
            streams,
            keep: retention.of_deserted(),
        })
    }

    /// Whether the time has come.
    pub(super) fn are_due(&self, now: Instant) -> bool {
        now >= self.due
    }

    /// The streams to sweep, without those that are in use.
    pub(super) fn except(mut self, used: &BTreeSet<StreamId>) -> (Vec<StreamId>, Keep) {
        self.streams.retain(|stream| !used.contains(stream));
        (self.streams, self.keep)
    }
}

fn is_dynamic(config: &DriverConfig, stream: StreamId) -> bool {
    let ranges = config.dynamic.iter().flat_map(|dynamic| &dynamic.ids);
    ranges.into_iter().any(|range| range.contains(stream))
}
