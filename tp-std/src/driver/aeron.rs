//! A driver on a media driver: connection, endpoints, agent.

use core::task::Poll;
use core::time::Duration;
use std::thread;

use tp_core_nostd::agent::Agent;
use tp_core_nostd::proto::driver::{Counters, LeaseStatus, StreamStatus};
use tp_core_nostd::time::Clock;
use tp_core_nostd::wire::driver::ShutdownReason;
use tracing::info;

use super::agent::DriverAgent;
use super::config::DriverConfig;
use super::error::DriverError;
use super::rivals::Ear;
use super::tables::DriverTables;
use crate::Endpoint;
use crate::aeron::default_dir;
use crate::aeron::{
    AeronClient, AeronExclusivePublication, AeronSubscription, ClientConfig, Pending,
};
use crate::clock::MonotonicClock;

/// How long the media driver may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A driver that runs on Aeron. Nothing happens unless [`Agent::do_work`] is called.
#[derive(Debug)]
pub struct AeronDriver<'t> {
    agent: DriverAgent<'t, AeronExclusivePublication, AeronSubscription, MonotonicClock>,
    // Behind the agent, so that its endpoints go first.
    aeron: AeronClient,
}

impl<'t> AeronDriver<'t> {
    /// Connects to the media driver, listens for one announce period whether somebody else announces one of the streams
    /// (D-008), and sets up its own: exclusive publications, so that the driver's image is its own (D-155), and a tethered
    /// subscription, so that no request is lost. All of that takes its time, and the caller's.
    ///
    /// # Errors
    /// No media driver, another driver, a conflict of channels, or what [`DriverAgent::new`] refuses.
    pub fn connect(tables: &'t mut DriverTables<'_>) -> Result<Self, DriverError> {
        let config = tables.config();
        let dir = config.aeron_dir.clone().unwrap_or_else(default_dir);
        let mut client = ClientConfig::new(dir);
        client.name = format!("tp_driver {}", config.instance_id);
        let mut aeron = AeronClient::connect(&client)?;
        listen(&mut aeron, config)?;

        let channel = |endpoint: &Endpoint| endpoint.channel.clone().for_publication();
        let control =
            aeron.add_exclusive_publication(&channel(&config.control), config.control.stream_id)?;
        let announce = aeron
            .add_exclusive_publication(&channel(&config.announce), config.announce.stream_id)?;
        let requests = aeron.add_subscription(
            &config.control.channel.clone().for_driver_subscription(),
            config.control.stream_id,
        )?;
        let control = wait(&mut aeron, control)?;
        let announce = wait(&mut aeron, announce)?;
        let requests = wait(&mut aeron, requests)?;
        info!(
            dir = %aeron.dir().display(),
            control = %config.control.channel,
            control_stream = config.control.stream_id,
            announce = %config.announce.channel,
            announce_stream = config.announce.stream_id,
            "connected"
        );
        let agent = DriverAgent::new(tables, control, announce, requests, MonotonicClock)?;
        let agent = match &config.status {
            None => agent,
            Some(status) => {
                let answers =
                    aeron.add_exclusive_publication(&channel(status), status.stream_id)?;
                let questions = aeron.add_subscription(
                    &status.channel.clone().for_driver_subscription(),
                    status.stream_id,
                )?;
                agent.with_status(wait(&mut aeron, answers)?, wait(&mut aeron, questions)?)
            }
        };
        Ok(Self { agent, aeron })
    }

    /// See [`DriverAgent::stop`].
    pub fn stop(&mut self, reason: ShutdownReason, grace: Duration) {
        self.agent.stop(reason, grace);
    }

    /// See [`DriverAgent::is_stopped`].
    pub fn is_stopped(&self) -> bool {
        self.agent.is_stopped()
    }

    /// See [`DriverAgent::counters`].
    pub fn counters(&self) -> &Counters {
        self.agent.counters()
    }

    /// See [`DriverAgent::leases`].
    pub fn leases(&self) -> impl Iterator<Item = LeaseStatus> {
        self.agent.leases()
    }

    /// See [`DriverAgent::streams`].
    pub fn streams(&self) -> impl Iterator<Item = StreamStatus<'_>> {
        self.agent.streams()
    }
}

impl Agent for AeronDriver<'_> {
    type Error = DriverError;

    fn do_work(&mut self) -> Result<u32, DriverError> {
        let work = self.aeron.drive()?;
        Ok(work.saturating_add(self.agent.do_work()?))
    }

    fn on_close(&mut self) {
        self.agent.on_close();
        // Gives the endpoints' last words a chance; whatever is wrong now is wrong for good.
        let _ = self.aeron.do_work();
    }

    fn role_name(&self) -> &'static str {
        "tp-driver"
    }
}

/// Makes sure that nobody else announces our streams. Nothing of this driver is on any stream before that: a second
/// driver must leave no trace, least of all a subscription to control that holds up the requests to the first.
fn listen(aeron: &mut AeronClient, config: &DriverConfig) -> Result<(), DriverError> {
    let channel = config.announce.channel.clone().for_client_subscription();
    let announces = aeron.add_subscription(&channel, config.announce.stream_id)?;
    let announces = wait(aeron, announces)?;
    let (streams, period) = (config.stream_ids(), config.announce_period);
    info!(?period, "listening for other drivers");
    let mut ear = Ear::new(announces, streams, MonotonicClock.now(), period);
    while !ear.listen(&MonotonicClock)? {
        aeron.do_work()?;
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Waits for an endpoint. Only at start, before there is anything to hold up.
fn wait<T>(aeron: &mut AeronClient, mut pending: Pending<T>) -> Result<T, DriverError> {
    let give_up_at = MonotonicClock.now().after(ANSWER_WITHIN);
    loop {
        aeron.drive()?;
        if let Poll::Ready(endpoint) = pending.poll() {
            return Ok(endpoint?);
        }
        if MonotonicClock.now() > give_up_at {
            return Err(DriverError::NoAnswer(ANSWER_WITHIN));
        }
        thread::sleep(Duration::from_millis(1));
    }
}
