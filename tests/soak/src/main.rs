//! `make soak`: pictures flow for minutes or hours, as people send them, while the driver, publishers and subscribers are
//! killed, stopped, continued and started again. Every frame that arrives is compared with its file, everybody has to come
//! back after every blow, and what lives through all of it must not grow. The last line is a JSON object.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test program: what fails here fails the run"
)]

mod blows;
mod meter;
mod process;
mod stage;

use core::time::Duration;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use serde_json::{Value, json};

use blows::Blow;
use meter::{Growth, Sample};
use stage::Stage;

/// Pictures for a long time while processes are killed, stopped and started again.
///
/// Needs the programs tp and tp_driver beside it. Ends with 0 if all was well, 1 if not, 2 if it was misused.
#[derive(Debug, Parser)]
#[command(name = "tp-soak", version)]
struct Args {
    /// How long, in seconds
    #[arg(env = "SOAK_SECONDS", default_value_t = 600, value_parser = seconds)]
    seconds: u64,
}

fn seconds(text: &str) -> Result<u64, &'static str> {
    let seconds = text.parse().ok().filter(|seconds| *seconds > 0);
    seconds.ok_or("a soak takes a whole number of seconds, at least 1, such as 600")
}

fn main() -> ExitCode {
    let args = Args::parse();
    match soak(Duration::from_secs(args.seconds)) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("{}", json!({"soak": "failed", "why": why}));
            ExitCode::FAILURE
        }
    }
}

/// Blow after blow until the time is over, then an orderly end; what it came to, or what went wrong.
fn soak(time: Duration) -> Result<Value, String> {
    let started = Instant::now();
    let mut stage = Stage::set()?;
    stage.flow()?;
    let mut growth = Growth::default();
    let mut struck = 0_usize;
    for blow in Blow::ALL.into_iter().cycle() {
        blow.strike(&mut stage)?;
        stage.flow()?;
        struck += 1;
        let is_over = started.elapsed() >= time;
        // After each round everybody is there, as often as before.
        if is_over || struck.is_multiple_of(Blow::ALL.len()) {
            let sample = Sample::take(&stage)?;
            println!(
                "{:>6.0} s, {struck} blows, {} frames, {sample}",
                started.elapsed().as_secs_f64(),
                stage.frames()
            );
            growth.judge(sample)?;
        }
        if is_over {
            break;
        }
    }
    let seconds = started.elapsed().as_secs();
    let frames = stage.end()?;
    Ok(json!({
        "soak": "ok", "seconds": seconds, "blows": struck, "frames": frames, "torn": 0,
        "anonymous_kib": growth.last().anonymous_kib, "files": growth.last().files,
        "shared_kib": growth.last().shared_kib,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_none_is_refused_with_a_sentence_that_helps() {
        for bad in ["x", "0", "1.5", ""] {
            let error = Args::try_parse_from(["tp-soak", bad]).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains("such as 600"), "{error}");
        }
        assert_eq!(Args::try_parse_from(["tp-soak", "7"]).unwrap().seconds, 7);
    }

    #[test]
    fn a_soak_of_a_few_blows_ends_well() {
        let summary = soak(Duration::from_secs(5)).unwrap();
        println!("{summary}");
        assert_eq!(summary["soak"], "ok");
        assert!(summary["frames"].as_u64().unwrap() > 0 && summary["blows"].as_u64().unwrap() > 0);
    }
}
