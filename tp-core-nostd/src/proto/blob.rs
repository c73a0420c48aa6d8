//! Metadata too large for an attribute: announced, sent in chunks, completed (wire 5.17, T-36).
//!
//! ```text
//!  BlobSender                                          BlobReceiver, one per (stream, meta version)
//!
//!  Announcing ──▶ MetaBlobAnnounce ──────────────────▶ Idle ──────────► Assembling{have}
//!      │                                                ▲                 │  │
//!  Sending{at} ─▶ MetaBlobChunk, rising, no gaps ──────▶│                 │  └─ chunk at `have`: Assembling
//!      │                                                │                 │
//!  Completing ──▶ MetaBlobComplete ────────────────────▶├── all there: a blob
//!      │                                                └── gap, overlap, overrun, other checksum, silence: discarded
//!    Done
//! ```
//!
//! Nothing is repaired and nothing is asked for again (W-231). Blobs of several streams and versions may be interleaved.
//! The receiver assembles into memory the caller lends, and takes no blob that is longer than that.
//!
//! ```
//! use tp_core_nostd::ids::StreamId;
//! use tp_core_nostd::proto::blob::{BlobConfig, BlobEntry, BlobMessage, BlobReceiver, BlobSender};
//! use tp_core_nostd::time::{Duration, Instant};
//!
//! # fn main() -> Option<()> {
//! let config = BlobConfig::new(StreamId::new(10_000)?, 1, 7);
//! let table = [0xAB; 100_000];
//! let mut sender = BlobSender::new(config, &table[..])?;
//! let mut receiver = BlobReceiver::new(Duration::from_secs(5), true, [BlobEntry::new([0; 100_000])]);
//!
//! let now = Instant::from_ns(0);
//! let mut received = None;
//! while sender.transmit(|message| {
//!     match message {
//!         BlobMessage::Announce(announce) => receiver.handle_announce(now, announce).ok(),
//!         BlobMessage::Chunk(chunk) => receiver.handle_chunk(now, chunk).ok(),
//!         BlobMessage::Complete(complete) => {
//!             receiver.handle_complete(complete).ok().map(|blob| received = Some(blob.bytes.to_vec()))
//!         }
//!     }.ok_or(())
//! }).ok()? {}
//! assert_eq!(received.as_deref(), Some(&table[..]));
//! # Some(())
//! # }
//! # main().unwrap();
//! ```

mod assembling;
mod receiver;
mod sender;

pub use assembling::Discarded;
pub use receiver::{Blob, BlobCounters, BlobEntry, BlobReceiver, Refused};
pub use sender::{BlobConfig, BlobMessage, BlobSender};

use crc::{CRC_32_ISCSI, Crc};

/// The longest part of a blob in one message, in bytes (W-232).
pub const CHUNK_MAX: usize = 64 << 10;

/// CRC32C.
static CRC32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// The checksum of a whole blob, as announces carry it (W-233). Takes time in proportion to its length.
pub fn checksum(blob: &[u8]) -> u64 {
    CRC32C.checksum(blob).into()
}

/// The CRC32C of some bytes whose CRC32C is `crc`, and `part` behind them; that of no bytes is 0.
fn continued(crc: u32, part: &[u8]) -> u32 {
    // The library takes its state unreflected.
    let state = (crc ^ CRC_32_ISCSI.xorout).reverse_bits();
    let mut digest = CRC32C.digest_with_initial(state);
    digest.update(part);
    digest.finalize()
}

#[cfg(test)]
mod tests;
