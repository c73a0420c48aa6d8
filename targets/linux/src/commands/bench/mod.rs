//! `tp bench`: what programs cost on the machine it runs on.

mod driver;
mod load;
mod processor;

use core::error::Error;

/// Arguments of `tp bench`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// A tp_driver with many streams and leases: processor time while all are kept alive, an attach storm, longest cycle
    Driver(driver::Args),
}

const EXAMPLES: &str = "\
Examples:
  tp bench driver
  tp bench driver --streams 1000 --leases 10000 --storm 1000 --seconds 20 --json";

/// Runs `tp bench`.
pub(super) fn run(args: Args) -> Result<(), Box<dyn Error>> {
    match args.what {
        What::Driver(args) => driver::run(&args),
    }
}
