//! Promises about what is removed from the disk.

use core::time::Duration;

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::wire::driver::Role;

use super::{Memory, Scene};
use crate::fact::{Removal, What};

/// Collection never takes the newest directory of a stream, the only record of its last number (D-204); nor files of the
/// epoch in use, nor those of the one before while the change is young and a consumer has them mapped (D-198).
pub(super) fn retention_spares_the_newest_and_the_living(
    memory: &mut Memory,
    scene: &Scene<'_, '_>,
) -> Result<(), String> {
    let retention = scene.policy.retention;
    let min_age = retention.map_or(Duration::MAX, |retention| retention.min_age);
    for what in scene.done() {
        let What::Removed(removal) = what else {
            continue;
        };
        let Removal { stream, epoch, .. } = *removal;
        if epoch == removal.newest && !removal.record_stays {
            return Err(format!("{stream}: {epoch} was the newest"));
        }
        let lives = &memory.lives;
        let in_use = [&lives.before, &lives.now].map(|lives| lives.get(&stream));
        if in_use.into_iter().flatten().any(|live| live.get() == epoch) {
            return Err(format!("{stream}: {epoch} was in use"));
        }
        let followed = lives.previous.get(&stream);
        let is_previous = followed.is_some_and(|followed| {
            followed.epoch.get() == epoch && scene.now.since(followed.since) < min_age
        });
        if is_previous && is_mapped(scene, stream, epoch) {
            return Err(format!("{stream}: {epoch} was in use and is mapped"));
        }
    }
    Ok(())
}

/// Whether a consumer with a lease in force has the epoch mapped.
fn is_mapped(scene: &Scene<'_, '_>, stream: StreamId, epoch: u64) -> bool {
    let mut clients = scene.clients.iter().flatten();
    clients.any(|client| {
        let lease = client.lease();
        let maps = client.epoch().is_some_and(|mapped| mapped.get() == epoch);
        let mut in_force = scene.driver.iter().flat_map(|driver| driver.in_force());
        client.plan.role == Role::Consumer
            && client.plan.stream == stream
            && maps
            && in_force.any(|held| Some(held.lease) == lease)
    })
}
