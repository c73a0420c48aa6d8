//! The other implementation's programs, a place where they and ours meet, and what they say.

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Instant;

use tempfile::TempDir;
use tp_std::aeron::{AeronClient, ClientConfig};
use tp_std::{Client, ConductorThread, Context};
use tp_tests::skip;

/// What takes longer hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// About one start in twelve of theirs fails (I-18).
const STARTS: u32 = 5;
/// On all streams: two channels of one stream id must not differ (I-02).
pub(crate) const CHANNEL: &str = "aeron:ipc?term-length=4m";
pub(crate) const STREAM: &str = "10000";

/// Where their programs are.
pub(crate) struct Peers(PathBuf);

impl Peers {
    /// As `TP_PEER_DIR` says; `None`, and a word why, without it.
    pub(crate) fn given(test: &str) -> Option<Self> {
        let dir = std::env::var_os("TP_PEER_DIR");
        if dir.is_none() {
            skip(test, "peer", "TP_PEER_DIR is not set");
        }
        dir.map(|dir| Self(dir.into()))
    }

    pub(crate) fn at(dir: &Path) -> Self {
        Self(dir.to_owned())
    }

    fn program(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

/// A place of shared memory with their media driver.
pub(crate) struct Place {
    _media: Process,
    root: TempDir,
    files: TempDir,
}

impl Place {
    pub(crate) fn new(peers: &Peers) -> Result<Self, String> {
        let root = tempfile::Builder::new()
            .prefix("tp-interop-")
            .tempdir_in("/dev/shm")
            .unwrap();
        let files = tempfile::tempdir().unwrap();
        let aeron = root.path().join("aeron");
        let mut command = Command::new(peers.program("aeronmd"));
        command
            .env("AERON_DIR", &aeron)
            .env("AERON_DIR_DELETE_ON_START", "1");
        let mut media = Process::start(command, files.path(), "aeronmd")?;
        wait_until("their media driver", || {
            let connected = AeronClient::connect(&ClientConfig::new(&aeron));
            Ok(connected.is_ok() || media.must_run()?)
        })?;
        let base = root.path().join("shm");
        fs::create_dir(&base).unwrap();
        fs::write(files.path().join("driver.toml"), toml(&aeron, &base)).unwrap();
        Ok(Self {
            _media: media,
            root,
            files,
        })
    }

    pub(crate) fn aeron(&self) -> PathBuf {
        self.root.path().join("aeron")
    }

    /// One of their programs.
    pub(crate) fn theirs(
        &self,
        peers: &Peers,
        name: &'static str,
        args: &[&str],
    ) -> Result<Process, String> {
        let mut command = Command::new(peers.program(name));
        command
            .args(args)
            .env("AERON_DIR", self.aeron())
            .env("TP_PATTERN", "interop");
        Process::start(command, self.files.path(), name)
    }

    /// One of their clients, for so many frames.
    pub(crate) fn client(
        &self,
        peers: &Peers,
        name: &'static str,
        id: u32,
        frames: u64,
    ) -> Result<Process, String> {
        let (aeron, id, frames) = (self.aeron(), id.to_string(), frames.to_string());
        let aeron = aeron.to_str().unwrap();
        self.theirs(
            peers,
            name,
            &[
                "-a", aeron, "-c", CHANNEL, "-s", STREAM, "-i", &id, "-n", &frames,
            ],
        )
    }

    /// Their driver, or ours.
    pub(crate) fn driver(&self, program: &Path) -> Result<Process, String> {
        let mut command = Command::new(program);
        command.arg("-c").arg(self.files.path().join("driver.toml"));
        Process::start(command, self.files.path(), "tp_driver")
    }

    pub(crate) fn their_driver(&self, peers: &Peers) -> Result<Process, String> {
        self.driver(&peers.program("tp_driver"))
    }

    pub(crate) fn our_client(&self) -> (Client, ConductorThread) {
        let context = Context::new()
            .with_aeron_dir(self.aeron())
            .unwrap()
            .with_default_channels(CHANNEL, 0)
            .unwrap()
            .allow_dir(self.root.path());
        Client::start(context).unwrap()
    }
}

/// A program of ours, which stands beside those of this test.
pub(crate) fn ours(name: &str) -> PathBuf {
    std::env::current_exe()
        .unwrap()
        .ancestors()
        .nth(2)
        .unwrap()
        .join(name)
}

/// A running program; killed when dropped.
pub(crate) struct Process {
    name: &'static str,
    command: Command,
    child: Child,
    said: PathBuf,
    starts: u32,
}

impl Process {
    fn start(mut command: Command, files: &Path, name: &'static str) -> Result<Self, String> {
        // One file for each, also of those of one name.
        let said = files.join(format!("{name}.{}", fs::read_dir(files).unwrap().count()));
        let child = spawn(&mut command, &said, name)?;
        Ok(Self {
            name,
            command,
            child,
            said,
            starts: 1,
        })
    }

    /// What it wrote to its standard output and error.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap_or_default()
    }

    /// How it ended, if it did. A start that failed is repeated.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, String> {
        let status = self.child.try_wait().unwrap();
        let failed = status.is_some_and(|status| !status.success());
        if failed && self.starts < STARTS && self.said().contains("init failed") {
            self.starts += 1;
            self.child = spawn(&mut self.command, &self.said, self.name)?;
            return Ok(None);
        }
        Ok(status)
    }

    /// `false`: it runs.
    pub(crate) fn must_run(&mut self) -> Result<bool, String> {
        match self.ended()? {
            None => Ok(false),
            Some(status) => Err(self.complaint(status)),
        }
    }

    /// Whether it did what it was for.
    pub(crate) fn is_done(&mut self) -> Result<bool, String> {
        match self.ended()? {
            None => Ok(false),
            Some(status) if status.success() => Ok(true),
            Some(status) => Err(self.complaint(status)),
        }
    }

    fn complaint(&self, status: ExitStatus) -> String {
        format!("{} ended with {status}:\n{}", self.name, self.said())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(command: &mut Command, said: &Path, name: &str) -> Result<Child, String> {
    let file = fs::File::create(said).unwrap();
    let errors = file.try_clone().unwrap();
    let child = command
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(errors)
        .spawn();
    child.map_err(|error| format!("{name}: {error}"))
}

/// Waits until `done`, or until it fails.
pub(crate) fn wait_until(
    what: &str,
    mut done: impl FnMut() -> Result<bool, String>,
) -> Result<(), String> {
    let started = Instant::now();
    while !done()? {
        if started.elapsed() > PATIENCE {
            return Err(format!("in vain: {what}"));
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

fn toml(aeron: &Path, base: &Path) -> String {
    format!(
        r#"
[driver]
instance_id = "interop"
aeron_dir = "{aeron}"
control_channel = "{CHANNEL}"
control_stream_id = 1000
announce_channel = "{CHANNEL}"
announce_stream_id = 1001
[shm]
base_dir = "{base}"
namespace = "interop"
require_hugepages = false
permissions_mode = "660"
allowed_base_dirs = ["{base}"]
[policies]
announce_period_ms = 1000
lease_keepalive_interval_ms = 1000
lease_expiry_grace_intervals = 3
[profiles.frames]
header_nslots = 64
header_slot_bytes = 256
payload_pools = [{{ pool_id = 1, stride_bytes = 4096 }}, {{ pool_id = 2, stride_bytes = 1048576 }}]
[streams.frames]
stream_id = {STREAM}
profile = "frames"
"#,
        aeron = aeron.display(),
        base = base.display(),
    )
}
