//! Joins, and the maps they go by.

use core::sync::atomic::AtomicBool;
use std::sync::Arc;

use tp_core_nostd::ids::Epoch;

use super::Client;
use super::handlers::Registration;
use crate::conductor::{Command, Join, Own};
use crate::error::Error;
use crate::join::{JoinBarrier, JoinConfig, JoinDesk, JoinMode, MergeMap};

impl Client {
    /// A join in front of an output. It lives on the thread that uses it, beside the consumers of its inputs; the conductor
    /// finds its maps among those it hears of, and asks for one that nobody tells.
    ///
    /// ```no_run
    /// # use tp_std::{Client, Error, JoinConfig, SequenceJoinBarrier, StreamId};
    /// # fn make(client: &Client, out: StreamId) -> Result<(), Error> {
    /// let join: SequenceJoinBarrier = client.join(JoinConfig::new(out))?;
    /// # drop(join);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::QueueFull`].
    pub fn join<K: JoinMode>(&self, config: JoinConfig) -> Result<JoinBarrier<K>, Error> {
        let desk = Arc::new(JoinDesk::new(config.out));
        let by_time = K::BY_TIME;
        self.send(Command::Join(Join {
            desk: desk.clone(),
            by_time,
        }))?;
        Ok(JoinBarrier::new(&config, desk, self.shared.clock.clone()))
    }

    /// Announces a merge map of which this client is the authority (J-043): when it changes, each period
    /// ([`Context::with_merge_map_announce_period`](crate::Context::with_merge_map_announce_period)), and when somebody
    /// asks; until the registration is dropped, or another map of the same kind is announced for its output. It is for the
    /// epoch in which this client produces the output, and for each one that follows (J-020).
    ///
    /// # Errors
    /// [`Error::Config`] for a map without sense, [`Error::QueueFull`].
    pub fn announce_merge_map(&self, map: impl Into<MergeMap>) -> Result<Registration, Error> {
        self.announce(map.into(), None)
    }

    /// As [`Self::announce_merge_map`] for one epoch of an output that somebody else produces, as supervisors do.
    ///
    /// # Errors
    /// As [`Self::announce_merge_map`].
    pub fn announce_merge_map_for(
        &self,
        epoch: Epoch,
        map: impl Into<MergeMap>,
    ) -> Result<Registration, Error> {
        self.announce(map.into(), Some(epoch))
    }

    fn announce(&self, map: MergeMap, epoch: Option<Epoch>) -> Result<Registration, Error> {
        map.check()?;
        let removed = Arc::new(AtomicBool::new(false));
        self.send(Command::AnnounceMap(Own::new(map, epoch, removed.clone())))?;
        Ok(Registration::new(removed))
    }
}
