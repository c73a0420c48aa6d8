//! `tp media-driver`: an Aeron media driver with the settings the tensor pool needs, until SIGINT or SIGTERM.

use core::error::Error;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::thread;

use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use tp_std::aeron::{MediaDriver, MediaDriverConfig, default_dir};

/// How soon a signal or the end of the media driver is noticed.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Arguments of `tp media-driver`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where clients find it; created now, removed at the end. Default: AERON_DIR, or Aeron's own default.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Silence of a client after which its publications and subscriptions are closed, in milliseconds.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(100..=86_400_000))]
    client_liveness_ms: u64,
    /// Say that it is ready in one JSON object instead of a sentence.
    #[arg(long)]
    json: bool,
}

/// Runs `tp media-driver`.
pub(super) fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, stop.clone())?;
    }
    let mut config = MediaDriverConfig::new(args.dir.unwrap_or_else(default_dir));
    config.client_liveness = Duration::from_millis(args.client_liveness_ms);
    let driver = MediaDriver::start(config)?;

    writeln!(io::stdout(), "{}", ready(&driver, args.json))?;
    while driver.is_running() && !stop.load(Ordering::Relaxed) {
        thread::sleep(LOOK_EVERY);
    }
    Ok(driver.stop()?)
}

fn ready(driver: &MediaDriver, as_json: bool) -> String {
    let (dir, pid, bytes) = (driver.dir().display(), process::id(), driver.bytes_used());
    if as_json {
        json!({"ready": "media-driver", "dir": dir.to_string(), "pid": pid, "bytes": bytes})
            .to_string()
    } else {
        format!("media driver ready in {dir} (process {pid}, {bytes} bytes)")
    }
}
