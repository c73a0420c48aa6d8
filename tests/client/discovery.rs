//! Questions to discovery providers, which the tests play.

use std::sync::{Arc, Mutex};

use tp_core_nostd::ids::{Epoch, PoolId, StreamId};
use tp_core_nostd::proto::discovery_client::AskError;
use tp_core_nostd::proto::dispatch::{Message, classify};
use tp_core_nostd::seq::SlotCount;
use tp_core_nostd::transport::{Publication, Subscription};
use tp_core_nostd::uri::RegionUri;
use tp_core_nostd::wire::discovery::{
    DiscoveryOutcome, DiscoveryRequest, DiscoveryResponse, DiscoveryResult, Results, Tags,
};
use tp_core_nostd::wire::{PoolEntry, Pools, Stride};
use tp_std::aeron::Channel;
use tp_std::discovery::{
    DISCOVERY_REQUEST_STREAM, DISCOVERY_RESPONSE_STREAM, Discovery, DiscoveryConfig, Filter,
    Findings, RequestId, Tag, Timing,
};
use tp_std::{
    CONTROL_STREAM, ConfigError, ConsumerConfig, Context, Endpoint, Error, ProducerConfig,
};
use tp_tests::fake_transport::{FakePublication, FakeSubscription, Owner};

use crate::rig::{CYCLE, Rig, SOMEBODY, STREAM};

const CHANNEL: &str = "aeron:ipc?term-length=4m";
const URI: &str = "shm:file?path=/dev/shm/nowhere/header.ring";

/// Hears questions, and says what it is told to.
struct Provider {
    questions: FakeSubscription,
    answers: FakePublication,
}

impl Provider {
    fn start(rig: &Rig) -> Self {
        let owner = Owner(3);
        Self {
            questions: rig.net.subscription(DISCOVERY_REQUEST_STREAM, owner),
            answers: rig.net.publication(DISCOVERY_RESPONSE_STREAM, owner),
        }
    }

    /// The questions since this was asked last: their numbers, once for each time they were sent.
    fn asked(&mut self) -> Vec<RequestId> {
        let mut asked = Vec::new();
        self.questions.image_events(&mut |_, _| {});
        let heard = self.questions.poll(1000, &mut |bytes, _| {
            let Ok(Message::DiscoveryRequest(view)) = classify(bytes) else {
                panic!("no question");
            };
            let request = DiscoveryRequest::try_from(view).unwrap();
            assert_eq!(request.response_channel, CHANNEL);
            assert_eq!(request.response_stream_id.get(), 7004);
            asked.push(request.request_id);
        });
        heard.unwrap();
        asked
    }

    fn say(&mut self, request_id: RequestId, outcome: DiscoveryOutcome<'_>) {
        let mut bytes = vec![0; 300_000];
        let response = DiscoveryResponse {
            request_id,
            outcome,
        };
        let length = response.encode(&mut bytes).unwrap();
        self.answers.offer(&bytes[..length]).unwrap();
    }

    fn found(&mut self, request: RequestId, results: &[DiscoveryResult<'_>]) {
        self.say(request, DiscoveryOutcome::Found(Results::listed(results)));
    }
}

/// A stream of the driver that the client speaks to.
fn result(stream: u32, epoch: u64) -> DiscoveryResult<'static> {
    let pool = PoolEntry {
        pool_id: PoolId::new(1).unwrap(),
        stride: Stride::new(4096).unwrap(),
        region_uri: RegionUri::parse(b"shm:file?path=/dev/shm/nowhere/1.pool").unwrap(),
    };
    DiscoveryResult {
        stream_id: StreamId::new(stream).unwrap(),
        producer_id: Some(SOMEBODY),
        epoch: Epoch::new(epoch).unwrap(),
        layout_version: 1,
        header_nslots: SlotCount::new(8).unwrap(),
        data_source_id: None,
        driver_control_stream_id: StreamId::new(1000).unwrap(),
        driver_control_channel: CHANNEL,
        driver_instance_id: Some("driver".into()),
        data_source_name: Some("camera".into()),
        tags: Tags::listed(&[]),
        payload_pools: Pools::from_slice(&[pool]).unwrap(),
        header_region_uri: RegionUri::parse(URI.as_bytes()).unwrap(),
    }
}

type Told = Vec<(RequestId, Result<Findings, Error>)>;

/// One look of the application, behind one duty cycle.
fn look(rig: &mut Rig, discovery: &mut Discovery) -> Told {
    rig.cycle();
    let mut told = Told::new();
    discovery
        .poll(|request, answer| told.push((request, answer)))
        .unwrap();
    told
}

/// A client, its questions, and who answers them, all of them connected.
fn scene() -> (Rig, Discovery, Provider) {
    let mut rig = Rig::new();
    let config = DiscoveryConfig::default().with_seed(40);
    let mut discovery = Discovery::new(&rig.client, &config).unwrap();
    let provider = Provider::start(&rig);
    for _ in 0..3 {
        assert!(look(&mut rig, &mut discovery).is_empty());
    }
    (rig, discovery, provider)
}

#[test] // req: C-127, C-130, R-015, R-021, R-035
fn an_answer_goes_to_its_question_once_and_strangers_are_passed_over() {
    let (mut rig, mut discovery, mut provider) = scene();
    let first = discovery.ask(&Filter::default()).unwrap();
    let second = discovery.ask(&Filter::default()).unwrap();
    assert!(look(&mut rig, &mut discovery).is_empty());
    assert_eq!(provider.asked(), [first, second]);

    provider.found(RequestId(99), &[result(10_000, 1)]);
    provider.found(second, &[result(10_000, 1), result(10_001, 1)]);
    provider.found(second, &[]);
    provider.found(first, &[]);
    let told = look(&mut rig, &mut discovery);
    assert_eq!(told.len(), 2);
    let (request, found) = &told[0];
    assert_eq!((*request, found.as_ref().unwrap().len()), (second, 2));
    let (request, found) = &told[1];
    assert_eq!(*request, first);
    assert!(
        found.as_ref().unwrap().is_empty(),
        "nothing is an answer, too"
    );
    assert_eq!(
        discovery.unknown_answers(),
        2,
        "a stranger's, and a repeated one"
    );
    rig.net.advance(Timing::DEFAULT.total);
    assert!(look(&mut rig, &mut discovery).is_empty());
}

#[test] // req: C-127
fn refusals_are_told_apart_from_nothing() {
    let (mut rig, mut discovery, mut provider) = scene();
    let hidden = discovery.ask(&Filter::default()).unwrap();
    let failed = discovery.ask(&Filter::default()).unwrap();
    look(&mut rig, &mut discovery);
    provider.say(hidden, DiscoveryOutcome::NotFound);
    let text = "result limit exceeded";
    provider.say(failed, DiscoveryOutcome::Error(Some(text.into())));
    let told = look(&mut rig, &mut discovery);
    assert!(matches!(&told[0], (id, Ok(found)) if *id == hidden && found.is_empty()));
    let text = text.to_owned();
    assert!(
        matches!(&told[1], (id, Err(error)) if *id == failed && *error == Error::Discovery { text })
    );
}

#[test] // req: R-079, C-130
fn a_silent_provider_is_asked_each_second_and_given_up_after_five() {
    let (mut rig, mut discovery, mut provider) = scene();
    let request = discovery.ask(&Filter::default()).unwrap();
    let mut told = Told::new();
    let mut asked = 0;
    for _ in 0..5100 {
        told.extend(look(&mut rig, &mut discovery));
        asked += provider.asked().len();
    }
    assert!(matches!(told[..], [(id, Err(Error::Timeout))] if id == request));
    assert_eq!(asked, 5, "at once, and each second after that");
    // Late is nobody's.
    provider.found(request, &[]);
    assert!(look(&mut rig, &mut discovery).is_empty());
    assert_eq!(discovery.unknown_answers(), 1);
}

#[test] // req: C-127, C-151
fn what_is_no_answer_is_counted_and_nothing_of_it_told() {
    let (mut rig, mut discovery, mut provider) = scene();
    let request = discovery.ask(&Filter::default()).unwrap();
    look(&mut rig, &mut discovery);
    let mut bytes = vec![0; 4096];
    let results = [result(10_000, 1)];
    let outcome = DiscoveryOutcome::Found(Results::listed(&results));
    let response = DiscoveryResponse {
        request_id: request,
        outcome,
    };
    let length = response.encode(&mut bytes).unwrap();
    provider.answers.offer(&bytes[..length - 1]).unwrap();
    assert!(look(&mut rig, &mut discovery).is_empty());
    assert_eq!(discovery.malformed_messages(), 1);
    // The same without a stream: this one is void, its neighbour is not.
    let results = [result(10_000, 1), result(10_001, 1)];
    let outcome = DiscoveryOutcome::Found(Results::listed(&results));
    let response = DiscoveryResponse {
        request_id: request,
        outcome,
    };
    let length = response.encode(&mut bytes).unwrap();
    let first_result = 8 + 9 + 4;
    bytes[first_result..first_result + 4].fill(0);
    provider.answers.offer(&bytes[..length]).unwrap();
    let told = look(&mut rig, &mut discovery);
    let found = told[0].1.as_ref().unwrap();
    let streams: Vec<_> = found.iter().map(|found| found.stream.get()).collect();
    assert_eq!(streams, [10_001]);
}

#[test] // req: C-129, R-077
fn what_was_found_is_there_once_in_its_newest_epoch_and_found_again_by_anything() {
    let (mut rig, mut discovery, mut provider) = scene();
    let request = discovery.ask(&Filter::default()).unwrap();
    look(&mut rig, &mut discovery);
    let tags = ["left", "infrared"].map(|tag| Tag(tag.into()));
    let tagged = DiscoveryResult {
        tags: Tags::listed(&tags),
        data_source_name: Some("north".into()),
        data_source_id: Some(5),
        ..result(10_001, 3)
    };
    let elsewhere = DiscoveryResult {
        driver_instance_id: Some("other".into()),
        ..result(10_000, 1)
    };
    let nowhere = DiscoveryResult {
        driver_control_channel: "carrier-pigeon",
        ..result(10_003, 1)
    };
    let results = [
        result(10_000, 1),
        tagged,
        result(10_000, 2),
        elsewhere,
        nowhere,
    ];
    provider.found(request, &results);
    let told = look(&mut rig, &mut discovery);
    let found = told[0].1.as_ref().unwrap();
    assert_eq!((found.len(), found.left_out()), (3, 1));
    let first = found.stream(STREAM).unwrap();
    assert_eq!((first.epoch.get(), first.producer), (2, Some(SOMEBODY)));
    assert_eq!(first.driver_control.stream_id, CONTROL_STREAM);
    assert_eq!(first.header_region_uri, URI);
    assert_eq!((first.pools.len(), first.pools[0].stride_bytes), (1, 4096));
    assert_eq!(first.driver_instance_id().as_deref(), Some("driver"));

    let north = found.named("north").unwrap();
    assert_eq!(north.stream.get(), 10_001);
    assert!(found.named("North").is_none());
    assert_eq!(north.tags().collect::<Vec<_>>(), ["left", "infrared"]);
    assert_eq!(found.tagged("left").count(), 1);
    assert!(!north.has_tag("Left"));

    let left = [Tag("left".into()), Tag("".into())];
    let all = Filter {
        stream_id: Some(10_001),
        producer_id: Some(SOMEBODY.get()),
        data_source_id: Some(5),
        data_source_name: Some("north"),
        tags: &left,
    };
    assert!(north.matches(&all));
    let right = [Tag("left".into()), Tag("right".into())];
    for other in [
        Filter {
            stream_id: Some(1),
            ..all
        },
        Filter {
            producer_id: Some(0),
            ..all
        },
        Filter {
            data_source_id: Some(6),
            ..all
        },
        Filter {
            data_source_name: Some("south"),
            ..all
        },
        Filter {
            tags: &right,
            ..all
        },
    ] {
        assert!(!north.matches(&other), "{other:?}");
    }
}

#[test]
fn an_answer_without_end_is_cut_and_says_so() {
    let (mut rig, mut discovery, mut provider) = scene();
    let request = discovery.ask(&Filter::default()).unwrap();
    look(&mut rig, &mut discovery);
    let results: Vec<_> = (1..=1100).map(|stream| result(stream, 1)).collect();
    provider.found(request, &results);
    let told = look(&mut rig, &mut discovery);
    let found = told[0].1.as_ref().unwrap();
    assert_eq!((found.len(), found.left_out()), (1000, 100));
}

#[test] // req: C-126, R-081
fn questions_that_cannot_be_answered_are_refused() {
    let (mut rig, mut discovery, _provider) = scene();
    let responses = |stream| {
        let endpoint = Endpoint::new(Channel::ipc(), stream);
        let config = DiscoveryConfig::default().with_responses(endpoint);
        Discovery::new(&rig.client, &config).map(drop)
    };
    assert!(matches!(
        responses(0),
        Err(Error::Config(ConfigError::Zero { .. }))
    ));
    let at_driver = ConfigError::Discovery(AskError::ResponsesAtDriver);
    assert_eq!(responses(CONTROL_STREAM), Err(Error::Config(at_driver)));

    let name = "x".repeat(5000);
    let long = Filter {
        data_source_name: Some(&name),
        ..Filter::default()
    };
    let refused = discovery.ask(&long);
    assert!(matches!(
        refused,
        Err(Error::Config(ConfigError::Discovery(AskError::TooLong(_))))
    ));
    let asked: Vec<_> = (0..8)
        .map(|_| discovery.ask(&Filter::default()).unwrap())
        .collect();
    assert_eq!(discovery.ask(&Filter::default()), Err(Error::QueueFull));
    discovery.cancel(asked[3]);
    discovery.ask(&Filter::default()).unwrap();
    look(&mut rig, &mut discovery);
}

#[test] // req: C-130, C-148
fn questions_are_asked_from_the_duty_cycle_but_not_waited_for_there() {
    let (mut rig, mut discovery, mut provider) = scene();
    assert_eq!(discovery.ask(&Filter::default()).map(|_| ()), Ok(()));
    let said = Arc::new(Mutex::new(Vec::new()));
    let diary = said.clone();
    let _work = rig.client.register_work(10, move |_| {
        let waited = discovery.find(&Filter::default());
        assert_eq!(waited.map(drop), Err(Error::InCallback));
        let heard =
            |_, answer: Result<Findings, _>| diary.lock().unwrap().push(answer.unwrap().len());
        discovery.poll(heard).map_err(|error| error.to_string())
    });
    rig.cycles(2);
    let asked = provider.asked();
    provider.found(asked[0], &[result(10_000, 1)]);
    rig.cycle();
    assert_eq!(*said.lock().unwrap(), [1]);
}

#[test] // req: C-128, C-129, R-046, R-073
fn a_stream_is_asked_of_the_driver_that_was_named_and_of_no_other() {
    let (mut rig, mut discovery, mut provider) = scene();
    let request = discovery.ask(&Filter::default()).unwrap();
    look(&mut rig, &mut discovery);
    let other = DiscoveryResult {
        driver_control_stream_id: StreamId::new(2000).unwrap(),
        ..result(10_001, 1)
    };
    provider.found(request, &[result(10_000, 1), other]);
    let told = look(&mut rig, &mut discovery);
    let found = told[0].1.as_ref().unwrap();

    let mut ear = rig.ear();
    let ours = found.stream(STREAM).unwrap();
    let _consumer = rig.client.consumer(ConsumerConfig::found(ours)).unwrap();
    let _producer = rig.client.producer(ProducerConfig::found(ours)).unwrap();
    rig.cycles(3);
    let attaches = ear.attaches();
    assert_eq!(attaches.len(), 2);
    assert!(
        attaches
            .iter()
            .all(|attach| attach.stream_id == Some(STREAM))
    );

    let others = found
        .iter()
        .find(|found| found.stream.get() == 10_001)
        .unwrap();
    let refused = ConfigError::OtherDriver {
        channel: CHANNEL.to_owned(),
        stream_id: 2000,
    };
    let consumer = rig.client.consumer(ConsumerConfig::found(others));
    assert_eq!(consumer.map(drop), Err(Error::Config(refused.clone())));
    let producer = rig.client.producer(ProducerConfig::found(others));
    assert_eq!(producer.map(drop), Err(Error::Config(refused)));
    let context = Context::new().for_driver_of(others);
    assert_eq!(context.control().stream_id, 2000);
}

#[test] // req: C-012
fn questions_end_with_their_client() {
    let (mut rig, mut discovery, _provider) = scene();
    rig.conductor.close();
    assert!(matches!(
        Discovery::new(&rig.client, &DiscoveryConfig::default()),
        Err(Error::Closed)
    ));
    rig.net.advance(CYCLE);
    let _ = discovery.poll(|_, _| panic!("nobody asked"));
}
