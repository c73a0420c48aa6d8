//! What sources are like, for whoever looks now and then (C-123).

use std::borrow::Cow;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::metadata::MetaEvent;
use tp_core_nostd::wire::Text;
use tp_core_nostd::wire::control::{Attribute, DataSourceAnnounce};

use super::MetadataHandler;
use super::latest::Latest;

/// The newest metadata of each stream. It is a handler, to be told by a [`Poller`](crate::Poller) or by one's own; what is
/// repeated allocates nothing.
#[derive(Clone, Debug)]
pub struct MetadataCache {
    sources: Latest<StreamId, SourceInfo>,
    /// Whose attributes are coming.
    coming: Option<StreamId>,
}

/// What is known of one source.
#[derive(Clone, Debug)]
pub struct SourceInfo {
    stream: StreamId,
    epoch: Option<Epoch>,
    name: Vec<u8>,
    summary: Vec<u8>,
    meta_version: Option<u32>,
    attributes: Vec<SourceAttribute>,
}

/// One attribute of a source.
#[derive(Clone, Debug, Default)]
pub struct SourceAttribute {
    key: Vec<u8>,
    format: Vec<u8>,
    value: Vec<u8>,
}

impl MetadataCache {
    /// Remembers so many streams, 1 at least; beyond that the one that was silent for longest is forgotten.
    pub fn new(capacity: usize) -> Self {
        Self {
            sources: Latest::new(capacity),
            coming: None,
        }
    }

    /// What is known of the source of `stream`.
    pub fn source(&self, stream: StreamId) -> Option<&SourceInfo> {
        self.sources.get(&stream)
    }

    /// Every known source, in no order.
    pub fn sources(&self) -> impl Iterator<Item = &SourceInfo> {
        self.sources.values()
    }
}

impl MetadataHandler for MetadataCache {
    fn on_source_announce(&mut self, announce: &DataSourceAnnounce<'_>) {
        let stream = announce.stream_id;
        if let Some(known) = self.sources.entry(stream, || SourceInfo::of(stream)) {
            known.epoch = Some(announce.epoch);
            put(&mut known.name, text(announce.name));
            put(&mut known.summary, text(announce.summary));
        }
    }

    fn on_meta(&mut self, event: &MetaEvent<'_>) {
        match event {
            MetaEvent::Begin {
                stream,
                meta_version,
                count,
                ..
            } => {
                self.coming = Some(*stream);
                if let Some(known) = self.sources.entry(*stream, || SourceInfo::of(*stream)) {
                    known.meta_version = Some(*meta_version);
                    known.attributes.resize_with(*count, Default::default);
                }
            }
            MetaEvent::Attribute { index, attribute } => {
                let Some(stream) = self.coming else { return };
                if let Some(known) = self.sources.entry(stream, || SourceInfo::of(stream))
                    && let Some(place) = known.attributes.get_mut(*index)
                {
                    place.put(attribute);
                }
            }
            MetaEvent::End => self.coming = None,
        }
    }
}

impl SourceInfo {
    const fn of(stream: StreamId) -> Self {
        Self {
            stream,
            epoch: None,
            name: Vec::new(),
            summary: Vec::new(),
            meta_version: None,
            attributes: Vec::new(),
        }
    }

    /// Its stream.
    pub const fn stream(&self) -> StreamId {
        self.stream
    }

    /// The epoch it was announced with, if it was.
    pub const fn epoch(&self) -> Option<Epoch> {
        self.epoch
    }

    /// What people call it; empty if nobody said.
    pub fn name(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.name)
    }

    /// What it sends; empty if nobody said.
    pub fn summary(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.summary)
    }

    /// The version of its attributes, which frames carry; `None` while none were heard.
    pub const fn meta_version(&self) -> Option<u32> {
        self.meta_version
    }

    /// All its attributes, as they came.
    pub fn attributes(&self) -> &[SourceAttribute] {
        &self.attributes
    }

    /// The attribute of this name.
    pub fn attribute(&self, key: &str) -> Option<&SourceAttribute> {
        let mut attributes = self.attributes.iter();
        attributes.find(|attribute| attribute.key == key.as_bytes())
    }
}

impl SourceAttribute {
    /// Its name.
    pub fn key(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.key)
    }

    /// What its value is, such as `text/plain`.
    pub fn format(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.format)
    }

    /// Its value.
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    fn put(&mut self, attribute: &Attribute<'_>) {
        put(&mut self.key, attribute.key.0);
        put(&mut self.format, attribute.format.0);
        put(&mut self.value, attribute.value);
    }
}

/// Keeps the memory there is.
fn put(into: &mut Vec<u8>, bytes: &[u8]) {
    into.clear();
    into.extend_from_slice(bytes);
}

fn text(text: Option<Text<'_>>) -> &[u8] {
    text.map_or(&[], |text| text.0)
}
