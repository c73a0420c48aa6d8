//! What becomes of descriptors, whatever they are and in whatever order they come.

use std::vec::Vec;

use tp_core_nostd::ids::StreamId;

use super::*;
use crate::consumer::bench::{IMAGE, STREAM, Stage, encoded, epoch, hot_of, note, reader_of, seq};

/// What the counters have moved by: gap, late, local, malformed.
type Moved = [u64; 4];

fn counted(hot: &Hot) -> Moved {
    let counters = &hot.counters;
    [
        counters.gap_drops(),
        counters.late_drops(),
        counters.local_drops(),
        counters.malformed(),
    ]
}

/// Number, and whether it could be read.
fn shown(hot: &mut Hot, bytes: &[u8], image: ImageId) -> Vec<(u64, Option<bool>)> {
    let mut got = Vec::new();
    let mut handler = note(&mut got);
    hot.on_descriptor(bytes, image, &mut handler);
    hot.settle(&mut handler);
    drop(handler);
    got
}

/// What comes through which image; what is handed out, what is counted, what is noted.
type Row<'a> = (
    &'a str,
    Vec<u8>,
    ImageId,
    &'a [(u64, Option<bool>)],
    Moved,
    Option<Note>,
);

/// The drop rules that lie before the slot, and what each counts.
// req: W-136, C-186, C-100, C-114, C-097, W-110, W-111, W-117, T-12, T-13, T-14, T-37, T-40, T-45
#[test]
fn every_descriptor_is_handed_out_or_counted_once() {
    let stage = Stage::new(5, 8);
    stage.write(0..16);
    let of = |raw| stage.descriptor(raw);
    let foreign = FrameDescriptor {
        stream_id: StreamId::new(10_001).unwrap(),
        ..of(11)
    };
    let in_epoch = |raw_epoch| FrameDescriptor {
        epoch: epoch(raw_epoch),
        ..of(11)
    };
    let other_image = ImageId(2);
    let good = encoded(&of(11));
    let with = |at: usize, byte: u8| {
        let mut bytes = good;
        bytes[at] = byte;
        bytes.to_vec()
    };
    let (read, skipped): (&[_], &[_]) = (&[(11, Some(true))], &[]);
    let note_of = |raw_epoch| Some(Note::Epoch(epoch(raw_epoch)));
    // After frame 10: what comes, through which image, what is handed out, what is counted, what the conductor hears.
    #[rustfmt::skip]
    let rows: Vec<Row<'_>> = vec![
        ("the next frame",       good.to_vec(),                   IMAGE,       read,    [0, 0, 0, 0], None),
        ("a gap",                encoded(&of(14)).to_vec(),       IMAGE,       &[(14, Some(true))], [3, 0, 0, 0], None),
        ("the same again",       encoded(&of(10)).to_vec(),       IMAGE,       skipped, [0, 0, 0, 0], None),
        ("a fall",               encoded(&of(9)).to_vec(),        IMAGE,       skipped, [0, 0, 0, 0], Some(Note::Regression)),
        ("another publisher",    encoded(&of(9)).to_vec(),        other_image, &[(9, Some(true))], [0, 0, 0, 0], None),
        ("its gap",              encoded(&of(13)).to_vec(),       other_image, &[(13, Some(true))], [2, 0, 0, 0], None),
        ("lapped",               encoded(&of(16)).to_vec(),       IMAGE,       &[(16, None)], [5, 1, 0, 0], None),
        ("another stream",       encoded(&foreign).to_vec(),      IMAGE,       skipped, [0, 0, 0, 0], None),
        ("a lower epoch",        encoded(&in_epoch(4)).to_vec(),  IMAGE,       skipped, [0, 0, 1, 0], None),
        ("a higher epoch",       encoded(&in_epoch(6)).to_vec(),  IMAGE,       skipped, [0, 0, 1, 0], note_of(6)),
        ("another schema",       with(4, 0x85),                   IMAGE,       skipped, [0, 0, 0, 1], None),
        ("another template",     with(2, 3),                      IMAGE,       skipped, [0, 0, 0, 1], None),
        ("a later version",      with(6, 2),                      IMAGE,       skipped, [0, 0, 0, 1], None),
        ("another block length", with(0, 41),                     IMAGE,       skipped, [0, 0, 0, 1], None),
        ("cut short",            good[..47].to_vec(),             IMAGE,       skipped, [0, 0, 0, 1], None),
        ("nothing",              Vec::new(),                      IMAGE,       skipped, [0, 0, 0, 1], None),
    ];
    for (name, bytes, image, handed_out, moved, told) in rows {
        let mut hot = reader_of(&stage);
        assert_eq!(
            shown(&mut hot, &encoded(&of(10)), IMAGE),
            [(10, Some(true))]
        );
        assert_eq!(shown(&mut hot, &bytes, image), handed_out, "{name}");
        assert_eq!(counted(&hot), moved, "{name}");
        assert_eq!(hot.note, told, "{name}");
    }
}

/// What a slot may hold when its descriptor comes.
// req: C-186, C-103, C-104, C-108, C-114, W-086, W-207, W-099, W-100, W-101, W-107, T-45
#[test]
fn every_state_of_the_slot_is_a_frame_or_one_reason() {
    use DropReason::{InProgress, Lapped, NotThere, PayloadLength, Stale};
    type Setting = fn(&Stage, &mut Hot);
    let read_later: Setting = |stage, hot| {
        stage.write([11]);
        shown(hot, &encoded(&stage.descriptor(11)), IMAGE);
        hot.sequencer.reset();
        stage.write([3]);
    };
    #[rustfmt::skip]
    let rows: [(&str, u64, Setting, Option<DropReason>); 8] = [
        ("whole",             3, |stage, _| stage.write([3]),                          None),
        ("empty",             3, |stage, _| stage.commit(3, &stage.image(3, 0), 0),    None),
        ("never written",     3, |_, _| (),                                            Some(InProgress)),
        ("being written",     3, |stage, _| stage.begin(3),                            Some(InProgress)),
        ("a later frame",     3, |stage, _| stage.write([3, 11]),                      Some(Lapped)),
        ("an earlier frame", 11, |stage, _| stage.write([3]),                          Some(NotThere)),
        ("below an accepted", 3, read_later,                                           Some(Stale)),
        ("longer than a slot", 3, |stage, _| stage.commit(3, &stage.image(3, 512), 8), Some(PayloadLength)),
    ];
    for (name, raw, set, reason) in rows {
        let stage = Stage::new(5, 8);
        let mut hot = reader_of(&stage);
        set(&stage, &mut hot);
        let got = shown(&mut hot, &encoded(&stage.descriptor(raw)), IMAGE);
        assert_eq!(got, [(raw, reason.is_none().then_some(true))], "{name}");
        for other in DropReason::ALL {
            let expected = u64::from(reason == Some(*other));
            assert_eq!(hot.counters.drops(*other), expected, "{name}: {other}");
        }
    }
}

#[test] // req: C-114, T-45
fn what_comes_while_nothing_is_mapped_is_counted_here_only() {
    let stage = Stage::new(5, 8);
    let mut hot = hot_of(&ConsumerConfig::new(STREAM));
    assert_eq!(shown(&mut hot, &encoded(&stage.descriptor(0)), IMAGE), []);
    assert_eq!(counted(&hot), [0, 0, 1, 0]);
    assert_eq!(hot.counters.drops(DropReason::Unmapped), 1);
}

#[test] // req: C-114, C-097, C-186, T-42, T-45
fn a_new_epoch_begins_at_zero_and_keeps_the_counters() {
    let (old, new) = (Stage::new(5, 8), Stage::new(6, 8));
    old.write(0..8);
    new.write(0..8);
    let mut hot = reader_of(&old);
    shown(&mut hot, &encoded(&old.descriptor(0)), IMAGE);
    shown(&mut hot, &encoded(&old.descriptor(4)), IMAGE);
    assert_eq!(counted(&hot), [3, 0, 0, 0]);
    hot.read_from(new.map());
    assert_eq!(hot.sequencer.last_seq(), None);
    let first = shown(&mut hot, &encoded(&new.descriptor(0)), ImageId(2));
    assert_eq!(first, [(0, Some(true))]);
    let of_old = shown(&mut hot, &encoded(&old.descriptor(5)), IMAGE);
    assert_eq!(of_old, [], "what was in flight is dropped");
    assert_eq!(counted(&hot), [3, 0, 1, 0]);
}

/// Far behind, the frames in between are not read one by one: the newest at hand is.
// req: C-101, C-186, W-114, W-115, W-116
#[test]
fn a_long_gap_goes_on_with_the_newest_descriptor_at_hand() {
    let stage = Stage::new(5, 1024);
    stage.write(0..1024);
    let mut hot = reader_of(&stage);
    let mut poll = |numbers: &[u64]| {
        let mut got = Vec::new();
        let mut handler = note(&mut got);
        for raw in numbers {
            hot.on_descriptor(&encoded(&stage.descriptor(*raw)), IMAGE, &mut handler);
        }
        hot.settle(&mut handler);
        drop(handler);
        let got: Vec<_> = got.into_iter().map(|(raw, _)| raw).collect();
        (got, hot.counters.gap_drops())
    };
    assert_eq!(poll(&[0]), (vec![0], 0));
    assert_eq!(
        poll(&[257, 258]),
        (vec![257, 258], 256),
        "as long as allowed"
    );
    assert_eq!(poll(&[600, 601, 602]), (vec![602], 256 + 341 + 2));
    assert_eq!(poll(&[603, 604]), (vec![603, 604], 256 + 341 + 2));
    assert_eq!(poll(&[1000]), (vec![1000], 256 + 341 + 2 + 395));
    assert_eq!(hot.sequencer.last_seq(), Some(seq(1000)));
}

#[test] // req: C-101, T-51
fn a_consumer_that_asked_for_fewer_frames_takes_gaps_as_they_are() {
    let stage = Stage::new(5, 1024);
    stage.write(0..1024);
    let mut hot = reader_of(&stage);
    hot.sequencer.set_max_gap(None);
    let mut got = Vec::new();
    let mut handler = note(&mut got);
    for raw in [0, 600, 601] {
        hot.on_descriptor(&encoded(&stage.descriptor(raw)), IMAGE, &mut handler);
    }
    hot.settle(&mut handler);
    drop(handler);
    assert_eq!(got, [0, 600, 601].map(|raw| (raw, Some(true))));
    assert_eq!(hot.counters.gap_drops(), 599);
}
