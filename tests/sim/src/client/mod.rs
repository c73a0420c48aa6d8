//! One role in a process of its own: the real lease session and mapping machine, on the fake medium and disk.
//!
//! It does what the conductor and the role of `tp-std` do in one duty cycle, in the same order.

mod consumer;
mod descriptors;
mod greeter;
mod inbox;
mod pen;
mod producer;

use std::rc::Rc;

use tp_core_nostd::ids::{Epoch, LeaseId};
use tp_core_nostd::proto::dispatch::classify;
use tp_core_nostd::proto::lease_client::{LeaseConfig, LeaseLost};
use tp_core_nostd::proto::mapping::{Health, Input, MappingMachine};
use tp_core_nostd::proto::random::Ids;
use tp_core_nostd::proto::session::{Cycle, Happened, Inbound, Session};
use tp_core_nostd::time::Instant;
use tp_core_nostd::wire::driver::{Grant, PublishMode, Role};
use tp_tests::fake_transport::{Dice, FakeNet, Owner};

use self::descriptors::Descriptors;
use self::greeter::Greeter;
use self::inbox::Ears;
use self::pen::Pen;
use crate::disk::{Regions, SharedDisk};
use crate::fact::{Holding, What};
use crate::plan::ClientPlan;
use crate::planted::{Bug, Planted};
use crate::wire::{Fuse, Stall, Wire};
use crate::{CONTROL, GRACE, PERIOD, WINDOW};

/// A client process with one role.
pub(crate) struct ClientActor {
    pub(crate) owner: Owner,
    pub(crate) plan: ClientPlan,
    pub(crate) fuse: Fuse,
    pub(crate) stall: Stall,
    pub(crate) stepped_at: Instant,
    disk: SharedDisk,
    ids: Ids,
    session: Session,
    machine: MappingMachine,
    ears: Ears,
    control: Wire,
    descriptors: Descriptors,
    holding: Option<Holding>,
    /// Until when the lease holds, counted here from what went over the wire (D-094).
    deadline: Instant,
    mapped: Option<(Epoch, Rc<Regions>)>,
    /// When to stamp or to look at stamps next.
    look_at: Instant,
    granted_at: Instant,
    pen: Pen,
    greeter: Greeter,
    /// Whether it still wants its lease.
    pub(crate) is_wanted: bool,
    planted: Planted,
}

impl ClientActor {
    pub(crate) fn start(
        net: &FakeNet,
        disk: &SharedDisk,
        owner: Owner,
        plan: ClientPlan,
        seed: u64,
        planted: Planted,
    ) -> Self {
        let mut ids = Ids::seeded(seed);
        let lease = LeaseConfig {
            client: plan.id,
            // Configured streams exist anyway.
            publish_mode: PublishMode::ExistingOrCreate,
            ..LeaseConfig::new(plan.stream, plan.role)
        };
        let fuse = Fuse::default();
        let mute = planted.is(Bug::MuteClient);
        let now = Instant::from_ns(0);
        Self {
            owner,
            plan,
            stall: Stall::default(),
            stepped_at: now,
            disk: disk.clone(),
            session: Session::new(lease, WINDOW, &mut ids),
            ids,
            machine: MappingMachine::new(WINDOW),
            ears: Ears::open(net, owner),
            descriptors: Descriptors::open(net, owner, plan.role, &fuse),
            control: Wire::new(net.shared_publication(CONTROL, owner), &fuse, mute),
            fuse,
            holding: None,
            deadline: now,
            mapped: None,
            look_at: now,
            granted_at: now,
            pen: Pen::new(Dice::seeded(seed)),
            greeter: Greeter::default(),
            is_wanted: true,
            planted,
        }
    }

    /// The epoch it works on.
    pub(crate) fn epoch(&self) -> Option<Epoch> {
        self.mapped.as_ref().map(|(epoch, _)| *epoch)
    }

    /// The lease it holds.
    pub(crate) fn lease(&self) -> Option<LeaseId> {
        self.session.lease()?.lease()
    }

    /// When it read the answer that gave it its last lease.
    pub(crate) const fn granted_at(&self) -> Instant {
        self.granted_at
    }

    pub(crate) fn is_attached(&self) -> bool {
        self.lease().is_some()
    }

    /// Whether the process has nothing left to do.
    pub(crate) fn has_left(&self) -> bool {
        self.session.is_done()
    }

    /// Gives the lease back and ends when that is done.
    pub(crate) fn leave(&mut self, now: Instant) {
        self.is_wanted = false;
        self.unmap();
        let mut cycle = cycle(now, &mut self.ids);
        self.session.detach(&mut cycle);
    }

    /// One duty cycle.
    pub(crate) fn step(&mut self, now: Instant, facts: &mut Vec<What>) {
        let before = self.epoch();
        if let Some(write) = self.pen.finish(now) {
            facts.push(What::WriteEnded(write));
            self.descriptors.tell(now, &write);
        }
        self.receive(now, facts);
        for epoch in self.descriptors.epochs(now, self.plan.stream) {
            if !self.planted.is(Bug::DeafConsumer) {
                self.input(now, Input::DescriptorEpoch(epoch));
            }
        }
        self.tend_regions(now);
        self.poll(now, facts);
        self.transmit(now);
        if self.plan.role == Role::Producer
            && let (Some((_, regions)), Some(holding)) = (&self.mapped, self.holding)
        {
            self.pen.begin(now, regions, holding, self.deadline, facts);
        }
        if self.plan.role == Role::Consumer && self.epoch() != before {
            facts.push(What::Maps(self.epoch()));
        }
    }

    fn receive(&mut self, now: Instant, facts: &mut Vec<What>) {
        let mut received = Vec::new();
        let driver_gone = self.ears.hear(now, &mut received);
        for letter in &received {
            let Ok(message) = classify(&letter.bytes) else {
                continue;
            };
            let inbound = Inbound {
                message,
                image: letter.image,
                joined: letter.joined,
            };
            let Some(happened) = self
                .session
                .handle(&mut cycle(now, &mut self.ids), &inbound)
            else {
                continue;
            };
            if let Happened::Granted(grant) = &happened {
                self.ears.driver = Some(letter.image);
                self.granted(now, grant, facts);
            }
            self.act(now, &happened, facts);
        }
        if driver_gone {
            self.lose(now, LeaseLost::DriverGone, facts);
            self.ears.again();
        }
    }

    fn granted(&mut self, now: Instant, grant: &Grant<'_>, facts: &mut Vec<What>) {
        let holding = Holding {
            stream: self.plan.stream,
            role: self.plan.role,
            lease: grant.lease_id,
            epoch: grant.epoch,
        };
        self.holding = Some(holding);
        self.deadline = grant.lease_expires_at.unwrap_or(Instant::NEVER);
        self.granted_at = now;
        facts.push(What::Granted(holding));
    }

    fn act(&mut self, now: Instant, happened: &Happened<'_>, facts: &mut Vec<What>) {
        if let Happened::Lost(why) = happened {
            facts.push(What::Lost(*why));
            self.holding = None;
        }
        match self.plan.role {
            Role::Producer => self.act_as_producer(now, happened, facts),
            Role::Consumer if self.planted.hears(happened) => self.act_as_consumer(now, happened),
            Role::Consumer => {}
        }
    }

    /// A producer stamps its regions, a consumer looks at the stamps.
    fn tend_regions(&mut self, now: Instant) {
        let Some((_, regions)) = self.mapped.clone().filter(|_| now >= self.look_at) else {
            return;
        };
        self.look_at = now.after(PERIOD);
        match self.plan.role {
            Role::Producer => regions.activity_ns.set(now.as_ns()),
            Role::Consumer if self.planted.is(Bug::DeafConsumer) => {}
            Role::Consumer => {
                let health = Health {
                    intact: true,
                    same_writer: true,
                    activity_ns: regions.activity_ns.get(),
                };
                self.input(now, Input::Health(health));
            }
        }
    }

    fn poll(&mut self, now: Instant, facts: &mut Vec<What>) {
        let writes = self.plan.role == Role::Producer && self.mapped.is_some();
        let told = self.planted.now(now, writes.then_some(self.granted_at));
        if let Some(happened) = self.session.poll(&mut cycle(told, &mut self.ids)) {
            self.act(now, &happened, facts);
        }
    }

    fn lose(&mut self, now: Instant, why: LeaseLost, facts: &mut Vec<What>) {
        if let Some(happened) = self.session.lost(&mut cycle(now, &mut self.ids), why) {
            self.act(now, &happened, facts);
        }
    }

    fn transmit(&mut self, now: Instant) {
        let mut cycle = cycle(now, &mut self.ids);
        self.session.transmit(&mut cycle, &mut self.control);
        // A keepalive that comes too late revives nothing.
        if self.control.has_kept_alive() && now <= self.deadline {
            self.deadline = now.after(GRACE);
        }
        if self.plan.is_private && self.is_attached() {
            let consumer = self.session.client();
            self.greeter
                .greet(now, self.plan.stream, consumer, &mut self.control);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        let look_at = match self.mapped {
            Some(_) => self.look_at,
            None => Instant::NEVER,
        };
        self.session
            .poll_timeout()
            .min(self.pen.poll_timeout(self.mapped.is_some()))
            .min(look_at)
    }
}

const fn cycle(now: Instant, ids: &mut Ids) -> Cycle<'_> {
    Cycle {
        now,
        real_ns: None,
        ids,
    }
}
