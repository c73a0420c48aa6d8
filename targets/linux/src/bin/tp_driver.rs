//! `tp_driver`: owns the shared memory of its streams, grants leases, announces pools; until SIGINT or SIGTERM.

use core::error::Error;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{self, ExitCode};
use std::sync::Arc;

use clap::Parser;
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use tp_core_nostd::agent::{Agent, IdleStrategy};
use tp_core_nostd::time::Clock;
use tp_core_nostd::wire::driver::ShutdownReason;
use tp_linux::log;
use tp_linux::systemd::Notifier;
use tp_linux_hugepages::last_level_cache_bytes;
use tp_std::clock::MonotonicClock;
use tp_std::config::Report;
use tp_std::driver::{AeronDriver, DriverConfig, DriverTables};
use tp_std::idle::SleepingIdle;
use tracing::{error, info, warn};

/// Pause after a duty cycle without work. A driver that spun for the next of ten thousand keepalives a second would never
/// sleep; like this they are read twenty at a time. Each sleep costs some 20 us on a virtual machine, and nobody waits
/// longer for an answer than one.
const PAUSE: Duration = Duration::from_millis(2);
/// How long the shutdown notice may take when clients do not read.
const GOODBYE_WITHIN: Duration = Duration::from_secs(2);

/// The driver of the SHM Tensor Pool: owns memory, grants leases, announces pools.
///
/// Environment variables override the file: SHM_BASE_DIR sets shm.base_dir, and so on. AERON_DIR sets
/// driver.aeron_dir. TP_LOG_LEVEL is 0 to 4, or error, warn, info, debug, trace, or several with their modules, such as
/// info,tp_std::driver=debug; TP_LOG_FORMAT is text, logfmt or json. SIGTERM and SIGINT drain for
/// policies.shutdown_timeout_ms, a second one ends the process at once.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// The configuration, a TOML file.
    #[arg(short, long, value_name = "FILE", required_unless_present = "file")]
    config: Option<PathBuf>,
    /// The same, for short.
    #[arg(value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,
    /// Only say whether the configuration can be used.
    #[arg(long)]
    check: bool,
    /// Only print every value in use and where it comes from.
    #[arg(long)]
    print_config: bool,
    /// Say that the driver is ready in one JSON object instead of a sentence.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    log::init();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tp_driver: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let path = args.config.as_ref().or(args.file.as_ref());
    let path = path.ok_or("no configuration file")?;
    let (config, report) = DriverConfig::load(path, &|name| std::env::var(name).ok())?;
    for warning in &report.warnings {
        warn!("{warning}");
    }
    for warning in
        last_level_cache_bytes().map_or_else(Vec::new, |cache| config.beyond_cache(cache))
    {
        warn!("{warning}");
    }
    if args.print_config {
        return Ok(print(&report)?);
    }
    if args.check {
        return Ok(writeln!(io::stdout(), "{}: usable", path.display())?);
    }
    serve(&config, args.json)
}

/// Runs the driver until a signal comes or it cannot go on.
fn serve(config: &DriverConfig, as_json: bool) -> Result<(), Box<dyn Error>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order the first signal sets the flag, and a second one ends the process at once.
        flag::register_conditional_shutdown(signal, 1, stop.clone())?;
        flag::register(signal, stop.clone())?;
    }
    let mut systemd = Notifier::from_environment();
    let mut tables = DriverTables::new(config)?;
    let mut driver = AeronDriver::connect(&mut tables)?;
    let sentence = ready(config, false);
    systemd.ready(&sentence);
    let said = if as_json {
        ready(config, true)
    } else {
        sentence
    };
    writeln!(io::stdout(), "{said}")?;

    let ended = duty_cycles(&mut driver, &stop, config.shutdown_timeout, &mut systemd);
    driver.on_close();
    match &ended {
        Ok(()) => info!("stopped"),
        Err(error) => error!("{error}"),
    }
    ended
}

/// Works until the driver stopped: by a request, or some time after a signal.
fn duty_cycles(
    driver: &mut AeronDriver<'_>,
    stop: &AtomicBool,
    drain: Duration,
    systemd: &mut Notifier,
) -> Result<(), Box<dyn Error>> {
    let mut idle = SleepingIdle::new(PAUSE);
    let mut give_up_at = None;
    while !driver.is_stopped() {
        let now = MonotonicClock.now();
        if stop.load(Ordering::Relaxed) && give_up_at.is_none() {
            give_up_at = Some(now.after(drain).after(GOODBYE_WITHIN));
            systemd.stopping();
            driver.stop(ShutdownReason::Normal, drain);
        }
        if give_up_at.is_some_and(|at| now > at) {
            warn!("nobody took the shutdown notice");
            break;
        }
        systemd.alive(now);
        idle.idle(driver.do_work()?);
    }
    Ok(())
}

fn ready(config: &DriverConfig, as_json: bool) -> String {
    let (id, control, pid) = (&config.instance_id, &config.control, process::id());
    let (channel, stream) = (control.channel.to_string(), control.stream_id);
    if as_json {
        json!({"ready": "driver", "instance_id": id, "control_channel": channel,
            "control_stream_id": stream, "pid": pid})
        .to_string()
    } else {
        format!("driver {id} ready on {channel} stream {stream} (process {pid})")
    }
}

/// One line per value: the key, the value, the origin.
fn print(report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for value in &report.effective {
        writeln!(out, "{} = {}  # {}", value.key, value.value, value.origin)?;
    }
    Ok(())
}
