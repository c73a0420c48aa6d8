//! One system to test: a directory in shared memory, a media driver, and the `tp_driver` program.

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tp_core_nostd::ids::StreamId;
use tp_std::aeron::{MediaDriver, MediaDriverConfig};
use tp_std::{
    ANNOUNCE_STREAM, Client, ConductorThread, Consumer, ConsumerConfig, Context, DESCRIPTOR_STREAM,
    Endpoint, Producer, ProducerConfig,
};

use crate::tool::program;

/// What takes longer hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The stream every rig has.
pub(crate) fn stream() -> StreamId {
    StreamId::new(10_000).unwrap()
}

/// What differs between rigs.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// Slots of the ring.
    pub(crate) slots: u32,
    /// Bytes of the slots of each pool, smallest first.
    pub(crate) strides: &'static [u32],
    /// Terms of the descriptor stream: half of one is how many descriptors a stopped consumer can hold up.
    pub(crate) term: &'static str,
    /// Milliseconds between announces.
    pub(crate) announce_ms: u64,
    /// Milliseconds between keepalives; eight of them are the life of a lease.
    pub(crate) keepalive_ms: u64,
    /// Where announces go.
    pub(crate) announces: i32,
    /// Further lines of the driver's configuration.
    pub(crate) driver: &'static str,
    /// Further lines about its memory.
    pub(crate) shm: &'static str,
    /// Further policies.
    pub(crate) policies: &'static str,
    /// Further streams, like the first.
    pub(crate) streams: &'static [u32],
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            slots: 1024,
            strides: &[1024, 16 * 1024],
            term: "4m",
            announce_ms: 1000,
            keepalive_ms: 500,
            announces: ANNOUNCE_STREAM,
            driver: "",
            shm: "",
            policies: "",
            streams: &[],
        }
    }
}

/// A running system; all of it ends when dropped.
pub(crate) struct Rig {
    driver: Option<Child>,
    media: Option<MediaDriver>,
    term: &'static str,
    root: TempDir,
    files: TempDir,
}

impl Rig {
    /// Media driver and driver.
    pub(crate) fn start(shape: &Shape) -> Self {
        let mut rig = Self::start_without_driver(shape);
        rig.start_driver();
        rig
    }

    /// A media driver alone.
    pub(crate) fn start_without_driver(shape: &Shape) -> Self {
        let mut rig = Self::without_media(shape);
        rig.media =
            Some(MediaDriver::start(MediaDriverConfig::new(aeron_dir(rig.root()))).unwrap());
        rig
    }

    /// For a test that has a media driver of its own, in [`aeron_dir`].
    pub(crate) fn without_media(shape: &Shape) -> Self {
        let root = tempfile::Builder::new()
            .prefix("tp-system-")
            .tempdir_in("/dev/shm")
            .unwrap();
        let files = tempfile::tempdir().unwrap();
        fs::create_dir(base_dir(root.path())).unwrap();
        fs::write(files.path().join("driver.toml"), toml(root.path(), shape)).unwrap();
        Self {
            driver: None,
            media: None,
            term: shape.term,
            root,
            files,
        }
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) const fn term(&self) -> &'static str {
        self.term
    }

    pub(crate) fn context(&self) -> Context {
        context(self.root(), self.term)
    }

    pub(crate) fn client(&self) -> (Client, ConductorThread) {
        Client::start(self.context()).unwrap()
    }

    /// Starts `tp_driver`.
    pub(crate) fn start_driver(&mut self) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .unwrap();
        let program = program("tp_driver");
        let child = Command::new(&program)
            .arg("-c")
            .arg(self.files.path().join("driver.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        self.driver = Some(child.unwrap_or_else(|error| {
            panic!(
                "{}: {error}; cargo build --release --workspace --bins",
                program.display()
            )
        }));
    }

    /// Ends `tp_driver` by a signal and waits for it.
    pub(crate) fn end_driver(&mut self, signal: Signal) -> ExitStatus {
        let mut driver = self.driver.take().unwrap();
        kill_process(Pid::from_child(&driver), signal).unwrap();
        exit(&mut driver)
    }

    /// Sends `tp_driver` a signal.
    pub(crate) fn signal_driver(&self, signal: Signal) {
        let driver = self.driver.as_ref().unwrap();
        kill_process(Pid::from_child(driver), signal).unwrap();
    }

    /// Waits until `tp_driver` ended by itself.
    pub(crate) fn driver_ended(&mut self) -> ExitStatus {
        exit(&mut self.driver.take().unwrap())
    }

    pub(crate) fn stop_media(&mut self) {
        self.media.take().unwrap().stop().unwrap();
    }

    /// Epochs of the stream that have a directory, lowest first.
    pub(crate) fn epochs_on_disk(&self) -> Vec<u64> {
        let mut epochs: Vec<_> = paths_below(&base_dir(self.root()))
            .iter()
            .filter(|path| path.is_dir())
            .filter(|path| path.parent().unwrap().ends_with(stream().get().to_string()))
            .filter_map(|path| path.file_name()?.to_str()?.parse().ok())
            .collect();
        epochs.sort_unstable();
        epochs
    }

    /// What the driver has said so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    fn log(&self) -> PathBuf {
        self.files.path().join("driver.log")
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(mut driver) = self.driver.take() {
            let _ = driver.kill();
            let _ = driver.wait();
        }
        if thread::panicking() {
            eprintln!(
                "--- tp_driver said ---\n{}----------------------",
                self.said()
            );
        }
    }
}

/// Where the media driver of the rig at `root` lives.
pub(crate) fn aeron_dir(root: &Path) -> PathBuf {
    root.join("aeron")
}

pub(crate) fn base_dir(root: &Path) -> PathBuf {
    root.join("shm")
}

/// Settings of a client of the rig at `root`.
pub(crate) fn context(root: &Path, term: &str) -> Context {
    let descriptors = format!("aeron:ipc?term-length={term}").parse().unwrap();
    Context::new()
        .with_aeron_dir(aeron_dir(root))
        .unwrap()
        .allow_dir(base_dir(root))
        .with_descriptor(Endpoint::new(descriptors, DESCRIPTOR_STREAM))
        .with_announce_period(Duration::from_secs(1))
        .with_keepalive_interval(Duration::from_millis(500))
        .with_lease_expiry_grace_intervals(8)
}

pub(crate) fn producer(client: &Client) -> Producer {
    producer_of(client, stream())
}

pub(crate) fn producer_of(client: &Client, stream: StreamId) -> Producer {
    let pending = client.producer(ProducerConfig::new(stream)).unwrap();
    pending.wait(PATIENCE).unwrap()
}

pub(crate) fn consumer(client: &Client) -> Consumer {
    consumer_of(client, stream())
}

pub(crate) fn consumer_of(client: &Client, stream: StreamId) -> Consumer {
    let pending = client.consumer(ConsumerConfig::new(stream)).unwrap();
    pending.wait(PATIENCE).unwrap()
}

/// A consumer of descriptors alone: a frame that is found in memory before its descriptor comes has no trace id.
pub(crate) fn tracing_consumer_of(client: &Client, stream: StreamId) -> Consumer {
    let config = ConsumerConfig::new(stream).with_watched_memory(false);
    client.consumer(config).unwrap().wait(PATIENCE).unwrap()
}

/// Waits until `done`.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < PATIENCE, "in vain: {what}");
        thread::sleep(Duration::from_millis(1));
    }
    started.elapsed()
}

/// Every file and directory below `dir`.
pub(crate) fn paths_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(paths_below(&path));
        }
        found.push(path);
    }
    found
}

fn exit(child: &mut Child) -> ExitStatus {
    let mut status = None;
    wait_until("the end of a process", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap()
}

fn toml(root: &Path, shape: &Shape) -> String {
    let pools: Vec<_> = (1..)
        .zip(shape.strides)
        .map(|(id, stride)| format!("{{ pool_id = {id}, stride_bytes = {stride} }}"))
        .collect();
    let stream_of = |id| format!("[streams.s{id}]\nstream_id = {id}\nprofile = \"frames\"");
    let streams: Vec<_> = shape.streams.iter().map(stream_of).collect();
    format!(
        r#"
[driver]
aeron_dir = "{aeron}"
announce_stream_id = {announces}
{driver}

[shm]
base_dir = "{base}"
namespace = "system"
{shm}

[policies]
announce_period_ms = {announce}
lease_keepalive_interval_ms = {keepalive}
lease_expiry_grace_intervals = 8
cleanup_shm_on_exit = true
{policies}

[profiles.frames]
header_nslots = {slots}
payload_pools = [{pools}]

[streams.camera]
stream_id = {stream}
profile = "frames"
{streams}
"#,
        aeron = aeron_dir(root).display(),
        base = base_dir(root).display(),
        slots = shape.slots,
        announce = shape.announce_ms,
        keepalive = shape.keepalive_ms,
        announces = shape.announces,
        driver = shape.driver,
        shm = shape.shm,
        policies = shape.policies,
        pools = pools.join(", "),
        stream = stream().get(),
        streams = streams.join("\n"),
    )
}
