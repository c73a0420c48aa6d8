use super::*;
use crate::proto::regions::fixture::{self, Memory, pool_id};
use crate::shm::{Dtype, MajorOrder, ProgressUnit, SlotFrame, SlotImage, SlotWriter, TensorHeader};
use proptest::prelude::*;
use std::vec::Vec;

pub(super) type Bench = Reader<Memory, [PayloadPool<Memory>; 2], [u64; 4]>;

pub(super) fn bench() -> Bench {
    Reader::new(fixture::regions(), [0; 4]).unwrap()
}

pub(super) fn seq(raw: u64) -> Seq {
    Seq::new(raw).unwrap()
}

pub(super) fn slot(bench: &Bench, seq: Seq) -> SlotWriter<'_> {
    let ring = bench.regions().ring();
    ring.slot_writer(ring.slots().slot_of(seq))
}

/// A matrix of six 16-bit elements in pool 1.
pub(super) fn image(slot: u32) -> SlotImage {
    let tensor = TensorHeader::contiguous(Dtype::Uint16, MajorOrder::Row, &[2, 3]).unwrap();
    let tensor = tensor.with_progress(ProgressUnit::Rows).unwrap();
    let mut image = SlotImage::new(&tensor);
    image.set_frame(&SlotFrame {
        slot: fixture::SLOTS.index(slot).unwrap(),
        pool_id: pool_id(1),
        values_len_bytes: 12,
        timestamp_ns: 77,
        meta_version: 3,
    });
    image
}

pub(super) fn store(bench: &Bench, at: u64, image: &SlotImage) {
    let memory = slot(bench, seq(at));
    memory.begin(seq(at));
    memory.write(image);
    memory.commit(seq(at));
}

// Slot 1 of four, as frame 9 left it or not; what readers of 5, 9 and 13 get, before and after 9 was accepted.
// req: W-096, W-097, W-099, W-100, W-101, W-103, W-104, C-104, T-15
#[test]
fn every_expectation_in_every_state_of_the_slot() {
    use DropReason::{InProgress, Lapped, NotThere, Stale};
    let states = [
        ("fresh", None),
        ("5 in progress", Some((5, false))),
        ("5", Some((5, true))),
        ("9 in progress", Some((9, false))),
        ("9", Some((9, true))),
        ("13 in progress", Some((13, false))),
        ("13", Some((13, true))),
    ];
    let reviewed = [
        // never accepted anything         9 was accepted
        [[Some(InProgress); 3], [Some(InProgress); 3]],
        [[Some(InProgress); 3], [Some(InProgress); 3]],
        [[None, Some(NotThere), Some(NotThere)], [Some(Stale); 3]],
        [[Some(InProgress); 3], [Some(InProgress); 3]],
        [[Some(Lapped), None, Some(NotThere)]; 2],
        [[Some(InProgress); 3], [Some(InProgress); 3]],
        [[Some(Lapped), Some(Lapped), None]; 2],
    ];
    for ((name, state), expected) in states.into_iter().zip(reviewed) {
        for (accepted, expected) in [false, true].into_iter().zip(expected) {
            let outcomes = [5, 9, 13].map(|wanted| {
                let mut bench = bench();
                if accepted {
                    store(&bench, 9, &image(1));
                    bench.read(seq(9)).unwrap();
                }
                match state {
                    Some((raw, true)) => store(&bench, raw, &image(1)),
                    Some((raw, false)) => slot(&bench, seq(raw)).begin(seq(raw)),
                    None => slot(&bench, seq(1)).begin(seq(0)),
                }
                bench.read(seq(wanted)).err()
            });
            assert_eq!(outcomes, expected, "{name}, 9 accepted: {accepted}");
        }
    }
}

#[test] // req: T-14
fn a_new_writer_may_start_below_what_was_accepted() {
    let mut bench = bench();
    store(&bench, 9, &image(1));
    bench.read(seq(9)).unwrap();
    store(&bench, 1, &image(1));
    assert_eq!(bench.read(seq(1)), Err(DropReason::Stale));
    bench.forget();
    assert!(bench.read(seq(1)).is_ok());
}

#[test] // req: C-103, W-088
fn each_frame_has_its_own_tensor() {
    let mut bench = bench();
    let shapes: [&[i32]; 5] = [&[2, 3], &[2, 3], &[3, 2], &[6], &[2, 3]];
    for (number, dims) in (1..).zip(shapes) {
        let tensor = TensorHeader::contiguous(Dtype::Uint16, MajorOrder::Row, dims).unwrap();
        let mut image = SlotImage::new(&tensor);
        let slot = fixture::SLOTS.slot_of(seq(number));
        image.set_frame(&SlotFrame {
            slot,
            pool_id: pool_id(1),
            values_len_bytes: 12,
            timestamp_ns: 77,
            meta_version: 3,
        });
        store(&bench, number, &image);
        assert_eq!(bench.read(seq(number)).unwrap().header.tensor, tensor);
    }
}

#[test] // req: W-088, T-44, C-108
fn a_frame_is_what_its_header_says() {
    let mut bench = bench();
    store(&bench, 9, &image(1));
    let frame = bench.read(seq(9)).unwrap();
    assert_eq!((frame.seq, frame.slot.get()), (seq(9), 1));
    assert_eq!(frame.header.pool_id, pool_id(1));
    assert_eq!(frame.header.timestamp_ns, Some(77));
    assert_eq!(frame.header.meta_version, Some(3));
    assert_eq!(frame.header.tensor.dims(), [2, 3]);
}

#[test] // req: C-103, W-071, W-072, W-074, W-076, W-080, W-082, W-126, W-127, W-166, W-281
fn every_bad_field_has_its_reason() {
    // Slot offset, bytes put there, reason.
    let rows: &[(usize, &[u8], DropReason)] = &[
        (60, &[191], DropReason::HeaderLength),          // req: W-071
        (64, &[183], DropReason::EmbeddedHeader),        // req: W-071
        (66, &[51], DropReason::EmbeddedHeader),         // req: W-071
        (68, &[0x85], DropReason::EmbeddedHeader),       // req: W-072
        (70, &[2], DropReason::EmbeddedHeader),          // req: W-072
        (12, &[2], DropReason::PayloadSlot),             // req: W-126
        (12, &[0, 0, 0, 0x80], DropReason::PayloadSlot), // req: W-126
        (18, &[1], DropReason::PayloadOffset),           // req: W-076
        (16, &[7], DropReason::UnknownPool),             // req: W-125
        (8, &[1, 1], DropReason::PayloadLength),         // req: W-127
        (8, &[0xFF; 4], DropReason::PayloadLength),      // req: W-127
        (72, &[0], DropReason::Dtype),                   // req: W-281
        (72, &[12], DropReason::Dtype),                  // req: T-27
        (74, &[3], DropReason::MajorOrder),              // req: W-281
        (76, &[0], DropReason::Ndims),                   // req: W-074
        (76, &[9], DropReason::Ndims),                   // req: W-074
        (83, &[0xFF; 4], DropReason::NegativeDim),       // req: T-28
        (115, &[0xFF; 4], DropReason::NegativeStride),   // req: W-080
        (115, &[5], DropReason::StrideTooSmall),         // req: W-082
        (119, &[1], DropReason::StrideTooSmall),         // req: T-28
        (78, &[3], DropReason::ProgressUnit),            // req: W-281
        (79, &[7], DropReason::ProgressStride),          // req: W-166
        (79, &[0], DropReason::ProgressStride),          // req: W-166
    ];
    for (offset, bytes, reason) in rows {
        let mut bench = bench();
        let mut raw = [0; 256];
        for (place, word) in raw.chunks_mut(8).zip(image(1).words()) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        raw[*offset..][..bytes.len()].copy_from_slice(bytes);
        store(&bench, 1, &SlotImage::read(&raw).unwrap());
        assert_eq!(bench.read(seq(1)), Err(*reason), "{bytes:?} at {offset}");
        assert!(bench.accepted == [0; 4], "it counts as accepted");
    }
}

#[test] // req: T-20, W-098, C-106
fn a_copy_of_an_overwritten_frame_is_discarded() {
    let mut bench = bench();
    store(&bench, 1, &image(1));
    let payload = bench
        .regions()
        .pool(pool_id(1))
        .unwrap()
        .slot_writer(fixture::SLOTS.index(1).unwrap());
    payload.copy_in(0, b"twelve bytes").unwrap();
    let frame = bench.read(seq(1)).unwrap();
    let mut buffer = [0; 14];
    assert_eq!(bench.copy_to(&frame, &mut buffer), Ok(12));
    assert_eq!(buffer, *b"twelve bytes\0\0");
    let short = CopyError::DoesNotFit {
        needed: 12,
        got: 11,
    };
    assert_eq!(bench.copy_to(&frame, &mut [0; 11]), Err(short));
    assert_eq!(bench.revalidate(&frame), Ok(()));
    assert_eq!(bench.payload(&frame).unwrap().len(), 256);

    slot(&bench, seq(5)).begin(seq(5));
    assert_eq!(bench.revalidate(&frame), Err(Overwritten));
    let copied = bench.copy_to(&frame, &mut buffer);
    assert_eq!(copied, Err(CopyError::Overwritten));
}

#[test] // req: W-086, C-108
fn of_an_empty_payload_no_byte_is_read() {
    let mut bench = bench();
    let mut empty = image(1);
    empty.set_frame(&SlotFrame {
        slot: fixture::SLOTS.index(1).unwrap(),
        pool_id: pool_id(1),
        values_len_bytes: 0,
        timestamp_ns: u64::MAX,
        meta_version: 0,
    });
    store(&bench, 1, &empty);
    let frame = bench.read(seq(1)).unwrap();
    assert!(bench.payload(&frame).is_none());
    assert_eq!(bench.copy_to(&frame, &mut []), Ok(0));
    assert_eq!(frame.header.timestamp_ns, None);
}

#[test]
fn a_word_is_needed_for_every_slot() {
    assert!(Reader::new(fixture::regions(), [0; 3]).is_none());
}

proptest! {
    // Whatever stands in memory, a frame that is accepted is the expected one and lies inside its pool.
    #[test] // req: W-108, W-125, W-127
    fn damaged_slots_are_dropped_or_safe(
        damage in prop::collection::vec((0..256usize, any::<u8>()), 0..6),
        word in prop_oneof![3 => Just(3), 1 => Just(2), 1 => any::<u64>()],
    ) {
        let mut bench = bench();
        let mut raw: Vec<u8> = image(1).words().iter().flat_map(|w| w.to_le_bytes()).collect();
        for (offset, byte) in damage {
            raw[offset] = byte;
        }
        let word = CommitWord::from_bits(word);
        let memory = bench.regions().ring().slot_writer(fixture::SLOTS.index(1).unwrap());
        memory.begin(word.seq());
        memory.write(&SlotImage::read(&raw).unwrap());
        if word.is_committed() {
            memory.commit(word.seq());
        }
        if let Ok(frame) = bench.read(seq(1)) {
            prop_assert_eq!(word, CommitWord::committed(seq(1)));
            prop_assert_eq!(frame.slot.get(), 1);
            let stride = bench.regions().pool(frame.header.pool_id).unwrap().stride();
            prop_assert!(frame.header.values_len_bytes <= stride.get());
            let copied = bench.copy_to(&frame, &mut [0; 256]);
            prop_assert_eq!(copied, Ok(frame.header.values_len_bytes as usize));
        }
    }
}
