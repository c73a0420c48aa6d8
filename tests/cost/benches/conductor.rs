//! How long a real producer takes while its conductor turns on another thread without a pause, beside the same while no
//! conductor runs, so that waiting for it would show. `cargo bench -p tp-cost --bench conductor`.
//!
//! All of it goes over Aeron, with regions of the producer's own. What would stop the flow (the descriptors' reader, and the
//! conductor where it has no thread) gets its turn between two batches, outside of the measurement.
#![allow(missing_docs, reason = "criterion's macros define functions without")]
#![expect(clippy::unwrap_used, reason = "what fails here fails the run")]

mod stage;

use core::hint::black_box;
use core::task::Poll;
use core::time::Duration;
use std::collections::VecDeque;
use std::thread;
use std::time::Instant;

use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use tempfile::TempDir;
use tp_core_nostd::proto::progress::ProgressLimits;
use tp_core_nostd::wire::control::ProgressHints;
use tp_std::aeron::{MediaDriver, MediaDriverConfig};
use tp_std::idle::Idle;
use tp_std::{
    Client, CommitMeta, Conductor, ConductorThread, Consumer, ConsumerConfig, Consumers, Context,
    FixedPoolConfig, Frame, Producer, ProducerConfig,
};

use stage::{PATIENCE, bytes, timed};

const SLOTS: u32 = 16;
const SMALL: u32 = 1 << 10;
const LARGE: u32 = 16 << 20;
/// Calls between two turns of everybody else.
const BATCH: u64 = 64;

/// Who drives the conductor.
#[derive(Clone, Copy)]
enum Beside {
    /// Nobody while it is measured.
    Nothing,
    /// A thread that never sleeps.
    Conductor,
}

impl Beside {
    const BOTH: [Self; 2] = [Self::Nothing, Self::Conductor];

    const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "alone",
            Self::Conductor => "beside_conductor",
        }
    }
}

enum Driven {
    ByHand(Box<Conductor>),
    ByThread(#[expect(dead_code, reason = "it ends when dropped")] ConductorThread),
}

impl Driven {
    fn turn(&mut self) {
        match self {
            Self::ByHand(conductor) => {
                let _ = conductor.do_work().unwrap();
            }
            Self::ByThread(_) => thread::yield_now(),
        }
    }
}

/// Everybody but the producer.
struct Others {
    driven: Driven,
    consumer: Consumer,
    _media: MediaDriver,
    _root: TempDir,
}

impl Others {
    /// Reads what was sent, so that no call meets a full window.
    fn turn(&mut self) {
        self.driven.turn();
        while self.consumer.poll(1024, |_, _| ()).unwrap() > 0 {}
        while self.consumer.poll_progress(1024, |_, _| ()).unwrap() > 0 {}
    }

    /// Measures what `batch` says it took, and nothing of what others do between batches.
    fn measure<T>(
        &mut self,
        bench: &mut Bencher<'_>,
        producer: &mut T,
        mut batch: impl FnMut(&mut T, u64) -> Duration,
    ) {
        bench.iter_custom(|calls| {
            let (mut left, mut taken) = (calls, Duration::ZERO);
            while left > 0 {
                let now = left.min(BATCH);
                self.turn();
                taken = taken.saturating_add(batch(producer, now));
                left = left.saturating_sub(now);
            }
            taken
        });
    }
}

/// A producer with a consumer that wants progress, in one client.
fn cast(beside: Beside) -> (Producer, Others) {
    let root = tempfile::tempdir_in("/dev/shm").unwrap();
    let media = MediaDriver::start(MediaDriverConfig::new(root.path().join("aeron"))).unwrap();
    let context = Context::new()
        .with_aeron_dir(media.dir())
        .unwrap()
        .allow_dir(root.path())
        .with_announce_period(Duration::from_millis(100))
        .with_idle(Idle::BusySpin(tp_std::idle::BusySpinIdle));
    let (client, mut driven) = match beside {
        Beside::Nothing => {
            let (client, conductor) = Client::invoker(context).unwrap();
            (client, Driven::ByHand(Box::new(conductor)))
        }
        Beside::Conductor => {
            let (client, thread) = Client::start(context).unwrap();
            (client, Driven::ByThread(thread))
        }
    };
    let stream = stage::stream();
    // By bytes alone, so that of each batch as many steps are told.
    let mut limits = ProgressLimits::default();
    limits.floor.interval = Duration::ZERO;
    limits.floor.bytes_delta = None;
    let config = ProducerConfig::direct(stream, stage::regions(&root, SLOTS, &[SMALL, LARGE]))
        .with_consumers(Consumers::new().with_progress(limits));
    let mut asked = client.producer(config).unwrap();
    let mut producer = until(&mut driven, || asked.poll().map(Result::unwrap));
    let hints = ProgressHints {
        interval_us: Some(0),
        bytes_delta: Some(BATCH as u32),
        major_delta_units: None,
    };
    let config = ConsumerConfig::direct(stream).with_progress(hints);
    let mut asked = client.consumer(config).unwrap();
    let consumer = until(&mut driven, || asked.poll().map(Result::unwrap));
    until(&mut driven, || match producer.progress_policy() {
        Some(_) => Poll::Ready(()),
        None => Poll::Pending,
    });
    let others = Others {
        driven,
        consumer,
        _media: media,
        _root: root,
    };
    (producer, others)
}

fn until<T>(driven: &mut Driven, mut look: impl FnMut() -> Poll<T>) -> T {
    let started = Instant::now();
    loop {
        assert!(started.elapsed() < PATIENCE, "it does not come");
        driven.turn();
        if let Poll::Ready(found) = look() {
            return found;
        }
    }
}

fn streaming(criterion: &mut Criterion) {
    for beside in Beside::BOTH {
        let (mut producer, mut others) = cast(beside);
        let (tensor, payload) = (bytes(SMALL), vec![7; SMALL as usize]);
        let mut group = criterion.benchmark_group("producer");
        group.bench_function(format!("offer/{}", beside.name()), |bench| {
            others.measure(bench, &mut producer, |producer, calls| {
                timed(calls, || {
                    let frame = Frame::new(tensor, black_box(&payload));
                    producer.offer(&frame).unwrap();
                })
            });
        });
        group.bench_function(format!("claim_commit/{}", beside.name()), |bench| {
            others.measure(bench, &mut producer, |producer, calls| {
                timed(calls, || {
                    let claim = producer.try_claim(black_box(SMALL)).unwrap();
                    let meta = CommitMeta::default();
                    producer.commit(claim, &tensor, meta).unwrap();
                })
            });
        });
        group.bench_function(format!("progress_step/{}", beside.name()), |bench| {
            others.measure(bench, &mut producer, |producer, calls| {
                let mut claim = producer.try_claim(SMALL).unwrap();
                let meta = CommitMeta::default();
                producer.start(&mut claim, &tensor, meta).unwrap();
                let mut filled = 0_u32;
                let taken = timed(calls, || {
                    filled = filled.wrapping_add(1);
                    producer.offer_progress(&mut claim, filled).unwrap();
                });
                producer.commit(claim, &tensor, meta).unwrap();
                taken
            });
        });
    }
}

/// Frames of 1 KiB and of 16 MiB in the same buffers: the time must not depend on how long they are.
fn fixed_pool(criterion: &mut Criterion) {
    for beside in Beside::BOTH {
        let (producer, mut others) = cast(beside);
        let pool = FixedPoolConfig {
            buffers: SLOTS,
            len: LARGE,
        };
        let (mut producer, queued) = producer.into_fixed_pool(pool).unwrap();
        let mut queued = VecDeque::from(queued);
        let mut group = criterion.benchmark_group("fixed_pool");
        for len in [SMALL, LARGE] {
            let tensor = bytes(len);
            let meta = CommitMeta {
                len: Some(len),
                ..CommitMeta::default()
            };
            group.bench_function(format!("commit_queue/{len}/{}", beside.name()), |bench| {
                others.measure(bench, &mut producer, |producer, calls| {
                    timed(calls, || {
                        let slot = queued.pop_front().unwrap();
                        let (_, filled) = producer.commit(slot, &tensor, meta).unwrap();
                        queued.push_back(producer.queue(filled).unwrap());
                    })
                });
            });
        }
    }
}

criterion_group!(benches, streaming, fixed_pool);
criterion_main!(benches);
