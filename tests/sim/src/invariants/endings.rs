//! Promises about the end of a driver.

use super::{Memory, Scene};
use crate::act::Act;
use crate::fact::{What, Who};

/// Whether the driver was told to end by somebody who may.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    may_end: bool,
}

/// A driver that nobody killed ends because its owner stops it, or somebody who knows the secret (D-144, D-146).
pub(super) fn only_the_secret_ends_the_driver(
    memory: &mut Memory,
    scene: &Scene<'_, '_>,
) -> Result<(), String> {
    let may_end = &mut memory.endings.may_end;
    for fact in scene.facts {
        match (&fact.what, fact.who) {
            (What::Started, Who::Driver) => *may_end = false,
            (What::Fate(Act::Leave(Who::Driver, _) | Act::AskToEnd { knows_secret: true }), _) => {
                *may_end = true
            }
            _ => {}
        }
    }
    match scene.driver {
        Some(driver) if driver.drains() && !*may_end => Err("it drains, nobody may ask".into()),
        _ => Ok(()),
    }
}
