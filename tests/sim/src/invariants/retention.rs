//! Promises about what is removed from the disk.

use tp_core_nostd::ids::Epoch;
use tp_core_nostd::wire::driver::Role;

use super::{Memory, Scene};
use crate::GRACE;
use crate::fact::{Removal, What};

/// Collection never takes the newest directory of a stream, the only record of its last number (D-204); nor files of the
/// epoch in use, nor those of one that was in use lately and that a consumer still has mapped (D-198).
pub(super) fn retention_spares_the_newest_and_the_living(
    memory: &mut Memory,
    scene: &Scene<'_, '_>,
) -> Result<(), String> {
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
        let Some(epoch) = Epoch::new(epoch) else {
            continue;
        };
        let died_at = lives.died_at.get(&(stream, epoch));
        let lately = died_at.is_some_and(|at| scene.now.since(*at) < GRACE);
        let mut clients = scene.clients.iter().flatten();
        let mapped = clients.any(|client| {
            let plan = client.plan;
            plan.role == Role::Consumer && plan.stream == stream && client.epoch() == Some(epoch)
        });
        if lately && mapped {
            return Err(format!("{stream}: {epoch} is mapped and was in use"));
        }
    }
    Ok(())
}
