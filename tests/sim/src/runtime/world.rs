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
use super::ledger::Ledger;
use super::plan::RuntimePlan;
use super::planted::{Bug, Planted};
use super::process::{Mood, Process};
use crate::act::Act;
use crate::driver::{DriverActor, Orders, Start, Tables};
use crate::fact::{Fact, What, Who};
use crate::fates::{LINGER, hit_medium};
use crate::invariants::Violation;
use crate::wire::Stall;
use crate::{LONGEST_STEP, WINDOW};

/// How long an epoch may be read after its end: a window of silence, and the pause between two looks.
const TOLERATED: Duration = WINDOW.saturating_add(LONGEST_STEP);
/// How many facts are kept to be told.
const REMEMBERED: usize = 50;

/// Several processes, one medium, real files.
pub(super) struct World<'a> {
    plan: &'a RuntimePlan,
    net: FakeNet,
    dice: Dice,
    files: Rc<RefCell<Files>>,
    dir: PathBuf,
    orders: Orders<'a>,
    driver: Option<DriverActor<'a, Files>>,
    processes: Vec<Option<Process>>,
    ledger: Ledger,
    /// The epoch in use of each stream.
    epochs: BTreeMap<StreamId, Epoch>,
    died_at: BTreeMap<(StreamId, Epoch), Instant>,
    mood: Mood,
    pace: Duration,
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

    /// How many frames consumers took.
    pub(super) const fn frames(&self) -> u64 {
        self.ledger.frames_accepted()
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
        self.follow_epochs(now);
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
        for viewer in &mut process.viewers {
            let Some(epoch) = viewer.epoch() else {
                continue;
            };
            let held = process.tap.lock().held(viewer.stream, Role::Consumer);
            let died_at = self.died_at.get(&(viewer.stream, epoch));
            let (Some(died_at), Some(held)) = (died_at, held) else {
                continue;
            };
            let dead_for = now.since(held.granted_at.max(*died_at));
            if dead_for > TOLERATED {
                let detail = format!("client {at} reads {epoch}, dead for {dead_for:?}");
                self.ledger
                    .broken("nobody_reads_a_dead_epoch_for_long", detail);
            }
        }
    }

    /// Notes which epochs came to an end.
    fn follow_epochs(&mut self, now: Instant) {
        let streams = self
            .driver
            .iter()
            .flat_map(|driver| driver.engine.streams());
        let in_use = streams.filter_map(|status| Some((status.stream, status.epoch?)));
        let before = core::mem::replace(&mut self.epochs, in_use.collect());
        for (stream, epoch) in before {
            if self.epochs.get(&stream) != Some(&epoch) {
                self.died_at.insert((stream, epoch), now);
            }
        }
    }

    /// Everybody has to be where they want to be, and to have read what there is.
    pub(super) fn settle(&mut self) -> Result<(), Violation> {
        for stream in &self.plan.streams {
            let epoch = self.epochs.get(stream).copied();
            let processes = || self.processes.iter().flatten();
            let wanted =
                processes().any(|process| process.cameras.iter().any(|c| c.stream == *stream));
            let mut writers = 0;
            let mut astray = Vec::new();
            for (at, process) in self.processes.iter_mut().enumerate() {
                let Some(process) = process else {
                    astray.push(format!("client {at} is gone"));
                    continue;
                };
                for camera in process.cameras.iter_mut().filter(|c| c.stream == *stream) {
                    writers += u32::from(camera.epoch().is_some() && camera.epoch() == epoch);
                }
                for viewer in process.viewers.iter_mut().filter(|v| v.stream == *stream) {
                    let theirs = viewer.epoch();
                    if theirs != epoch {
                        astray.push(format!(
                            "client {at} reads {theirs:?}, {stream} is in {epoch:?}"
                        ));
                    }
                }
            }
            if writers != u32::from(wanted) {
                astray.push(format!("{writers} cameras write {stream}"));
            }
            if let Some(detail) = astray.into_iter().next() {
                self.ledger.broken("everybody_settles", detail);
            }
            self.catch_up(*stream, epoch);
        }
        self.ledger.verdict()
    }

    /// Nothing was written for a while, so there is no tail.
    fn catch_up(&mut self, stream: StreamId, epoch: Option<Epoch>) {
        let newest = epoch.and_then(|epoch| self.ledger.newest(stream, epoch));
        for (at, process) in self.processes.iter().enumerate() {
            let viewers = process.iter().flat_map(|process| &process.viewers);
            for viewer in viewers.filter(|viewer| viewer.stream == stream) {
                if viewer.last_seq() != newest {
                    let last = viewer.last_seq();
                    let detail =
                        format!("client {at} is at {last:?} of {stream}, {newest:?} is there");
                    self.ledger.broken("everybody_catches_up", detail);
                }
            }
        }
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

    fn now(&self) -> Instant {
        self.net.clock().now()
    }

    fn note(&mut self, who: Who, what: What) {
        let at = self.now();
        self.told.push_back(Fact { at, who, what });
        while self.told.len() > self.remembered {
            self.told.pop_front();
        }
    }

    fn start_driver(&mut self) {
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

    fn start_process(&mut self, at: usize) {
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
        let (roles, seed) = (&self.plan.clients[at], self.dice.roll());
        let process = Process::start(&self.net, owner, &self.dir, roles, seed, planted);
        self.processes[at] = Some(process);
        self.note(Who::Client(at), What::Started);
    }

    fn new_owner(&mut self) -> Owner {
        self.owners += 1;
        Owner(self.owners)
    }

    /// Removes processes that died or left.
    fn bury(&mut self) {
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
        if self.driver.is_none() {
            self.follow_epochs(now);
        }
    }

    /// Does one stroke of fate.
    pub(super) fn apply(&mut self, act: &Act) -> Result<(), Violation> {
        self.note(Who::World, What::Fate(act.clone()));
        let now = self.now();
        match act {
            Act::Weather(_) | Act::Cut { .. } | Act::Part(..) | Act::Jam(..) | Act::Evict(_) => {
                hit_medium(&self.net, act, |who| self.owner(who));
            }
            Act::Mend => self.mend(),
            Act::Kill(Who::Client(at), left) => {
                if let Some(process) = &self.processes[*at] {
                    process.fuse.light(*left);
                }
            }
            Act::Kill(_, left) => {
                if let Some(driver) = &self.driver {
                    driver.fuse.light(*left);
                }
            }
            Act::Start(Who::Client(at)) => self.start_process(*at),
            Act::Start(_) => self.start_driver(),
            Act::Leave(Who::Client(at), _) => {
                if let Some(process) = &mut self.processes[*at] {
                    process.leave();
                }
            }
            Act::Leave(_, grace) => {
                if let Some(driver) = &mut self.driver {
                    driver.stop(now, *grace);
                }
            }
            Act::Stall(who, span) => {
                let until = now.after(*span);
                if let Some(stall) = self.stall(*who) {
                    stall.extend(until);
                }
            }
            Act::Suspend(span) => self.net.advance(*span),
            Act::Pace(pace) => self.set_pace(*pace),
            Act::Heal => self.heal(),
            Act::AskToEnd { .. } | Act::Reboot(_) | Act::Disk(_) => {}
        }
        self.bury();
        Ok(())
    }

    fn mend(&mut self) {
        self.net.heal();
        self.net.end_gaps();
    }

    fn set_pace(&mut self, pace: Duration) {
        let now = self.now();
        self.pace = pace;
        if let Some(driver) = &mut self.driver {
            driver.set_pace(now, pace);
        }
    }

    fn heal(&mut self) {
        self.mend();
        self.set_pace(Duration::from_millis(20));
        for at in 0..self.processes.len() {
            self.stall(Who::Client(at)).into_iter().for_each(Stall::end);
            if let Some(process) = &self.processes[at] {
                process.fuse.put_out();
            }
        }
        if let Some(driver) = &mut self.driver {
            driver.stall.end();
            driver.fuse.put_out();
            // One that drains would be gone soon; its successor need not wait.
            if driver.drains() {
                driver.fuse.blow();
            }
        }
        self.bury();
        self.start_driver();
        for at in 0..self.processes.len() {
            self.start_process(at);
        }
    }

    fn owner(&self, who: Who) -> Option<Owner> {
        match who {
            Who::World => None,
            Who::Driver => Some(self.driver.as_ref()?.owner),
            Who::Client(at) => Some(self.processes[at].as_ref()?.owner),
        }
    }

    fn stall(&mut self, who: Who) -> Option<&mut Stall> {
        match who {
            Who::World => None,
            Who::Driver => Some(&mut self.driver.as_mut()?.stall),
            Who::Client(at) => Some(&mut self.processes[at].as_mut()?.stall),
        }
    }
}
