//! Many runs in both worlds, one per seed; the last line says how they went. `tp-sim 1000` makes a thousand in the first
//! world and a quarter of that in the second, which has more to do per run; `SEED=7 tp-sim` replays one in each and tells
//! it whole, `WORLD=protocol` or `WORLD=runtime` leaves the other out.
#![allow(clippy::arithmetic_side_effects, reason = "counts of a simulation")]

use core::num::NonZero;
use core::sync::atomic::{AtomicU64, Ordering};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;

use tp_sim::{Outcome, Planted, RuntimePlanted, plan, run, run_runtime, runtime_plan};

/// Of so many seeds one is lived through in the second world, too.
const RUNTIME_EVERY: u64 = 4;

/// A world to live in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum World {
    /// Machines of the protocol, files of the imagination.
    Protocol,
    /// The runtime of clients, real files.
    Runtime,
}

fn main() -> ExitCode {
    let worlds = match std::env::var("WORLD").as_deref() {
        Ok("protocol") => vec![World::Protocol],
        Ok("runtime") => vec![World::Runtime],
        Ok(world) => {
            return misuse(&format!("WORLD is protocol or runtime, not {world:?}"));
        }
        Err(_) => vec![World::Protocol, World::Runtime],
    };
    match std::env::var("SEED") {
        Ok(seed) => match seed.parse() {
            Ok(seed) => replay(&worlds, seed),
            Err(_) => misuse(&format!("SEED is a whole number, not {seed:?}")),
        },
        Err(_) => match seeds(std::env::args().skip(1)) {
            Ok(seeds) => many(&worlds, seeds),
            Err(why) => misuse(&why),
        },
    }
}

/// How many seeds the command line asks for.
fn seeds(mut arguments: impl Iterator<Item = String>) -> Result<u64, String> {
    let usage = "usage: tp-sim [SEEDS], such as tp-sim 1000";
    let seeds = match arguments.next() {
        None => 1_000,
        Some(seeds) => seeds
            .parse()
            .map_err(|_| format!("SEEDS is a whole number, not {seeds:?}; {usage}"))?,
    };
    match (seeds, arguments.next()) {
        (0, _) => Err("SEEDS is how many there are, and 0 of them show nothing".to_owned()),
        (_, Some(more)) => Err(format!(
            "there is nothing after SEEDS, so not {more:?}; {usage}"
        )),
        (seeds, None) => Ok(seeds),
    }
}

impl World {
    const fn name(self) -> &'static str {
        match self {
            Self::Protocol => "protocol",
            Self::Runtime => "runtime",
        }
    }

    fn run(self, seed: u64, tell_all: bool) -> Outcome {
        match self {
            Self::Protocol => run(seed, Planted::default(), tell_all),
            Self::Runtime => run_runtime(seed, RuntimePlanted::default(), tell_all),
        }
    }

    /// How many of so many seeds are its share, at least one.
    fn share(self, seeds: u64) -> u64 {
        match self {
            Self::Protocol => seeds,
            Self::Runtime => seeds.div_ceil(RUNTIME_EVERY),
        }
    }
}

/// How many runs there were, and how they went.
#[derive(Clone, Copy, Default)]
struct Tally {
    runs: u64,
    steps: u64,
    violations: u64,
}

impl Tally {
    fn add(&mut self, world: World, seed: u64, outcome: &Outcome) {
        self.runs += 1;
        self.steps += outcome.steps;
        self.violations += u64::from(outcome.violation.is_some());
        for line in &outcome.told {
            eprintln!("{line}");
        }
        if let Some(violation) = &outcome.violation {
            let world = world.name();
            eprintln!("WORLD={world} SEED={seed} breaks {violation}\n");
        }
    }
}

/// Every processor lives through one seed after the other.
fn many(worlds: &[World], seeds: u64) -> ExitCode {
    let tally = Mutex::new(Tally::default());
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    for world in worlds {
        let (name, seeds) = (world.name(), world.share(seeds));
        let next = AtomicU64::new(1);
        thread::scope(|scope| {
            let (tally, next) = (&tally, &next);
            for _ in 0..threads {
                scope.spawn(move || {
                    for seed in core::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed)) {
                        if seed > seeds {
                            return;
                        }
                        let outcome = world.run(seed, false);
                        // Nobody who holds it panics, and it is right at any time.
                        let tally = tally.lock();
                        let mut tally = tally.unwrap_or_else(PoisonError::into_inner);
                        tally.add(*world, seed, &outcome);
                        if seed.is_multiple_of(500) && seed < seeds {
                            eprintln!("{name}: {seed} of {seeds} seeds");
                        }
                    }
                });
            }
        });
    }
    conclude(tally.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn replay(worlds: &[World], seed: u64) -> ExitCode {
    let mut tally = Tally::default();
    for world in worlds {
        match world {
            World::Protocol => eprintln!("{:#?}", plan(seed)),
            World::Runtime => eprintln!("{:#?}", runtime_plan(seed)),
        }
        tally.add(*world, seed, &world.run(seed, true));
    }
    conclude(tally)
}

#[expect(clippy::print_stdout, reason = "the result of the program")]
fn conclude(tally: Tally) -> ExitCode {
    let Tally {
        runs,
        steps,
        violations,
    } = tally;
    let word = if violations == 0 { "ok" } else { "broken" };
    println!(r#"{{"sim":"{word}","runs":{runs},"steps":{steps},"violations":{violations}}}"#);
    ExitCode::from(u8::from(violations > 0))
}

fn misuse(why: &str) -> ExitCode {
    eprintln!("tp-sim: {why}");
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_that_are_none_are_refused_with_a_sentence_that_helps() {
        let of = |arguments: &[&str]| seeds(arguments.iter().map(|text| (*text).to_owned()));
        assert_eq!((of(&[]), of(&["7"])), (Ok(1_000), Ok(7)));
        for bad in [&["x"][..], &["--help"], &["0"], &["7", "8"]] {
            assert!(of(bad).is_err_and(|why| why.contains("SEEDS")), "{bad:?}");
        }
    }
}
