//! What a producer says of its source: figures, name, attributes, blobs (C-077, C-080, C-081).
//!
//! Changes are checked and numbered here, at once, so that the next frame can name the version that applies to it; they
//! go out on the conductor's thread, soon and again each announce period. None of these calls waits. They allocate, and
//! are not meant for each frame.

use tp_core_nostd::proto::blob::{BlobConfig, BlobSender};
use tp_core_nostd::proto::metadata::MetadataError;
use tp_core_nostd::proto::progress::HEADER_FIRST;
use tp_core_nostd::proto::publish::HeaderOrder;
use tp_core_nostd::time::{Clock, Instant};

use super::voice::{BLOBS, Description};
use super::{Mode, Producer};

/// A blob was not taken.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct BlobRefused {
    /// The blob's bytes.
    pub bytes: Box<[u8]>,
    /// Why.
    pub reason: BlobRefusedReason,
}

/// Why a blob was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobRefusedReason {
    /// As many wait as can; try again when one was sent.
    #[error("{BLOBS} blobs of this producer wait to be sent")]
    Waiting,
    /// There is nowhere to send it, now or later.
    #[error("the client has no metadata stream to send blobs on: see `Context::with_metadata`")]
    NoMetadataStream,
}

impl<M: Mode> Producer<M> {
    /// Says what people call the source, at most 256 bytes, and what it sends, at most 1024 bytes; empty is nothing.
    /// Returns the metadata version that applies from now on, which frames carry unless they name another (W-227).
    ///
    /// # Errors
    /// [`MetadataError`]; then nothing changed.
    pub fn describe(&mut self, name: &str, summary: &str) -> Result<u32, MetadataError> {
        self.change(|now, source| source.describe(now, name, summary))
    }

    /// Sets an attribute of the source, in place of the one with this key; `format` names the type of `value`, such as
    /// `text/plain` (W-226). Returns the metadata version that applies from now on; what is so already is no change.
    ///
    /// # Errors
    /// [`MetadataError`]; then nothing changed.
    pub fn set_attribute(
        &mut self,
        key: &str,
        format: &str,
        value: &[u8],
    ) -> Result<u32, MetadataError> {
        self.change(|now, source| source.set(now, key, format, value))
    }

    /// Removes an attribute of the source. Returns the metadata version that applies from now on; an attribute that is not
    /// there is no change.
    ///
    /// # Errors
    /// [`MetadataError`]; then nothing changed.
    pub fn remove_attribute(&mut self, key: &str) -> Result<u32, MetadataError> {
        self.change(|now, source| source.remove(now, key))
    }

    /// The metadata version that applies; `None` while nothing was said.
    pub const fn meta_version(&self) -> Option<u32> {
        self.outlet.meta_version
    }

    /// Tells the source and its metadata once more, as soon as possible.
    pub fn tell_source(&self) {
        self.outlet.voice.ask_source();
    }

    /// Tells how far the producer has come, as soon as possible and besides the period (C-077).
    pub fn tell_qos(&self) {
        self.outlet.voice.ask_qos();
    }

    /// The application's own figure, told with each QosProducer; `None`, as at the start, and all ones tell nothing (T-23).
    pub fn set_watermark(&self, watermark: Option<u32>) {
        self.outlet.voice.figures().set_watermark(watermark);
    }

    /// Sends metadata that is too large for an attribute, once: announced, in chunks of at most 64 KiB, completed.
    /// `blob_type` is the application's number for what it is; it belongs to the metadata version that applies now. With
    /// `checksum` it carries its CRC32C (W-233), which is computed here, in proportion to its length.
    ///
    /// # Errors
    /// [`BlobRefused`], with the bytes.
    pub fn send_blob(
        &mut self,
        blob_type: u32,
        bytes: impl Into<Box<[u8]>>,
        checksum: bool,
    ) -> Result<(), BlobRefused> {
        let config = BlobConfig {
            with_checksum: checksum,
            ..BlobConfig::new(
                self.outlet.stream,
                self.outlet.meta_version.unwrap_or(0),
                blob_type,
            )
        };
        let bytes = bytes.into();
        let voice = &self.outlet.voice;
        let refused = match (voice.is_heard, voice.has_no_room()) {
            (false, _) => Some(BlobRefusedReason::NoMetadataStream),
            (true, true) => Some(BlobRefusedReason::Waiting),
            (true, false) => None,
        };
        if let Some(reason) = refused {
            return Err(BlobRefused { bytes, reason });
        }
        // A blob without a limit to its messages can always be cut, and this thread alone fills the queue.
        if let Some(blob) = BlobSender::new(config, bytes) {
            self.outlet.voice.send_blob(blob);
        }
        Ok(())
    }

    /// Blobs that were not sent to their end.
    pub fn blobs_waiting(&self) -> u32 {
        self.outlet.voice.blobs_open()
    }

    /// Consumers may read prefixes only where the metadata says that headers come first (E-02).
    pub(super) fn declare_header_order(&mut self) {
        if self.outlet.header_order == HeaderOrder::First
            && let Ok(key) = core::str::from_utf8(HEADER_FIRST)
            && let Err(error) = self.set_attribute(key, "text/plain", b"1")
        {
            tracing::warn!(%error, "consumers are not told that they may read prefixes");
        }
    }

    fn change(
        &mut self,
        change: impl FnOnce(Instant, &mut Description) -> Result<bool, MetadataError>,
    ) -> Result<u32, MetadataError> {
        let now = self.outlet.clock.now();
        let Some(source) = &mut self.outlet.source else {
            return Err(MetadataError::Full { needed: 1, got: 0 });
        };
        if change(now, source)? {
            self.outlet.voice.describe(source.clone());
            self.outlet.meta_version = Some(source.version());
        }
        Ok(source.version())
    }
}
