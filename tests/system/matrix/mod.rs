//! The configuration matrix: one test is one row, and every row has the same exchange of pictures (client 4.2, C-196).

mod exchange;
mod film;
mod huge;
mod refusals;

use tp_core_nostd::ids::{ClientId, NodeId, StreamId};
use tp_core_nostd::proto::read::DropReason;
use tp_core_nostd::proto::tracelink::Stage;
use tp_core_nostd::wire::control::ProgressHints;
use tp_core_nostd::wire::driver::{HugepagesPolicy, PublishMode};
use tp_core_nostd::wire::enums::FrameProgressState::{Complete, Progress, Started};
use tp_std::aeron::Channel;
use tp_std::{CONTROL_STREAM, ConsumerState, Consumers, Endpoint, Tracing};

use crate::rig::{Shape, wait_until};
use exchange::{FRAMES, Pair, Row, shape};

/// Every frame came.
fn all(pair: &mut Pair) {
    assert_eq!(pair.received, FRAMES);
}

fn own(id: i32) -> Endpoint {
    Endpoint::new(Channel::ipc(), id)
}

#[test] // req: C-196
fn control_and_announces_on_one_stream() {
    Row {
        shape: Shape {
            announces: CONTROL_STREAM,
            ..shape()
        },
        end: |pair| {
            all(pair);
            let [control, announces] = pair.said.announces;
            assert!(control > 0 && announces == 0, "{control}, {announces}");
        },
        ..Row::default()
    }
    .run();
}

#[test] // req: C-196
fn control_and_announces_on_two_streams() {
    Row {
        end: |pair| {
            all(pair);
            let [control, announces] = pair.said.announces;
            assert!(control == 0 && announces > 0, "{control}, {announces}");
        },
        ..Row::default()
    }
    .run();
}

#[test] // req: C-196, C-110, C-111, C-116, W-200
fn descriptors_and_progress_on_streams_of_ones_own() {
    Row {
        shape: Shape {
            driver: "descriptor_stream_id_range = \"31000-31009\"\ncontrol_stream_id_range = \"32000-32009\"",
            ..shape()
        },
        consumer: |config| {
            let config = config.with_progress(ProgressHints::default());
            let config = config.with_own_descriptors(&own(31_000)).unwrap();
            config.with_own_control(&own(32_000)).unwrap()
        },
        begin: |pair| {
            let status = pair.consumer.status();
            pair.flow("frames and progress on its own streams", |pair| {
                let sent = pair.producer.private_deliveries().map(|own| own.deliveries.sent);
                sent.sum::<u64>() > 10
                    && status.assigned_descriptor_stream().is_some()
                    && status.assigned_control_stream().is_some()
            });
            // What is on its way on the shared stream was told before the next frames are.
            pair.progress.clear();
            pair.flow("progress on its own stream", |pair| !pair.progress.is_empty());
        },
        end: |pair| {
            all(pair);
            told(pair);
            assert_eq!(pair.said.progress, [], "told to everybody");
        },
        ..Row::default()
    }
    .run();
}

#[test] // req: C-196, D-156, D-157, D-166, D-167, D-168
fn a_stream_that_its_producer_brings_into_being() {
    Row {
        shape: Shape {
            driver: "stream_id_range = \"20000-20009\"",
            policies: "allow_dynamic_streams = true\ndefault_profile = \"frames\"",
            ..shape()
        },
        stream: StreamId::new(20_005).unwrap(),
        producer: |config| config.with_publish_mode(PublishMode::ExistingOrCreate),
        end: all,
        ..Row::default()
    }
    .run();
}

#[test] // req: C-196
fn a_stream_that_has_to_be_there() {
    Row {
        producer: |config| config.with_publish_mode(PublishMode::RequireExisting),
        end: all,
        ..Row::default()
    }
    .run();
}

#[test] // req: C-196
fn standard_pages() {
    Row {
        producer: |config| config.with_hugepages(HugepagesPolicy::Standard),
        end: all,
        ..Row::default()
    }
    .run();
}

#[test] // req: C-196, D-039, D-172, D-177
fn a_node_id_that_was_asked_for() {
    Row {
        // An id goes back to the client that had it (D-177).
        producer: |config| {
            let config = config.with_client(ClientId::new(700).unwrap());
            config.with_node(NodeId::new(77).unwrap())
        },
        end: |pair| {
            all(pair);
            let wanted = NodeId::new(77).unwrap();
            assert!(pair.said.nodes.contains(&wanted), "{:?}", pair.said.nodes);
        },
        ..Row::default()
    }
    .run();
}

/// The consumer heard of the start and the end of each frame; how often of something between them.
fn told(pair: &Pair) -> usize {
    let of = |state| pair.progress.iter().filter(move |told| told.0 == state);
    let frames = usize::try_from(FRAMES).unwrap();
    assert_eq!(
        (of(Started).count(), of(Complete).count()),
        (frames, frames)
    );
    of(Progress).count()
}

#[test] // req: C-196, C-197, C-073, C-116
fn progress_for_whoever_wants_it() {
    Row {
        consumer: |config| config.with_progress(ProgressHints::default()),
        begin: |pair| pair.flow("progress", |pair| !pair.progress.is_empty()),
        end: |pair| {
            all(pair);
            assert!(told(pair) > 0);
            pair.is_told_with_all();
        },
        ..Row::default()
    }
    .run();
}

/// The most that a hint can say.
const SELDOM: u32 = u32::MAX - 1;

#[test] // req: C-196, C-073
fn progress_as_rarely_as_it_is_wanted() {
    Row {
        consumer: |config| {
            config.with_progress(ProgressHints {
                interval_us: Some(SELDOM),
                bytes_delta: Some(SELDOM),
                major_delta_units: Some(SELDOM),
            })
        },
        begin: |pair| pair.flow("progress", |pair| !pair.progress.is_empty()),
        end: |pair| {
            all(pair);
            assert_eq!(told(pair), 0);
        },
        ..Row::default()
    }
    .run();
}

#[test] // req: C-196, C-073
fn no_progress_where_nobody_wants_it() {
    Row {
        end: |pair| {
            all(pair);
            assert_eq!((pair.progress.len(), pair.said.progress.len()), (0, 0));
            assert_eq!(pair.producer.progress_policy(), None);
        },
        ..Row::default()
    }
    .run();
}

#[test] // req: C-196, C-088
fn a_trace_id_for_each_frame() {
    Row {
        producer: |config| config.with_tracing(Tracing::of(Stage::Root)),
        end: |pair| {
            all(pair);
            assert!(pair.traces.iter().all(Option::is_some), "{:?}", pair.traces);
            assert!(pair.traces.is_sorted_by(|a, b| a < b), "{:?}", pair.traces);
        },
        ..Row::default()
    }
    .run();
}

#[test] // req: C-196
fn no_trace_id_where_nobody_traces() {
    Row {
        end: |pair| {
            all(pair);
            assert!(pair.traces.iter().all(Option::is_none), "{:?}", pair.traces);
        },
        ..Row::default()
    }
    .run();
}

#[test] // req: C-196, C-115
fn fewer_frames_than_there_are() {
    Row {
        consumer: |config| config.with_max_rate_hz(1),
        end: |pair| {
            let dropped = pair.drops.drops(DropReason::RateLimited);
            assert!(dropped > 0 && pair.received < FRAMES, "{dropped}");
        },
        ..Row::default()
    }
    .run();
}

#[test] // req: C-196, C-078
fn memory_of_the_producers_own() {
    Row {
        is_direct: true,
        end: |pair| {
            all(pair);
            assert!(pair.said.announces[0] > 0);
        },
        ..Row::default()
    }
    .run();
}

#[test] // req: C-196, C-086, C-093, C-099
fn a_fallback_and_back() {
    const ELSEWHERE: &str = "aeron:udp?endpoint=localhost:40123";
    Row {
        is_direct: true,
        producer: |config| {
            let consumers = Consumers::new().with_no_shm(true);
            config.with_consumers(consumers.with_fallback_uri(ELSEWHERE).unwrap())
        },
        begin: |pair| {
            let status = pair.consumer.status();
            wait_until("the way round shared memory", || {
                pair.poll();
                status.state() == ConsumerState::Fallback
            });
            assert_eq!(status.fallback_uri().as_deref(), Some(ELSEWHERE));
            let received = pair.received;
            pair.publish();
            pair.poll();
            assert_eq!((pair.received, status.uses_shm()), (received, false));
            pair.producer.set_consumers(Consumers::new());
            pair.flow("frames from memory", |pair| pair.received > received);
        },
        end: |pair| {
            all(pair);
            assert!(pair.consumer.status().uses_shm());
        },
        ..Row::default()
    }
    .run();
}

#[test] // req: C-196, E-01
fn frames_found_in_memory() {
    Row {
        consumer: |config| config.with_direct_poll(true),
        end: all,
        ..Row::default()
    }
    .run();
}
