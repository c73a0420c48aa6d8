//! The producer's side: one blob, message by message.

use super::{CHUNK_MAX, checksum};
use crate::ids::StreamId;
use crate::wire::control::{MetaBlobAnnounce, MetaBlobChunk, MetaBlobComplete};

/// Bytes of a chunk's message besides the chunk.
const CHUNK_OVERHEAD: usize = 28;

/// What to send, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BlobConfig {
    /// The stream.
    pub stream: StreamId,
    /// The metadata version it belongs to.
    pub meta_version: u32,
    /// What it is; the application's numbers.
    pub blob_type: u32,
    /// Whether receivers can check it (W-233).
    pub with_checksum: bool,
    /// The longest message of the publication, in bytes (T-36).
    pub message_max: usize,
}

impl BlobConfig {
    /// A blob with checksum, in the largest chunks there are.
    pub const fn new(stream: StreamId, meta_version: u32, blob_type: u32) -> Self {
        Self {
            stream,
            meta_version,
            blob_type,
            with_checksum: true,
            message_max: usize::MAX,
        }
    }
}

/// A message that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobMessage<'m> {
    /// The blob begins.
    Announce(&'m MetaBlobAnnounce),
    /// A part of it.
    Chunk(&'m MetaBlobChunk<'m>),
    /// It is complete.
    Complete(&'m MetaBlobComplete),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Announcing,
    Sending { at: usize },
    Completing,
    Done,
}

/// Sends one blob. `B` holds its bytes.
#[derive(Clone, Debug)]
pub struct BlobSender<B> {
    config: BlobConfig,
    bytes: B,
    chunk: usize,
    checksum: u64,
    state: State,
}

impl<B: AsRef<[u8]>> BlobSender<B> {
    /// A blob to be sent. Computes the checksum here, so not in a duty cycle. `None` if no message could hold a byte of it.
    pub fn new(config: BlobConfig, bytes: B) -> Option<Self> {
        let chunk = config.message_max.checked_sub(CHUNK_OVERHEAD)?;
        Some(Self {
            chunk: Some(chunk.min(CHUNK_MAX)).filter(|chunk| *chunk > 0)?,
            checksum: match config.with_checksum {
                true => checksum(bytes.as_ref()),
                false => 0,
            },
            config,
            bytes,
            state: State::Announcing,
        })
    }

    /// The publication takes messages of at most `message_max` bytes: chunks are no longer from now on (T-36). Returns
    /// whether a message can hold a byte of it; if not, nothing changed.
    pub fn limit(&mut self, message_max: usize) -> bool {
        let chunk = message_max.saturating_sub(CHUNK_OVERHEAD).min(self.chunk);
        if chunk > 0 {
            self.chunk = chunk;
        }
        chunk > 0
    }

    /// Offers the next message to `emit`; returns whether one was sent. Chunks rise without gaps and without empty ones
    /// (W-230).
    ///
    /// # Errors
    /// What `emit` returned; the message stays due.
    pub fn transmit<E>(
        &mut self,
        emit: impl FnOnce(BlobMessage<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        let BlobConfig {
            stream: stream_id,
            meta_version,
            blob_type,
            ..
        } = self.config;
        let (bytes, checksum) = (self.bytes.as_ref(), self.checksum);
        let at = match self.state {
            State::Announcing => {
                emit(BlobMessage::Announce(&MetaBlobAnnounce {
                    stream_id,
                    meta_version,
                    blob_type,
                    total_len: bytes.len() as u64,
                    checksum,
                }))?;
                0
            }
            State::Sending { at } => {
                let end = at.saturating_add(self.chunk).min(bytes.len());
                emit(BlobMessage::Chunk(&MetaBlobChunk {
                    stream_id,
                    meta_version,
                    chunk_offset: at as u64,
                    bytes: bytes.get(at..end).unwrap_or_default(),
                }))?;
                end
            }
            State::Completing => {
                emit(BlobMessage::Complete(&MetaBlobComplete {
                    stream_id,
                    meta_version,
                    checksum,
                }))?;
                self.state = State::Done;
                return Ok(true);
            }
            State::Done => return Ok(false),
        };
        self.state = match at < bytes.len() {
            true => State::Sending { at },
            false => State::Completing,
        };
        Ok(true)
    }

    /// Whether everything was sent.
    pub const fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Sends it all again, for those who came late.
    pub const fn again(&mut self) {
        self.state = State::Announcing;
    }
}
