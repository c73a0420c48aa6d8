//! Promises about leases and the tables they stand in.

use std::collections::{BTreeMap, BTreeSet};

use tp_core_nostd::ids::{LeaseId, StreamId};
use tp_core_nostd::proto::driver::Event;
use tp_core_nostd::wire::driver::Role;

use super::{Memory, Scene};
use crate::fact::{What, Who};

/// What was told about leases.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Every lease id, by whichever driver.
    issued: BTreeSet<LeaseId>,
    /// Producer leases granted and not revoked.
    producers: BTreeMap<StreamId, LeaseId>,
}

/// At any time a stream has one producer lease at most (D-055): in the driver, and as clients were told (D-108, D-128).
pub(super) fn one_producer_per_stream(
    memory: &mut Memory,
    scene: &Scene<'_, '_>,
) -> Result<(), String> {
    let leases = scene.driver.iter().flat_map(|driver| driver.in_force());
    let mut producers = BTreeMap::new();
    for lease in leases.filter(|lease| lease.role == Role::Producer) {
        if let Some(other) = producers.insert(lease.stream, lease.lease) {
            return Err(format!("{} has {other} and {}", lease.stream, lease.lease));
        }
    }
    let told = &mut memory.leases.producers;
    for fact in scene.facts {
        match (&fact.what, fact.who) {
            // Its leases end with a driver (D-141).
            (What::Ended, Who::Driver) => told.clear(),
            (
                What::Said(Event::Attached {
                    lease,
                    stream,
                    role: Role::Producer,
                    again: false,
                    ..
                }),
                _,
            ) => {
                if let Some(other) = told.insert(*stream, *lease) {
                    return Err(format!("{lease} of {stream} was granted beside {other}"));
                }
            }
            (What::Said(Event::Revoked { lease, stream, .. }), _)
                if told.get(stream) == Some(lease) =>
            {
                told.remove(stream);
            }
            _ => {}
        }
    }
    Ok(())
}

/// No lease id is granted twice, over restarts too (D-087, D-089).
pub(super) fn no_lease_id_is_reused(
    memory: &mut Memory,
    scene: &Scene<'_, '_>,
) -> Result<(), String> {
    for what in scene.done() {
        if let What::Said(Event::Attached {
            lease,
            again: false,
            ..
        }) = what
            && !memory.leases.issued.insert(*lease)
        {
            return Err(format!("{lease} was granted before"));
        }
    }
    Ok(())
}

/// No table holds more than it was said to hold, and no node id is held twice (D-174).
pub(super) fn capacities_hold(_: &mut Memory, scene: &Scene<'_, '_>) -> Result<(), String> {
    let within = |what: &str, used: usize, most: usize| match used <= most {
        true => Ok(()),
        false => Err(format!("{used} {what}, room for {most}")),
    };
    if let Some(driver) = scene.driver {
        let engine = &driver.engine;
        let capacities = scene.capacities;
        within("leases", engine.leases_in_use() as usize, capacities.leases)?;
        within("streams", engine.streams().count(), capacities.streams)?;
        let mut nodes = BTreeSet::new();
        for lease in driver.in_force() {
            if let Some(node) = lease.node.filter(|node| !nodes.insert(*node)) {
                return Err(format!("node {node} is held twice"));
            }
        }
        let limit = scene.policy.consumer_limit;
        for stream in engine.streams() {
            within("consumers", stream.consumers as usize, limit as usize)?;
        }
        within("node ids", nodes.len(), capacities.nodes)?;
    }
    Ok(())
}
