//! `tp demo`: media driver, driver, a publisher and two subscribers as separate processes, on real pictures.
//!
//! The last line on standard output is one JSON object that says how it went; the exit status says the same.

mod play;
mod processes;
mod verdict;

use core::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;

use play::Play;
use verdict::Verdict;

use super::scratch::Scratch;

/// Arguments of `tp demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  tp demo --seconds 10 --data tests/data")]
pub(super) struct Args {
    /// How long frames are sent, in seconds
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Directory with the pictures
    #[arg(long, value_name = "DIR", default_value = "tests/data")]
    data: PathBuf,
    /// Print the JSON object only, no progress on standard error
    #[arg(long)]
    json: bool,
}

/// Runs `tp demo`.
pub(super) fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let verdict = perform(&args);
    writeln!(io::stdout(), "{}", verdict.json())?;
    match verdict.complaint() {
        Some(complaint) => Err(format!("the demo failed: {complaint}").into()),
        None => Ok(()),
    }
}

fn perform(args: &Args) -> Verdict {
    let mut verdict = Verdict::default();
    let scratch = match Scratch::new("demo") {
        Ok(scratch) => scratch,
        Err(error) => {
            verdict.complain(error);
            return verdict;
        }
    };
    let played = Play::new(args, &scratch).and_then(|play| play.perform(&mut verdict));
    if let Err(error) = played {
        verdict.complain(error);
    }
    // What was killed leaves files behind; that is news only if all went well.
    match scratch.clear() {
        Err(error) if verdict.complaint().is_none() => verdict.complain(error),
        _ => {}
    }
    verdict
}
