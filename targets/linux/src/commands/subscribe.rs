//! `tp subscribe`: the frames of a stream, shown as figures, written to files, compared with their sources.

mod check;
mod figures;
mod files;
mod receiving;

use core::error::Error;
use std::path::PathBuf;

use tp_std::ConsumerConfig;

use super::client::{Options, Session};
use check::Check;
use files::{Files, Format};
use receiving::Receiving;

/// Arguments of `tp subscribe`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    client: Options,
    /// Write each frame to a file in this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Format of those files; png takes pictures of 8 or 16 bits only
    #[arg(long, value_enum, default_value_t = Format::Npy, requires = "out")]
    format: Format,
    /// Stop after N frames [default: on SIGINT or SIGTERM]
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Compare each frame bit by bit with the file it was made from, given as to `tp publish --input`
    #[arg(long, value_name = "PATH", num_args = 1..)]
    check: Vec<PathBuf>,
    /// Print events and the summary as JSON lines on standard output
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tp subscribe --stream 10000
  tp subscribe --stream 10000 --out frames --format png --count 100
  tp subscribe --stream 10000 --check left.png right.png --json";

/// Runs `tp subscribe`.
pub(super) fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let check = (!args.check.is_empty()).then(|| Check::new(&args.check));
    let check = check.transpose()?;
    let session = Session::start(&args.client, "tp subscribe")?;
    let pending = session
        .client
        .consumer(ConsumerConfig::new(args.client.stream))?;
    let files = match &args.out {
        Some(dir) => Some(Files::new(dir, args.format)?),
        None => None,
    };
    let received = match session.attach(pending) {
        Ok(Some(consumer)) => Receiving::new(&args, check, files).run(&session, consumer),
        Ok(None) => Err("stopped before it was attached".into()),
        Err(error) => Err(error.into()),
    };
    // What ended the client explains what became of its consumer.
    session.close()?;
    received
}
