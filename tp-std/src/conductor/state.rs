//! Everything cold that a client owns, and what one duty cycle does with it.

use std::sync::Arc;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::dispatch::{Ignored, Message};
use tp_core_nostd::proto::session::{Cycle, Inbound};
use tp_linux_hugepages::{AllowedBases, LinuxMapper};

use super::adds::Adds;
use super::command::{self, Command};
use super::connection::{Connection, Progress};
use super::items::Items;
use super::listeners::Listeners;
use super::maps::Maps;
use super::role::{Ended, Role};
use super::shared::Shared;
use crate::client::handlers::{Heard, StreamUse};
use crate::context::Context;
use crate::error::Error;
use crate::log::Seldom;
use crate::medium::Medium;

#[derive(Debug)]
pub(super) struct State {
    context: Context,
    shared: Arc<Shared>,
    connection: Connection,
    mapper: LinuxMapper,
    roles: Vec<Box<dyn Role>>,
    adds: Adds,
    listeners: Listeners,
    maps: Maps,
    items: Items,
    /// It ends with its last role.
    finishing: bool,
    misfits_said: Seldom,
}

impl State {
    pub(super) fn new(
        context: Context,
        bases: AllowedBases,
        medium: Box<dyn Medium>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            connection: Connection::new(medium, &context),
            shared,
            mapper: LinuxMapper {
                bases,
                permissions: context.shm_permissions(),
                residency: context.residency(),
            },
            roles: Vec::new(),
            adds: Adds::default(),
            listeners: Listeners::default(),
            maps: Maps::new(context.merge_map_announce_period()),
            items: Items::default(),
            finishing: false,
            misfits_said: Seldom::new(),
            context,
        }
    }

    /// One duty cycle; returns how much was done.
    ///
    /// # Errors
    /// The client ends.
    pub(super) fn work(&mut self, cycle: &mut Cycle<'_>) -> Result<u32, Error> {
        let asked = self.obey(cycle)?;
        let driven = self.connect(cycle)?;
        let added = self.adds.poll(self.connection.medium());
        let heard = self.listen(cycle);
        let tended = self.tend(cycle);
        if self.finishing && self.roles.is_empty() {
            return Err(Error::Closed);
        }
        let work = [asked, driven, added, heard, tended];
        Ok(work.into_iter().fold(0, u32::saturating_add))
    }

    /// What the application asked for.
    fn obey(&mut self, cycle: &mut Cycle<'_>) -> Result<u32, Error> {
        let mut asked = 0;
        while asked < self.context.budgets().commands {
            let Some(command) = self.shared.commands.pop() else {
                break;
            };
            asked = asked.saturating_add(1);
            match command {
                Command::Producer(config, handle) => {
                    let role = command::producer(*config, handle, &self.context, cycle);
                    self.roles.push(role);
                }
                Command::Consumer(config, handle) => {
                    let role = command::consumer(config, handle, &self.context, cycle);
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
                        role.finish(cycle);
                    }
                }
                Command::Close => return Err(Error::Closed),
            }
        }
        Ok(asked)
    }

    /// The medium's own duty cycle, and coming back where it gave us up.
    fn connect(&mut self, cycle: &mut Cycle<'_>) -> Result<u32, Error> {
        match self.connection.do_work(cycle.now) {
            Ok(Progress::Work(done)) => Ok(done),
            Ok(Progress::Reconnected) => {
                self.adds.on_reconnect();
                for role in &mut self.roles {
                    role.on_reconnect(cycle, &self.mapper);
                }
                Ok(0)
            }
            Err(error) => {
                for role in &mut self.roles {
                    role.orphan(cycle, &mut self.connection);
                }
                self.roles.clear();
                Err(error.into())
            }
        }
    }

    /// What arrived on the shared streams.
    fn listen(&mut self, cycle: &mut Cycle<'_>) -> u32 {
        let Self {
            connection,
            roles,
            mapper,
            maps,
            listeners,
            ..
        } = self;
        let now = cycle.now;
        let (mut driver, mut misfits) = (None, 0_u64);
        let mut hear = |inbound: &Inbound<'_>| {
            for role in roles.iter_mut() {
                if role.on_message(cycle, inbound, mapper) {
                    driver = Some(inbound.image);
                }
                tell_news(role.as_mut(), listeners);
            }
            maps.hear(inbound.message);
            if !listeners.is_empty() {
                let used = use_of(&inbound.message, roles);
                listeners.tell(Heard::Message(inbound.message, used));
            }
        };
        let (received, driver_gone) = connection.poll(now, |received| match received {
            Ok(inbound) => {
                misfits = misfits.saturating_add(u64::from(!inbound.message.makes_sense()));
                hear(&inbound);
            }
            Err(Ignored::Malformed(_)) => misfits = misfits.saturating_add(1),
            Err(Ignored::Foreign | Ignored::Newer(_)) => {}
        });
        self.shared.malformed.add(misfits);
        if let Some(count) = self.misfits_said.happened(now, misfits) {
            tracing::warn!(
                count,
                "messages do not fit their schema, or make no sense; a peer is broken, or of another version"
            );
        }
        if driver_gone {
            for role in &mut self.roles {
                role.on_driver_lost(cycle, &self.mapper);
            }
            self.connection.subscribe_again();
        }
        if driver.is_some() {
            self.connection.driver = driver;
        }
        received
    }

    /// What is to be done without being asked.
    fn tend(&mut self, cycle: &mut Cycle<'_>) -> u32 {
        let mut work = 0_u32;
        self.roles.retain_mut(|role| {
            let worked = role.do_work(cycle, &mut self.connection, &self.mapper);
            tell_news(role.as_mut(), &mut self.listeners);
            match worked {
                Ok(done) => {
                    work = work.saturating_add(done);
                    true
                }
                Err(Ended) => {
                    role.close(cycle, &mut self.connection);
                    false
                }
            }
        });
        let roles = &self.roles;
        let produced = |stream| epoch_produced(stream, roles);
        let told = self.maps.tend(cycle.now, &mut self.connection, produced);
        self.listeners.collect();
        let items = self.items.do_work(cycle.now);
        work.saturating_add(told).saturating_add(items)
    }

    /// Stops every role and gives the leases back as far as one message each does that.
    pub(super) fn close(&mut self, cycle: &mut Cycle<'_>) {
        for role in &mut self.roles {
            role.close(cycle, &mut self.connection);
        }
        self.roles.clear();
        self.adds.close();
        self.shared.close();
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
