//! What a producer sends by itself, as somebody hears it who only listens.

use core::time::Duration;

use tp_core_nostd::ids::ClientId;
use tp_core_nostd::proto::blob::{BlobEntry, BlobReceiver};
use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::time::{Clock, Instant};
use tp_core_nostd::transport::Publication;
use tp_core_nostd::wire::control::{
    ConsumerHello, DataSourceAnnounce, DataSourceMeta, FrameDescriptor, MetaBlobAnnounce,
    MetaBlobChunk, MetaBlobComplete, ProgressHints, QosProducer, StreamRequest,
};
use tp_core_nostd::wire::enums::Mode;
use tp_std::aeron::{AeronClient, ClientConfig};
use tp_std::clock::MonotonicClock;
use tp_std::{
    BlobRefusedReason, CONTROL_STREAM, Client, ConductorThread, DESCRIPTOR_STREAM, Frame,
    METADATA_STREAM, Producer, ProducerConfig, QOS_STREAM,
};

use crate::ears::Ears;
use crate::foreign::connected;
use crate::frames::{bytes_tensor, publish};
use crate::rig::{PATIENCE, Rig, Shape, aeron_dir, stream, wait_until};

/// So long that nothing is told by itself a second time.
const NEVER_AGAIN: Duration = Duration::from_secs(600);

fn producer(client: &Client) -> Producer {
    let config = ProducerConfig::new(stream()).with_client(ClientId::new(77).unwrap());
    client.producer(config).unwrap().wait(PATIENCE).unwrap()
}

/// A system that repeats everything ten times a second.
fn quick() -> (Rig, Client, ConductorThread) {
    let rig = Rig::start(&Shape {
        announce_ms: 100,
        ..Shape::default()
    });
    let context = rig
        .context()
        .with_announce_period(Duration::from_millis(100));
    let (client, conductor) = Client::start(context).unwrap();
    (rig, client, conductor)
}

fn qos(message: Message<'_>) -> Option<QosProducer> {
    match message {
        Message::QosProducer(view) => Some(QosProducer::try_from(view).unwrap()),
        _ => None,
    }
}

/// Version, name and summary of a source.
fn source(message: Message<'_>) -> Option<(u32, String)> {
    match message {
        Message::DataSourceAnnounce(view) => {
            let announce = DataSourceAnnounce::try_from(view).unwrap();
            let name = announce.name.map(|name| name.to_string());
            Some((announce.meta_version, name.unwrap_or_default()))
        }
        _ => None,
    }
}

/// A key and its value.
type Told = (String, Vec<u8>);

/// Version and attributes of a source.
fn meta(message: Message<'_>) -> Option<(u32, Vec<Told>)> {
    match message {
        Message::DataSourceMeta(view) => {
            let meta = DataSourceMeta::try_from(view).unwrap();
            let attributes = meta.attributes.iter();
            let attributes = attributes.map(|one| (one.key.to_string(), one.value.to_vec()));
            Some((meta.meta_version, attributes.collect()))
        }
        _ => None,
    }
}

fn attribute(key: &str, value: &[u8]) -> Told {
    (key.to_owned(), value.to_vec())
}

#[test] // req: C-077, W-216, W-217, T-22, T-23, T-54, I-17
fn each_period_a_producer_says_how_far_it_has_come() {
    let (rig, client, _conductor) = quick();
    let mut ears = Ears::open(rig.root(), &[QOS_STREAM]);
    let mut producer = producer(&client);
    let epoch = producer.epoch();
    let first = ears.wait_for("figures", qos);
    assert_eq!(
        (first.stream_id, first.producer_id),
        (stream(), ClientId::new(77))
    );
    assert_eq!((first.epoch, first.current_seq.get()), (epoch, 0));
    assert_eq!(first.watermark, None);
    for _ in 0..5 {
        publish(&mut producer, 40).unwrap();
    }
    producer.set_watermark(Some(9));
    let later = ears.wait_for("five frames and a watermark", |message| {
        qos(message).filter(|qos| (qos.current_seq.get(), qos.watermark) == (5, Some(9)))
    });
    // And on without being asked.
    for _ in 0..3 {
        assert_eq!(ears.wait_for("more figures", qos), later);
    }
    let claim = producer.try_claim(40).unwrap();
    ears.wait_for("the number after a claim", |message| {
        qos(message).filter(|qos| qos.current_seq.get() == 6)
    });
    producer.abort(claim);
    ears.wait_for("the number an abort gave back", |message| {
        qos(message).filter(|qos| qos.current_seq.get() == 5)
    });
}

#[test] // req: C-077
fn figures_are_told_on_request_besides_the_period() {
    let rig = Rig::start(&Shape::default());
    let (client, _conductor) =
        Client::start(rig.context().with_announce_period(NEVER_AGAIN)).unwrap();
    let mut ears = Ears::open(rig.root(), &[QOS_STREAM]);
    let mut producer = producer(&client);
    assert_eq!(ears.wait_for("the first figures", qos).current_seq.get(), 0);
    publish(&mut producer, 40).unwrap();
    producer.tell_qos();
    assert_eq!(
        ears.wait_for("figures on request", qos).current_seq.get(),
        1
    );
}

#[test] // req: C-080, W-223, W-224, W-225, W-226, W-227
fn metadata_is_told_at_each_change_and_frames_name_its_version() {
    let rig = Rig::start(&Shape::default());
    let (client, _conductor) =
        Client::start(rig.context().with_announce_period(NEVER_AGAIN)).unwrap();
    let mut ears = Ears::open(rig.root(), &[METADATA_STREAM]);
    let mut descriptors = Ears::open(rig.root(), &[DESCRIPTOR_STREAM]);
    let mut producer = producer(&client);
    assert_eq!(producer.meta_version(), None);
    assert_eq!(ears.wait_for("a beacon", source), (0, String::new()));
    assert_eq!(producer.describe("camera 3", "UINT8"), Ok(1));
    assert_eq!(
        ears.wait_for("the name", source),
        (1, "camera 3".to_owned())
    );

    // Two changes at once: each version is told, since frames name it.
    assert_eq!(producer.set_attribute("gain", "text/plain", b"2"), Ok(2));
    assert_eq!(producer.set_attribute("mask", "text/plain", b"no"), Ok(3));
    assert_eq!(
        producer.set_attribute("mask", "text/plain", b"no"),
        Ok(3),
        "no change"
    );
    assert_eq!(
        ears.wait_for("version 2", meta),
        (2, vec![attribute("gain", b"2")])
    );
    let both = vec![attribute("gain", b"2"), attribute("mask", b"no")];
    assert_eq!(ears.wait_for("version 3", meta), (3, both));
    assert_eq!(producer.remove_attribute("gain"), Ok(4));
    assert_eq!(
        ears.wait_for("version 4", meta),
        (4, vec![attribute("mask", b"no")])
    );
    assert!(producer.set_attribute("long", "", &[0; 5000]).is_err());

    let frame = Frame::new(bytes_tensor(3), b"abc");
    let older = Frame {
        meta_version: Some(2),
        ..frame
    };
    let versions = [frame, older].map(|frame| {
        wait_until("a frame that is heard of", || {
            let published = producer.offer(&frame).unwrap();
            published.delivery == tp_std::Delivery::Sent
        });
        descriptors.wait_for("its descriptor", |message| match message {
            Message::FrameDescriptor(view) => FrameDescriptor::try_from(view).unwrap().meta_version,
            _ => None,
        })
    });
    assert_eq!(versions, [4, 2]);
}

#[test] // req: C-075, E-02
fn a_producer_that_writes_headers_first_says_so_from_the_start() {
    let rig = Rig::start(&Shape::default());
    let (client, _conductor) = rig.client();
    let mut ears = Ears::open(rig.root(), &[METADATA_STREAM]);
    let config = ProducerConfig::new(stream()).with_header_first(true);
    let mut producer = client.producer(config).unwrap().wait(PATIENCE).unwrap();
    assert_eq!(producer.meta_version(), Some(1));
    let first = attribute("tp.progress.header_first", b"1");
    assert_eq!(ears.wait_for("the promise", meta), (1, vec![first.clone()]));
    // What is said later leaves it standing.
    assert_eq!(producer.set_attribute("gain", "text/plain", b"2"), Ok(2));
    let both = vec![first, attribute("gain", b"2")];
    ears.wait_for("both", |message| {
        meta(message).filter(|told| *told == (2, both.clone()))
    });
}

#[test] // req: C-080, C-156, W-217, W-225
fn metadata_is_repeated_each_period() {
    let (rig, client, _conductor) = quick();
    let mut producer = producer(&client);
    producer.describe("camera 3", "").unwrap();
    producer.set_attribute("gain", "text/plain", b"2").unwrap();
    // Whoever comes late hears all of it, again and again; perhaps not yet in the period that had begun before.
    let mut late = Ears::open(rig.root(), &[METADATA_STREAM]);
    let name = (2, "camera 3".to_owned());
    late.wait_for("the second version", |message| {
        meta(message).filter(|(version, _)| *version == 2)
    });
    for _ in 0..3 {
        assert_eq!(late.wait_for("the name", source), name);
        assert_eq!(
            late.wait_for("the attributes", meta),
            (2, vec![attribute("gain", b"2")])
        );
    }
}

#[test] // req: C-080, W-225
fn a_new_consumer_is_told_at_once_and_an_old_one_is_not() {
    let rig = Rig::start(&Shape::default());
    let (client, _conductor) =
        Client::start(rig.context().with_announce_period(NEVER_AGAIN)).unwrap();
    let mut ears = Ears::open(rig.root(), &[METADATA_STREAM]);
    let mut producer = producer(&client);
    producer.set_attribute("gain", "text/plain", b"2").unwrap();
    let told = ears.wait_for("the attributes", meta);
    let mut stranger = AeronClient::connect(&ClientConfig::new(aeron_dir(rig.root()))).unwrap();
    let mut control = connected(&mut stranger, CONTROL_STREAM);
    let mut hello = |consumer: u32| {
        let hello = ConsumerHello {
            stream_id: stream(),
            consumer_id: ClientId::new(consumer).unwrap(),
            supports_shm: true,
            supports_progress: false,
            mode: Mode::Stream,
            max_rate_hz: None,
            expected_layout_version: Some(1),
            progress: ProgressHints::default(),
            descriptor: StreamRequest::None,
            control: StreamRequest::None,
        };
        let mut message = [0; 128];
        let length = hello.encode(&mut message).unwrap();
        wait_until("room on the control stream", || {
            control.offer(&message[..length]).is_ok()
        });
    };
    hello(500);
    assert_eq!(ears.wait_for("the attributes for a newcomer", meta), told);
    // Its repetition causes nothing: the next thing that is told is what another newcomer causes.
    hello(500);
    hello(500);
    producer.describe("camera 3", "").unwrap();
    assert_eq!(ears.wait_for("a change", meta).0, 2);
    hello(501);
    assert_eq!(ears.wait_for("the attributes for another", meta).0, 2);
    producer.tell_source();
    assert_eq!(ears.wait_for("the attributes on request", meta).0, 2);
}

#[test] // req: C-081
fn without_a_metadata_stream_no_blob_is_taken() {
    let rig = Rig::start(&Shape::default());
    let (client, _conductor) = Client::start(rig.context().with_metadata(None)).unwrap();
    let refused = producer(&client).send_blob(7, &b"bytes"[..], true);
    let refused = refused.unwrap_err();
    assert_eq!(refused.reason, BlobRefusedReason::NoMetadataStream);
    assert_eq!(*refused.bytes, *b"bytes");
}

#[test] // req: C-081, W-229, W-230, W-232, W-233, T-36
fn blobs_arrive_whole_and_checked() {
    let rig = Rig::start(&Shape::default());
    let (client, _conductor) = rig.client();
    let mut producer = producer(&client);
    let version = producer.describe("camera 3", "").unwrap();
    let table: Vec<u8> = (0..1_000_000_u32)
        .map(|i| (i.wrapping_mul(i) >> 7) as u8)
        .collect();
    // They wait until somebody listens.
    producer.send_blob(7, table.clone(), true).unwrap();
    producer.send_blob(8, &b"short"[..], false).unwrap();
    producer.send_blob(9, &b""[..], true).unwrap();
    producer.send_blob(10, &b"last"[..], true).unwrap();
    let refused = (0..3).find_map(|_| producer.send_blob(11, &b"one too many"[..], true).err());
    let refused = refused.unwrap();
    assert_eq!(*refused.bytes, *b"one too many");
    assert_eq!(refused.reason, BlobRefusedReason::Waiting);
    assert!(producer.blobs_waiting() >= 4);

    let mut ears = Ears::open(rig.root(), &[METADATA_STREAM]);
    let places = [BlobEntry::new(vec![0; 2_000_000])];
    let mut receiver = BlobReceiver::new(PATIENCE, true, places);
    let mut arrived = Vec::new();
    wait_until("four blobs", || {
        let now: Instant = MonotonicClock.now();
        ears.hear(|message| match message {
            Message::MetaBlobAnnounce(view) => {
                let announce = MetaBlobAnnounce::try_from(view).unwrap();
                receiver.handle_announce(now, &announce).unwrap();
            }
            Message::MetaBlobChunk(view) => {
                let chunk = MetaBlobChunk::try_from(view).unwrap();
                assert!(!chunk.bytes.is_empty() && chunk.bytes.len() <= 64 << 10);
                receiver.handle_chunk(now, &chunk).unwrap();
            }
            Message::MetaBlobComplete(view) => {
                let complete = MetaBlobComplete::try_from(view).unwrap();
                let blob = receiver.handle_complete(&complete).unwrap();
                assert_eq!((blob.stream, blob.meta_version), (stream(), version));
                arrived.push((blob.blob_type, blob.bytes.to_vec()));
            }
            _ => {}
        });
        arrived.len() >= 4
    });
    let short = |kind, bytes: &[u8]| (kind, bytes.to_vec());
    let expected = [
        (7, table),
        short(8, b"short"),
        short(9, b""),
        short(10, b"last"),
    ];
    assert_eq!(arrived[..4], expected);
    wait_until("the end of the last blob", || producer.blobs_waiting() == 0);
}
