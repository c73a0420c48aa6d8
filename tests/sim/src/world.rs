//! The processes, what is between them, and time.

use core::time::Duration;
use std::collections::VecDeque;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::time::{Clock, Instant};
use tp_tests::fake_transport::{Dice, FakeNet, Owner};

use crate::LONGEST_STEP;
use crate::client::ClientActor;
use crate::disk::{Disk, SharedDisk};
use crate::driver::{DriverActor, Orders, Start, Tables};
use crate::fact::{Fact, What, Who};
use crate::invariants::{Memory, Scene, Violation};
use crate::plan::Plan;
use crate::planted::{Bug, Planted};

/// How long a duty cycle takes when there is more to do at once.
const BUSY: Duration = Duration::from_micros(50);
/// When to try again what was refused.
const REFUSED: Duration = Duration::from_millis(5);
/// How many facts are kept to be told.
const REMEMBERED: usize = 50;

/// Several processes, one medium, one disk.
pub struct World<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) net: FakeNet,
    pub(crate) disk: SharedDisk,
    pub(crate) dice: Dice,
    pub(crate) driver: Option<DriverActor<'a>>,
    /// By place in the plan.
    pub(crate) clients: Vec<Option<ClientActor>>,
    pub(crate) pace: Duration,
    pub(crate) facts: Vec<Fact>,
    /// Since when nothing has been out of order.
    pub(crate) calm_since: Option<Instant>,
    tables: core::slice::IterMut<'a, Tables>,
    planted: Planted,
    owners: u32,
    memory: Memory,
    told: VecDeque<Fact>,
    remembered: usize,
    steps: u64,
}

impl<'a> World<'a> {
    /// Nobody runs yet. Every start of a driver takes one of `tables`.
    pub fn new(plan: &'a Plan, tables: &'a mut [Tables], planted: Planted) -> Self {
        let mut dice = Dice::seeded(plan.seed);
        let net = FakeNet::new(dice.roll());
        net.advance(Duration::from_secs(dice.within(10..=1_000)));
        Self {
            plan,
            net,
            disk: Disk::new(planted),
            dice,
            driver: None,
            clients: plan.clients.iter().map(|_| None).collect(),
            pace: Duration::from_millis(20),
            facts: Vec::new(),
            calm_since: None,
            tables: tables.iter_mut(),
            planted,
            owners: 0,
            memory: Memory::default(),
            told: VecDeque::new(),
            remembered: REMEMBERED,
            steps: 0,
        }
    }

    /// Remembers everything that happens, not only the last of it.
    pub fn remember_all(&mut self) {
        self.remembered = usize::MAX;
    }

    /// How often somebody had something to do.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// What happened last, oldest first.
    pub fn told(&self) -> impl Iterator<Item = &Fact> {
        self.told.iter()
    }

    /// Now, on the clock of this boot.
    pub fn now(&self) -> Instant {
        self.net.clock().now()
    }

    /// The epoch that the driver announces for a stream.
    pub fn epoch(&self, stream: StreamId) -> Option<Epoch> {
        self.driver.as_ref()?.engine.epoch(stream)
    }

    /// How many epochs of a stream have files, not counting those of dead drivers whose process ids live on.
    pub fn epochs_on_disk(&self, stream: StreamId) -> usize {
        self.disk.borrow().epochs(stream)
    }

    /// The epoch that a client works on.
    pub fn epoch_of(&self, client: usize) -> Option<Epoch> {
        self.clients[client].as_ref()?.epoch()
    }

    /// Whether a client runs and has its lease.
    pub fn is_attached(&self, client: usize) -> bool {
        self.clients[client]
            .as_ref()
            .is_some_and(ClientActor::is_attached)
    }

    /// Lets time pass, step by step, until `span` is over.
    ///
    /// # Errors
    /// The first promise that is broken.
    pub fn run_for(&mut self, span: Duration) -> Result<(), Violation> {
        let end = self.now().after(span);
        while self.now() < end {
            let next = self.next().min(end).min(self.now().after(LONGEST_STEP));
            self.net.clock().set(next);
            self.step()?;
        }
        Ok(())
    }

    /// Nothing is out of order any more; everybody has to be where they want to be.
    ///
    /// # Errors
    /// Somebody is not, or another promise is broken.
    pub fn settle(&mut self) -> Result<(), Violation> {
        self.check(true)
    }

    /// When somebody has something to do next; a little later than now, if that is at once.
    fn next(&self) -> Instant {
        let now = self.now();
        let mut next = self.net.next_arrival().unwrap_or(Instant::NEVER);
        let mut consider = |owner, stall: Option<Instant>, timeout: Instant| {
            let at = match stall {
                Some(until) => until,
                None if self.net.has_mail(owner) => now.after(BUSY),
                None if timeout <= now => now.after(REFUSED),
                None => timeout,
            };
            next = next.min(at);
        };
        if let Some(driver) = &self.driver {
            consider(driver.owner, driver.stall.until(now), driver.poll_timeout());
        }
        for client in self.clients.iter().flatten() {
            consider(client.owner, client.stall.until(now), client.poll_timeout());
        }
        next
    }

    /// One duty cycle of everybody who has something to do.
    pub(crate) fn step(&mut self) -> Result<(), Violation> {
        let now = self.now();
        let due = |net: &FakeNet, owner, stepped_at: Instant, timeout: Instant| {
            timeout <= now || now.since(stepped_at) >= LONGEST_STEP || net.has_mail(owner)
        };
        let mut done = Vec::new();
        if let Some(driver) = &mut self.driver
            && driver.stall.until(now).is_none()
            && due(
                &self.net,
                driver.owner,
                driver.stepped_at,
                driver.poll_timeout(),
            )
        {
            driver.stepped_at = now;
            self.steps += 1;
            driver.step(now, &mut done);
            note(&mut self.facts, now, Who::Driver, &mut done);
        }
        for (at, client) in self.clients.iter_mut().enumerate() {
            let Some(client) = client else { continue };
            if client.stall.until(now).is_none()
                && due(
                    &self.net,
                    client.owner,
                    client.stepped_at,
                    client.poll_timeout(),
                )
            {
                client.stepped_at = now;
                self.steps += 1;
                client.step(now, &mut done);
                note(&mut self.facts, now, Who::Client(at), &mut done);
            }
        }
        self.bury();
        self.check(false)
    }

    /// Each invariant looks at what was done and at what is.
    fn check(&mut self, settled: bool) -> Result<(), Violation> {
        let scene = Scene {
            now: self.now(),
            facts: &self.facts,
            driver: self.driver.as_ref(),
            clients: &self.clients,
            disk: &self.disk.borrow(),
            capacities: &self.plan.capacities,
            policy: &self.plan.policy,
            calm_since: self.calm_since,
            settled,
        };
        let verdict = self.memory.look(&scene);
        let all = self.remembered == usize::MAX;
        let facts = self.facts.drain(..);
        self.told
            .extend(facts.filter(|fact| all || !fact.is_routine()));
        while self.told.len() > self.remembered {
            self.told.pop_front();
        }
        verdict
    }

    pub(crate) fn note(&mut self, who: Who, what: What) {
        let at = self.now();
        self.facts.push(Fact { at, who, what });
    }

    pub(crate) fn start_driver(&mut self) {
        if self.driver.is_some() {
            return;
        }
        let start = Start {
            net: self.net.clone(),
            disk: self.disk.clone(),
            owner: self.new_owner(),
            tables: self.tables.next().expect("a driver starts too often"),
            seed: self.dice.roll(),
            pace: self.pace,
            planted: self.planted,
        };
        self.driver = Some(DriverActor::start(start, &Orders::of(self.plan)));
        self.note(Who::Driver, What::Started);
    }

    pub(crate) fn start_client(&mut self, at: usize) {
        if self.clients[at].is_some() {
            return;
        }
        let owner = self.new_owner();
        // One client that nobody hears is enough.
        let planted = match at {
            0 => self.planted,
            _ if self.planted.is(Bug::MuteClient) => Planted::default(),
            _ => self.planted,
        };
        let (net, disk, seed) = (&self.net, &self.disk, self.dice.roll());
        let plan = self.plan.clients[at];
        self.clients[at] = Some(ClientActor::start(net, disk, owner, plan, seed, planted));
        self.note(Who::Client(at), What::Started);
    }

    pub(crate) fn new_owner(&mut self) -> Owner {
        self.owners += 1;
        Owner(self.owners)
    }
}

fn note(facts: &mut Vec<Fact>, at: Instant, who: Who, done: &mut Vec<What>) {
    facts.extend(done.drain(..).map(|what| Fact { at, who, what }));
}
