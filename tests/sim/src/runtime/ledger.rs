//! What was written and what was read, and the first promise that was broken.

use core::ops::{AddAssign, Range};
use std::collections::BTreeMap;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::time::Instant;
use tp_core_nostd::wire::control::FrameDescriptor;
use tp_tests::fake_transport::Owner;

use super::traces::{FrameId, Link, Traces};
use crate::invariants::Violation;

/// The promises of the runtime.
pub(crate) const PROMISES: &[&str] = &[
    "published_numbers_rise",
    "no_write_begins_after_the_deadline",
    "only_what_was_published_is_accepted",
    "every_frame_is_accounted_for",
    "no_frame_comes_twice",
    "what_is_missing_is_the_tail",
    "prefixes_are_those_of_their_frames",
    "nobody_reads_a_dead_epoch_for_long",
    "what_is_said_last_is_heard",
    "blobs_are_whole_or_counted",
    "joins_pass_what_is_there",
    "joined_frames_are_counted",
    "trace_ids_are_unique",
    "links_name_real_parents",
    "no_link_is_without_a_frame",
    "joins_wait_until_it_is_time",
    "joins_keep_to_their_times",
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
    /// When it was captured.
    pub(super) captured_ns: u64,
}

/// How much of what could happen did: promises about what never happens are worth nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Frames that consumers took.
    pub frames: u64,
    /// Those of consumers that were assigned a descriptor stream of their own.
    pub by_own_stream: u64,
    /// Those of consumers that wait for frames.
    pub by_direct_poll: u64,
    /// Those of streams without a driver.
    pub without_driver: u64,
    /// Those of consumers that asked for fewer.
    pub rate_limited: u64,
    /// Front parts of frames.
    pub prefixes: u64,
    /// Blobs that came whole.
    pub blobs: u64,
    /// Frames that joins passed.
    pub joined: u64,
    /// Those of joins by time.
    pub joined_by_time: u64,
    /// Links that were heard.
    pub links: u64,
}

impl AddAssign for Seen {
    fn add_assign(&mut self, more: Self) {
        self.frames += more.frames;
        self.by_own_stream += more.by_own_stream;
        self.by_direct_poll += more.by_direct_poll;
        self.without_driver += more.without_driver;
        self.rate_limited += more.rate_limited;
        self.prefixes += more.prefixes;
        self.blobs += more.blobs;
        self.joined += more.joined;
        self.joined_by_time += more.joined_by_time;
        self.links += more.links;
    }
}

/// A blob as its producer sends it.
pub(super) struct NewBlob {
    /// Its type, that of no other one.
    pub(super) kind: u32,
    pub(super) bytes: Vec<u8>,
}

/// Whose, and which of theirs.
type Publication = (Owner, u32);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    frames: Frames,
    /// What is being written, or was.
    begun: Frames,
    /// The last number whose descriptor went out, through which publication of whom.
    told: BTreeMap<(Publication, StreamId, Epoch), Seq>,
    traces: Traces,
    blobs: BTreeMap<(StreamId, u32), Content>,
    /// Blobs that everybody has to hear.
    for_all: Vec<(StreamId, u32)>,
    /// The medium repeats messages, as none that is real does.
    repeats: bool,
    nonces: u64,
    /// What is captured now has this time. 0 is none: whoever sends a frame says when.
    now_ns: u64,
    /// What was seen of what could be.
    pub(super) seen: Seen,
    broken: Option<Violation>,
}

impl Content {
    /// Fills a payload.
    pub(super) fn fill(self, payload: &mut [u8]) {
        for (i, bytes) in (0..).zip(payload.chunks_mut(8)) {
            bytes.copy_from_slice(&self.word(i)[..bytes.len()]);
        }
    }

    /// Fills the bytes from one to another.
    pub(super) fn part(self, bytes: Range<usize>) -> Vec<u8> {
        let mut whole = vec![0; bytes.end];
        self.fill(&mut whole);
        whole.split_off(bytes.start)
    }

    /// Whether this is all of the payload.
    fn is(self, payload: &[u8]) -> bool {
        payload.len() == self.len && self.begins_with(payload)
    }

    fn begins_with(self, payload: &[u8]) -> bool {
        let (words, rest) = payload.as_chunks();
        let mut whole = (0..).zip(words);
        let after = words.len() as u64;
        whole.all(|(i, word)| *word == self.word(i)) && self.word(after).starts_with(rest)
    }

    fn word(self, i: u64) -> [u8; 8] {
        let mixed = (self.nonce ^ i.rotate_left(48)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed.to_le_bytes()
    }
}

impl Ledger {
    /// So late it is.
    pub(super) const fn tick(&mut self, now: Instant) {
        self.now_ns = now.as_ns();
    }

    /// The content of the next frame.
    pub(super) fn content(&mut self, len: usize) -> Content {
        self.nonces += 1;
        Content {
            nonce: self.nonces,
            len,
            captured_ns: self.now_ns,
        }
    }

    /// A number was given to a frame that is yet to be written.
    pub(super) fn begun(&mut self, stream: StreamId, epoch: Epoch, seq: Seq, content: Content) {
        self.begun.insert((stream, epoch, seq), content);
    }

    /// A frame was committed, or will be in its turn.
    pub(super) fn published(&mut self, stream: StreamId, epoch: Epoch, seq: Seq, content: Content) {
        self.begun(stream, epoch, seq, content);
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
            trace_id,
            ..
        } = *descriptor;
        if let Some(id) = trace_id {
            let told = self.traces.told((stream, epoch, seq), id);
            self.kept(told);
        }
        let last = self.told.insert((publication, stream, epoch), seq);
        if let Some(last) = last.filter(|last| *last >= seq) {
            let detail = format!("{stream}, {epoch}: {seq} after {last}");
            self.broken("published_numbers_rise", detail);
        }
    }

    /// A consumer took a frame for whole.
    pub(super) fn accepted(&mut self, stream: StreamId, epoch: Epoch, seq: Seq, payload: &[u8]) {
        self.seen.frames += 1;
        let written = self.frames.get(&(stream, epoch, seq));
        if !written.is_some_and(|content| content.is(payload)) {
            let detail = format!("{stream}, {epoch}: {seq} is not {written:?}");
            self.broken("only_what_was_published_is_accepted", detail);
        }
    }

    /// From now on the medium may repeat messages.
    pub(super) const fn expect_repeats(&mut self) {
        self.repeats = true;
    }

    /// A consumer took a frame that it, or a later one of its epoch, had taken before. Where a stream's publisher seems to
    /// have gone back its consumer begins anew, so that some come again.
    pub(super) fn came_again(&mut self, stream: StreamId, epoch: Epoch, seq: Seq, last: Seq) {
        if !self.repeats {
            let detail = format!("{stream}, {epoch}: {seq} after {last}");
            self.broken("no_frame_comes_twice", detail);
        }
    }

    /// A consumer took these for the first bytes of a frame.
    pub(super) fn read_ahead(&mut self, stream: StreamId, epoch: Epoch, seq: Seq, prefix: &[u8]) {
        self.seen.prefixes += 1;
        let begun = self.begun.get(&(stream, epoch, seq));
        if !begun.is_some_and(|content| content.begins_with(prefix)) {
            let detail = format!(
                "{stream}, {epoch}: {} bytes of {seq} are not of {begun:?}",
                prefix.len()
            );
            self.broken("prefixes_are_those_of_their_frames", detail);
        }
    }

    /// The highest number of an epoch that was committed.
    pub(super) fn newest(&self, stream: StreamId, epoch: Epoch) -> Option<Seq> {
        newest(&self.frames, stream, epoch)
    }

    /// The number that comes next in an epoch.
    pub(super) fn next_number(&self, stream: StreamId, epoch: Epoch) -> u64 {
        newest(&self.begun, stream, epoch).map_or(0, |seq| seq.get() + 1)
    }

    /// A join took a frame for there.
    pub(super) fn joined(
        &mut self,
        stream: StreamId,
        epoch: Epoch,
        seq: Seq,
        captured_ns: Option<u64>,
        payload: &[u8],
    ) {
        self.seen.joined += 1;
        let written = self.frames.get(&(stream, epoch, seq));
        let is_written = written.is_some_and(|content| content.is(payload));
        if !is_written || captured_ns != written.map(|content| content.captured_ns) {
            let detail = format!("{stream}, {epoch}: {seq} is not {written:?}");
            self.broken("joins_pass_what_is_there", detail);
        }
    }

    /// A stage used a frame, and was told that this is its id.
    pub(super) fn used(&mut self, frame: FrameId, id: u64) {
        let used = self.traces.used(frame, id);
        self.kept(used);
    }

    /// A stage published a frame that it made from others.
    pub(super) fn made(&mut self, frame: FrameId, id: u64, parents: Vec<u64>) {
        self.traces.made(Link { frame, id, parents });
    }

    /// Somebody heard from what a frame was made.
    pub(super) fn heard(&mut self, link: &Link) {
        self.seen.links += 1;
        let heard = self.traces.heard(link);
        self.kept(heard);
    }

    /// A blob that nobody sent yet.
    pub(super) fn blob(&mut self, stream: StreamId, len: usize) -> NewBlob {
        let content = self.content(len);
        let kind = u32::try_from(content.nonce).unwrap();
        self.blobs.insert((stream, kind), content);
        let bytes = content.part(0..len);
        NewBlob { kind, bytes }
    }

    /// Nothing keeps anybody from hearing this one.
    pub(super) fn blob_is_for_all(&mut self, stream: StreamId, kind: u32) {
        self.for_all.push((stream, kind));
    }

    /// Blobs that everybody has to have heard.
    pub(super) fn blobs_for_all(&self) -> Vec<(StreamId, u32)> {
        self.for_all.clone()
    }

    /// Somebody took a blob for whole.
    pub(super) fn took_blob(&mut self, stream: StreamId, kind: u32, bytes: &[u8]) {
        self.seen.blobs += 1;
        let sent = self.blobs.get(&(stream, kind));
        if !sent.is_some_and(|content| content.is(bytes)) {
            let detail = format!("{stream}: blob {kind} is not {sent:?}");
            self.broken("blobs_are_whole_or_counted", detail);
        }
    }

    fn kept(&mut self, promise: Result<(), (&'static str, String)>) {
        if let Err((invariant, detail)) = promise {
            self.broken(invariant, detail);
        }
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

type Frames = BTreeMap<(StreamId, Epoch, Seq), Content>;

fn newest(frames: &Frames, stream: StreamId, epoch: Epoch) -> Option<Seq> {
    let all = (stream, epoch, Seq::FIRST)..=(stream, epoch, Seq::LAST);
    frames.range(all).next_back().map(|((.., seq), _)| *seq)
}
