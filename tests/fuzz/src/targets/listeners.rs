//! Machines that are told by messages alone: metadata with its blobs, answers of discovery.

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::blob::{BlobEntry, BlobReceiver};
use tp_core_nostd::proto::declared::TensorDeclaration;
use tp_core_nostd::proto::discovery_client::{DiscoveryClient, Filter, Query, Setup, Timing};
use tp_core_nostd::proto::metadata::events;
use tp_core_nostd::time::{Duration, Instant};
use tp_core_nostd::wire::control::*;
use tp_core_nostd::wire::discovery::{DiscoveryOutcome, DiscoveryResponse, DiscoveryResponseView};

use crate::Input;
use crate::seeds::vectors;

const ROOM: usize = 512;

/// A row of messages, each behind its length: what comes of them is never longer than was announced.
pub(super) fn metadata(bytes: &[u8]) {
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
            let _ = TensorDeclaration::of(&meta.attributes);
        }
        if let Ok(view) = MetaBlobAnnounceView::parse(message)
            && let Ok(announce) = MetaBlobAnnounce::try_from(view)
        {
            let _ = blobs.handle_announce(now, &announce);
        }
        if let Ok(view) = MetaBlobChunkView::parse(message)
            && let Ok(chunk) = MetaBlobChunk::try_from(view)
        {
            let _ = blobs.handle_chunk(now, &chunk);
        }
        if let Ok(view) = MetaBlobCompleteView::parse(message)
            && let Ok(complete) = MetaBlobComplete::try_from(view)
            && let Ok(blob) = blobs.handle_complete(&complete)
        {
            assert_eq!(blob.stream, complete.stream_id);
            assert!(blob.bytes.len() <= ROOM);
        }
    }
}

/// The vectors one by one, a blob that is whole, and the same again with its end first.
pub(super) fn metadata_seeds() -> Vec<Vec<u8>> {
    let mut messages =
        vectors(|name| name.starts_with("MetaBlob") || name.starts_with("DataSource"));
    messages.retain(|message| message.len() <= usize::from(u16::MAX));
    let mut seeds: Vec<_> = messages.iter().map(|message| row(&[message])).collect();
    let (stream_id, meta_version) = (StreamId::new(10_000).unwrap(), 7);
    let content: Vec<u8> = (0..200).collect();
    let mut announce = vec![0; 128];
    let checksum = tp_core_nostd::proto::blob::checksum(&content);
    let announced = MetaBlobAnnounce {
        stream_id,
        meta_version,
        blob_type: 1,
        total_len: content.len() as u64,
        checksum,
    };
    let len = announced.encode(&mut announce).unwrap();
    announce.truncate(len);
    let mut parts = vec![announce];
    for (number, bytes) in content.chunks(100).enumerate() {
        let mut part = vec![0; 256];
        let chunk = MetaBlobChunk {
            stream_id,
            meta_version,
            chunk_offset: number as u64 * 100,
            bytes,
        };
        let len = chunk.encode(&mut part).unwrap();
        part.truncate(len);
        parts.push(part);
    }
    let mut complete = vec![0; 64];
    let completed = MetaBlobComplete {
        stream_id,
        meta_version,
        checksum,
    };
    let len = completed.encode(&mut complete).unwrap();
    complete.truncate(len);
    parts.push(complete);
    let mut parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    seeds.push(row(&parts));
    parts.rotate_right(1);
    seeds.push(row(&parts));
    seeds
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

/// Answers to questions nobody asked, or asked: only open questions are answered, each once.
pub(super) fn discovery_client(bytes: &[u8]) {
    let responses = Endpoint {
        channel: "aeron:ipc",
        stream_id: StreamId::new(1200).unwrap(),
    };
    let setup = Setup {
        responses,
        driver_control: None,
        client_id: 7,
        timing: Timing::DEFAULT,
    };
    let mut client = DiscoveryClient::<_, 128>::new(setup, [Query::FREE; 2], 0).unwrap();
    let now = Instant::from_ns(0);
    let asked = [(); 2].map(|()| client.ask(now, &Filter::default()).unwrap());
    let Ok(view) = DiscoveryResponseView::parse(bytes) else {
        return;
    };
    let mut response = DiscoveryResponse::from(view);
    if let Some(answer) = client.handle(&response) {
        assert!(asked.contains(&answer.request));
    }
    response.request_id = asked[1];
    if let Some(answer) = client.handle(&response)
        && let DiscoveryOutcome::Found(results) = answer.outcome
    {
        let _ = results.iter().count();
    }
    assert!(client.handle(&response).is_none());
}
