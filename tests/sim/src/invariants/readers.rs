//! Promises about who reads what.

use core::time::Duration;
use std::collections::BTreeMap;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::time::Instant;
use tp_core_nostd::wire::driver::Role;

use super::{Memory, Scene};
use crate::fact::What;
use crate::{LONGEST_STEP, WINDOW};

/// A window of silence, and the pause between two looks.
const TOLERATED: Duration = WINDOW.saturating_add(LONGEST_STEP);

/// Which epochs are in use, and when others ceased to be.
#[derive(Debug, Default)]
pub(super) struct Lives {
    /// Before the last step.
    pub(super) before: BTreeMap<StreamId, Epoch>,
    /// Now.
    pub(super) now: BTreeMap<StreamId, Epoch>,
    /// Now, or when there was one last.
    latest: BTreeMap<StreamId, Epoch>,
    /// The one before, since it was followed by another of the same driver.
    pub(super) previous: BTreeMap<StreamId, Followed>,
    /// In this boot.
    pub(super) died_at: BTreeMap<(StreamId, Epoch), Instant>,
}

/// An epoch that was followed by another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Followed {
    pub(super) epoch: Epoch,
    pub(super) since: Instant,
}

impl Lives {
    pub(super) fn follow(&mut self, scene: &Scene<'_, '_>) {
        if scene.done().any(|what| matches!(what, What::Booted)) {
            self.died_at.clear();
        }
        let streams = scene
            .driver
            .iter()
            .flat_map(|driver| driver.engine.streams());
        let in_use = streams.filter_map(|status| Some((status.stream, status.epoch?)));
        self.before = core::mem::replace(&mut self.now, in_use.collect());
        if scene.driver.is_none() {
            self.latest.clear();
            self.previous.clear();
        }
        for (stream, by) in &self.now {
            let last = self.latest.insert(*stream, *by);
            if let Some(epoch) = last.filter(|last| last != by) {
                let since = scene.now;
                self.previous.insert(*stream, Followed { epoch, since });
            }
        }
        for (stream, epoch) in &self.before {
            if self.now.get(stream) != Some(epoch) {
                self.died_at.insert((*stream, *epoch), scene.now);
            }
        }
    }
}

/// An epoch that its driver gave up, or whose driver is gone, is read no longer than a driver that fell silent is
/// believed to live: three periods after its last announce was sent, or its grant was read (D-121, D-155). A process that
/// stalls reads nothing; it looks at its lease before it goes on.
pub(super) fn nobody_reads_a_dead_epoch_for_long(
    memory: &mut Memory,
    scene: &Scene<'_, '_>,
) -> Result<(), String> {
    for (at, client) in scene.clients.iter().enumerate() {
        let Some(client) = client
            .as_ref()
            .filter(|client| client.plan.role == Role::Consumer)
        else {
            continue;
        };
        let Some(epoch) = client.epoch() else {
            continue;
        };
        let died_at = memory.lives.died_at.get(&(client.plan.stream, epoch));
        let believed = died_at.map(|died_at| client.granted_at().max(*died_at));
        let dead_for = believed.map_or(Duration::ZERO, |since| scene.now.since(since));
        if dead_for > TOLERATED && client.stall.until(scene.now).is_none() {
            return Err(format!("client {at} reads {epoch}, dead for {dead_for:?}"));
        }
    }
    Ok(())
}
