//! What comes of orders about files.

use super::engine::{Driver, bump};
use super::files::{FileError, FileResult};
use super::stream::{Cause, StreamEntry, Work};
use super::table::Slot;
use crate::time::Instant;

impl Driver<'_> {
    /// An order was carried out, or failed.
    pub fn handle_files(&mut self, now: Instant, result: FileResult) {
        let (FileResult::Scanned { stream, .. }
        | FileResult::Provisioned { stream, .. }
        | FileResult::Collected { stream, .. }
        | FileResult::Failed { stream, .. }) = result;
        let found = self.streams.find(stream.get());
        let Some((at, stream)) = found.and_then(|at| Some((at, self.streams.get(at)?))) else {
            return bump(&mut self.counters.ignored.file_results);
        };
        match (stream.work, result) {
            (Work::Scanning, FileResult::Scanned { last_epoch, .. }) => {
                self.streams.scanned(at, last_epoch);
            }
            (Work::Raising(cause, ordered), FileResult::Provisioned { epoch, .. })
                if epoch >= ordered =>
            {
                bump(&mut self.counters.epochs);
                self.streams.provisioned(now, at, epoch);
                if self.config.collects_after(cause) {
                    self.streams.collect_at(at, now);
                }
                if cause == Cause::Attach {
                    self.grant_first(now, at);
                }
            }
            (
                Work::Raising(cause, _),
                FileResult::Failed {
                    error: FileError::NoSpace { .. },
                    ..
                },
            ) if self.config.retention.is_some() && !stream.made_room => {
                self.streams.make_room(at, cause);
            }
            (Work::Scanning | Work::Raising(..), FileResult::Failed { error, .. }) => {
                self.fail(now, at, error);
            }
            (_, FileResult::Collected { removed, .. }) => return self.collected(now, at, removed),
            (_, _) => return bump(&mut self.counters.ignored.file_results),
        }
        self.serve(now, at);
    }

    /// Old epochs of a stream were collected.
    fn collected(&mut self, now: Instant, at: Slot<StreamEntry>, removed: u32) {
        let Some(stream) = self.streams.get_mut(at) else {
            return;
        };
        let was_chore = core::mem::take(&mut stream.collecting);
        match stream.work {
            Work::MakingRoom(cause) => self.streams.raise(at, cause),
            Work::Retiring if stream.leases == 0 => self.forget(at),
            Work::Retiring => self.streams.stay(at),
            _ if was_chore => self.streams.schedule(at),
            _ => return bump(&mut self.counters.ignored.file_results),
        }
        self.counters.collected = self.counters.collected.wrapping_add(removed.into());
        self.serve(now, at);
    }

    /// The order in hand failed. The old epoch of a lost producer stays dead (D-113).
    pub(super) fn fail(&mut self, now: Instant, at: Slot<StreamEntry>, error: FileError) {
        bump(&mut self.counters.file_failures);
        let work = self.streams.get(at).map(|stream| stream.work);
        self.streams.failed(at);
        match work {
            Some(
                Work::Scanning | Work::RaiseDue(Cause::Attach) | Work::Raising(Cause::Attach, _),
            ) => {
                self.refuse_waiting(now, at, error);
            }
            _ => self.bid_farewell(at),
        }
    }
}
