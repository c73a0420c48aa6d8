//! The outlet for orders about files.

use super::engine::{Driver, Life};
use super::epochs::next_epoch;
use super::files::{FileError, FileOrder};
use super::stream::{Stream, Work};
use super::upkeep::Chore;
use crate::ids::Epoch;
use crate::time::Instant;

impl<'a> Driver<'a> {
    /// Offers the next order about files: first what somebody waits for, then what is done from time to time. `Ok(false)` if
    /// there is none.
    ///
    /// # Errors
    /// What `emit` returns; then the order is still due.
    pub fn order<E>(
        &mut self,
        now: Instant,
        emit: impl FnOnce(FileOrder<'a>) -> Result<(), E>,
    ) -> Result<bool, E> {
        if self.life == Life::Stopped {
            return Ok(false);
        }
        while let Some(at) = self.streams.first_order() {
            let Some(stream) = self.streams.get(at) else {
                return Ok(false);
            };
            if let Some((order, epoch)) = self.order_of(now, stream) {
                emit(order)?;
                self.streams.taken(epoch);
                return Ok(true);
            }
            self.streams.drop_order();
            self.fail(now, at, FileError::NoEpochLeft);
            self.serve(now, at);
        }
        self.order_chore(now, emit)
    }

    /// What the work that is due means, and the epoch it is about; `None` if no epoch number is left.
    fn order_of(&self, now: Instant, stream: &Stream) -> Option<(FileOrder<'a>, Option<Epoch>)> {
        let id = stream.id;
        Some(match stream.work {
            Work::ScanDue => (FileOrder::Scan { stream: id }, None),
            Work::RoomDue(_) => {
                let keep = self.keep_of(now, stream);
                (FileOrder::Collect { stream: id, keep }, None)
            }
            _ => {
                let epoch = next_epoch(stream.last_epoch, now)?;
                let profile = *self.profile(stream)?;
                let order = FileOrder::Provision {
                    stream: id,
                    epoch,
                    profile,
                };
                (order, Some(epoch))
            }
        })
    }

    fn order_chore<E>(
        &mut self,
        now: Instant,
        emit: impl FnOnce(FileOrder<'a>) -> Result<(), E>,
    ) -> Result<bool, E> {
        let Some((at, chore)) = self.next_chore(now) else {
            return Ok(false);
        };
        let Some(stream) = self.streams.get(at).map(|stream| stream.id) else {
            return Ok(false);
        };
        match chore {
            Chore::Refresh(epoch) => {
                emit(FileOrder::RefreshActivity { stream, epoch })?;
                self.streams.refreshed(now, at);
            }
            Chore::Collect(keep) => {
                emit(FileOrder::Collect { stream, keep })?;
                self.streams.collecting(now, at, keep.min_age);
            }
            Chore::Retire(keep) => {
                emit(FileOrder::Collect { stream, keep })?;
                self.streams.retiring(at);
            }
        }
        Ok(true)
    }
}
