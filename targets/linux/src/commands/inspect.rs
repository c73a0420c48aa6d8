//! `tp inspect`: what a region of shared memory says about itself, read without disturbing anybody.

mod region;
mod report;

use core::error::Error;
use std::io::{self, Write};

use region::OpenRegion;

/// Arguments of `tp inspect`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Region URI, or path of the file behind it
    #[arg(value_name = "URI")]
    region: String,
    /// How many header slots to show, the latest frames first
    #[arg(long, value_name = "N", default_value_t = 8)]
    slots: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tp inspect /dev/shm/tensorpool-ops/default/10000/1700000000000000000/header.ring
  tp inspect 'shm:file?path=/dev/shm/tensorpool-ops/default/10000/1700000000000000000/1.pool' --json";

/// Runs `tp inspect`.
pub(super) fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let region = OpenRegion::open(&args.region)?;
    let report = region.report(args.slots);
    let text = match args.json {
        true => format!("{}\n", report.json()),
        false => report.to_string(),
    };
    Ok(io::stdout().write_all(text.as_bytes())?)
}
