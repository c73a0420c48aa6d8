//! Many runs, one per seed; the last line says how they went. `tp-sim 1000` makes a thousand, `SEED=7 tp-sim` replays
//! one and tells it whole.
#![allow(clippy::arithmetic_side_effects, reason = "counts of a simulation")]

use std::process::ExitCode;

use tp_sim::{Outcome, Planted, plan, run};

fn main() -> ExitCode {
    match std::env::var("SEED") {
        Ok(seed) => match seed.parse() {
            Ok(seed) => replay(seed),
            Err(_) => misuse("SEED is not a number"),
        },
        Err(_) => match std::env::args().nth(1).map(|seeds| seeds.parse()) {
            None => many(1_000),
            Some(Ok(seeds)) => many(seeds),
            Some(Err(_)) => misuse("usage: tp-sim [SEEDS]"),
        },
    }
}

fn many(seeds: u64) -> ExitCode {
    let (mut steps, mut violations) = (0, 0);
    for seed in 1..=seeds {
        let outcome = run(seed, Planted::default(), false);
        steps += outcome.steps;
        if outcome.violation.is_some() {
            violations += 1;
            tell(seed, &outcome);
        }
        if seed % 500 == 0 && seed < seeds {
            eprintln!("{seed} of {seeds} seeds, {steps} steps, {violations} violations");
        }
    }
    conclude(seeds, steps, violations)
}

fn replay(seed: u64) -> ExitCode {
    eprintln!("{:#?}", plan(seed));
    let outcome = run(seed, Planted::default(), true);
    tell(seed, &outcome);
    conclude(1, outcome.steps, u64::from(outcome.violation.is_some()))
}

fn tell(seed: u64, outcome: &Outcome) {
    for line in &outcome.told {
        eprintln!("{line}");
    }
    if let Some(violation) = &outcome.violation {
        eprintln!("SEED={seed} breaks {violation}\n");
    }
}

#[expect(clippy::print_stdout, reason = "the result of the program")]
fn conclude(seeds: u64, steps: u64, violations: u64) -> ExitCode {
    let word = if violations == 0 { "ok" } else { "broken" };
    println!(r#"{{"sim":"{word}","seeds":{seeds},"steps":{steps},"violations":{violations}}}"#);
    ExitCode::from(u8::from(violations > 0))
}

fn misuse(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(2)
}
