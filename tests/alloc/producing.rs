//! What a producer does besides copied frames, beside a real driver: the buffers of a device, progress, and what is told on
//! request.

use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::dispatch::{Message, classify};
use tp_core_nostd::shm::TensorHeader;
use tp_core_nostd::wire::control::{DataSourceAnnounce, ProgressHints, QosProducer};
use tp_core_nostd::wire::enums::{Dtype, MajorOrder};
use tp_std::handlers::{MetadataHandler, QosHandler};
use tp_std::{
    CONTROL_STREAM, Client, CommitMeta, Conductor, Consumer, ConsumerConfig, Error, FixedPool,
    FixedPoolConfig, Producer, ProducerConfig, Queued, Slot, SubscriptionHandle,
};

use crate::client::{Host, LEN, PATIENCE, PERIOD, wait};
use crate::counter::allocations;

const BUFFERS: u32 = 8;
/// Turns from one time that all is asked for by hand to the next: some times in each period.
const WISHES_APART: u64 = 25;

/// What came to somebody.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    frames: u64,
    progress: u64,
    keepalives: u64,
    reports: u64,
    sources: u64,
}

#[derive(Clone, Default)]
pub(crate) struct Count(Arc<AtomicU64>);

impl Count {
    pub(crate) fn up(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Reports(Count);

impl QosHandler for Reports {
    fn on_producer(&mut self, _: &QosProducer) {
        self.0.up();
    }
}

struct Sources(Count);

impl MetadataHandler for Sources {
    fn on_source_announce(&mut self, _: &DataSourceAnnounce<'_>) {
        self.0.up();
    }
}

/// A device with its buffers, and whoever looks on.
struct Crew {
    conductor: Conductor,
    producer: Producer<FixedPool>,
    queued: VecDeque<Slot<Queued>>,
    consumer: Consumer,
    control: SubscriptionHandle,
    tensor: TensorHeader,
    seen: Seen,
    reports: Count,
    sources: Count,
    turns: u64,
}

impl Crew {
    fn turn(&mut self) {
        self.turns += 1;
        if self.turns.is_multiple_of(WISHES_APART) {
            self.producer.tell_qos();
            self.producer.tell_source();
            self.producer.keep_alive();
            self.consumer.keep_alive();
        }
        let mut slot = self.queued.pop_front().unwrap();
        let meta = CommitMeta::default();
        self.producer.start(&mut slot, &self.tensor, meta).unwrap();
        for filled in [LEN / 4, LEN / 2] {
            self.producer
                .offer_progress(&mut slot, filled as u32)
                .unwrap();
        }
        self.producer.poll();
        self.conductor.do_work().unwrap();
        let seen = &mut self.seen;
        let polled = self.consumer.poll_progress(10, |_, _| seen.progress += 1);
        polled.unwrap();
        let (_, filled) = self.producer.commit(slot, &self.tensor, meta).unwrap();
        let polled = self.consumer.poll(10, |_, reader| {
            seen.frames += u64::from(reader.read().is_ok())
        });
        polled.unwrap();
        self.queued.push_back(self.producer.queue(filled).unwrap());
        let polled = self.control.poll(100, |bytes, _| {
            let heard = classify(bytes);
            seen.keepalives += u64::from(matches!(heard, Ok(Message::ShmLeaseKeepalive(_))));
        });
        polled.unwrap();
    }

    fn work(&mut self, turns: u64) -> Seen {
        let (before, started) = (self.seen(), Instant::now());
        let mut done = 0;
        while done < turns || started.elapsed() < PERIOD * 20 {
            self.turn();
            done += 1;
            thread::sleep(PERIOD / 250);
        }
        let now = self.seen();
        Seen {
            frames: now.frames - before.frames,
            progress: now.progress - before.progress,
            keepalives: now.keepalives - before.keepalives,
            reports: now.reports - before.reports,
            sources: now.sources - before.sources,
        }
    }

    fn seen(&self) -> Seen {
        Seen {
            reports: self.reports.get(),
            sources: self.sources.get(),
            ..self.seen
        }
    }
}

// req: C-202
#[test]
fn a_device_progress_and_what_is_told_on_request_allocate_nothing() {
    let host = Host::start();
    let (client, mut conductor) = Client::invoker(host.context()).unwrap();
    let stream = StreamId::new(10_000).unwrap();
    let (reports, sources) = (Count::default(), Count::default());
    let _reports = client.on_qos(Reports(reports.clone())).unwrap();
    let _sources = client.on_metadata(Sources(sources.clone())).unwrap();
    let mut producer = wait(&mut conductor, || {
        client.producer(ProducerConfig::new(stream))
    });
    producer.describe("camera", "frames for a test").unwrap();
    let hints = ProgressHints {
        bytes_delta: Some(1),
        ..ProgressHints::default()
    };
    let consumer = wait(&mut conductor, || {
        client.consumer(ConsumerConfig::new(stream).with_progress(hints))
    });
    let control = wait(&mut conductor, || {
        client.add_subscription("aeron:ipc", CONTROL_STREAM)
    });
    let started = Instant::now();
    while producer.progress_policy().is_none() {
        assert!(started.elapsed() < PATIENCE, "nobody wants progress");
        conductor.do_work().unwrap();
        thread::yield_now();
    }
    let pool = FixedPoolConfig {
        buffers: BUFFERS,
        len: LEN as u32,
    };
    let (producer, queued) = producer.into_fixed_pool(pool).unwrap();
    let dims = [i32::try_from(LEN).unwrap()];
    let mut crew = Crew {
        conductor,
        producer,
        queued: queued.into(),
        consumer,
        control,
        tensor: TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &dims).unwrap(),
        seen: Seen::default(),
        reports,
        sources,
        turns: 0,
    };
    crew.work(1000);
    let (count, seen) = allocations(|| crew.work(1000));
    // They were asked for 40 times, the keepalives by two roles.
    let asked = 30;
    assert!(seen.frames > 900 && seen.progress > 100, "{seen:?}");
    assert!(seen.reports > asked, "{seen:?}");
    assert!(seen.sources > asked, "{seen:?}");
    assert!(seen.keepalives > 2 * asked, "{seen:?}");
    assert_eq!(count, 0);
}

/// The queue is there whole from the start, so neither a command nor its refusal takes memory; what a command asks for may.
/// That nobody waits in it is its library's to show.
// req: C-143, C-202
#[test]
fn commands_of_two_threads_fill_their_queue_and_allocate_nothing() {
    const ROOM: usize = 64;
    let host = Host::start();
    let context = host.context().with_command_queue_capacity(ROOM).unwrap();
    let (client, conductor) = Client::invoker(context).unwrap();
    let push = |client: Client| {
        allocations(|| {
            let mut pushed = 0;
            while client.close().is_ok() {
                pushed += 1;
            }
            assert_eq!(client.close(), Err(Error::QueueFull));
            pushed
        })
    };
    let other = client.clone();
    let other = thread::spawn(move || push(other));
    let ours = push(client);
    let theirs = other.join().unwrap();
    assert_eq!((ours.0, theirs.0), (0, 0));
    assert_eq!(ours.1 + theirs.1, ROOM);
    drop(conductor);
}
