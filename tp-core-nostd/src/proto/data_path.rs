//! A producer and a consumer of one memory, together: against a slow model, and at full speed on two threads.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::claim::{Entry, Overtaking, Streaming, TableId, Token};
use super::publish::{Committed, FrameMeta, Publisher};
use super::read::{DropCounts, DropReason, Reader};
use super::regions::StreamRegions;
use super::regions::fixture::{self, Memory};
use crate::seq::Seq;
use crate::shm::{Dtype, MajorOrder, PayloadPool, SlotImage, TensorHeader};
use crate::wire::control::FrameDescriptor;
use core::sync::atomic::{AtomicU64, Ordering};
use proptest::prelude::*;
use std::vec::Vec;

type Pools = [PayloadPool<Memory>; 2];

fn publisher(
    regions: StreamRegions<Memory, Pools>,
) -> Publisher<Memory, Pools, Streaming<[Entry; 4]>> {
    let claims = Streaming::new(
        TableId(1),
        [Entry::FREE; 4],
        fixture::SLOTS,
        Overtaking::Hold,
    );
    Publisher::new(regions, claims.unwrap())
}

fn seq(raw: u64) -> Seq {
    Seq::new(raw).unwrap()
}

fn image() -> SlotImage {
    SlotImage::new(&TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[100]).unwrap())
}

fn ready(committed: Committed, due: &mut Vec<FrameDescriptor>) {
    if let Committed::Ready(descriptor) = committed {
        due.push(descriptor);
    }
}

#[derive(Clone, Debug)]
enum Op {
    Offer(u8),
    Claim,
    Commit(usize, u8),
    Abort(usize),
    Read(u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        any::<u8>().prop_map(Op::Offer),
        Just(Op::Claim),
        (any::<usize>(), any::<u8>()).prop_map(|(claim, fill)| Op::Commit(claim, fill)),
        any::<usize>().prop_map(Op::Abort),
        (0..6_u64).prop_map(Op::Read),
    ]
}

/// What a slot shows: a number, and the payload once it is committed.
type Shown = (u64, Option<Vec<u8>>);

proptest! {
    // Frames of as many bytes as their fill, read back around the newest.
    #[test] // req: W-096, W-099, W-108, W-109, C-064
    fn readers_get_the_frames_that_were_sent(ops in prop::collection::vec(op(), 0..120)) {
        let regions = fixture::regions();
        let mut publisher = publisher(regions);
        let mut reader = Reader::new(regions, [0; 4]).unwrap();
        let mut slots: [Shown; 4] = core::array::from_fn(|_| (0, None));
        let mut open: Vec<Token> = Vec::new();
        let mut held: Vec<(u64, Vec<u8>)> = Vec::new();
        let mut sent = Vec::new();
        let mut due: Vec<FrameDescriptor> = Vec::new();
        for op in ops {
            match op {
                Op::Offer(fill) => {
                    let payload = std::vec![fill; fill.into()];
                    let meta = FrameMeta::default();
                    if let Ok(committed) = publisher.offer(&payload, &mut image(), meta, None) {
                        let number = committed.seq().get();
                        slots[number as usize % 4] = (number, None);
                        held.push((number, payload));
                        ready(committed, &mut due);
                    } else {
                        prop_assert!(open.len() + held.len() > 0, "only own claims refuse an offer");
                    }
                }
                Op::Claim => if let Ok(token) = publisher.claim(255) {
                    slots[token.slot().get() as usize] = (token.seq().get(), None);
                    open.push(token);
                },
                Op::Commit(index, fill) => if !open.is_empty() {
                    let token = open.remove(index % open.len());
                    let payload = std::vec![fill; fill.into()];
                    publisher.payload(token).unwrap().copy_in(0, &payload).unwrap();
                    let meta = FrameMeta::default();
                    held.push((token.seq().get(), payload));
                    let committed =
                        publisher.commit(token, &mut image(), fill.into(), meta, None).unwrap();
                    ready(committed, &mut due);
                },
                Op::Abort(index) => if !open.is_empty() {
                    publisher.abort(open.remove(index % open.len())).unwrap();
                },
                Op::Read(behind) => {
                    let newest = publisher.claims().next_seq().unwrap().get();
                    let wanted = (newest + 2).saturating_sub(behind);
                    let (shown, payload) = &slots[wanted as usize % 4];
                    let expected = match payload {
                        None => Err(DropReason::InProgress),
                        Some(_) if *shown > wanted => Err(DropReason::Lapped),
                        Some(_) if *shown < wanted => Err(DropReason::NotThere),
                        Some(payload) => Ok(payload.clone()),
                    };
                    let read = reader.read(seq(wanted)).map(|frame| {
                        let mut buffer = std::vec![0; 256];
                        let len = reader.copy_to(&frame, &mut buffer).unwrap();
                        buffer.truncate(len);
                        buffer
                    });
                    prop_assert_eq!(read, expected);
                }
            }
            due.extend(core::iter::from_fn(|| publisher.next_ready(None)));
            for number in due.drain(..).map(|descriptor| descriptor.seq.get()) {
                let oldest_open = open.iter().map(|token| token.seq().get()).min();
                prop_assert!(oldest_open.is_none_or(|open| number < open));
                let at = held.iter().position(|(seq, _)| *seq == number).unwrap();
                slots[number as usize % 4] = (number, Some(held.remove(at).1));
                sent.push(number);
            }
            let waiting = held.iter().map(|(seq, _)| seq);
            prop_assert!(waiting.into_iter().all(|seq| open.iter().any(|t| t.seq().get() < *seq)));
        }
        prop_assert!(sent.is_sorted_by(|a, b| a < b));
    }
}

// Each frame is filled with its own number, which its capture time repeats.
#[test] // req: W-108, W-105, T-19
fn no_torn_frame_is_accepted_at_full_speed() {
    const FRAMES: u64 = 200_000;
    let regions = fixture::regions();
    let newest = AtomicU64::new(0);
    let (mut accepted, mut drops) = (0_u64, DropCounts::new());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut publisher = publisher(regions);
            let mut image = image();
            for number in 1..=FRAMES {
                let payload = [number as u8; 100];
                let meta = FrameMeta {
                    timestamp_ns: number,
                    ..FrameMeta::default()
                };
                let sent = publisher.offer(&payload, &mut image, meta, None).unwrap();
                newest.store(sent.seq().get() + 1, Ordering::Release);
            }
        });
        let mut reader = Reader::new(regions, [0; 4]).unwrap();
        let mut last = 0;
        while last < FRAMES {
            let number = newest.load(Ordering::Acquire);
            if number == last {
                std::thread::yield_now();
                continue;
            }
            last = number;
            let outcome = reader.read(seq(number - 1));
            let frame = match outcome {
                Ok(frame) => frame,
                Err(reason) => {
                    drops.count(reason);
                    continue;
                }
            };
            assert_eq!(
                frame.header.timestamp_ns,
                Some(number),
                "another frame's header"
            );
            let mut payload = [0; 100];
            if reader.copy_to(&frame, &mut payload).is_ok() {
                assert_eq!(payload, [number as u8; 100], "torn payload");
                accepted += 1;
            }
        }
    });
    assert!(accepted > 0, "the last frame stays readable");
    for reason in DropReason::ALL {
        use DropReason::{Changed, InProgress, Lapped};
        let possible = matches!(reason, InProgress | Lapped | Changed);
        assert!(possible || drops.of(*reason) == 0, "{reason}");
    }
}
