//! The processes, what is between them, and time.

use core::cell::RefCell;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::rc::Rc;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::driver::Event;
use tp_core_nostd::time::{Clock, Instant};
use tp_core_nostd::wire::driver::Role;
use tp_tests::fake_transport::{Dice, FakeNet, Owner};

use super::CYCLE;
use super::camera::Camera;
use super::files::Files;
use super::ledger::{Ledger, Seen};
use super::plan::RuntimePlan;
use super::planted::{Bug, Planted};
use super::process::{Mood, Process};
use super::wishes::{Looks, ViewerWish};
use crate::driver::{DriverActor, Orders, Start, Tables};
use crate::fact::{Fact, What, Who};
use crate::fates::LINGER;
use crate::invariants::Violation;
use crate::{GRACE, LONGEST_STEP, PERIOD, WINDOW};

/// How many facts are kept to be told.
const REMEMBERED: usize = 50;

/// Several processes, one medium, real files.
pub(super) struct World<'a> {
    pub(super) plan: &'a RuntimePlan,
    pub(super) net: FakeNet,
    dice: Dice,
    files: Rc<RefCell<Files>>,
    dir: PathBuf,
    orders: Orders<'a>,
    pub(super) driver: Option<DriverActor<'a, Files>>,
    pub(super) processes: Vec<Option<Process>>,
    pub(super) ledger: Ledger,
    /// The epoch in use of each stream.
    pub(super) epochs: BTreeMap<StreamId, Epoch>,
    died_at: BTreeMap<(StreamId, Epoch), Instant>,
    mood: Mood,
    pub(super) pace: Duration,
    tables: core::slice::IterMut<'a, Tables>,
    planted: Planted,
    owners: u32,
    told: VecDeque<Fact>,
    remembered: usize,
    steps: u64,
}

impl<'a> World<'a> {
    /// Nobody runs yet. Every start of a driver takes one of `tables`.
    pub(super) fn new(
        plan: &'a RuntimePlan,
        files: Files,
        root: &'a str,
        tables: &'a mut [Tables],
        planted: Planted,
    ) -> Self {
        let mut dice = Dice::seeded(plan.seed);
        let net = FakeNet::new(dice.roll());
        net.advance(Duration::from_secs(dice.within(10..=1_000)));
        Self {
            plan,
            net,
            dice,
            dir: files.dir().to_owned(),
            files: Rc::new(RefCell::new(files)),
            orders: Orders {
                root,
                streams: &plan.streams,
                policy: plan.policy,
            },
            driver: None,
            processes: plan.clients.iter().map(|_| None).collect(),
            ledger: Ledger::default(),
            epochs: BTreeMap::new(),
            died_at: BTreeMap::new(),
            mood: Mood::Busy,
            pace: Duration::from_millis(20),
            tables: tables.iter_mut(),
            planted,
            owners: 0,
            told: VecDeque::new(),
            remembered: REMEMBERED,
            steps: 0,
        }
    }

    /// Remembers everything that happens, not only the last of it.
    pub(super) fn remember_all(&mut self) {
        self.remembered = usize::MAX;
    }

    /// How many duty cycles there were.
    pub(super) const fn steps(&self) -> u64 {
        self.steps
    }

    /// What was seen of what could be.
    pub(super) const fn seen(&self) -> Seen {
        self.ledger.seen
    }

    /// What happened last, oldest first.
    pub(super) fn told(&self) -> impl Iterator<Item = &Fact> {
        self.told.iter()
    }

    /// From now on applications are up to this.
    pub(super) const fn set_mood(&mut self, mood: Mood) {
        self.mood = mood;
    }

    /// Lets time pass, cycle by cycle, until `span` is over.
    pub(super) fn run_for(&mut self, span: Duration) -> Result<(), Violation> {
        let end = self.now().after(span);
        while self.now() < end {
            self.net.clock().set(self.now().after(CYCLE).min(end));
            self.step()?;
        }
        Ok(())
    }

    /// One duty cycle of everybody who has a processor, in any order.
    fn step(&mut self) -> Result<(), Violation> {
        let now = self.now();
        self.ledger.tick(now);
        let count = self.processes.len();
        let first = usize::try_from(self.dice.roll() % (count as u64 + 1)).unwrap();
        // The driver is one among them.
        for turn in (0..=count).map(|at| (first + at) % (count + 1)) {
            match turn.checked_sub(1) {
                None => self.step_driver(now),
                Some(at) => self.step_process(now, at),
            }
        }
        self.bury();
        self.follow_epochs(now);
        self.ledger.verdict()
    }

    fn step_driver(&mut self, now: Instant) {
        let Some(driver) = self
            .driver
            .as_mut()
            .filter(|driver| driver.stall.until(now).is_none())
        else {
            return;
        };
        self.steps += 1;
        let mut done = Vec::new();
        driver.step(now, &mut done);
        done.retain(|what| !matches!(what, What::Said(Event::Announced { .. })));
        for what in done {
            self.note(Who::Driver, what);
        }
    }

    fn step_process(&mut self, now: Instant, at: usize) {
        let Some(process) = &mut self.processes[at] else {
            return;
        };
        if process.stall.until(now).is_some() {
            return;
        }
        self.steps += 1;
        process.step(now, self.mood, &mut self.ledger);
        for line in process.log() {
            self.note(Who::Client(at), What::Logged(line));
        }
        self.judge_readers(now, at);
    }

    /// Nobody reads for long what is dead.
    fn judge_readers(&mut self, now: Instant, at: usize) {
        let Some(process) = &mut self.processes[at] else {
            return;
        };
        for viewer in &mut process.viewers {
            let wish = viewer.wish;
            let died_at = viewer.epoch().and_then(|epoch| {
                let died_at = self.died_at.get(&(wish.stream, epoch))?;
                Some((epoch, *died_at))
            });
            let Some((epoch, died_at)) = died_at else {
                continue;
            };
            let since = match wish.is_direct {
                true => died_at,
                false => {
                    let held = process.tap.lock().held(wish.stream, Role::Consumer);
                    let Some(held) = held else { continue };
                    held.granted_at.max(died_at)
                }
            };
            let dead_for = now.since(since);
            if dead_for > tolerated(&wish) {
                let detail = format!("client {at} reads {epoch}, dead for {dead_for:?}");
                self.ledger
                    .broken("nobody_reads_a_dead_epoch_for_long", detail);
            }
        }
    }

    /// Notes which epochs came to an end.
    fn follow_epochs(&mut self, now: Instant) {
        let in_use = self.in_use();
        let before = core::mem::replace(&mut self.epochs, in_use);
        for (stream, epoch) in before {
            if self.epochs.get(&stream) != Some(&epoch) {
                self.died_at.insert((stream, epoch), now);
            }
        }
    }

    /// The epochs that are in use: what the driver says of its streams, and cameras without a driver of theirs.
    fn in_use(&mut self) -> BTreeMap<StreamId, Epoch> {
        let streams = self
            .driver
            .iter()
            .flat_map(|driver| driver.engine.streams());
        let streams = streams.filter_map(|status| Some((status.stream, status.epoch?)));
        let cameras = self.processes.iter_mut().flatten();
        let cameras = cameras.flat_map(|process| &mut process.cameras);
        let own = cameras.filter(|camera| camera.wish.is_direct);
        let own = own.filter_map(|camera| Some((camera.wish.stream, camera.epoch()?)));
        streams.chain(own).collect()
    }

    /// Everybody goes, and takes along what was mapped.
    pub(super) fn end(&mut self) -> Result<(), Violation> {
        let processes = self.processes.iter_mut().flatten();
        processes.for_each(|process| process.cameras.iter_mut().for_each(Camera::end));
        self.processes.clear();
        self.driver = None;
        self.files.borrow_mut().forget();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
        let dir = self.dir.to_str().unwrap();
        if let Some(line) = maps.lines().find(|line| line.contains(dir)) {
            let detail = line.split(dir).last().unwrap_or_default().to_owned();
            self.ledger.broken("nothing_stays_mapped", detail);
        }
        self.ledger.verdict()
    }

    pub(super) fn now(&self) -> Instant {
        self.net.clock().now()
    }

    pub(super) fn note(&mut self, who: Who, what: What) {
        let at = self.now();
        self.told.push_back(Fact { at, who, what });
        while self.told.len() > self.remembered {
            self.told.pop_front();
        }
    }

    pub(super) fn start_driver(&mut self) {
        if self.driver.is_some() {
            return;
        }
        let start = Start {
            net: self.net.clone(),
            disk: self.files.clone(),
            owner: self.new_owner(),
            tables: self.tables.next().expect("a driver starts too often"),
            seed: self.dice.roll(),
            pace: self.pace,
            planted: crate::planted::Planted::default(),
        };
        self.driver = Some(DriverActor::start(start, &self.orders));
        self.note(Who::Driver, What::Started);
    }

    pub(super) fn start_process(&mut self, at: usize) {
        if self.processes[at].is_some() {
            return;
        }
        let owner = self.new_owner();
        // One client that nobody hears is enough.
        let planted = match at {
            0 => self.planted,
            _ if self.planted.is(Bug::Mute) => Planted::default(),
            _ => self.planted,
        };
        let logs = self.remembered == usize::MAX;
        let (roles, seed) = (&self.plan.clients[at], self.dice.roll());
        let process = Process::start(&self.net, owner, &self.dir, roles, seed, planted, logs);
        self.processes[at] = Some(process);
        self.note(Who::Client(at), What::Started);
    }

    fn new_owner(&mut self) -> Owner {
        self.owners += 1;
        Owner(self.owners)
    }

    /// Removes processes that died or left.
    pub(super) fn bury(&mut self) {
        let now = self.now();
        let linger = |in_peace| if in_peace { Duration::ZERO } else { LINGER };
        let ends =
            |driver: &mut DriverActor<'_, Files>| driver.fuse.is_burnt() || driver.has_left();
        let mut gone = Vec::new();
        if let Some(mut driver) = self.driver.take_if(ends) {
            driver.die(now, &mut self.dice);
            self.net.kill(driver.owner, linger(driver.has_left()));
            gone.push(Who::Driver);
        }
        for (at, seat) in self.processes.iter_mut().enumerate() {
            let ends = |process: &mut Process| process.fuse.is_burnt() || process.has_left;
            if let Some(process) = seat.take_if(ends) {
                // Whoever is killed says nothing more.
                let in_peace = process.has_left && !process.fuse.is_burnt();
                process.fuse.blow();
                self.net.kill(process.owner, linger(in_peace));
                gone.push(Who::Client(at));
            }
        }
        for who in gone {
            self.note(who, What::Ended);
        }
    }
}

/// How long an epoch may be read after its end: a window of silence, and the pause between two looks. Whoever has only the
/// signs of life in memory looks at them once a period; a producer whose driver died gives them until its lease is over.
const fn tolerated(wish: &ViewerWish) -> Duration {
    let told = WINDOW.saturating_add(LONGEST_STEP);
    match (wish.is_direct, wish.looks) {
        (true, _) => told.saturating_add(PERIOD),
        (false, Looks::Waits) => told.saturating_add(PERIOD).saturating_add(GRACE),
        (false, _) => told,
    }
}
