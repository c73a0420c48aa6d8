//! A whole client at work: a conductor that is driven by this thread, a producer and a consumer, beside a real driver.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

use core::task::Poll;
use core::time::Duration;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;
use tp_core_nostd::ids::StreamId;
use tp_core_nostd::shm::TensorHeader;
use tp_core_nostd::wire::enums::{Dtype, MajorOrder};
use tp_std::aeron::{MediaDriver, MediaDriverConfig};
use tp_std::{
    Client, CommitMeta, Conductor, Consumer, ConsumerConfig, Context, Error, Frame, Pending,
    Producer, ProducerConfig,
};

use crate::counter::allocations;

/// How often everything that is repeated is repeated.
pub(crate) const PERIOD: Duration = Duration::from_millis(50);
/// What takes longer hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const LEN: usize = 4096;

/// A media driver and a driver; all of it goes when dropped.
pub(crate) struct Host {
    driver: Child,
    media: MediaDriver,
    root: TempDir,
}

impl Host {
    pub(crate) fn start() -> Self {
        let root = tempfile::tempdir_in("/dev/shm").unwrap();
        let media = MediaDriver::start(MediaDriverConfig::new(root.path().join("aeron"))).unwrap();
        let base = root.path().join("shm");
        fs::create_dir(&base).unwrap();
        let config = root.path().join("driver.toml");
        let toml = format!(
            r#"
            [driver]
            aeron_dir = "{}"
            announce_stream_id = 1001
            [shm]
            base_dir = "{}"
            [policies]
            announce_period_ms = {period}
            lease_keepalive_interval_ms = {period}
            lease_expiry_grace_intervals = 100
            [profiles.small]
            header_nslots = 64
            payload_pools = [{{ pool_id = 1, stride_bytes = {LEN} }}]
            [streams.camera]
            stream_id = 10000
            profile = "small"
            [streams.other_camera]
            stream_id = 10001
            profile = "small"
            [streams.both]
            stream_id = 10002
            profile = "small"
            "#,
            media.dir().display(),
            base.display(),
            period = PERIOD.as_millis(),
        );
        fs::write(&config, toml).unwrap();
        let program = std::env::current_exe().unwrap();
        let program = program.ancestors().nth(2).unwrap().join("tp_driver");
        let driver = Command::new(program)
            .arg("-c")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("cargo build --release --workspace --bins");
        Self {
            driver,
            media,
            root,
        }
    }

    pub(crate) fn context(&self) -> Context {
        Context::new()
            .with_aeron_dir(self.media.dir())
            .unwrap()
            .allow_dir(self.root.path())
            .with_announce_period(PERIOD)
            .with_keepalive_interval(PERIOD)
            .with_lease_expiry_grace_intervals(100)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Asks until the driver is there and grants it.
pub(crate) fn wait<T>(conductor: &mut Conductor, ask: impl Fn() -> Result<Pending<T>, Error>) -> T {
    let started = Instant::now();
    let mut pending = ask().unwrap();
    loop {
        assert!(started.elapsed() < PATIENCE, "no role");
        conductor.do_work().unwrap();
        match pending.poll() {
            Poll::Ready(Ok(role)) => return role,
            Poll::Ready(Err(_)) => pending = ask().unwrap(),
            Poll::Pending => std::thread::yield_now(),
        }
    }
}

/// The roles, and what they do again and again.
struct Crew {
    conductor: Conductor,
    producer: Producer,
    consumer: Consumer,
    tensor: TensorHeader,
    payload: Vec<u8>,
    read: u64,
}

impl Crew {
    fn turn(&mut self) {
        self.conductor.do_work().unwrap();
        let frame = Frame::new(self.tensor, &self.payload);
        self.producer.offer(&frame).unwrap();
        let claim = self.producer.try_claim(LEN as u32).unwrap();
        self.producer
            .commit(claim, &self.tensor, CommitMeta::default())
            .unwrap();
        let claim = self.producer.try_claim(8).unwrap();
        self.producer.abort(claim);
        drop(self.producer.try_claim(8).unwrap());
        let (payload, read) = (&mut self.payload, &mut self.read);
        let polled = self.consumer.poll(10, |_, reader| {
            let frame = reader.read().unwrap();
            frame.copy_to(payload).unwrap();
            *read += 1;
        });
        polled.unwrap();
    }

    /// Long enough for each repetition to come several times.
    fn work(&mut self, turns: u64) {
        let started = Instant::now();
        let mut done = 0;
        while done < turns || started.elapsed() < PERIOD * 20 {
            self.turn();
            done += 1;
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

// req: C-162, C-202
#[test]
fn a_client_at_work_allocates_nothing() {
    let host = Host::start();
    let (client, mut conductor) = Client::invoker(host.context()).unwrap();
    let stream = StreamId::new(10_000).unwrap();
    let producer = wait(&mut conductor, || {
        client.producer(ProducerConfig::new(stream))
    });
    let consumer = wait(&mut conductor, || {
        client.consumer(ConsumerConfig::new(stream))
    });
    let dims = [i32::try_from(LEN).unwrap()];
    let mut crew = Crew {
        conductor,
        producer,
        consumer,
        tensor: TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &dims).unwrap(),
        payload: vec![7; LEN],
        read: 0,
    };
    crew.work(500);
    let before = crew.read;
    let (count, ()) = allocations(|| crew.work(500));
    assert!(crew.read - before > 900, "{} frames", crew.read - before);
    assert_eq!(count, 0);
}
