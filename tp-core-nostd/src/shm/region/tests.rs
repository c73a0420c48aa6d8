//! Bounds, and where words, bytes and slots lie.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::*;
use crate::seq::Seq;
use std::vec;
use std::vec::Vec;

fn lines(count: usize) -> Vec<Line> {
    (0..count).map(|_| Line::zeroed()).collect()
}

#[test] // req: W-066, W-002
fn words_and_bytes_show_the_same_memory() {
    let memory = lines(2);
    let region = RegionWriter::of_lines(&memory);
    assert_eq!(region.view().as_ptr().addr() % 64, 0);
    region.copy_in(16, &[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
    assert_eq!(region.view().load(2), Ok(0x0807_0605_0403_0201));
    region.store(3, 0x11).unwrap();
    let mut bytes = [0xFF; 3];
    region.view().copy_out(23, &mut bytes).unwrap();
    assert_eq!(bytes, [8, 0x11, 0]);
}

#[test] // req: W-241, W-030
fn nothing_past_the_end_can_be_touched() {
    let memory = lines(2);
    let region = RegionWriter::of_lines(&memory);
    let view = region.view();
    assert_eq!((view.len(), view.is_empty()), (128, false));
    assert!(RegionView::of_lines(&[]).is_empty());

    let past = |needed| Some(OutOfBounds { needed, got: 128 });
    assert_eq!(view.load(16).err(), past(136));
    assert_eq!(region.store(16, 1).err(), past(136));
    assert_eq!(view.seqlock(usize::MAX).err(), past(u64::MAX));
    assert_eq!(region.seqlock(16).err(), past(136));
    for (offset, len) in [(0, 129), (128, 1), (127, 2), (129, 0), (usize::MAX, 1)] {
        let needed = (offset as u64).saturating_add(len as u64);
        let mut into = vec![7; len];
        assert_eq!(view.copy_out(offset, &mut into).err(), past(needed));
        assert_eq!(into, vec![7; len]);
        assert_eq!(region.copy_in(offset, &into).err(), past(needed));
    }
    assert_eq!(view.copy_out(128, &mut []), Ok(()));
    assert_eq!(region.copy_in(64, &[9; 64]), Ok(()));
    assert_eq!(view.load(15), Ok(0x0909_0909_0909_0909));
}

#[test]
fn raw_memory_of_odd_length_ends_at_the_last_whole_word() {
    let memory = lines(1);
    let base = NonNull::from_ref(memory.as_slice()).cast();
    // SAFETY: 63 of the 64 aligned bytes of `memory`, which outlives the view and has no other user.
    let region = unsafe { RegionWriter::from_raw(base, 63) };
    assert_eq!(region.view().len(), 56);
    assert!(region.store(7, 1).is_err());
}

#[test] // req: W-124, W-241
fn slots_tile_the_region_and_indices_of_larger_rings_wrap() {
    let memory = lines(1 + 2 * 3);
    let count = SlotCount::new(2).unwrap();
    let slots = Slots::new(memory.as_slice(), count, 192).unwrap();
    let larger = SlotCount::new(8).unwrap();
    for raw in 0..8 {
        let slot = slots.at(larger.slot_of(Seq::new(raw).unwrap()));
        let first = slot.as_ptr().addr() - memory.as_ptr().addr();
        assert_eq!((first, slot.len()), (64 + 192 * (raw as usize % 2), 192));
    }
    let error = OutOfBounds {
        needed: 64 + 4 * 192,
        got: 448,
    };
    let count = SlotCount::new(4).unwrap();
    assert_eq!(Slots::new(memory.as_slice(), count, 192).err(), Some(error));
}
