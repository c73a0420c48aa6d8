//! What is kept, told and asked for, in every state; and an authority and a stage with messages that get lost between them.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::*;
use crate::ids::{Epoch, StreamId};
use crate::proto::dispatch::{Message, classify};
use crate::proto::join::{JoinPolicy, Place, SequenceJoin};
use crate::time::{Duration, Instant};
use crate::wire::Entries;
use crate::wire::ValueError;
use crate::wire::enums::ClockDomain;
use crate::wire::merge_map::*;
use proptest::prelude::*;
use std::vec::Vec;

const LEFT: StreamId = StreamId::new(1).unwrap();
const OUT: StreamId = StreamId::new(100).unwrap();

type Sequences = Registry<SequenceRule, [StoredMap<64>; 2], 64>;

fn epoch(raw: u64) -> Epoch {
    Epoch::new(raw).unwrap()
}

fn at(ms: u64) -> Instant {
    Instant::from_ns(ms * 1_000_000)
}

fn rules(by: i32, count: usize) -> Vec<SequenceRule> {
    let need = SequenceNeed::Offset(Offset::new(by).unwrap());
    let rule = SequenceRule { input: LEFT, need };
    std::vec![rule; count]
}

fn map(out: u32, of_epoch: u64, rules: &[SequenceRule]) -> SequenceMergeMapAnnounce<'_> {
    SequenceMergeMapAnnounce {
        out_stream_id: StreamId::new(out).unwrap(),
        epoch: epoch(of_epoch),
        stale_timeout_ns: Some(7),
        rules: Entries::listed(rules),
    }
}

fn scope(of_epoch: u64) -> Scope {
    let epoch = epoch(of_epoch);
    Scope { out: OUT, epoch }
}

#[test] // req: J-009, J-015, J-021, J-024, J-025, J-026
fn a_registry_keeps_the_newest_map_of_each_output() {
    let mut registry = Sequences::new([StoredMap::FREE; 2]);
    let (one, other) = (rules(0, 1), rules(-1, 2));
    let found = |registry: &Sequences, of_epoch| {
        let map = registry.find(OUT, epoch(of_epoch))?;
        Some(map.rules.iter().collect::<Vec<_>>())
    };
    assert_eq!(registry.keep(&map(100, 5, &one)), MapNews::Applied);
    assert_eq!(registry.keep(&map(100, 5, &one)), MapNews::Unchanged);
    assert_eq!(registry.keep(&map(100, 4, &other)), MapNews::Ignored);
    assert_eq!(found(&registry, 5), Some(one.clone()));
    assert_eq!(found(&registry, 4), None);
    assert_eq!(registry.keep(&map(100, 5, &other)), MapNews::Applied);
    assert_eq!(found(&registry, 5), Some(other.clone()));

    // One that is void displaces the valid one of its scope, and no other.
    let many = rules(0, 3);
    let (field, got, max) = ("rules", 3, 2);
    let too_many = MapNews::Void(ValueError::TooMany { field, got, max });
    assert_eq!(registry.keep(&map(100, 6, &many)), too_many);
    assert_eq!(found(&registry, 5), Some(other.clone()));
    assert_eq!(registry.keep(&map(100, 5, &many)), too_many);
    assert_eq!(found(&registry, 5), None);
    assert_eq!(registry.keep(&map(100, 5, &other)), MapNews::Applied);

    assert_eq!(registry.keep(&map(100, 6, &one)), MapNews::Applied);
    assert_eq!(
        (found(&registry, 5), found(&registry, 6)),
        (None, Some(one.clone()))
    );
    assert_eq!(registry.keep(&map(101, 1, &one)), MapNews::Applied);
    assert_eq!(registry.keep(&map(102, 1, &one)), MapNews::NoRoom);
    registry.forget(OUT);
    assert_eq!(registry.keep(&map(102, 1, &one)), MapNews::Applied);
}

#[test] // req: J-015, J-022, J-024
fn a_registry_hears_announces_that_make_no_sense() {
    let mut registry = Sequences::new([StoredMap::FREE; 2]);
    let one = rules(0, 1);
    let mut message = [0; 64];
    let len = map(100, 5, &one).encode(&mut message).unwrap();
    let hear = |registry: &mut Sequences, message: &[u8]| {
        registry.handle(SequenceMergeMapAnnounceView::parse(message).unwrap())
    };
    assert_eq!(hear(&mut registry, &message[..len]), MapNews::Applied);
    let mut senseless = message;
    senseless[8 + 20 + 4 + 4] = 255; // the rule's type
    let (field, got) = ("ruleType", 255);
    let void = MapNews::Void(ValueError::Number { field, got });
    assert_eq!(hear(&mut registry, &senseless[..len]), void);
    assert!(registry.find(OUT, epoch(5)).is_none());
    let mut nowhere = message;
    nowhere[8..12].fill(0); // the output
    assert_eq!(hear(&mut registry, &nowhere[..len]), MapNews::Ignored);
}

#[test] // req: J-030, J-032, J-034
fn timestamp_maps_are_kept_by_the_same_rules() {
    let mut registry = Registry::<TimestampRule, _, 63>::new([StoredMap::FREE; 1]);
    let rule = TimestampRule {
        input: LEFT,
        source: TimestampSource::SlotHeader,
        need: TimestampNeed::Window(WindowNs::new(9).unwrap()),
    };
    let rules = [rule];
    let map = TimestampMergeMapAnnounce {
        out_stream_id: OUT,
        epoch: epoch(5),
        stale_timeout_ns: None,
        clock_domain: ClockDomain::RealtimeSynced,
        lateness_ns: 0,
        rules: Entries::listed(&rules),
    };
    assert_eq!(registry.keep(&map), MapNews::Applied);
    assert_eq!(registry.find(OUT, epoch(5)), Some(map));
}

type Own = Authority<SequenceRule, [OwnMap<64>; 2], 64>;

/// Everything an authority has to tell now: output and epoch.
fn told(authority: &mut Own, now: Instant) -> Vec<(u32, u64)> {
    let mut told = Vec::new();
    let mut tell = |bytes: &[u8]| {
        let view = SequenceMergeMapAnnounceView::parse(bytes).unwrap();
        told.push((view.block.out_stream_id.get(), view.block.epoch.get()));
        Ok::<_, ()>(())
    };
    while authority.transmit(now, &mut tell).unwrap() {}
    told
}

#[test] // req: J-028, J-029, J-035, J-036, J-042, J-097
fn an_authority_tells_changes_periods_and_answers() {
    let one = rules(0, 1);
    let other = rules(-1, 1);
    let mut authority = Own::new([OwnMap::FREE; 2], Duration::from_secs(1));
    assert_eq!(authority.poll_timeout(), Instant::NEVER);
    assert!(told(&mut authority, at(0)).is_empty());
    authority.publish(&map(100, 5, &one)).unwrap();
    assert_eq!(told(&mut authority, at(0)), [(100, 5)], "the first");
    assert!(told(&mut authority, at(999)).is_empty());
    assert_eq!(authority.poll_timeout(), at(1_000));
    assert_eq!(told(&mut authority, at(1_000)), [(100, 5)], "each period");
    authority.publish(&map(100, 5, &one)).unwrap();
    assert!(told(&mut authority, at(1_001)).is_empty(), "no change");
    authority.publish(&map(100, 5, &other)).unwrap();
    assert_eq!(told(&mut authority, at(1_001)), [(100, 5)], "a change");
    assert!(!authority.asked(scope(4)), "not ours");
    assert!(told(&mut authority, at(1_002)).is_empty());
    assert!(authority.asked(scope(5)));
    assert!(authority.asked(scope(5)));
    assert_eq!(
        told(&mut authority, at(1_002)),
        [(100, 5)],
        "one answer for both"
    );
    authority.publish(&map(100, 6, &other)).unwrap();
    assert_eq!(
        told(&mut authority, at(1_003)),
        [(100, 6)],
        "in its next epoch"
    );
    assert!(!authority.asked(scope(5)), "over");
    authority.publish(&map(101, 1, &one)).unwrap();
    let refused = authority.publish(&map(102, 1, &one));
    assert_eq!(refused, Err(Refused::NoRoom));
    authority.withdraw(OUT);
    assert_eq!(told(&mut authority, at(9_000)), [(101, 1)]);
}

#[test] // req: J-097
fn with_a_period_of_zero_changes_and_answers_are_all_that_is_told() {
    let one = rules(0, 1);
    let mut authority = Own::new([OwnMap::FREE; 2], Duration::ZERO);
    authority.publish(&map(100, 5, &one)).unwrap();
    assert_eq!(told(&mut authority, at(0)), [(100, 5)]);
    assert_eq!(authority.poll_timeout(), Instant::NEVER);
    assert!(told(&mut authority, at(99_000)).is_empty());
    assert!(authority.asked(scope(5)));
    assert_eq!(told(&mut authority, at(99_000)), [(100, 5)]);
    authority.publish(&map(100, 6, &one)).unwrap();
    assert_eq!(
        told(&mut authority, at(99_000)),
        [(100, 6)],
        "the first of its epoch"
    );
}

#[test] // req: J-022, J-023, J-026
fn an_authority_tells_no_map_that_makes_no_sense() {
    let one = rules(0, 1);
    let mut authority = Own::new([OwnMap::FREE; 2], Duration::from_secs(1));
    authority.publish(&map(100, 5, &one)).unwrap();
    let own = [SequenceRule {
        input: OUT,
        ..one[0]
    }];
    let many = rules(0, 3);
    for (rules, is_void) in [(&[][..], true), (&own[..], true), (&many[..], false)] {
        let refused = authority.publish(&map(100, 5, rules)).unwrap_err();
        assert_eq!(matches!(refused, Refused::Void(_)), is_void, "{refused}");
    }
    assert_eq!(told(&mut authority, at(0)), [(100, 5)], "the one it has");
}

#[test] // req: J-036
fn an_announce_that_was_not_taken_stays_due() {
    let one = rules(0, 1);
    let mut authority = Own::new([OwnMap::FREE; 2], Duration::from_secs(1));
    authority.publish(&map(100, 5, &one)).unwrap();
    assert_eq!(authority.transmit(at(0), |_| Err(3)), Err(3));
    assert_eq!(told(&mut authority, at(1)), [(100, 5)]);
}

#[test] // req: J-037, J-038, J-039, J-042
fn a_requester_asks_with_backoff_until_nothing_is_wanted() {
    let mut requester = MapRequester::<TimestampRule>::new();
    let mut asked = Vec::new();
    let ask = |requester: &mut MapRequester<_>, now, asked: &mut Vec<u64>| {
        requester.transmit(at(now), |bytes| {
            let view = TimestampMergeMapRequestView::parse(bytes).unwrap();
            let request = TimestampMergeMapRequest::try_from(view).unwrap();
            assert_eq!(request.out_stream_id, OUT);
            asked.push(request.epoch.get());
            Ok::<_, ()>(())
        })
    };
    assert_eq!(ask(&mut requester, 0, &mut asked), Ok(false));
    assert_eq!(requester.poll_timeout(), Instant::NEVER);
    requester.want(Some(scope(5)));
    assert_eq!(requester.transmit(at(0), |_| Err(3)), Err(3), "stays due");
    let mut due = Vec::new();
    for ms in 0..20_000 {
        requester.want(Some(scope(5)));
        if ask(&mut requester, ms, &mut asked).unwrap() {
            due.push(ms);
        }
    }
    assert_eq!(due, [0, 1_000, 3_000, 7_000, 12_000, 17_000]);
    requester.want(Some(scope(6)));
    assert_eq!(ask(&mut requester, 20_000, &mut asked), Ok(true), "at once");
    assert_eq!(requester.poll_timeout(), at(21_000), "and from 1 s on");
    assert_eq!(asked, [5, 5, 5, 5, 5, 5, 6]);
    requester.want(None);
    assert_eq!(requester.poll_timeout(), Instant::NEVER);
}

proptest! {
    /// An authority and a stage; messages between them get lost, until they do not.
    #[test] // req: J-020, J-035, J-036, J-038, J-042, J-097
    fn a_stage_gets_its_map_whatever_is_lost(
        steps in prop::collection::vec((0..5_u32, any::<bool>()), 0..40),
        is_periodic in any::<bool>(),
    ) {
        let period = Duration::from_secs(u64::from(is_periodic));
        let mut authority = Own::new([OwnMap::FREE; 2], period);
        let mut barrier = SequenceJoin::new(OUT, JoinPolicy::default(), [Place::FREE; 2]);
        let mut requester = MapRequester::<SequenceRule>::new();
        let (mut now, mut of_epoch) = (0, 1);
        let healed = (0..30).map(|_| (4, true));
        let lossy = steps.len();
        for (nth, (what, arrives)) in steps.into_iter().chain(healed).enumerate() {
            now += 500;
            let one = rules(now as i32, 1);
            match what {
                0 => of_epoch += 1, // the output's producer restarts
                1 => barrier.begin_epoch(epoch(of_epoch)),
                2 | 3 => authority.publish(&map(100, of_epoch, &one)).unwrap(),
                _ => {}
            }
            if nth >= lossy {
                // In the end both know the epoch, and there is a map for it.
                barrier.begin_epoch(epoch(of_epoch));
                authority.publish(&map(100, of_epoch, &rules(0, 1))).unwrap();
            }
            requester.want(barrier.wanted());
            let _ = requester.transmit(at(now), |bytes| {
                if let (Ok(Message::SequenceMergeMapRequest(view)), true) = (classify(bytes), arrives) {
                    let request = SequenceMergeMapRequest::try_from(view).unwrap();
                    authority.asked(Scope { out: request.out_stream_id, epoch: request.epoch });
                }
                Ok::<_, ()>(())
            });
            let _ = authority.transmit(at(now), |bytes| {
                if let (Ok(Message::SequenceMergeMapAnnounce(view)), true) = (classify(bytes), arrives) {
                    let _ = barrier.handle_map(view);
                }
                Ok::<_, ()>(())
            });
        }
        prop_assert_eq!(barrier.wanted(), None);
    }
}
