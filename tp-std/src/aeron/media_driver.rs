//! An Aeron media driver inside this process, set up for what the tensor pool needs (design 4.6).

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::ffi::{CString, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use rusteron_client as rc;
use rusteron_media_driver as rmd;
use thiserror::Error;

use super::driver_dir;
use super::error::one_line;

/// How often the media driver looks at its timers: one part of the time for which a stopped subscriber can hold up
/// others; the other is `untethered-window-limit-timeout`. Aeron's default of 1 s makes the stall 1.1 s (design 4.6).
const TIMER_INTERVAL: Duration = Duration::from_millis(20);

/// Terms of channels that name no length. The same as in `DEFAULT_CHANNEL`, so that `aeron:ipc` with and without it
/// agree (I-02); Aeron's default of 64 MiB would need 192 MiB of shared memory for each publication.
const TERM_BYTES: usize = 4 << 20;

/// Smallest counters buffer Aeron takes: 8192 counters. Their descriptions take four times as much.
const COUNTERS_BYTES: usize = 1 << 20;

/// Lost UDP packets are none of our business.
const LOSS_REPORT_BYTES: usize = 4096;

/// Aeron warns on stderr below this much free shared memory; its default of 160 MiB is more than containers have.
const LOW_SPACE_BYTES: u64 = 8 << 20;

/// How long the counter of a lost image stays unused. A client that was stopped may write its position there once
/// before it learns that the image is gone; a second later (Aeron's default) that could be somebody else's position.
const COUNTER_REST: Duration = Duration::from_secs(60);

/// What can be chosen about a media driver. The rest follows from design 4.6.
#[derive(Clone, Debug)]
pub struct MediaDriverConfig {
    /// Where clients find it. Created if missing; what a dead media driver left there is deleted.
    pub dir: PathBuf,
    /// Silence of a client after which its publications and subscriptions are closed. A killed process keeps its
    /// images for this long, a stopped one has to connect again after it (D-155).
    pub client_liveness: Duration,
    /// The same for publications of other hosts.
    pub image_liveness: Duration,
    /// Whether the directory goes when the media driver stops.
    pub remove_dir: bool,
}

impl MediaDriverConfig {
    /// A media driver in `dir` with Aeron's usual 10 s for clients and images, that removes its directory in the end.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            client_liveness: Duration::from_secs(10),
            image_liveness: Duration::from_secs(10),
            remove_dir: true,
        }
    }
}

/// A running media driver: one thread that idles when there is nothing to do. Stops when dropped.
///
/// Takes 11 MiB of shared memory for itself, nearly all of it lengths below which Aeron refuses to start, and three
/// terms for each publication, as they are touched: 12 MiB in the end with the terms of
/// [`super::DEFAULT_CHANNEL`], on streams as quiet as control after hours. A producer's descriptors need
/// `2 x 96 B x rate x 120 ms` per term: 512 KiB at 20 kHz.
pub struct MediaDriver {
    dir: PathBuf,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), MediaDriverError>>>,
}

impl MediaDriver {
    /// Starts a media driver and returns when clients can connect to it.
    ///
    /// Where a media driver died a moment ago without a word, this watches its files for 3 s before taking over.
    ///
    /// # Errors
    /// [`MediaDriverError::InUse`] if a live one owns the directory.
    pub fn start(config: MediaDriverConfig) -> Result<Self, MediaDriverError> {
        let dir = config.dir.clone();
        let dead = driver_dir::check(&dir)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (ready, started) = mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name("media-driver".into())
            .spawn({
                let stop = stop.clone();
                move || run(&config, dead, &stop, &ready)
            })
            .map_err(MediaDriverError::Thread)?;
        let mut driver = Self {
            dir,
            stop,
            thread: Some(thread),
        };
        match started.recv() {
            Ok(()) => Ok(driver),
            // The thread ended before it was ready, and says why.
            Err(_) => Err(driver.join().err().unwrap_or(MediaDriverError::Panicked)),
        }
    }

    /// Where clients find it.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether it still serves clients. It ends by itself only when it fails.
    pub fn is_running(&self) -> bool {
        self.thread
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
    }

    /// Bytes of shared memory its files take at the moment, logs of publications included.
    pub fn bytes_used(&self) -> u64 {
        driver_dir::bytes_below(&self.dir)
    }

    /// Stops it, tells its clients, and removes the directory if it was asked to.
    ///
    /// # Errors
    /// What ended it before this call, if something did.
    pub fn stop(mut self) -> Result<(), MediaDriverError> {
        self.join()
    }

    fn join(&mut self) -> Result<(), MediaDriverError> {
        self.stop.store(true, Ordering::Release);
        match self.thread.take() {
            Some(thread) => thread.join().unwrap_or(Err(MediaDriverError::Panicked)),
            None => Ok(()),
        }
    }
}

impl Drop for MediaDriver {
    fn drop(&mut self) {
        // Whoever wants to know calls `stop`.
        let _ = self.join();
    }
}

impl fmt::Debug for MediaDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MediaDriver({})", self.dir.display())
    }
}

/// Why there is no media driver.
#[derive(Debug, Error)]
pub enum MediaDriverError {
    /// A live media driver owns the directory.
    #[error("a media driver is already running in {} (process {pid}); use it, stop it, or choose another --dir", dir.display())]
    InUse {
        /// The directory in question.
        dir: PathBuf,
        /// The process that runs it, as its own namespace numbers it.
        pid: i64,
    },
    /// Starting would delete something that is not Aeron's.
    #[error("{} contains {name:?}, which is no file of a media driver; choose a directory of its own", dir.display())]
    ForeignFiles {
        /// The directory in question.
        dir: PathBuf,
        /// The first foreign name found.
        name: OsString,
    },
    /// The directory cannot be looked at.
    #[error("{}: {source}", dir.display())]
    Directory {
        /// The directory in question.
        dir: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Aeron's media driver failed.
    #[error("the media driver in {} failed: {detail}", dir.display())]
    Failed {
        /// The directory in question.
        dir: PathBuf,
        /// Aeron's words.
        detail: String,
    },
    /// No thread for it.
    #[error("no thread for the media driver: {0}")]
    Thread(io::Error),
    /// Its thread panicked.
    #[error("the media driver panicked")]
    Panicked,
}

/// Where a media driver and its clients meet unless told otherwise: `AERON_DIR`, or Aeron's own default.
pub fn default_dir() -> PathBuf {
    match rc::AeronContext::new() {
        Ok(context) => PathBuf::from(context.get_dir()),
        Err(_) => PathBuf::from("/dev/shm/aeron"),
    }
}

/// The life of the media driver's thread.
fn run(
    config: &MediaDriverConfig,
    dead: bool,
    stop: &AtomicBool,
    ready: &mpsc::SyncSender<()>,
) -> Result<(), MediaDriverError> {
    let failed = |error: rmd::AeronCError| MediaDriverError::Failed {
        dir: config.dir.clone(),
        detail: one_line(error.capture_errmsg().message().unwrap_or_default()),
    };
    let context = context(config, dead).map_err(failed)?;
    let driver = rmd::AeronDriver::new(&context).map_err(failed)?;
    driver.start(true).map_err(failed)?;
    // Whoever waited may have given up; then `stop` is set.
    let _ = ready.send(());
    while !stop.load(Ordering::Acquire) {
        let work = driver.main_do_work().map_err(failed)?;
        driver.main_idle_strategy(work);
    }
    Ok(())
}

fn context(
    config: &MediaDriverConfig,
    dead: bool,
) -> Result<rmd::AeronDriverContext, rmd::AeronCError> {
    let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let context = rmd::AeronDriverContext::new()?;
    let dir = CString::new(config.dir.as_os_str().as_bytes()).unwrap_or_default();
    context.set_dir(&dir)?;
    // Without this Aeron still deletes what a media driver left that is dead by its own clock, and nothing else.
    context.set_dir_delete_on_start(dead)?;
    context.set_dir_delete_on_shutdown(config.remove_dir)?;
    context.set_dir_warn_if_exists(false)?;
    context.set_print_configuration(false)?;
    context.set_driver_timeout_ms(10_000)?;
    context
        .set_threading_mode(rmd::bindings::aeron_threading_mode_t::AERON_THREADING_MODE_SHARED)?;

    context.set_timer_interval_ns(ns(TIMER_INTERVAL))?;
    context.set_client_liveness_timeout_ns(ns(config.client_liveness))?;
    context.set_image_liveness_timeout_ns(ns(config.image_liveness))?;
    // Aeron wants this longer than the client liveness timeout.
    context.set_publication_unblock_timeout_ns(ns(config.client_liveness.saturating_mul(2)))?;
    context.set_untethered_window_limit_timeout_ns(ns(Duration::from_millis(100)))?;
    context.set_counters_free_to_reuse_timeout_ns(ns(COUNTER_REST))?;

    context.set_ipc_term_buffer_length(TERM_BYTES)?;
    context.set_term_buffer_length(TERM_BYTES)?;
    context.set_term_buffer_sparse_file(true)?;
    context.set_counters_buffer_length(COUNTERS_BYTES)?;
    context.set_loss_report_buffer_length(LOSS_REPORT_BYTES)?;
    context.set_low_file_store_warning_threshold(LOW_SPACE_BYTES)?;
    Ok(context)
}
