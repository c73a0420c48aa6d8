//! Progress: passed on, judged, and prefixes read before the commit.

use core::ops::Range;

use tp_core_nostd::ids::{ClientId, StreamId};
use tp_core_nostd::proto::read::NotAhead;
use tp_core_nostd::transport::Publication;
use tp_core_nostd::wire::control::{
    Attribute, Attributes, ConsumerConfig as Ordered, DataSourceMeta, Endpoint, FrameProgress,
    ProgressHints,
};
use tp_core_nostd::wire::enums::{FrameProgressState, Mode};
use tp_tests::fake_transport::FakePublication;

use super::world::{PRODUCER, World};
use crate::aeron::Channel;
use crate::consumer::bench::{STREAM, Stage, epoch, seq};
use crate::consumer::{Consumer, ConsumerConfig};
use crate::{CONTROL_STREAM, METADATA_STREAM, context};

const ANN: ClientId = ClientId::new(77).unwrap();
const OWN: i32 = 32_000;

const HINTS: ProgressHints = ProgressHints {
    interval_us: Some(500),
    bytes_delta: Some(64),
    major_delta_units: None,
};

fn progress(raw: u64, filled: u64, state: FrameProgressState) -> FrameProgress {
    FrameProgress {
        stream_id: STREAM,
        epoch: epoch(5),
        seq: seq(raw),
        payload_bytes_filled: filled,
        state,
    }
}

fn tell(publication: &mut FakePublication, progress: &FrameProgress) {
    let mut bytes = [0; 64];
    let len = progress.encode(&mut bytes).unwrap();
    publication.offer(&bytes[..len]).unwrap();
}

/// The producer says what applies from version 3 on.
fn describe(world: &mut World, header_first: &str) {
    let attributes = [Attribute {
        key: "tp.progress.header_first".into(),
        format: "text/plain".into(),
        value: header_first.as_bytes(),
    }];
    let meta = DataSourceMeta {
        stream_id: STREAM,
        meta_version: 3,
        timestamp_ns: 1,
        attributes: Attributes::listed(&attributes),
    };
    let mut bytes = [0; 256];
    let len = meta.encode(&mut bytes).unwrap();
    let mut publication = world.net.publication(METADATA_STREAM, PRODUCER);
    publication.offer(&bytes[..len]).unwrap();
    world.run(2);
}

/// Valid progress: number, bytes, and what could be read.
type Heard = Vec<(u64, u64, Result<Vec<u8>, NotAhead>)>;

fn heard(world: &mut World, consumer: &mut Consumer) -> Heard {
    let mut heard = Heard::new();
    for _ in 0..3 {
        world.step();
        consumer
            .poll_progress(10, |progress, reader| {
                let read = reader.read().map(|prefix| {
                    let mut bytes = vec![0; 256];
                    let len = prefix.copy_to(0, &mut bytes).unwrap();
                    assert_eq!(prefix.ready_bytes(), len);
                    bytes.truncate(len);
                    bytes
                });
                heard.push((progress.seq.get(), progress.payload_bytes_filled, read));
            })
            .unwrap();
    }
    heard
}

use FrameProgressState::{Complete, Progress, Started};

#[test] // req: C-116, C-117, W-159, W-160, W-161, W-167, W-168, T-21
fn progress_is_judged_and_a_hint_until_the_commit() {
    let mut world = World::new();
    let mut consumer = world.consumer(ConsumerConfig::new(STREAM).with_progress(HINTS));
    let mut silent = world.consumer(ConsumerConfig::new(STREAM));
    assert_eq!(world.hellos[0].progress, Some(HINTS));
    let mut control = world.net.publication(CONTROL_STREAM, PRODUCER);
    world.run(2);
    world.stage.begin(0);
    let told = [
        progress(0, 0, Started),
        progress(0, 4, Progress),
        progress(0, 3, Progress),
        FrameProgress {
            epoch: epoch(4),
            ..progress(0, 5, Progress)
        },
        FrameProgress {
            stream_id: StreamId::new(10_001).unwrap(),
            ..progress(0, 6, Progress)
        },
        progress(0, 8, Complete),
    ];
    for message in &told {
        tell(&mut control, message);
    }
    let hint = Err(NotAhead::HintOnly);
    let valid = [(0, 0, hint.clone()), (0, 4, hint.clone()), (0, 8, hint)];
    assert_eq!(heard(&mut world, &mut consumer), valid);
    assert_eq!(consumer.counters().progress_violations(), 1);
    assert_eq!(heard(&mut world, &mut silent), [], "it did not ask");

    world.stage.write([1]);
    tell(&mut control, &progress(1, 4, Progress));
    tell(&mut control, &progress(1, 9, Complete));
    assert_eq!(heard(&mut world, &mut consumer), [(1, 4, Ok(vec![1; 4]))]);
    assert_eq!(consumer.counters().progress_violations(), 2, "too long");
    let mut frames = 0;
    let mut count = |_: &_, _: crate::FrameReader<'_>| frames += 1;
    consumer.poll(0, &mut count).unwrap();
    assert_eq!(frames, 0, "it stands in for no descriptor");
}

#[test] // req: E-02, C-116, W-163, W-169
fn prefixes_can_be_read_before_the_commit_where_headers_come_first() {
    let mut world = World::new();
    let mut consumer = world.consumer(ConsumerConfig::new(STREAM).with_progress(HINTS));
    let mut control = world.net.publication(CONTROL_STREAM, PRODUCER);
    describe(&mut world, "1");
    world.stage.begin_whole(2, 16);
    tell(&mut control, &progress(2, 8, Progress));
    assert_eq!(heard(&mut world, &mut consumer), [(2, 8, Ok(vec![2; 8]))]);
    // Overwritten before it was read.
    tell(&mut control, &progress(2, 12, Progress));
    world.run(1);
    world.stage.begin(2 + 64);
    assert_eq!(heard(&mut world, &mut consumer), []);
    // Its producer does it no more.
    describe(&mut world, "0");
    world.stage.begin_whole(3, 16);
    tell(&mut control, &progress(3, 8, Progress));
    let hint = Err(NotAhead::HintOnly);
    assert_eq!(heard(&mut world, &mut consumer), [(3, 8, hint)]);
}

#[test] // req: E-02, C-116, W-170, T-48
fn each_row_that_is_ready_comes_once() {
    let mut world = World::new();
    let mut consumer = world.consumer(ConsumerConfig::new(STREAM).with_progress(HINTS));
    let mut control = world.net.publication(CONTROL_STREAM, PRODUCER);
    describe(&mut world, "1");
    world.stage.begin_whole(2, 16);
    let mut taken: Vec<Range<usize>> = Vec::new();
    for (filled, state) in [(0, Started), (5, Progress), (9, Progress), (16, Complete)] {
        tell(&mut control, &progress(2, filled, state));
        world.run(2);
        consumer
            .poll_progress(10, |_, reader| {
                let prefix = reader.read().unwrap();
                let from = u32::try_from(taken.len()).unwrap();
                taken.extend(prefix.lines(from));
                assert_eq!(prefix.revalidate(), Ok(()));
            })
            .unwrap();
    }
    assert_eq!(taken, [0..4, 4..8, 8..12, 12..16]);
}

#[test] // req: C-111, C-116, W-201, W-202
fn a_control_stream_of_its_own_brings_progress_and_nothing_else() {
    let endpoint = context::Endpoint::new(Channel::ipc(), OWN);
    let config = ConsumerConfig::new(STREAM)
        .with_client(ANN)
        .with_progress(HINTS)
        .with_own_control(&endpoint)
        .unwrap();
    let mut world = World::new();
    let mut consumer = world.consumer(config);
    let mut shared = world.net.publication(CONTROL_STREAM, PRODUCER);
    let mut own = world.net.publication(OWN, PRODUCER);
    let ordered = Ordered {
        stream_id: STREAM,
        consumer_id: ANN,
        use_shm: true,
        mode: Mode::Stream,
        payload_fallback_uri: None,
        descriptor: None,
        control: Some(Endpoint {
            channel: "aeron:ipc",
            stream_id: StreamId::new(32_000).unwrap(),
        }),
    };
    world.order(&ordered);
    for _ in 0..10 {
        heard(&mut world, &mut consumer);
    }
    let status = consumer.status();
    assert_eq!(status.assigned_control_stream(), StreamId::new(32_000));
    world.stage.write([1, 2]);
    tell(&mut own, &progress(1, 4, Progress));
    // Whatever else comes there is passed over, and so is progress on the shared stream.
    own.offer(&[0xA5; 40]).unwrap();
    tell(&mut shared, &progress(2, 4, Progress));
    assert_eq!(heard(&mut world, &mut consumer), [(1, 4, Ok(vec![1; 4]))]);
    // The shared control stream still gives orders.
    world.order(&Ordered {
        control: None,
        ..ordered
    });
    for _ in 0..10 {
        heard(&mut world, &mut consumer);
    }
    assert_eq!(status.assigned_control_stream(), None);
    tell(&mut shared, &progress(2, 8, Progress));
    assert_eq!(heard(&mut world, &mut consumer), [(2, 8, Ok(vec![2; 8]))]);
}

impl Stage {
    /// Opens the slot of frame `raw` with its header and all of its bytes, but does not commit it.
    fn begin_whole(&self, raw: u64, len: u32) {
        self.begin_with(raw, &self.rows(raw, len), len);
    }
}
