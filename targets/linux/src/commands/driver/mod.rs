//! `tp driver`: asks a running driver how it is, and speaks to it as a client or an operator would.

mod attach;
mod control;
mod lease;
mod report;
mod shutdown;
pub(super) mod table;

use core::error::Error;
use core::time::Duration;
use std::path::PathBuf;

use tp_std::Endpoint;
use tp_std::aeron::{Channel, DEFAULT_CHANNEL, default_dir};
use tp_std::driver::What;

/// Arguments of `tp driver`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Shows name, life and sizes of a running driver
    Status(report::Args),
    /// Lists the leases in force
    Leases(report::Args),
    /// Lists the streams with their epochs, holders and regions
    Streams(report::Args),
    /// Shows what the driver has done so far
    Counters(report::Args),
    /// Asks the driver to leave; it does if the token is the configured one
    Shutdown(shutdown::Args),
    /// Takes a lease and shows what came with it; without keepalives it expires
    Attach(attach::Args),
    /// Gives a lease back
    Detach(lease::Args),
    /// Sends one keepalive for a lease; the driver does not answer those
    Keepalive(lease::Args),
}

const EXAMPLES: &str = "\
Examples:
  tp driver status
  tp driver leases --json | jq 'select(.role == \"producer\")'
  tp driver streams --aeron-dir /dev/shm/aeron-lab
  tp driver attach --stream 10000 --client 4711 --role consumer
  TP_SHUTDOWN_TOKEN=secret tp driver shutdown --reason admin";

/// Runs `tp driver`.
pub(super) fn run(args: Args) -> Result<(), Box<dyn Error>> {
    match args.command {
        Command::Status(args) => report::run(&args, What::Status),
        Command::Leases(args) => report::run(&args, What::Leases),
        Command::Streams(args) => report::run(&args, What::Streams),
        Command::Counters(args) => report::run(&args, What::Counters),
        Command::Shutdown(args) => shutdown::run(&args),
        Command::Attach(args) => attach::run(&args),
        Command::Detach(args) => lease::detach(&args),
        Command::Keepalive(args) => lease::keepalive(&args),
    }
}

/// How to reach the driver, apart from the stream.
#[derive(Debug, clap::Args)]
struct Reach {
    /// Directory of the media driver [default: AERON_DIR, or Aeron's own default]
    #[arg(long, short = 'a', value_name = "DIR", env = "TP_AERON_DIR")]
    aeron_dir: Option<PathBuf>,
    /// The driver's control channel
    #[arg(long, short = 'c', value_name = "CHANNEL", env = "TP_CONTROL_CHANNEL", default_value = DEFAULT_CHANNEL)]
    channel: Channel,
    /// How long the driver may take to answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    timeout: Duration,
    /// The same in milliseconds
    #[arg(long, value_name = "MS", hide = true, value_parser = milliseconds, conflicts_with = "timeout")]
    timeout_ms: Option<Duration>,
    /// Print one JSON object per line
    #[arg(long, short)]
    json: bool,
}

impl Reach {
    fn dir(&self) -> PathBuf {
        self.aeron_dir.clone().unwrap_or_else(default_dir)
    }

    fn timeout(&self) -> Duration {
        self.timeout_ms.unwrap_or(self.timeout)
    }

    fn endpoint(&self, stream_id: i32) -> Endpoint {
        Endpoint::new(self.channel.clone(), stream_id)
    }
}

pub(super) fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok();
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let sensible = duration.filter(|time| !time.is_zero() && *time <= Duration::from_secs(3600));
    sensible.ok_or("a timeout is a number of seconds up to 3600, such as 5 or 0.5")
}

fn milliseconds(text: &str) -> Result<Duration, &'static str> {
    let ms = text.parse().ok().filter(|ms| (1..=3_600_000).contains(ms));
    let time = ms.map(Duration::from_millis);
    time.ok_or("a timeout is a number of milliseconds up to 3600000, such as 500")
}

pub(super) fn aeron_stream(text: &str) -> Result<i32, &'static str> {
    let id = text.parse().ok().filter(|id| *id > 0);
    id.ok_or("an Aeron stream id is a number from 1 to 2147483647, such as 1000")
}
