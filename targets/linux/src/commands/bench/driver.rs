//! `tp bench driver`: a real tp_driver on a media driver of its own, with as many streams and leases as asked for.

use core::error::Error;
use core::fmt::Write as _;
use core::time::Duration;
use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tp_std::aeron::{Channel, MediaDriver, MediaDriverConfig};
use tp_std::driver::{What, ask_driver};
use tp_std::{Endpoint, STATUS_STREAM};

use super::load::Load;
use super::processor::Watch;
use crate::commands::output::pairs;
use crate::commands::scratch::Scratch;

/// How long the driver may take to start, to answer, to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often clients send keepalives.
const KEEPALIVE: Duration = Duration::from_secs(1);
/// Attaches that wait for an answer while the house fills up.
const AT_ONCE: usize = 64;

/// Arguments of `tp bench driver`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Streams of the driver
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    streams: u32,
    /// Consumer leases, kept alive once a second
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    leases: u32,
    /// Clients that attach all at once in the end
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    storm: u32,
    /// How long each processor time is measured, in seconds
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Print one JSON object
    #[arg(long, short)]
    json: bool,
}

/// Measures and prints.
pub(super) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let scratch = Scratch::new("bench")?;
    let media = MediaDriver::start(MediaDriverConfig::new(scratch.aeron_dir()))?;
    let config = scratch.write_config(&config(args, &scratch)?)?;
    let driver = Running::start(&config)?;
    let figures = measure(args, media.dir(), driver.0.id());
    driver.stop()?;
    media.stop()?;
    let figures = figures?;
    let text = match args.json {
        true => format!("{figures}\n"),
        false => pairs(&figures),
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(scratch.clear()?)
}

fn measure(args: &Args, dir: &Path, pid: u32) -> Result<Value, Box<dyn Error>> {
    let time = Duration::from_secs(args.seconds);
    let mut load = Load::connect(dir, args.streams, KEEPALIVE)?;
    let started = Instant::now();
    while counters(dir).is_err() {
        if started.elapsed() > PATIENCE {
            return Err("the driver did not start; see what it said above".into());
        }
    }
    let watch = Watch::start(pid)?;
    load.run(time)?;
    let empty = watch.share()?;

    let filled = load.attach(1, args.leases, AT_ONCE)?;
    let before = counters(dir)?;
    let watch = Watch::start(pid)?;
    load.run(time)?;
    let (full, after) = (watch.share()?, counters(dir)?);
    let (kept, longest) = (
        grown(&before, &after, "keepalives"),
        number(&after, "longest_cycle_ns"),
    );

    let storm = load.attach(args.leases.saturating_add(1), args.storm, usize::MAX)?;
    // As long as a lease lives without keepalives, and longer.
    load.run(KEEPALIVE.saturating_mul(4))?;
    let end = counters(dir)?;
    let lost = number(&end, "expired").saturating_add(number(&end, "revoked"));
    let expected = u64::from(args.leases).saturating_add(args.storm.into());
    if lost > 0 || load.refused > 0 || load.leases() as u64 != expected {
        let (held, refused, revoked) = (load.leases(), load.refused, load.revoked);
        return Err(format!(
            "{held} leases of {expected}: {refused} attaches refused, {lost} leases lost ({revoked} revocations heard)"
        )
        .into());
    }
    Ok(json!({
        "bench": "driver",
        "streams": args.streams,
        "leases": args.leases,
        "processor_share_without_leases": rounded(empty),
        "processor_share": rounded(full),
        "keepalives_per_s": kept.checked_div(args.seconds),
        "attach_all_ms": filled.as_millis() as u64,
        "storm": args.storm,
        "storm_ms": storm.as_millis() as u64,
        "leases_lost": lost,
        "cycles": number(&end, "cycles"),
        "cycles_over_1_ms": number(&end, "cycles_over_1_ms"),
        "longest_cycle_ns": number(&end, "longest_cycle_ns"),
        "longest_cycle_before_storm_ns": longest,
    }))
}

fn rounded(share: f64) -> f64 {
    (share * 10_000.0).round() / 10_000.0
}

fn counters(dir: &Path) -> Result<Value, Box<dyn Error>> {
    let status = Endpoint::new(Channel::ipc(), STATUS_STREAM);
    let mut counters = Value::Null;
    let within = Duration::from_secs(2);
    ask_driver(dir, &status, What::Counters, within, &mut |line| {
        counters = serde_json::from_str(line).unwrap_or_default();
    })?;
    Ok(counters)
}

fn number(counters: &Value, name: &str) -> u64 {
    let found = counters.get(name).and_then(Value::as_u64);
    found.unwrap_or_default()
}

fn grown(before: &Value, after: &Value, name: &str) -> u64 {
    number(after, name).saturating_sub(number(before, name))
}

/// The driver's program, which stands beside this one. Killed when dropped.
struct Running(Child);

impl Running {
    fn start(config: &Path) -> Result<Self, Box<dyn Error>> {
        let program = env::current_exe()?.with_file_name("tp_driver");
        let child = Command::new(&program)
            .arg(config)
            // A line for each of ten thousand attaches is not what is measured.
            .env("TP_LOG_LEVEL", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        let child = child.map_err(|error| format!("{}: {error}", program.display()))?;
        Ok(Self(child))
    }

    fn stop(mut self) -> Result<(), Box<dyn Error>> {
        kill_process(Pid::from_child(&self.0), Signal::TERM)?;
        let status = self.0.wait()?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("tp_driver ended with {status}").into()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After `stop` there is nothing to kill any more.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The smallest streams there are: what is measured is their number.
fn config(args: &Args, scratch: &Scratch) -> Result<String, Box<dyn Error>> {
    let limit = args.leases.saturating_add(args.storm);
    let mut text = format!(
        "[driver]\n\
         aeron_dir = {aeron:?}\n\
         announce_stream_id = 1001\n\
         lease_limit = {limit}\n\
         [shm]\n\
         base_dir = {base:?}\n\
         [policies]\n\
         cleanup_shm_on_exit = true\n\
         [profiles.small]\n\
         header_nslots = 2\n\
         payload_pools = [{{ pool_id = 1, stride_bytes = 64 }}]\n",
        aeron = scratch.aeron_dir(),
        base = scratch.regions_dir()?,
    );
    for stream in (10_000_u32..).take(args.streams as usize) {
        writeln!(
            text,
            "[streams.s{stream}]\nstream_id = {stream}\nprofile = \"small\""
        )?;
    }
    Ok(text)
}
