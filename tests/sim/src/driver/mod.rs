//! The real driver engine on the fake medium, with whatever [`Store`] has its files.

mod setup;

use core::cell::RefCell;
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::driver::{
    Driver, Event, FileOrder, FileResult, LeasePhase, LeaseStatus, Life,
};
use tp_core_nostd::time::Instant;
use tp_core_nostd::transport::{Publication, Subscription};
use tp_core_nostd::wire::driver::{Role, ShutdownReason};
use tp_tests::fake_transport::{Dice, FakeNet, FakeSubscription, Owner};

pub(crate) use self::setup::Orders;
pub use self::setup::Tables;
use crate::disk::Disk;
use crate::fact::What;
use crate::planted::{Bug, Planted};
use crate::store::Store;
use crate::wire::{Fuse, Stall, Wire};
use crate::{ANNOUNCE, CONTROL};

/// A driver process.
pub(crate) struct DriverActor<'a, S = Disk> {
    pub(crate) owner: Owner,
    pub(crate) engine: Driver<'a>,
    pub(crate) fuse: Fuse,
    pub(crate) stall: Stall,
    pub(crate) stepped_at: Instant,
    disk: Rc<RefCell<S>>,
    pace: Duration,
    inbox: FakeSubscription,
    control: Wire,
    announces: Wire,
    /// What the disk has to do, one after the other, with the times when it is done.
    orders: VecDeque<(Instant, FileOrder<'a>)>,
    planted: Planted,
    /// Streams whose next result is lost.
    lossy: BTreeSet<StreamId>,
}

/// What a new driver process finds.
pub(crate) struct Start<'a, S = Disk> {
    pub(crate) net: FakeNet,
    pub(crate) disk: Rc<RefCell<S>>,
    pub(crate) owner: Owner,
    pub(crate) tables: &'a mut Tables,
    pub(crate) seed: u64,
    pub(crate) pace: Duration,
    pub(crate) planted: Planted,
}

impl<'a, S: Store> DriverActor<'a, S> {
    pub(crate) fn start(start: Start<'a, S>, orders: &Orders<'a>) -> Self {
        let Start {
            net,
            disk,
            owner,
            tables,
            seed,
            pace,
            planted,
        } = start;
        let config = setup::config(orders, seed, planted);
        let mut engine = Driver::new(config, tables.lend()).unwrap();
        for stream in orders.streams {
            engine.add_stream(*stream, 0).unwrap();
        }
        let fuse = Fuse::default();
        disk.borrow_mut().came(owner);
        Self {
            owner,
            engine,
            stall: Stall::default(),
            stepped_at: Instant::from_ns(0),
            disk,
            pace,
            inbox: net.tethered_subscription(CONTROL, owner),
            control: Wire::new(net.publication(CONTROL, owner), &fuse, false),
            announces: Wire::new(net.publication(ANNOUNCE, owner), &fuse, false),
            fuse,
            orders: VecDeque::new(),
            planted,
            lossy: BTreeSet::new(),
        }
    }

    /// One duty cycle, in the order of the real agent.
    pub(crate) fn step(&mut self, now: Instant, facts: &mut Vec<What>) {
        let engine = &mut self.engine;
        self.inbox.image_events(&mut |_, _| {});
        self.inbox
            .poll(1000, &mut |message, _| engine.handle(now, message))
            .unwrap();
        self.file_results(now, facts);
        self.engine.tick(now);
        self.publish(now, facts);
        self.order_files(now);
    }

    fn file_results(&mut self, now: Instant, facts: &mut Vec<What>) {
        while let Some((due, order)) = self.orders.front().copied() {
            if now < due {
                return;
            }
            self.orders.pop_front();
            let mut disk = self.disk.borrow_mut();
            let result = disk.carry_out(now, self.owner, order);
            facts.extend(disk.removed().map(What::Removed));
            drop(disk);
            let Some(result) = result else { continue };
            facts.push(What::Filed(result));
            if let FileResult::Provisioned { stream, .. } = result
                && self.lossy.remove(&stream)
            {
                continue;
            }
            self.engine.handle_files(now, result);
        }
    }

    fn publish(&mut self, now: Instant, facts: &mut Vec<What>) {
        let mut buffer = [0; 4096];
        let Self {
            engine,
            control,
            announces,
            lossy,
            ..
        } = self;
        let planted = self.planted;
        while let Ok(true) = engine.transmit(now, &mut buffer, |output| {
            if !planted.lets_out(output.event) {
                return Ok(());
            }
            control.offer(output.bytes)?;
            facts.push(What::Said(planted.told(output.event)));
            if let Event::Revoked {
                stream,
                role: Role::Producer,
                ..
            } = output.event
                && planted.is(Bug::LostResult)
            {
                lossy.insert(stream);
            }
            Ok::<_, tp_core_nostd::transport::SendError>(())
        }) {}
        while let Ok(true) = engine.announce(now, &mut buffer, |output| {
            announces.offer(output.bytes)?;
            facts.push(What::Said(output.event));
            Ok::<_, tp_core_nostd::transport::SendError>(())
        }) {}
    }

    fn order_files(&mut self, now: Instant) {
        let Self {
            engine,
            orders,
            disk,
            fuse,
            owner,
            pace,
            ..
        } = self;
        while let Ok(true) = engine.order(now, |order| {
            if !fuse.burn() {
                return Err(());
            }
            if let FileOrder::RefreshActivity { .. } = order {
                disk.borrow_mut().carry_out(now, *owner, order);
            } else {
                let begins = orders.back().map_or(now, |(due, _)| *due);
                orders.push_back((begins.max(now).after(*pace), order));
            }
            Ok(())
        }) {}
    }

    /// File orders take so long, those under way included if that is less.
    pub(crate) fn set_pace(&mut self, now: Instant, pace: Duration) {
        self.pace = pace;
        let mut done = now;
        for (due, _) in &mut self.orders {
            done = done.after(pace);
            *due = done.min(*due);
        }
    }

    pub(crate) fn stop(&mut self, now: Instant, grace: Duration) {
        self.engine.stop(now, ShutdownReason::Normal, grace);
    }

    /// The leases that its clients may rely on.
    pub(crate) fn in_force(&self) -> impl Iterator<Item = LeaseStatus> {
        let leases = self.engine.leases();
        leases.filter(|lease| lease.phase == LeasePhase::Active)
    }

    /// Whether the process has nothing left to do.
    pub(crate) fn has_left(&self) -> bool {
        self.engine.life() == Life::Stopped
    }

    /// Whether it is on its way out.
    pub(crate) fn drains(&self) -> bool {
        self.engine.life() != Life::Running
    }

    /// The process is gone; what the disk was doing for it is done or not. One that leaves in peace waits for the disk.
    pub(crate) fn die(&mut self, now: Instant, dice: &mut Dice) {
        let in_peace = self.has_left();
        let mut disk = self.disk.borrow_mut();
        for (_, order) in self.orders.drain(..) {
            if in_peace {
                disk.carry_out(now, self.owner, order);
            } else {
                disk.interrupted(now, self.owner, order, dice);
                break;
            }
        }
        disk.went(self.owner, dice);
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        let files = self.orders.front().map_or(Instant::NEVER, |(due, _)| *due);
        self.engine.poll_timeout().min(files)
    }
}
