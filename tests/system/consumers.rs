//! Consumers with streams of their own: who asks, who answers, what goes where.

use core::time::Duration;
use std::thread;
use std::time::Instant;

use tp_core_nostd::ids::{ClientId, StreamId};
use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::transport::Publication;
use tp_core_nostd::wire::control::{
    self, ConsumerHello, FrameProgress, ProgressHints, StreamRequest,
};
use tp_core_nostd::wire::enums::{FrameProgressState, Mode};
use tp_std::aeron::{AeronClient, AeronExclusivePublication, Channel, ClientConfig};
use tp_std::{
    AnswerHellos, CONTROL_STREAM, Client, CommitMeta, Consumer, ConsumerConfig, Consumers,
    Endpoint, FixedPoolConfig, PrivateDeliveries, Producer, ProducerConfig,
};

use crate::ears::Ears;
use crate::foreign::connected;
use crate::frames::{bytes_tensor, fill, is_whole, publish};
use crate::rig::{PATIENCE, Rig, Shape, aeron_dir, consumer, stream, wait_until};
use crate::watcher::{Tally, assert_accounted};

/// More than a silent consumer is kept, and than a stopped one holds up.
const FRAMES: u64 = 2000;
const RATE_HZ: u32 = 50;
const DESCRIPTORS: u32 = 31_000;
const CONTROLS: u32 = 32_000;

fn id(raw: u32) -> ClientId {
    ClientId::new(raw).unwrap()
}

fn at(stream_id: u32) -> control::Endpoint<'static> {
    control::Endpoint {
        channel: "aeron:ipc",
        stream_id: StreamId::new(stream_id).unwrap(),
    }
}

pub(crate) fn hello(consumer_id: ClientId) -> ConsumerHello<'static> {
    ConsumerHello {
        stream_id: stream(),
        consumer_id,
        supports_shm: true,
        supports_progress: false,
        mode: Mode::Stream,
        max_rate_hz: None,
        expected_layout_version: Some(1),
        progress: ProgressHints::default(),
        descriptor: StreamRequest::None,
        control: StreamRequest::None,
    }
}

/// Somebody on the control stream.
pub(crate) struct Stranger {
    aeron: AeronClient,
    control: AeronExclusivePublication,
}

impl Stranger {
    pub(crate) fn new(rig: &Rig) -> Self {
        let config = ClientConfig::new(aeron_dir(rig.root()));
        let mut aeron = AeronClient::connect(&config).unwrap();
        let control = connected(&mut aeron, CONTROL_STREAM);
        Self { aeron, control }
    }

    fn say(&mut self, encode: impl Fn(&mut [u8]) -> usize) {
        let mut message = [0; 512];
        let length = encode(&mut message);
        wait_until("room on the control stream", || {
            self.aeron.do_work().unwrap();
            self.control.offer(&message[..length]).is_ok()
        });
    }

    pub(crate) fn greet(&mut self, hello: &ConsumerHello<'_>) {
        self.say(|message| hello.encode(message).unwrap());
    }
}

/// The streams that a consumer is told it has: descriptors, control.
fn assigned(consumer: ClientId, message: Message<'_>) -> Option<[u32; 2]> {
    let Message::ConsumerConfig(view) = message else {
        return None;
    };
    let config = control::ConsumerConfig::try_from(view).unwrap();
    let id = |endpoint: Option<control::Endpoint<'_>>| endpoint.map_or(0, |at| at.stream_id.get());
    (config.consumer_id == consumer).then(|| [id(config.descriptor), id(config.control)])
}

fn descriptor(message: Message<'_>) -> u64 {
    match message {
        Message::FrameDescriptor(view) => view.block.seq.get(),
        _ => panic!("something else on a descriptor stream"),
    }
}

fn producer(client: &Client, answers: AnswerHellos) -> Producer {
    let consumers = Consumers::new().with_answers(answers);
    let config = ProducerConfig::new(stream())
        .with_consumers(consumers)
        .with_header_first(true);
    client.producer(config).unwrap().wait(PATIENCE).unwrap()
}

fn private(producer: &Producer) -> Option<PrivateDeliveries> {
    producer.private_deliveries().next()
}

#[test] // req: C-059, C-082, C-083, C-087, W-196, W-197, W-205, W-212, W-213
fn a_limited_stream_of_its_own_beside_the_shared_one() {
    let rig = Rig::start(&Shape::default());
    let (client, _conductor) = rig.client();
    let mut producer = producer(&client, AnswerHellos::On);
    let (mut watching, mut tally) = (consumer(&client), Tally::default());
    let drops = watching.counters();

    let mut stranger = Stranger::new(&rig);
    let mut ears = Ears::open(rig.root(), &[CONTROL_STREAM]);
    let limited = ConsumerHello {
        mode: Mode::RateLimited,
        max_rate_hz: Some(RATE_HZ),
        descriptor: StreamRequest::Of(at(DESCRIPTORS)),
        ..hello(id(77))
    };
    stranger.greet(&limited);
    let told = ears.wait_for("the answer", |message| assigned(id(77), message));
    assert_eq!(told, [DESCRIPTORS, 0]);
    assert_eq!(producer.poll(), 0);
    assert!(
        private(&producer).is_some(),
        "before its consumer heard of it"
    );
    let mut own = Ears::open(rig.root(), &[DESCRIPTORS.cast_signed()]);

    // Both are connected before frames are counted; what went out until then is known.
    let mut sent = 0_u64;
    let mut heard = Vec::new();
    wait_until("both streams", || {
        sent += u64::from(publish(&mut producer, 64).is_ok());
        stranger.greet(&limited);
        tally.poll(&mut watching).unwrap();
        own.hear(|message| heard.push(descriptor(message)));
        tally.received > 0 && !heard.is_empty()
    });
    let shared_from = tally.next - tally.received;
    let started = Instant::now();
    for number in 0..FRAMES {
        publish(&mut producer, 64).unwrap();
        sent += 1;
        if number % 100 == 0 {
            stranger.greet(&limited);
        }
        tally.poll(&mut watching).unwrap();
        own.hear(|message| heard.push(descriptor(message)));
        thread::sleep(Duration::from_micros(500));
    }
    wait_until("the newest frame", || {
        producer.poll();
        own.hear(|message| heard.push(descriptor(message)));
        producer.poll_timeout().is_none() && heard.last() == Some(&(sent - 1))
    });
    let elapsed = started.elapsed();

    let met = private(&producer).unwrap();
    println!(
        "sent {sent}, private {met:?}, heard {} in {elapsed:?}",
        heard.len()
    );
    assert!(heard.is_sorted_by(|a, b| a < b));
    assert_eq!(met.deliveries.sent, heard.len() as u64);
    let all = met.deliveries.sent + met.deliveries.unconnected + met.thinned;
    assert_eq!((all, met.is_waiting), (sent, false), "{met:?}");
    assert!(met.thinned > 0);
    // What came before the clock was read is one frame at least.
    let most = elapsed.as_secs_f64() * f64::from(RATE_HZ) + 2.0;
    assert!((heard.len() as f64) <= most, "{} of {most}", heard.len());
    wait_until("the shared stream", || {
        tally.poll(&mut watching).unwrap();
        tally.next == sent
    });
    assert_accounted(sent - shared_from, &tally, &drops);

    // Who falls silent loses its stream.
    wait_until("the end of the private stream", || {
        producer.poll();
        private(&producer).is_none()
    });
    assert_eq!(producer.consumer_count(), 1, "the one on the shared stream");
}

/// Takes one frame, if there is one.
fn take_one(consumer: &mut Consumer, tally: &mut Tally) {
    let taken = consumer.poll(1, |descriptor, reader| {
        if reader.read().is_ok() {
            tally.received += 1;
            tally.next = descriptor.seq.get() + 1;
        }
    });
    taken.unwrap();
}

#[test] // req: C-059, C-085, C-087, C-110, W-196, W-198, W-212, W-213
fn every_frame_is_accounted_for_with_and_without_a_stream_of_ones_own() {
    let rig = Rig::start(&Shape {
        driver: "descriptor_stream_id_range = \"31000-31999\"",
        ..Shape::default()
    });
    let (client, _conductor) = rig.client();
    // The driver answers, the producer follows.
    let mut producer = producer(&client, AnswerHellos::Auto);
    let mut watching = consumer(&client);
    let own = Endpoint::new(Channel::ipc(), DESCRIPTORS.cast_signed());
    let config = ConsumerConfig::new(stream())
        .with_watched_memory(false)
        .with_max_rate_hz(RATE_HZ)
        .with_own_descriptors(&own)
        .unwrap();
    let mut limited = client.consumer(config).unwrap().wait(PATIENCE).unwrap();
    let (status, drops) = (limited.status(), [watching.counters(), limited.counters()]);
    let mut tallies = [Tally::default(); 2];
    let mut sent = 0_u64;
    // The first frame of each, one at a time.
    let mut from = [u64::MAX; 2];
    wait_until("both consumers", || {
        sent = publish(&mut producer, 64).unwrap().0 + 1;
        for (at, consumer) in [&mut watching, &mut limited].into_iter().enumerate() {
            take_one(consumer, &mut tallies[at]);
            from[at] = from[at].min(tallies[at].next.wrapping_sub(1));
        }
        from.iter().all(|from| *from != u64::MAX)
    });
    // Whoever polls once for each frame never finds a stream empty. Its own alone leaves frames out.
    let mut flow = |tallies: &mut [Tally; 2]| {
        sent = publish(&mut producer, 64).unwrap().0 + 1;
        tallies[0].poll(&mut watching).unwrap();
        tallies[1].poll(&mut limited).unwrap();
        thread::sleep(Duration::from_micros(500));
    };
    wait_until("frames on its own stream", || {
        flow(&mut tallies);
        drops[1].gap_drops() > 0
    });
    let (local, received) = (drops[1].local_drops(), tallies[1].received);
    assert!(local > 0, "what the shared stream brought was thinned");
    let started = Instant::now();
    for _ in 0..FRAMES {
        flow(&mut tallies);
    }
    // The newest one comes though no other follows.
    wait_until("the newest frame", || {
        producer.poll();
        tallies[0].poll(&mut watching).unwrap();
        tallies[1].poll(&mut limited).unwrap();
        tallies.iter().all(|tally| tally.next == sent)
    });
    let most = started.elapsed().as_secs_f64() * f64::from(RATE_HZ) + 2.0;
    let (assigned, met) = (
        status.assigned_descriptor_stream(),
        private(&producer).unwrap(),
    );
    println!("assigned {assigned:?}, {met:?}");
    assert!(assigned.is_some() && met.thinned > 0);
    assert_eq!(
        drops[1].local_drops(),
        local,
        "the shared stream was not left"
    );
    let own = tallies[1].received - received;
    assert!((own as f64) <= most, "{own} of {most}");
    for ((tally, drops), from) in tallies.iter().zip(&drops).zip(from) {
        assert_accounted(sent - from, tally, drops);
    }
    // Nobody's rate counts there.
    assert_eq!(drops[0].gap_drops() + drops[0].local_drops(), 0);
    assert!(tallies[1].received < tallies[0].received);
}

/// State, number and bytes of what is told.
fn progress(message: Message<'_>) -> Option<(FrameProgressState, u64, u64)> {
    let Message::FrameProgress(view) = message else {
        return None;
    };
    let progress = FrameProgress::try_from(view).unwrap();
    Some((
        progress.state,
        progress.seq.get(),
        progress.payload_bytes_filled,
    ))
}

#[test] // req: C-067, C-072, C-073, C-076, W-152, W-153, W-155, W-156, W-199, W-200, W-203
fn progress_is_told_to_who_asked_for_it() {
    use FrameProgressState::{Complete, Progress, Started};
    let rig = Rig::start(&Shape {
        slots: 8,
        ..Shape::default()
    });
    let (client, _conductor) = rig.client();
    let mut producer = producer(&client, AnswerHellos::On);
    let tensor = bytes_tensor(1000);
    let meta = CommitMeta::default();
    // While nobody asks nothing is told, and nothing is numbered early.
    assert_eq!(producer.progress_policy(), None);
    let mut claim = producer.try_claim(1000).unwrap();
    producer.start(&mut claim, &tensor, meta).unwrap();
    producer.offer_progress(&mut claim, 500).unwrap();
    assert_eq!(producer.commit(claim, &tensor, meta).unwrap().seq.get(), 0);

    let mut stranger = Stranger::new(&rig);
    let mut ears = Ears::open(rig.root(), &[CONTROL_STREAM]);
    let eager = ConsumerHello {
        supports_progress: true,
        progress: ProgressHints {
            bytes_delta: Some(1),
            ..ProgressHints::default()
        },
        control: StreamRequest::Of(at(CONTROLS)),
        ..hello(id(77))
    };
    stranger.greet(&eager);
    let told = ears.wait_for("the answer", |message| assigned(id(77), message));
    assert_eq!(told, [0, CONTROLS]);
    let mut own = Ears::open(rig.root(), &[CONTROLS.cast_signed()]);
    wait_until("a policy", || producer.progress_policy().is_some());
    let mut next = 1;
    wait_until("the first word", || {
        let mut claim = producer.try_claim(1000).unwrap();
        producer.start(&mut claim, &tensor, meta).unwrap();
        let published = producer.commit(claim, &tensor, meta).unwrap();
        next = published.seq.get() + 1;
        let mut any = false;
        own.hear(|_| any = true);
        any
    });
    own.hear(|_| {});

    let mut claim = producer.try_claim(1000).unwrap();
    producer.start(&mut claim, &tensor, meta).unwrap();
    let mut word = |what| own.wait_for(what, progress);
    assert_eq!(word("the start"), (Started, next, 0));
    claim.write_at(0, &[7; 600]).unwrap();
    producer.offer_progress(&mut claim, 600).unwrap();
    assert_eq!(word("progress"), (Progress, next, 600));
    // Falling is refused, and so is to commit less than was told, or another header.
    assert!(producer.offer_progress(&mut claim, 599).is_err());
    let less = CommitMeta {
        len: Some(599),
        ..meta
    };
    let claim = producer.commit(claim, &tensor, less).unwrap_err().claim;
    let other = bytes_tensor(999);
    let claim = producer.commit(claim, &other, meta).unwrap_err().claim;
    producer.commit(claim, &tensor, meta).unwrap();
    assert_eq!(word("the end"), (Complete, next, 1000));

    // A camera's buffer gets its number when its filling begins.
    let config = FixedPoolConfig {
        buffers: 4,
        len: 1000,
    };
    let (mut camera, mut slots) = producer.into_fixed_pool(config).unwrap();
    let (mut late, first) = (slots.remove(0), slots.remove(0));
    let (published, _filled) = camera.commit(first, &tensor, meta).unwrap();
    let behind = late.seq().get();
    camera.start(&mut late, &tensor, meta).unwrap();
    assert!(late.seq() > published.seq && late.seq().get() % 8 == behind % 8);
    assert_eq!(word("the start"), (Started, late.seq().get(), 0));
    let bound = late.seq();
    let (published, _late) = camera.commit(late, &tensor, meta).unwrap();
    assert_eq!(published.seq, bound);
    // Progress alone is told there.
    own.hear(|message| assert!(progress(message).is_some()));
}

#[test] // req: C-075, C-116, E-02, W-163, W-169
fn a_prefix_is_read_before_its_frame_is_committed() {
    let rig = Rig::start(&Shape::default());
    let (client, _conductor) = rig.client();
    let mut producer = producer(&client, AnswerHellos::Auto);
    let hints = ProgressHints {
        bytes_delta: Some(1),
        ..ProgressHints::default()
    };
    let config = ConsumerConfig::new(stream()).with_progress(hints);
    let mut consumer = client.consumer(config).unwrap().wait(PATIENCE).unwrap();
    wait_until("somebody who wants progress", || {
        producer.progress_policy().is_some()
    });
    let epoch = producer.epoch().unwrap().get();
    let (tensor, meta) = (bytes_tensor(1000), CommitMeta::default());
    // The metadata that says how headers are written has to arrive, too.
    wait_until("a prefix", || {
        let mut claim = producer.try_claim(1000).unwrap();
        let seq = claim.seq().get();
        producer.start(&mut claim, &tensor, meta).unwrap();
        fill(epoch, seq, &mut claim.bytes()[..600]);
        producer.offer_progress(&mut claim, 600).unwrap();
        let mut is_read = false;
        for _ in 0..50 {
            let polled = consumer.poll_progress(16, |progress, reader| {
                if (progress.seq.get(), progress.payload_bytes_filled) != (seq, 600) {
                    return;
                }
                let Ok(prefix) = reader.read() else { return };
                let mut bytes = [0; 600];
                assert_eq!((prefix.ready_bytes(), prefix.payload_len()), (600, 1000));
                assert_eq!(prefix.copy_to(0, &mut bytes), Ok(600));
                assert!(is_whole(epoch, seq, &bytes));
                is_read = true;
            });
            polled.unwrap();
            thread::sleep(Duration::from_millis(1));
        }
        producer.commit(claim, &tensor, meta).unwrap();
        is_read
    });
}

#[test] // req: C-085, W-196, P-007, I-14
fn a_producer_follows_whoever_answers() {
    let rig = Rig::start(&Shape::default());
    let (client, _conductor) = rig.client();
    let mut producer = producer(&client, AnswerHellos::Auto);
    let mut stranger = Stranger::new(&rig);
    let mut ears = Ears::open(rig.root(), &[CONTROL_STREAM]);
    stranger.greet(&ConsumerHello {
        descriptor: StreamRequest::Of(at(DESCRIPTORS)),
        ..hello(id(77))
    });
    let config = control::ConsumerConfig {
        stream_id: stream(),
        consumer_id: id(77),
        use_shm: true,
        mode: Mode::Stream,
        payload_fallback_uri: None,
        descriptor: Some(at(DESCRIPTORS + 5)),
        control: None,
    };
    stranger.say(|message| config.encode(message).unwrap());
    let mut own = Ears::open(rig.root(), &[(DESCRIPTORS + 5).cast_signed()]);
    let (mut sent, mut heard) = (0, Vec::new());
    wait_until("a frame", || {
        sent = publish(&mut producer, 64).unwrap().0;
        own.hear(|message| heard.push(descriptor(message)));
        !heard.is_empty()
    });
    wait_until("the last frame", || {
        own.hear(|message| heard.push(descriptor(message)));
        heard.last() == Some(&sent)
    });
    // The stranger's own answer is the only one.
    let told = ears.wait_for("an answer", |message| assigned(id(77), message));
    assert_eq!(told, [DESCRIPTORS + 5, 0]);
    ears.hear(|message| assert!(!matches!(message, Message::ConsumerConfig(_))));
}
