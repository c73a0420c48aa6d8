//! Maps in every state, each kind of barrier by hand, and arbitrary histories against a slow look at all of them.

mod latest;
mod maps;
mod model;
mod sequence;
mod stale;
mod timestamp;

use super::*;
use crate::ids::{Epoch, StreamId};
use crate::seq::Seq;
use crate::time::Instant;
use crate::wire::Entries;
use crate::wire::enums::ClockDomain;
use crate::wire::merge_map::{
    Offset, OffsetNs, SequenceMergeMapAnnounce, SequenceNeed, SequenceRule,
    TimestampMergeMapAnnounce, TimestampNeed, TimestampRule, TimestampSource, WindowNs, WindowSize,
};

const OUT: StreamId = StreamId::new(100).unwrap();
const LEFT: StreamId = StreamId::new(1).unwrap();
const RIGHT: StreamId = StreamId::new(2).unwrap();
const EPOCH: Epoch = Epoch::new(50).unwrap();
const MONOTONIC: ClockDomain = ClockDomain::Monotonic;

type Sequence = SequenceJoin<[Place<SequenceRule>; 3]>;
type Timestamp = TimestampJoin<[Place<TimestampRule>; 3]>;

fn epoch(raw: u64) -> Epoch {
    Epoch::new(raw).unwrap()
}

fn seq(raw: u64) -> Seq {
    Seq::new(raw).unwrap()
}

fn at(ns: u64) -> Instant {
    Instant::from_ns(ns)
}

fn offset(input: StreamId, by: i32) -> SequenceRule {
    let need = SequenceNeed::Offset(Offset::new(by).unwrap());
    SequenceRule { input, need }
}

fn window(input: StreamId, size: u32) -> SequenceRule {
    let need = SequenceNeed::Window(WindowSize::new(size).unwrap());
    SequenceRule { input, need }
}

fn sequence_map(rules: &[SequenceRule]) -> SequenceMergeMapAnnounce<'_> {
    SequenceMergeMapAnnounce {
        out_stream_id: OUT,
        epoch: EPOCH,
        stale_timeout_ns: None,
        rules: Entries::listed(rules),
    }
}

fn offset_ns(input: StreamId, by: i64) -> TimestampRule {
    TimestampRule {
        input,
        source: TimestampSource::FrameDescriptor,
        need: TimestampNeed::Offset(OffsetNs::new(by).unwrap()),
    }
}

fn window_ns(input: StreamId, ns: u64) -> TimestampRule {
    TimestampRule {
        need: TimestampNeed::Window(WindowNs::new(ns).unwrap()),
        ..offset_ns(input, 0)
    }
}

fn timestamp_map(rules: &[TimestampRule]) -> TimestampMergeMapAnnounce<'_> {
    TimestampMergeMapAnnounce {
        out_stream_id: OUT,
        epoch: EPOCH,
        stale_timeout_ns: None,
        clock_domain: MONOTONIC,
        lateness_ns: 0,
        rules: Entries::listed(rules),
    }
}

fn sequence_join(policy: JoinPolicy, map: &SequenceMergeMapAnnounce<'_>) -> Sequence {
    let mut barrier = SequenceJoin::new(OUT, policy, [Place::FREE; 3]);
    barrier.begin_epoch(EPOCH);
    let _ = barrier.apply(map);
    barrier
}

fn timestamp_join(policy: JoinPolicy, map: &TimestampMergeMapAnnounce<'_>) -> Timestamp {
    let mut barrier = TimestampJoin::new(OUT, policy, [Place::FREE; 3]);
    barrier.begin_epoch(EPOCH);
    let _ = barrier.apply(map);
    barrier
}

/// A frame of the input's epoch 1 with a descriptor of this time.
fn frame(input: StreamId, number: u64, time_ns: Option<u64>) -> InputFrame {
    InputFrame {
        time_ns,
        clock: Some(MONOTONIC),
        ..InputFrame::new(input, epoch(1), seq(number))
    }
}

fn out(ns: u64) -> OutTime {
    let clock = MONOTONIC;
    OutTime { ns, clock }
}
