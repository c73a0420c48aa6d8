//! The conductor: single owner of everything cold in a client (client 2).
//!
//! It is a value. Its owner calls [`Conductor::do_work`] again and again, from a thread of its own or from a host loop;
//! there is no other way into its state. Roles live on the application's threads and meet it in their link only.
//!
//! One duty cycle, one reading of the clock: commands, Aeron, control and announce messages to every role, then what
//! each role has to do by itself.

mod adds;
mod attaching;
mod command;
mod completion;
mod connection;
mod consuming;
mod cycle;
#[cfg(test)]
mod fake_medium;
mod items;
mod listeners;
mod maps;
mod news;
mod producing;
mod punctuality;
mod retired;
mod role;

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use crossbeam_queue::ArrayQueue;
use tp_core_nostd::agent::Agent;
use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::dispatch::{Ignored, Message};
use tp_core_nostd::proto::random::Ids;
use tp_core_nostd::time::Clock;
use tp_linux_hugepages::{AllowedBases, LinuxMapper};

use adds::Adds;
pub(crate) use adds::Wish;
pub(crate) use command::Command;
pub(crate) use completion::Handle;
use connection::{Connection, Progress};
pub(crate) use cycle::is_in_cycle;
pub(crate) use items::Item;
use items::Items;
use listeners::Listeners;
use maps::Maps;
pub(crate) use maps::{Join, Own};
use role::{Ended, Role};
use tp_core_nostd::proto::session::Cycle;

use crate::client::handlers::{Heard, StreamUse};
use crate::clock::SharedClock;
use crate::context::{Context, Delegate, Endpoint};
use crate::error::Error;
use crate::histogram::ClientHistograms;
use crate::link::Counter;
use crate::log::{Hook, Seldom};
use crate::medium::Medium;

/// Shared by all handles of a client and its conductor.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Lock-free, many producers, one consumer, preallocated (C-143).
    pub(crate) commands: ArrayQueue<Command>,
    /// Messages of ours in name that did not fit (T-37), or made no sense (C-151).
    pub(crate) malformed: Counter,
    pub(crate) control: Endpoint,
    /// What joins and questions go by, too.
    pub(crate) clock: SharedClock,
    pub(crate) histograms: Option<Arc<ClientHistograms>>,
    closed: AtomicBool,
}

impl Shared {
    /// Asks the conductor for something.
    ///
    /// # Errors
    /// [`Error::QueueFull`], or [`Error::Closed`] when there is no conductor any more.
    pub(crate) fn send(&self, command: Command) -> Result<(), Error> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::Closed);
        }
        self.commands.push(command).map_err(|_| Error::QueueFull)?;
        // Whoever comes second, this or the end of the conductor, sees what the other one did.
        if self.closed.load(Ordering::SeqCst) {
            self.refuse_all();
        }
        Ok(())
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.refuse_all();
    }

    fn refuse_all(&self) {
        while let Some(command) = self.commands.pop() {
            command.refuse();
        }
    }
}

/// Owner of a client's state; see the module.
pub struct Conductor {
    context: Context,
    clock: SharedClock,
    shared: Arc<Shared>,
    connection: Connection,
    mapper: LinuxMapper,
    ids: Ids,
    roles: Vec<Box<dyn Role>>,
    adds: Adds,
    listeners: Listeners,
    maps: Maps,
    items: Items,
    delegate: Option<Delegate>,
    /// It ends with its last role.
    finishing: bool,
    closed: bool,
    log: Hook,
    misfits_said: Seldom,
}

impl Conductor {
    /// The shared streams follow in the first duty cycles.
    pub(crate) fn new(
        mut context: Context,
        bases: AllowedBases,
        medium: Box<dyn Medium>,
    ) -> (Self, Arc<Shared>) {
        let shared = Arc::new(Shared {
            commands: ArrayQueue::new(context.command_queue_capacity()),
            malformed: Counter::default(),
            control: context.control().clone(),
            clock: context.clock().clone(),
            histograms: context.histograms().cloned(),
            closed: AtomicBool::new(false),
        });
        let delegate = context.take_delegate();
        let conductor = Self {
            connection: Connection::new(medium, &context),
            clock: context.clock().clone(),
            shared: shared.clone(),
            mapper: LinuxMapper {
                bases,
                permissions: context.shm_permissions(),
                residency: context.residency(),
            },
            ids: Ids::seeded(context.seed().unwrap_or_else(crate::seed::random_seed)),
            roles: Vec::new(),
            adds: Adds::default(),
            listeners: Listeners::default(),
            maps: Maps::new(context.merge_map_announce_period()),
            items: Items::default(),
            delegate,
            finishing: false,
            closed: false,
            log: context.log_hook(),
            misfits_said: Seldom::new(),
            context,
        };
        (conductor, shared)
    }

    /// One duty cycle: bounded, never sleeps. Returns how much was done.
    ///
    /// # Errors
    /// What the client cannot go on after, once; then [`Error::Closed`] for ever.
    pub fn do_work(&mut self) -> Result<u32, Error> {
        if self.closed {
            return Err(Error::Closed);
        }
        let log = self.log.clone();
        log.within(|| self.measured())
    }

    fn measured(&mut self) -> Result<u32, Error> {
        let Some(histograms) = self.shared.histograms.clone() else {
            return self.cycle();
        };
        let begun = self.clock.now();
        let done = self.cycle();
        histograms.cycle.record(self.clock.now().since(begun));
        done
    }

    fn cycle(&mut self) -> Result<u32, Error> {
        let _inside = cycle::enter();
        let mut work = self.delegate.as_mut().map_or(0, |delegate| delegate());
        let mut cycle = Cycle {
            now: self.clock.now(),
            real_ns: self.clock.real_ns(),
            ids: &mut self.ids,
        };

        let mut asked = 0;
        while asked < self.context.budgets().commands {
            let Some(command) = self.shared.commands.pop() else {
                break;
            };
            asked = asked.saturating_add(1);
            match command {
                Command::Producer(config, handle) => {
                    let role = command::producer(*config, handle, &self.context, &mut cycle);
                    self.roles.push(role);
                }
                Command::Consumer(config, handle) => {
                    let role = command::consumer(config, handle, &self.context, &mut cycle);
                    self.roles.push(role);
                }
                Command::AddPublication(wish) => self.adds.publication(wish),
                Command::AddSubscription(wish) => self.adds.subscription(wish),
                Command::Listen(listening) => {
                    self.connection.listen_to(listening.stream);
                    self.listeners.add(listening);
                }
                Command::Work(item) => self.items.add(item),
                Command::Join(join) => self.maps.add_join(join),
                Command::AnnounceMap(own) => self.maps.add_own(own),
                Command::Finish => {
                    self.finishing = true;
                    for role in &mut self.roles {
                        role.finish(&mut cycle);
                    }
                }
                Command::Close => {
                    self.close();
                    return Err(Error::Closed);
                }
            }
        }
        work = work.saturating_add(asked);

        match self.connection.do_work(cycle.now) {
            Ok(Progress::Work(done)) => work = work.saturating_add(done),
            Ok(Progress::Reconnected) => {
                self.adds.on_reconnect();
                for role in &mut self.roles {
                    role.on_reconnect(&mut cycle, &self.mapper);
                }
            }
            Err(error) => {
                for role in &mut self.roles {
                    role.orphan(&mut cycle, &mut self.connection);
                }
                self.roles.clear();
                self.close();
                return Err(error.into());
            }
        }

        work = work.saturating_add(self.adds.poll(self.connection.medium()));

        let (mut driver, mut misfits) = (None, 0_u64);
        let (received, driver_gone) = self.connection.poll(cycle.now, |received| match received {
            Ok(inbound) => {
                misfits = misfits.saturating_add(u64::from(!inbound.message.makes_sense()));
                for role in &mut self.roles {
                    if role.on_message(&mut cycle, &inbound, &self.mapper) {
                        driver = Some(inbound.image);
                    }
                    tell_news(role.as_mut(), &mut self.listeners);
                }
                self.maps.hear(inbound.message);
                if !self.listeners.is_empty() {
                    let used = use_of(&inbound.message, &self.roles);
                    self.listeners.tell(Heard::Message(inbound.message, used));
                }
            }
            Err(Ignored::Malformed(_)) => misfits = misfits.saturating_add(1),
            Err(Ignored::Foreign | Ignored::Newer(_)) => {}
        });
        work = work.saturating_add(received);
        self.shared.malformed.add(misfits);
        if let Some(count) = self.misfits_said.happened(cycle.now, misfits) {
            tracing::warn!(
                count,
                "messages do not fit their schema, or make no sense; a peer is broken, or of another version"
            );
        }
        if driver_gone {
            for role in &mut self.roles {
                role.on_driver_lost(&mut cycle, &self.mapper);
            }
            self.connection.subscribe_again();
        }
        if driver.is_some() {
            self.connection.driver = driver;
        }

        self.roles.retain_mut(|role| {
            let worked = role.do_work(&mut cycle, &mut self.connection, &self.mapper);
            tell_news(role.as_mut(), &mut self.listeners);
            match worked {
                Ok(done) => {
                    work = work.saturating_add(done);
                    true
                }
                Err(Ended) => {
                    role.close(&mut cycle, &mut self.connection);
                    false
                }
            }
        });
        let roles = &self.roles;
        let tended = self.maps.tend(cycle.now, &mut self.connection, |stream| {
            epoch_produced(stream, roles)
        });
        work = work.saturating_add(tended);
        self.listeners.collect();
        work = work.saturating_add(self.items.do_work(cycle.now));
        if self.finishing && self.roles.is_empty() {
            self.close();
            return Err(Error::Closed);
        }
        Ok(work)
    }

    /// Stops every role and gives the leases back as far as one message each does that; never waits (C-013).
    pub fn close(&mut self) {
        if core::mem::replace(&mut self.closed, true) {
            return;
        }
        let log = self.log.clone();
        log.within(|| self.end());
    }

    /// Where its lines go.
    pub(crate) const fn log(&self) -> &Hook {
        &self.log
    }

    fn end(&mut self) {
        let mut cycle = Cycle {
            now: self.clock.now(),
            real_ns: None,
            ids: &mut self.ids,
        };
        for role in &mut self.roles {
            role.close(&mut cycle, &mut self.connection);
        }
        self.roles.clear();
        self.adds.close();
        self.shared.close();
    }
}

impl core::fmt::Debug for Conductor {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Conductor")
            .field("context", &self.context)
            .field("connection", &self.connection)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

impl Drop for Conductor {
    fn drop(&mut self) {
        self.close();
    }
}

impl Agent for Conductor {
    type Error = Error;

    fn do_work(&mut self) -> Result<u32, Error> {
        Self::do_work(self)
    }

    fn on_close(&mut self) {
        self.close();
    }

    fn role_name(&self) -> &'static str {
        "tp-conductor"
    }
}

/// Tells the handlers what became of a role's lease; without any it is forgotten.
fn tell_news(role: &mut dyn Role, listeners: &mut Listeners) {
    while let Some(news) = role.take_news() {
        listeners.tell(Heard::Lease(&news));
    }
}

/// The epoch in which the client itself produces a stream.
fn epoch_produced(stream: StreamId, roles: &[Box<dyn Role>]) -> Option<Epoch> {
    let mut producers = roles.iter().filter(|role| role.is_producer());
    producers
        .find(|role| role.stream() == stream)?
        .mapped_epoch()
}

/// What the roles of the client make of an announced stream.
fn use_of(message: &Message<'_>, roles: &[Box<dyn Role>]) -> StreamUse {
    let Message::ShmPoolAnnounce(view) = message else {
        return StreamUse::None;
    };
    let stream = view.block.stream_id.get();
    let ours = roles.iter().filter(|role| role.stream().get() == stream);
    ours.fold(StreamUse::None, |used, role| {
        match (used, role.mapped_epoch()) {
            (StreamUse::Mapped(_), None) => used,
            (_, Some(epoch)) => StreamUse::Mapped(epoch),
            (_, None) => StreamUse::Unmapped,
        }
    })
}
