//! Every kind of stage with every kind of input, arbitrary inputs against a slow list, and what becomes of sets.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::*;
use crate::ids::{Epoch, StreamId};
use crate::seq::{Seq, SlotCount};
use crate::wire::tracelink::TraceLinkSetView;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec as List;

const STREAM: StreamId = StreamId::new(10_000).unwrap();
const EPOCH: Epoch = Epoch::new(5).unwrap();

fn id(raw: u64) -> TraceId {
    TraceId::new(raw).unwrap()
}

/// What is traced when new ids count up from 100; 0 is an untraced input.
fn traced(stage: Stage, inputs: &[u64]) -> (u64, List<u64>) {
    let mut next = 99;
    let inputs = inputs.iter().map(|raw| (*raw != 0).then_some(*raw));
    let traced = Traced::<4>::new(stage, inputs, || {
        next += 1;
        id(next)
    });
    let parents = traced.parents().iter().map(|id| id.get()).collect();
    (traced.trace_id().get(), parents)
}

#[test] // req: K-012, K-013, K-014, K-015, K-016, K-017, K-039, K-040, C-088
fn every_stage_with_every_kind_of_input() {
    use Stage::*;
    const ALL_ONES: u64 = u64::MAX;
    type Row = (Stage, &'static [u64], (u64, &'static [u64]));
    #[rustfmt::skip]
    let rows: [Row; 20] = [
        (Root,     &[],            (100, &[])),
        (Root,     &[7],           (100, &[])),
        (OneToOne, &[7],           (7,   &[])),
        (OneToOne, &[0],           (100, &[])),
        (OneToOne, &[ALL_ONES],    (100, &[])), // req: K-042
        (NToOne,   &[],            (100, &[])),
        (NToOne,   &[0, 0],        (100, &[])),
        (NToOne,   &[7],           (100, &[7])),
        (NToOne,   &[7, 0],        (100, &[7])),
        (NToOne,   &[7, 7],        (100, &[7])),
        (NToOne,   &[7, 8],        (100, &[7, 8])),
        (NToOne,   &[8, 7],        (100, &[8, 7])), // req: K-033
        (NToOne,   &[8, 7, 8, 0],  (100, &[8, 7])),
        (NToOne,   &[ALL_ONES, 8], (100, &[8])), // req: K-042
        (NToOne,   &[1, 2, 3, 4],  (100, &[1, 2, 3, 4])), // req: K-029
        (NToOne,   &[1, 2, 3, 4, 4], (100, &[1, 2, 3, 4])),
        (NToOne,   &[1, 2, 3, 4, 5], (100, &[])), // too many to be named
        (NToOne,   &[100, 101],    (102, &[100, 101])), // req: K-041
        (Reroot,   &[7],           (100, &[7])),
        (Reroot,   &[0],           (100, &[])),
    ];
    for (stage, inputs, (trace_id, parents)) in rows {
        let expected = (trace_id, parents.to_vec());
        assert_eq!(traced(stage, inputs), expected, "{stage:?} {inputs:?}");
    }
}

fn descriptor(seq: u64, trace_id: u64) -> FrameDescriptor {
    FrameDescriptor {
        stream_id: STREAM,
        epoch: EPOCH,
        seq: Seq::new(seq).unwrap(),
        timestamp_ns: None,
        meta_version: None,
        trace_id: Some(trace_id),
    }
}

/// Of a frame with id 100 and these parents.
fn of(parents: &[u64]) -> Traced<4> {
    let inputs = parents.iter().copied().map(Some);
    Traced::new(Stage::NToOne, inputs, || id(100))
}

#[test] // req: K-027, K-028, K-030, K-031, K-032, K-038
fn a_set_says_what_the_descriptor_says() {
    let mut sender = LinkSender::new(Unchecked);
    let mut message = [0; 128];
    let mut len = 0;
    let sent = sender.send(&descriptor(9, 100), of(&[2, 1, 2]), |set| {
        set.encode(&mut message).map(|written| len = written)
    });
    assert_eq!(sent, Sent::Offered);
    let view = TraceLinkSetView::parse(&message[..len]).unwrap();
    let set = TraceLinkSet::try_from(view).unwrap();
    assert_eq!(
        (set.stream_id, set.epoch, set.seq.get()),
        (STREAM, EPOCH, 9)
    );
    assert_eq!(set.trace_id, id(100));
    assert!(set.parents.iter().eq([id(2), id(1)]));
}

#[test] // req: K-002, K-018, K-043
fn a_set_is_offered_once_and_counted() {
    let mut sender = LinkSender::new(Unchecked);
    let frame = descriptor(0, 100);
    let mut offers = 0;
    let mut send = |sender: &mut LinkSender<_>, parents: &[u64], taken: Result<(), u8>| {
        sender.send(&frame, of(parents), |_| {
            offers += 1;
            taken
        })
    };
    assert_eq!(send(&mut sender, &[], Ok(())), Sent::Nothing);
    assert_eq!(send(&mut sender, &[1], Ok(())), Sent::Offered);
    assert_eq!(send(&mut sender, &[1, 2], Err(3)), Sent::NotTaken(3));
    let many = send(&mut sender, &[1, 2, 3, 4, 5], Ok(()));
    assert_eq!(many, Sent::TooManyParents);
    let mut sender = sender.with_validator(|_: &TraceLinkSet<'_>| Err(LinkRefusal::Application));
    let refused = sender.send(&frame, of(&[1]), |_| Ok::<_, ()>(()));
    assert_eq!(refused, Sent::Refused(LinkRefusal::Application));
    assert_eq!(offers, 2, "what was not taken is not offered again");
    let expected = LinkCounters {
        offered: 1,
        not_taken: 1,
        too_many_parents: 1,
        refused: 1,
    };
    assert_eq!(sender.counters(), expected);
}

#[test] // req: C-089
fn a_set_is_held_against_the_last_descriptor_of_its_slot() {
    let slots = SlotCount::new(2).unwrap();
    assert!(Published::new(STREAM, slots, [None; 1]).is_none());
    let mut published = Published::new(STREAM, slots, [None; 2]).unwrap();
    published.record(&descriptor(0, 50));
    published.record(&descriptor(1, 51));
    published.record(&descriptor(2, 100));
    let stranger = FrameDescriptor {
        stream_id: StreamId::new(7).unwrap(),
        ..descriptor(1, 100)
    };
    published.record(&stranger);
    let later = FrameDescriptor {
        epoch: Epoch::new(6).unwrap(),
        ..descriptor(2, 100)
    };
    let rows = [
        (descriptor(2, 100), Sent::Offered),
        (descriptor(0, 100), Sent::Refused(LinkRefusal::NotPublished)),
        (descriptor(1, 100), Sent::Refused(LinkRefusal::TraceId)),
        (descriptor(3, 100), Sent::Refused(LinkRefusal::NotPublished)),
        (stranger, Sent::Refused(LinkRefusal::Stream)),
        (later, Sent::Refused(LinkRefusal::Epoch)),
    ];
    let mut sender = LinkSender::new(published);
    for (frame, expected) in rows {
        let sent = sender.send(&frame, of(&[1]), |_| Ok::<_, ()>(()));
        assert_eq!(sent, expected, "{frame:?}");
    }
    // The first descriptor of another epoch leaves nothing of the last.
    sender.validator_mut().record(&later);
    let sent = sender.send(&later, of(&[1]), |_| Ok::<_, ()>(()));
    assert_eq!(sent, Sent::Offered);
    let sent = sender.send(&descriptor(2, 100), of(&[1]), |_| Ok::<_, ()>(()));
    assert_eq!(sent, Sent::Refused(LinkRefusal::Epoch));
    let mut unchecked = sender.with_validator(Unchecked);
    let sent = unchecked.send(&descriptor(2, 100), of(&[1]), |_| Ok::<_, ()>(()));
    assert_eq!(sent, Sent::Offered);
}

proptest! {
    #[test] // req: K-029, K-030, K-032, K-033, K-039, K-040, K-041
    fn sets_name_what_a_slow_list_would(inputs in prop::collection::vec(0..8_u64, 0..9)) {
        let mut distinct = vec![];
        for input in &inputs {
            if *input != 0 && !distinct.contains(input) {
                distinct.push(*input);
            }
        }
        if distinct.len() > 4 {
            distinct.clear();
        }
        prop_assert_eq!(traced(Stage::NToOne, &inputs), (100, distinct));
    }
}
