//! What announces of maps do, in every state of a barrier.

use super::*;
use crate::proto::dispatch::{Message, classify};
use crate::proto::merge_map::{MapNews, Scope};
use crate::wire::ValueError;
use std::format;
use std::string::String;

/// A barrier with two frames seen, where there is a map.
fn barriers() -> [(&'static str, Sequence); 4] {
    let without = SequenceJoin::new(OUT, JoinPolicy::default(), [Place::FREE; 3]);
    let mut waiting = without.clone();
    waiting.begin_epoch(EPOCH);
    let mut joining = sequence_join(
        JoinPolicy::default(),
        &sequence_map(&[offset(LEFT, 0), offset(RIGHT, 0)]),
    );
    joining.observed(at(0), &frame(LEFT, 9, None));
    joining.observed(at(0), &frame(RIGHT, 9, None));
    let mut void = joining.clone();
    let _ = void.apply(&sequence_map(&[]));
    [
        ("no epoch", without),
        ("no map", waiting),
        ("joining", joining),
        ("void", void),
    ]
}

// req: J-009, J-015, J-019, J-020, J-021, J-022, J-023, J-024, J-025, J-026, J-051, J-052
#[test]
fn every_announce_in_every_state() {
    let rules = [offset(LEFT, 0), offset(RIGHT, 0)];
    let same = sequence_map(&rules);
    let other_rules = [offset(LEFT, 0), offset(RIGHT, -1)];
    let four = [offset(LEFT, 0); 4];
    let own = [offset(OUT, 0)];
    let maps = [
        ("the same", same),
        ("another rule", sequence_map(&other_rules)),
        ("one rule less", sequence_map(&rules[..1])),
        (
            "another timeout",
            SequenceMergeMapAnnounce {
                stale_timeout_ns: Some(0),
                ..same
            },
        ),
        ("no rule", sequence_map(&[])),
        ("too many rules", sequence_map(&four)),
        ("of the output itself", sequence_map(&own)),
        (
            "older epoch",
            SequenceMergeMapAnnounce {
                epoch: epoch(49),
                ..same
            },
        ),
        (
            "unknown epoch",
            SequenceMergeMapAnnounce {
                epoch: epoch(51),
                ..same
            },
        ),
        (
            "another output",
            SequenceMergeMapAnnounce {
                out_stream_id: StreamId::new(101).unwrap(),
                ..same
            },
        ),
    ];
    let mut table = String::new();
    for (name, map) in &maps {
        table += &format!("{name:20}");
        for (_, mut barrier) in barriers() {
            let news = match barrier.apply(map) {
                MapNews::Void(_) => "Void".into(),
                news => format!("{news:?}"),
            };
            let ready = barrier.ready(at(0), seq(0));
            table += &format!(" {:18}", format!("{news} {ready:?}"));
        }
        table = String::from(table.trim_end()) + "\n";
    }
    let reviewed = "\
the same             Ignored NoMap      Applied Waiting    Unchanged Ready    Applied Waiting
another rule         Ignored NoMap      Applied Waiting    Applied Waiting    Applied Waiting
one rule less        Ignored NoMap      Applied Waiting    Applied Waiting    Applied Waiting
another timeout      Ignored NoMap      Applied Waiting    Applied Waiting    Applied Waiting
no rule              Ignored NoMap      Void NoMap         Void NoMap         Void NoMap
too many rules       Ignored NoMap      Void NoMap         Void NoMap         Void NoMap
of the output itself Ignored NoMap      Void NoMap         Void NoMap         Void NoMap
older epoch          Ignored NoMap      Ignored NoMap      Ignored Ready      Ignored NoMap
unknown epoch        Ignored NoMap      Ignored NoMap      Ignored Ready      Ignored NoMap
another output       Ignored NoMap      Ignored NoMap      Ignored Ready      Ignored NoMap
";
    assert_eq!(table, reviewed);
}

#[test] // req: J-020, J-038, J-051
fn a_map_is_wanted_while_none_applies() {
    let scope = |raw| {
        let epoch = epoch(raw);
        Some(Scope { out: OUT, epoch })
    };
    let wanted = barriers().map(|(_, barrier)| barrier.wanted());
    assert_eq!(wanted, [None, scope(50), None, scope(50)]);

    let [.., (_, mut joining), _] = barriers();
    joining.begin_epoch(EPOCH);
    assert_eq!(joining.ready(at(0), seq(9)), Readiness::Ready, "no change");
    joining.begin_epoch(epoch(51));
    assert_eq!(joining.wanted(), scope(51));
    assert_eq!(joining.ready(at(0), seq(9)), Readiness::NoMap);
    // What was seen before does not count for the new map.
    let rules = [offset(LEFT, 0), offset(RIGHT, 0)];
    let fresh = SequenceMergeMapAnnounce {
        epoch: epoch(51),
        ..sequence_map(&rules)
    };
    assert_eq!(joining.apply(&fresh), MapNews::Applied);
    assert_eq!(joining.ready(at(0), seq(9)), Readiness::Waiting);
}

#[test] // req: J-006, J-015, J-024, J-025
fn announces_are_taken_as_they_come_from_the_stream() {
    let rules = [offset(LEFT, 0)];
    let mut message = [0; 128];
    let len = sequence_map(&rules).encode(&mut message).unwrap();
    let [_, (_, mut barrier), ..] = barriers();
    let mut hear = |message: &[u8]| match classify(message).unwrap() {
        Message::SequenceMergeMapAnnounce(view) => barrier.handle_map(view),
        _ => panic!("another message"),
    };
    assert_eq!(hear(&message[..len]), MapNews::Applied);
    assert_eq!(hear(&message[..len]), MapNews::Unchanged);
    // The rule's type, behind header, block, dimension and input, becomes one there is not.
    message[8 + 20 + 4 + 4] = 2;
    let field = "ruleType";
    let void = MapNews::Void(ValueError::Number { field, got: 2 });
    assert_eq!(hear(&message[..len]), void);
    message[8] = 101; // and the output another one
    assert_eq!(hear(&message[..len]), MapNews::Ignored);
}

#[test] // req: J-021, J-030, J-059, J-060
fn terms_are_part_of_a_timestamp_map() {
    let rules = [offset_ns(LEFT, 0)];
    let map = timestamp_map(&rules);
    let mut barrier = timestamp_join(JoinPolicy::default(), &map);
    assert_eq!(barrier.apply(&map), MapNews::Unchanged);
    let late = TimestampMergeMapAnnounce {
        lateness_ns: 1,
        ..map
    };
    assert_eq!(barrier.apply(&late), MapNews::Applied);
    let synced = TimestampMergeMapAnnounce {
        clock_domain: ClockDomain::RealtimeSynced,
        ..map
    };
    assert_eq!(barrier.apply(&synced), MapNews::Applied);
}
