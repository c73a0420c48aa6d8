//! The runtime in threaded mode: two clients with a conductor thread each, one writes and two
//! read on threads of their own, and the driver dies under them.
//!
//! Nothing is repeatable here, and nothing is overheard: threads meet in the runtime, in the medium, and where books are
//! kept on frames.

use core::cell::RefCell;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread;

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::time::Clock;
use tp_std::clock::SharedClock;
use tp_std::idle::{Idle, YieldingIdle};
use tp_std::{Client, ConductorThread, Context};
use tp_tests::fake_transport::{Dice, FakeNet, Owner};

use super::camera::Camera;
use super::clock::Frozen;
use super::files::Files;
use super::ledger::Ledger;
use super::medium::{Lines, SimMedium};
use super::plan::{RuntimePlan, runtime_plan};
use super::planted::Planted;
use super::viewer::Viewer;
use super::wishes::{CameraWish, ViewerWish};
use crate::driver::{DriverActor, Orders, Start, Tables};
use crate::fates::LINGER;
use crate::invariants::Violation;
use crate::wire::Fuse;

/// Time that passes with each duty cycle of the driver.
const TURN: Duration = Duration::from_millis(2);
/// What takes more duty cycles of the driver hangs.
const TURNS: u32 = 1_000_000;

const DRIVER: Owner = Owner(1);
const WRITER: Owner = Owner(2);
const READER: Owner = Owner(3);

/// Runs until so many frames were accepted under each of `drivers` drivers; they die one after the other.
///
/// # Errors
/// The first promise that was broken.
///
/// # Panics
/// If it takes for ever.
pub fn run_threads(frames: u64, drivers: u32) -> Result<(), Violation> {
    let plan = runtime_plan(1);
    let files = Files::new();
    let (root, dir) = (files.root(), files.dir().to_owned());
    let mut tables: Vec<_> = (0..drivers)
        .map(|_| Tables::new(&plan.capacities, crate::planted::Planted::default()))
        .collect();
    let net = FakeNet::new(1);
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let (writer, writing) = client(&net, WRITER, &dir);
    let (reader, reading) = client(&net, READER, &dir);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let wish = CameraWish::plain(plan.streams[0]);
        let camera = Camera::new(wish, &dir, Dice::seeded(2), Planted::default());
        let (stop, net, ledger) = (&stop, &net, &ledger);
        scope.spawn(move || write(camera, &writer, net, ledger, stop));
        for seed in [3, 4] {
            let (viewer, reader) = (viewer(plan.streams[0], seed), reader.clone());
            scope.spawn(move || read(viewer, &reader, net, ledger, stop));
        }
        let files = Rc::new(RefCell::new(files));
        for tables in &mut tables {
            let accepted = || ledger.lock().unwrap().seen.frames;
            drive(&plan, &root, net, &files, tables, accepted, frames);
        }
        stop.store(true, Ordering::Relaxed);
    });
    writing.close().unwrap();
    reading.close().unwrap();
    let ledger = ledger.lock().unwrap();
    ledger.verdict()
}

fn client(net: &FakeNet, owner: Owner, dir: &Path) -> (Client, ConductorThread) {
    let lines = Lines {
        net: net.clone(),
        owner,
        fuse: Fuse::default(),
        tap: None,
        planted: Planted::default(),
        frozen: Frozen::new(net.clock(), Planted::default()),
    };
    let context = Context::new()
        .with_clock(SharedClock::new(net.clock()))
        .with_idle(Idle::Yielding(YieldingIdle))
        .with_log_handler(|_, _| {})
        .allow_dir(dir);
    let medium = SimMedium::new(lines, Dice::seeded(owner.0.into()));
    Client::start_over(Box::new(medium), context).unwrap()
}

fn viewer(stream: StreamId, seed: u64) -> Viewer {
    let wish = ViewerWish::plain(stream);
    Viewer::new(wish, Dice::seeded(seed), Planted::default())
}

fn write(
    mut camera: Camera,
    client: &Client,
    net: &FakeNet,
    ledger: &Mutex<Ledger>,
    stop: &AtomicBool,
) {
    while !stop.load(Ordering::Relaxed) {
        let now = net.clock().now();
        camera.step(now, client, &mut ledger.lock().unwrap(), false);
        thread::yield_now();
    }
}

fn read(
    mut viewer: Viewer,
    client: &Client,
    net: &FakeNet,
    ledger: &Mutex<Ledger>,
    stop: &AtomicBool,
) {
    while !stop.load(Ordering::Relaxed) {
        let now = net.clock().now();
        viewer.step(now, client, &mut ledger.lock().unwrap(), false);
        thread::yield_now();
    }
}

/// One driver lives until `frames` more were accepted.
fn drive(
    plan: &RuntimePlan,
    root: &str,
    net: &FakeNet,
    files: &Rc<RefCell<Files>>,
    tables: &mut Tables,
    accepted: impl Fn() -> u64,
    frames: u64,
) {
    let orders = Orders {
        root,
        streams: &plan.streams,
        policy: plan.policy,
    };
    let start = Start {
        net: net.clone(),
        disk: files.clone(),
        owner: DRIVER,
        tables,
        seed: accepted(),
        pace: TURN,
        planted: crate::planted::Planted::default(),
    };
    let mut driver = DriverActor::start(start, &orders);
    let enough = accepted() + frames;
    let mut done = Vec::new();
    for _ in 0..TURNS {
        if accepted() >= enough {
            driver.fuse.blow();
            driver.die(net.clock().now(), &mut Dice::seeded(5));
            net.kill(DRIVER, LINGER);
            return;
        }
        net.advance(TURN);
        driver.step(net.clock().now(), &mut done);
        done.clear();
        thread::sleep(TURN / 10);
    }
    panic!("{} of {enough} frames", accepted());
}
