//! What sources say about themselves.

use tp_core_nostd::proto::blob::Blob;
use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::proto::metadata::{MetaEvent, events};
use tp_core_nostd::wire::control::{
    DataSourceAnnounce, DataSourceMeta, MetaBlobAnnounce, MetaBlobChunk, MetaBlobComplete,
};

use super::Heard;

/// Hears the metadata of sources, on the metadata stream and wherever else it is said.
pub trait MetadataHandler {
    /// A source said what it is.
    fn on_source_announce(&mut self, announce: &DataSourceAnnounce<'_>) {
        let _ = announce;
    }

    /// A step through a version of a source's metadata: begin, each attribute, end. The first one comes when the whole
    /// message proved valid (C-120).
    fn on_meta(&mut self, event: &MetaEvent<'_>) {
        let _ = event;
    }

    /// A blob is about to come.
    fn on_blob_announce(&mut self, announce: &MetaBlobAnnounce) {
        let _ = announce;
    }

    /// A piece of a blob, as it came; [`Blobs`](super::Blobs) puts them together.
    fn on_blob_chunk(&mut self, chunk: &MetaBlobChunk<'_>) {
        let _ = chunk;
    }

    /// All pieces of a blob were sent.
    fn on_blob_complete(&mut self, complete: &MetaBlobComplete) {
        let _ = complete;
    }

    /// A blob is whole; only a handler behind [`Blobs`](super::Blobs) is told.
    fn on_blob(&mut self, blob: &Blob<'_>) {
        let _ = blob;
    }
}

/// Tells `handler` what is for it.
pub(super) fn tell(handler: &mut (impl MetadataHandler + ?Sized), heard: Heard<'_>) {
    let Heard::Message(message, _) = heard else {
        return;
    };
    match message {
        Message::DataSourceAnnounce(view) => {
            if let Ok(announce) = view.try_into() {
                handler.on_source_announce(&announce);
            }
        }
        Message::DataSourceMeta(view) => {
            if let Ok(meta) = DataSourceMeta::try_from(view) {
                events(&meta).for_each(|event| handler.on_meta(&event));
            }
        }
        Message::MetaBlobAnnounce(view) => {
            if let Ok(announce) = view.try_into() {
                handler.on_blob_announce(&announce);
            }
        }
        Message::MetaBlobChunk(view) => {
            if let Ok(chunk) = view.try_into() {
                handler.on_blob_chunk(&chunk);
            }
        }
        Message::MetaBlobComplete(view) => {
            if let Ok(complete) = view.try_into() {
                handler.on_blob_complete(&complete);
            }
        }
        _ => {}
    }
}
