//! Deterministic simulation: the real driver engine and the real client machines on a fake medium with a fake clock.
//!
//! Time jumps from one deadline to the next; every run follows from its seed, which is printed when an invariant breaks.
//! `SEED=7 cargo test -p tp-tests --test sim` replays one run.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on says so by panicking"
)]
#![allow(missing_docs, reason = "a test")]

mod client;
mod driver;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use client::ClientActor;
use driver::{Disk, DriverActor};
use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::driver::LeasePhase;
use tp_core_nostd::time::{Clock, Instant};
use tp_core_nostd::wire::driver::Role;
use tp_tests::fake_transport::{FakeNet, Faults, Owner};

const CONTROL: i32 = 1000;
const ANNOUNCE: i32 = 1001;
const CAMERA: StreamId = StreamId::new(10_000).unwrap();
const LIDAR: StreamId = StreamId::new(10_001).unwrap();
const STREAMS: [StreamId; 2] = [CAMERA, LIDAR];
/// How long images of a killed process stay (Aeron's client liveness timeout).
const LINGER: Duration = Duration::from_secs(10);
/// No step is longer, so that invariants are looked at often.
const LONGEST_STEP: Duration = Duration::from_millis(100);

/// Several processes, one medium, one disk.
struct Sim {
    net: FakeNet,
    seed: u64,
    next_owner: u32,
    disk: Disk,
    driver: Option<DriverActor>,
    clients: Vec<ClientActor>,
    announced: BTreeMap<StreamId, Epoch>,
    written: BTreeSet<(StreamId, Epoch)>,
}

impl Sim {
    /// A driver and nobody else, at 1000 s of the monotonic clock.
    fn new(seed: u64) -> Self {
        let net = FakeNet::new(seed);
        net.advance(Duration::from_secs(1_000));
        let mut sim = Self {
            net,
            seed,
            next_owner: 0,
            disk: Disk::default(),
            driver: None,
            clients: Vec::new(),
            announced: BTreeMap::new(),
            written: BTreeSet::new(),
        };
        sim.start_driver();
        sim
    }

    fn owner(&mut self) -> Owner {
        self.next_owner += 1;
        Owner(self.next_owner)
    }

    fn start_driver(&mut self) {
        let owner = self.owner();
        let seed = self.seed.wrapping_mul(31).wrapping_add(u64::from(owner.0));
        self.driver = Some(DriverActor::start(
            &self.net,
            owner,
            self.disk.clone(),
            seed,
        ));
    }

    fn kill_driver(&mut self) {
        if let Some(driver) = self.driver.take() {
            self.net.kill(driver.owner, LINGER);
        }
    }

    fn attach(&mut self, stream: StreamId, role: Role) -> Owner {
        let owner = self.owner();
        let seed = self.seed.wrapping_mul(17).wrapping_add(u64::from(owner.0));
        self.clients
            .push(ClientActor::start(&self.net, owner, stream, role, seed));
        owner
    }

    fn kill(&mut self, owner: Owner) {
        self.clients.retain(|client| client.owner != owner);
        self.net.kill(owner, LINGER);
    }

    fn client(&self, owner: Owner) -> &ClientActor {
        self.clients
            .iter()
            .find(|client| client.owner == owner)
            .unwrap()
    }

    fn epoch(&self, stream: StreamId) -> Option<Epoch> {
        self.driver
            .as_ref()
            .and_then(|driver| driver.engine.epoch(stream))
    }

    fn now(&self) -> Instant {
        self.net.clock().now()
    }

    fn run_for(&mut self, span: Duration) {
        let end = self.now().after(span);
        while self.now() < end {
            let deadlines = self.clients.iter().map(ClientActor::poll_timeout);
            let driver = self.driver.as_ref().map(DriverActor::poll_timeout);
            let next = deadlines
                .chain(driver)
                .chain(self.net.next_arrival())
                .min()
                .unwrap_or(end);
            // At least a microsecond, so that a deadline nobody clears cannot hold time still.
            let step = next
                .since(self.now())
                .clamp(Duration::from_micros(1), LONGEST_STEP);
            self.net.advance(step);
            self.step();
        }
    }

    fn step(&mut self) {
        let now = self.now();
        if let Some(driver) = &mut self.driver {
            driver.step(now);
        }
        for client in &mut self.clients {
            client.step(now);
        }
        self.check();
    }

    /// What holds after every step, whatever the medium does.
    fn check(&mut self) {
        let seed = self.seed;
        let Some(driver) = &mut self.driver else {
            return;
        };
        for (stream, epoch) in driver.granted.drain(..) {
            assert!(
                self.written.insert((stream, epoch)),
                "two producers in one epoch of {stream} (SEED={seed})"
            );
        }
        for status in driver.engine.streams() {
            let Some(epoch) = status.epoch else { continue };
            let last = self.announced.insert(status.stream, epoch);
            assert!(
                last.is_none_or(|last| epoch >= last),
                "the epoch of {} fell (SEED={seed})",
                status.stream
            );
        }
        let mut producers = BTreeMap::new();
        for lease in driver
            .engine
            .leases()
            .filter(|lease| lease.phase == LeasePhase::Active && lease.role == Role::Producer)
        {
            let other = producers.insert(lease.stream, lease.lease);
            assert!(
                other.is_none(),
                "two producer leases of {} (SEED={seed})",
                lease.stream
            );
        }
    }

    /// Everybody has what they want, and consumers are where the stream is.
    fn assert_settled(&self) {
        let seed = self.seed;
        for client in &self.clients {
            assert!(
                client.is_attached(),
                "{:?} of {} is not attached (SEED={seed})",
                client.role,
                client.stream
            );
            assert_eq!(
                client.epoch(),
                self.epoch(client.stream),
                "{:?} of {} (SEED={seed})",
                client.role,
                client.stream
            );
        }
    }
}

/// The seed to replay, or many.
fn seeds() -> Vec<u64> {
    match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().expect("SEED is a number")],
        Err(_) => (1..=20).collect(),
    }
}

fn bad_weather() -> Faults {
    Faults {
        loss_pct: 20,
        delay_ms: 0..=50,
        duplicate_pct: 5,
    }
}

/// One producer and two consumers of the camera, one consumer of the lidar.
fn crew(sim: &mut Sim) -> (Owner, [Owner; 3]) {
    let consumers = [CAMERA, CAMERA, LIDAR].map(|stream| sim.attach(stream, Role::Consumer));
    (sim.attach(CAMERA, Role::Producer), consumers)
}

#[test] // req: D-034, D-048, D-140, C-010
fn everybody_attaches_on_a_calm_day() {
    let mut sim = Sim::new(1);
    crew(&mut sim);
    sim.run_for(Duration::from_secs(2));
    sim.assert_settled();
}

#[test] // req: D-055, D-059, D-066, D-124, D-131, C-033, C-046
fn loss_delay_and_duplication_do_no_harm_and_pass() {
    for seed in seeds() {
        let mut sim = Sim::new(seed);
        sim.net.set_faults(bad_weather());
        crew(&mut sim);
        sim.run_for(Duration::from_secs(60));
        sim.net.heal();
        sim.run_for(Duration::from_secs(20));
        sim.assert_settled();
    }
}

#[test] // req: D-093, D-111, D-115, D-125, D-132, C-043
fn a_dead_producer_makes_room_for_the_next_in_a_higher_epoch() {
    for seed in seeds() {
        let mut sim = Sim::new(seed);
        let (producer, consumers) = crew(&mut sim);
        sim.run_for(Duration::from_secs(5));
        let before = sim.epoch(CAMERA).unwrap();
        let lidar = sim.client(consumers[2]).epoch();
        sim.kill(producer);
        sim.run_for(Duration::from_secs(5));
        let between = sim.epoch(CAMERA).unwrap();
        assert!(between > before, "expiry raises the epoch (SEED={seed})");
        sim.assert_settled();
        sim.attach(CAMERA, Role::Producer);
        sim.run_for(Duration::from_secs(2));
        assert!(
            sim.epoch(CAMERA).unwrap() > between,
            "attach raises it again (SEED={seed})"
        );
        sim.assert_settled();
        assert_eq!(
            sim.client(consumers[2]).epoch(),
            lidar,
            "another stream does not notice (SEED={seed})"
        );
    }
}

#[test] // req: D-129, D-131, D-141, D-152, D-154, D-155
fn a_restarted_driver_raises_every_epoch_and_everybody_comes_back() {
    for seed in seeds() {
        let mut sim = Sim::new(seed);
        crew(&mut sim);
        sim.run_for(Duration::from_secs(5));
        let before = STREAMS.map(|stream| sim.epoch(stream).unwrap());
        sim.kill_driver();
        sim.run_for(Duration::from_secs(1 + seed % 15));
        sim.start_driver();
        sim.run_for(Duration::from_secs(25));
        for (stream, before) in STREAMS.into_iter().zip(before) {
            assert!(
                sim.epoch(stream).unwrap() > before,
                "{stream} (SEED={seed})"
            );
        }
        sim.assert_settled();
    }
}

#[test] // req: D-094, D-099, C-039, C-041
fn a_producer_cut_off_from_the_driver_stops_by_itself() {
    for seed in seeds() {
        let mut sim = Sim::new(seed);
        let (producer, _) = crew(&mut sim);
        sim.run_for(Duration::from_secs(5));
        let driver = sim.driver.as_ref().unwrap().owner;
        sim.net.cut(producer, driver);
        sim.run_for(Duration::from_secs(4));
        assert_eq!(
            sim.client(producer).epoch(),
            None,
            "still writes (SEED={seed})"
        );
        sim.run_for(Duration::from_secs(6));
        sim.net.heal();
        sim.run_for(Duration::from_secs(15));
        sim.assert_settled();
    }
}

#[test] // req: D-055, D-128
fn a_second_producer_waits_until_the_first_is_gone() {
    for seed in seeds() {
        let mut sim = Sim::new(seed);
        let (first, _) = crew(&mut sim);
        sim.run_for(Duration::from_secs(2));
        let second = sim.attach(CAMERA, Role::Producer);
        sim.run_for(Duration::from_secs(10));
        assert!(
            !sim.client(second).is_attached(),
            "two producers (SEED={seed})"
        );
        sim.kill(first);
        sim.run_for(Duration::from_secs(10));
        sim.assert_settled();
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let mut sim = Sim::new(11);
        sim.net.set_faults(bad_weather());
        crew(&mut sim);
        sim.run_for(Duration::from_secs(30));
        STREAMS.map(|stream| sim.epoch(stream))
    };
    assert_eq!(run(), run());
}
