//! One run from beginning to end.

use core::time::Duration;

use crate::driver::Tables;
use crate::invariants::Violation;
use crate::plan::Plan;
use crate::planted::Planted;
use crate::runtime::Seen;
use crate::scenario;
use crate::world::World;

/// How often the drivers of one run start at most.
const DRIVERS: usize = 32;

/// How a run went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How often somebody had something to do.
    pub steps: u64,
    /// What was seen in the second world.
    pub seen: Seen,
    /// The first promise that was broken.
    pub violation: Option<Violation>,
    /// What happened last before it, or everything.
    pub told: Vec<String>,
}

/// The run that follows from `seed`. Facts are told after a violation, or all of them if `tell_all`.
pub fn run(seed: u64, planted: Planted, tell_all: bool) -> Outcome {
    run_plan(&scenario::plan(seed), planted, tell_all)
}

/// The run that follows from `plan`.
pub fn run_plan(plan: &Plan, planted: Planted, tell_all: bool) -> Outcome {
    let mut tables: Vec<_> = (0..DRIVERS)
        .map(|_| Tables::new(&plan.capacities, planted))
        .collect();
    let mut world = World::new(plan, &mut tables, planted);
    if tell_all {
        world.remember_all();
    }
    let violation = live(&mut world, plan).err();
    let told = if tell_all || violation.is_some() {
        world.told().map(ToString::to_string).collect()
    } else {
        Vec::new()
    };
    Outcome {
        steps: world.steps(),
        seen: Seen::default(),
        violation,
        told,
    }
}

fn live(world: &mut World<'_>, plan: &Plan) -> Result<(), Violation> {
    let mut elapsed = Duration::ZERO;
    for (at, act) in &plan.acts {
        world.run_for(at.saturating_sub(elapsed))?;
        elapsed = *at;
        world.apply(act)?;
    }
    world.run_for(plan.rest)?;
    world.settle()
}
