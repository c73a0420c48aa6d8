//! Promises about streams for single consumers.

use std::collections::BTreeMap;

use tp_core_nostd::ids::{ClientId, StreamId};
use tp_core_nostd::proto::driver::Event;

use super::{Memory, Scene};
use crate::fact::{What, Who};

/// Who was told to have which streams.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    holders: BTreeMap<ClientId, [Option<StreamId>; 2]>,
}

/// A stream that a consumer was given is nobody else's as long as its lease lives, nor exchanged for another (D-169).
pub(super) fn private_streams_have_one_holder(
    memory: &mut Memory,
    scene: &Scene<'_, '_>,
) -> Result<(), String> {
    let holders = &mut memory.private.holders;
    for fact in scene.facts {
        match (&fact.what, fact.who) {
            (What::Ended, Who::Driver) => holders.clear(),
            (What::Said(Event::Revoked { client, .. }), _) => {
                holders.remove(client);
            }
            (
                What::Said(Event::Configured {
                    consumer,
                    descriptor,
                    control,
                    ..
                }),
                _,
            ) => {
                let given = [*descriptor, *control];
                for id in given.into_iter().flatten() {
                    let mut others = holders.iter().filter(|(holder, _)| *holder != consumer);
                    if let Some((other, _)) = others.find(|(_, held)| held.contains(&Some(id))) {
                        return Err(format!(
                            "stream {id} is given to {consumer}, {other} has it"
                        ));
                    }
                }
                let held = holders.entry(*consumer).or_default();
                for (held, given) in held.iter_mut().zip(given) {
                    if held.is_some() && given.is_some() && *held != given {
                        return Err(format!("{consumer} has {held:?} and is told {given:?}"));
                    }
                    *held = given.or(*held);
                }
            }
            _ => {}
        }
    }
    Ok(())
}
