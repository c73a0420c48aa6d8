//! What a stage does for each frame it makes: look, join, trace, thin out.

use crate::counter::allocations;
use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::join::{
    InputFrame, JoinPolicy, LatestBySequence, OutTime, Place, SequenceJoin, TimestampJoin,
};
use tp_core_nostd::proto::rate_limiter::{Limiter, Mapping, Step};
use tp_core_nostd::proto::trace_id::{TraceIdGenerator, TraceIdLayout};
use tp_core_nostd::proto::tracelink::{LinkSender, Published, Sent, Stage, Traced};
use tp_core_nostd::seq::{Seq, SlotCount};
use tp_core_nostd::time::Instant;
use tp_core_nostd::wire::Entries;
use tp_core_nostd::wire::control::FrameDescriptor;
use tp_core_nostd::wire::enums::ClockDomain;
use tp_core_nostd::wire::merge_map::{
    Offset, OffsetNs, SequenceMergeMapAnnounce, SequenceNeed, SequenceRule,
    TimestampMergeMapAnnounce, TimestampNeed, TimestampRule, TimestampSource,
};

const FRAMES: u64 = 200;
const CLOCK: ClockDomain = ClockDomain::Monotonic;

fn stream(raw: u32) -> StreamId {
    StreamId::new(raw).unwrap()
}

#[test] // req: J-002
fn joins_do_not_allocate() {
    let (out, epoch) = (stream(9), Epoch::new(1).unwrap());
    let inputs = [stream(1), stream(2)];
    let rules = inputs.map(|input| SequenceRule {
        input,
        need: SequenceNeed::Offset(Offset::new(0).unwrap()),
    });
    let by_number = SequenceMergeMapAnnounce {
        out_stream_id: out,
        epoch,
        stale_timeout_ns: None,
        rules: Entries::listed(&rules),
    };
    let rules = inputs.map(|input| TimestampRule {
        input,
        source: TimestampSource::FrameDescriptor,
        need: TimestampNeed::Offset(OffsetNs::new(0).unwrap()),
    });
    let by_time = TimestampMergeMapAnnounce {
        out_stream_id: out,
        epoch,
        stale_timeout_ns: None,
        clock_domain: CLOCK,
        lateness_ns: 0,
        rules: Entries::listed(&rules),
    };
    let (count, ()) = allocations(|| {
        let policy = JoinPolicy::default();
        let mut sequence = SequenceJoin::new(out, policy, [Place::FREE; 2]);
        let mut latest = LatestBySequence::new(out, policy, [Place::FREE; 2]);
        let mut timestamp = TimestampJoin::new(out, policy, [Place::FREE; 2]);
        sequence.begin_epoch(epoch);
        latest.begin_epoch(epoch);
        timestamp.begin_epoch(epoch);
        let _ = (sequence.apply(&by_number), latest.apply(&by_number));
        let _ = timestamp.apply(&by_time);
        for number in 0..FRAMES {
            let (now, seq) = (Instant::from_ns(number), Seq::new(number).unwrap());
            for input in inputs {
                let frame = InputFrame {
                    time_ns: Some(number),
                    clock: Some(CLOCK),
                    ..InputFrame::new(input, epoch, seq)
                };
                sequence.observed(now, &frame);
                latest.observed(now, &frame);
                timestamp.observed(now, &frame);
            }
            let (ns, clock) = (number, CLOCK);
            assert!(sequence.ready(now, seq).is_ready());
            assert!(timestamp.ready(now, OutTime { ns, clock }).is_ready());
            assert!(latest.ready(now).is_ready());
            assert_eq!(latest.selected().count(), 2);
            assert_eq!(sequence.inputs().count(), 2);
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn traces_and_thinned_streams_do_not_allocate() {
    let (source, destination) = (stream(1), stream(2));
    let epoch = Epoch::new(1).unwrap();
    let slots = SlotCount::new(8).unwrap();
    let (count, ()) = allocations(|| {
        let mut ids = TraceIdGenerator::new(TraceIdLayout::DEFAULT, 5, 1).unwrap();
        let published = Published::new(destination, slots, [None; 8]).unwrap();
        let mut links = LinkSender::new(published);
        let mut limiter = Limiter::new(
            Mapping {
                source,
                destination,
            },
            None,
        );
        limiter.source_mapped(epoch);
        limiter.destination_attached(epoch);
        let mut message = [0; 64];
        for number in 0..FRAMES {
            let seq = Seq::new(number).unwrap();
            let step = limiter.frame(Instant::from_ns(number), epoch, seq);
            assert_eq!(step, Step::Publish);
            let parents = [Some(7), Some(8)];
            let traced = Traced::<2>::new(Stage::NToOne, parents, || ids.mint(number));
            let descriptor = FrameDescriptor {
                stream_id: destination,
                epoch,
                seq,
                timestamp_ns: None,
                meta_version: None,
                trace_id: Some(traced.trace_id().get()),
            };
            links.validator_mut().record(&descriptor);
            let sent = links.send(&descriptor, traced, |set| set.encode(&mut message));
            assert_eq!(sent, Sent::Offered);
        }
    });
    assert_eq!(count, 0);
}
