//! The commands of `tp`, one file each.

mod arguments;
mod bench;
mod client;
mod demo;
mod discover;
mod driver;
mod inspect;
mod media_driver;
mod originals;
mod output;
mod publish;
mod rate_limit;
mod scratch;
mod size;
mod sources;
mod stop;
mod subscribe;
mod wire;

use core::error::Error;

/// Tools of the SHM Tensor Pool: tensors from one process to many others without a copy.
#[derive(Debug, clap::Parser)]
#[command(name = "tp", version)]
pub struct Tp {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Runs an Aeron media driver until SIGINT or SIGTERM.
    MediaDriver(media_driver::Args),
    /// Sends pictures, NumPy arrays or raw frames into a stream.
    Publish(publish::Args),
    /// Reads the frames of a stream: shows rate and latency, writes files, checks contents.
    Subscribe(subscribe::Args),
    /// Makes a stream with fewer frames of another one, for one consumer.
    RateLimit(rate_limit::Args),
    /// Shows what a region in shared memory says about itself.
    Inspect(inspect::Args),
    /// Sends real pictures from one process to two others, and checks them.
    Demo(demo::Args),
    /// Measures what programs cost on this machine.
    Bench(bench::Args),
    /// Says how deep and wide the ring of a stream should be.
    Size(size::Args),
    /// Asks a running driver for status, leases, streams and counters, or tells it something.
    Driver(driver::Args),
    /// Asks a discovery provider which streams there are and which driver to ask for them.
    #[command(visible_aliases = ["discovery-query", "discovery-list"])]
    Discover(discover::Args),
    /// Messages and slot headers between hex and JSON.
    Wire(wire::Args),
}

impl Tp {
    /// Reads the arguments of this process; ends it with a sentence where they make no sense.
    pub fn from_arguments() -> Self {
        arguments::parse(originals::translate(std::env::args_os()))
    }

    /// Runs the command that was asked for.
    ///
    /// # Errors
    /// One sentence that says what went wrong; the process then exits with 1, or with 2 if it is a [`Misuse`].
    pub fn run(self) -> Result<(), Box<dyn Error>> {
        match self.command {
            Command::MediaDriver(args) => media_driver::run(args),
            Command::Publish(args) => publish::run(args),
            Command::Subscribe(args) => subscribe::run(args),
            Command::RateLimit(args) => rate_limit::run(args),
            Command::Inspect(args) => inspect::run(args),
            Command::Demo(args) => demo::run(args),
            Command::Bench(args) => bench::run(args),
            Command::Size(args) => size::run(args),
            Command::Driver(args) => driver::run(args),
            Command::Discover(args) => discover::run(&args),
            Command::Wire(args) => wire::run(args),
        }
    }
}

/// Arguments that make no sense together, although each of them does.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Misuse(&'static str);
