//! The way in: a client, the roles it hands out, and who drives it.

use core::task::Poll;
use core::time::Duration;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tp_core_nostd::agent::IdleStrategy;

use crate::conductor::{Command, Conductor, Handle, Shared};
use crate::consumer::{Consumer, ConsumerConfig};
use crate::context::Context;
use crate::error::Error;
use crate::idle::SleepingIdle;
use crate::producer::{Producer, ProducerConfig};

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
        let (conductor, shared) = Conductor::new(context)?;
        Ok((Self { shared }, conductor))
    }

    /// A client whose conductor runs on a thread of its own until the returned handle is dropped or closed.
    ///
    /// # Errors
    /// As [`Client::invoker`].
    pub fn start(context: Context) -> Result<(Self, ConductorThread), Error> {
        let mut idle = SleepingIdle::new(context.idle_sleep());
        let (client, mut conductor) = Self::invoker(context)?;
        let run = move || loop {
            match conductor.do_work() {
                Ok(work) => idle.idle(work),
                Err(Error::Closed) => return None,
                Err(error) => {
                    tracing::error!(%error, "the client ended");
                    return Some(error);
                }
            }
        };
        let spawned = thread::Builder::new()
            .name("tp-conductor".into())
            .spawn(run);
        let thread = spawned.map_err(|_| Error::Closed)?;
        let shared = client.shared.clone();
        Ok((
            client,
            ConductorThread {
                shared,
                thread: Some(thread),
            },
        ))
    }

    /// Asks for the producer lease of a stream; the producer follows when the driver granted it and its memory is
    /// mapped.
    ///
    /// # Errors
    /// [`Error::QueueFull`].
    pub fn producer(&self, config: ProducerConfig) -> Result<Pending<Producer>, Error> {
        self.ask(|handle| Command::Producer(config, handle))
    }

    /// Asks for a consumer lease of a stream; the consumer follows when the driver granted it and its memory is mapped.
    ///
    /// # Errors
    /// [`Error::QueueFull`].
    pub fn consumer(&self, config: ConsumerConfig) -> Result<Pending<Consumer>, Error> {
        self.ask(|handle| Command::Consumer(config, handle))
    }

    /// Messages that claimed to be ours and did not fit; a peer is broken, or of another version (T-37).
    pub fn malformed_messages(&self) -> u64 {
        self.shared.malformed.get()
    }

    fn ask<T>(&self, command: impl FnOnce(Arc<Handle<T>>) -> Command) -> Result<Pending<T>, Error> {
        let handle = Arc::new(Handle::default());
        self.shared
            .commands
            .push(command(handle.clone()))
            .map_err(|_| Error::QueueFull)?;
        Ok(Pending {
            handle,
            done: false,
        })
    }
}

/// A role on its way. Dropping it takes the wish back.
#[derive(Debug)]
pub struct Pending<T> {
    handle: Arc<Handle<T>>,
    done: bool,
}

impl<T> Pending<T> {
    /// Whether it is there. Never waits; drive the conductor between two calls.
    ///
    /// # Errors
    /// Why it cannot be had; final.
    pub fn poll(&mut self) -> Poll<Result<T, Error>> {
        let polled = self.handle.poll();
        self.done |= polled.is_ready();
        polled
    }

    /// Waits for a role of a client whose conductor runs elsewhere.
    ///
    /// # Errors
    /// Why it cannot be had, or [`Error::Timeout`].
    pub fn wait(self, timeout: Duration) -> Result<T, Error> {
        self.wait_driving(timeout, || {
            thread::sleep(Duration::from_millis(1));
            Ok(())
        })
    }

    /// Waits for a role while driving its conductor.
    ///
    /// # Errors
    /// Why it cannot be had, what the conductor met, or [`Error::Timeout`].
    pub fn wait_with(self, conductor: &mut Conductor, timeout: Duration) -> Result<T, Error> {
        let mut idle = SleepingIdle::new(Duration::from_millis(1));
        self.wait_driving(timeout, || {
            idle.idle(conductor.do_work()?);
            Ok(())
        })
    }

    fn wait_driving(
        mut self,
        timeout: Duration,
        mut drive: impl FnMut() -> Result<(), Error>,
    ) -> Result<T, Error> {
        let started = Instant::now();
        loop {
            if let Poll::Ready(outcome) = self.poll() {
                return outcome;
            }
            if started.elapsed() > timeout {
                return Err(Error::Timeout);
            }
            drive()?;
        }
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        if !self.done {
            self.handle.cancel();
        }
    }
}

/// The thread of a conductor. Dropping it ends the client and waits for the thread.
#[derive(Debug)]
pub struct ConductorThread {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Option<Error>>>,
}

impl ConductorThread {
    /// Whether the client ended by itself, as when the media driver is gone; [`Self::close`] says why.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends the client: leases are given back, endpoints closed. Idempotent with dropping.
    ///
    /// # Errors
    /// What ended the client before.
    pub fn close(mut self) -> Result<(), Error> {
        self.join().map_or(Ok(()), Err)
    }

    fn join(&mut self) -> Option<Error> {
        let thread = self.thread.take()?;
        // A full queue is being emptied by the conductor.
        while !thread.is_finished() && self.shared.commands.push(Command::Close).is_err() {
            thread::sleep(Duration::from_millis(1));
        }
        thread.join().unwrap_or(Some(Error::Closed))
    }
}

impl Drop for ConductorThread {
    fn drop(&mut self) {
        let _ = self.join();
    }
}
