//! The way in: a client, the roles it hands out, and who drives it.

pub(crate) mod endpoints;
pub mod handlers;
mod joins;
mod pending;
mod poller;
mod polling;
mod thread;
mod work;

use std::sync::Arc;

use crate::aeron::{AdoptError, AeronMedium, ClientConfig, DrivenBy, HostAeron};
use crate::clock::SharedClock;
use crate::conductor::{Command, Conductor, Handle, Shared};
use crate::consumer::{Consumer, ConsumerConfig};
use crate::context::{Context, Endpoint};
use crate::error::{ConfigError, Error};
use crate::histogram::ClientHistograms;
use crate::medium::Medium;
use crate::producer::{Producer, ProducerConfig};
pub use pending::Pending;
pub use poller::Poller;
pub use thread::ConductorThread;

/// A client of one media driver and one tensor-pool driver. Cheap to clone; any thread may use it.
///
/// ```no_run
/// use tp_std::{Client, Context, ProducerConfig};
/// use tp_core_nostd::ids::StreamId;
///
/// let context = Context::new().with_aeron_dir("/dev/shm/aeron-tp")?.allow_dir("/dev/shm");
/// let (client, conductor) = Client::start(context)?;
/// let stream = StreamId::new(10_000).unwrap();
/// let producer = client.producer(ProducerConfig::new(stream))?.wait(core::time::Duration::from_secs(5))?;
/// # drop((producer, conductor));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

impl Client {
    /// A client whose conductor the caller drives, without any thread (C-008).
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Transport`].
    pub fn invoker(context: Context) -> Result<(Self, Conductor), Error> {
        let bases = context.check()?;
        let medium = match context.aeron() {
            Some(host) => AeronMedium::adopt(host).map_err(ConfigError::from)?,
            None => AeronMedium::connect(aeron_config(&context))?,
        };
        let (conductor, shared) = Conductor::new(context, bases, Box::new(medium));
        Ok((Self { shared }, conductor))
    }

    /// As [`Client::invoker`] over any medium, such as one without wall clock for tests of applications.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn over(medium: Box<dyn Medium>, context: Context) -> Result<(Self, Conductor), Error> {
        let bases = context.check()?;
        let (conductor, shared) = Conductor::new(context, bases, medium);
        Ok((Self { shared }, conductor))
    }

    /// A client whose conductor runs on a thread of its own until the returned handle is dropped or closed.
    ///
    /// # Errors
    /// As [`Client::invoker`], or no such thread can be had.
    pub fn start(context: Context) -> Result<(Self, ConductorThread), Error> {
        if context.aeron().map(HostAeron::driven_by) == Some(DrivenBy::Host) {
            return Err(ConfigError::from(AdoptError::OtherThread).into());
        }
        Self::with_thread(context, Self::invoker)
    }

    /// As [`Client::start`] over any medium.
    ///
    /// # Errors
    /// As [`Client::over`], or no such thread can be had.
    pub fn start_over(
        medium: Box<dyn Medium>,
        context: Context,
    ) -> Result<(Self, ConductorThread), Error> {
        Self::with_thread(context, |context| Self::over(medium, context))
    }

    fn with_thread(
        mut context: Context,
        make: impl FnOnce(Context) -> Result<(Self, Conductor), Error>,
    ) -> Result<(Self, ConductorThread), Error> {
        let plan = thread::Plan::of(&mut context);
        let (client, conductor) = make(context)?;
        let thread = ConductorThread::start(plan, conductor, client.shared.clone())?;
        Ok((client, thread))
    }

    /// Asks for the producer lease of a stream; the producer follows when the driver granted it and its memory is
    /// mapped. Without a driver ([`ProducerConfig::direct`]) it follows as soon as its regions are.
    ///
    /// # Errors
    /// [`Error::QueueFull`]; [`Error::Config`] for a producer without a driver whose regions are no stream's, or that asks
    /// for what only a driver grants, or for one that another driver has.
    pub fn producer(&self, config: ProducerConfig) -> Result<Pending<Producer>, Error> {
        config.check()?;
        self.check_driver(config.driver())?;
        let config = Box::new(config);
        self.ask(|handle| Command::Producer(config, handle))
    }

    /// Asks for a consumer lease of a stream; the consumer follows when the driver granted it and its memory is mapped.
    /// Without a driver ([`ConsumerConfig::direct`]) it follows when a producer announced regions that can be mapped.
    ///
    /// # Errors
    /// [`Error::QueueFull`]; [`Error::Config`] for a stream that another driver has.
    pub fn consumer(&self, config: ConsumerConfig) -> Result<Pending<Consumer>, Error> {
        self.check_driver(config.driver())?;
        self.ask(|handle| Command::Consumer(config, handle))
    }

    /// Asks for the end of the client, as closing its conductor does; any thread may, and any callback. It ends in its next
    /// duty cycle.
    ///
    /// # Errors
    /// [`Error::QueueFull`].
    pub fn close(&self) -> Result<(), Error> {
        match self.send(Command::Close) {
            // It was closed before (C-013).
            Err(Error::Closed) => Ok(()),
            sent => sent,
        }
    }

    /// Messages that claimed to be ours and did not fit, or made no sense; a peer is broken, or of another version (T-37).
    pub fn malformed_messages(&self) -> u64 {
        self.shared.malformed.get()
    }

    /// How long things took, if the context asked for that.
    pub fn histograms(&self) -> Option<&ClientHistograms> {
        self.shared.histograms.as_deref()
    }

    /// Where its driver listens.
    pub(crate) fn control(&self) -> &Endpoint {
        &self.shared.control
    }

    /// The clock it goes by.
    pub(crate) fn clock(&self) -> &SharedClock {
        &self.shared.clock
    }

    fn ask<T>(&self, command: impl FnOnce(Arc<Handle<T>>) -> Command) -> Result<Pending<T>, Error> {
        let handle = Arc::new(Handle::default());
        self.send(command(handle.clone()))?;
        Ok(Pending::new(handle))
    }

    /// A full queue is back-pressure (C-017); a closed client takes nothing (C-012).
    fn send(&self, command: Command) -> Result<(), Error> {
        self.shared.send(command)
    }
}

/// How the client's own Aeron client is to be.
fn aeron_config(context: &Context) -> ClientConfig {
    let mut config = ClientConfig::new(context.aeron_dir());
    context.client_name().clone_into(&mut config.name);
    config.driver_timeout = context.driver_timeout();
    config
}
