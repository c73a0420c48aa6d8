//! The tracker by its table, and against a model that keeps every message.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::*;
use crate::wire::ValueError;
use crate::wire::control::FrameProgressView;
use proptest::prelude::*;
use std::format;
use std::string::String;
use std::vec::Vec;

const STREAM: StreamId = StreamId::new(10_000).unwrap();
const EPOCH: Epoch = Epoch::new(3).unwrap();
const A: ImageId = ImageId(1);
const B: ImageId = ImageId(2);
const STATES: [FrameProgressState; 3] = [
    FrameProgressState::Started,
    FrameProgressState::Progress,
    FrameProgressState::Complete,
];

type Small = Tracker<[Sighting; 4]>;

fn seq(raw: u64) -> Seq {
    Seq::new(raw).unwrap()
}

fn progress(frame: u64, state: FrameProgressState, bytes: u64) -> FrameProgress {
    FrameProgress {
        stream_id: STREAM,
        epoch: EPOCH,
        seq: seq(frame),
        payload_bytes_filled: bytes,
        state,
    }
}

fn tracker() -> Small {
    let slots = SlotCount::new(4).unwrap();
    Tracker::new(STREAM, EPOCH, slots, [Sighting::NONE; 4]).unwrap()
}

/// Has seen that frame 5 is at 40 bytes, through image A.
fn at_40(state: FrameProgressState) -> Small {
    let mut tracker = tracker();
    let seen = tracker.observe(A, &progress(5, state, 40), SlotShows::NotYet);
    assert_eq!(seen, Verdict::Valid);
    tracker
}

// req: W-157, W-158, W-159, W-160, C-116, C-190
#[test]
fn every_message_in_every_state() {
    use SlotShows::{Committed, Later, NotYet};
    let [started, moving, complete] = STATES;
    let states = [tracker(), at_40(started), at_40(moving), at_40(complete)];
    let whole = Committed { length: 50 };
    let inputs = [
        ("A Started 40", A, progress(5, started, 40), NotYet),
        ("A Started 41", A, progress(5, started, 41), NotYet),
        ("A Progress 39", A, progress(5, moving, 39), NotYet),
        ("A Progress 40", A, progress(5, moving, 40), NotYet),
        ("A Progress 50", A, progress(5, moving, 50), whole),
        ("A Progress 51", A, progress(5, moving, 51), whole),
        ("A Progress 51", A, progress(5, moving, 51), NotYet),
        ("A Progress 51", A, progress(5, moving, 51), Later),
        ("A Complete 39", A, progress(5, complete, 39), NotYet),
        ("A Complete 40", A, progress(5, complete, 40), NotYet),
        ("A Complete 41", A, progress(5, complete, 41), NotYet),
        ("B Started 0", B, progress(5, started, 0), NotYet),
        ("B Progress 39", B, progress(5, moving, 39), NotYet),
        ("B Progress 41", B, progress(5, moving, 41), NotYet),
        ("A frame 1", A, progress(1, complete, 50), NotYet),
        ("A frame 9", A, progress(9, started, 0), NotYet),
    ];
    let mut table = String::new();
    for (name, image, message, slot) in inputs {
        table += &format!("{name:13}");
        for mut state in states.clone() {
            let cell = match state.observe(image, &message, slot) {
                Verdict::Valid => "ok".into(),
                Verdict::Ignore(why) => format!("{why:?}"),
                Verdict::Violation(Violation::Fell { .. }) => "FELL".into(),
                Verdict::Violation(Violation::StepBack) => "BACK".into(),
                Verdict::Violation(Violation::TooLong { .. }) => "LONG".into(),
            };
            table += &format!(" {cell:9}");
        }
        table = String::from(table.trim_end()) + "\n";
    }
    // Columns: nothing seen; started, progress, complete at 40 bytes.
    let reviewed = "\
A Started 40  ok        Repeated  BACK      BACK
A Started 41  ok        BACK      BACK      BACK
A Progress 39 ok        FELL      FELL      FELL
A Progress 40 ok        ok        Repeated  BACK
A Progress 50 ok        ok        ok        BACK
A Progress 51 LONG      LONG      LONG      LONG
A Progress 51 ok        ok        ok        BACK
A Progress 51 Overtaken Overtaken Overtaken Overtaken
A Complete 39 ok        FELL      FELL      FELL
A Complete 40 ok        ok        ok        Repeated
A Complete 41 ok        ok        ok        BACK
B Started 0   ok        Repeated  Repeated  Repeated
B Progress 39 ok        Repeated  Repeated  Repeated
B Progress 41 ok        ok        ok        Repeated
A frame 1     ok        Overtaken Overtaken Overtaken
A frame 9     ok        ok        ok        ok
";
    assert_eq!(table, reviewed);
}

#[test] // req: C-116, W-162, C-117
fn only_the_mapped_stream_and_epoch_are_tracked() {
    let mut tracker = tracker();
    let ours = progress(5, FrameProgressState::Started, 7);
    let foreign = FrameProgress {
        stream_id: StreamId::new(10_001).unwrap(),
        ..ours
    };
    let earlier = FrameProgress {
        epoch: Epoch::new(2).unwrap(),
        ..ours
    };
    for (message, why) in [(foreign, Ignored::Foreign), (earlier, Ignored::WrongEpoch)] {
        let verdict = tracker.observe(A, &message, SlotShows::NotYet);
        assert_eq!(verdict, Verdict::Ignore(why));
    }
    assert_eq!(tracker.filled(seq(5)), None);
    assert_eq!(tracker.observe(A, &ours, SlotShows::NotYet), Verdict::Valid);
    assert_eq!(
        (tracker.filled(seq(5)), tracker.filled(seq(1))),
        (Some(7), None)
    );
    tracker.forget();
    assert_eq!(tracker.filled(seq(5)), None);
    let slots = SlotCount::new(8).unwrap();
    assert!(Tracker::new(STREAM, EPOCH, slots, [Sighting::NONE; 4]).is_none());
}

#[test] // req: T-21, W-168
fn an_unknown_state_is_no_message() {
    let mut bytes = [0; 37];
    let length = progress(5, FrameProgressState::Started, 0).encode(&mut bytes);
    assert_eq!(length, Ok(37));
    bytes[36] = 0;
    let view = FrameProgressView::parse(&bytes).unwrap();
    let unknown = ValueError::Number {
        field: "state",
        got: 0,
    };
    assert_eq!(FrameProgress::try_from(view), Err(unknown));
}

#[test] // req: T-21, C-116
fn the_word_says_whether_the_header_counts() {
    let (open, whole) = (CommitWord::in_progress, CommitWord::committed);
    let (some, none) = (Some(9), None);
    #[rustfmt::skip]
    let rows = [
        (None,                 some, SlotShows::NotYet),
        (Some(open(seq(5))),   some, SlotShows::NotYet),
        (Some(whole(seq(1))),  some, SlotShows::NotYet),
        (Some(whole(seq(5))),  some, SlotShows::Committed { length: 9 }),
        (Some(whole(seq(5))),  none, SlotShows::Later),
        (Some(open(seq(9))),   some, SlotShows::Later),
        (Some(whole(seq(9))),  some, SlotShows::Later),
    ];
    for (word, length, expected) in rows {
        assert_eq!(SlotShows::of(word, seq(5), || length), expected, "{word:?}");
    }
}

/// Every message that was found valid, in order.
struct Model(Vec<(ImageId, FrameProgress)>);

impl Model {
    fn judge(&self, image: ImageId, message: &FrameProgress) -> &'static str {
        let slot = |p: &FrameProgress| p.seq.get() % 4;
        let in_slot = || self.0.iter().filter(|(_, p)| slot(p) == slot(message));
        if in_slot().any(|(_, p)| p.seq > message.seq) {
            return "ignore";
        }
        let of_frame: Vec<_> = in_slot().filter(|(_, p)| p.seq == message.seq).collect();
        let Some((last_image, last)) = of_frame.last() else {
            return "valid";
        };
        let place = |p: &FrameProgress| (p.state, p.payload_bytes_filled);
        let fell = of_frame
            .iter()
            .any(|(_, p)| p.payload_bytes_filled > message.payload_bytes_filled);
        let back = of_frame.iter().any(|(_, p)| p.state > message.state);
        // Starts and ends happen once.
        let again = message.state == last.state && message.state != FrameProgressState::Progress;
        match () {
            () if place(last) == place(message) => "ignore",
            () if !(fell || back || again) => "valid",
            () if *last_image != image => "ignore",
            () => "violation",
        }
    }
}

proptest! {
    #[test] // req: W-158, W-159, W-160, C-116
    fn it_judges_as_one_who_keeps_everything(
        messages in prop::collection::vec((0_u64..12, 0..3_usize, 0_u64..5, any::<bool>()), 0..60),
    ) {
        let (mut tracker, mut model) = (tracker(), Model(Vec::new()));
        for (frame, state, bytes, first) in messages {
            let image = if first { A } else { B };
            let message = progress(frame, STATES[state], bytes);
            let expected = model.judge(image, &message);
            let verdict = match tracker.observe(image, &message, SlotShows::NotYet) {
                Verdict::Valid => "valid",
                Verdict::Ignore(_) => "ignore",
                Verdict::Violation(_) => "violation",
            };
            prop_assert_eq!(verdict, expected, "{:?}", message);
            if expected == "valid" {
                model.0.push((image, message));
                prop_assert_eq!(tracker.filled(message.seq), Some(bytes));
            }
        }
    }
}
