//! Promises about the numbers of epochs.

use core::time::Duration;
use std::collections::BTreeMap;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::driver::{Event, FileResult};
use tp_core_nostd::time::Instant;
use tp_core_nostd::wire::driver::Role;

use super::{Memory, Scene};
use crate::fact::{Fact, What, Who};

/// How long the next epoch of a stream may take, once nothing is in its way: clients that have to notice that it is
/// missing and to ask for it need a window of silence, a pause and an attach.
const SOON: Duration = Duration::from_secs(15);

/// What is known of each stream's numbers.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    made: BTreeMap<StreamId, Epoch>,
    told: BTreeMap<StreamId, Epoch>,
    owed: BTreeMap<StreamId, Debt>,
}

/// An epoch is dead, and its stream is to have a higher one.
#[derive(Clone, Copy, Debug)]
struct Debt {
    /// None if nobody was told of it.
    dead: Option<Epoch>,
    since: Instant,
}

/// What a driver told about a stream, an announce or a grant.
fn told(what: &What) -> Option<(StreamId, Epoch)> {
    match what {
        What::Said(
            Event::Announced { stream, epoch, .. } | Event::Attached { stream, epoch, .. },
        ) => Some((*stream, *epoch)),
        _ => None,
    }
}

/// Each new epoch of a stream is above all that were, over restarts and boots too, and what is told never falls (D-131).
pub(super) fn epochs_rise(memory: &mut Memory, scene: &Scene<'_, '_>) -> Result<(), String> {
    let ledger = &mut memory.epochs;
    for what in scene.done() {
        if let What::Filed(FileResult::Provisioned { stream, epoch }) = what
            && let Some(before) = ledger.made.insert(*stream, *epoch)
            && before >= *epoch
        {
            return Err(format!("{stream}: {epoch} was made after {before}"));
        }
        if let Some((stream, epoch)) = told(what)
            && let Some(before) = ledger.told.insert(stream, epoch)
            && before > epoch
        {
            return Err(format!("{stream}: {epoch} was told after {before}"));
        }
    }
    Ok(())
}

/// What is announced or granted can be mapped (D-187).
pub(super) fn told_epochs_have_files(_: &mut Memory, scene: &Scene<'_, '_>) -> Result<(), String> {
    for (stream, epoch) in scene.done().filter_map(told) {
        if scene.disk.open(stream, epoch).is_none() {
            return Err(format!("{stream}: {epoch} was told and is not there"));
        }
    }
    Ok(())
}

/// When a producer's lease ends, or the driver that granted it, a higher epoch is announced soon (D-111, D-125, D-129).
/// Soon counts while nothing is out of order, and while somebody wants the stream: where files could not be made, the
/// next attach tries again (D-113).
pub(super) fn a_lost_producer_raises_the_epoch(
    memory: &mut Memory,
    scene: &Scene<'_, '_>,
) -> Result<(), String> {
    let ledger = &mut memory.epochs;
    for fact in scene.facts {
        ledger.owe(fact);
    }
    let Some(calm_since) = scene.calm_since else {
        return Ok(());
    };
    let wanted = |stream| {
        let mut clients = scene.clients.iter().flatten();
        clients.any(|client| client.plan.stream == stream && client.is_wanted)
    };
    for (stream, debt) in &ledger.owed {
        let overdue = scene.now.since(calm_since.max(debt.since)) > SOON;
        if overdue && wanted(*stream) {
            let dead = debt.dead;
            return Err(format!("{stream}: {dead:?} is dead, nothing followed"));
        }
    }
    Ok(())
}

impl Ledger {
    fn owe(&mut self, fact: &Fact) {
        let Self { told, owed, .. } = self;
        let mut owe = |stream, dead| {
            let since = fact.at;
            owed.entry(stream).or_insert(Debt { dead, since });
        };
        match (&fact.what, fact.who) {
            (
                What::Said(Event::Revoked {
                    stream,
                    role: Role::Producer,
                    ..
                }),
                _,
            ) => {
                owe(*stream, told.get(stream).copied());
            }
            (What::Ended, Who::Driver) => {
                for (stream, dead) in told {
                    owe(*stream, Some(*dead));
                }
            }
            (What::Said(Event::Announced { stream, epoch, .. }), _)
                if owed
                    .get(stream)
                    .is_some_and(|debt| Some(*epoch) > debt.dead) =>
            {
                owed.remove(stream);
            }
            (What::Booted, _) => {
                for debt in owed.values_mut() {
                    debt.since = Instant::from_ns(0);
                }
            }
            _ => {}
        }
    }
}
