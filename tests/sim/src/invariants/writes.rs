//! Promises about who writes where.

use super::{Memory, Scene};
use crate::fact::What;

/// A producer begins no frame once its lease may have run out (D-094).
pub(super) fn no_write_begins_after_the_deadline(
    _: &mut Memory,
    scene: &Scene<'_, '_>,
) -> Result<(), String> {
    for fact in scene.facts {
        if let What::WriteBegan(write) = &fact.what
            && fact.at > write.deadline
        {
            let late = fact.at.since(write.deadline);
            return Err(format!("{} writes {late:?} after its deadline", fact.who));
        }
    }
    Ok(())
}

/// Whatever is written into the epoch in use is written under the lease in force; a frame that was begun in time and
/// ends late lands in files that nobody looks at any more (D-128).
pub(super) fn late_writes_land_in_dead_epochs(
    _: &mut Memory,
    scene: &Scene<'_, '_>,
) -> Result<(), String> {
    for fact in scene.facts {
        let (What::WriteBegan(write) | What::WriteEnded(write)) = &fact.what else {
            continue;
        };
        let stream = write.holding.stream;
        let Some(driver) = scene.driver else { continue };
        let in_use = driver.engine.epoch(stream);
        let regions = in_use.and_then(|epoch| scene.disk.open(stream, epoch));
        let lands_there = regions.is_some_and(|regions| regions.memory == write.memory);
        let mut leases = driver.in_force();
        let may = leases.any(|lease| lease.lease == write.holding.lease);
        if lands_there && !may {
            let (who, lease) = (fact.who, write.holding.lease);
            return Err(format!(
                "{who} wrote into the epoch in use of {stream} under {lease}, which is not in force"
            ));
        }
    }
    Ok(())
}
