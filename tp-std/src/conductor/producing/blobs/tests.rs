//! Blobs on streams that refuse.

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::blob::{BlobConfig, BlobSender};
use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::wire::control::{MetaBlobAnnounce, MetaBlobChunk};

use super::super::line::Line;
use super::*;

/// `announce` with its length, `chunk` with its offset and length, or `complete`.
fn told(message: Message<'_>) -> (&'static str, u64, usize) {
    match message {
        Message::MetaBlobAnnounce(view) => {
            let announce = MetaBlobAnnounce::try_from(view).unwrap();
            ("announce", announce.total_len, 0)
        }
        Message::MetaBlobChunk(view) => {
            let chunk = MetaBlobChunk::try_from(view).unwrap();
            ("chunk", chunk.chunk_offset, chunk.bytes.len())
        }
        Message::MetaBlobComplete(_) => ("complete", 0, 0),
        other => panic!("{other:?}"),
    }
}

/// With one blob of `len` bytes to send.
fn stage(len: usize) -> (Blobs, Voice, Line) {
    let voice = Voice::new(true);
    let config = BlobConfig::new(StreamId::new(10_000).unwrap(), 1, 7);
    let bytes = vec![7; len].into_boxed_slice();
    voice.send_blob(BlobSender::new(config, bytes).unwrap());
    (Blobs::default(), voice, Line::open())
}

#[test] // req: C-081, T-36
fn chunks_shrink_to_what_the_stream_takes() {
    let (mut blobs, voice, mut line) = stage(150);
    line.max = 28 + 72;
    blobs.tend(&voice, &mut line);
    let chunks = [("chunk", 0, 72), ("chunk", 72, 72), ("chunk", 144, 6)];
    let mut expected = vec![("announce", 150, 0)];
    expected.extend(chunks);
    expected.push(("complete", 0, 0));
    assert_eq!(line.said(told), expected);
    assert_eq!(voice.blobs_open(), 0);
}

#[test]
fn blobs_that_no_message_can_carry_are_given_up() {
    let (mut blobs, voice, mut line) = stage(150);
    let config = BlobConfig::new(StreamId::new(10_000).unwrap(), 1, 8);
    voice.send_blob(BlobSender::new(config, Box::default()).unwrap());
    assert_eq!(voice.blobs_open(), 2);
    line.max = 28;
    assert_eq!(blobs.tend(&voice, &mut line), 0);
    assert_eq!((voice.blobs_open(), line.said(told)), (0, vec![]));
}

#[test]
fn a_full_stream_is_tried_again_where_it_stopped() {
    let (mut blobs, voice, mut line) = stage(3 * CHUNK_MAX);
    line.refuses = Some(SendError::BackPressured);
    assert_eq!(blobs.tend(&voice, &mut line), 0);
    line.refuses = None;
    assert_eq!(blobs.tend(&voice, &mut line), 5);
    assert_eq!(line.said(told).len(), 5);
    assert_eq!(blobs.tend(&voice, &mut line), 0, "sent once");
}

#[test] // req: C-146
fn a_long_blob_takes_several_cycles() {
    let (mut blobs, voice, mut line) = stage(20 * CHUNK_MAX);
    let cycles = [8, 8, 6, 0].map(|_| blobs.tend(&voice, &mut line));
    assert_eq!(cycles, [8, 8, 6, 0]);
    assert_eq!(line.said(told).len(), 22);
}

#[test]
fn whoever_listens_anew_hears_the_blob_from_its_beginning() {
    let (mut blobs, voice, mut line) = stage(20 * CHUNK_MAX);
    assert_eq!(blobs.tend(&voice, &mut line), 8);
    line.connected = false;
    assert_eq!(blobs.tend(&voice, &mut line), 0);
    line.connected = true;
    let _ = line.said(told);
    assert_eq!(blobs.tend(&voice, &mut line), 8);
    assert_eq!(line.said(told)[0].0, "announce");
    // The connection was set up anew: so are its listeners.
    blobs.again();
    assert_eq!(blobs.tend(&voice, &mut line), 8);
    assert_eq!(line.said(told)[0].0, "announce");
    assert_eq!(voice.blobs_open(), 1);
}
