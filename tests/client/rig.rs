//! One client, one medium, and time that moves when it is told to.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;

use tp_core_nostd::ids::{ClientId, Epoch, StreamId};
use tp_core_nostd::proto::dispatch::{Message, classify};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::time::{Clock, Instant};
use tp_core_nostd::transport::{Publication, Subscription};
use tp_core_nostd::wire::control::QosProducer;
use tp_core_nostd::wire::driver::ShmAttachRequest;
use tp_std::clock::SharedClock;
use tp_std::{CONTROL_STREAM, Client, Conductor, Context};
use tp_tests::fake_transport::{FakeClock, FakeNet, FakePublication, FakeSubscription, Owner};

use crate::medium::TestMedium;

pub(crate) const STREAM: StreamId = StreamId::new(10_000).unwrap();
pub(crate) const SOMEBODY: ClientId = ClientId::new(7).unwrap();

/// The client's own place on the medium.
const CLIENT: Owner = Owner(1);
/// Everybody else's.
const OTHERS: Owner = Owner(2);
/// How far apart duty cycles are.
pub(crate) const CYCLE: Duration = Duration::from_millis(1);

/// See the module.
pub(crate) struct Rig {
    pub(crate) client: Client,
    pub(crate) conductor: Conductor,
    pub(crate) net: FakeNet,
    /// While it is set, no endpoint comes.
    pub(crate) is_slow: Arc<AtomicBool>,
    /// How often the client looked at its clock.
    looks: Arc<AtomicU64>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(|context| context)
    }

    /// A client with some other settings, its shared streams open.
    pub(crate) fn with(change: impl FnOnce(Context) -> Context) -> Self {
        let net = FakeNet::new(1);
        let is_slow = Arc::new(AtomicBool::new(false));
        let clock = CountingClock {
            clock: net.clock(),
            looks: Arc::default(),
        };
        let looks = clock.looks.clone();
        let context = Context::new()
            .with_clock(SharedClock::new(clock))
            .with_seed(1)
            .with_log_handler(|_, _| {});
        let medium = TestMedium::new(net.clone(), CLIENT, is_slow.clone());
        let (client, conductor) = Client::over(Box::new(medium), change(context)).unwrap();
        let mut rig = Self {
            client,
            conductor,
            net,
            is_slow,
            looks,
        };
        rig.cycles(3);
        rig
    }

    /// One duty cycle.
    pub(crate) fn cycle(&mut self) -> u32 {
        self.net.advance(CYCLE);
        self.conductor.do_work().unwrap()
    }

    pub(crate) fn cycles(&mut self, count: u32) {
        for _ in 0..count {
            self.cycle();
        }
    }

    /// Somebody who speaks on a stream.
    pub(crate) fn voice(&self, stream_id: i32) -> Voice {
        Voice(self.net.publication(stream_id, OTHERS))
    }

    /// Somebody who hears what the client says on the control stream.
    pub(crate) fn ear(&self) -> Ear {
        Ear(self.net.tethered_subscription(CONTROL_STREAM, OTHERS))
    }

    /// How often the client has looked at its clock since this was asked last.
    pub(crate) fn looks(&self) -> u64 {
        self.looks.swap(0, Ordering::Relaxed)
    }
}

/// Counts who looks.
#[derive(Clone, Debug)]
struct CountingClock {
    clock: FakeClock,
    looks: Arc<AtomicU64>,
}

impl Clock for CountingClock {
    fn now(&self) -> Instant {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.clock.now()
    }

    fn real_ns(&self) -> Option<u64> {
        self.clock.real_ns()
    }
}

/// Somebody else who sends.
pub(crate) struct Voice(FakePublication);

impl Voice {
    /// Sends what `encode` writes.
    pub(crate) fn say<E: core::fmt::Debug>(
        &mut self,
        encode: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) {
        let mut buffer = [0; 1024];
        let length = encode(&mut buffer).unwrap();
        self.bytes(&buffer[..length]);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.offer(bytes).unwrap();
    }

    /// Whether there was room for it, and somebody to hear it.
    pub(crate) fn is_taken(&mut self, bytes: &[u8]) -> bool {
        self.0.offer(bytes).is_ok()
    }

    /// A report of somebody's, told from others by its number.
    pub(crate) fn report(&mut self, number: u64) {
        self.say(|out| report(number).encode(out));
    }
}

pub(crate) fn report(number: u64) -> QosProducer {
    QosProducer {
        stream_id: STREAM,
        producer_id: Some(SOMEBODY),
        epoch: Epoch::new(1),
        current_seq: Seq::new(number).unwrap(),
        watermark: None,
    }
}

/// Somebody else who hears the control stream.
pub(crate) struct Ear(FakeSubscription);

impl Ear {
    /// The attaches that were sent since this was asked last.
    pub(crate) fn attaches(&mut self) -> Vec<ShmAttachRequest> {
        self.heard(|message| match message {
            Message::ShmAttachRequest(view) => Some(view.try_into().unwrap()),
            _ => None,
        })
    }

    /// What `look` makes of the messages since this was asked last.
    pub(crate) fn heard<T>(&mut self, look: impl Fn(Message<'_>) -> Option<T>) -> Vec<T> {
        let mut heard = Vec::new();
        self.0.image_events(&mut |_, _| {});
        self.0
            .poll(1000, &mut |bytes, _| {
                heard.extend(classify(bytes).ok().and_then(&look));
            })
            .unwrap();
        heard
    }
}
