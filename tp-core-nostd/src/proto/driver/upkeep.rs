//! What is done about the files of a stream from time to time: activity stamps of streams without a producer are
//! refreshed, old epochs are collected, and streams that nobody uses are forgotten.
//!
//! Old epochs are collected right after each new one, and once more when the minimum age has passed since, for only then
//! may the one before go (driver 12, trap 13). Both moments, and the next refresh, are one deadline of the stream.

use super::config::Config;
use super::engine::Driver;
use super::retention::Keep;
use super::stream::{Cause, Stream, StreamEntry, Work};
use super::streams::Streams;
use super::table::Slot;
use crate::ids::Epoch;
use crate::time::{Duration, Instant};

/// What is next for the files of a stream that has nothing else in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chore {
    /// Write its activity stamps (D-018).
    Refresh(Epoch),
    /// Collect its old epochs (D-200).
    Collect(Keep),
    /// Collect everything: nobody has used it for the minimum age.
    Retire(Keep),
}

impl Driver<'_> {
    /// The chore that is due first.
    pub(super) fn next_chore(&mut self, now: Instant) -> Option<(Slot<StreamEntry>, Chore)> {
        loop {
            let (due, first) = self.streams.next_upkeep();
            let at = first.filter(|_| due <= now)?;
            let stream = self.streams.get(at)?;
            let chore = if stream.refresh_at <= now {
                stream.epoch.map(Chore::Refresh)
            } else if !stream.may_collect() {
                None
            } else if stream.left {
                Some(Chore::Retire(self.keep_of_retired()))
            } else {
                Some(Chore::Collect(self.keep_of(now, stream)))
            };
            match chore {
                Some(chore) => return Some((at, chore)),
                // Other work has begun since; the collection comes after it.
                None => self.streams.schedule(at),
            }
        }
    }

    /// A dynamic stream that nobody uses any more is not announced from now on. When the minimum age has passed as well,
    /// and only then, its files may go (D-198), and it is forgotten (D-168).
    pub(super) fn leave_deserted(&mut self, now: Instant, at: Slot<StreamEntry>) {
        let Some(stream) = self.streams.get(at) else {
            return;
        };
        if stream.left || !stream.is_deserted() {
            return;
        }
        if stream.work == Work::Unknown {
            // Its disk could not be read, and nothing was written.
            return self.forget(at);
        }
        let linger = self.config.retention.map_or(Duration::ZERO, |r| r.min_age);
        self.streams.leave(at, now.after(linger));
    }

    /// What must stay of a stream at this moment. Its producer lease refers to the epoch in use; so do its consumer leases,
    /// and to the one before as long as the change is younger than the minimum age (driver 12, trap 13).
    pub(super) fn keep_of(&self, now: Instant, stream: &Stream) -> Keep {
        let Some(retention) = self.config.retention else {
            return Keep::EVERYTHING;
        };
        let is_recent = now < stream.changed_at.after(retention.min_age);
        Keep {
            in_use: stream.epoch,
            spared: stream
                .previous
                .filter(|_| is_recent && stream.consumers > 0),
            newest: retention.keep,
            min_age: retention.min_age,
        }
    }

    /// What must stay of a stream that nobody uses.
    fn keep_of_retired(&self) -> Keep {
        let retention = self.config.retention;
        retention.map_or(Keep::EVERYTHING, |retention| retention.of_deserted())
    }
}

impl Config<'_> {
    /// Whether old epochs are collected after an epoch that was made for this cause (D-200).
    pub(super) fn collects_after(&self, cause: Cause) -> bool {
        self.retention
            .is_some_and(|retention| cause != Cause::Restart || retention.on_startup)
    }
}

impl Streams<'_> {
    /// The stream whose files are to be looked after next, and when.
    pub(super) fn next_upkeep(&self) -> (Instant, Option<Slot<StreamEntry>>) {
        (
            self.upkeeps.next(&self.table),
            self.upkeeps.first(&self.table),
        )
    }

    /// The adapter took the order to refresh.
    pub(super) fn refreshed(&mut self, now: Instant, slot: Slot<StreamEntry>) {
        let next = now.after(self.period);
        if let Some(stream) = self.get_mut(slot) {
            stream.refresh_at = next;
        }
        self.schedule(slot);
    }

    /// The adapter took the order to collect what a deserted stream leaves.
    pub(super) fn retiring(&mut self, slot: Slot<StreamEntry>) {
        if let Some(stream) = self.get_mut(slot) {
            stream.work = Work::Retiring;
        }
        self.collect_at(slot, Instant::NEVER);
    }

    /// The adapter took the order to collect.
    pub(super) fn collecting(&mut self, now: Instant, slot: Slot<StreamEntry>, min_age: Duration) {
        let Some(stream) = self.get_mut(slot) else {
            return;
        };
        stream.collecting = true;
        let again = stream.changed_at.after(min_age);
        self.collect_at(slot, if now < again { again } else { Instant::NEVER });
    }

    /// Sets when old epochs are collected next.
    pub(super) fn collect_at(&mut self, slot: Slot<StreamEntry>, due: Instant) {
        if let Some(stream) = self.get_mut(slot) {
            stream.collect_at = due;
        }
        self.schedule(slot);
    }

    /// Nobody uses the stream any more; it is retired at `due` unless somebody comes.
    pub(super) fn leave(&mut self, slot: Slot<StreamEntry>, due: Instant) {
        self.silence(slot);
        if let Some(stream) = self.get_mut(slot) {
            stream.left = true;
        }
        self.collect_at(slot, due);
    }

    /// Somebody uses the stream.
    pub(super) fn join(&mut self, slot: Slot<StreamEntry>) {
        let Some(stream) = self.get_mut(slot) else {
            return;
        };
        stream.leases = stream.leases.saturating_add(1);
        if core::mem::take(&mut stream.left) {
            self.collect_at(slot, Instant::NEVER);
        }
    }

    /// A lease of the stream is gone, its revocation published.
    pub(super) fn quit(&mut self, slot: Slot<StreamEntry>) {
        if let Some(stream) = self.get_mut(slot) {
            stream.leases = stream.leases.saturating_sub(1);
        }
    }

    /// Puts the stream where its next deadline belongs.
    pub(super) fn schedule(&mut self, slot: Slot<StreamEntry>) {
        let Some(stream) = self.get(slot) else {
            return;
        };
        let collect_at = if stream.may_collect() {
            stream.collect_at
        } else {
            Instant::NEVER
        };
        let due = stream.refresh_at.min(collect_at);
        if due == Instant::NEVER {
            self.upkeeps.clear(&mut self.table, slot);
        } else {
            self.upkeeps.set(&mut self.table, slot, due);
        }
    }
}
