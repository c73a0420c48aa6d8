//! Handlers that come with the library: what was said last, blobs put together, progress that was looked at.

use tp_core_nostd::ids::{ClientId, Epoch, StreamId};
use tp_core_nostd::proto::blob::{Blob, BlobConfig, BlobMessage, BlobSender};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::wire::Text;
use tp_core_nostd::wire::control::{
    Attribute, Attributes, DataSourceAnnounce, DataSourceMeta, FrameProgress, MetaBlobChunk,
    QosConsumer,
};
use tp_core_nostd::wire::enums::{FrameProgressState, Mode};
use tp_std::handlers::{
    Blobs, CheckedProgress, Metadata, MetadataCache, MetadataHandler, Progress, ProgressHandler,
    Qos, QosCache,
};
use tp_std::{CONTROL_STREAM, METADATA_STREAM, Poller, QOS_STREAM};

use crate::pollers::CHANNEL;
use crate::rig::{Rig, SOMEBODY, STREAM, Voice};

const OTHER: StreamId = StreamId::new(10_001).unwrap();

#[test] // req: C-123
fn the_newest_report_of_each_is_at_hand() {
    let mut rig = Rig::new();
    let mut poller = Poller::<Qos>::new(&rig.client, CHANNEL, QOS_STREAM).unwrap();
    rig.cycles(3);
    let mut cache = QosCache::new(16);
    poller.poll(&mut cache).unwrap();
    let mut voice = rig.voice(QOS_STREAM);
    voice.report(1);
    voice.report(2);
    let slow = QosConsumer {
        stream_id: STREAM,
        consumer_id: SOMEBODY,
        epoch: Epoch::new(1),
        last_seq_seen: Seq::new(3).unwrap(),
        drops_gap: 4,
        drops_late: 5,
        mode: Mode::Stream,
    };
    for stream_id in [STREAM, OTHER] {
        voice.say(|out| QosConsumer { stream_id, ..slow }.encode(out));
    }
    assert_eq!(poller.poll(&mut cache), Ok(4));
    let producer = cache.producer(STREAM, SOMEBODY).unwrap();
    assert_eq!(producer.current_seq.get(), 2);
    assert_eq!(cache.producer(STREAM, None), None);
    assert_eq!(cache.producer(OTHER, SOMEBODY), None);
    assert_eq!(cache.consumer(STREAM, SOMEBODY), Some(&slow));
    assert_eq!(cache.consumer(STREAM, ClientId::new(8).unwrap()), None);
    assert_eq!(
        (cache.producers().count(), cache.consumers().count()),
        (1, 2)
    );
}

fn say_meta(voice: &mut Voice, meta_version: u32, attributes: &[(&str, &str)]) {
    let attributes: Vec<_> = attributes
        .iter()
        .map(|(key, value)| Attribute {
            key: Text(key.as_bytes()),
            format: Text(b"text/plain"),
            value: value.as_bytes(),
        })
        .collect();
    let meta = DataSourceMeta {
        stream_id: STREAM,
        meta_version,
        timestamp_ns: 1,
        attributes: Attributes::listed(&attributes),
    };
    voice.say(|out| meta.encode(out));
}

#[test] // req: C-123
fn the_newest_metadata_of_each_stream_is_at_hand() {
    let mut rig = Rig::new();
    let mut poller = Poller::<Metadata>::new(&rig.client, CHANNEL, METADATA_STREAM).unwrap();
    rig.cycles(3);
    let mut cache = MetadataCache::new(16);
    poller.poll(&mut cache).unwrap();
    let mut voice = rig.voice(METADATA_STREAM);
    let announce = DataSourceAnnounce {
        stream_id: STREAM,
        producer_id: Some(SOMEBODY),
        epoch: Epoch::new(4).unwrap(),
        meta_version: 1,
        name: Some("north".into()),
        summary: None,
    };
    voice.say(|out| announce.encode(out));
    say_meta(&mut voice, 1, &[("gain", "2"), ("serial", "SN-1")]);
    say_meta(&mut voice, 2, &[("gain", "3")]);
    assert_eq!(poller.poll(&mut cache), Ok(3));
    let source = cache.source(STREAM).unwrap();
    assert_eq!((source.stream(), source.epoch()), (STREAM, Epoch::new(4)));
    assert_eq!(
        (source.name().as_ref(), source.summary().as_ref()),
        ("north", "")
    );
    assert_eq!(source.meta_version(), Some(2));
    let gain = source.attribute("gain").unwrap();
    assert_eq!(
        (gain.key().as_ref(), gain.format().as_ref()),
        ("gain", "text/plain")
    );
    assert_eq!(gain.value(), b"3");
    assert!(
        source.attribute("serial").is_none(),
        "the newer version has none"
    );
    assert_eq!(source.attributes().len(), 1);
    assert!(cache.source(OTHER).is_none());
    assert_eq!(cache.sources().count(), 1);
}

/// Keeps whole blobs.
#[derive(Default)]
struct Kept(Vec<(StreamId, u32, Vec<u8>)>);

impl MetadataHandler for Kept {
    fn on_blob(&mut self, blob: &Blob<'_>) {
        self.0
            .push((blob.stream, blob.meta_version, blob.bytes.to_vec()));
    }
}

const BLOB: usize = 200_000;

/// The messages of a blob that is `byte` all over, in order.
fn blob(stream: StreamId, byte: u8) -> Vec<Vec<u8>> {
    let bytes = vec![byte; BLOB];
    let mut sender = BlobSender::new(BlobConfig::new(stream, 1, 7), &bytes[..]).unwrap();
    let mut messages = Vec::new();
    let mut buffer = vec![0; BLOB];
    let mut next = |message: BlobMessage<'_>| {
        let length = match message {
            BlobMessage::Announce(announce) => announce.encode(&mut buffer),
            BlobMessage::Chunk(chunk) => chunk.encode(&mut buffer),
            BlobMessage::Complete(complete) => complete.encode(&mut buffer),
        };
        messages.push(buffer[..length.unwrap()].to_vec());
        Ok::<(), ()>(())
    };
    while sender.transmit(&mut next).unwrap() {}
    messages
}

fn heard(poller: &mut Poller<Metadata>, blobs: &mut Blobs<Kept>) {
    while poller.poll(blobs).unwrap() > 0 {}
}

#[test] // req: C-121
fn blobs_of_several_streams_come_whole_and_broken_ones_not_at_all() {
    let mut rig = Rig::new();
    let mut poller = Poller::<Metadata>::new(&rig.client, CHANNEL, METADATA_STREAM).unwrap();
    rig.cycles(3);
    let mut blobs = Blobs::new(Kept::default(), 2, BLOB);
    poller.poll(&mut blobs).unwrap();
    let mut voice = rig.voice(METADATA_STREAM);
    let (here, there) = (blob(STREAM, 1), blob(OTHER, 2));
    for (one, other) in here.iter().zip(&there) {
        voice.bytes(one);
        voice.bytes(other);
    }
    heard(&mut poller, &mut blobs);
    let whole = [(STREAM, 1, vec![1; BLOB]), (OTHER, 1, vec![2; BLOB])];
    assert!(blobs.handler().0 == whole, "both, each with its own bytes");
    assert_eq!(blobs.counters().completed, 2);

    type Damage = fn(&mut Vec<Vec<u8>>);
    let broken: [(&str, Damage); 4] = [
        ("a gap", |messages| drop(messages.remove(1))),
        ("an overlap", |messages| {
            let again = messages[1].clone();
            messages.insert(2, again);
        }),
        ("another checksum", |messages| {
            let last = messages[1].len() - 1;
            messages[1][last] ^= 1;
        }),
        ("an overrun", |messages| {
            let end = messages.len() - 1;
            let beyond = MetaBlobChunk {
                stream_id: STREAM,
                meta_version: 1,
                chunk_offset: BLOB as u64,
                bytes: &[1],
            };
            let mut bytes = vec![0; 64];
            let length = beyond.encode(&mut bytes).unwrap();
            messages.insert(end, bytes[..length].to_vec());
        }),
    ];
    for (count, (what, damage)) in broken.into_iter().enumerate() {
        let mut messages = here.clone();
        damage(&mut messages);
        for message in &messages {
            voice.bytes(message);
        }
        heard(&mut poller, &mut blobs);
        assert_eq!(blobs.counters().discarded, count as u64 + 1, "{what}");
    }
    assert_eq!(blobs.handler().0.len(), 2);
}

/// Keeps how far frames have come.
#[derive(Default)]
struct Filled(Vec<u64>);

impl ProgressHandler for Filled {
    fn on_progress(&mut self, progress: &FrameProgress) {
        self.0.push(progress.payload_bytes_filled);
    }
}

#[test] // req: C-122
fn progress_is_handed_on_as_far_as_the_application_believes_it() {
    let mut rig = Rig::new();
    let mut poller = Poller::<Progress>::new(&rig.client, CHANNEL, CONTROL_STREAM).unwrap();
    rig.cycles(3);
    let mut checked = CheckedProgress::at_most(64, Filled::default());
    poller.poll(&mut checked).unwrap();
    let mut voice = rig.voice(CONTROL_STREAM);
    for payload_bytes_filled in [64, 65] {
        let progress = FrameProgress {
            stream_id: STREAM,
            epoch: Epoch::new(1).unwrap(),
            seq: Seq::new(0).unwrap(),
            payload_bytes_filled,
            state: FrameProgressState::Progress,
        };
        voice.say(|out| progress.encode(out));
    }
    assert_eq!(poller.poll(&mut checked), Ok(2));
    assert_eq!(
        (checked.handler().0.as_slice(), checked.refused()),
        (&[64][..], 1)
    );
}
