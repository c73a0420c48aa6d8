//! `tp_driver` as an operator meets it: a second one, signals, systemd, log lines, and memory that is not to be had.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use core::time::Duration;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tp_core_nostd::ids::StreamId;
use tp_core_nostd::wire::driver::{PublishMode, RefusalCode};
use tp_std::aeron::{MediaDriver, MediaDriverConfig};
use tp_std::{Client, ConsumerConfig, Context, Error, ProducerConfig};

/// What takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

fn stream() -> StreamId {
    StreamId::new(10_000).unwrap()
}

/// A media driver, a base directory, and a configuration that puts one stream there.
struct Host {
    media: MediaDriver,
    root: TempDir,
    files: TempDir,
}

impl Host {
    fn new() -> Self {
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

    fn base(&self) -> PathBuf {
        self.root.path().join("shm")
    }

    fn config(&self) -> PathBuf {
        self.files.path().join("driver.toml")
    }

    fn toml(&self) -> String {
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
    fn command(&self, wrapper: &[&str], environment: &[(&str, &str)]) -> Command {
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
    fn start(&self, environment: &[(&str, &str)]) -> Service {
        self.start_through(&[], environment)
    }

    fn start_through(&self, wrapper: &[&str], environment: &[(&str, &str)]) -> Service {
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
    fn refused(&self, environment: &[(&str, &str)]) -> String {
        let Output { status, stderr, .. } = self.command(&[], environment).output().unwrap();
        let said = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(1), "{said}");
        said
    }

    /// A client that may map regions below `base`.
    fn client(&self, base: &Path) -> (Client, tp_std::ConductorThread) {
        let context = Context::new()
            .with_aeron_dir(self.media.dir())
            .unwrap()
            .allow_dir(base)
            .with_announce_period(Duration::from_millis(200))
            .with_keepalive_interval(Duration::from_millis(500));
        Client::start(context).unwrap()
    }

    /// Why a stream of this host cannot be had.
    fn attach_refused(&self, base: &Path) -> (RefusalCode, String) {
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
struct Service {
    child: Child,
    log: PathBuf,
}

impl Service {
    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn exit_code(&mut self) -> Option<i32> {
        let mut status = None;
        wait_until("the end of the driver", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().code()
    }

    /// Ends it as systemd would.
    fn stop(mut self) {
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
fn produce(client: &Client) {
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
fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < PATIENCE, "in vain: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
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

/// A file system of its own, taken away with the value; `None`, and a word why, where none may be mounted.
struct Mounted(TempDir);

impl Mounted {
    fn new(test: &str, kind: &str, options: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", kind, "-o", options, kind])
            .arg(dir.path())
            .output();
        match mount {
            Ok(output) if output.status.success() => Some(Self(dir)),
            other => {
                println!("{test}: skipped, because {kind} cannot be mounted here: {other:?}");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn text(&self) -> &str {
        self.0.path().to_str().unwrap()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

#[test] // req: D-008
fn a_second_driver_of_the_namespace_is_kept_away_by_the_lock() {
    let host = Host::new();
    let first = host.start(&[]);
    let said = host.refused(&[]);
    let lock = host.base().join("tensorpool-test/default/driver.lock");
    let sentence = format!(
        "tp_driver: stream 10000 belongs to another driver, process {}: {} is locked; stop that driver first",
        first.child.id(),
        lock.display()
    );
    assert!(said.contains(&sentence), "{said}");
    // Nobody noticed.
    let (client, _conductor) = host.client(&host.base());
    let producer = client.producer(ProducerConfig::new(stream())).unwrap();
    assert!(producer.wait(PATIENCE).is_ok());

    // A killed driver holds no lock.
    first.signal(Signal::KILL);
    let mut first = first;
    assert_eq!(first.exit_code(), None);
    host.start(&[]).stop();
}

#[test] // req: D-008, D-183
fn a_second_driver_in_another_namespace_is_kept_away_by_the_announces_of_the_first() {
    let host = Host::new();
    let first = host.start(&[]);
    let (client, _conductor) = host.client(&host.base());
    let pending = client.producer(ProducerConfig::new(stream())).unwrap();
    let mut producer = pending.wait(PATIENCE).unwrap();
    let epoch = producer.epoch().unwrap();

    let said = host.refused(&[("SHM_NAMESPACE", "other")]);
    let sentence = format!("stream 10000 is announced by another driver (epoch {epoch}, producer ");
    assert!(said.contains(&sentence), "{said}");
    assert!(said.contains("stop that driver first"), "{said}");
    // It said no goodbye in the name of the first one, made no files, and left no lock.
    let consumer = client.consumer(ConsumerConfig::new(stream())).unwrap();
    consumer.wait(PATIENCE).unwrap();
    assert_eq!(producer.epoch(), Some(epoch));
    assert!(files_below(&host.base().join("tensorpool-test/other")).is_empty());

    // Where it has streams of its own it may live beside the first.
    let elsewhere = [
        ("SHM_NAMESPACE", "other"),
        ("DRIVER_CONTROL_STREAM_ID", "2000"),
        ("DRIVER_ANNOUNCE_STREAM_ID", "2001"),
    ];
    let out = host.files.path().join("second.out");
    let second = host
        .command(&[], &elsewhere)
        .stdout(fs::File::create(&out).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let second = Service {
        child: second,
        log: out.clone(),
    };
    wait_until("the second driver", || second.log().contains(" ready on "));
    second.stop();
    drop(producer);
    first.stop();
}

#[test] // req: D-150, D-153, D-065
fn a_signal_drains_and_a_second_one_ends_at_once() {
    let host = Host::new();
    let mut driver = host.start(&[("POLICIES_SHUTDOWN_TIMEOUT_MS", "3600000")]);
    let (client, _conductor) = host.client(&host.base());
    let pending = client.producer(ProducerConfig::new(stream())).unwrap();
    let mut producer = pending.wait(PATIENCE).unwrap();
    let epoch = producer.epoch();
    driver.signal(Signal::TERM);
    wait_until("draining", || driver.log().contains("stopping"));
    let refused = client.consumer(ConsumerConfig::new(stream())).unwrap();
    match refused.wait(PATIENCE) {
        Err(Error::Rejected { code, text }) => {
            assert_eq!(
                (code, text.as_str()),
                (RefusalCode::Rejected, "driver draining")
            );
        }
        other => panic!("{other:?}"),
    }
    // Longer than a lease lives without keepalives that are heard.
    thread::sleep(Duration::from_secs(2));
    assert_eq!(producer.epoch(), epoch);
    driver.signal(Signal::TERM);
    assert_eq!(driver.exit_code(), Some(1));
}

#[test] // req: D-150, D-204
fn a_stopped_driver_leaves_nothing_in_shared_memory_but_the_record_of_its_epoch() {
    let host = Host::new();
    // What a killed one left goes too.
    for _ in 0..2 {
        let driver = host.start(&[]);
        let (client, _conductor) = host.client(&host.base());
        produce(&client);
        driver.signal(Signal::KILL);
    }
    assert!(!files_below(&host.base()).is_empty());
    let driver = host.start(&[]);
    let (client, _conductor) = host.client(&host.base());
    produce(&client);
    driver.stop();
    assert_eq!(files_below(&host.base()), Vec::<PathBuf>::new());
    let epochs = fs::read_dir(host.base().join("tensorpool-test/default/10000")).unwrap();
    assert_eq!(epochs.count(), 1);
}

#[test] // req: D-197, D-199, D-200, D-202
fn old_epochs_are_collected_while_the_driver_runs_and_when_it_starts() {
    let host = Host::new();
    let stream_dir = host.base().join("tensorpool-test/default/10000");
    let epochs = || fs::read_dir(&stream_dir).unwrap().count();
    let (client, _conductor) = host.client(&host.base());
    let without = [
        ("POLICIES_EPOCH_GC_ENABLED", "false"),
        ("POLICIES_CLEANUP_SHM_ON_EXIT", "false"),
    ];
    let driver = host.start(&without);
    for _ in 0..4 {
        produce(&client);
    }
    // Two for each change of producer.
    assert!(epochs() >= 7, "{}", epochs());
    driver.signal(Signal::KILL);
    drop(driver);

    let with = [
        ("POLICIES_EPOCH_GC_ON_STARTUP", "true"),
        ("POLICIES_EPOCH_GC_KEEP", "2"),
        ("POLICIES_EPOCH_GC_MIN_AGE_NS", "1"),
    ];
    let driver = host.start(&with);
    wait_until("the collection at the start", || epochs() == 2);
    for _ in 0..4 {
        produce(&client);
    }
    wait_until("the collection after the last change", || epochs() == 2);
    assert!(driver.log().contains("old epochs removed"));
    driver.stop();
}

#[test] // req: D-201
fn space_that_a_dead_driver_holds_is_taken_back_when_it_runs_out() {
    let test = "space_that_a_dead_driver_holds_is_taken_back_when_it_runs_out";
    // Two epochs fit, a third does not.
    let Some(small) = Mounted::new(test, "tmpfs", "size=1300k") else {
        return;
    };
    let host = Host::new();
    let there = ("SHM_BASE_DIR", small.text());
    let (client, _conductor) = host.client(small.path());
    let driver = host.start(&[there, ("POLICIES_EPOCH_GC_ENABLED", "false")]);
    produce(&client);
    let (code, text) = host.attach_refused(small.path());
    assert_eq!(code, RefusalCode::InternalError, "{text}");
    driver.signal(Signal::KILL);
    drop(driver);

    let driver = host.start(&[
        there,
        ("POLICIES_EPOCH_GC_KEEP", "1"),
        ("POLICIES_EPOCH_GC_MIN_AGE_NS", "1"),
    ]);
    produce(&client);
    assert!(
        driver.log().contains("old epochs removed"),
        "{}",
        driver.log()
    );
    driver.stop();
}

#[test] // req: D-202
fn streams_of_a_dead_driver_that_nobody_comes_back_for_are_collected() {
    let host = Host::new();
    let dynamic = [
        ("POLICIES_ALLOW_DYNAMIC_STREAMS", "true"),
        ("DRIVER_STREAM_ID_RANGE", "20000-20009"),
        ("POLICIES_EPOCH_GC_ON_STARTUP", "true"),
        ("POLICIES_EPOCH_GC_MIN_AGE_NS", "1000000000"),
    ];
    let driver = host.start(&dynamic);
    let (client, conductor) = host.client(&host.base());
    let config = ProducerConfig::new(StreamId::new(20_005).unwrap());
    let config = config.with_publish_mode(PublishMode::ExistingOrCreate);
    let producer = client.producer(config).unwrap().wait(PATIENCE).unwrap();
    let dir = host.base().join("tensorpool-test/default/20005");
    assert!(!files_below(&dir).is_empty());
    driver.signal(Signal::KILL);
    drop(driver);
    drop(producer);
    conductor.close().unwrap();

    let driver = host.start(&dynamic);
    wait_until("the collection of what is left", || {
        files_below(&dir).is_empty()
    });
    assert_eq!(
        fs::read_dir(&dir).unwrap().count(),
        1,
        "the record of the last epoch (D-204)"
    );
    driver.stop();
}

#[test] // req: D-156, D-157, D-166, D-167, D-168, D-179
fn streams_that_clients_bring_into_being_have_files_like_any_other() {
    let host = Host::new();
    let driver = host.start(&[
        ("POLICIES_ALLOW_DYNAMIC_STREAMS", "true"),
        ("DRIVER_STREAM_ID_RANGE", "20000-20009"),
    ]);
    let (client, _conductor) = host.client(&host.base());
    let on = |id| {
        let config = ProducerConfig::new(StreamId::new(id).unwrap());
        let config = config.with_publish_mode(PublishMode::ExistingOrCreate);
        client.producer(config).unwrap().wait(PATIENCE)
    };
    let mut producer = on(20_005).unwrap();
    let epoch = producer.epoch().unwrap();
    let dir = host
        .base()
        .join("tensorpool-test/default/20005")
        .join(epoch.to_string());
    assert_eq!(files_below(&dir).len(), 2);
    match on(30_000) {
        Err(Error::Rejected { code, text }) => {
            assert_eq!(code, RefusalCode::InvalidParams);
            assert_eq!(text, "stream_id is outside of the dynamic range");
        }
        other => panic!("{other:?}"),
    }
    // The whole range is this driver's, also where nothing uses it yet.
    let said = host.refused(&[
        ("POLICIES_ALLOW_DYNAMIC_STREAMS", "true"),
        ("DRIVER_STREAM_ID_RANGE", "20009-20100"),
    ]);
    assert!(said.contains("belongs to another driver"), "{said}");
    drop(producer);
    driver.stop();
    assert_eq!(files_below(&host.base()), Vec::<PathBuf>::new());
}

#[test]
fn systemd_hears_when_the_driver_is_ready_alive_and_stopping() {
    let host = Host::new();
    let path = host.files.path().join("notify");
    let systemd = UnixDatagram::bind(&path).unwrap();
    systemd.set_read_timeout(Some(PATIENCE)).unwrap();
    let driver = host.start(&[
        ("NOTIFY_SOCKET", path.to_str().unwrap()),
        ("WATCHDOG_USEC", "20000"),
    ]);
    let hear = || {
        let mut buffer = [0; 1024];
        let len = systemd.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..len].to_vec()).unwrap()
    };
    let ready = hear();
    assert!(
        ready.starts_with("READY=1\nSTATUS=driver driver-01 ready on "),
        "{ready}"
    );
    for _ in 0..5 {
        assert_eq!(hear(), "WATCHDOG=1");
    }
    driver.stop();
    let stopping = core::iter::repeat_with(hear).find(|said| said != "WATCHDOG=1");
    assert!(stopping.unwrap().starts_with("STOPPING=1"));
}

#[test] // req: C-173
fn log_lines_are_what_was_asked_for() {
    let host = Host::new();
    let attach = || {
        let (client, _conductor) = host.client(&host.base());
        let pending = client.producer(ProducerConfig::new(stream())).unwrap();
        pending.wait(PATIENCE).unwrap();
    };
    let driver = host.start(&[("TP_LOG_FORMAT", "json"), ("TP_LOG_LEVEL", "debug")]);
    attach();
    driver.signal(Signal::TERM);
    let mut driver = driver;
    driver.exit_code();
    let lines: Vec<serde_json::Value> = driver
        .log()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let attached = lines.iter().find(|line| line["msg"] == "attached").unwrap();
    assert_eq!(
        (&attached["stream"], &attached["level"]),
        (&"10000".into(), &"info".into())
    );
    drop(driver);

    let driver = host.start(&[
        ("TP_LOG_FORMAT", "logfmt"),
        ("TP_LOG_LEVEL", "error,tp_std::driver::agent=info"),
    ]);
    attach();
    wait_until("a line", || driver.log().contains("msg=attached "));
    assert!(
        driver
            .log()
            .lines()
            .all(|line| line.contains(" target=tp_std::driver::agent ")),
        "{}",
        driver.log()
    );
}

#[test] // req: D-189
fn memory_that_cannot_be_locked_is_a_refusal_with_its_reason() {
    let test = "memory_that_cannot_be_locked_is_a_refusal_with_its_reason";
    // Without the capability the limit counts, also for root.
    let without = [
        "setpriv",
        "--bounding-set=-ipc_lock",
        "--inh-caps=-ipc_lock",
        "prlimit",
        "--memlock=65536",
    ];
    let probe = Command::new(without[0])
        .args(&without[1..])
        .arg("true")
        .output();
    if !probe.is_ok_and(|output| output.status.success()) {
        println!("{test}: skipped, because capabilities and limits cannot be changed here");
        return;
    }
    let host = Host::new();
    let driver = host.start_through(&without, &[("POLICIES_MLOCK_SHM", "true")]);
    let (code, text) = host.attach_refused(&host.base());
    assert_eq!(code, RefusalCode::InternalError);
    assert_eq!(text, "the regions could not be locked into memory");
    assert!(
        driver.log().contains("files not created"),
        "{}",
        driver.log()
    );
    // Nothing of it is left, and nothing is announced.
    let stream_dir = host.base().join("tensorpool-test/default/10000");
    assert!(files_below(&stream_dir).is_empty());
    driver.stop();
}

#[test] // req: D-201
fn a_full_file_system_is_a_refusal_with_its_reason_and_heals() {
    let test = "a_full_file_system_is_a_refusal_with_its_reason_and_heals";
    let Some(small) = Mounted::new(test, "tmpfs", "size=1m") else {
        return;
    };
    let host = Host::new();
    let driver = host.start(&[("SHM_BASE_DIR", small.text())]);
    let ballast = small.path().join("ballast");
    fs::write(&ballast, vec![1; 700 << 10]).unwrap();
    let (code, text) = host.attach_refused(small.path());
    assert_eq!(code, RefusalCode::InternalError);
    assert!(
        text.starts_with("no space: 526464 bytes needed, "),
        "{text}"
    );
    assert!(driver.log().contains("no room for "), "{}", driver.log());

    fs::remove_file(ballast).unwrap();
    let (client, _conductor) = host.client(small.path());
    let pending = client.producer(ProducerConfig::new(stream())).unwrap();
    pending.wait(PATIENCE).unwrap();
    driver.stop();
}

#[test] // req: D-193, D-201
fn huge_pages_that_are_not_there_are_a_refusal_with_its_reason() {
    let host = Host::new();
    let said = host.refused(&[("SHM_REQUIRE_HUGEPAGES", "true")]);
    assert!(said.contains("shm.require_hugepages: "), "{said}");
    assert!(said.contains("is no hugetlbfs; mount one"), "{said}");

    let test = "huge_pages_that_are_not_there_are_a_refusal_with_its_reason";
    // One page, and the ring alone would take it.
    let Some(huge) = Mounted::new(test, "hugetlbfs", "size=2M") else {
        return;
    };
    let said = host.refused(&[("SHM_BASE_DIR", huge.text())]);
    assert!(said.contains("set shm.require_hugepages = true"), "{said}");
    let there = [
        ("SHM_BASE_DIR", huge.text()),
        ("SHM_REQUIRE_HUGEPAGES", "true"),
    ];
    let wrong = [there[0], there[1], ("SHM_PAGE_SIZE_BYTES", "1073741824")];
    let said = host.refused(&wrong);
    assert!(
        said.contains("1073741824 expected, the huge pages there have "),
        "{said}"
    );

    let driver = host.start(&there);
    let (code, text) = host.attach_refused(huge.path());
    assert_eq!(code, RefusalCode::InternalError);
    assert!(text.starts_with("no space: "), "{text}");
    driver.stop();
}

#[test] // req: D-060, D-112
fn a_read_only_base_directory_is_a_refusal_with_its_reason() {
    let test = "a_read_only_base_directory_is_a_refusal_with_its_reason";
    let Some(base) = Mounted::new(test, "tmpfs", "size=4m") else {
        return;
    };
    let remount = |how: &str| {
        let options = format!("remount,{how}");
        let mut mount = Command::new("mount");
        let mount = mount.args(["-o", &options]).arg(base.path());
        assert!(mount.status().unwrap().success());
    };
    let host = Host::new();
    let there = [("SHM_BASE_DIR", base.text())];
    remount("ro");
    let said = host.refused(&there);
    assert!(
        said.contains("tp_driver: shm.base_dir: cannot make directory "),
        "{said}"
    );
    assert!(said.contains("Read-only file system"), "{said}");

    remount("rw");
    let driver = host.start(&there);
    // A file system with an open lock file does not become read-only; its directory does.
    let namespace = base.path().join("tensorpool-test/default");
    let frozen = Command::new("chattr").arg("+i").arg(&namespace).output();
    if !frozen.is_ok_and(|output| output.status.success()) {
        println!("{test}: the second half skipped, because directories cannot be made immutable");
        return;
    }
    let (code, text) = host.attach_refused(base.path());
    assert_eq!(code, RefusalCode::InternalError);
    assert_eq!(text, "the driver may not create the regions");
    drop(driver);
}
