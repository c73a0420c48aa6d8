//! The commands of `tp`, one file each.

mod media_driver;
mod wire;

use core::error::Error;

/// The multi-call tool of the SHM Tensor Pool.
#[derive(Debug, clap::Parser)]
#[command(name = "tp", version, about)]
pub struct Tp {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Runs an Aeron media driver until SIGINT or SIGTERM.
    MediaDriver(media_driver::Args),
    /// Messages and slot headers between hex and JSON.
    Wire(wire::Args),
}

impl Tp {
    /// Runs the command that was asked for.
    ///
    /// # Errors
    /// One sentence that says what went wrong; the process then exits with 1.
    pub fn run(self) -> Result<(), Box<dyn Error>> {
        match self.command {
            Command::MediaDriver(args) => media_driver::run(args),
            Command::Wire(args) => wire::run(args),
        }
    }
}
