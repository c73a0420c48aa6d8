//! The manager with a medium that answers when it is told to.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::*;
use crate::aeron::TransportError;
use crate::medium::{Awaited, Medium, Receiver};
use crate::producer::Private;
use core::task::Poll;
use std::sync::Mutex;
use tp_core_nostd::ids::ClientId;
use tp_core_nostd::proto::consumer_manager::StreamKind;
use tp_core_nostd::proto::dispatch::classify;
use tp_core_nostd::transport::{ImageEvent, ImageId, PollError, Publication, Subscription};
use tp_core_nostd::wire::control::{
    ConsumerConfigView, Endpoint as Asked, ProgressHints, StreamRequest,
};
use tp_core_nostd::wire::enums::Mode;

const ANN: ClientId = ClientId::new(1).unwrap();
const BEN: ClientId = ClientId::new(2).unwrap();

fn stream() -> StreamId {
    StreamId::new(10_000).unwrap()
}

/// What the medium did.
#[derive(Debug, Default)]
struct Log {
    /// Publications asked for, by stream id; those of private streams are there once `is_slow` is off.
    asked: Vec<i32>,
    is_slow: bool,
    refuses: bool,
    /// Private ones that were closed.
    closed: Vec<i32>,
    /// What was said on the control stream: consumer, memory, ids of its streams.
    told: Vec<(u32, bool, u32, u32)>,
}

#[derive(Clone, Debug, Default)]
struct Fake(Arc<Mutex<Log>>);

impl Fake {
    fn log<T>(&self, look: impl FnOnce(&mut Log) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    fn sender(&self, endpoint: &Endpoint) -> Awaited<Box<dyn Sender>> {
        let (fake, id) = (self.clone(), endpoint.stream_id);
        Box::new(move || {
            let (is_slow, refuses) = fake.log(|log| (log.is_slow, log.refuses));
            match id >= 31_000 {
                true if is_slow => Poll::Pending,
                true if refuses => Poll::Ready(Err(TransportError::Closed)),
                _ => Poll::Ready(Ok(Box::new(End(fake.clone(), id)))),
            }
        })
    }
}

#[derive(Debug)]
struct End(Fake, i32);

impl Publication for End {
    fn offer(&mut self, message: &[u8]) -> Result<(), SendError> {
        let Ok(view) = ConsumerConfigView::parse(message) else {
            return Ok(());
        };
        let config = ConsumerConfig::try_from(view).unwrap();
        let id = |endpoint: Option<Asked<'_>>| endpoint.map_or(0, |asked| asked.stream_id.get());
        let told = (
            config.consumer_id.get(),
            config.use_shm,
            id(config.descriptor),
            id(config.control),
        );
        self.0.log(|log| log.told.push(told));
        Ok(())
    }

    fn is_connected(&self) -> bool {
        true
    }
}

impl Sender for End {
    fn can_accept(&self, _: usize) -> Result<(), SendError> {
        Ok(())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if self.1 >= 31_000 {
            self.0.log(|log| log.closed.push(self.1));
        }
    }
}

/// Hears nothing.
#[derive(Debug)]
struct Ear;

impl Subscription for Ear {
    fn poll(&mut self, _: u32, _: &mut dyn FnMut(&[u8], ImageId)) -> Result<u32, PollError> {
        Ok(0)
    }

    fn image_events(&mut self, _: &mut dyn FnMut(ImageId, ImageEvent)) {}

    fn image_count(&self) -> usize {
        0
    }
}

impl Receiver for Ear {
    fn has_image(&self, _: ImageId) -> bool {
        false
    }
}

impl Medium for Fake {
    fn do_work(&mut self) -> Result<u32, TransportError> {
        Ok(0)
    }

    fn reconnect(&mut self) -> Result<(), TransportError> {
        Ok(())
    }

    fn publication(
        &mut self,
        endpoint: &Endpoint,
    ) -> Result<Awaited<Box<dyn Sender>>, TransportError> {
        Ok(self.sender(endpoint))
    }

    fn exclusive_publication(
        &mut self,
        endpoint: &Endpoint,
    ) -> Result<Awaited<Box<dyn Sender>>, TransportError> {
        self.log(|log| log.asked.push(endpoint.stream_id));
        Ok(self.sender(endpoint))
    }

    fn subscription(&mut self, _: &Endpoint) -> Result<Awaited<Box<dyn Receiver>>, TransportError> {
        Ok(Box::new(|| Poll::Ready(Ok(Box::new(Ear)))))
    }
}

struct Bench {
    managing: Managing,
    connection: Connection,
    fake: Fake,
    now: Instant,
    /// What the producer was ordered to do.
    open: Vec<Private>,
    progress: (Option<ProgressPolicy>, bool),
}

impl Bench {
    fn new(consumers: &Consumers) -> Self {
        let context = Context::new();
        let fake = Fake::default();
        let mut connection = Connection::new(Box::new(fake.clone()), &context);
        connection.do_work(Instant::from_ns(0)).unwrap();
        let (managing, _) = Managing::new(stream(), consumers, true, &context);
        Self {
            managing,
            connection,
            fake,
            now: Instant::from_ns(1_000_000_000),
            open: Vec::new(),
            progress: (None, false),
        }
    }

    fn answering() -> Self {
        Self::new(&Consumers::new().with_answers(AnswerHellos::On))
    }

    fn hear(&mut self, encode: impl FnOnce(&mut [u8]) -> usize) {
        let mut bytes = [0; 512];
        let len = encode(&mut bytes);
        let message = classify(&bytes[..len]).unwrap();
        self.managing.hear(self.now, message);
    }

    fn hello(&mut self, hello: &ConsumerHello<'_>) {
        self.hear(|bytes| hello.encode(bytes).unwrap());
    }

    /// A duty cycle, and the producer's next call.
    fn cycle(&mut self) {
        self.connection.do_work(self.now).unwrap();
        let (_, has_orders) = self.managing.tend(self.now, &mut self.connection);
        let mut orders = 0;
        while let Some(order) = self.managing.exchange.orders.pop() {
            orders += 1;
            match order {
                Order::Open(private) => self.open.push(private),
                Order::Close(place) => {
                    let at = self
                        .open
                        .iter()
                        .position(|open| open.place == place)
                        .unwrap();
                    let closed = self.open.remove(at);
                    let _ = self.managing.exchange.retired.push(closed.sender);
                }
                Order::Rate(place, hz) => {
                    let mut open = self.open.iter_mut();
                    open.find(|open| open.place == place).unwrap().max_rate_hz = hz;
                }
                Order::Control(_) => {}
                Order::Progress { policy, shared } => self.progress = (policy, shared),
            }
        }
        assert!(
            has_orders || orders == 0,
            "a producer looks when it is told to"
        );
    }

    fn seconds(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now = self.now.after(Duration::from_secs(1));
            self.cycle();
        }
    }

    fn told(&self) -> Vec<(u32, bool, u32, u32)> {
        self.fake.log(|log| core::mem::take(&mut log.told))
    }

    fn streams(&self) -> Vec<(u32, StreamKind)> {
        let streams = self.open.iter();
        streams
            .map(|open| (open.consumer.get(), open.kind))
            .collect()
    }
}

fn asking(consumer_id: ClientId, descriptor: u32, control: u32) -> ConsumerHello<'static> {
    let ask = |id| match StreamId::new(id).filter(|id| id.get() != 0) {
        Some(stream_id) => StreamRequest::Of(Asked {
            channel: "aeron:ipc",
            stream_id,
        }),
        None => StreamRequest::None,
    };
    ConsumerHello {
        stream_id: stream(),
        consumer_id,
        supports_shm: true,
        supports_progress: control != 0,
        mode: Mode::Stream,
        max_rate_hz: None,
        expected_layout_version: Some(1),
        progress: ProgressHints::default(),
        descriptor: ask(descriptor),
        control: ask(control),
    }
}

#[test] // req: C-082, C-083, P-033
fn an_answer_waits_for_the_streams_and_the_producer_has_them_first() {
    let mut bench = Bench::answering();
    bench.fake.log(|log| log.is_slow = true);
    bench.hello(&asking(ANN, 31_000, 32_000));
    for _ in 0..3 {
        bench.cycle();
    }
    assert_eq!(bench.fake.log(|log| log.asked.clone()), [31_000, 32_000]);
    assert_eq!((bench.told(), bench.streams()), (vec![], vec![]));
    bench.fake.log(|log| log.is_slow = false);
    bench.cycle();
    let both = [(1, StreamKind::Descriptor), (1, StreamKind::Control)];
    assert_eq!(bench.streams(), both);
    assert_eq!(bench.told(), [(1, true, 31_000, 32_000)]);
    assert_eq!(bench.managing.exchange.known.get(), 1);
    // The same again is no news.
    bench.hello(&asking(ANN, 31_000, 32_000));
    bench.cycle();
    assert_eq!(bench.told(), []);
    // What is not asked for any more is given up.
    bench.hello(&asking(ANN, 31_000, 0));
    bench.cycle();
    assert_eq!(bench.told(), [(1, true, 31_000, 0)]);
    bench.cycle();
    assert_eq!(bench.streams(), both[..1]);
    assert_eq!(bench.fake.log(|log| log.closed.clone()), [32_000]);
}

#[test] // req: C-083, W-191
fn a_stream_that_cannot_be_had_is_declined() {
    let mut bench = Bench::answering();
    bench.fake.log(|log| log.refuses = true);
    bench.hello(&asking(ANN, 31_000, 0));
    bench.cycle();
    bench.cycle();
    assert_eq!(bench.told(), [(1, true, 0, 0)]);
    // Nor an id of the shared streams.
    bench.hello(&asking(BEN, 1_100, 0));
    bench.cycle();
    assert_eq!(bench.told(), [(2, true, 0, 0)]);
    assert!(bench.streams().is_empty());
}

#[test] // req: C-085, P-007
fn the_answers_of_others_are_followed() {
    let mut bench = Bench::new(&Consumers::new());
    bench.hello(&asking(ANN, 31_000, 0));
    bench.cycle();
    assert!(bench.fake.log(|log| log.asked.is_empty()));
    let assigning = |id: u32| ConsumerConfig {
        stream_id: stream(),
        consumer_id: ANN,
        use_shm: true,
        mode: Mode::Stream,
        payload_fallback_uri: None,
        descriptor: StreamId::new(id).map(|stream_id| Asked {
            channel: "aeron:ipc",
            stream_id,
        }),
        control: None,
    };
    bench.hear(|bytes| assigning(31_005).encode(bytes).unwrap());
    bench.cycle();
    assert_eq!(bench.streams(), [(1, StreamKind::Descriptor)]);
    bench.hear(|bytes| assigning(31_006).encode(bytes).unwrap());
    bench.cycle();
    assert_eq!(bench.streams().len(), 1);
    assert_eq!(bench.fake.log(|log| log.asked.clone()), [31_005, 31_006]);
    assert_eq!(bench.told(), [], "exactly one answers");
}

#[test] // req: C-082, W-205, W-206
fn a_silent_consumers_streams_are_closed() {
    let mut bench = Bench::answering();
    bench.hello(&asking(ANN, 31_000, 32_000));
    bench.cycle();
    assert!(bench.progress.0.is_some());
    bench.seconds(4);
    assert_eq!(bench.streams().len(), 2);
    bench.seconds(4);
    assert_eq!(bench.streams(), []);
    assert_eq!(bench.progress, (None, false));
    assert_eq!(bench.managing.exchange.known.get(), 0);
    bench.seconds(1);
    assert_eq!(bench.fake.log(|log| log.closed.clone()), [31_000, 32_000]);
}

#[test] // req: C-073, C-087, W-213
fn the_producer_learns_rates_and_how_often_progress_is_wanted() {
    let mut bench = Bench::answering();
    let limited = |hz| ConsumerHello {
        mode: Mode::RateLimited,
        max_rate_hz: Some(hz),
        ..asking(ANN, 31_000, 0)
    };
    bench.hello(&limited(30));
    bench.cycle();
    assert_eq!(bench.open[0].max_rate_hz, Some(30));
    assert_eq!(bench.progress, (None, false));
    bench.hello(&limited(20));
    bench.cycle();
    assert_eq!(bench.open[0].max_rate_hz, Some(20));
    // Ben wants progress, and has no stream of his own for it.
    let eager = ConsumerHello {
        supports_progress: true,
        progress: ProgressHints {
            interval_us: Some(300),
            ..ProgressHints::default()
        },
        ..asking(BEN, 0, 0)
    };
    bench.hello(&eager);
    bench.cycle();
    let (policy, shared) = bench.progress;
    assert_eq!(policy.unwrap().interval, Duration::from_micros(300));
    assert!(shared);
    bench.hello(&ConsumerHello {
        supports_progress: true,
        progress: eager.progress,
        ..asking(BEN, 0, 32_000)
    });
    bench.cycle();
    assert_eq!(bench.progress, (policy, false));
}

#[test] // req: C-086
fn a_policy_can_change_and_a_full_registry_declines() {
    let mut bench = Bench::new(
        &Consumers::new()
            .with_answers(AnswerHellos::On)
            .with_capacity(1),
    );
    bench.hello(&asking(ANN, 31_000, 0));
    bench.hello(&asking(BEN, 31_001, 0));
    bench.cycle();
    bench.cycle();
    let told = bench.told();
    assert!(told.contains(&(1, true, 31_000, 0)) && told.contains(&(2, true, 0, 0)));
    let sober = Consumers::new()
        .with_no_shm(true)
        .with_fallback_uri("bridge://1")
        .unwrap();
    bench.managing.exchange.policy.put(sober.policy);
    bench.cycle();
    assert_eq!(bench.told(), [(1, false, 31_000, 0)]);
    assert!(
        Consumers::new()
            .with_fallback_uri(&"x".repeat(1025))
            .is_err()
    );
}

#[test] // req: C-083
fn streams_come_back_with_the_connection() {
    let mut bench = Bench::answering();
    bench.hello(&asking(ANN, 31_000, 0));
    bench.cycle();
    assert_eq!(bench.told(), [(1, true, 31_000, 0)]);
    bench.managing.on_reconnect();
    bench.cycle();
    assert_eq!(bench.streams(), []);
    assert_eq!(bench.told(), [(1, true, 0, 0)]);
    bench.hello(&asking(ANN, 31_000, 0));
    bench.cycle();
    assert_eq!(bench.streams(), [(1, StreamKind::Descriptor)]);
    assert_eq!(bench.told(), [(1, true, 31_000, 0)]);
}
