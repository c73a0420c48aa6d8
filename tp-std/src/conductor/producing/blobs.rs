//! Blobs on their way out, one after the other: two at a time could not be told apart (T-36).

use tp_core_nostd::proto::blob::{BlobMessage, CHUNK_MAX};
use tp_core_nostd::transport::SendError;

use crate::medium::Sender;
use crate::producer::{Blob, Voice};

/// Messages sent in one duty cycle at most (C-146): half a megabyte.
const MESSAGES_PER_CYCLE: u32 = 8;
/// Bytes of a message besides its chunk; the other two messages are no longer than that.
const OVERHEAD: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Blobs {
    under_way: Option<Blob>,
    /// Made for the first blob.
    message: Box<[u8]>,
}

impl Blobs {
    /// Whoever listens now heard nothing of the blob that is under way.
    pub(super) const fn again(&mut self) {
        if let Some(blob) = &mut self.under_way {
            blob.again();
        }
    }

    pub(super) fn tend(&mut self, voice: &Voice, sender: &mut dyn Sender) -> u32 {
        let mut sent = 0_u32;
        for _ in 0..MESSAGES_PER_CYCLE {
            if self.under_way.is_none() {
                self.under_way = voice.next_blob();
            }
            let Some(blob) = &mut self.under_way else {
                break;
            };
            if self.message.is_empty() {
                self.message = vec![0; CHUNK_MAX.saturating_add(OVERHEAD)].into_boxed_slice();
            }
            let message = &mut self.message;
            let ended = match blob.transmit(|due| send(due, message, sender)) {
                Ok(true) => {
                    sent = sent.saturating_add(1);
                    blob.is_done()
                }
                Ok(false) => true,
                Err(SendError::TooLong { max, .. }) => {
                    let fits = blob.limit(max);
                    if !fits {
                        tracing::warn!(max, "no part of a blob fits a message of its stream");
                    }
                    !fits
                }
                Err(SendError::NotConnected) => {
                    blob.again();
                    break;
                }
                Err(_) => break,
            };
            if ended {
                self.under_way = None;
                voice.blob_ended();
            }
        }
        sent
    }
}

fn send(
    due: BlobMessage<'_>,
    message: &mut [u8],
    sender: &mut dyn Sender,
) -> Result<(), SendError> {
    let encoded = match due {
        BlobMessage::Announce(announce) => announce.encode(message),
        BlobMessage::Chunk(chunk) => chunk.encode(message),
        BlobMessage::Complete(complete) => complete.encode(message),
    };
    // The buffer was made for the longest chunk.
    let length = encoded.map_err(|_| SendError::Closed)?;
    sender.offer(message.get(..length).unwrap_or_default())
}

#[cfg(test)]
mod tests;
