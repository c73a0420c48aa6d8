//! What is told of a stream by messages alone: metadata with its blobs.

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::blob::{BlobEntry, BlobReceiver, Discarded, Refused, checksum};
use tp_core_nostd::proto::declared::TensorDeclaration;
use tp_core_nostd::proto::metadata::events;
use tp_core_nostd::sbe::EncodeError;
use tp_core_nostd::time::{Duration, Instant};
use tp_core_nostd::wire::control::*;

use crate::Input;
use crate::reach::Reached;
use crate::seeds::vectors;

const ROOM: usize = 512;

/// A row of messages, each behind its length: what comes of them is never longer than was announced.
pub(super) fn metadata(bytes: &[u8]) {
    play(bytes);
}

fn play(bytes: &[u8]) -> Reached {
    let mut reached = Reached::new();
    let mut input = Input::new(bytes);
    let entries = [(); 2].map(|()| BlobEntry::new([0; ROOM]));
    let mut blobs = BlobReceiver::new(Duration::from_millis(10), true, entries);
    let mut now = Instant::from_ns(0);
    while !input.is_empty() {
        now = now.after(Duration::from_millis(input.u8().into()));
        let len = usize::from(input.u16());
        let message = input.take(len);
        if let Ok(view) = DataSourceMetaView::parse(message)
            && let Ok(meta) = DataSourceMeta::try_from(view)
        {
            let _ = events(&meta).count();
            reached.insert("attributes");
            let _ = TensorDeclaration::of(&meta.attributes);
        }
        if let Ok(view) = MetaBlobAnnounceView::parse(message)
            && let Ok(announce) = MetaBlobAnnounce::try_from(view)
        {
            reached.insert(match blobs.handle_announce(now, &announce) {
                Ok(()) => "a blob announced",
                Err(Refused::TooLong { .. }) => "too long",
                Err(Refused::NoRoom) => "no room",
            });
        }
        if let Ok(view) = MetaBlobChunkView::parse(message)
            && let Ok(chunk) = MetaBlobChunk::try_from(view)
        {
            reached.insert(match blobs.handle_chunk(now, &chunk) {
                Ok(()) => "a chunk kept",
                Err(discarded) => name_of(discarded),
            });
        }
        if let Ok(view) = MetaBlobCompleteView::parse(message)
            && let Ok(complete) = MetaBlobComplete::try_from(view)
        {
            reached.insert(match blobs.handle_complete(&complete) {
                Ok(blob) => {
                    assert_eq!(blob.stream, complete.stream_id);
                    assert!(blob.bytes.len() <= ROOM);
                    "a blob whole"
                }
                Err(discarded) => name_of(discarded),
            });
        }
    }
    reached
}

/// The vectors one by one, blobs that come whole and in other ways, and more of them than there is room for.
pub(super) fn metadata_seeds() -> Vec<Vec<u8>> {
    let mut messages =
        vectors(|name| name.starts_with("MetaBlob") || name.starts_with("DataSource"));
    messages.retain(|message| message.len() <= usize::from(u16::MAX));
    let vectors = messages.iter().map(|message| row(&[message]));
    let content: Vec<u8> = (0..250).collect();
    let (front, back) = content[..200].split_at(100);
    let ways: [&[(u64, &[u8])]; 6] = [
        &[(0, front), (100, back)],
        &[(100, back), (0, front)],
        &[(0, front)],
        &[(0, front), (0, front)],
        &[(0, front), (100, &content[100..])],
        &[(0, &[])],
    ];
    let blobs = ways.iter().map(|chunks| {
        let messages = blob(7, &content[..200], chunks);
        row(&messages.iter().map(Vec::as_slice).collect::<Vec<_>>())
    });
    let [one, two, three] = [7, 8, 9].map(|version| blob(version, front, &[]));
    let too_many = row(&[&one[0], &two[0], &three[0]]);
    vectors.chain(blobs).chain([too_many]).collect()
}

/// The messages of a blob in these chunks.
fn blob(meta_version: u32, content: &[u8], chunks: &[(u64, &[u8])]) -> Vec<Vec<u8>> {
    let (stream_id, checksum) = (StreamId::new(10_000).unwrap(), checksum(content));
    let announce = MetaBlobAnnounce {
        stream_id,
        meta_version,
        blob_type: 1,
        total_len: content.len() as u64,
        checksum,
    };
    let complete = MetaBlobComplete {
        stream_id,
        meta_version,
        checksum,
    };
    let chunks = chunks.iter().map(|(chunk_offset, bytes)| {
        let chunk = MetaBlobChunk {
            stream_id,
            meta_version,
            chunk_offset: *chunk_offset,
            bytes,
        };
        message(|out| chunk.encode(out))
    });
    let first = message(|out| announce.encode(out));
    let last = message(|out| complete.encode(out));
    [first].into_iter().chain(chunks).chain([last]).collect()
}

fn message(encode: impl Fn(&mut [u8]) -> Result<usize, EncodeError>) -> Vec<u8> {
    let mut message = vec![0; 256];
    let len = encode(&mut message).unwrap();
    message.truncate(len);
    message
}

fn row(messages: &[&[u8]]) -> Vec<u8> {
    let mut row = Vec::new();
    for message in messages {
        row.push(1);
        row.extend(u16::try_from(message.len()).unwrap().to_le_bytes());
        row.extend_from_slice(message);
    }
    row
}

const fn name_of(discarded: Discarded) -> &'static str {
    match discarded {
        Discarded::NotAnnounced => "not announced",
        Discarded::Gap { .. } => "a gap",
        Discarded::Overlap { .. } => "bytes again",
        Discarded::Overrun { .. } => "more than announced",
        Discarded::Empty => "an empty chunk",
        Discarded::Incomplete { .. } => "less than announced",
        Discarded::Checksum { .. } => "another checksum",
    }
}

#[cfg(test)]
mod tests {
    #[test] // req: C-201
    fn blobs_come_whole_and_in_every_other_way() {
        let ways = [
            "a blob announced",
            "a blob whole",
            "a chunk kept",
            "a gap",
            "an empty chunk",
            "another checksum",
            "attributes",
            "bytes again",
            "less than announced",
            "more than announced",
            "no room",
            "not announced",
            "too long",
        ];
        crate::reach::assert_reached("metadata", super::play, &ways);
    }
}
