//! Merge maps: asked for by joins, told by their authorities.

use core::time::Duration;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::seq::Seq;
use tp_core_nostd::wire::Entries;
use tp_core_nostd::wire::control::FrameDescriptor;
use tp_core_nostd::wire::enums::ClockDomain;
use tp_core_nostd::wire::merge_map::{
    Offset, SequenceMergeMapAnnounce, SequenceMergeMapRequest, SequenceNeed, SequenceRule,
    TimestampMergeMapRequest, TimestampSource,
};
use tp_std::{
    CONTROL_STREAM, JoinConfig, Readiness, SequenceJoinBarrier, SequenceMap, TimestampJoinBarrier,
    TimestampMap,
};

use crate::rig::{CYCLE, Rig, Voice};

const LEFT: StreamId = StreamId::new(1).unwrap();
const RIGHT: StreamId = StreamId::new(2).unwrap();
const OUT: StreamId = StreamId::new(3).unwrap();
const EPOCH: Epoch = Epoch::new(5).unwrap();
const SECOND: Duration = Duration::from_secs(1);

/// Duty cycles within `span`.
fn cycles(span: Duration) -> u32 {
    u32::try_from(span.as_nanos() / CYCLE.as_nanos()).unwrap()
}

fn join(rig: &Rig) -> SequenceJoinBarrier {
    let mut join: SequenceJoinBarrier = rig.client.join(JoinConfig::new(OUT)).unwrap();
    join.begin_epoch(EPOCH);
    join
}

/// Somebody announces that frame n of OUT is made from frame n of each input.
fn announce(voice: &mut Voice, epoch: Epoch, inputs: &[StreamId]) {
    let need = SequenceNeed::Offset(Offset::new(0).unwrap());
    let rules: Vec<_> = inputs
        .iter()
        .map(|&input| SequenceRule { input, need })
        .collect();
    let map = SequenceMergeMapAnnounce {
        out_stream_id: OUT,
        epoch,
        stale_timeout_ns: None,
        rules: Entries::listed(&rules),
    };
    voice.say(|out| map.encode(out));
}

fn request(message: Message<'_>) -> Option<u64> {
    match message {
        Message::SequenceMergeMapRequest(view) => {
            assert_eq!(view.block.out_stream_id.get(), OUT.get());
            Some(view.block.epoch.get())
        }
        _ => None,
    }
}

/// The epoch and the first input of each map that is told.
fn told(message: Message<'_>) -> Option<(u64, StreamId)> {
    match message {
        Message::SequenceMergeMapAnnounce(view) => {
            let map = SequenceMergeMapAnnounce::try_from(view).unwrap();
            assert_eq!(map.out_stream_id, OUT);
            Some((map.epoch.get(), map.rules.iter().next().unwrap().input))
        }
        _ => None,
    }
}

fn frame(stream_id: StreamId, number: u64) -> FrameDescriptor {
    FrameDescriptor {
        stream_id,
        epoch: Epoch::new(1).unwrap(),
        seq: Seq::new(number).unwrap(),
        timestamp_ns: None,
        meta_version: None,
        trace_id: None,
    }
}

#[test] // req: J-028, J-038, J-039, J-042, J-051, J-052
fn a_join_asks_for_its_map_until_somebody_tells_it() {
    let mut rig = Rig::new();
    let (mut ear, mut voice) = (rig.ear(), rig.voice(CONTROL_STREAM));
    let mut join = join(&rig);
    rig.cycles(cycles(SECOND * 8));
    // At once, then after 1, 2 and 4 s.
    assert_eq!(ear.heard(request), [EPOCH.get(); 4]);
    assert_eq!(join.ready(Seq::FIRST), Readiness::NoMap);

    announce(&mut voice, EPOCH, &[LEFT, RIGHT]);
    rig.cycles(2);
    assert!(join.has_map());
    join.observe(&frame(LEFT, 0), None);
    assert_eq!(join.ready(Seq::FIRST), Readiness::Waiting);
    join.observe(&frame(RIGHT, 0), None);
    assert_eq!(join.ready(Seq::FIRST), Readiness::Ready);
    rig.cycles(cycles(SECOND * 10));
    assert!(ear.heard(request).is_empty());
}

#[test] // req: J-020, J-025
fn another_epoch_of_the_output_needs_another_map_and_maps_of_others_change_nothing() {
    let mut rig = Rig::new();
    let (mut ear, mut voice) = (rig.ear(), rig.voice(CONTROL_STREAM));
    let mut join = join(&rig);
    announce(&mut voice, EPOCH, &[LEFT]);
    rig.cycles(2);
    assert!(join.has_map());
    // Of an epoch that is to come: nothing to this one, and known when it has come.
    let next = Epoch::new(6).unwrap();
    announce(&mut voice, next, &[RIGHT]);
    rig.cycles(2);
    assert!(join.has_map());
    join.begin_epoch(next);
    assert_eq!(join.ready(Seq::FIRST), Readiness::NoMap);
    ear.heard(request);
    rig.cycles(2);
    assert!(join.has_map());
    assert!(ear.heard(request).is_empty());
    let inputs: Vec<_> = join.inputs().map(|(input, _)| input).collect();
    assert_eq!(inputs, [RIGHT]);
    // Of one that is over, and of another kind.
    announce(&mut voice, EPOCH, &[LEFT]);
    rig.cycles(2);
    assert!(join.has_map());
    assert_eq!(join.counters().maps_applied, 2);
}

#[test] // req: J-021
fn a_map_that_was_heard_of_is_known_to_joins_that_come_later_and_told_again_changes_nothing() {
    let mut rig = Rig::new();
    let (mut ear, mut voice) = (rig.ear(), rig.voice(CONTROL_STREAM));
    let mut first = join(&rig);
    rig.cycles(2);
    announce(&mut voice, EPOCH, &[LEFT]);
    rig.cycles(2);
    assert!(first.has_map());
    first.observe(&frame(LEFT, 0), None);
    assert_eq!(ear.heard(request), [EPOCH.get()]);
    let mut second = join(&rig);
    rig.cycles(2);
    assert!(second.has_map());
    assert!(ear.heard(request).is_empty());
    for _ in 0..5 {
        announce(&mut voice, EPOCH, &[LEFT]);
        rig.cycles(cycles(SECOND));
    }
    assert_eq!(first.ready(Seq::FIRST), Readiness::Ready);
    assert_eq!(first.counters().maps_applied, 1);
}

#[test] // req: J-015, J-022, J-024, J-026
fn a_map_without_sense_stops_the_join_until_another_one_comes() {
    let mut rig = Rig::new();
    let (mut ear, mut voice) = (rig.ear(), rig.voice(CONTROL_STREAM));
    let config = JoinConfig::new(OUT).with_rules(2).unwrap();
    let mut join: SequenceJoinBarrier = rig.client.join(config).unwrap();
    join.begin_epoch(EPOCH);
    announce(&mut voice, EPOCH, &[LEFT]);
    rig.cycles(2);
    // An input is the output; more rules than there is room for here.
    for (void, inputs) in [&[LEFT, OUT][..], &[LEFT, RIGHT, LEFT]].iter().enumerate() {
        assert!(join.has_map());
        announce(&mut voice, EPOCH, inputs);
        rig.cycles(2);
        assert_eq!(join.ready(Seq::FIRST), Readiness::NoMap);
        assert_eq!(join.counters().maps_void, void as u64 + 1);
        announce(&mut voice, EPOCH, &[RIGHT]);
        rig.cycles(2);
    }
    assert!(join.has_map());
    // Only the first one was asked for again: the second makes sense to others.
    ear.heard(request);
    announce(&mut voice, EPOCH, &[OUT]);
    rig.cycles(2);
    join.has_map();
    rig.cycles(2);
    assert_eq!(ear.heard(request), [EPOCH.get()]);
}

#[test] // req: J-035, J-036, J-042
fn an_authority_tells_its_map_each_period_when_it_changes_and_when_asked() {
    let mut rig = Rig::new();
    let (mut ear, mut voice) = (rig.ear(), rig.voice(CONTROL_STREAM));
    let map = |input| SequenceMap::new(OUT).with_offset(input, 0).unwrap();
    let own = rig.client.announce_merge_map_for(EPOCH, map(LEFT)).unwrap();
    rig.cycles(cycles(SECOND * 5) - 10);
    assert_eq!(ear.heard(told), [(EPOCH.get(), LEFT); 5]);
    let ask = |voice: &mut Voice, epoch| {
        let request = SequenceMergeMapRequest {
            out_stream_id: OUT,
            epoch,
        };
        voice.say(|out| request.encode(out));
    };
    ask(&mut voice, EPOCH);
    rig.cycles(2);
    assert_eq!(ear.heard(told), [(EPOCH.get(), LEFT)]);
    // Of another epoch we know nothing, and another kind is somebody else's.
    ask(&mut voice, Epoch::new(4).unwrap());
    let request = TimestampMergeMapRequest {
        out_stream_id: OUT,
        epoch: EPOCH,
    };
    voice.say(|out| request.encode(out));
    rig.cycles(2);
    assert!(ear.heard(told).is_empty());
    let other = rig
        .client
        .announce_merge_map_for(EPOCH, map(RIGHT))
        .unwrap();
    drop(own);
    rig.cycles(2);
    assert_eq!(ear.heard(told), [(EPOCH.get(), RIGHT)]);
    drop(other);
    ask(&mut voice, EPOCH);
    rig.cycles(cycles(SECOND * 3));
    assert!(ear.heard(told).is_empty());
}

#[test] // req: J-097
fn without_a_period_maps_are_told_on_change_and_on_request_only() {
    let mut rig = Rig::with(|context| context.with_merge_map_announce_period(Duration::ZERO));
    let mut ear = rig.ear();
    let map = SequenceMap::new(OUT).with_offset(LEFT, 0).unwrap();
    let _own = rig.client.announce_merge_map_for(EPOCH, map).unwrap();
    rig.cycles(cycles(SECOND * 5));
    assert_eq!(ear.heard(told), [(EPOCH.get(), LEFT)]);
    // Our own joins ask like everybody else's.
    let mut join = join(&rig);
    rig.cycles(4);
    assert!(join.has_map());
}

// Maps of a client's own output wait for its producer, whose epoch they are for; here is none.
#[test] // req: J-009, J-030, J-037
fn maps_by_time_are_told_and_asked_for_alike() {
    let mut rig = Rig::new();
    let map = TimestampMap::new(OUT, ClockDomain::Monotonic)
        .with_offset(LEFT, TimestampSource::FrameDescriptor, 0)
        .unwrap();
    let own = rig.client.announce_merge_map(map.clone()).unwrap();
    let mut join: TimestampJoinBarrier = rig.client.join(JoinConfig::new(OUT)).unwrap();
    join.begin_epoch(EPOCH);
    rig.cycles(cycles(SECOND * 2));
    assert!(!join.has_map());
    drop(own);
    let _own = rig.client.announce_merge_map_for(EPOCH, map).unwrap();
    rig.cycles(5);
    assert!(join.has_map());
}
