//! A consumer's client on the fake medium, and everybody it talks to: a driver that grants, a producer that announces and
//! sends descriptors, somebody who answers hellos.

use core::task::Poll;
use core::time::Duration;

use tp_core_nostd::ids::{ClientId, LeaseId, StreamId};
use tp_core_nostd::proto::dispatch::{Message, classify};
use tp_core_nostd::time::{Clock, Instant};
use tp_core_nostd::transport::{Publication, SendError, Subscription};
use tp_core_nostd::wire::control::{
    ConsumerConfig, ConsumerHello, Endpoint, ProgressHints, QosConsumer, ShmPoolAnnounce,
    StreamRequest,
};
use tp_core_nostd::wire::driver::{
    LeaseRevokeReason, Role, ShmAttachRequest, ShmAttachResponse, ShmLeaseRevoked,
};
use tp_core_nostd::wire::enums::Mode;
use tp_tests::fake_transport::{FakeNet, FakePublication, FakeSubscription, Owner};

use crate::clock::SharedClock;
use crate::conductor::fake_medium::TestMedium;
use crate::consumer::bench::{STREAM, Stage, encoded, note};
use crate::consumer::{Consumer, ConsumerConfig as Wanted};
use crate::context::Context;
use crate::{ANNOUNCE_STREAM, CONTROL_STREAM, Client, Conductor, DESCRIPTOR_STREAM, QOS_STREAM};

pub(super) const CLIENT: Owner = Owner(1);
const DRIVER: Owner = Owner(2);
pub(super) const PRODUCER: Owner = Owner(3);

/// What a hello said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) consumer: ClientId,
    pub(super) mode: Mode,
    pub(super) max_rate_hz: Option<u32>,
    pub(super) progress: Option<ProgressHints>,
    pub(super) descriptor: Option<StreamId>,
    pub(super) control: Option<StreamId>,
}

pub(super) struct World {
    pub(super) net: FakeNet,
    pub(super) client: Client,
    conductor: Conductor,
    requests: FakeSubscription,
    reports: FakeSubscription,
    /// The driver's, and that of whoever answers hellos.
    control: FakePublication,
    announces: FakePublication,
    reporter: FakePublication,
    pub(super) stage: Stage,
    /// Whether the driver announces, and answers attaches.
    pub(super) is_driver_there: bool,
    /// Whether somebody stamps the regions.
    pub(super) is_producer_alive: bool,
    ms: u64,
    leases: u64,
    pub(super) attached: Vec<ShmAttachRequest>,
    pub(super) detached: Vec<LeaseId>,
    pub(super) hellos: Vec<Said>,
    pub(super) qos: Vec<QosConsumer>,
}

impl World {
    pub(super) fn new() -> Self {
        let net = FakeNet::new(1);
        let stage = Stage::new(5, 64);
        let context = Context::new()
            .with_clock(SharedClock::new(net.clock()))
            .with_seed(7)
            .allow_dir("/tmp");
        let medium = TestMedium {
            net: net.clone(),
            owner: CLIENT,
        };
        let (client, conductor) = Client::over(Box::new(medium), context).unwrap();
        Self {
            client,
            conductor,
            requests: net.tethered_subscription(CONTROL_STREAM, DRIVER),
            reports: net.subscription(QOS_STREAM, DRIVER),
            control: net.publication(CONTROL_STREAM, DRIVER),
            announces: net.publication(ANNOUNCE_STREAM, DRIVER),
            reporter: net.publication(QOS_STREAM, PRODUCER),
            stage,
            is_driver_there: true,
            is_producer_alive: true,
            ms: 0,
            leases: 0,
            attached: Vec::new(),
            detached: Vec::new(),
            hellos: Vec::new(),
            qos: Vec::new(),
            net,
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.net.clock().now()
    }

    /// A consumer, once it is there.
    pub(super) fn consumer(&mut self, config: Wanted) -> Consumer {
        let mut pending = self.client.consumer(config).unwrap();
        for _ in 0..1_000 {
            self.step();
            if let Poll::Ready(consumer) = pending.poll() {
                return consumer.unwrap();
            }
        }
        panic!("no consumer within a second");
    }

    /// Lets a millisecond pass.
    pub(super) fn step(&mut self) {
        self.net.advance(Duration::from_millis(1));
        self.ms += 1;
        if self.is_driver_there && self.ms.is_multiple_of(100) {
            self.announce();
        }
        self.conductor.do_work().unwrap();
        let mut heard: Vec<Vec<u8>> = Vec::new();
        let mut keep = |bytes: &[u8], _| heard.push(bytes.to_vec());
        self.requests.poll(100, &mut keep).unwrap();
        self.reports.poll(100, &mut keep).unwrap();
        for bytes in heard {
            match classify(&bytes) {
                Ok(Message::ShmAttachRequest(view)) => {
                    let request = ShmAttachRequest::try_from(view).unwrap();
                    self.attached.push(request);
                    if self.is_driver_there {
                        self.grant(&request);
                    }
                }
                Ok(Message::ShmDetachRequest(view)) => {
                    let lease = LeaseId::new(view.block.lease_id.get()).unwrap();
                    self.detached.push(lease);
                }
                Ok(Message::ConsumerHello(view)) => {
                    self.hellos
                        .push(said(&ConsumerHello::try_from(view).unwrap()));
                }
                Ok(Message::QosConsumer(view)) => {
                    self.qos.push(QosConsumer::try_from(view).unwrap());
                }
                _ => {}
            }
        }
    }

    pub(super) fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.step();
        }
    }

    /// Lets time pass and polls meanwhile; what was read, and whether it was whole.
    pub(super) fn run_polling(&mut self, ms: u64, consumer: &mut Consumer) -> Vec<u64> {
        let mut got = Vec::new();
        for _ in 0..ms {
            self.step();
            consumer.poll(100, note(&mut got)).unwrap();
        }
        got.into_iter()
            .map(|(raw, whole)| {
                assert_eq!(whole, Some(true), "frame {raw}");
                raw
            })
            .collect()
    }

    fn grant(&mut self, request: &ShmAttachRequest) {
        self.leases += 1;
        let response = ShmAttachResponse {
            correlation_id: request.correlation_id,
            outcome: Ok(self.stage.grant(LeaseId::new(self.leases).unwrap())),
        };
        let mut bytes = [0; 2048];
        let len = response.encode(&mut bytes).unwrap();
        self.control.offer(&bytes[..len]).unwrap();
    }

    /// The driver announces the stage, and its producer lives.
    pub(super) fn announce(&mut self) {
        let now = self.now();
        if self.is_producer_alive {
            self.stage.touch(now);
        }
        let mut bytes = [0; 2048];
        let len = self.stage.announce(now).encode(&mut bytes).unwrap();
        self.announces.offer(&bytes[..len]).unwrap();
    }

    /// The driver announces whatever it is told to.
    pub(super) fn send_announce(&mut self, announce: &ShmPoolAnnounce<'_>) {
        let mut bytes = [0; 2048];
        let len = announce.encode(&mut bytes).unwrap();
        self.announces.offer(&bytes[..len]).unwrap();
    }

    /// The driver ends the lease it granted last.
    pub(super) fn revoke(&mut self, client: ClientId) {
        let revoked = ShmLeaseRevoked {
            lease_id: LeaseId::new(self.leases).unwrap(),
            stream_id: STREAM,
            client_id: client,
            role: Role::Consumer,
            reason: LeaseRevokeReason::Revoked,
            timestamp_ns: self.now().as_ns(),
            error_message: None,
        };
        let mut bytes = [0; 256];
        let len = revoked.encode(&mut bytes).unwrap();
        self.control.offer(&bytes[..len]).unwrap();
    }

    /// Somebody answers a hello.
    pub(super) fn order(&mut self, config: &ConsumerConfig<'_>) {
        order(&mut self.control, config);
    }

    /// Somebody reports.
    pub(super) fn report(&mut self, qos: &QosConsumer) {
        let mut bytes = [0; 64];
        let len = qos.encode(&mut bytes).unwrap();
        self.reporter.offer(&bytes[..len]).unwrap();
    }

    /// A way to send descriptors.
    pub(super) fn outlet(&self, stream_id: i32) -> Outlet {
        Outlet(self.net.publication(stream_id, PRODUCER))
    }

    /// Another publisher of the shared descriptor stream.
    pub(super) fn outlet_of(&self, owner: Owner) -> Outlet {
        Outlet(self.net.publication(DESCRIPTOR_STREAM, owner))
    }

    pub(super) fn shared_outlet(&self) -> Outlet {
        self.outlet(DESCRIPTOR_STREAM)
    }
}

/// Whoever publishes there answers a hello.
pub(super) fn order(control: &mut FakePublication, config: &ConsumerConfig<'_>) {
    let mut bytes = [0; 2048];
    let len = config.encode(&mut bytes).unwrap();
    control.offer(&bytes[..len]).unwrap();
}

/// A descriptor publication.
pub(super) struct Outlet(FakePublication);

impl Outlet {
    /// Returns whether anybody listens.
    pub(super) fn send(&mut self, stage: &Stage, raw: u64) -> bool {
        match self.0.offer(&encoded(&stage.descriptor(raw))) {
            Ok(()) => true,
            // Whoever was not there yet, or has left, misses it.
            Err(SendError::NotConnected) => false,
            Err(error) => panic!("{error:?}"),
        }
    }
}

fn said(hello: &ConsumerHello<'_>) -> Said {
    let id = |request: StreamRequest<'_>| match request {
        StreamRequest::Of(Endpoint { stream_id, .. }) => Some(stream_id),
        StreamRequest::None => None,
        StreamRequest::Unusable { .. } => panic!("half a request: {request:?}"),
    };
    Said {
        consumer: hello.consumer_id,
        mode: hello.mode,
        max_rate_hz: hello.max_rate_hz,
        progress: hello.supports_progress.then_some(hello.progress),
        descriptor: id(hello.descriptor),
        control: id(hello.control),
    }
}
