//! What a consumer does besides polling, beside a real driver: frames by number, views, hellos and reports, progress with
//! prefixes, and waiting in every manner.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::thread;
use std::time::Instant;

use tp_core_nostd::ids::{ClientId, StreamId};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::shm::TensorHeader;
use tp_core_nostd::wire::control::{ConsumerHello, ProgressHints, QosConsumer};
use tp_core_nostd::wire::enums::{Dtype, MajorOrder, ProgressUnit};
use tp_std::handlers::{ControlHandler, QosHandler};
use tp_std::{
    Client, CommitMeta, Conductor, Consumer, ConsumerConfig, Frame, FrameReader, Producer,
    ProducerConfig, Wait,
};

use crate::client::{Host, LEN, PATIENCE, PERIOD, wait};
use crate::counter::allocations;
use crate::producing::Count;

const CONSUMER: ClientId = ClientId::new(77).unwrap();
const ROWS: usize = 64;
const ROW: usize = LEN / ROWS;

fn stream() -> StreamId {
    StreamId::new(10_000).unwrap()
}

/// A picture of 64 rows, which are counted while they are filled.
fn picture() -> TensorHeader {
    let dims = [ROWS, ROW].map(|dim| i32::try_from(dim).unwrap());
    let picture = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &dims).unwrap();
    picture.with_progress(ProgressUnit::Rows).unwrap()
}

struct Hellos(Count);

impl ControlHandler for Hellos {
    fn on_consumer_hello(&mut self, hello: &ConsumerHello<'_>) {
        if hello.consumer_id == CONSUMER {
            self.0.up();
        }
    }
}

struct Reports(Count);

impl QosHandler for Reports {
    fn on_consumer(&mut self, report: &QosConsumer) {
        if report.consumer_id == CONSUMER {
            self.0.up();
        }
    }
}

/// What came of it all.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    frames: u64,
    prefixes: u64,
    lines: u64,
    elements: u64,
}

struct Crew {
    conductor: Conductor,
    producer: Producer,
    consumer: Consumer,
    tensor: TensorHeader,
    buffer: Vec<u8>,
    seen: Seen,
}

impl Crew {
    /// One frame: told of and read while it is filled, then read in every way there is.
    fn turn(&mut self) {
        let Self {
            conductor,
            producer,
            consumer,
            tensor,
            buffer,
            seen,
        } = self;
        conductor.do_work().unwrap();
        let mut claim = producer.try_claim(LEN as u32).unwrap();
        let meta = CommitMeta::default();
        producer.start(&mut claim, tensor, meta).unwrap();
        claim.bytes().fill(7);
        producer.offer_progress(&mut claim, LEN as u32 / 2).unwrap();
        conductor.do_work().unwrap();
        let polled = consumer.poll_progress(10, |_, reader| {
            let Ok(prefix) = reader.read() else { return };
            prefix.copy_to(0, buffer).unwrap();
            seen.lines += prefix.lines(0).count() as u64;
            prefix.revalidate().unwrap();
            seen.prefixes += 1;
        });
        polled.unwrap();
        let published = producer.commit(claim, tensor, meta).unwrap();
        let polled = consumer.poll(10, |_, reader| read(reader, buffer, seen));
        polled.unwrap();
        let latest = consumer.latest().unwrap();
        assert_eq!(latest.copy_to(buffer), Ok(LEN));
        let seq = latest.seq();
        assert_eq!(seq, published.seq);
        consumer.read(seq).unwrap().revalidate().unwrap();
        // Not there yet, and gone for long.
        let next = seq.next().unwrap();
        assert!(consumer.read(next).is_err());
        if seq.get() > 64 {
            assert!(consumer.read(Seq::FIRST).is_err());
        }
    }

    /// Long enough for each repetition to come several times.
    fn work(&mut self, turns: u64) {
        let started = Instant::now();
        let mut done = 0;
        while done < turns || started.elapsed() < PERIOD * 20 {
            self.turn();
            done += 1;
            thread::sleep(PERIOD / 250);
        }
    }
}

/// Every view of a frame.
fn read(reader: FrameReader<'_>, buffer: &mut [u8], seen: &mut Seen) {
    let frame = reader.read().unwrap();
    assert_eq!(frame.copy_to(buffer), Ok(LEN));
    let elements = frame.elements::<u8>().unwrap();
    assert_eq!(elements.get(&[1, 2]), Ok(Some(7)));
    seen.elements += elements.copy_to(buffer).unwrap() as u64;
    assert!(frame.elements::<u16>().is_err());
    frame.revalidate().unwrap();
    seen.frames += 1;
}

// req: C-117, C-162, C-202
#[test]
fn reading_views_prefixes_hellos_and_reports_allocate_nothing() {
    let host = Host::start();
    let context = host.context().with_hello_period(PERIOD);
    let (client, mut conductor) = Client::invoker(context).unwrap();
    let (hellos, reports) = (Count::default(), Count::default());
    let _hellos = client.on_control(Hellos(hellos.clone())).unwrap();
    let _reports = client.on_qos(Reports(reports.clone())).unwrap();
    let mut producer = wait(&mut conductor, || {
        client.producer(ProducerConfig::new(stream()).with_header_first(true))
    });
    producer.describe("camera", "frames for a test").unwrap();
    let hints = ProgressHints {
        interval_us: Some(0),
        bytes_delta: Some(1),
        ..ProgressHints::default()
    };
    let config = ConsumerConfig::new(stream()).with_client(CONSUMER);
    let consumer = wait(&mut conductor, || {
        client.consumer(config.clone().with_progress(hints))
    });
    let started = Instant::now();
    while producer.progress_policy().is_none() {
        assert!(started.elapsed() < PATIENCE, "nobody wants progress");
        conductor.do_work().unwrap();
        thread::yield_now();
    }
    let mut crew = Crew {
        conductor,
        producer,
        consumer,
        tensor: picture(),
        buffer: vec![0; LEN],
        seen: Seen::default(),
    };
    crew.work(500);
    let (before, told) = (crew.seen, (hellos.get(), reports.get()));
    let (count, ()) = allocations(|| crew.work(500));
    let seen = crew.seen;
    assert!(seen.frames - before.frames > 400, "{seen:?}");
    assert!(seen.elements > before.elements, "{seen:?}");
    assert!(seen.prefixes - before.prefixes > 10, "{seen:?}");
    assert!(seen.lines > before.lines, "{seen:?}");
    assert!(hellos.get() > told.0, "no hello");
    assert!(reports.get() > told.1, "no report");
    assert_eq!(count, 0);
}

/// Waits in one manner while frames come now and then.
fn attend(consumer: &mut Consumer, how: Wait, frames: u64, buffer: &mut [u8]) -> (u64, u64) {
    let (mut seen, mut in_vain) = (0, 0);
    while seen < frames {
        let waited = consumer.wait(how, |_, reader| {
            let frame = reader.read().unwrap();
            assert_eq!(frame.copy_to(buffer), Ok(LEN));
        });
        match waited.unwrap() {
            0 => in_vain += 1,
            handed => seen += u64::from(handed),
        }
    }
    (seen, in_vain)
}

// req: C-202, E-01
#[test]
fn waiting_in_every_manner_allocates_nothing() {
    let host = Host::start();
    let (client, mut conductor) = Client::invoker(host.context()).unwrap();
    let mut producer = wait(&mut conductor, || {
        client.producer(ProducerConfig::new(stream()))
    });
    let mut consumer = wait(&mut conductor, || {
        client.consumer(ConsumerConfig::new(stream()))
    });
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = &stop;
        scope.spawn(move || {
            let (tensor, payload) = (picture(), [7; LEN]);
            while !stop.load(Ordering::Relaxed) {
                conductor.do_work().unwrap();
                producer.offer(&Frame::new(tensor, &payload)).unwrap();
                thread::sleep(Duration::from_millis(2));
            }
        });
        let mut buffer = vec![0; LEN];
        let short = Duration::from_micros(200);
        let manners = [
            Wait::Spin,
            Wait::Deadline(short),
            Wait::SpinThenPark {
                spin: Duration::from_micros(10),
                at_most: short,
            },
            Wait::SpinThenPark {
                spin: Duration::ZERO,
                at_most: PATIENCE,
            },
        ];
        let counts = manners.map(|how| {
            attend(&mut consumer, how, 50, &mut buffer);
            let (count, (_, in_vain)) =
                allocations(|| attend(&mut consumer, how, 100, &mut buffer));
            (count, in_vain)
        });
        stop.store(true, Ordering::Relaxed);
        assert_eq!(counts.map(|(count, _)| count), [0; 4]);
        // Those with an end came to it, too.
        let [spun, deadline, parked, slept] = counts.map(|(_, in_vain)| in_vain);
        assert_eq!((spun, slept), (0, 0));
        assert!(deadline > 0 && parked > 0);
    });
}
