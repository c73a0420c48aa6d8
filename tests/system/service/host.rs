//! A host to run drivers on: a media driver, a base directory, and a configuration.

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tp_core_nostd::ids::StreamId;
use tp_core_nostd::wire::driver::RefusalCode;
use tp_std::aeron::{MediaDriver, MediaDriverConfig};
use tp_std::{Client, Context, Error, ProducerConfig};

/// What takes longer hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn stream() -> StreamId {
    StreamId::new(10_000).unwrap()
}

/// A media driver, a base directory, and a configuration that puts one stream there.
pub(crate) struct Host {
    media: MediaDriver,
    root: TempDir,
    pub(crate) files: TempDir,
}

impl Host {
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new()
            .prefix("tp-service-")
            .tempdir_in("/dev/shm")
            .unwrap();
        let media = MediaDriver::start(MediaDriverConfig::new(root.path().join("aeron"))).unwrap();
        let host = Self {
            media,
            root,
            files: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(host.base()).unwrap();
        fs::write(host.config(), host.toml()).unwrap();
        host
    }

    pub(crate) fn base(&self) -> PathBuf {
        self.root.path().join("shm")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.files.path().join("driver.toml")
    }

    pub(crate) fn toml(&self) -> String {
        format!(
            r#"
            [driver]
            aeron_dir = "{}"
            announce_stream_id = 1001
            [shm]
            base_dir = "{}"
            user = "test"
            [policies]
            announce_period_ms = 200
            lease_keepalive_interval_ms = 500
            cleanup_shm_on_exit = true
            shutdown_timeout_ms = 0
            [profiles.small]
            header_nslots = 8
            [[profiles.small.payload_pools]]
            pool_id = 1
            stride_bytes = 65536
            [streams.camera]
            stream_id = 10000
            profile = "small"
            "#,
            self.media.dir().display(),
            self.base().display()
        )
    }

    /// A `tp_driver` with these environment variables over the configuration, through `wrapper` if there is one.
    pub(crate) fn command(&self, wrapper: &[&str], environment: &[(&str, &str)]) -> Command {
        let program = std::env::current_exe().unwrap();
        let program = program.ancestors().nth(2).unwrap().join("tp_driver");
        let mut command = match wrapper {
            [] => Command::new(program),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        };
        command.arg("-c").arg(self.config()).stdin(Stdio::null());
        command.envs(environment.iter().copied());
        command
    }

    /// Starts a driver and waits until it says that it is ready.
    pub(crate) fn start(&self, environment: &[(&str, &str)]) -> Service {
        self.start_through(&[], environment)
    }

    pub(crate) fn start_through(&self, wrapper: &[&str], environment: &[(&str, &str)]) -> Service {
        let log = self.files.path().join("driver.log");
        let out = self.files.path().join("driver.out");
        let child = self
            .command(wrapper, environment)
            .stdout(fs::File::create(&out).unwrap())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .expect("cargo build --release --workspace --bins");
        let mut service = Service { child, log };
        wait_until("readiness", || {
            assert!(service.child.try_wait().unwrap().is_none(), "{service:?}");
            fs::read_to_string(&out).unwrap().contains(" ready on ")
        });
        service
    }

    /// What a driver says that must not start.
    pub(crate) fn refused(&self, environment: &[(&str, &str)]) -> String {
        let Output { status, stderr, .. } = self.command(&[], environment).output().unwrap();
        let said = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(1), "{said}");
        said
    }

    /// A client that may map regions below `base`.
    pub(crate) fn client(&self, base: &Path) -> (Client, tp_std::ConductorThread) {
        let context = Context::new()
            .with_aeron_dir(self.media.dir())
            .unwrap()
            .allow_dir(base)
            .with_announce_period(Duration::from_millis(200))
            .with_keepalive_interval(Duration::from_millis(500));
        Client::start(context).unwrap()
    }

    /// Why a stream of this host cannot be had.
    pub(crate) fn attach_refused(&self, base: &Path) -> (RefusalCode, String) {
        let (client, _conductor) = self.client(base);
        let pending = client.producer(ProducerConfig::new(stream())).unwrap();
        match pending.wait(PATIENCE) {
            Err(Error::Rejected { code, text }) => (code, text),
            other => panic!("{other:?}"),
        }
    }
}

/// A running driver; killed when dropped.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) child: Child,
    pub(crate) log: PathBuf,
}

impl Service {
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let mut status = None;
        wait_until("the end of the driver", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().code()
    }

    /// Ends it as systemd would.
    pub(crate) fn stop(mut self) {
        self.signal(Signal::TERM);
        assert_eq!(self.exit_code(), Some(0), "{}", self.log());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- tp_driver said ---\n{}", self.log());
        }
    }
}

/// Becomes the producer for a moment. Requests that clients sent to a killed driver reach its successor, so the lease may
/// be taken until it expires.
pub(crate) fn produce(client: &Client) {
    wait_until("the producer lease", || {
        let pending = client.producer(ProducerConfig::new(stream())).unwrap();
        match pending.wait(PATIENCE) {
            Ok(_) => true,
            Err(Error::Rejected { .. }) => false,
            Err(other) => panic!("{other}"),
        }
    });
}

#[track_caller]
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < PATIENCE, "in vain: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files_below(&path)),
            false => found.push(path),
        }
    }
    found
}
