//! The conductor: single owner of everything cold in a client (client 2).
//!
//! It is a value. Its owner calls [`Conductor::do_work`] again and again, from a thread of its own or from a host loop;
//! there is no other way into its state. Roles live on the application's threads and meet it in their link only.
//!
//! One duty cycle, one reading of the clock: commands, Aeron, control and announce messages to every role, then what
//! each role has to do by itself.

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
use tp_core_nostd::proto::lease_client::LeaseConfig;
use tp_core_nostd::proto::random::Ids;
use tp_core_nostd::time::Clock;
use tp_linux_hugepages::{AllowedBases, LinuxMapper};

pub(crate) use completion::Handle;
use connection::{Connection, Progress};
use consuming::Consuming;
pub(crate) use cycle::is_in_cycle;
use producing::Producing;
use role::{Cold, Ended, Role};
use tp_core_nostd::proto::session::Cycle;

use crate::clock::SharedClock;
use crate::consumer::{Consumer, ConsumerConfig};
use crate::context::{Context, Delegate};
use crate::error::{ConfigError, Error};
use crate::link::Counter;
use crate::medium::Medium;
use crate::producer::{Producer, ProducerConfig};

/// What the application asks for.
#[derive(Debug)]
pub(crate) enum Command {
    Producer(ProducerConfig, Arc<Handle<Producer>>),
    Consumer(ConsumerConfig, Arc<Handle<Consumer>>),
    /// End when every lease was given back.
    Finish,
    /// End now.
    Close,
}

/// Shared by all handles of a client and its conductor.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Lock-free, many producers, one consumer, preallocated (C-143).
    pub(crate) commands: ArrayQueue<Command>,
    /// Messages of ours in name that did not fit (T-37).
    pub(crate) malformed: Counter,
}

/// Commands taken in one duty cycle at most (C-146); the rest waits for the next one.
const COMMANDS_PER_CYCLE: u32 = 64;

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
}

impl Conductor {
    /// The shared streams follow in the first duty cycles.
    pub(crate) fn new(
        mut context: Context,
        medium: Box<dyn Medium>,
    ) -> Result<(Self, Arc<Shared>), Error> {
        let bases = AllowedBases::new(context.allowed_dirs()).map_err(|error| {
            ConfigError::AllowedDirs(format!("an allowed directory cannot be used: {error}"))
        })?;
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
            context,
        };
        Ok((conductor, shared))
    }

    /// One duty cycle: bounded, never sleeps. Returns how much was done.
    ///
    /// # Errors
    /// What the client cannot go on after, once; then [`Error::Closed`] for ever.
    pub fn do_work(&mut self) -> Result<u32, Error> {
        if self.closed {
            return Err(Error::Closed);
        }
        let _inside = cycle::enter();
        let mut work = self.delegate.as_mut().map_or(0, |delegate| delegate());
        let mut cycle = Cycle {
            now: self.clock.now(),
            real_ns: self.clock.real_ns(),
            ids: &mut self.ids,
        };

        for _ in 0..COMMANDS_PER_CYCLE {
            let Some(command) = self.shared.commands.pop() else {
                break;
            };
            work = work.saturating_add(1);
            match command {
                Command::Producer(config, handle) => {
                    let lease = lease(&self.context, config.lease());
                    let kind = Producing::new(config, &self.context);
                    let role = Cold::new(kind, lease, &self.context, &mut cycle, handle);
                    self.roles.push(Box::new(role));
                }
                Command::Consumer(config, handle) => {
                    let lease = lease(&self.context, config.lease());
                    let kind = Consuming::new(config, &self.context, cycle.now);
                    let role = Cold::new(kind, lease, &self.context, &mut cycle, handle);
                    self.roles.push(Box::new(role));
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

        match self.connection.do_work() {
            Ok(Progress::Work(done)) => work = work.saturating_add(done),
            Ok(Progress::Reconnected) => {
                for role in &mut self.roles {
                    role.on_reconnect(&mut cycle, &self.mapper);
                }
            }
            Err(error) => {
                self.close();
                return Err(error.into());
            }
        }

        let mut driver = None;
        let (received, driver_gone) = self.connection.poll(cycle.now, |received| match received {
            Ok(inbound) => {
                for role in &mut self.roles {
                    if role.on_message(&mut cycle, &inbound, &self.mapper) {
                        driver = Some(inbound.image);
                    }
                }
            }
            Err(Ignored::Malformed(_)) => self.shared.malformed.add(1),
            Err(Ignored::Foreign | Ignored::Newer(_)) => {}
        });
        work = work.saturating_add(received);
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

/// A lease with the timings of the client.
fn lease(context: &Context, lease: LeaseConfig) -> LeaseConfig {
    LeaseConfig {
        keepalive_interval: context.keepalive_interval(),
        grace_intervals: context.lease_expiry_grace_intervals(),
        timeout: context.message_timeout(),
        ..lease
    }
}
