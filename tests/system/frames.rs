//! Frames whose every byte is known to whoever knows epoch and number.

use core::time::Duration;
use std::time::Instant;

use tp_core_nostd::shm::TensorHeader;
use tp_core_nostd::wire::enums::{Dtype, MajorOrder};
use tp_std::{CommitMeta, Delivery, OfferError, Producer};

/// Word `i` of frame `seq` of `epoch`.
fn word(epoch: u64, seq: u64, i: u64) -> u64 {
    (epoch ^ seq.rotate_left(40) ^ i)
        .wrapping_add(seq)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Writes the content of a frame.
pub(crate) fn fill(epoch: u64, seq: u64, payload: &mut [u8]) {
    for (i, bytes) in (0..).zip(payload.chunks_mut(8)) {
        bytes.copy_from_slice(&word(epoch, seq, i).to_le_bytes()[..bytes.len()]);
    }
}

/// Whether each byte is the frame's.
pub(crate) fn is_whole(epoch: u64, seq: u64, payload: &[u8]) -> bool {
    let mut words = (0..).zip(payload.chunks(8));
    words.all(|(i, bytes)| bytes == &word(epoch, seq, i).to_le_bytes()[..bytes.len()])
}

/// A vector of `len` bytes.
pub(crate) fn bytes_tensor(len: u32) -> TensorHeader {
    let dims = [i32::try_from(len).unwrap()];
    TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &dims).unwrap()
}

/// Publishes the next frame, filled in place.
pub(crate) fn publish(producer: &mut Producer, len: u32) -> Result<(u64, Delivery), OfferError> {
    let epoch = producer.epoch().ok_or(OfferError::Fenced)?.get();
    let mut claim = producer.try_claim(len)?;
    fill(epoch, claim.seq().get(), claim.bytes());
    match producer.commit(claim, &bytes_tensor(len), CommitMeta::default()) {
        Ok(published) => Ok((published.seq.get(), published.delivery)),
        Err(refused) => {
            producer.abort(refused.claim);
            Err(OfferError::Fenced)
        }
    }
}

/// Waits between frames. A frame that comes late does not make the next one come early.
pub(crate) struct Pace {
    every: Duration,
    next: Instant,
}

impl Pace {
    pub(crate) fn hz(rate: u32) -> Self {
        Self {
            every: Duration::from_secs(1) / rate,
            next: Instant::now(),
        }
    }

    pub(crate) fn wait(&mut self) {
        loop {
            let now = Instant::now();
            match self.next.checked_duration_since(now) {
                Some(left) if left > Duration::from_micros(200) => {
                    std::thread::sleep(left - Duration::from_micros(100));
                }
                Some(_) => core::hint::spin_loop(),
                None => {
                    self.next = now + self.every;
                    return;
                }
            }
        }
    }
}
