//! `tp rate-limit`: streams with fewer frames than those they come from, until somebody asks to stop.

use core::error::Error;
use core::time::Duration;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value, json};
use tp_core_nostd::agent::{Agent, IdleStrategy};
use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::rate_limiter::Forwarding;
use tp_std::aeron::Channel;
use tp_std::idle::SleepingIdle;
use tp_std::rate_limiter::{LaneConfig, LaneStatus, RateLimiter, RateLimiterConfig};
use tp_std::{CONTROL_STREAM, Endpoint, METADATA_STREAM, QOS_STREAM};

use super::Misuse;
use super::client::stream_id;
use super::output::Events;
use super::stop::Stop;

/// Pause after a duty cycle without work: what a frame waits at most besides its time.
const PAUSE: Duration = Duration::from_micros(500);

/// Arguments of `tp rate-limit`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Take everything from this TOML file; environment variables override it, as RATE_LIMITER_MAX_RATE_HZ
    #[arg(long, short, value_name = "FILE", conflicts_with_all = ["source", "dest"])]
    config: Option<PathBuf>,
    /// Only say whether the file can be used
    #[arg(long, requires = "config")]
    check: bool,
    /// Stream to read
    #[arg(long, value_name = "ID", value_parser = stream_id, required_unless_present = "config")]
    source: Option<StreamId>,
    /// Stream to write, which the driver must know
    #[arg(long, value_name = "ID", value_parser = stream_id, required_unless_present = "config")]
    dest: Option<StreamId>,
    /// Frames per second until a consumer of the written stream says what it wants; 0 is all of them
    #[arg(
        long,
        value_name = "HZ",
        default_value_t = 0,
        conflicts_with = "config"
    )]
    max_rate: u32,
    /// Aeron stream for the descriptors of the written stream
    #[arg(long, value_name = "ID", value_parser = stream_id, default_value = "1100", conflicts_with = "config")]
    descriptor_stream: StreamId,
    /// Pass on how far frames are filled
    #[arg(long, conflicts_with = "config")]
    forward_progress: bool,
    /// Pass on reports of producers and consumers
    #[arg(long, conflicts_with = "config")]
    forward_qos: bool,
    /// Do not pass on what the source says of itself
    #[arg(long, conflicts_with = "config")]
    no_metadata: bool,
    /// Directory of the media driver [default: AERON_DIR, or Aeron's own default]
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    aeron_dir: Option<PathBuf>,
    /// Directory below which memory may be mapped; can be given several times
    #[arg(
        long = "allow",
        value_name = "DIR",
        default_value = "/dev/shm",
        conflicts_with = "config"
    )]
    allowed_dirs: Vec<PathBuf>,
    /// Seconds between lines about each stream; 0 says nothing until the end
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    every: u64,
    /// Stop after so many seconds [default: on SIGINT or SIGTERM]
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
    /// Print those lines as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tp rate-limit --source 10000 --dest 10001 --max-rate 5
  tp rate-limit --config limiter.toml --json";

/// Runs `tp rate-limit`.
pub(super) fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let config = match &args.config {
        Some(path) => {
            let (config, report) = RateLimiterConfig::load(path, &|name| std::env::var(name).ok())?;
            for warning in &report.warnings {
                eprintln!("tp rate-limit: {warning}");
            }
            if args.check {
                return Ok(writeln!(io::stdout(), "{}: usable", path.display())?);
            }
            config
        }
        None => from_arguments(&args)?,
    };
    let stop = Stop::on_signals()?;
    let mut limiter = RateLimiter::connect(config)?;
    let ended = work(&mut limiter, &args, &stop);
    limiter.on_close();
    ended?;
    tell(&limiter, "summary", args.json)
}

fn from_arguments(args: &Args) -> Result<RateLimiterConfig, Box<dyn Error>> {
    let (Some(source), Some(dest)) = (args.source, args.dest) else {
        return Err(Misuse("a source and a destination are needed, or a configuration").into());
    };
    if source == dest {
        return Err(Misuse("--source and --dest must be two streams").into());
    }
    let lane = LaneConfig {
        max_rate_hz: Some(args.max_rate),
        ..LaneConfig::new(source, dest)
    };
    let on = |stream| Endpoint::new(Channel::ipc(), stream);
    let both = |stream: i32| {
        let stream = u32::try_from(stream).ok().and_then(StreamId::new);
        (stream, stream)
    };
    let descriptors = i32::try_from(args.descriptor_stream.get())?;
    let mut config = RateLimiterConfig::new(on(descriptors), vec![lane]);
    "tp rate-limit".clone_into(&mut config.instance_id);
    config.aeron_dir.clone_from(&args.aeron_dir);
    config.allowed_dirs.clone_from(&args.allowed_dirs);
    config.forwarding = Forwarding {
        progress: args.forward_progress,
        control: both(CONTROL_STREAM),
        qos: args.forward_qos,
        qos_streams: both(QOS_STREAM),
    };
    // Where every consumer listens for it; the streams in the messages tell source and destination apart.
    config.metadata = (!args.no_metadata).then(|| on(METADATA_STREAM));
    if let (Some(usual), _) = both(METADATA_STREAM) {
        for lane in &mut config.lanes {
            lane.metadata_stream = usual;
        }
    }
    Ok(config)
}

/// Duty cycles until it is enough.
fn work(limiter: &mut RateLimiter, args: &Args, stop: &Stop) -> Result<(), Box<dyn Error>> {
    let mut idle = SleepingIdle::new(PAUSE);
    let started = Instant::now();
    let mut told = started;
    while !stop.is_asked()
        && args
            .seconds
            .is_none_or(|seconds| started.elapsed().as_secs() < seconds)
    {
        idle.idle(limiter.do_work()?);
        if args.every > 0 && told.elapsed().as_secs() >= args.every {
            told = Instant::now();
            tell(limiter, "status", args.json)?;
        }
    }
    Ok(())
}

/// A line for each mapping.
fn tell(limiter: &RateLimiter, event: &str, as_json: bool) -> Result<(), Box<dyn Error>> {
    for lane in limiter.status() {
        if as_json {
            Events::new(true).emit(&object(event, &lane, limiter.untold()))?;
        } else {
            writeln!(io::stdout(), "{}", sentence(&lane))?;
        }
    }
    Ok(())
}

fn object(event: &str, lane: &LaneStatus, untold: u64) -> Value {
    let counts = &lane.counts;
    json!({
        "event": event,
        "source": lane.source.get(),
        "destination": lane.destination.get(),
        "max_rate_hz": lane.max_rate_hz,
        "arrived": counts.arrived,
        "passed": counts.passed,
        "waiting": u64::from(lane.is_waiting),
        "superseded": counts.superseded,
        "unreadable": counts.unreadable,
        "outdated": counts.outdated,
        "without_destination": counts.without_destination,
        "out_of_order": counts.out_of_order,
        "too_large": counts.too_large,
        "without_slot": counts.without_slot,
        "missed": lane.missed,
        "untold": untold,
    })
}

fn sentence(lane: &LaneStatus) -> String {
    let counts = &lane.counts;
    let rate = lane
        .max_rate_hz
        .map_or_else(|| "all".to_owned(), |hz| format!("at most {hz}/s"));
    let lost = [
        (counts.unreadable, "unreadable"),
        (counts.outdated, "of an old epoch"),
        (counts.without_destination, "without a destination"),
        (counts.out_of_order, "out of order"),
        (counts.too_large, "too large"),
        (counts.without_slot, "without a slot"),
        (lane.missed, "missed"),
    ];
    let lost: Vec<_> = lost
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, why)| format!(", {count} {why}"))
        .collect();
    format!(
        "{} to {}, {rate}: {} of {} frames passed on, {} superseded{}",
        lane.source,
        lane.destination,
        counts.passed,
        counts.arrived,
        counts.superseded,
        lost.concat()
    )
}
