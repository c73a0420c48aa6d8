//! Many on one stream: producers beside each other on one stream of descriptors, listeners beside each other on one control
//! stream, sixty-four consumers of one producer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use tp_core_nostd::ids::{ClientId, StreamId};
use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::wire::control::{self, ConsumerHello, QosConsumer};
use tp_std::handlers::ControlHandler;
use tp_std::{
    CONTROL_STREAM, Client, Conductor, Consumer, ConsumerConfig, ConsumerCounters, Consumers,
    DESCRIPTOR_STREAM, Delivery, Producer, ProducerConfig, QOS_STREAM,
};

use crate::consumers::{Stranger, hello};
use crate::ears::Ears;
use crate::frames::publish;
use crate::rig::{PATIENCE, Rig, Shape, consumer_of, producer_of, stream, wait_until};
use crate::watcher::{Tally, assert_accounted};

/// A consumer that is polled by the test.
struct Seat {
    consumer: Consumer,
    drops: Arc<ConsumerCounters>,
    tally: Tally,
}

impl Seat {
    fn new(consumer: Consumer) -> Self {
        Self {
            drops: consumer.counters(),
            consumer,
            tally: Tally::default(),
        }
    }

    fn poll(&mut self) {
        self.tally.poll(&mut self.consumer).unwrap();
    }
}

/// Publishes until every seat has the newest frame; how many the epoch has then.
fn settle(producer: &mut Producer, seats: &mut [Seat], mut turn: impl FnMut()) -> u64 {
    let epoch = producer.epoch().unwrap().get();
    let mut sent = 0;
    wait_until("the newest frame everywhere", || {
        sent = publish(producer, 64).unwrap().0 + 1;
        for _ in 0..20 {
            turn();
            seats.iter_mut().for_each(Seat::poll);
            let is_there = |seat: &Seat| (seat.tally.epoch, seat.tally.next) == (epoch, sent);
            if seats.iter().all(is_there) {
                return true;
            }
        }
        false
    });
    sent
}

const STREAMS: [u32; 4] = [10_000, 10_001, 10_002, 10_003];
/// A stream that nobody has.
const NOBODYS: u32 = 99;
const FRAMES: u32 = 2_000;

/// Writes down who greeted on nobody's stream.
struct Listener(Arc<Mutex<Vec<u32>>>);

impl ControlHandler for Listener {
    fn on_consumer_hello(&mut self, hello: &ConsumerHello<'_>) {
        if hello.stream_id.get() == NOBODYS {
            self.0.lock().unwrap().push(hello.consumer_id.get());
        }
    }
}

#[test] // req: C-100, C-118, C-199, T-40, W-221
fn producers_share_a_stream_and_listeners_another_and_everyone_hears_everything() {
    let rig = Rig::start(&Shape {
        streams: &STREAMS[1..],
        ..Shape::default()
    });
    let clients = [rig.client(), rig.client(), rig.client()];
    let listened: Vec<Arc<Mutex<Vec<u32>>>> = clients.iter().map(|_| Arc::default()).collect();
    // Two on each client; both hear all of it.
    let again: Arc<Mutex<Vec<u32>>> = Arc::default();
    let mut registrations = vec![clients[0].0.on_control(Listener(again.clone())).unwrap()];
    for ((client, _), heard) in clients.iter().zip(&listened) {
        registrations.push(client.on_control(Listener(heard.clone())).unwrap());
    }
    let mut descriptors = Ears::open(rig.root(), &[DESCRIPTOR_STREAM]);
    let mut controls = Ears::open(rig.root(), &[CONTROL_STREAM]);
    let mut greeted = Vec::new();

    let streams = STREAMS.map(|id| StreamId::new(id).unwrap());
    let mut at = clients.iter().cycle();
    let mut producers = streams.map(|stream| producer_of(&at.next().unwrap().0, stream));
    let epochs: BTreeSet<_> = producers
        .iter_mut()
        .map(|one| one.epoch().unwrap())
        .collect();
    assert_eq!(epochs.len(), STREAMS.len());
    // Each client reads each stream.
    let mut seats = streams.map(|stream| {
        let consumers = clients
            .iter()
            .map(|(client, _)| consumer_of(client, stream));
        consumers.map(Seat::new).collect::<Vec<_>>()
    });
    for (producer, seats) in producers.iter_mut().zip(&mut seats) {
        settle(producer, seats, || {});
    }
    descriptors.hear(|_| {});

    let mut told: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    let mut hear = |ears: &mut Ears| {
        ears.hear(|message| match message {
            Message::FrameDescriptor(view) => {
                let numbers = told.entry(view.block.stream_id.get()).or_default();
                numbers.push(view.block.seq.get());
            }
            _ => panic!("something else among descriptors"),
        });
    };
    let mut stranger = Stranger::new(&rig);
    let mut spoken = Vec::new();
    let mut next = [0; STREAMS.len()];
    for frame in 0..FRAMES {
        for (at, producer) in producers.iter_mut().enumerate() {
            let (seq, delivery) = publish(producer, 1000).unwrap();
            assert_eq!(delivery, Delivery::Sent);
            next[at] = seq + 1;
            seats[at].iter_mut().for_each(Seat::poll);
        }
        if frame % 20 == 0 {
            let id = ClientId::new(1 + frame).unwrap();
            stranger.greet(&ConsumerHello {
                stream_id: StreamId::new(NOBODYS).unwrap(),
                ..hello(id)
            });
            spoken.push(id.get());
        }
        hear(&mut descriptors);
    }
    let mut sent = Vec::new();
    for (producer, seats) in producers.iter_mut().zip(&mut seats) {
        sent.push(settle(producer, seats, || hear(&mut descriptors)));
    }

    // A plain listener hears of every frame of every producer, in the order of each.
    hear(&mut descriptors);
    for (stream, sent) in STREAMS.into_iter().zip(&sent) {
        let first = sent - told[&stream].len() as u64;
        assert!(told[&stream].len() as u64 >= u64::from(FRAMES));
        assert_eq!(told[&stream], (first..*sent).collect::<Vec<_>>());
    }
    // A consumer takes its own and counts it; what is of others is nothing to it.
    for (seats, sent) in seats.into_iter().zip(sent) {
        for seat in seats {
            assert_accounted(sent, &seat.tally, &seat.drops);
            assert_eq!((seat.drops.local_drops(), seat.drops.malformed()), (0, 0));
        }
    }
    for heard in listened.iter().chain([&again]) {
        wait_until("all greetings at every listener", || {
            heard.lock().unwrap().len() >= spoken.len()
        });
        assert_eq!(*heard.lock().unwrap(), spoken);
    }
    wait_until("all greetings on the stream", || {
        controls.hear(|message| {
            if let Message::ConsumerHello(view) = message {
                let hello = control::ConsumerHello::try_from(view).unwrap();
                if hello.stream_id.get() == NOBODYS {
                    greeted.push(hello.consumer_id.get());
                }
            }
        });
        greeted.len() >= spoken.len()
    });
    assert_eq!(greeted, spoken);
}

const CLIENTS: usize = 8;
const CONSUMERS: usize = 64;
/// Far fewer than are published between two polls of the slowest.
const SLOTS: u32 = 64;
const ROUNDS: usize = 800;

fn drive(conductors: &mut [Conductor]) {
    for conductor in conductors {
        conductor.do_work().unwrap();
    }
}

// Some poll each time, some rarely, and some stop for good: the ring goes on over all of them.
#[test] // req: C-008, C-113, C-114
fn each_of_sixty_four_consumers_gets_every_frame_or_counts_it() {
    let rig = Rig::start(&Shape {
        slots: SLOTS,
        ..Shape::default()
    });
    let (clients, mut conductors): (Vec<_>, Vec<_>) = (0..CLIENTS)
        .map(|_| Client::invoker(rig.context()).unwrap())
        .unzip();
    let mut reports = Ears::open(rig.root(), &[QOS_STREAM]);
    let config = ProducerConfig::new(stream());
    let config = config.with_consumers(Consumers::new().with_capacity(CONSUMERS));
    let asked = clients[0].producer(config).unwrap();
    let mut producer = asked.wait_with(&mut conductors[0], PATIENCE).unwrap();
    let mut ids = Vec::new();
    let mut seats = Vec::new();
    for at in 0..CONSUMERS {
        let id = ClientId::new(500 + u32::try_from(at).unwrap()).unwrap();
        let config = ConsumerConfig::new(stream()).with_client(id);
        let asked = clients[at % CLIENTS].consumer(config).unwrap();
        let conductor = &mut conductors[at % CLIENTS];
        seats.push(Seat::new(asked.wait_with(conductor, PATIENCE).unwrap()));
        ids.push(id);
        drive(&mut conductors);
    }
    settle(&mut producer, &mut seats, || drive(&mut conductors));

    let stops = |at: usize, round: usize| at % 16 == 15 && round > ROUNDS / 2;
    for round in 0..ROUNDS {
        for _ in 0..12 {
            publish(&mut producer, 1000).unwrap();
        }
        for (at, seat) in seats.iter_mut().enumerate() {
            if round % (1 + at % 8) == 0 && !stops(at, round) {
                seat.poll();
            }
        }
        drive(&mut conductors);
    }
    let (mut stopped, mut going) = (Vec::new(), Vec::new());
    for (at, seat) in seats.into_iter().enumerate() {
        match stops(at, ROUNDS) {
            true => stopped.push((ids[at], seat)),
            false => going.push((ids[at], seat)),
        }
    }
    let (ids, mut seats): (Vec<_>, Vec<_>) = going.into_iter().unzip();
    let sent = settle(&mut producer, &mut seats, || drive(&mut conductors));
    let all: BTreeMap<_, _> = ids.into_iter().zip(seats).chain(stopped).collect();

    let (mut lapped, mut tails) = (0, 0);
    for seat in all.values() {
        let tail = sent - (seat.drops.last_seq().unwrap().get() + 1);
        assert_accounted(sent - tail, &seat.tally, &seat.drops);
        lapped += seat.drops.gap_drops() + seat.drops.late_drops();
        tails += tail;
    }
    println!(
        "{sent} frames, {lapped} lost to slow consumers, {tails} not read by those that stopped"
    );
    assert!(lapped > 0 && tails > 0);

    // And so it is told: who only listens to reports can do the same sum.
    let mut open: BTreeSet<_> = all.keys().copied().collect();
    wait_until("the reports of all consumers", || {
        drive(&mut conductors);
        reports.hear(|message| {
            let Message::QosConsumer(view) = message else {
                return;
            };
            let report = QosConsumer::try_from(view).unwrap();
            let Some(seat) = all.get(&report.consumer_id) else {
                return;
            };
            let next = report.last_seq_seen.get() + 1;
            let known = seat.tally.received + report.drops_gap + report.drops_late;
            if known + seat.drops.local_drops() + (sent - next) == sent {
                open.remove(&report.consumer_id);
            }
        });
        open.is_empty()
    });
}
