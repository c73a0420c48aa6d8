//! Who plays with whom. Consumers come first, and producers go on until enough frames arrived: what is sent before somebody
//! has mapped the memory is lost, as ever.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;
use std::thread;

use tp_core_nostd::wire::control::ConsumerHello;
use tp_std::handlers::{Control, ControlHandler, HandlerRegistration};
use tp_std::{
    Client, Consumer, ConsumerConfig, Dtype, Frame, MajorOrder, Producer, ProducerConfig, StreamId,
    TensorHeader,
};

use crate::pattern::{LEN, check, fill};
use crate::peers::{PATIENCE, Peers, Place, Process, STREAM, ours as our_program, wait_until};

/// Frames that have to arrive.
pub(crate) const FRAMES: u64 = 16;
/// More than anybody waits for.
const MANY: u64 = 1_000_000;
const PRODUCER: &str = "tp_example_producer_driver";
const CONSUMER: &str = "tp_example_consumer_driver";

/// Whose driver it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Driver {
    Ours,
    Theirs,
}

impl Driver {
    pub(crate) fn start(self, place: &Place, peers: &Peers) -> Result<Process, String> {
        match self {
            Self::Ours => place.driver(&our_program("tp_driver")),
            Self::Theirs => place.their_driver(peers),
        }
    }
}

pub(crate) fn stream() -> StreamId {
    STREAM.parse().ok().and_then(StreamId::new).unwrap()
}

pub(crate) fn producer(client: &Client, config: ProducerConfig) -> Result<Producer, String> {
    let pending = client.producer(config).unwrap();
    pending
        .wait(PATIENCE)
        .map_err(|error| format!("our producer: {error}"))
}

pub(crate) fn consumer(client: &Client, config: ConsumerConfig) -> Result<Consumer, String> {
    let pending = client.consumer(config).unwrap();
    pending
        .wait(PATIENCE)
        .map_err(|error| format!("our consumer: {error}"))
}

/// Sends the next frame, or another one in its place.
pub(crate) fn send(producer: &mut Producer, seq: u64, wrong: bool) -> u64 {
    let tensor = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[LEN as i32]).unwrap();
    let mut payload = [0; LEN];
    fill(seq + u64::from(wrong), &mut payload);
    match producer.offer(&Frame::new(tensor, &payload)) {
        Ok(published) => {
            // What was meant for another epoch has another number, and is not looked at.
            published.seq.get() + 1
        }
        Err(_) => 0,
    }
}

/// Takes what came; how many frames were right.
fn take(consumer: &mut Consumer) -> Result<u64, String> {
    let (mut right, mut wrong) = (0, None);
    let polled = consumer.poll(64, |descriptor, reader| {
        let mut payload = [0; 1 << 16];
        let copied = reader
            .read()
            .ok()
            .and_then(|frame| frame.copy_to(&mut payload).ok());
        match copied.map(|len| check(descriptor.seq.get(), &payload[..len])) {
            Some(Ok(())) => right += 1,
            Some(Err(why)) => wrong = Some(why),
            None => {}
        }
    });
    polled.map_err(|error| format!("our consumer: {error}"))?;
    wrong.map_or(Ok(right), Err)
}

/// Counts hellos.
struct Doorman(Arc<AtomicU64>);

impl ControlHandler for Doorman {
    fn on_consumer_hello(&mut self, hello: &ConsumerHello<'_>) {
        self.0
            .fetch_add(u64::from(hello.stream_id == stream()), Ordering::Relaxed);
    }
}

/// How many hellos were heard from now on.
fn hellos(client: &Client) -> (Arc<AtomicU64>, HandlerRegistration<Control>) {
    let heard = Arc::new(AtomicU64::new(0));
    let registration = client.on_control(Doorman(heard.clone())).unwrap();
    (heard, registration)
}

/// Our producer and our consumer on their driver.
pub(crate) fn ours(peers: &Peers) -> Result<(), String> {
    let place = Place::new(peers)?;
    let mut driver = Driver::Theirs.start(&place, peers)?;
    let (client, _conductor) = place.our_client();
    let mut consumer = consumer(&client, ConsumerConfig::new(stream()))?;
    let mut producer = producer(&client, ProducerConfig::new(stream()))?;
    let (mut next, mut right) = (0, 0);
    wait_until("our frames on their driver", || {
        driver.must_run()?;
        next = send(&mut producer, next, false);
        right += take(&mut consumer)?;
        Ok(right >= FRAMES)
    })
}

/// Their producer and their consumer on our driver.
pub(crate) fn theirs(peers: &Peers) -> Result<(), String> {
    let place = Place::new(peers)?;
    let mut driver = Driver::Ours.start(&place, peers)?;
    let (client, _conductor) = place.our_client();
    let (greeted, _registration) = hellos(&client);
    let mut consumer = place.client(peers, CONSUMER, 71, FRAMES)?;
    wait_until("a word of their consumer", || {
        driver.must_run()?;
        consumer.must_run()?;
        Ok(greeted.load(Ordering::Relaxed) > 0)
    })?;
    let mut producer = place.client(peers, PRODUCER, 72, MANY)?;
    wait_until("their frames at their consumer", || {
        driver.must_run()?;
        if consumer.is_done()? {
            return Ok(true);
        }
        producer.must_run()
    })
}

/// Their producer to our consumer.
pub(crate) fn from_them(peers: &Peers, driver: Driver) -> Result<(), String> {
    let place = Place::new(peers)?;
    let mut driver = driver.start(&place, peers)?;
    let (client, _conductor) = place.our_client();
    let mut consumer = consumer(&client, ConsumerConfig::new(stream()))?;
    let mut producer = place.client(peers, PRODUCER, 72, MANY)?;
    let mut right = 0;
    wait_until("their frames at our consumer", || {
        driver.must_run()?;
        producer.must_run()?;
        right += take(&mut consumer)?;
        Ok(right >= FRAMES)
    })
}

/// Our producer to their consumer; `wrong` sends them other frames than they expect.
pub(crate) fn to_them(peers: &Peers, driver: Driver, wrong: bool) -> Result<(), String> {
    let place = Place::new(peers)?;
    let mut driver = driver.start(&place, peers)?;
    let (client, _conductor) = place.our_client();
    let (greeted, _registration) = hellos(&client);
    let mut consumer = place.client(peers, CONSUMER, 71, FRAMES)?;
    wait_until("a word of their consumer", || {
        driver.must_run()?;
        consumer.must_run()?;
        Ok(greeted.load(Ordering::Relaxed) > 0)
    })?;
    let mut producer = producer(&client, ProducerConfig::new(stream()))?;
    let mut next = 0;
    wait_until("our frames at their consumer", || {
        driver.must_run()?;
        next = send(&mut producer, next, wrong);
        thread::sleep(Duration::from_millis(3));
        consumer.is_done()
    })
}
