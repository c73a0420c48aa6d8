//! The driver as a service on a real media driver and a real file system, seen by a client that speaks raw messages.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Poll;
use core::time::Duration;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use tempfile::TempDir;
use tp_core_nostd::agent::Agent;
use tp_core_nostd::ids::{ClientId, CorrelationId, StreamId};
use tp_core_nostd::proto::dispatch::{Message, classify};
use tp_core_nostd::time::Clock;
use tp_core_nostd::transport::{Publication, Subscription};
use tp_core_nostd::wire::control::ShmPoolAnnounce;
use tp_core_nostd::wire::driver::{
    HugepagesPolicy, LeaseRevokeReason, PublishMode, RefusalCode, Role, ShmAttachRequest,
    ShmAttachResponse, ShmDetachRequest, ShmDetachResponse, ShmDriverShutdown, ShmLeaseKeepalive,
    ShmLeaseRevoked, ShutdownReason,
};
use tp_linux_hugepages::{AllowedBases, LinuxMapper};
use tp_std::aeron::{
    AeronClient, AeronPublication, AeronSubscription, Channel, ClientConfig, MediaDriver,
    MediaDriverConfig, Pending,
};
use tp_std::clock::MonotonicClock;
use tp_std::driver::{AeronDriver, DriverConfig, DriverTables};

/// Far longer than anything here takes, even on a busy machine.
const GIVE_UP: Duration = Duration::from_secs(20);

/// A media driver and a place for files, removed with the value.
struct Host {
    media: MediaDriver,
    base: TempDir,
}

impl Host {
    fn new() -> Self {
        let base = tempfile::Builder::new()
            .prefix("tp-driver-")
            .tempdir_in("/dev/shm")
            .unwrap();
        let media = MediaDriver::start(MediaDriverConfig::new(base.path().join("aeron"))).unwrap();
        Self { media, base }
    }

    fn config(&self, policies: &str) -> DriverConfig {
        let text = format!(
            r#"
            [driver]
            aeron_dir = "{}"
            control_channel = "aeron:ipc?term-length=64k"
            announce_stream_id = 1001
            [shm]
            base_dir = "{}"
            user = "test"
            [policies]
            announce_period_ms = 100
            lease_keepalive_interval_ms = 300
            lease_expiry_grace_intervals = 10
            {policies}
            [profiles.small]
            header_nslots = 8
            [[profiles.small.payload_pools]]
            pool_id = 1
            stride_bytes = 4096
            [streams.camera]
            stream_id = 10000
            profile = "small"
            "#,
            self.media.dir().display(),
            self.base.path().display()
        );
        let (config, report) = DriverConfig::parse(Path::new("test"), &text, &|_| None).unwrap();
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
        config
    }

    /// Directories of the stream's epochs.
    fn epochs(&self) -> Vec<u64> {
        let dir = self.stream_dir();
        let entries = std::fs::read_dir(dir).into_iter().flatten();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut epochs: Vec<u64> = names.map(|name| name.parse().unwrap()).collect();
        epochs.sort_unstable();
        epochs
    }

    fn stream_dir(&self) -> PathBuf {
        self.base.path().join("tensorpool-test/default/10000")
    }

    /// Runs a driver while `test` runs, then stops it as a signal would.
    fn with_driver(&self, policies: &str, test: impl FnOnce(&mut Client)) {
        let config = self.config(policies);
        let stop = AtomicBool::new(false);
        let (ready, is_ready) = mpsc::channel();
        thread::scope(|scope| {
            let serving = scope.spawn(|| serve(&config, &stop, ready));
            let outcome = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
                // A driver that listens hears no request yet.
                is_ready.recv_timeout(GIVE_UP).unwrap();
                let mut client = Client::new(self.media.dir());
                test(&mut client);
                stop.store(true, Ordering::Relaxed);
                client
            }));
            stop.store(true, Ordering::Relaxed);
            serving.join().unwrap();
            match outcome {
                // The last word of a driver (D-150).
                Ok(mut client) => assert_eq!(client.shutdown().reason, ShutdownReason::Normal),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        });
    }
}

fn serve(config: &DriverConfig, stop: &AtomicBool, ready: mpsc::Sender<()>) {
    let mut tables = DriverTables::new(config).unwrap();
    let mut driver = AeronDriver::connect(&mut tables).unwrap();
    ready.send(()).unwrap();
    let mut stopping = false;
    while !driver.is_stopped() {
        if stop.load(Ordering::Relaxed) && !stopping {
            stopping = true;
            driver.stop(ShutdownReason::Normal, Duration::ZERO);
        }
        if driver.do_work().unwrap() == 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }
    driver.on_close();
}

fn add<T>(aeron: &mut AeronClient, mut pending: Pending<T>) -> T {
    loop {
        aeron.do_work().unwrap();
        if let Poll::Ready(added) = pending.poll() {
            return added.unwrap();
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// A client without any machinery.
struct Client {
    requests: AeronPublication,
    control: AeronSubscription,
    announces: AeronSubscription,
    aeron: AeronClient,
}

impl Client {
    fn new(dir: &Path) -> Self {
        let mut aeron = AeronClient::connect(&ClientConfig::new(dir)).unwrap();
        let channel: Channel = "aeron:ipc?term-length=64k".parse().unwrap();
        let requests = aeron.add_publication(&channel, 1000).unwrap();
        let control = aeron.add_subscription(&channel, 1000).unwrap();
        let announces = aeron.add_subscription(&channel, 1001).unwrap();
        Self {
            requests: add(&mut aeron, requests),
            control: add(&mut aeron, control),
            announces: add(&mut aeron, announces),
            aeron,
        }
    }

    fn send(&mut self, encode: impl FnOnce(&mut [u8]) -> usize) {
        let mut buffer = [0; 64];
        let len = encode(&mut buffer);
        let given_up = Instant::now() + GIVE_UP;
        // The driver's subscription may still be on its way.
        while self.requests.offer(&buffer[..len]).is_err() {
            assert!(Instant::now() < given_up, "nobody takes requests");
            self.aeron.do_work().unwrap();
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn attach(&mut self, client: u32, role: Role) -> Granted {
        let request = ShmAttachRequest {
            correlation_id: CorrelationId(i64::from(client)),
            stream_id: StreamId::new(10_000),
            client_id: ClientId::new(client).unwrap(),
            role,
            expected_layout_version: 1,
            publish_mode: PublishMode::RequireExisting,
            require_hugepages: HugepagesPolicy::Unspecified,
            desired_node_id: None,
        };
        self.send(|buffer| request.encode(buffer).unwrap());
        self.hear("an answer to the attach", |message| match message {
            Message::ShmAttachResponse(view) => {
                let response = ShmAttachResponse::try_from(view).unwrap();
                (response.correlation_id.0 == i64::from(client)).then(|| {
                    response
                        .outcome
                        .map_err(|refusal| refusal.code)
                        .map(|grant| Lease {
                            id: grant.lease_id,
                            client: request.client_id,
                            role,
                            epoch: grant.epoch.get(),
                            expires_at: grant.lease_expires_at.unwrap(),
                            header: grant.header_region_uri.to_string(),
                        })
                })
            }
            _ => None,
        })
    }

    fn keepalive(&mut self, lease: &Lease) {
        let message = ShmLeaseKeepalive {
            lease_id: lease.id,
            stream_id: StreamId::new(10_000).unwrap(),
            client_id: lease.client,
            role: lease.role,
            client_timestamp_ns: 0,
        };
        self.send(|buffer| message.encode(buffer).unwrap());
    }

    fn detach(&mut self, lease: &Lease) {
        let message = ShmDetachRequest {
            correlation_id: CorrelationId(77),
            lease_id: lease.id,
            stream_id: StreamId::new(10_000).unwrap(),
            client_id: lease.client,
            role: lease.role,
        };
        self.send(|buffer| message.encode(buffer).unwrap());
        self.hear("an answer to the detach", |message| match message {
            Message::ShmDetachResponse(view) => {
                ShmDetachResponse::try_from(view).unwrap().outcome.unwrap();
                Some(())
            }
            _ => None,
        });
    }

    fn revocation(&mut self) -> (tp_core_nostd::ids::LeaseId, LeaseRevokeReason) {
        self.hear("a revocation", |message| match message {
            Message::ShmLeaseRevoked(view) => {
                let revoked = ShmLeaseRevoked::try_from(view).unwrap();
                Some((revoked.lease_id, revoked.reason))
            }
            _ => None,
        })
    }

    fn shutdown(&mut self) -> ShmDriverShutdown<'static> {
        self.hear("the shutdown notice", |message| match message {
            Message::ShmDriverShutdown(view) => Some(ShmDriverShutdown {
                error_message: None,
                ..ShmDriverShutdown::try_from(view).unwrap()
            }),
            _ => None,
        })
    }

    /// The next announce above `epoch`: its epoch and producer.
    fn announce_above(&mut self, epoch: u64) -> (u64, Option<ClientId>) {
        self.hear("an announce", |message| match message {
            Message::ShmPoolAnnounce(view) => {
                let announce = ShmPoolAnnounce::try_from(view).unwrap();
                (announce.epoch.get() > epoch).then(|| (announce.epoch.get(), announce.producer_id))
            }
            _ => None,
        })
    }

    /// Reads both streams until `wanted` finds something.
    fn hear<T>(&mut self, what: &str, mut wanted: impl FnMut(Message<'_>) -> Option<T>) -> T {
        let given_up = Instant::now() + GIVE_UP;
        loop {
            self.aeron.do_work().unwrap();
            for subscription in [&mut self.control, &mut self.announces] {
                let mut found = None;
                // One at a time, so that the next one is still there for the next question.
                let polled = subscription.poll(1, &mut |bytes, _| {
                    found = classify(bytes).ok().and_then(&mut wanted);
                });
                polled.unwrap();
                if let Some(found) = found {
                    return found;
                }
            }
            assert!(Instant::now() < given_up, "no {what}");
            thread::sleep(Duration::from_micros(100));
        }
    }
}

type Granted = Result<Lease, RefusalCode>;

#[derive(Clone, Debug)]
struct Lease {
    id: tp_core_nostd::ids::LeaseId,
    client: ClientId,
    role: Role,
    epoch: u64,
    expires_at: tp_core_nostd::time::Instant,
    header: String,
}

fn activity(host: &Host, lease: &Lease) -> u64 {
    use tp_core_nostd::memory::RegionMapper;
    use tp_core_nostd::shm::{Region, load_activity};
    use tp_core_nostd::uri::RegionUri;
    let mapper = LinuxMapper {
        bases: AllowedBases::new(&[host.base.path()]).unwrap(),
        ..LinuxMapper::default()
    };
    let uri = RegionUri::parse(lease.header.as_bytes()).unwrap();
    let region = mapper.map_read(&uri, 64 + 8 * 256).unwrap();
    load_activity(region.view()).unwrap()
}

#[test] // req: D-009, D-003, D-004, D-005, D-034, D-055, D-091, D-093, D-108, D-111, D-182, D-215, W-036
fn a_lease_lives_on_keepalives_and_its_end_raises_the_epoch() {
    let host = Host::new();
    host.with_driver("", |client| {
        let lease = client.attach(7, Role::Producer).unwrap();
        assert!(lease.expires_at > MonotonicClock.now());
        assert_eq!(host.epochs(), [lease.epoch]);
        let dir = host.stream_dir().join(lease.epoch.to_string());
        assert_eq!(
            lease.header,
            format!("shm:file?path={}/header.ring", dir.display())
        );
        assert!(dir.join("1.pool").exists());
        let announced = client.announce_above(0);
        assert_eq!(announced, (lease.epoch, Some(lease.client)));
        assert_eq!(
            client.attach(8, Role::Producer).unwrap_err(),
            RefusalCode::Rejected
        );

        // Longer than a lease lives without keepalives.
        let end = Instant::now() + Duration::from_secs(4);
        while Instant::now() < end {
            client.keepalive(&lease);
            thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(
            client.attach(9, Role::Producer).unwrap_err(),
            RefusalCode::Rejected
        );
        // Silence. What is announced next is a higher epoch without a producer.
        assert_eq!(client.revocation(), (lease.id, LeaseRevokeReason::Expired));
        let (epoch, producer) = client.announce_above(lease.epoch);
        assert_eq!(producer, None);

        let next = client.attach(8, Role::Producer).unwrap();
        assert!(next.epoch > epoch);
        client.detach(&next);
        assert_eq!(client.announce_above(next.epoch).1, None);
    });
}

#[test] // req: D-016, D-018
fn stamps_of_a_stream_without_producer_stay_fresh() {
    let host = Host::new();
    host.with_driver("", |client| {
        let lease = client.attach(7, Role::Consumer).unwrap();
        let first = activity(&host, &lease);
        let given_up = Instant::now() + GIVE_UP;
        while activity(&host, &lease) == first {
            assert!(Instant::now() < given_up, "the stamp does not move");
            client.keepalive(&lease);
            thread::sleep(Duration::from_millis(50));
        }
    });
}

#[test] // req: D-088, D-129, D-131, D-154, D-204
fn a_restarted_driver_raises_the_epoch_and_tells_the_old_clients() {
    let host = Host::new();
    let mut before = None;
    host.with_driver("cleanup_shm_on_exit = true", |client| {
        before = Some(client.attach(7, Role::Producer).unwrap());
    });
    let before = before.unwrap();
    // The files are gone, the number is not forgotten.
    assert_eq!(host.epochs(), [before.epoch]);
    let left = host.stream_dir().join(before.epoch.to_string());
    assert_eq!(std::fs::read_dir(left).unwrap().count(), 0);

    host.with_driver("", |client| {
        // Announced by itself, before anybody asks.
        let (epoch, producer) = client.announce_above(before.epoch);
        assert_eq!(producer, None);
        client.keepalive(&before);
        assert_eq!(client.revocation(), (before.id, LeaseRevokeReason::Revoked));
        let after = client.attach(7, Role::Producer).unwrap();
        assert!(after.epoch > epoch);
        assert_ne!(after.id, before.id);
    });
}
