//! Blobs from end to end, every way they are spoilt, and a receiver that starts from scratch each time.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::*;
use crate::ids::StreamId;
use crate::time::{Duration, Instant};
use crate::wire::control::{MetaBlobAnnounce, MetaBlobChunk, MetaBlobComplete};
use proptest::prelude::*;
use std::format;
use std::string::String;
use std::vec::Vec;

const STREAM: StreamId = StreamId::new(10_000).unwrap();
const PATIENCE: Duration = Duration::from_nanos(100);
const BLOB: [u8; 10] = *b"0123456789";

type Receiver = BlobReceiver<Vec<BlobEntry<Vec<u8>>>>;

fn at(ns: u64) -> Instant {
    Instant::from_ns(ns)
}

/// Places of 4 and 10 bytes.
fn receiver(verifies: bool) -> Receiver {
    let entries = [4, 10].map(|room| BlobEntry::new(std::vec![0; room]));
    BlobReceiver::new(PATIENCE, verifies, entries.into())
}

fn announce(meta_version: u32, total_len: u64, checksum: u64) -> MetaBlobAnnounce {
    MetaBlobAnnounce {
        stream_id: STREAM,
        meta_version,
        blob_type: 7,
        total_len,
        checksum,
    }
}

fn chunk(meta_version: u32, begin: usize, end: usize) -> MetaBlobChunk<'static> {
    MetaBlobChunk {
        stream_id: STREAM,
        meta_version,
        chunk_offset: begin as u64,
        bytes: &const { BLOB_TWICE }[begin..end],
    }
}

const BLOB_TWICE: [u8; 20] = *b"01234567890123456789";

fn complete(meta_version: u32, checksum: u64) -> MetaBlobComplete {
    MetaBlobComplete {
        stream_id: STREAM,
        meta_version,
        checksum,
    }
}

/// A message as it went over the wire.
#[derive(Clone, Debug, PartialEq)]
enum Sent {
    Announce(MetaBlobAnnounce),
    Chunk(u32, u64, Vec<u8>),
    Complete(MetaBlobComplete),
}

fn sent(message: BlobMessage<'_>) -> Sent {
    match message {
        BlobMessage::Announce(announce) => Sent::Announce(*announce),
        BlobMessage::Chunk(chunk) => {
            Sent::Chunk(chunk.meta_version, chunk.chunk_offset, chunk.bytes.to_vec())
        }
        BlobMessage::Complete(complete) => Sent::Complete(*complete),
    }
}

fn config(meta_version: u32, chunk: usize) -> BlobConfig {
    BlobConfig {
        message_max: chunk + 28,
        ..BlobConfig::new(STREAM, meta_version, 7)
    }
}

fn all(mut sender: BlobSender<Vec<u8>>) -> Vec<Sent> {
    let mut all = Vec::new();
    while sender
        .transmit(|message| {
            all.push(sent(message));
            Ok::<_, ()>(())
        })
        .unwrap()
    {}
    assert!(sender.is_done());
    all
}

#[test] // req: W-233, C-081
fn the_checksum_is_crc32c() {
    assert_eq!(checksum(b"123456789"), 0xE306_9283);
    assert_eq!(checksum(b""), 0);
    assert_eq!(continued(continued(0, b"1234"), b"56789"), 0xE306_9283);
}

#[test] // req: W-230, W-232, C-081, T-36
fn chunks_rise_without_gaps_and_none_is_empty() {
    let sum = checksum(&BLOB);
    let chunks = |cuts: &[(usize, usize)]| {
        let part = |&(begin, end): &(usize, usize)| {
            Sent::Chunk(1, begin as u64, BLOB[begin..end].to_vec())
        };
        let middle = cuts.iter().map(part);
        [Sent::Announce(announce(1, 10, sum))]
            .into_iter()
            .chain(middle)
            .chain([Sent::Complete(complete(1, sum))])
            .collect::<Vec<_>>()
    };
    for (size, cuts) in [
        (4, &[(0, 4), (4, 8), (8, 10)][..]),
        (5, &[(0, 5), (5, 10)]),
        (10, &[(0, 10)]),
        (1_000, &[(0, 10)]),
    ] {
        let sender = BlobSender::new(config(1, size), BLOB.to_vec()).unwrap();
        assert_eq!(all(sender), chunks(cuts), "{size}");
    }
    assert!(BlobSender::new(config(1, 0), BLOB).is_none());
    let empty = BlobSender::new(config(1, 4), Vec::new()).unwrap();
    assert_eq!(all(empty).len(), 2, "no chunk at all");

    let large = BlobSender::new(BlobConfig::new(STREAM, 1, 7), std::vec![1; CHUNK_MAX + 1]);
    let lengths: Vec<_> = all(large.unwrap())
        .into_iter()
        .filter_map(|message| match message {
            Sent::Chunk(_, _, bytes) => Some(bytes.len()),
            _ => None,
        })
        .collect();
    assert_eq!(lengths, [CHUNK_MAX, 1]);

    let unchecked = BlobConfig {
        with_checksum: false,
        ..config(1, 10)
    };
    let messages = all(BlobSender::new(unchecked, BLOB.to_vec()).unwrap());
    assert_eq!(messages.first(), Some(&Sent::Announce(announce(1, 10, 0))));
    assert_eq!(messages.last(), Some(&Sent::Complete(complete(1, 0))));
}

#[test] // req: T-36
fn chunks_shrink_to_what_the_publication_takes() {
    let mut sender = BlobSender::new(config(1, 8), BLOB.to_vec()).unwrap();
    let mut taken = Vec::new();
    let mut next = |sender: &mut BlobSender<Vec<u8>>| {
        sender.transmit(|message| {
            taken.push(sent(message));
            Ok::<_, ()>(())
        })
    };
    assert_eq!(next(&mut sender), Ok(true));
    assert!(!sender.limit(28), "no room for a byte");
    assert!(sender.limit(28 + 6));
    assert_eq!(next(&mut sender), Ok(true));
    assert!(sender.limit(28 + 100), "no reason to send longer ones");
    while next(&mut sender) == Ok(true) {}
    let chunk = |begin: usize, end| Sent::Chunk(1, begin as u64, BLOB[begin..end].to_vec());
    assert_eq!(taken[1..3], [chunk(0, 6), chunk(6, 10)]);
}

#[test]
fn a_message_that_was_not_taken_stays_due() {
    let mut sender = BlobSender::new(config(1, 4), &BLOB[..]).unwrap();
    let mut taken = Vec::new();
    for _ in 0..6 {
        assert_eq!(sender.transmit(|_| Err(1)).is_ok(), sender.is_done());
        let _ = sender.transmit(|message| {
            taken.push(sent(message));
            Ok::<_, ()>(())
        });
    }
    assert_eq!(taken.len(), 5);
    sender.again();
    assert!(!sender.is_done());
}

/// A receiver with nothing under way, and one with six of ten bytes.
fn states(verifies: bool) -> [(&'static str, Receiver); 2] {
    let idle = receiver(verifies);
    let mut assembling = receiver(verifies);
    assembling
        .handle_announce(at(0), &announce(1, 10, checksum(&BLOB)))
        .unwrap();
    assembling.handle_chunk(at(0), &chunk(1, 0, 6)).unwrap();
    [("idle", idle), ("six of ten", assembling)]
}

// req: W-231, C-121, T-36
#[test]
fn every_message_in_both_states() {
    enum Message {
        Announce(MetaBlobAnnounce),
        Chunk(MetaBlobChunk<'static>),
        Complete(MetaBlobComplete),
        Silence(u64),
    }
    use Message::{Announce, Chunk, Complete, Silence};
    let sum = checksum(&BLOB);
    let inputs = [
        ("announce", Announce(announce(1, 10, sum))),
        ("too long", Announce(announce(2, 11, sum))),
        ("endless", Announce(announce(2, u64::MAX, sum))),
        ("no room", Announce(announce(2, 10, sum))),
        ("next", Chunk(chunk(1, 6, 10))),
        ("gap", Chunk(chunk(1, 7, 10))),
        ("overlap", Chunk(chunk(1, 5, 10))),
        ("overrun", Chunk(chunk(1, 6, 11))),
        ("empty", Chunk(chunk(1, 6, 6))),
        ("other", Chunk(chunk(2, 6, 10))),
        ("complete", Complete(complete(1, sum))),
        ("short silence", Silence(100)),
        ("silence", Silence(101)),
    ];
    let mut table = String::new();
    for (input, message) in inputs {
        table += &format!("{input:13}");
        for (_, mut receiver) in states(true) {
            let outcome = match &message {
                Announce(announce) => match receiver.handle_announce(at(1), announce) {
                    Ok(()) => "begun".into(),
                    Err(Refused::TooLong { .. }) => "TooLong".into(),
                    Err(Refused::NoRoom) => "NoRoom".into(),
                },
                Chunk(chunk) => match receiver.handle_chunk(at(1), chunk) {
                    Ok(()) => "taken".into(),
                    Err(why) => format!("{why:?}").split(' ').next().unwrap().into(),
                },
                Complete(complete) => match receiver.handle_complete(complete) {
                    Ok(_) => "blob".into(),
                    Err(why) => format!("{why:?}").split(' ').next().unwrap().into(),
                },
                Silence(ns) => {
                    receiver.poll(at(*ns));
                    String::from("-")
                }
            };
            // Then the rest of the blob comes.
            let rest = receiver.handle_chunk(at(1), &chunk(1, 6, 10));
            let whole = receiver
                .handle_complete(&complete(1, sum))
                .map(|blob| blob.bytes == BLOB);
            let then = if rest.is_ok() && whole == Ok(true) {
                "whole"
            } else {
                "void"
            };
            table += &format!(" | {outcome:12} {then:5}");
        }
        table = String::from(table.trim_end()) + "\n";
    }
    // What comes of the message, and of the blob that was under way when its last four bytes follow.
    let reviewed = "\
announce      | begun        void  | begun        void
too long      | TooLong      void  | TooLong      whole
endless       | TooLong      void  | TooLong      whole
no room       | begun        void  | NoRoom       whole
next          | NotAnnounced void  | taken        void
gap           | NotAnnounced void  | Gap          void
overlap       | NotAnnounced void  | Overlap      void
overrun       | NotAnnounced void  | Overrun      void
empty         | NotAnnounced void  | Empty        void
other         | NotAnnounced void  | NotAnnounced whole
complete      | NotAnnounced void  | Incomplete   void
short silence | -            void  | -            whole
silence       | -            void  | -            void
";
    assert_eq!(table, reviewed);
}

#[test] // req: W-231, W-233, T-36, C-121
fn checksums_must_agree_and_may_be_computed() {
    let sum = checksum(&BLOB);
    #[rustfmt::skip]
    let rows = [
        // announced    completed  computed: not  computed
        (sum,           sum,       true,          true),
        (0,             0,         true,          true), // none
        (sum,           0,         false,         false),
        (0,             sum,       false,         false),
        (1,             1,         true,          false),
        (sum | 1 << 32, sum | 1 << 32, true,      false), // no CRC32C
    ];
    for (announced, completed, plain, verified) in rows {
        for (verifies, expected) in [(false, plain), (true, verified)] {
            let mut receiver = receiver(verifies);
            receiver
                .handle_announce(at(0), &announce(1, 10, announced))
                .unwrap();
            receiver.handle_chunk(at(0), &chunk(1, 0, 3)).unwrap();
            receiver.handle_chunk(at(0), &chunk(1, 3, 10)).unwrap();
            let blob = receiver.handle_complete(&complete(1, completed));
            assert_eq!(blob.is_ok(), expected, "{announced} {completed} {verifies}");
            let counters = receiver.counters();
            assert_eq!(
                (counters.completed == 1, counters.discarded == 0),
                (expected, expected)
            );
        }
    }
}

#[test] // req: C-121
fn a_blob_names_what_it_is_and_frees_its_place() {
    let mut receiver = receiver(true);
    for version in 1..4 {
        receiver
            .handle_announce(at(0), &announce(version, 10, 0))
            .unwrap();
        receiver
            .handle_chunk(at(0), &chunk(version, 0, 10))
            .unwrap();
        let blob = receiver.handle_complete(&complete(version, 0)).unwrap();
        let expected = Blob {
            stream: STREAM,
            meta_version: version,
            blob_type: 7,
            bytes: &BLOB,
        };
        assert_eq!(blob, expected);
    }
    // The smallest place that is large enough is taken.
    for version in [4, 5] {
        let total = u64::from(version) * 2 - 4;
        assert_eq!(
            receiver.handle_announce(at(0), &announce(version, total, 0)),
            Ok(())
        );
    }
    assert_eq!(
        receiver.handle_announce(at(0), &announce(6, 0, 0)),
        Err(Refused::NoRoom)
    );
    receiver.poll(at(101));
    assert_eq!(receiver.counters().abandoned, 2);
    receiver.handle_announce(at(0), &announce(6, 0, 0)).unwrap();
    assert_eq!(
        receiver
            .handle_complete(&complete(6, 0))
            .map(|blob| blob.bytes.len()),
        Ok(0)
    );
}

/// What has become of a blob, from all messages since it was announced last.
fn from_scratch(messages: &[Sent], key: u32) -> Option<Vec<u8>> {
    let begin = messages
        .iter()
        .rposition(|m| matches!(m, Sent::Announce(a) if a.meta_version == key))?;
    let Sent::Announce(announce) = messages[begin] else {
        return None;
    };
    let mut bytes = Vec::new();
    for message in &messages[begin + 1..] {
        match message {
            Sent::Chunk(version, at, part) if *version == key => {
                if *at != bytes.len() as u64 {
                    return None;
                }
                bytes.extend_from_slice(part);
            }
            Sent::Complete(complete) if complete.meta_version == key => return None, // had its end before
            _ => {}
        }
    }
    let is_whole =
        bytes.len() as u64 == announce.total_len && checksum(&bytes) == announce.checksum;
    is_whole.then_some(bytes)
}

proptest! {
    /// Three blobs, interleaved, with messages lost, repeated and swapped.
    #[test] // req: W-230, W-231, C-081, C-121
    fn what_comes_out_is_what_a_look_at_all_messages_gives(
        blobs in prop::array::uniform3(prop::collection::vec(any::<u8>(), 0..20)),
        chunk in 1..8_usize,
        picks in prop::collection::vec(0..3_usize, 0..40),
        faults in prop::collection::vec((0..60_usize, 0..3_u8), 0..4),
    ) {
        let mut queues = [0, 1, 2].map(|n| {
            all(BlobSender::new(config(n as u32, chunk), blobs[n].clone()).unwrap())
        });
        let mut messages = Vec::new();
        for pick in picks.into_iter().chain([0, 1, 2].into_iter().cycle().take(90)) {
            if !queues[pick].is_empty() {
                messages.push(queues[pick].remove(0));
            }
        }
        for (place, fault) in faults {
            let place = place % messages.len();
            match fault {
                0 if messages.len() > 1 => drop(messages.remove(place)),
                1 => messages.insert(place, messages[place].clone()),
                _ => messages.swap(place, 0),
            }
        }
        let entries: Vec<_> = (0..3).map(|_| BlobEntry::new([0; 20])).collect();
        let mut receiver = BlobReceiver::new(PATIENCE, true, entries);
        for (nth, message) in messages.iter().enumerate() {
            match message {
                Sent::Announce(announce) => {
                    prop_assert_eq!(receiver.handle_announce(at(0), announce), Ok(()));
                }
                Sent::Chunk(meta_version, chunk_offset, bytes) => {
                    let _ = receiver.handle_chunk(at(0), &MetaBlobChunk {
                        stream_id: STREAM,
                        meta_version: *meta_version,
                        chunk_offset: *chunk_offset,
                        bytes,
                    });
                }
                Sent::Complete(complete) => {
                    let expected = from_scratch(&messages[..nth], complete.meta_version);
                    let blob = receiver.handle_complete(complete).ok();
                    prop_assert_eq!(blob.map(|blob| blob.bytes.to_vec()), expected);
                }
            }
        }
    }
}
