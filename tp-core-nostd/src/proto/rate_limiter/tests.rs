//! Every input in every state, arbitrary streams against a list of all that was sent, and frames from ring to ring.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::*;
use crate::ids::{ClientId, StreamId};
use crate::proto::claim::{Entry, Overtaking, Streaming, TableId};
use crate::proto::publish::{Committed, FrameMeta, OfferError, Publisher};
use crate::proto::read::Reader;
use crate::proto::regions::fixture;
use crate::shm::{Dtype, MajorOrder, SlotImage, TensorHeader};
use crate::wire::Entries;
use crate::wire::control::*;
use crate::wire::enums::{FrameProgressState, Mode};
use proptest::prelude::*;
use std::format;
use std::string::String;
use std::vec::Vec;

const SOURCE: StreamId = StreamId::new(10_000).unwrap();
const DESTINATION: StreamId = StreamId::new(20_000).unwrap();
const MAPPING: Mapping = Mapping {
    source: SOURCE,
    destination: DESTINATION,
};

fn at(ms: u64) -> Instant {
    Instant::from_ns(ms * 1_000_000)
}

fn epoch(raw: u64) -> Epoch {
    Epoch::new(raw).unwrap()
}

fn seq(raw: u64) -> Seq {
    Seq::new(raw).unwrap()
}

/// Ten frames per second, source in epoch 5, destination in epoch 70, frames 0 to 3 went on or not.
fn flowing() -> Limiter {
    let mut limiter = Limiter::new(MAPPING, Some(10));
    limiter.source_mapped(epoch(5));
    limiter.destination_attached(epoch(70));
    limiter
}

fn states() -> [(&'static str, Limiter); 7] {
    let mut source_only = Limiter::new(MAPPING, Some(10));
    source_only.source_mapped(epoch(5));
    let mut sent = flowing();
    assert_eq!(sent.frame(at(0), epoch(5), seq(3)), Step::Publish);
    let mut kept = sent.clone();
    assert_eq!(kept.frame(at(10), epoch(5), seq(4)), Step::Keep);
    let mut spent = kept.clone();
    spent.source_mapped(epoch(6));
    let mut lost = kept.clone();
    lost.source_lost();
    [
        ("new", Limiter::new(MAPPING, Some(10))),
        ("source only", source_only),
        ("flowing", flowing()),
        ("sent 3", sent),
        ("kept 4", kept),
        ("spent", spent),
        ("source lost", lost),
    ]
}

// req: L-003, L-004, L-010, L-011, L-030, L-031, L-038, L-040
#[test]
fn every_input_in_every_state() {
    type Input = (&'static str, fn(&mut Limiter) -> String);
    fn frame(limiter: &mut Limiter, ms: u64, of: u64, number: u64) -> String {
        format!("{:?}", limiter.frame(at(ms), epoch(of), seq(number)))
    }
    let inputs: [Input; 14] = [
        ("nothing", |_| String::new()),
        ("frame 5 early", |l| frame(l, 20, 5, 5)),
        ("frame 5 in time", |l| frame(l, 100, 5, 5)),
        ("frame 3", |l| frame(l, 100, 5, 3)),
        ("frame 2", |l| frame(l, 100, 5, 2)),
        ("frame of 6", |l| frame(l, 100, 6, 9)),
        ("poll early", |l| format!("{:?}", l.poll(at(99)))),
        ("poll", |l| format!("{:?}", l.poll(at(100)))),
        ("source in 5", |l| {
            l.source_mapped(epoch(5));
            String::new()
        }),
        ("source in 6", |l| {
            l.source_mapped(epoch(6));
            String::new()
        }),
        ("source gone", |l| {
            l.source_lost();
            String::new()
        }),
        ("attached in 70", |l| {
            l.destination_attached(epoch(70));
            String::new()
        }),
        ("lease gone", |l| {
            l.destination_lost();
            String::new()
        }),
        ("attached in 71", |l| {
            l.destination_attached(epoch(71));
            String::new()
        }),
    ];
    let mut table = String::new();
    for (name, input) in inputs {
        for (state, mut limiter) in states() {
            let said = input(&mut limiter);
            let wants = if limiter.wants_reattach() {
                "reattach"
            } else {
                ""
            };
            let due = match limiter.poll_timeout() {
                Instant::NEVER => String::new(),
                due => format!("due {}", due.as_ns() / 1_000_000),
            };
            // What becomes of a frame that comes then, in either epoch of the source.
            let then = [5, 6].map(|of| {
                let step = limiter.clone().frame(at(101), epoch(of), seq(9));
                match step {
                    Step::Publish => "P",
                    Step::Keep => "K",
                    Step::Drop(_) => "-",
                }
            });
            let then = then.concat();
            table += format!("{name:15} {state:11} {then} {said:19} {wants:8} {due}").trim_end();
            table.push('\n');
        }
    }
    assert_eq!(table, include_str!("table.txt"));
}

proptest! {
    #[test] // req: L-003, L-004, L-006, L-007, L-011, L-030, L-038
    fn what_goes_on_is_rare_new_and_rising(
        steps in prop::collection::vec((0..60_u64, 0..12_u32), 0..150),
    ) {
        let mut limiter = flowing();
        let (mut now, mut next, mut source, mut destination) = (0, 0, 5, 70);
        let mut kept = None;
        // Epochs of both ends, number and time of all that went on.
        let mut sent: Vec<(u64, u64, u64, u64)> = Vec::new();
        for (ms, what) in steps {
            now += ms;
            let went_on = match what {
                0 => { // the source begins anew
                    (source, next, kept) = (source + 1, 0, None);
                    limiter.source_mapped(epoch(source));
                    None
                }
                1 if limiter.wants_reattach() => {
                    (destination, kept) = (destination + 1, None);
                    limiter.destination_attached(epoch(destination));
                    None
                }
                2..8 => {
                    let number = next;
                    next += 1;
                    match limiter.frame(at(now), epoch(source), seq(number)) {
                        Step::Publish => { kept = None; Some(number) }
                        Step::Keep => { kept = Some(number); None }
                        Step::Drop(cause) => {
                            // Only between a new source epoch and a new destination epoch.
                            prop_assert_eq!(cause, DropCause::NoDestination);
                            prop_assert!(limiter.wants_reattach());
                            None
                        }
                    }
                }
                _ => {
                    let polled = limiter.poll(at(now)).map(Seq::get);
                    prop_assert!(polled.is_none() || polled == kept.take(), "the newest copy");
                    polled
                }
            };
            if let Some(number) = went_on {
                if let Some((of, into, last, then)) = sent.last().copied() {
                    prop_assert!(into < destination || last < number, "numbers rise in an epoch");
                    prop_assert!(of == source || into < destination, "no epoch has two sources");
                    let is_new = of < source || into < destination;
                    prop_assert!(is_new || now - then >= 100, "not too often");
                }
                sent.push((source, destination, number, now));
            }
        }
    }
}

fn hello(stream: StreamId, consumer: u32, max_rate_hz: Option<u32>) -> ConsumerHello<'static> {
    ConsumerHello {
        stream_id: stream,
        consumer_id: ClientId::new(consumer).unwrap(),
        supports_shm: true,
        supports_progress: false,
        mode: Mode::Stream,
        max_rate_hz,
        expected_layout_version: None,
        progress: ProgressHints::default(),
        descriptor: StreamRequest::None,
        control: StreamRequest::None,
    }
}

#[test] // req: L-005, L-008, L-009, L-039
fn the_first_consumer_sets_the_rate_until_it_is_gone() {
    let mut binding = Binding::new(DESTINATION, Some(50));
    assert_eq!(
        (binding.rate(), binding.poll_timeout()),
        (Some(50), Instant::NEVER)
    );
    let mut say = |ms, consumer, rate, stream| {
        let greeting = binding.handle_hello(at(ms), &hello(stream, consumer, rate));
        (greeting, binding.rate())
    };
    let bound = ClientId::new(7).unwrap();
    let ignored = Greeting::Ignored { bound };
    use Greeting::{Heard, NotOurs};
    let rows = [
        (0, 7, Some(10), SOURCE, (NotOurs, Some(50))),
        (0, 7, Some(10), DESTINATION, (Heard, Some(10))),
        (1_000, 8, Some(90), DESTINATION, (ignored, Some(10))),
        (2_000, 7, Some(20), DESTINATION, (Heard, Some(20))),
        (2_000, 7, None, DESTINATION, (Heard, Some(0))), // unlimited
        (2_000, 7, Some(u32::MAX), DESTINATION, (Heard, Some(50))), // no rate
        (6_999, 8, Some(90), DESTINATION, (ignored, Some(50))),
        (7_000, 8, Some(90), DESTINATION, (Heard, Some(90))),
    ];
    for (ms, consumer, rate, stream, expected) in rows {
        assert_eq!(
            say(ms, consumer, rate, stream),
            expected,
            "{consumer} at {ms}"
        );
    }
    assert_eq!(binding.poll_timeout(), at(12_000));
    assert!(!binding.expire(at(11_999)));
    assert!(binding.expire(at(12_000)));
    assert_eq!(binding.rate(), Some(50));
}

#[test] // req: L-032, L-033, L-034, L-035
fn mappings_that_cannot_work_are_refused() {
    let stream = |raw| StreamId::new(raw).unwrap();
    let map = |pairs: &[(u32, u32)]| -> Vec<Mapping> {
        let pairs = pairs.iter().map(|(source, destination)| Mapping {
            source: stream(*source),
            destination: stream(*destination),
        });
        pairs.collect()
    };
    let cycle = |raw| Err(SetupError::Cycle(stream(raw)));
    let rows = [
        (&[][..], Ok(())),
        (&[(1, 2)], Ok(())),
        (&[(1, 2), (1, 3), (3, 4)], Ok(())),
        (&[(1, 1)], cycle(1)),
        (&[(1, 2), (2, 1)], cycle(2)),
        (
            &[(1, 2), (2, 3), (3, 4), (4, 2)],
            Err(SetupError::SharedDestination(stream(2))),
        ),
        (&[(2, 3), (3, 4), (4, 2)], cycle(3)),
        (
            &[(1, 3), (2, 3)],
            Err(SetupError::SharedDestination(stream(3))),
        ),
    ];
    for (pairs, expected) in rows {
        let found = check(&map(pairs), &Forwarding::default());
        assert_eq!(found, expected, "{pairs:?}");
    }

    // Both ends may share their control and their QoS stream.
    let (one, none) = (Some(stream(1_000)), None);
    let of = |progress, control, qos, qos_streams| Forwarding {
        progress,
        control,
        qos,
        qos_streams,
    };
    let rows = [
        (of(true, (one, one), true, (one, one)), Ok(())),
        (of(false, (none, none), false, (none, none)), Ok(())),
        (
            of(true, (one, none), false, (none, none)),
            Err(SetupError::NoControlStream),
        ),
        (
            of(true, (none, one), false, (none, none)),
            Err(SetupError::NoControlStream),
        ),
        (
            of(false, (none, none), true, (none, one)),
            Err(SetupError::NoQosStream),
        ),
        (
            of(false, (none, none), true, (one, none)),
            Err(SetupError::NoQosStream),
        ),
    ];
    for (forwarding, expected) in rows {
        let found = check(&map(&[(1, 2)]), &forwarding);
        assert_eq!(found, expected, "{forwarding:?}");
    }
}

#[test] // req: L-001, L-006, L-015, L-020, L-025, L-028, L-029, L-035, L-036, L-037
fn what_is_told_of_the_source_is_told_of_the_destination() {
    let mut limiter = flowing();
    let of = |stream_id| FrameProgress {
        stream_id,
        epoch: epoch(5),
        seq: seq(3),
        payload_bytes_filled: 9,
        state: FrameProgressState::Complete,
    };
    assert_eq!(limiter.progress(&of(SOURCE)), None, "not accepted");
    assert_eq!(limiter.frame(at(0), epoch(5), seq(3)), Step::Publish);
    let ours = FrameProgress {
        stream_id: DESTINATION,
        epoch: epoch(70),
        ..of(SOURCE)
    };
    assert_eq!(limiter.progress(&of(SOURCE)), Some(ours));
    assert_eq!(limiter.progress(&of(DESTINATION)), None, "our own");
    let other_frame = FrameProgress {
        seq: seq(4),
        ..of(SOURCE)
    };
    assert_eq!(limiter.progress(&other_frame), None);
    let other_epoch = FrameProgress {
        epoch: epoch(4),
        ..of(SOURCE)
    };
    assert_eq!(limiter.progress(&other_epoch), None);

    let descriptor = FrameDescriptor {
        stream_id: SOURCE,
        epoch: epoch(5),
        seq: seq(3),
        timestamp_ns: Some(1),
        meta_version: Some(2),
        trace_id: Some(77),
    };
    let ours = FrameDescriptor {
        stream_id: DESTINATION,
        epoch: epoch(70),
        timestamp_ns: Some(9),
        ..descriptor
    };
    assert_eq!(limiter.descriptor(&descriptor, 9), Some(ours));

    let announce = DataSourceAnnounce {
        stream_id: SOURCE,
        producer_id: ClientId::new(1),
        epoch: epoch(5),
        meta_version: 2,
        name: Some("camera".into()),
        summary: None,
    };
    let producer = ClientId::new(2).unwrap();
    let ours = DataSourceAnnounce {
        stream_id: DESTINATION,
        producer_id: Some(producer),
        epoch: epoch(70),
        ..announce
    };
    assert_eq!(limiter.announce(&announce, producer), Some(ours));
    assert_eq!(limiter.announce(&ours, producer), None);
    let meta = DataSourceMeta {
        stream_id: SOURCE,
        meta_version: 2,
        timestamp_ns: 3,
        attributes: Entries::listed(&[]),
    };
    let ours = DataSourceMeta {
        stream_id: DESTINATION,
        ..meta
    };
    assert_eq!(limiter.meta(&meta), Some(ours));
    assert_eq!(limiter.meta(&ours), None);

    let qos = QosProducer {
        stream_id: SOURCE,
        producer_id: ClientId::new(1),
        epoch: Some(epoch(5)),
        current_seq: seq(4),
        watermark: None,
    };
    let ours = QosProducer {
        stream_id: DESTINATION,
        ..qos
    };
    assert_eq!(limiter.qos_producer(&qos), Some(ours));
    assert_eq!(limiter.qos_producer(&ours), None);

    limiter.destination_lost();
    assert_eq!(limiter.descriptor(&descriptor, 9), None);
    assert_eq!(limiter.announce(&announce, producer), None);
}

#[test] // req: L-023, L-025, L-037
fn the_end_of_a_frame_is_told_when_the_frame_goes_on() {
    use FrameProgressState::{Complete, Progress};
    let mut limiter = flowing();
    let of = |number, state| FrameProgress {
        stream_id: SOURCE,
        epoch: epoch(5),
        seq: seq(number),
        payload_bytes_filled: 9,
        state,
    };
    let ours = |number| {
        Some(FrameProgress {
            stream_id: DESTINATION,
            epoch: epoch(70),
            ..of(number, Complete)
        })
    };
    // Told before its descriptor came.
    assert_eq!(limiter.progress(&of(0, Complete)), None);
    assert_eq!(limiter.due_progress(), None);
    assert_eq!(limiter.frame(at(0), epoch(5), seq(0)), Step::Publish);
    assert_eq!(limiter.due_progress(), ours(0));
    assert_eq!(limiter.due_progress(), None, "once");

    // The end of what waits its time is told when that comes, of what it replaced never.
    for number in [1, 2] {
        assert_eq!(limiter.frame(at(1), epoch(5), seq(number)), Step::Keep);
        assert_eq!(limiter.progress(&of(number, Complete)), None);
    }
    assert_eq!(limiter.progress(&of(3, Progress)), None, "not whole");
    assert_eq!(limiter.due_progress(), None);
    assert_eq!(limiter.poll(at(100)), Some(seq(2)));
    assert_eq!(limiter.due_progress(), ours(2));

    // Another epoch of the source: what was held is of none.
    assert_eq!(limiter.progress(&of(4, Complete)), None);
    limiter.source_mapped(epoch(6));
    limiter.destination_attached(epoch(71));
    assert_eq!(limiter.frame(at(200), epoch(6), seq(4)), Step::Publish);
    assert_eq!(limiter.due_progress(), None);
}

// req: L-006, L-007, L-013, L-014, L-015, L-016, L-017
#[test]
fn frames_keep_their_numbers_from_ring_to_ring() {
    let entries = || [Entry::FREE; 4];
    let claims =
        |id| Streaming::new(TableId(id), entries(), fixture::SLOTS, Overtaking::Hold).unwrap();
    let from = fixture::regions();
    let mut camera = Publisher::new(from, claims(1));
    let mut reader = Reader::new(from, [0; 4]).unwrap();
    let to = fixture::regions();
    let mut ours = Publisher::new(to, claims(2));
    let mut theirs = Reader::new(to, [0; 4]).unwrap();
    let mut limiter = flowing();
    let tensor = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[3]).unwrap();
    let mut went_on = Vec::new();
    for number in 0..9_u8 {
        let mut image = SlotImage::new(&tensor);
        let meta = FrameMeta {
            timestamp_ns: 7,
            meta_version: Some(3),
            trace_id: Some(5),
        };
        let _ = camera.offer(&[number; 3], &mut image, meta, None).unwrap();
        let frame = reader.read(seq(number.into())).unwrap();
        // Two of three come too early; of those the copy is not asked for here.
        let step = limiter.frame(at(u64::from(number) * 40), epoch(5), frame.seq);
        if step != Step::Publish {
            continue;
        }
        let mut copy = [0; 256];
        let len = reader.copy_to(&frame, &mut copy).unwrap();
        assert!(ours.skip_to(frame.seq));
        let mut image = SlotImage::new(&frame.header.tensor);
        let Committed::Ready(descriptor) =
            ours.offer(&copy[..len], &mut image, meta, Some(9)).unwrap()
        else {
            panic!("nothing else is claimed");
        };
        assert_eq!((descriptor.seq, descriptor.trace_id), (frame.seq, Some(5)));
        let there = theirs.read(descriptor.seq).unwrap();
        let len = theirs.copy_to(&there, &mut copy).unwrap();
        assert_eq!(&copy[..len], [number; 3]);
        assert_eq!(there.header.tensor, frame.header.tensor);
        assert_eq!(
            there.header.pool_id,
            fixture::pool_id(2),
            "the smallest that fits"
        );
        assert_eq!(there.header.meta_version, Some(3));
        assert_eq!(there.header.timestamp_ns, Some(7));
        went_on.push(number);
    }
    assert_eq!(went_on, [0, 3, 6]);
    assert!(!ours.skip_to(seq(5)), "numbers never fall");
    let too_long = ours.offer(
        &[0; 257],
        &mut SlotImage::new(&tensor),
        FrameMeta::default(),
        None,
    );
    assert!(
        matches!(too_long, Err(OfferError::TooLarge { .. })),
        "{too_long:?}"
    );
}
