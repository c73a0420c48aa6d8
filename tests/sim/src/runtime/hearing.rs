//! What a process hears of others besides frames: how far producers have come, what sources say of themselves, blobs.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::blob::{BlobEntry, BlobReceiver};
use tp_core_nostd::proto::metadata::MetaEvent;
use tp_core_nostd::time::Clock;
use tp_core_nostd::wire::control::{
    DataSourceAnnounce, MetaBlobAnnounce, MetaBlobChunk, MetaBlobComplete, QosProducer,
};
use tp_core_nostd::wire::tracelink::TraceLinkSet;
use tp_std::Client;
use tp_std::handlers::{
    Control, ControlHandler, HandlerRegistration, Metadata, MetadataHandler, Qos, QosHandler,
};
use tp_tests::fake_transport::FakeClock;

use super::source::{KEYS, LONGEST_BLOB, Saying};
use super::traces::Link;

/// A blob that is not heard of for so long is given up.
const PATIENCE: Duration = Duration::from_secs(1);
/// Blobs put together at a time; for a third one there is no room.
const BLOBS: usize = 2;

/// See the module. It hears as long as it lives.
pub(super) struct Hearing {
    heard: Arc<Mutex<Heard>>,
    _qos: HandlerRegistration<Qos>,
    _metadata: HandlerRegistration<Metadata>,
    _control: HandlerRegistration<Control>,
}

/// What was heard.
#[derive(Debug)]
pub(super) struct Heard {
    clock: FakeClock,
    /// The last report of the producer of each epoch.
    reports: BTreeMap<(StreamId, Epoch), QosProducer>,
    /// What was said last of each source, and under which version.
    sources: BTreeMap<StreamId, (u32, Saying)>,
    /// The source whose attributes are being told.
    telling: Option<StreamId>,
    receiver: BlobReceiver<Vec<BlobEntry<Vec<u8>>>>,
    announced: u64,
    /// Blobs that are whole.
    whole: BTreeSet<(StreamId, u32)>,
    /// The same, with their bytes, until they were looked at.
    pub(super) fresh: Vec<(StreamId, u32, Vec<u8>)>,
    /// Links, until they were looked at.
    pub(super) links: Vec<Link>,
}

impl Hearing {
    pub(super) fn begin(client: &Client, clock: FakeClock) -> Self {
        let place = || BlobEntry::new(vec![0; LONGEST_BLOB]);
        let places = core::iter::repeat_with(place).take(BLOBS).collect();
        let heard = Arc::new(Mutex::new(Heard {
            clock,
            reports: BTreeMap::new(),
            sources: BTreeMap::new(),
            telling: None,
            receiver: BlobReceiver::new(PATIENCE, true, places),
            announced: 0,
            whole: BTreeSet::new(),
            links: Vec::new(),
            fresh: Vec::new(),
        }));
        Self {
            _qos: client.on_qos(Ear(heard.clone())).unwrap(),
            _control: client.on_control(Ear(heard.clone())).unwrap(),
            _metadata: client.on_metadata(Ear(heard.clone())).unwrap(),
            heard,
        }
    }

    /// Looks at what was heard.
    pub(super) fn look<T>(&self, look: impl FnOnce(&mut Heard) -> T) -> T {
        look(&mut self.heard.lock().unwrap())
    }
}

impl Heard {
    /// What the producer of an epoch said last of its numbers.
    pub(super) fn told(&self, stream: StreamId, epoch: Epoch) -> Option<QosProducer> {
        self.reports.get(&(stream, epoch)).copied()
    }

    /// What was said last of a source.
    pub(super) fn source(&self, stream: StreamId) -> Option<&(u32, Saying)> {
        self.sources.get(&stream)
    }

    pub(super) fn has_blob(&self, stream: StreamId, kind: u32) -> bool {
        self.whole.contains(&(stream, kind))
    }

    /// Blobs that were announced here, and how many of them ended up as anything known.
    pub(super) fn blobs(&mut self) -> (u64, u64) {
        self.receiver.poll(self.clock.now());
        let counters = self.receiver.counters();
        let incomplete = counters.refused + counters.discarded + counters.abandoned;
        (self.announced, counters.completed + incomplete)
    }
}

struct Ear(Arc<Mutex<Heard>>);

impl QosHandler for Ear {
    fn on_producer(&mut self, report: &QosProducer) {
        if let Some(epoch) = report.epoch {
            let mut heard = self.0.lock().unwrap();
            heard.reports.insert((report.stream_id, epoch), *report);
        }
    }
}

impl ControlHandler for Ear {
    fn on_trace_link_set(&mut self, links: &TraceLinkSet<'_>) {
        self.0.lock().unwrap().links.push(Link::from(links));
    }
}

impl MetadataHandler for Ear {
    fn on_source_announce(&mut self, announce: &DataSourceAnnounce<'_>) {
        let mut heard = self.0.lock().unwrap();
        let (_, saying) = heard.sources.entry(announce.stream_id).or_default();
        saying.name = announce.name.map(|name| name.to_string());
        saying.summary = announce.summary.map(|summary| summary.to_string());
    }

    fn on_meta(&mut self, event: &MetaEvent<'_>) {
        let mut heard = self.0.lock().unwrap();
        match event {
            MetaEvent::Begin {
                stream,
                meta_version,
                ..
            } => {
                heard.telling = Some(*stream);
                let (version, saying) = heard.sources.entry(*stream).or_default();
                *version = *meta_version;
                saying.attributes.clear();
            }
            MetaEvent::Attribute { attribute, .. } => {
                let Some(stream) = heard.telling else { return };
                let key = attribute.key.to_string();
                let (_, saying) = heard.sources.entry(stream).or_default();
                if KEYS.contains(&key.as_str()) {
                    let byte = attribute.value.first().copied().unwrap_or_default();
                    let uniform = attribute.value.iter().all(|other| *other == byte);
                    let len = attribute.value.len();
                    let value = (byte, if uniform { len } else { usize::MAX });
                    saying.attributes.insert(key, value);
                }
            }
            MetaEvent::End => heard.telling = None,
        }
    }

    fn on_blob_announce(&mut self, announce: &MetaBlobAnnounce) {
        let mut heard = self.0.lock().unwrap();
        let now = heard.clock.now();
        heard.announced += 1;
        heard.receiver.poll(now);
        // What is not put together is counted.
        let _ = heard.receiver.handle_announce(now, announce);
    }

    fn on_blob_chunk(&mut self, chunk: &MetaBlobChunk<'_>) {
        let mut heard = self.0.lock().unwrap();
        let now = heard.clock.now();
        let _ = heard.receiver.handle_chunk(now, chunk);
    }

    fn on_blob_complete(&mut self, complete: &MetaBlobComplete) {
        let mut heard = self.0.lock().unwrap();
        if let Ok(blob) = heard.receiver.handle_complete(complete) {
            let (stream, kind, bytes) = (blob.stream, blob.blob_type, blob.bytes.to_vec());
            heard.whole.insert((stream, kind));
            heard.fresh.push((stream, kind, bytes));
        }
    }
}
