//! A client process: the real conductor, and applications with real producers and consumers.

use std::path::Path;
use std::sync::{Arc, Mutex};

use tp_core_nostd::time::Instant;
use tp_core_nostd::wire::driver::Role;
use tp_std::clock::SharedClock;
use tp_std::handlers::Registration;
use tp_std::log::Level;
use tp_std::{Client, Conductor, Context};
use tp_tests::fake_transport::{Dice, FakeNet, Owner};

use super::camera::Camera;
use super::clock::Frozen;
use super::hearing::Hearing;
use super::joiner::{self, Joiner};
use super::ledger::Ledger;
use super::medium::{Lines, SimMedium};
use super::plan::Roles;
use super::planted::{Bug, Planted};
use super::tap::Tap;
use super::viewer::Viewer;
use super::wishes::CameraWish;
use crate::wire::{Fuse, Stall};

/// What applications are up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// This and that.
    Busy,
    /// They bring to an end what they have in hand, and write what can be read at once.
    Closing,
    /// They write nothing more, and read all there is.
    Quiet,
}

/// See the module.
pub(super) struct Process {
    pub(super) owner: Owner,
    pub(super) fuse: Fuse,
    pub(super) stall: Stall,
    pub(super) tap: Tap,
    pub(super) cameras: Vec<Camera>,
    pub(super) viewers: Vec<Viewer>,
    pub(super) hearing: Hearing,
    joiner: Option<Joiner>,
    _authority: Option<Registration>,
    client: Client,
    conductor: Conductor,
    dice: Dice,
    lines: Lines,
    /// What its log says, until somebody reads it.
    log: Arc<Mutex<Vec<String>>>,
    /// It ended by itself.
    pub(super) has_left: bool,
}

impl Process {
    pub(super) fn start(
        net: &FakeNet,
        owner: Owner,
        files: &Path,
        roles: &Roles,
        seed: u64,
        planted: Planted,
        logs: bool,
    ) -> Self {
        let mut dice = Dice::seeded(seed);
        let tap = Tap::default();
        let lines = Lines {
            net: net.clone(),
            owner,
            fuse: Fuse::default(),
            tap: Some(tap.clone()),
            planted,
            frozen: Frozen::new(net.clock(), planted),
        };
        let log = Arc::<Mutex<Vec<String>>>::default();
        let kept = log.clone();
        let context = Context::new()
            .with_clock(SharedClock::new(lines.frozen.clone()))
            .with_seed(dice.roll())
            .with_log_handler(move |_, line| kept.lock().unwrap().push(line.to_owned()))
            .with_log_level(if logs { Level::Debug } else { Level::Error })
            .allow_dir(files);
        let medium = SimMedium::new(lines.clone(), Dice::seeded(dice.roll()));
        let (client, conductor) = Client::over(Box::new(medium), context).unwrap();
        let mut app = || Dice::seeded(dice.roll());
        let cameras = roles.cameras.iter();
        let cameras = cameras.map(|wish| Camera::new(*wish, files, app(), planted));
        let cameras = cameras.collect();
        let viewers = roles.viewers.iter();
        let viewers = viewers.map(|wish| Viewer::new(*wish, app(), planted));
        Self {
            owner,
            fuse: lines.fuse.clone(),
            stall: Stall::default(),
            tap,
            cameras,
            viewers: viewers.collect(),
            joiner: roles
                .joins
                .map(|wish| Joiner::new(wish, &client, files, Dice::seeded(dice.roll()), planted)),
            _authority: roles.announces.map(|wish| {
                let (epoch, map) = joiner::map(&wish, planted);
                client.announce_merge_map_for(epoch, map).unwrap()
            }),
            hearing: Hearing::begin(&client, net.clock()),
            client,
            conductor,
            dice,
            lines,
            log,
            has_left: false,
        }
    }

    /// The conductor goes through one duty cycle, the applications do something before or behind it.
    pub(super) fn step(&mut self, now: Instant, mood: Mood, ledger: &mut Ledger) {
        if self.dice.happens(20) {
            self.applications(now, mood, ledger);
        }
        if self.conductor.do_work().is_err() {
            self.has_left = true;
            return;
        }
        let begun = self.applications(now, mood, ledger);
        self.judge(now, &begun, ledger);
        let fresh = self.hearing.look(|heard| core::mem::take(&mut heard.fresh));
        for (stream, kind, bytes) in fresh {
            ledger.took_blob(stream, kind, &bytes);
        }
        for link in self.hearing.look(|heard| core::mem::take(&mut heard.links)) {
            ledger.heard(&link);
        }
        self.overhear(ledger);
        self.freeze(now, self.tap.lock().leases());
    }

    /// Which descriptors it sent since the last time.
    fn overhear(&self, ledger: &mut Ledger) {
        for (publication, descriptor) in self.tap.lock().told.drain(..) {
            ledger.told((self.owner, publication), &descriptor);
        }
    }

    /// What its log said since the last time.
    pub(super) fn log(&self) -> Vec<String> {
        core::mem::take(&mut *self.log.lock().unwrap())
    }

    /// Gives every lease back, and ends.
    pub(super) fn leave(&mut self) {
        self.conductor.close();
        self.has_left = true;
    }

    /// Which cameras began a frame.
    fn applications(&mut self, now: Instant, mood: Mood, ledger: &mut Ledger) -> Vec<bool> {
        let mut begun = Vec::with_capacity(self.cameras.len());
        for camera in &mut self.cameras {
            if mood == Mood::Quiet {
                let _ = camera.tend();
                continue;
            }
            let haste = mood == Mood::Closing;
            begun.push(camera.step(now, &self.client, ledger, haste) > 0);
        }
        for viewer in &mut self.viewers {
            viewer.step(now, &self.client, ledger, mood != Mood::Busy);
        }
        // What it joins may have been sent just now.
        self.overhear(ledger);
        if let Some(joiner) = &mut self.joiner {
            joiner.step(now, &self.client, ledger);
        }
        begun
    }

    /// A producer begins no frame once its lease may have run out, and its conductor had the time to notice (D-094).
    fn judge(&self, now: Instant, begun: &[bool], ledger: &mut Ledger) {
        let begun = self.cameras.iter().zip(begun).filter(|(_, begun)| **begun);
        for (
            CameraWish {
                stream, is_direct, ..
            },
            _,
        ) in begun.map(|(camera, n)| (camera.wish, n))
        {
            let held = self.tap.lock().held(stream, Role::Producer);
            let late = held.is_none_or(|held| now > held.deadline);
            // Without a driver there is no deadline.
            if late && !is_direct {
                let detail = format!("{stream}: a frame at {}, {held:?}", now.as_ns());
                ledger.broken("no_write_begins_after_the_deadline", detail);
            }
        }
    }

    /// Time stands still for whoever has what it wants, where that is planted.
    fn freeze(&self, now: Instant, leases: usize) {
        let stops = match self.lines.planted.0 {
            Some(Bug::StoppedClock) => !self.cameras.is_empty(),
            Some(Bug::Frozen) => self.cameras.is_empty(),
            _ => false,
        };
        let cameras = self.cameras.iter().map(|camera| camera.wish.is_direct);
        let viewers = self.viewers.iter().map(|viewer| viewer.wish.is_direct);
        let wanted = cameras.chain(viewers).filter(|is_direct| !is_direct);
        let wanted = wanted.count() + self.joiner.as_ref().map_or(0, |_| 2);
        if stops && leases >= wanted {
            self.lines.frozen.stop(now);
        }
    }
}
