//! The rate limiter on the fake medium: what it passes on of what is told, and to whom it listens.

use core::sync::atomic::AtomicBool;
use std::sync::Arc;

use tp_core_nostd::agent::Agent;
use tp_core_nostd::ids::{ClientId, Epoch, StreamId};
use tp_core_nostd::proto::dispatch::{Message, classify};
use tp_core_nostd::proto::rate_limiter::Forwarding;
use tp_core_nostd::seq::Seq;
use tp_core_nostd::transport::{Publication, Subscription};
use tp_core_nostd::wire::Text;
use tp_core_nostd::wire::control::{
    Attribute, Attributes, ConsumerHello, DataSourceMeta, ProgressHints, QosConsumer, QosProducer,
    StreamRequest,
};
use tp_core_nostd::wire::enums::Mode;
use tp_std::aeron::Channel;
use tp_std::clock::SharedClock;
use tp_std::rate_limiter::{LaneConfig, RateLimiter, RateLimiterConfig, RateLimiterError};
use tp_std::{CONTROL_STREAM, Endpoint, METADATA_STREAM, QOS_STREAM};
use tp_tests::fake_transport::{FakeNet, FakeSubscription, Owner};

use crate::medium::TestMedium;
use crate::rig::CYCLE;

const OTHERS: Owner = Owner(9);
const METADATA_OUT: i32 = 1310;

fn id(raw: u32) -> StreamId {
    StreamId::new(raw).unwrap()
}

struct World {
    net: FakeNet,
    limiter: RateLimiter,
    reports: FakeSubscription,
    metadata: FakeSubscription,
}

impl World {
    fn new() -> Self {
        let net = FakeNet::new(1);
        let both = |stream: i32| {
            let stream = id(stream.unsigned_abs());
            (Some(stream), Some(stream))
        };
        let mut lane = LaneConfig::new(id(10), id(20)).with_max_rate_hz(5);
        lane.metadata_stream = id(METADATA_OUT.unsigned_abs());
        let chained = LaneConfig::new(id(20), id(30));
        let mut config =
            RateLimiterConfig::new(Endpoint::new(Channel::ipc(), 1110), vec![lane, chained]);
        config.forwarding = Forwarding {
            progress: true,
            control: both(CONTROL_STREAM),
            qos: true,
            qos_streams: both(QOS_STREAM),
        };
        config.metadata = Some(Endpoint::new(Channel::ipc(), METADATA_STREAM));
        let clock = SharedClock::new(net.clock());
        let limiter = RateLimiter::over(mediums(&net), config, clock).unwrap();
        let mut world = Self {
            reports: net.tethered_subscription(QOS_STREAM, OTHERS),
            metadata: net.tethered_subscription(METADATA_OUT, OTHERS),
            limiter,
            net,
        };
        world.cycles(10);
        world
    }

    fn cycles(&mut self, count: u32) {
        for _ in 0..count {
            self.net.advance(CYCLE);
            self.limiter.do_work().unwrap();
        }
    }

    fn say(&mut self, stream: i32, encode: impl FnOnce(&mut [u8]) -> usize) {
        let mut voice = self.net.publication(stream, OTHERS);
        self.cycles(2);
        let mut buffer = [0; 1024];
        let len = encode(&mut buffer);
        voice.offer(&buffer[..len]).unwrap();
        self.cycles(5);
    }

    fn hello(&mut self, stream: u32, consumer: u32, hz: u32) {
        let hello = ConsumerHello {
            stream_id: id(stream),
            consumer_id: ClientId::new(consumer).unwrap(),
            supports_shm: true,
            supports_progress: false,
            mode: Mode::Stream,
            max_rate_hz: Some(hz),
            expected_layout_version: Some(1),
            progress: ProgressHints::default(),
            descriptor: StreamRequest::None,
            control: StreamRequest::None,
        };
        self.say(CONTROL_STREAM, |out| hello.encode(out).unwrap());
    }

    fn rates(&self) -> Vec<Option<u32>> {
        self.limiter.status().map(|lane| lane.max_rate_hz).collect()
    }
}

fn mediums(net: &FakeNet) -> [Box<dyn tp_std::medium::Medium>; 2] {
    [1, 2].map(|owner| {
        let medium = TestMedium::new(net.clone(), Owner(owner), Arc::new(AtomicBool::new(false)));
        Box::new(medium) as Box<dyn tp_std::medium::Medium>
    })
}

/// Streams of the messages that came.
fn heard(subscription: &mut FakeSubscription) -> Vec<u32> {
    let mut heard = Vec::new();
    subscription.image_events(&mut |_, _| {});
    subscription
        .poll(100, &mut |bytes, _| {
            heard.push(match classify(bytes).unwrap() {
                Message::QosProducer(view) => QosProducer::try_from(view).unwrap().stream_id.get(),
                Message::QosConsumer(view) => QosConsumer::try_from(view).unwrap().stream_id.get(),
                Message::DataSourceMeta(view) => {
                    DataSourceMeta::try_from(view).unwrap().stream_id.get()
                }
                other => panic!("{other:?}"),
            });
        })
        .unwrap();
    heard
}

#[test] // req: L-027, L-028, L-029, L-035
fn reports_of_mapped_sources_are_passed_on_and_no_others() {
    let mut world = World::new();
    for stream in [10, 11, 30] {
        let report = QosProducer {
            stream_id: id(stream),
            producer_id: ClientId::new(7),
            epoch: Epoch::new(1),
            current_seq: Seq::new(3).unwrap(),
            watermark: None,
        };
        world.say(QOS_STREAM, |out| report.encode(out).unwrap());
    }
    // One stream in and out: what went out for 20 comes in again, and is told of 30, whose source it is. There it ends.
    let mut streams = heard(&mut world.reports);
    streams.sort_unstable();
    assert_eq!(streams, [10, 11, 20, 30, 30]);
}

#[test] // req: L-020, L-021, L-035
fn attributes_go_to_the_stream_of_their_mapping() {
    let mut world = World::new();
    for stream in [10, 11] {
        let attributes = [Attribute {
            key: Text(b"k"),
            format: Text(b"text/plain"),
            value: b"v",
        }];
        let meta = DataSourceMeta {
            stream_id: id(stream),
            meta_version: 4,
            timestamp_ns: 1,
            attributes: Attributes::listed(&attributes),
        };
        world.say(METADATA_STREAM, |out| meta.encode(out).unwrap());
    }
    assert_eq!(heard(&mut world.metadata), [20]);
}

#[test] // req: L-008, L-009, L-039
fn the_first_consumer_of_a_destination_sets_its_rate_and_that_of_no_other() {
    let mut world = World::new();
    assert_eq!(world.rates(), [Some(5), None]);
    world.hello(20, 7, 50);
    assert_eq!(world.rates(), [Some(50), None]);
    world.hello(20, 8, 1);
    assert_eq!(world.rates(), [Some(50), None], "somebody else");
    world.hello(30, 8, 2);
    assert_eq!(world.rates(), [Some(50), Some(2)]);
    world.hello(20, 7, u32::MAX);
    assert_eq!(world.rates(), [Some(5), Some(2)], "no wish");
    world.cycles(5_100);
    assert_eq!(world.rates(), [Some(5), None], "both are gone");
    world.hello(20, 8, 1);
    assert_eq!(world.rates(), [Some(1), None]);
}

#[test] // req: L-032, L-034, L-035
fn nothing_starts_that_cannot_work() {
    let net = FakeNet::new(1);
    let refused = |change: &dyn Fn(&mut RateLimiterConfig)| {
        let lanes = vec![LaneConfig::new(id(10), id(20))];
        let mut config = RateLimiterConfig::new(Endpoint::new(Channel::ipc(), 1110), lanes);
        change(&mut config);
        let clock = SharedClock::new(net.clock());
        RateLimiter::over(mediums(&net), config, clock).unwrap_err()
    };
    let setup = |error| matches!(error, RateLimiterError::Setup(_));
    assert!(setup(refused(&|config| config
        .lanes
        .push(LaneConfig::new(id(20), id(10))))));
    assert!(setup(refused(&|config| config.forwarding.progress = true)));
    assert_eq!(
        refused(&|config| config.lanes.clear()),
        RateLimiterError::NoMapping
    );
}
