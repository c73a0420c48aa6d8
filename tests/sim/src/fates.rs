//! How strokes of fate hit the world.

use core::time::Duration;

use tp_core_nostd::ids::CorrelationId;
use tp_core_nostd::time::{Clock, Instant};
use tp_core_nostd::transport::Publication;
use tp_core_nostd::wire::driver::{ShmDriverShutdownRequest, ShutdownReason, Token};
use tp_tests::fake_transport::{FakeNet, Owner};

use crate::CONTROL;
use crate::act::Act;
use crate::client::ClientActor;
use crate::disk::Trouble;
use crate::driver::DriverActor;
use crate::fact::{What, Who};
use crate::invariants::Violation;
use crate::planted::{GUESS, SECRET};
use crate::wire::{Fuse, Stall};
use crate::world::World;

/// How long images of a killed process stay (Aeron's client liveness timeout).
pub(crate) const LINGER: Duration = Duration::from_secs(10);

/// What hits the medium alone; `owner` says who is there.
pub(crate) fn hit_medium(net: &FakeNet, act: &Act, owner: impl Fn(Who) -> Option<Owner>) {
    match act {
        Act::Weather(faults) => net.set_faults(faults.clone()),
        Act::Cut { from, to } => {
            if let (Some(from), Some(to)) = (owner(*from), owner(*to)) {
                net.cut_one_way(from, to);
            }
        }
        Act::Part(one, other) => {
            if let (Some(one), Some(other)) = (owner(*one), owner(*other)) {
                net.cut(one, other);
            }
        }
        Act::Jam(who, span) => {
            if let Some(owner) = owner(*who) {
                net.jam(owner, *span);
            }
        }
        Act::Evict(who) => {
            if let Some(owner) = owner(*who) {
                net.evict(owner);
            }
        }
        _ => {}
    }
}

impl World<'_> {
    /// Does one stroke of fate.
    ///
    /// # Errors
    /// A promise that is broken by it.
    pub fn apply(&mut self, act: &Act) -> Result<(), Violation> {
        self.note(Who::World, What::Fate(act.clone()));
        self.calm_since = None;
        let now = self.now();
        match act {
            Act::Weather(_) | Act::Cut { .. } | Act::Part(..) | Act::Jam(..) | Act::Evict(_) => {
                hit_medium(&self.net, act, |who| self.owner(who));
            }
            Act::Mend => self.mend(),
            Act::Kill(who, left) => self.fuses(*who).for_each(|fuse| fuse.light(*left)),
            Act::Start(Who::Client(at)) => self.start_client(*at),
            Act::Start(_) => self.start_driver(),
            Act::Leave(who, grace) => self.leave(now, *who, *grace),
            Act::AskToEnd { knows_secret } => self.ask_to_end(*knows_secret),
            Act::Stall(who, span) => {
                let until = now.after(*span);
                self.stalls(*who).for_each(|stall| stall.extend(until));
            }
            Act::Suspend(span) => self.net.advance(*span),
            Act::Reboot(clock) => self.reboot(*clock),
            Act::Disk(trouble) => self.disk.borrow_mut().set_trouble(*trouble),
            Act::Pace(pace) => {
                self.pace = *pace;
                if let Some(driver) = &mut self.driver {
                    driver.set_pace(now, *pace);
                }
            }
            Act::Heal => self.heal(),
        }
        self.bury();
        self.step()
    }

    /// Removes processes that died or left.
    pub(crate) fn bury(&mut self) {
        let now = self.now();
        let mut gone = Vec::new();
        let ends = |driver: &mut DriverActor<'_>| driver.fuse.is_burnt() || driver.has_left();
        if let Some(mut driver) = self.driver.take_if(ends) {
            driver.die(now, &mut self.dice);
            // Who leaves closes its publications itself.
            let linger = if driver.has_left() {
                Duration::ZERO
            } else {
                LINGER
            };
            self.net.kill(driver.owner, linger);
            gone.push(Who::Driver);
        }
        for (at, seat) in self.clients.iter_mut().enumerate() {
            let ends = |client: &mut ClientActor| client.fuse.is_burnt() || client.has_left();
            if let Some(client) = seat.take_if(ends) {
                let linger = if client.has_left() {
                    Duration::ZERO
                } else {
                    LINGER
                };
                self.net.kill(client.owner, linger);
                gone.push(Who::Client(at));
            }
        }
        for who in gone {
            self.note(who, What::Ended);
        }
        // It was asked to end before all was well, and heard it late.
        if self.calm_since.is_some() && self.driver.is_none() {
            self.start_driver();
            self.calm_since = Some(now);
        }
    }

    fn leave(&mut self, now: Instant, who: Who, grace: Duration) {
        match who {
            Who::Driver => {
                if let Some(driver) = &mut self.driver {
                    driver.stop(now, grace);
                }
            }
            Who::Client(at) => {
                if let Some(client) = &mut self.clients[at] {
                    client.leave(now);
                }
            }
            Who::World => {}
        }
    }

    /// From a process that comes for this and goes.
    fn ask_to_end(&mut self, knows_secret: bool) {
        let request = ShmDriverShutdownRequest {
            correlation_id: CorrelationId(1),
            reason: ShutdownReason::Admin,
            token: Token(if knows_secret { SECRET } else { GUESS }),
            error_message: None,
        };
        let mut buffer = [0; 64];
        let length = request.encode(&mut buffer).unwrap();
        let operator = self.new_owner();
        let mut control = self.net.shared_publication(CONTROL, operator);
        // Without a driver nobody hears it.
        let _ = control.offer(&buffer[..length]);
    }

    fn reboot(&mut self, clock: Duration) {
        self.fuses(Who::World).for_each(Fuse::blow);
        self.bury();
        self.net = FakeNet::new(self.dice.roll());
        self.net.advance(clock);
        self.note(Who::World, What::Booted);
    }

    fn mend(&mut self) {
        self.net.heal();
        self.net.end_gaps();
    }

    fn heal(&mut self) {
        self.mend();
        self.disk.borrow_mut().set_trouble(Trouble::None);
        self.pace = Duration::from_millis(20);
        if let Some(driver) = &mut self.driver {
            driver.set_pace(self.net.clock().now(), self.pace);
        }
        self.stalls(Who::World).for_each(Stall::end);
        self.fuses(Who::World).for_each(Fuse::put_out);
        // One that drains would be gone soon; its successor need not wait.
        if let Some(driver) = self.driver.as_ref().filter(|driver| driver.drains()) {
            driver.fuse.blow();
        }
        self.bury();
        self.start_driver();
        for at in 0..self.clients.len() {
            self.start_client(at);
        }
        self.calm_since = Some(self.now());
    }

    fn owner(&self, who: Who) -> Option<Owner> {
        match who {
            Who::World => None,
            Who::Driver => Some(self.driver.as_ref()?.owner),
            Who::Client(at) => Some(self.clients[at].as_ref()?.owner),
        }
    }

    /// The fuses of an actor, or of everybody.
    fn fuses(&self, who: Who) -> impl Iterator<Item = &Fuse> {
        let drivers = self.driver.iter().map(|driver| (Who::Driver, &driver.fuse));
        let clients = self.clients.iter().enumerate();
        let clients =
            clients.filter_map(|(at, client)| Some((Who::Client(at), &client.as_ref()?.fuse)));
        drivers
            .chain(clients)
            .filter(move |(of, _)| who == Who::World || *of == who)
            .map(|(_, fuse)| fuse)
    }

    fn stalls(&mut self, who: Who) -> impl Iterator<Item = &mut Stall> {
        let drivers = self.driver.iter_mut();
        let drivers = drivers.map(|driver| (Who::Driver, &mut driver.stall));
        let clients = self.clients.iter_mut().enumerate();
        let clients =
            clients.filter_map(|(at, client)| Some((Who::Client(at), &mut client.as_mut()?.stall)));
        drivers
            .chain(clients)
            .filter(move |(of, _)| who == Who::World || *of == who)
            .map(|(_, stall)| stall)
    }
}
