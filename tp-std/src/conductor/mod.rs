//! The conductor: single owner of everything cold in a client (client 2).
//!
//! It is a value. Its owner calls [`Conductor::do_work`] again and again, from a thread of its own or from a host loop;
//! there is no other way into its state. Roles live on the application's threads and meet it in their link only.
//!
//! One duty cycle, one reading of the clock: commands, Aeron, control and announce messages to every role, then what
//! each role has to do by itself.

mod command;
mod completion;
mod connection;
mod consuming;
mod cycle;
mod producing;
mod retired;
mod role;

use std::sync::Arc;

use crossbeam_queue::ArrayQueue;
use tp_core_nostd::agent::Agent;
use tp_core_nostd::proto::dispatch::Ignored;
use tp_core_nostd::proto::random::Ids;
use tp_core_nostd::time::Clock;
use tp_linux_hugepages::{AllowedBases, LinuxMapper};

pub(crate) use command::Command;
pub(crate) use completion::Handle;
use connection::{Connection, Progress};
pub(crate) use cycle::is_in_cycle;
use role::{Ended, Role};
use tp_core_nostd::proto::session::Cycle;

use crate::clock::SharedClock;
use crate::context::{Context, Delegate};
use crate::error::Error;
use crate::link::Counter;
use crate::log::{Hook, Seldom};
use crate::medium::Medium;

/// Shared by all handles of a client and its conductor.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Lock-free, many producers, one consumer, preallocated (C-143).
    pub(crate) commands: ArrayQueue<Command>,
    /// Messages of ours in name that did not fit (T-37).
    pub(crate) malformed: Counter,
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
        });
        let delegate = context.take_delegate();
        let conductor = Self {
            connection: Connection::new(medium, &context),
            clock: context.clock().clone(),
            shared: shared.clone(),
            mapper: LinuxMapper {
                bases,
                permissions: context.shm_permissions(),
                ..LinuxMapper::default()
            },
            ids: Ids::seeded(context.seed().unwrap_or_else(crate::seed::random_seed)),
            roles: Vec::new(),
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
        log.within(|| self.cycle())
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
                    let role = command::producer(config, handle, &self.context, &mut cycle);
                    self.roles.push(role);
                }
                Command::Consumer(config, handle) => {
                    let role = command::consumer(config, handle, &self.context, &mut cycle);
                    self.roles.push(role);
                }
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

        let (mut driver, mut misfits) = (None, 0_u64);
        let (received, driver_gone) = self.connection.poll(cycle.now, |received| match received {
            Ok(inbound) => {
                for role in &mut self.roles {
                    if role.on_message(&mut cycle, &inbound, &self.mapper) {
                        driver = Some(inbound.image);
                    }
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
                "messages do not fit their schema; a peer is broken, or of another version"
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
            match role.do_work(&mut cycle, &mut self.connection, &self.mapper) {
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
        let mut cycle = Cycle {
            now: self.clock.now(),
            real_ns: None,
            ids: &mut self.ids,
        };
        for role in &mut self.roles {
            role.close(&mut cycle, &mut self.connection);
        }
        self.roles.clear();
        while let Some(command) = self.shared.commands.pop() {
            match command {
                Command::Producer(_, handle) => handle.fail(Error::Closed),
                Command::Consumer(_, handle) => handle.fail(Error::Closed),
                Command::Finish | Command::Close => {}
            }
        }
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
