//! Vectors of schema 901 that only a driver can judge, because it knows its leases.

use serde_json::Value;
use tp_core_nostd::ids::{ClientId, CorrelationId, PoolId, StreamId};
use tp_core_nostd::proto::driver::{
    AnswerEntry, Config, Driver, Dynamic, Event, FileOrder, FileResult, IdRange, LeaseEntry,
    LeaseStatus, NodeEntry, Profile, Storage, StreamEntry, TEXT_MAX,
};
use tp_core_nostd::seq::SlotCount;
use tp_core_nostd::shm::PoolClass;
use tp_core_nostd::time::Instant;
use tp_core_nostd::wire::Stride;
use tp_core_nostd::wire::driver::{
    HugepagesPolicy, PublishMode, RefusalCode, Role, ShmAttachRequest,
};

use crate::harness::{Entry, MALFORMED, TOLERATED, bytes, entries};

const PROFILES: &[Profile<'static>] = &[Profile {
    header_nslots: SlotCount::new(8).unwrap(),
    pools: &[PoolClass {
        pool_id: PoolId::new(1).unwrap(),
        stride: Stride::new(1024).unwrap(),
    }],
}];
const DYNAMIC: &[IdRange] = &[IdRange::new(
    StreamId::new(20_000).unwrap(),
    StreamId::new(20_009).unwrap(),
)
.unwrap()];
const LEASES: usize = 4;
const START: Instant = Instant::from_ns(1_000_000_000);
/// When the vector arrives.
const LATER: Instant = Instant::from_ns(2_000_000_000);

fn leak<T: Clone>(entry: T, len: usize) -> &'static mut [T] {
    Box::leak(vec![entry; len].into_boxed_slice())
}

/// A driver that owns streams 10000, 10001 and those of the range, and has issued one lease, with this id.
fn driver(lease: u64) -> Driver<'static> {
    // The first id lies one table's length above half the seed.
    let seed = lease.wrapping_sub(LEASES as u64) << 1;
    let config = Config {
        dynamic: Some(Dynamic {
            ids: DYNAMIC,
            profile: 0,
        }),
        ..Config::new("/dev/shm/tensorpool-vectors/default", PROFILES, seed)
    };
    let storage = Storage {
        leases: leak(LeaseEntry::new(), LEASES),
        streams: leak(StreamEntry::new(), 4),
        consumers: &mut [],
        nodes: leak(NodeEntry::new(), 8),
        answers: leak(AnswerEntry::new(), 8),
        strangers: leak(None, 8),
        text: leak(0, TEXT_MAX),
    };
    let mut driver = Driver::new(config, storage).expect("a configuration");
    for raw in [10_000, 10_001] {
        driver.add_stream(StreamId::new(raw).unwrap(), 0).unwrap();
    }
    driver
}

/// All there is to say and to do, with a disk that works.
fn settle(driver: &mut Driver<'_>, now: Instant) -> Vec<Event> {
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let before = heard.len();
        let mut result = None;
        while let Ok(true) = driver.order(now, |order| {
            result = match order {
                FileOrder::Scan { stream } => Some(FileResult::Scanned {
                    stream,
                    last_epoch: 0,
                }),
                FileOrder::Provision { stream, epoch, .. } => {
                    Some(FileResult::Provisioned { stream, epoch })
                }
                FileOrder::Collect { .. } | FileOrder::RefreshActivity { .. } => None,
            };
            Ok::<_, ()>(())
        }) {
            if let Some(result) = result.take() {
                driver.handle_files(now, result);
            }
        }
        while let Ok(true) = driver.transmit(now, &mut buffer, |output| {
            heard.push(output.event);
            Ok::<_, ()>(())
        }) {}
        if heard.len() == before {
            return heard;
        }
    }
}

/// A driver with the one active lease of the vector's context.
fn with_lease_of(context: &Value) -> Driver<'static> {
    let lease = &context["active_leases"][0];
    let number = |value: &Value| value.as_i64().expect("a number");
    let stream = match &lease["request"] {
        Value::Null => number(&lease["streamId"]),
        request => number(&request["streamId"]),
    };
    let correlation = lease["request"]["correlationId"].as_i64().unwrap_or(1);
    let request = ShmAttachRequest {
        correlation_id: CorrelationId(correlation),
        stream_id: StreamId::new(stream as u32),
        client_id: ClientId::new(number(&lease["clientId"]) as u32).unwrap(),
        role: Role::new(number(&lease["role"]) as u8).unwrap(),
        expected_layout_version: 1,
        publish_mode: PublishMode::ExistingOrCreate,
        require_hugepages: HugepagesPolicy::Unspecified,
        desired_node_id: None,
    };
    let mut driver = driver(lease["leaseId"].as_u64().expect("a lease id"));
    let mut buffer = [0; 64];
    let len = request.encode(&mut buffer).unwrap();
    driver.handle(START, &buffer[..len]);
    settle(&mut driver, START);
    let status = only_lease(&driver);
    assert_eq!(status.lease.get(), lease["leaseId"]);
    assert_eq!(status.stream.get(), lease["streamId"]);
    driver
}

fn only_lease(driver: &Driver<'_>) -> LeaseStatus {
    let leases: Vec<_> = driver.leases().collect();
    let [lease] = leases[..] else {
        panic!("{leases:?}")
    };
    lease
}

fn with_leases(files: &'static [&'static str]) -> impl Iterator<Item = Entry> {
    entries(files).filter(|entry| entry.context["active_leases"].is_array())
}

#[test] // req: D-057, D-059, D-092, D-154
fn messages_that_do_not_fit_a_lease_change_nothing() {
    let mut judged = 0;
    for entry in with_leases(MALFORMED) {
        let mut driver = with_lease_of(&entry.context);
        let before = only_lease(&driver);
        driver.handle(LATER, &bytes(&entry));
        let heard = settle(&mut driver, LATER);
        if entry.why.contains("REJECTED") {
            let refused = |event: &Event| match event {
                Event::AttachRefused { code, .. } => *code == RefusalCode::Rejected,
                _ => false,
            };
            assert!(
                heard.len() == 1 && refused(&heard[0]),
                "{}: {heard:?}",
                entry.name
            );
        } else {
            assert_eq!(heard, [], "{}", entry.name);
        }
        assert_eq!(only_lease(&driver), before, "{}", entry.name);
        judged += 1;
    }
    assert_eq!(judged, 6);
}

#[test] // req: D-059
fn an_exact_repeat_gets_the_same_lease_again() {
    let mut judged = 0;
    for entry in with_leases(TOLERATED) {
        let mut driver = with_lease_of(&entry.context);
        let before = only_lease(&driver);
        driver.handle(LATER, &bytes(&entry));
        let heard = settle(&mut driver, LATER);
        let [
            Event::Attached {
                lease,
                stream,
                again: true,
                ..
            },
        ] = heard[..]
        else {
            panic!("{}: {heard:?}", entry.name)
        };
        assert_eq!((lease, stream), (before.lease, before.stream));
        assert_eq!(only_lease(&driver), before, "{}", entry.name);
        judged += 1;
    }
    assert_eq!(judged, 1);
}

#[test] // req: D-028, D-029, D-030, D-060
fn no_malformed_message_touches_a_lease() {
    let context = with_leases(MALFORMED).next().expect("one").context;
    let mut driver = with_lease_of(&context);
    let before = only_lease(&driver);
    let others = entries(MALFORMED).filter(|entry| entry.context.is_null());
    for entry in others {
        driver.handle(LATER, &bytes(&entry));
        let heard = settle(&mut driver, LATER);
        // At most a refusal, and that only where the vector says so.
        let answers = ["UNSUPPORTED", "INVALID_PARAMS"]
            .iter()
            .any(|code| entry.why.contains(code));
        let refused = |event: &Event| {
            matches!(
                event,
                Event::AttachRefused { .. } | Event::DetachRefused { .. }
            )
        };
        assert!(
            heard.iter().all(refused) && heard.len() <= usize::from(answers),
            "{}: {heard:?}",
            entry.name
        );
        assert_eq!(only_lease(&driver), before, "{}", entry.name);
    }
}
