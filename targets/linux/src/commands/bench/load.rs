//! Clients without machinery: they attach, keep their leases alive, and count what they hear.

use core::error::Error;
use core::task::Poll;
use core::time::Duration;
use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::Instant;

use tp_core_nostd::ids::{ClientId, CorrelationId, LeaseId, StreamId};
use tp_core_nostd::proto::dispatch::{Message, classify};
use tp_core_nostd::transport::{Publication, SendError, Subscription};
use tp_core_nostd::wire::driver::{
    HugepagesPolicy, PublishMode, Role, ShmAttachRequest, ShmAttachResponse, ShmLeaseKeepalive,
};
use tp_std::CONTROL_STREAM;
use tp_std::aeron::{
    AeronClient, AeronPublication, AeronSubscription, Channel, ClientConfig, Pending,
};

/// Aeron clients that share the load: the driver's subscription sees as many connections come and go.
const PORTS: usize = 4;
/// Longest pause of the generator.
const PAUSE: Duration = Duration::from_micros(300);
/// How long anything may take before the run counts as failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// One Aeron client.
struct Port {
    requests: AeronPublication,
    answers: AeronSubscription,
    aeron: AeronClient,
}

/// A lease that is kept alive.
#[derive(Clone, Copy, Debug)]
struct Held {
    lease: LeaseId,
    stream: StreamId,
    client: ClientId,
}

/// All clients.
pub(super) struct Load {
    ports: Vec<Port>,
    streams: u32,
    interval: Duration,
    leases: Vec<Held>,
    /// Attaches without an answer so far, by correlation id.
    asked: BTreeMap<i64, ClientId>,
    /// Attaches that were refused.
    pub(super) refused: u64,
    /// Leases of ours that the driver took back.
    pub(super) revoked: u64,
    /// Whose keepalive is next.
    next: usize,
    /// Keepalives that were due at `seen` and are not sent; less than one, if all is well.
    due: f64,
    seen: Instant,
}

impl Load {
    /// Clients for streams 10000 and following, that send a keepalive each `interval`.
    pub(super) fn connect(
        dir: &Path,
        streams: u32,
        interval: Duration,
    ) -> Result<Self, Box<dyn Error>> {
        let channel = Channel::ipc();
        let mut ports = Vec::new();
        for _ in 0..PORTS {
            let mut client = ClientConfig::new(dir);
            client.name = "tp bench".into();
            let mut aeron = AeronClient::connect(&client)?;
            let subscribed = channel.clone().for_client_subscription();
            let answers = aeron.add_subscription(&subscribed, CONTROL_STREAM)?;
            let requests =
                aeron.add_publication(&channel.clone().for_publication(), CONTROL_STREAM)?;
            ports.push(Port {
                answers: wait(&mut aeron, answers)?,
                requests: wait(&mut aeron, requests)?,
                aeron,
            });
        }
        Ok(Self {
            ports,
            streams,
            interval,
            leases: Vec::new(),
            asked: BTreeMap::new(),
            refused: 0,
            revoked: 0,
            next: 0,
            due: 0.0,
            seen: Instant::now(),
        })
    }

    /// Leases that are kept alive.
    pub(super) fn leases(&self) -> usize {
        self.leases.len()
    }

    /// Lets clients `first` and following attach, `count` of them, with at most `at_once` unanswered. Returns how long it
    /// took until the last was answered.
    pub(super) fn attach(
        &mut self,
        first: u32,
        count: u32,
        at_once: usize,
    ) -> Result<Duration, Box<dyn Error>> {
        let started = Instant::now();
        let mut clients = (first..first.saturating_add(count)).peekable();
        while clients.peek().is_some() || !self.asked.is_empty() {
            while self.asked.len() < at_once
                && let Some(client) = clients.peek().copied().and_then(ClientId::new)
                && self.ask(client)?
            {
                clients.next();
            }
            self.step()?;
            if started.elapsed() > PATIENCE {
                let lost = self.asked.len();
                return Err(
                    format!("{lost} attaches were not answered within {PATIENCE:?}").into(),
                );
            }
        }
        Ok(started.elapsed())
    }

    /// Keeps everything alive for this long.
    pub(super) fn run(&mut self, time: Duration) -> Result<(), Box<dyn Error>> {
        let started = Instant::now();
        while started.elapsed() < time {
            self.step()?;
        }
        Ok(())
    }

    fn ask(&mut self, client: ClientId) -> Result<bool, Box<dyn Error>> {
        let number = client.get();
        let stream = 10_000_u32.saturating_add(number.checked_rem(self.streams).unwrap_or(0));
        let request = ShmAttachRequest {
            correlation_id: CorrelationId(number.into()),
            stream_id: StreamId::new(stream),
            client_id: client,
            role: Role::Consumer,
            expected_layout_version: 1,
            publish_mode: PublishMode::ExistingOrCreate,
            require_hugepages: HugepagesPolicy::Unspecified,
            desired_node_id: None,
        };
        let mut buffer = [0; 64];
        let len = request.encode(&mut buffer).map_err(|_| "too long")?;
        let taken = self.send(number as usize, buffer.get(..len).unwrap_or_default())?;
        if taken {
            self.asked.insert(number.into(), client);
        }
        Ok(taken)
    }

    /// One turn: what there is to hear, the keepalives that are due, a pause.
    fn step(&mut self) -> Result<(), Box<dyn Error>> {
        let mut heard = 0_u32;
        for at in 0..self.ports.len() {
            heard = heard.saturating_add(self.hear(at)?);
        }
        self.keep_alive()?;
        if heard == 0 {
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn hear(&mut self, at: usize) -> Result<u32, Box<dyn Error>> {
        let Self {
            ports,
            leases,
            asked,
            refused,
            revoked,
            ..
        } = self;
        let Some(port) = ports.get_mut(at) else {
            return Ok(0);
        };
        port.aeron.drive()?;
        let handler = &mut |message: &[u8], _| match classify(message) {
            Ok(Message::ShmAttachResponse(view)) => {
                let Some(client) = asked.remove(&view.block.correlation_id.get()) else {
                    return;
                };
                let response = ShmAttachResponse::try_from(view).ok();
                match response.and_then(|response| response.outcome.ok()) {
                    Some(grant) => leases.push(Held {
                        lease: grant.lease_id,
                        stream: grant.stream_id,
                        client,
                    }),
                    None => *refused = refused.saturating_add(1),
                }
            }
            // Every port hears it.
            Ok(Message::ShmLeaseRevoked(_)) if at == 0 => *revoked = revoked.saturating_add(1),
            _ => {}
        };
        let polled = port.answers.poll(256, handler);
        Ok(polled.map_err(|error| format!("control cannot be read: {error:?}"))?)
    }

    /// Sends the keepalives that are due, spread evenly over the interval, each lease in its turn.
    fn keep_alive(&mut self) -> Result<(), Box<dyn Error>> {
        let now = Instant::now();
        let turns = now.duration_since(self.seen).as_secs_f64() / self.interval.as_secs_f64();
        self.seen = now;
        self.due += turns * self.leases.len() as f64;
        while self.due >= 1.0 {
            let Some(held) = self.leases.get(self.next).copied() else {
                if self.leases.is_empty() {
                    break;
                }
                self.next = 0;
                continue;
            };
            let message = ShmLeaseKeepalive {
                lease_id: held.lease,
                stream_id: held.stream,
                client_id: held.client,
                role: Role::Consumer,
                client_timestamp_ns: 0,
            };
            let mut buffer = [0; 64];
            let len = message.encode(&mut buffer).map_err(|_| "too long")?;
            if !self.send(
                held.client.get() as usize,
                buffer.get(..len).unwrap_or_default(),
            )? {
                break;
            }
            self.due -= 1.0;
            self.next = self.next.saturating_add(1);
        }
        Ok(())
    }

    /// Whether there was room.
    fn send(&mut self, client: usize, message: &[u8]) -> Result<bool, Box<dyn Error>> {
        let at = client.checked_rem(self.ports.len()).unwrap_or(0);
        let port = self.ports.get_mut(at).ok_or("no port")?;
        match port.requests.offer(message) {
            Ok(()) => Ok(true),
            Err(SendError::BackPressured | SendError::AdminAction | SendError::NotConnected) => {
                Ok(false)
            }
            Err(error) => Err(format!("control cannot be written: {error:?}").into()),
        }
    }
}

fn wait<T>(aeron: &mut AeronClient, mut pending: Pending<T>) -> Result<T, Box<dyn Error>> {
    let started = Instant::now();
    loop {
        aeron.drive()?;
        match pending.poll() {
            Poll::Ready(endpoint) => return Ok(endpoint?),
            Poll::Pending if started.elapsed() > PATIENCE => {
                return Err("the media driver does not answer".into());
            }
            Poll::Pending => thread::sleep(PAUSE),
        }
    }
}
