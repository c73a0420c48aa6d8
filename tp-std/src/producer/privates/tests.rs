//! Private streams with senders that do as they are told.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::*;
use crate::producer::StreamCounts;
use core::sync::atomic::{AtomicU64, Ordering};
use proptest::prelude::*;
use std::sync::Mutex;
use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::progress::ProgressLimits;
use tp_core_nostd::seq::Seq;
use tp_core_nostd::transport::Publication;
use tp_core_nostd::wire::control::FrameDescriptorView;
use tp_core_nostd::wire::enums::FrameProgressState;

/// One stream from outside: what it answers, and what it took.
#[derive(Clone, Debug, Default)]
struct Line(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    answer: Option<SendError>,
    taken: Vec<Vec<u8>>,
    is_closed: bool,
}

impl Line {
    fn answers(&self, answer: Option<SendError>) {
        self.0.lock().unwrap().answer = answer;
    }

    fn is_closed(&self) -> bool {
        self.0.lock().unwrap().is_closed
    }

    /// The frames whose descriptors it took.
    fn frames(&self) -> Vec<u64> {
        let state = self.0.lock().unwrap();
        let seq = |message: &Vec<u8>| FrameDescriptorView::parse(message).unwrap().block.seq.get();
        state.taken.iter().map(seq).collect()
    }

    fn taken(&self) -> usize {
        self.0.lock().unwrap().taken.len()
    }
}

#[derive(Debug)]
struct End(Line);

impl Publication for End {
    fn offer(&mut self, message: &[u8]) -> Result<(), SendError> {
        let mut state = self.0.0.lock().unwrap();
        match state.answer {
            Some(error) => Err(error),
            None => {
                state.taken.push(message.to_vec());
                Ok(())
            }
        }
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
        self.0.0.lock().unwrap().is_closed = true;
    }
}

/// A clock that stands still unless it is moved.
#[derive(Clone, Default)]
struct Hands(Arc<AtomicU64>);

impl Clock for Hands {
    fn now(&self) -> Instant {
        Instant::from_ns(self.0.load(Ordering::Relaxed))
    }

    fn real_ns(&self) -> Option<u64> {
        None
    }
}

struct Bench {
    privates: Privates,
    hands: Hands,
    next: u64,
}

impl Bench {
    fn new() -> Self {
        Self {
            privates: Privates::new(Arc::new(Exchange::new(4)), 4),
            hands: Hands::default(),
            next: 0,
        }
    }

    fn order(&mut self, order: Order) {
        self.privates.exchange.orders.push(order).unwrap();
        self.privates.catch_up();
    }

    fn open(&mut self, place: usize, kind: StreamKind, max_rate_hz: Option<u32>) -> Line {
        let line = Line::default();
        let stream = Private {
            place,
            consumer: ClientId::new(7 + place as u32).unwrap(),
            kind,
            sender: Box::new(End(line.clone())),
            max_rate_hz,
            counts: Arc::new(StreamCounts::default()),
        };
        self.order(Order::Open(stream));
        line
    }

    fn descriptors(&mut self, place: usize, max_rate_hz: Option<u32>) -> Line {
        self.open(place, StreamKind::Descriptor, max_rate_hz)
    }

    fn at_ms(&self, ms: u64) {
        self.hands.0.store(ms * 1_000_000, Ordering::Relaxed);
    }

    fn publish(&mut self) {
        let descriptor = FrameDescriptor {
            stream_id: StreamId::new(10_000).unwrap(),
            epoch: Epoch::new(1).unwrap(),
            seq: Seq::new(self.next).unwrap(),
            timestamp_ns: None,
            meta_version: None,
            trace_id: None,
        };
        self.next += 1;
        let clock = SharedClock::new(self.hands.clone());
        self.privates.send(&descriptor, &clock);
    }

    fn poll(&mut self) {
        let now = self.hands.now();
        self.privates.poll(now);
    }

    fn counts(&self, place: usize) -> PrivateDeliveries {
        let consumer = ClientId::new(7 + place as u32).unwrap();
        let mut all = self.privates.deliveries();
        all.find(|one| one.consumer == consumer).unwrap()
    }

    fn tell(&mut self) -> Result<(), SendError> {
        self.privates.tell(&FrameProgress {
            stream_id: StreamId::new(10_000).unwrap(),
            epoch: Epoch::new(1).unwrap(),
            seq: Seq::FIRST,
            payload_bytes_filled: 5,
            state: FrameProgressState::Progress,
        })
    }
}

#[test] // req: C-059, W-196
fn what_one_stream_refuses_is_counted_for_it_and_costs_nobody_else() {
    let mut bench = Bench::new();
    let lines = [0, 1, 2, 3].map(|place| bench.descriptors(place, None));
    lines[1].answers(Some(SendError::BackPressured));
    lines[2].answers(Some(SendError::NotConnected));
    lines[3].answers(Some(SendError::Failed(-1)));
    for _ in 0..3 {
        bench.publish();
    }
    lines[1].answers(None);
    bench.publish();
    assert_eq!(lines[0].frames(), [0, 1, 2, 3]);
    assert_eq!(lines[1].frames(), [3], "nothing is sent again");
    let met = [0, 1, 2, 3].map(|place| {
        let met = bench.counts(place).deliveries;
        [met.sent, met.back_pressured, met.unconnected, met.failed]
    });
    assert_eq!(
        met,
        [[4, 0, 0, 0], [1, 3, 0, 0], [0, 0, 4, 0], [0, 0, 0, 4]]
    );
}

#[test] // req: C-087, W-211, W-212
fn a_limited_stream_carries_the_newest_frame_at_its_rate() {
    let mut bench = Bench::new();
    let free = bench.descriptors(0, None);
    let capped = bench.descriptors(1, Some(10));
    let unlimited = bench.descriptors(2, Some(0));
    for ms in [0, 30, 60, 90] {
        bench.at_ms(ms);
        bench.publish();
    }
    assert_eq!(capped.frames(), [0]);
    assert_eq!(bench.privates.poll_timeout(), Instant::from_ns(100_000_000));
    bench.at_ms(100);
    bench.poll();
    bench.poll();
    assert_eq!(capped.frames(), [0, 3], "the newest, once");
    assert_eq!(bench.privates.poll_timeout(), Instant::NEVER);
    bench.at_ms(250);
    bench.publish();
    assert_eq!(capped.frames(), [0, 3, 4]);
    assert_eq!((free.frames().len(), unlimited.frames().len()), (5, 5));
    let counts = bench.counts(1);
    assert_eq!((counts.deliveries.sent, counts.thinned), (3, 2));

    // Another limit counts from the last frame, and a new epoch forgets what waits.
    bench.publish();
    assert!(bench.counts(1).is_waiting);
    bench.order(Order::Rate(1, Some(100)));
    bench.publish();
    bench.at_ms(259);
    bench.poll();
    assert_eq!(capped.frames(), [0, 3, 4]);
    bench.at_ms(260);
    bench.poll();
    assert_eq!(capped.frames(), [0, 3, 4, 6]);
    bench.publish();
    bench.privates.forget_waiting();
    bench.at_ms(900);
    bench.poll();
    assert_eq!(capped.frames(), [0, 3, 4, 6]);
    bench.order(Order::Rate(1, None));
    bench.publish();
    bench.publish();
    assert_eq!(capped.frames(), [0, 3, 4, 6, 8, 9]);
    assert_eq!(bench.counts(1).thinned, 4);
}

#[test] // req: W-205
fn a_stream_that_is_taken_back_is_closed_elsewhere() {
    let mut bench = Bench::new();
    let (first, second) = (bench.descriptors(0, None), bench.descriptors(1, None));
    bench.publish();
    bench.order(Order::Close(0));
    bench.order(Order::Close(0));
    bench.publish();
    assert_eq!((first.frames(), second.frames()), (vec![0], vec![0, 1]));
    assert!(!first.is_closed(), "not on this thread");
    drop(bench.privates.exchange.retired.pop());
    assert!(first.is_closed());
    // Its place can be taken again, and the table does not grow.
    let again = bench.descriptors(0, None);
    let more = [2, 3, 4].map(|place| bench.descriptors(place, None));
    bench.publish();
    assert_eq!(again.frames(), [2]);
    assert_eq!(more.map(|line| line.taken()), [1, 1, 0]);
}

#[test] // req: W-199, W-203, C-073
fn progress_goes_to_who_wants_it_where_he_wants_it() {
    let mut bench = Bench::new();
    let descriptors = bench.descriptors(0, None);
    let own = bench.open(1, StreamKind::Control, None);
    let shared = Line::default();
    bench.order(Order::Control(Box::new(End(shared.clone()))));
    let policy = ProgressLimits::default().policy([Default::default()]);
    let told = |bench: &mut Bench, is_shared| {
        bench.order(Order::Progress {
            policy,
            shared: is_shared,
        });
        let result = bench.tell();
        (result, own.taken(), shared.taken())
    };
    assert_eq!(told(&mut bench, false), (Ok(()), 1, 0));
    assert_eq!(bench.privates.policy(), policy);
    assert_eq!(told(&mut bench, true), (Ok(()), 2, 1));
    // It is offered again only while nobody has it.
    let back_pressured = Err(SendError::BackPressured);
    own.answers(back_pressured.err());
    assert_eq!(told(&mut bench, true), (Ok(()), 2, 2));
    assert_eq!(told(&mut bench, false), (back_pressured, 2, 2));
    own.answers(Some(SendError::NotConnected));
    assert_eq!(told(&mut bench, false), (Ok(()), 2, 2));
    assert_eq!(descriptors.taken(), 0);
    bench.publish();
    assert_eq!((descriptors.taken(), own.taken()), (1, 2));
    bench.order(Order::Control(Box::new(End(Line::default()))));
    assert_eq!(bench.privates.exchange.retired.len(), 1);
}

proptest! {
    // Whatever the transport answers and whenever it is called: each frame is accounted for, per consumer.
    #[test] // req: C-059, C-087
    fn every_frame_is_accounted_for(
        steps in prop::collection::vec((0..4_u8, 0..60_u64, 0..4_u8), 0..100),
    ) {
        let mut bench = Bench::new();
        let lines = [None, Some(10), Some(30)].into_iter().enumerate();
        let lines: Vec<_> = lines.map(|(place, hz)| bench.descriptors(place, hz)).collect();
        let mut ms = 0;
        for (step, passed, answer) in steps {
            ms += passed;
            bench.at_ms(ms);
            let answer = [
                None,
                Some(SendError::BackPressured),
                Some(SendError::NotConnected),
                Some(SendError::Failed(-1)),
            ][usize::from(answer)];
            match step {
                0 => bench.poll(),
                1 => lines[ms as usize % 3].answers(answer),
                _ => bench.publish(),
            }
            for (place, line) in lines.iter().enumerate() {
                let counts = bench.counts(place);
                let met = counts.deliveries;
                let met = met.sent + met.unconnected + met.back_pressured + met.failed;
                let waiting = u64::from(counts.is_waiting);
                prop_assert_eq!(met + counts.thinned + waiting, bench.next);
                prop_assert_eq!(counts.deliveries.sent as usize, line.taken());
                prop_assert!(line.frames().is_sorted_by(|a, b| a < b));
            }
        }
    }
}

#[test] // req: C-087
fn what_waits_is_not_lost_with_its_stream_or_its_limit() {
    let mut bench = Bench::new();
    let closed = bench.descriptors(0, Some(10));
    let (freed, slowed) = (
        bench.descriptors(1, Some(10)),
        bench.descriptors(2, Some(10)),
    );
    for _ in 0..3 {
        bench.publish();
    }
    bench.order(Order::Close(0));
    assert_eq!(closed.frames(), [0, 2]);
    bench.order(Order::Rate(1, None));
    assert_eq!(freed.frames(), [0, 2]);
    bench.order(Order::Rate(2, Some(5)));
    bench.at_ms(199);
    bench.poll();
    assert_eq!(slowed.frames(), [0]);
    bench.at_ms(200);
    bench.poll();
    assert_eq!(slowed.frames(), [0, 2]);
    assert_eq!(bench.counts(2).thinned, 1);
}
