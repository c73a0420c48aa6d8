//! One run of the second world from beginning to end.

use core::time::Duration;

use super::files::Files;
use super::plan::{RuntimePlan, runtime_plan};
use super::planted::Planted;
use super::process::Mood;
use super::world::World;
use crate::driver::Tables;
use crate::invariants::Violation;
use crate::run::Outcome;

/// How often the drivers of one run start at most.
const DRIVERS: usize = 16;
/// How long applications bring to an end what they have in hand; also how long they are quiet then.
const CLOSING: Duration = Duration::from_secs(2);

/// The run that follows from `seed`. What happened is told after a violation, or in any case if `tell_all`.
pub fn run_runtime(seed: u64, planted: Planted, tell_all: bool) -> Outcome {
    let plan = runtime_plan(seed);
    let files = Files::new();
    let root = files.root();
    let mut tables: Vec<_> = (0..DRIVERS)
        .map(|_| Tables::new(&plan.capacities, crate::planted::Planted::default()))
        .collect();
    let mut world = World::new(&plan, files, &root, &mut tables, planted);
    if tell_all {
        world.remember_all();
    }
    let violation = live(&mut world, &plan).err();
    let told = match tell_all || violation.is_some() {
        true => world.told().map(ToString::to_string).collect(),
        false => Vec::new(),
    };
    Outcome {
        steps: world.steps(),
        seen: world.seen(),
        violation,
        told,
    }
}

fn live(world: &mut World<'_>, plan: &RuntimePlan) -> Result<(), Violation> {
    let mut elapsed = Duration::ZERO;
    for (at, act) in &plan.acts {
        world.run_for(at.saturating_sub(elapsed))?;
        elapsed = *at;
        world.apply(act)?;
    }
    world.run_for(plan.rest)?;
    for mood in [Mood::Closing, Mood::Quiet] {
        world.set_mood(mood);
        world.run_for(CLOSING)?;
    }
    world.settle()?;
    world.end()
}
