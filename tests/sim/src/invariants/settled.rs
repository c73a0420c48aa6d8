//! The promise that bad times end.

use tp_core_nostd::wire::driver::Role;

use super::{Memory, Scene};

/// Once nothing has been out of order for a while, everybody has what they want, and works where the stream is: all
/// consumers, and one producer of each stream that has any.
pub(super) fn everybody_settles(_: &mut Memory, scene: &Scene<'_, '_>) -> Result<(), String> {
    if !scene.settled {
        return Ok(());
    }
    let Some(driver) = scene.driver else {
        return Err("no driver runs".into());
    };
    let mut attached = 0;
    for (at, client) in scene.clients.iter().enumerate() {
        let Some(client) = client.as_ref().filter(|client| client.is_wanted) else {
            continue;
        };
        let (stream, role) = (client.plan.stream, client.plan.role);
        let epoch = driver.engine.epoch(stream);
        if client.is_attached() {
            attached += 1;
            if client.epoch() != epoch {
                let theirs = client.epoch();
                return Err(format!(
                    "client {at} is in {theirs:?}, {stream} in {epoch:?}"
                ));
            }
            continue;
        }
        let mut leases = driver.in_force();
        let waits = role == Role::Producer
            && leases.any(|lease| lease.role == role && lease.stream == stream);
        if !waits {
            return Err(format!("client {at}, {role:?} of {stream}, has no lease"));
        }
    }
    let leases = driver.engine.leases_in_use();
    if leases != attached {
        return Err(format!("{leases} leases for {attached} clients"));
    }
    Ok(())
}
