//! What was written and what was read, and the first promise that was broken.

use std::collections::BTreeMap;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::seq::Seq;

use tp_core_nostd::wire::control::FrameDescriptor;
use tp_tests::fake_transport::Owner;

use crate::invariants::Violation;

/// The promises of the runtime.
pub(crate) const PROMISES: &[&str] = &[
    "published_numbers_rise",
    "no_write_begins_after_the_deadline",
    "only_what_was_published_is_accepted",
    "every_frame_is_accounted_for",
    "nobody_reads_a_dead_epoch_for_long",
    "everybody_settles",
    "everybody_catches_up",
    "nothing_stays_mapped",
];

/// A frame, by whoever wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Content {
    /// Its first eight bytes; no two frames have the same.
    pub(super) nonce: u64,
    /// Bytes of its payload.
    pub(super) len: usize,
}

/// Whose, and which of theirs.
type Publication = (Owner, u32);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    frames: BTreeMap<(StreamId, Epoch, Seq), Content>,
    /// The last number whose descriptor went out, through which publication of whom.
    told: BTreeMap<(Publication, StreamId, Epoch), Seq>,
    nonces: u64,
    accepted: u64,
    broken: Option<Violation>,
}

impl Content {
    /// Fills a payload.
    pub(super) fn fill(self, payload: &mut [u8]) {
        for (i, bytes) in (0..).zip(payload.chunks_mut(8)) {
            bytes.copy_from_slice(&self.word(i)[..bytes.len()]);
        }
    }

    /// Whether this is all of the payload.
    fn is(self, payload: &[u8]) -> bool {
        let mut words = (0..).zip(payload.chunks(8));
        payload.len() == self.len && words.all(|(i, bytes)| bytes == &self.word(i)[..bytes.len()])
    }

    fn word(self, i: u64) -> [u8; 8] {
        let mixed = (self.nonce ^ i.rotate_left(48)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed.to_le_bytes()
    }
}

impl Ledger {
    /// The content of the next frame.
    pub(super) fn content(&mut self, len: usize) -> Content {
        self.nonces += 1;
        let nonce = self.nonces;
        Content { nonce, len }
    }

    /// A frame was committed, or will be in its turn.
    pub(super) fn published(&mut self, stream: StreamId, epoch: Epoch, seq: Seq, content: Content) {
        if let Some(before) = self.frames.insert((stream, epoch, seq), content) {
            let detail = format!("{stream}, {epoch}: {seq} again, it was {before:?}");
            self.broken("published_numbers_rise", detail);
        }
    }

    /// A descriptor was taken by the medium.
    pub(super) fn told(&mut self, publication: Publication, descriptor: &FrameDescriptor) {
        let FrameDescriptor {
            stream_id: stream,
            epoch,
            seq,
            ..
        } = *descriptor;
        let last = self.told.insert((publication, stream, epoch), seq);
        if let Some(last) = last.filter(|last| *last >= seq) {
            let detail = format!("{stream}, {epoch}: {seq} after {last}");
            self.broken("published_numbers_rise", detail);
        }
    }

    /// A consumer took a frame for whole.
    pub(super) fn accepted(&mut self, stream: StreamId, epoch: Epoch, seq: Seq, payload: &[u8]) {
        self.accepted += 1;
        let written = self.frames.get(&(stream, epoch, seq));
        if !written.is_some_and(|content| content.is(payload)) {
            let detail = format!("{stream}, {epoch}: {seq} is not {written:?}");
            self.broken("only_what_was_published_is_accepted", detail);
        }
    }

    /// The highest number of an epoch that was committed.
    pub(super) fn newest(&self, stream: StreamId, epoch: Epoch) -> Option<Seq> {
        let all = (stream, epoch, Seq::FIRST)..=(stream, epoch, Seq::LAST);
        self.frames
            .range(all)
            .next_back()
            .map(|((.., seq), _)| *seq)
    }

    /// How many frames consumers took.
    pub(super) const fn frames_accepted(&self) -> u64 {
        self.accepted
    }

    /// A promise was broken; the first one counts.
    pub(super) fn broken(&mut self, invariant: &'static str, detail: String) {
        self.broken.get_or_insert(Violation { invariant, detail });
    }

    /// Whether a promise was broken.
    pub(super) fn verdict(&self) -> Result<(), Violation> {
        self.broken.clone().map_or(Ok(()), Err)
    }
}
