//! The rate limiter between a producer and the consumer it works for: real streams, real leases.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rustix::process::Signal;
use tp_core_nostd::agent::Agent;
use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::wire::control::{
    DataSourceAnnounce, DataSourceMeta, FrameProgress, ProgressHints,
};
use tp_core_nostd::wire::enums::FrameProgressState;
use tp_std::aeron::Channel;
use tp_std::rate_limiter::{LaneConfig, LaneStatus, RateLimiter, RateLimiterConfig};
use tp_std::{
    CONTROL_STREAM, Client, CommitMeta, ConductorThread, Consumer, ConsumerConfig, Endpoint, Frame,
    METADATA_STREAM, Producer,
};

use crate::ears::Ears;
use crate::frames::{Pace, bytes_tensor, fill, is_whole};
use crate::rig::{PATIENCE, Rig, Shape, aeron_dir, base_dir, producer, stream, wait_until};

const DESTINATION: u32 = 20_000;
const PERIOD: Duration = Duration::from_millis(50);
const RATE: u32 = 20;
const LEN: u32 = 700;

fn destination() -> StreamId {
    StreamId::new(DESTINATION).unwrap()
}

fn rig() -> Rig {
    Rig::start(&Shape {
        announce_ms: 200,
        // The destination has smaller slots than the source.
        policies: "[profiles.small]\nheader_nslots = 1024\npayload_pools = [{ pool_id = 7, stride_bytes = 512 }, \
                   { pool_id = 8, stride_bytes = 1024 }]\n[streams.thin]\nstream_id = 20000\nprofile = \"small\"",
        ..Shape::default()
    })
}

fn descriptors() -> Endpoint {
    Endpoint::new(Channel::ipc(), 1110)
}

/// A rate limiter on a thread.
struct Running {
    stop: Arc<AtomicBool>,
    status: Arc<Mutex<Option<LaneStatus>>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn start(rig: &Rig, change: impl FnOnce(&mut RateLimiterConfig)) -> Self {
        let lane = LaneConfig::new(stream(), destination());
        let mut config = RateLimiterConfig::new(descriptors(), vec![lane]);
        config.aeron_dir = Some(aeron_dir(rig.root()));
        config.allowed_dirs = vec![base_dir(rig.root())];
        config.keepalive_interval = Duration::from_millis(500);
        change(&mut config);
        let mut limiter = RateLimiter::connect(config).unwrap();
        let (stop, status) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let thread = thread::spawn({
            let (stop, status): (_, Arc<Mutex<_>>) = (stop.clone(), Arc::clone(&status));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    if limiter.do_work().unwrap() == 0 {
                        thread::sleep(Duration::from_micros(200));
                    }
                    *status.lock().unwrap() = limiter.status().next();
                }
                limiter.on_close();
            }
        });
        let thread = Some(thread);
        Self {
            stop,
            status,
            thread,
        }
    }

    fn status(&self) -> LaneStatus {
        let mut status = None;
        wait_until("a first duty cycle", || {
            status = *self.status.lock().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    fn stop(mut self) -> LaneStatus {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        self.status()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// One frame as the consumer of the destination got it.
#[derive(Clone, Copy, Debug)]
struct Got {
    epoch: u64,
    seq: u64,
    sent_ns: u64,
}

/// The consumer that the limiter works for.
struct Thin {
    consumer: Consumer,
    _conductor: ConductorThread,
    got: VecDeque<Got>,
}

impl Thin {
    fn attach(rig: &Rig, max_rate_hz: u32) -> Self {
        // A frame found in memory before its descriptor comes would lack what only that says: time and trace id.
        let config = ConsumerConfig::new(destination())
            .with_max_rate_hz(max_rate_hz)
            .with_watched_memory(false);
        Self::of(rig, config)
    }

    fn of(rig: &Rig, config: ConsumerConfig) -> Self {
        let (client, conductor) =
            Client::start(rig.context().with_descriptor(descriptors())).unwrap();
        let consumer = client.consumer(config).unwrap().wait(PATIENCE).unwrap();
        Self {
            consumer,
            _conductor: conductor,
            got: VecDeque::new(),
        }
    }

    /// Takes what there is. Content, times and ids of each frame follow from its number, which is the source's.
    fn poll(&mut self) {
        let got = &mut self.got;
        let polled = self.consumer.poll(64, |descriptor, reader| {
            let mut buffer = [0; 16 * 1024];
            let frame = reader.read().expect("a slot that is not written again");
            let len = frame.copy_to(&mut buffer).unwrap();
            let seq = descriptor.seq.get();
            assert_eq!(frame.seq(), descriptor.seq);
            assert!(is_whole(0, seq, &buffer[..len]), "frame {seq} is torn");
            assert_eq!(frame.tensor().dims(), [i32::try_from(len).unwrap()]);
            assert_eq!(frame.capture_ns(), Some(1_000 + seq));
            assert_eq!(frame.meta_version(), Some(9));
            assert_eq!(descriptor.meta_version, Some(9));
            assert_eq!(descriptor.trace_id, Some(77 + seq));
            got.push_back(Got {
                epoch: descriptor.epoch.get(),
                seq,
                sent_ns: descriptor.timestamp_ns.expect("the time of sending"),
            });
        });
        polled.unwrap();
    }

    /// Takes frames until the newest is `seq`.
    fn wait_for(&mut self, seq: u64) {
        wait_until("the newest frame", || {
            self.poll();
            self.got.back().is_some_and(|got| got.seq == seq)
        });
    }
}

/// Publishes the next frame of the source.
fn send(producer: &mut Producer, number: u64, len: u32) {
    let mut payload = vec![0; len as usize];
    fill(0, number, &mut payload);
    let tensor = bytes_tensor(len);
    let mut frame = Frame::new(tensor, &payload);
    frame.capture_ns = Some(1_000 + number);
    frame.meta_version = Some(9);
    frame.trace_id = Some(77 + number);
    assert_eq!(producer.offer(&frame).unwrap().seq.get(), number);
}

/// Sends frames until one of them comes out at the other end; returns the next number.
fn flowing(producer: &mut Producer, thin: &mut Thin, mut number: u64) -> u64 {
    let before = thin.got.len();
    wait_until("frames at the other end", || {
        send(producer, number, LEN);
        number += 1;
        thread::sleep(Duration::from_millis(10));
        thin.poll();
        thin.got.len() > before
    });
    number
}

#[track_caller]
fn assert_accounted(status: &LaneStatus) {
    let counts = status.counts;
    println!("{status:?}");
    let accounted = counts.passed
        + counts.superseded
        + counts.unreadable
        + counts.outdated
        + counts.without_destination
        + counts.out_of_order
        + counts.too_large
        + counts.without_slot
        + u64::from(status.is_waiting);
    assert_eq!(counts.arrived, accounted);
}

// req: L-001, L-002, L-003, L-004, L-006, L-007, L-008, L-010, L-012, L-014, L-015, L-016, L-036, L-040
#[test]
fn a_consumer_gets_the_newest_frames_at_its_rate_and_under_their_numbers() {
    let rig = rig();
    let (client, _conductor) = rig.client();
    let mut source = producer(&client);
    let running = Running::start(&rig, |_| {});
    let mut thin = Thin::attach(&rig, RATE);
    wait_until("the hello", || running.status().max_rate_hz == Some(RATE));
    let mut number = flowing(&mut source, &mut thin, 0);
    let mut pace = Pace::hz(400);
    for _ in 0..800 {
        send(&mut source, number, LEN);
        number += 1;
        pace.wait();
        thin.poll();
    }
    // No further frame pushes the newest one out: it comes when its time does.
    thin.wait_for(number - 1);
    let got: Vec<_> = thin.got.iter().copied().collect();
    let period = u64::try_from(PERIOD.as_nanos()).unwrap();
    assert!(got.len() > 10, "{}", got.len());
    for pair in got.windows(2) {
        assert_eq!(pair[0].epoch, pair[1].epoch);
        assert!(pair[1].seq > pair[0].seq, "{pair:?}");
        assert!(pair[1].sent_ns - pair[0].sent_ns >= period, "{pair:?}");
    }
    assert_ne!(Some(got[0].epoch), source.epoch().map(|epoch| epoch.get()));
    let counters = thin.consumer.counters();
    let status = running.stop();
    assert_accounted(&status);
    assert_eq!(status.counts.passed, u64::try_from(got.len()).unwrap());
    assert_eq!((counters.late_drops(), counters.local_drops()), (0, 0));
    // Everything that was thinned out is a gap in the numbers.
    let numbers = got[got.len() - 1].seq - got[0].seq + 1;
    assert_eq!(counters.gap_drops(), numbers - status.counts.passed);
}

#[test] // req: L-013, L-017
fn a_frame_that_fits_no_slot_of_the_destination_is_dropped_and_counted() {
    let rig = rig();
    let (client, _conductor) = rig.client();
    let mut source = producer(&client);
    let running = Running::start(&rig, |_| {});
    let mut thin = Thin::attach(&rig, 0);
    let number = flowing(&mut source, &mut thin, 0);
    send(&mut source, number, 4096);
    send(&mut source, number + 1, 100);
    thin.wait_for(number + 1);
    assert!(thin.got.iter().all(|got| got.seq != number));
    let status = running.stop();
    assert_eq!(status.counts.too_large, 1);
    assert_accounted(&status);
}

#[test] // req: L-011, L-030, L-038
fn numbers_that_begin_anew_at_the_source_do_so_in_a_new_epoch_of_the_destination() {
    let rig = rig();
    let (client, _conductor) = rig.client();
    let mut source = producer(&client);
    let running = Running::start(&rig, |_| {});
    let mut thin = Thin::attach(&rig, 0);
    let number = flowing(&mut source, &mut thin, 0);
    for number in number..number + 50 {
        send(&mut source, number, LEN);
        thread::sleep(Duration::from_millis(2));
    }
    thin.wait_for(number + 49);
    let before = thin.got.back().unwrap().epoch;

    drop(source);
    let mut source = producer(&client);
    let number = flowing(&mut source, &mut thin, 0);
    let first = thin.got.iter().find(|got| got.epoch != before).unwrap();
    assert!(first.epoch > before && first.seq < number, "{first:?}");
    assert_accounted(&running.stop());
}

#[test] // req: L-031
fn a_restarted_driver_is_survived_in_new_epochs() {
    let mut rig = rig();
    let (client, _conductor) = rig.client();
    let mut source = producer(&client);
    let running = Running::start(&rig, |_| {});
    let mut thin = Thin::attach(&rig, 0);
    flowing(&mut source, &mut thin, 0);
    let before = thin.got.back().unwrap().epoch;

    assert!(rig.end_driver(Signal::TERM).success());
    rig.start_driver();
    wait_until("the source's new lease", || source.epoch().is_some());
    flowing(&mut source, &mut thin, 0);
    assert!(thin.got.back().unwrap().epoch > before);
    assert_accounted(&running.stop());
}

#[test] // req: L-020, L-021
fn what_a_source_says_of_itself_is_said_of_the_destination() {
    const METADATA: i32 = 1310;
    let rig = rig();
    let mut ears = Ears::open(rig.root(), &[METADATA]);
    let (client, _conductor) = rig.client();
    let mut source = producer(&client);
    source.describe("north camera", "thin").unwrap();
    let version = source
        .set_attribute("exposure_us", "text/plain", b"1500")
        .unwrap();
    let _running = Running::start(&rig, |config| {
        config.metadata = Some(Endpoint::new(Channel::ipc(), METADATA_STREAM));
        config.lanes[0].metadata_stream = StreamId::new(1310).unwrap();
    });
    let name = ears.wait_for("the announce", |message| {
        let Message::DataSourceAnnounce(view) = message else {
            return None;
        };
        let announce = DataSourceAnnounce::try_from(view).unwrap();
        assert_eq!(announce.stream_id, destination());
        assert!(announce.producer_id.is_some());
        (announce.meta_version == version).then(|| announce.name.map(|name| name.to_string()))
    });
    assert_eq!(name.as_deref(), Some("north camera"));
    let attributes = ears.wait_for("the attributes", |message| {
        let Message::DataSourceMeta(view) = message else {
            return None;
        };
        let meta = DataSourceMeta::try_from(view).unwrap();
        assert_eq!(meta.stream_id, destination());
        (meta.meta_version == version).then_some(meta.attributes.iter().count())
    });
    assert_eq!(attributes, 1);
}

/// Streams and numbers of the frames whose end is told.
fn ended(message: &Message<'_>) -> Option<(StreamId, u64)> {
    let Message::FrameProgress(view) = *message else {
        return None;
    };
    let progress = FrameProgress::try_from(view).unwrap();
    let is_end = progress.state == FrameProgressState::Complete;
    is_end.then_some((progress.stream_id, progress.seq.get()))
}

/// As [`send`], told of while it is written.
fn send_in_steps(producer: &mut Producer, number: u64) {
    let (tensor, mut meta) = (bytes_tensor(LEN), CommitMeta::default());
    meta.capture_ns = Some(1_000 + number);
    meta.meta_version = Some(9);
    meta.trace_id = Some(77 + number);
    let mut claim = producer.try_claim(LEN).unwrap();
    producer.start(&mut claim, &tensor, meta).unwrap();
    fill(0, number, claim.bytes());
    producer.offer_progress(&mut claim, LEN / 2).unwrap();
    let published = producer.commit(claim, &tensor, meta).unwrap();
    assert_eq!(published.seq.get(), number);
}

#[test] // req: L-023, L-024, L-025, L-029, L-037
fn the_end_of_frames_that_go_on_is_told_where_that_is_configured() {
    let rig = rig();
    let mut ears = Ears::open(rig.root(), &[CONTROL_STREAM]);
    let (client, _conductor) = rig.client();
    let mut source = producer(&client);
    let running = Running::start(&rig, |config| {
        let control = StreamId::new(CONTROL_STREAM.unsigned_abs());
        config.forwarding.progress = true;
        config.forwarding.control = (control, control);
    });
    // The limiter asks the source for progress by itself.
    wait_until("somebody who wants progress", || {
        source.progress_policy().is_some()
    });
    let mut thin = Thin::attach(&rig, RATE);
    wait_until("the hello", || running.status().max_rate_hz == Some(RATE));
    let (mut number, mut told) = (0, Vec::new());
    wait_until("ends of frames at the destination", || {
        send_in_steps(&mut source, number);
        number += 1;
        thread::sleep(Duration::from_millis(5));
        thin.poll();
        ears.hear(|message| {
            let end = ended(&message).filter(|(stream, _)| *stream == destination());
            told.extend(end.map(|(_, seq)| seq));
        });
        told.len() > 3
    });
    thin.wait_for(number - 1);
    assert!(
        told.windows(2).all(|pair| pair[0] < pair[1]),
        "once each: {told:?}"
    );
    for seq in told {
        let went_on = thin.got.iter().any(|got| got.seq == seq);
        assert!(went_on, "{seq} was left out");
    }
    running.stop();
}

#[test] // req: L-008
fn a_plain_consumer_gets_every_frame_and_no_progress_that_nobody_configured() {
    let rig = rig();
    let mut ears = Ears::open(rig.root(), &[CONTROL_STREAM]);
    let (client, _conductor) = rig.client();
    let mut source = producer(&client);
    let running = Running::start(&rig, |config| {
        config.lanes[0] = config.lanes[0].with_max_rate_hz(RATE);
    });
    assert_eq!(running.status().max_rate_hz, Some(RATE));
    // Somebody else makes the source tell its progress.
    let eager = ConsumerConfig::new(stream()).with_progress(ProgressHints::default());
    let _eager = client.consumer(eager).unwrap().wait(PATIENCE).unwrap();
    wait_until("somebody who wants progress", || {
        source.progress_policy().is_some()
    });
    // Its hello says 0, and that is all of them.
    let mut thin = Thin::of(
        &rig,
        ConsumerConfig::new(destination()).with_watched_memory(false),
    );
    wait_until("the hello", || running.status().max_rate_hz.is_none());
    let (mut number, mut told) = (0, Vec::new());
    wait_until("frames and ends of frames", || {
        send_in_steps(&mut source, number);
        number += 1;
        thread::sleep(Duration::from_millis(5));
        thin.poll();
        ears.hear(|message| told.extend(ended(&message)));
        !thin.got.is_empty() && told.len() > 3
    });
    let status = running.stop();
    assert_eq!(status.counts.superseded, 0);
    ears.hear(|message| told.extend(ended(&message)));
    assert!(told.iter().all(|(of, _)| *of == stream()), "{told:?}");
}

#[test] // req: L-003
fn the_program_says_what_became_of_every_frame() {
    let rig = rig();
    let (client, _conductor) = rig.client();
    let mut source = producer(&client);
    let feeding = thread::spawn(move || {
        for number in 0..400 {
            send(&mut source, number, LEN);
            thread::sleep(Duration::from_millis(10));
        }
    });
    let base = base_dir(rig.root());
    let (source, dest) = (stream().to_string(), destination().to_string());
    let said = rig.told(&[
        "rate-limit",
        "--source",
        &source,
        "--dest",
        &dest,
        "--max-rate",
        "10",
        "--descriptor-stream",
        "1110",
        "--aeron-dir",
        aeron_dir(rig.root()).to_str().unwrap(),
        "--allow",
        base.to_str().unwrap(),
        "--seconds",
        "3",
        "--every",
        "1",
        "--json",
    ]);
    feeding.join().unwrap();
    assert_eq!(said[0]["event"], "status");
    let last = said.last().unwrap();
    println!("{last}");
    assert_eq!(last["event"], "summary");
    assert_eq!(last["max_rate_hz"], 10);
    let count = |name: &str| last[name].as_u64().unwrap();
    assert!(count("passed") > 0);
    let others = [
        "passed",
        "waiting",
        "superseded",
        "unreadable",
        "outdated",
        "without_destination",
        "out_of_order",
        "too_large",
        "without_slot",
    ];
    assert_eq!(count("arrived"), others.map(count).iter().sum::<u64>());
}
