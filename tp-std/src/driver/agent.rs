//! The duty cycle of a driver: everything received goes into the engine, everything it says goes out.

use core::time::Duration;

use tp_core_nostd::agent::Agent;
use tp_core_nostd::proto::driver::{
    Counters, Driver, Event, LeaseStatus, Life, Output, StreamStatus,
};
use tp_core_nostd::time::{Clock, Instant};
use tp_core_nostd::transport::{Publication, SendError, Subscription};
use tp_core_nostd::wire::driver::ShutdownReason;
use tracing::{debug, info, warn};

use super::error::DriverError;
use super::files::Files;
use super::status::{Cycles, Facts, StatusDesk};
use super::strays::Strays;
use super::tables::DriverTables;

/// Messages read at a time, and in one duty cycle at most: as many attaches as a millisecond is enough for.
const BATCH: u32 = 64;
const MESSAGES_PER_CYCLE: u32 = 256;
/// Outputs of each kind in one duty cycle at most.
const OUTPUTS_PER_CYCLE: u32 = 256;
/// Room for every message: what one publication of 4 MiB terms takes, and more than 17 of the longest URIs.
const BUFFER_BYTES: usize = 128 << 10;

/// A driver with its connections. `P` publishes, `S` subscribes, `C` tells the time.
#[derive(Debug)]
pub struct DriverAgent<'t, P, S, C> {
    engine: Driver<'t>,
    control: P,
    announce: P,
    requests: S,
    status: Option<StatusDesk<P, S>>,
    facts: Facts<'t>,
    files: Files,
    strays: Option<Strays>,
    clock: C,
    buffer: Vec<u8>,
    remove_files: bool,
    /// When everything received had last been read.
    caught_up_at: Instant,
    lifetime: Duration,
}

impl<'t, P, S, C> DriverAgent<'t, P, S, C>
where
    P: Publication,
    S: Subscription,
    C: Clock + Clone + Send + 'static,
{
    /// A driver that says on `control` and `announce` what it has to say, and hears `requests`, which must not lose
    /// messages. It alone may publish on these two (D-155).
    ///
    /// # Errors
    /// The engine refuses the configuration, or the thread for files cannot be started.
    pub fn new(
        tables: &'t mut DriverTables<'_>,
        control: P,
        announce: P,
        requests: S,
        clock: C,
    ) -> Result<Self, DriverError> {
        let config = tables.config();
        let files = Files::start(tables.tree().clone(), config.shm.residency, clock.clone())?;
        let strays = Strays::find(tables, clock.now());
        let facts = Facts {
            config,
            cycles: Cycles::default(),
        };
        Ok(Self {
            engine: tables.engine()?,
            control,
            announce,
            requests,
            status: None,
            facts,
            files,
            strays,
            caught_up_at: clock.now(),
            clock,
            buffer: vec![0; BUFFER_BYTES],
            remove_files: config.shm.cleanup_on_exit,
            lifetime: config
                .keepalive_interval
                .saturating_mul(config.expiry_grace_intervals),
        })
    }

    /// The same driver, which also answers on `answers` what is asked about it on `questions`, both on a stream that is
    /// for nothing else.
    #[must_use]
    pub fn with_status(mut self, answers: P, questions: S) -> Self {
        self.status = Some(StatusDesk::new(answers, questions));
        self
    }

    /// Stops: attaches are refused from now on, and after `grace` the shutdown notice goes out (D-150).
    pub fn stop(&mut self, reason: ShutdownReason, grace: Duration) {
        info!(?reason, ?grace, "stopping");
        self.engine.stop(self.clock.now(), reason, grace);
    }

    /// Whether the shutdown notice went out.
    pub fn is_stopped(&self) -> bool {
        self.engine.life() == Life::Stopped
    }

    /// What was done so far.
    pub fn counters(&self) -> &Counters {
        self.engine.counters()
    }

    /// The leases in force.
    pub fn leases(&self) -> impl Iterator<Item = LeaseStatus> {
        self.engine.leases()
    }

    /// The streams.
    pub fn streams(&self) -> impl Iterator<Item = StreamStatus<'_>> {
        self.engine.streams()
    }

    /// Hands everything received to the engine.
    fn receive(&mut self, now: Instant) -> Result<u32, DriverError> {
        let engine = &mut self.engine;
        self.requests.image_events(&mut |_, _| {});
        let mut received = 0_u32;
        while received < MESSAGES_PER_CYCLE {
            let polled = self
                .requests
                .poll(BATCH, &mut |message, _| engine.handle(now, message))
                .map_err(DriverError::Poll)?;
            if polled == 0 {
                self.caught_up_at = now;
                break;
            }
            received = received.saturating_add(polled);
        }
        Ok(received)
    }

    fn file_results(&mut self, now: Instant) -> Result<u32, DriverError> {
        let mut results = 0_u32;
        while let Some(result) = self.files.next()? {
            self.engine.handle_files(now, result);
            results = results.saturating_add(1);
        }
        Ok(results)
    }

    /// Expiries are judged only when all keepalives that had arrived were read (D-216); except in a flood that goes on for
    /// a whole lease's life, or it could keep dead leases for ever.
    fn expire(&mut self, now: Instant) -> u32 {
        if now.since(self.caught_up_at) > self.lifetime || self.caught_up_at == now {
            self.engine.tick(now)
        } else {
            0
        }
    }

    fn publish(&mut self, now: Instant) -> Result<u32, DriverError> {
        let mut sent = 0_u32;
        let control = &mut self.control;
        while sent < OUTPUTS_PER_CYCLE {
            let engine = &mut self.engine;
            let result = engine.transmit(now, &mut self.buffer, |output| {
                offer(control, "control", &output)
            });
            match go_on(result)? {
                true => sent = sent.saturating_add(1),
                false => break,
            }
        }
        let announce = &mut self.announce;
        let most = sent.saturating_add(OUTPUTS_PER_CYCLE);
        while sent < most {
            let engine = &mut self.engine;
            let result = engine.announce(now, &mut self.buffer, |output| {
                match offer(announce, "announce", &output) {
                    // Nobody listens; the next announce is for whoever does by then.
                    Err(Refused::NotConnected) => Ok(()),
                    other => other,
                }
            });
            match go_on(result)? {
                true => sent = sent.saturating_add(1),
                false => break,
            }
        }
        Ok(sent)
    }

    fn sweep(&mut self, now: Instant) -> Result<(), DriverError> {
        if let Some(strays) = self.strays.take_if(|strays| strays.are_due(now)) {
            let used = self.engine.streams().map(|stream| stream.stream).collect();
            let (streams, keep) = strays.except(&used);
            self.files.sweep(streams, keep)?;
        }
        Ok(())
    }

    fn order_files(&mut self, now: Instant) -> Result<u32, DriverError> {
        let mut orders = 0_u32;
        let files = &mut self.files;
        while orders < OUTPUTS_PER_CYCLE
            && self.engine.order(now, |order| files.order(now, order))?
        {
            orders = orders.saturating_add(1);
        }
        Ok(orders)
    }

    fn tell(&mut self, now: Instant) -> u32 {
        match &mut self.status {
            Some(desk) => desk.do_work(now, &self.engine, self.facts),
            None => 0,
        }
    }

    fn close(&mut self) {
        if !self.is_stopped() {
            let now = self.clock.now();
            self.engine
                .stop(now, ShutdownReason::Normal, Duration::ZERO);
            if let Err(error) = self.publish(now) {
                warn!(%error, "no goodbye");
            }
        }
        self.files.finish(self.remove_files);
        debug!(counters = ?self.counters(), "closed");
    }
}

impl<P, S, C> Agent for DriverAgent<'_, P, S, C>
where
    P: Publication,
    S: Subscription,
    C: Clock + Clone + Send + 'static,
{
    type Error = DriverError;

    fn do_work(&mut self) -> Result<u32, DriverError> {
        let now = self.clock.now();
        let mut work = self.receive(now)?;
        work = work.saturating_add(self.file_results(now)?);
        work = work.saturating_add(self.expire(now));
        work = work.saturating_add(self.publish(now)?);
        work = work.saturating_add(self.order_files(now)?);
        self.sweep(now)?;
        work = work.saturating_add(self.tell(now));
        // For operators only; what a cycle decides, it decides by one reading of the clock (C-161).
        self.facts.cycles.count(self.clock.now().since(now));
        Ok(work)
    }

    fn on_close(&mut self) {
        self.close();
    }

    fn role_name(&self) -> &'static str {
        "tp-driver"
    }
}

/// Why an output was not taken.
enum Refused {
    /// It will pass; the engine offers the output again.
    Blocked,
    /// Nobody subscribes.
    NotConnected,
    /// It will not pass.
    Fatal(DriverError),
}

/// Whether there may be more; an error ends the agent.
fn go_on(result: Result<bool, Refused>) -> Result<bool, DriverError> {
    match result {
        Ok(sent) => Ok(sent),
        Err(Refused::Blocked | Refused::NotConnected) => Ok(false),
        Err(Refused::Fatal(error)) => Err(error),
    }
}

fn offer(
    publication: &mut impl Publication,
    stream: &'static str,
    output: &Output<'_>,
) -> Result<(), Refused> {
    match publication.offer(output.bytes) {
        Ok(()) => {
            log(output.event);
            Ok(())
        }
        Err(SendError::BackPressured | SendError::AdminAction) => Err(Refused::Blocked),
        Err(SendError::NotConnected) => Err(Refused::NotConnected),
        Err(SendError::TooLong { len, max }) => {
            warn!(stream, len, max, event = ?output.event, "message too long for the channel, dropped");
            Ok(())
        }
        Err(error) => Err(Refused::Fatal(DriverError::Send { stream, error })),
    }
}

/// What happened, for people.
fn log(event: Event) {
    match event {
        Event::Attached {
            lease,
            stream,
            epoch,
            client,
            role,
            node,
            again,
        } => {
            let node = node.map(|node| node.get());
            info!(%lease, %stream, %epoch, %client, ?role, ?node, again, "attached");
        }
        Event::AttachRefused {
            client,
            stream,
            code,
            ..
        } => info!(client, stream, ?code, "attach refused"),
        Event::Revoked {
            lease,
            stream,
            client,
            role,
            reason,
        } => info!(%lease, %stream, %client, ?role, ?reason, "lease ended"),
        Event::StrangerRevoked {
            lease,
            stream,
            client,
        } => {
            info!(%lease, %stream, %client, "told the client of another driver that its lease is void")
        }
        Event::Detached { .. } | Event::DetachRefused { .. } => debug!(?event),
        Event::Announced {
            stream,
            epoch,
            producer,
        } => {
            let producer = producer.map(|client| client.get());
            debug!(%stream, %epoch, ?producer, "announced");
        }
        Event::Configured {
            stream,
            consumer,
            descriptor,
            control,
        } => {
            let [descriptor, control] = [descriptor, control].map(|id| id.map(|id| id.get()));
            info!(%stream, %consumer, descriptor, control, "streams of its own");
        }
        Event::Shutdown { reason } => info!(?reason, "shutdown notice sent"),
    }
}
