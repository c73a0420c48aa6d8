//! The desk and its askers on the fake medium.

use core::task::Poll;
use core::time::Duration;
use std::path::Path;

use proptest::prelude::*;
use tp_core_nostd::ids::{ClientId, CorrelationId, StreamId};
use tp_core_nostd::proto::driver::{
    AnswerEntry, Config, Driver, FileOrder, FileResult, LeaseEntry, NodeEntry, Profile, Storage,
    StreamEntry, TEXT_MAX,
};
use tp_core_nostd::time::Clock;
use tp_core_nostd::transport::{Publication, SendError, Subscription};
use tp_core_nostd::uri::RegionUri;
use tp_core_nostd::wire::driver::{HugepagesPolicy, PublishMode, Role, ShmAttachRequest};
use tp_tests::fake_transport::{FakeNet, FakePublication, FakeSubscription, Owner};

use super::*;
use crate::driver::DriverConfig;

const STREAM: i32 = 1002;
const DRIVER: Owner = Owner(1);
const ROOT: &str = "/dev/shm/tensorpool-test/default";
const TOML: &str = r#"
[driver]
instance_id = "lab"
[profiles.small]
header_nslots = 8
payload_pools = [{ pool_id = 1, stride_bytes = 4096 }, { pool_id = 2, stride_bytes = 65536 }]
[streams.camera]
stream_id = 10000
profile = "small"
[streams.lidar]
stream_id = 10001
profile = "small"
"#;

fn leak<T: Clone>(entry: T, len: usize) -> &'static mut [T] {
    Box::leak(vec![entry; len].into_boxed_slice())
}

/// A driver without files, and its status stream.
struct House {
    net: FakeNet,
    engine: Driver<'static>,
    facts: Facts<'static>,
    desk: StatusDesk<FakePublication, FakeSubscription>,
}

impl House {
    /// With room for `places` leases; clients 1 to `leases` have one on the camera, the first of them as its producer.
    fn new(places: usize, leases: u32) -> Self {
        let net = FakeNet::new(7);
        let (config, _) = DriverConfig::parse(Path::new("test"), TOML, &|_| None).unwrap();
        let config: &'static DriverConfig = Box::leak(Box::new(config));
        let profiles: Vec<Profile<'_>> = config.profiles.iter().map(|p| p.as_profile()).collect();
        let profiles: &'static [Profile<'static>] = Vec::leak(profiles);
        let policies = Config {
            announce_period: config.announce_period,
            keepalive_interval: config.keepalive_interval,
            expiry_grace_intervals: config.expiry_grace_intervals,
            node_id_cooldown: config.node_id_cooldown,
            ..Config::new(ROOT, profiles, 1 << 40)
        };
        let storage = Storage {
            leases: leak(LeaseEntry::new(), places),
            streams: leak(StreamEntry::new(), 2),
            consumers: &mut [],
            nodes: leak(NodeEntry::new(), places.saturating_add(1023)),
            answers: leak(AnswerEntry::new(), 16),
            strangers: leak(None, 16),
            text: leak(0, TEXT_MAX),
        };
        let mut engine = Driver::new(policies, storage).unwrap();
        for stream in &config.streams {
            engine.add_stream(stream.stream_id, stream.profile).unwrap();
        }
        let answers = net.publication(STREAM, DRIVER);
        let questions = net.tethered_subscription(STREAM, DRIVER);
        let mut house = Self {
            engine,
            facts: Facts {
                config,
                cycles: Cycles::default(),
            },
            desk: StatusDesk::new(answers, questions),
            net,
        };
        for client in 1..=leases {
            house.attach(client);
        }
        assert_eq!(house.engine.leases().count(), leases as usize);
        house
    }

    fn attach(&mut self, client: u32) {
        let request = ShmAttachRequest {
            correlation_id: CorrelationId(client.into()),
            stream_id: StreamId::new(10_000),
            client_id: ClientId::new(client).unwrap(),
            role: match client {
                1 => Role::Producer,
                _ => Role::Consumer,
            },
            expected_layout_version: 1,
            publish_mode: PublishMode::ExistingOrCreate,
            require_hugepages: HugepagesPolicy::Unspecified,
            desired_node_id: None,
        };
        let now = self.net.clock().now();
        let mut buffer = vec![0; 4096];
        let len = request.encode(&mut buffer).unwrap();
        self.engine.handle(now, &buffer[..len]);
        let mut result = None;
        while self
            .engine
            .order(now, |order| {
                result = match order {
                    FileOrder::Scan { stream } => Some(FileResult::Scanned {
                        stream,
                        last_epoch: 0,
                    }),
                    FileOrder::Provision { stream, epoch, .. } => {
                        Some(FileResult::Provisioned { stream, epoch })
                    }
                    FileOrder::RefreshActivity { .. } | FileOrder::Collect { .. } => None,
                };
                Ok::<_, ()>(())
            })
            .unwrap()
        {
            if let Some(result) = result.take() {
                self.engine.handle_files(now, result);
            }
        }
        while self
            .engine
            .transmit(now, &mut buffer, |_| Ok::<_, ()>(()))
            .unwrap()
        {}
    }

    fn cycle(&mut self) -> u32 {
        let now = self.net.clock().now();
        self.desk.do_work(now, &self.engine, self.facts)
    }

    fn asker(&self, owner: u32, request: u64, what: What) -> Asker {
        let owner = Owner(owner);
        Asker {
            reader: StatusReader::new(
                self.net.shared_publication(STREAM, owner),
                self.net.subscription(STREAM, owner),
                request,
                what,
            ),
            clock: self.net.clock(),
            lines: Vec::new(),
        }
    }

    /// Lets driver and asker take turns until there is an outcome.
    fn answer(&mut self, asker: &mut Asker) -> Result<(), StatusError> {
        for _ in 0..10_000 {
            if let Poll::Ready(outcome) = asker.poll() {
                return outcome;
            }
            self.cycle();
            self.net.advance(Duration::from_millis(1));
        }
        panic!("no answer");
    }

    fn ask(&mut self, what: What) -> Vec<serde_json::Value> {
        let mut asker = self.asker(99, 4711, what);
        self.answer(&mut asker).unwrap();
        asker
            .lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

struct Asker {
    reader: StatusReader<FakePublication, FakeSubscription>,
    clock: tp_tests::fake_transport::FakeClock,
    lines: Vec<String>,
}

impl Asker {
    fn poll(&mut self) -> Poll<Result<(), StatusError>> {
        let lines = &mut self.lines;
        let now = self.clock.now();
        self.reader.poll(now, &mut |line| lines.push(line.into()))
    }
}

#[test] // req: C-168
fn lines_have_the_field_names_of_the_specification() {
    let mut house = House::new(4, 2);
    let first = house.engine.leases().next().unwrap().lease.get();
    let mut asker = house.asker(99, 4711, What::Leases);
    house.answer(&mut asker).unwrap();
    // One cycle of 1 ms went by before the driver answered.
    let expected = format!(
        r#"{{"type":"lease","request":4711,"lease_id":{first},"stream_id":10000,"client_id":1,"role":"producer","node_id":1,"expiry_ns":4000000000,"expires_in_ns":3000000000,"state":"active"}}"#
    );
    assert_eq!(asker.lines[0], expected);

    let streams = house.ask(What::Streams);
    let epoch = streams[0]["epoch"].as_u64().unwrap();
    assert_eq!(streams[0]["name"], "camera");
    assert_eq!(streams[0]["profile"], "small");
    assert_eq!(streams[0]["producer_client_id"], 1);
    assert_eq!(streams[0]["consumer_count"], 1);
    assert_eq!(streams[0]["pools"][1]["stride"], 65536);
    let pool = format!("{ROOT}/10000/{epoch}/2.pool");
    let pool = RegionUri::new(&pool, false).unwrap().to_string();
    assert_eq!(streams[0]["pools"][1]["uri"], pool.as_str());
    assert_eq!(streams[1]["epoch"], serde_json::Value::Null);
    assert_eq!(streams[1]["header_uri"], serde_json::Value::Null);

    let status = &house.ask(What::Status)[0];
    for (field, value) in [
        ("type", "status"),
        ("instance_id", "lab"),
        ("lifecycle", "running"),
        ("region_root", ROOT),
    ] {
        assert_eq!(status[field], value);
    }
    assert_eq!(status["stream_count"], 2);
    assert_eq!(status["lease_count"], 2);
    assert_eq!(status["lease_limit"], 4);
    assert_eq!(status["stream_id_range"], serde_json::json!([]));

    let counters = &house.ask(What::Counters)[0];
    assert_eq!(counters["attached"], 2);
    assert_eq!(counters["ignored_malformed"], 0);
    assert_eq!(counters["status_questions"], 4);
}

#[test] // req: C-168
fn all_who_ask_at_once_get_their_own_answer_whole() {
    let mut house = House::new(500, 400);
    let mut askers = [
        (What::Leases, 400),
        (What::Streams, 2),
        (What::Leases, 400),
        (What::Status, 1),
        (What::Counters, 1),
    ]
    .map(|(what, lines)| (what, lines, 0));
    let mut readers: Vec<Asker> = (1..)
        .zip(&askers)
        .map(|(n, (what, ..))| house.asker(10 + n, u64::from(n), *what))
        .collect();
    for _ in 0..1000 {
        for (asker, (.., done)) in readers.iter_mut().zip(&mut askers) {
            if *done == 0
                && let Poll::Ready(outcome) = asker.poll()
            {
                outcome.unwrap();
                *done = asker.lines.len();
            }
        }
        house.cycle();
        house.net.advance(Duration::from_millis(1));
    }
    for (what, lines, done) in askers {
        assert_eq!(done, lines, "{what}");
    }
    let ids = |asker: &Asker| {
        let ids = asker.lines.iter().map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["lease_id"].as_u64().unwrap()
        });
        ids.collect::<Vec<_>>()
    };
    let leases: Vec<_> = house.engine.leases().map(|l| l.lease.get()).collect();
    assert_eq!(ids(&readers[0]), leases);
    assert_eq!(ids(&readers[2]), leases);
}

#[test]
fn a_cycle_says_and_looks_at_no_more_than_it_may() {
    // Leases at the front of a table that is empty behind.
    let mut house = House::new(40_000, 300);
    let mut asker = house.asker(2, 5, What::Leases);
    assert!(asker.poll().is_pending());
    let mut cycles = 0_u32;
    let mut said = 0;
    loop {
        let work = house.cycle();
        assert!(work <= LINES_PER_CYCLE);
        said += work;
        cycles += 1;
        if let Poll::Ready(outcome) = asker.poll() {
            outcome.unwrap();
            break;
        }
        assert!(work > 0, "it went to sleep over an unfinished report");
    }
    assert_eq!(asker.lines.len(), 300);
    assert!(said > 300);
    assert!(cycles >= 300 / LINES_PER_CYCLE + (40_000 - 300) / PLACES_PER_CYCLE);
    assert_eq!(house.cycle(), 0);
}

#[test]
fn questions_beyond_the_queue_are_refused_with_a_sentence() {
    let mut house = House::new(4, 1);
    let mut asking: Vec<Asker> = (0..WAITING as u64 + 3)
        .map(|n| house.asker(5, n, What::Leases))
        .collect();
    for asker in &mut asking {
        assert!(asker.poll().is_pending());
    }
    let (mut answered, mut refused) = (0, 0);
    for asker in &mut asking {
        match house.answer(asker) {
            Ok(()) => answered += 1,
            Err(StatusError::Refused(reason)) => {
                assert!(reason.contains("ask again later"), "{reason}");
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((answered, refused), (WAITING, 3));
}

#[test]
fn a_question_that_is_repeated_is_answered_once() {
    let mut house = House::new(4, 1);
    let mut ears = house.net.subscription(STREAM, Owner(8));
    let mut mouth = house.net.shared_publication(STREAM, Owner(8));
    for _ in 0..3 {
        mouth.offer(br#"{"request":1,"what":"status"}"#).unwrap();
    }
    mouth.offer(br#"{"request":2,"what":"secrets"}"#).unwrap();
    for _ in 0..10 {
        house.cycle();
    }
    let mut heard = Vec::new();
    ears.poll(100, &mut |message, _| {
        heard.push(String::from_utf8(message.to_vec()).unwrap());
    })
    .unwrap();
    let answers: Vec<_> = heard.iter().filter(|line| line.contains("type")).collect();
    assert_eq!(answers.len(), 3, "{heard:?}");
    assert!(answers[0].contains(r#""type":"refused","request":2,"reason":"what must be"#));
    assert!(answers[2].contains(r#""type":"end","request":1,"what":"status","count":1"#));
}

#[test]
fn a_reader_that_stopped_costs_a_report_and_nothing_else() {
    let mut house = House::new(30_000, 20_000);
    // Tethered against all advice: the stream is full as soon as its window is.
    let stopped = house.net.tethered_subscription(STREAM, Owner(3));
    let mut asker = house.asker(2, 1, What::Leases);
    assert!(asker.poll().is_pending());
    let mut silent = 0;
    for _ in 0..20_000 {
        silent = if house.cycle() == 0 { silent + 1 } else { 0 };
        house.net.advance(Duration::from_millis(1));
        let _ = asker.poll();
    }
    assert!(silent > PATIENCE.as_millis(), "it never stopped");
    drop(stopped);
    let counters = &house.ask(What::Counters)[0];
    assert_eq!(counters["status_given_up"], 1);
}

/// Takes only short messages.
struct Narrow(FakePublication);

impl Publication for Narrow {
    fn offer(&mut self, message: &[u8]) -> Result<(), SendError> {
        let (len, max) = (message.len(), 450);
        if len > max {
            return Err(SendError::TooLong { len, max });
        }
        self.0.offer(message)
    }

    fn is_connected(&self) -> bool {
        self.0.is_connected()
    }
}

#[test]
fn what_no_message_has_room_for_is_left_out_and_counted() {
    let house = House::new(4, 2);
    let mut desk = StatusDesk::new(
        Narrow(house.net.publication(STREAM, DRIVER)),
        house.net.tethered_subscription(STREAM, DRIVER),
    );
    let mut ears = house.net.subscription(STREAM, Owner(8));
    let mut mouth = house.net.shared_publication(STREAM, Owner(8));
    mouth.offer(br#"{"request":1,"what":"streams"}"#).unwrap();
    let now = house.net.clock().now();
    desk.do_work(now, &house.engine, house.facts);
    let mut last = String::new();
    ears.poll(100, &mut |message, _| {
        last = String::from_utf8(message.to_vec()).unwrap();
    })
    .unwrap();
    // The camera with its three URIs; the lidar has none yet.
    let end = r#"{"type":"end","request":1,"what":"streams","count":1,"left_out":1}"#;
    assert_eq!(last, end);
}

proptest! {
    /// Whatever is sent, the next question is answered.
    #[test]
    fn noise_of_any_kind_and_length_is_survived(
        noise in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..20),
        cut in 0_usize..40,
        flip in 0_usize..30,
    ) {
        let mut house = House::new(4, 1);
        let mut mouth = house.net.shared_publication(STREAM, Owner(8));
        for message in &noise {
            mouth.offer(message).unwrap();
        }
        let mut damaged = br#"{"request":1,"what":"status"}"#.to_vec();
        if let Some(byte) = damaged.get_mut(flip) {
            *byte ^= 0x55;
        }
        damaged.truncate(cut);
        mouth.offer(&damaged).unwrap();
        prop_assert_eq!(house.ask(What::Leases).len(), 1);
    }
}

#[test]
fn an_asker_that_loses_the_driver_or_lines_says_so() {
    let mut house = House::new(4000, 3000);
    let mut asker = house.asker(2, 1, What::Leases);
    assert!(asker.poll().is_pending());
    house.cycle();
    assert!(asker.poll().is_pending());
    house.net.evict(Owner(2));
    house.cycle();
    match asker.poll() {
        Poll::Ready(Err(StatusError::Broken { lines: 32 })) => {}
        other => panic!("{other:?}"),
    }
}
