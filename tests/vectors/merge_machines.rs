//! The maps of the vectors, in the hands of those who act on them, keep them and tell them.

use tp_core_nostd::proto::join::{Barrier, InSequence, InTime, JoinKind, JoinPolicy, Place};
use tp_core_nostd::proto::merge_map::{
    Authority, MapNews, MergeRule, OwnMap, Registry, Scope, StoredMap,
};
use tp_core_nostd::time::{Duration, Instant};

use crate::harness::{Entry, GOLDEN, MALFORMED, bytes, entries};

/// Rules of the longest map there is.
const RULES: usize = 300;
/// Its bytes, and more.
const ROOM: usize = 8_192;

fn barrier<K: JoinKind>(scope: Scope) -> Barrier<K, Vec<Place<K::Rule>>> {
    let places = vec![Place::FREE; RULES];
    let mut barrier = Barrier::new(scope.out, JoinPolicy::default(), places);
    barrier.begin_epoch(scope.epoch);
    barrier
}

/// Gives a golden map to all three; whether it makes sense at all.
fn is_taken<K: JoinKind>(entry: &Entry) -> bool {
    let (name, bytes) = (&entry.name, bytes(entry));
    let view = K::Rule::parse(&bytes).expect(name);
    let Ok(map) = <K::Rule as MergeRule>::Map::try_from(view) else {
        return false;
    };
    let scope = K::Rule::scope(&map);

    let mut barrier = barrier::<K>(scope);
    assert_eq!(barrier.handle_map(view), MapNews::Applied, "{name}");
    assert_eq!(barrier.handle_map(view), MapNews::Unchanged, "{name}");
    assert_eq!(barrier.wanted(), None, "{name}");
    assert_eq!(barrier.inputs().count(), K::Rule::rules(&map).count());

    let mut registry = Registry::<K::Rule, _, ROOM>::new([StoredMap::FREE; 1]);
    assert_eq!(registry.handle(view), MapNews::Applied, "{name}");
    let kept = registry.find(scope.out, scope.epoch).expect(name);
    assert_eq!(barrier.apply(&kept), MapNews::Unchanged, "{name}");

    let mut authority = Authority::<K::Rule, _, ROOM>::new([OwnMap::FREE; 1], Duration::ZERO);
    authority.publish(&map).expect(name);
    let told = authority.transmit(Instant::from_ns(0), |told| {
        // Absent lateness is told as 0, which is the same.
        let is_same = told == bytes
            || K::Rule::parse(told)
                .is_ok_and(|view| barrier.handle_map(view) == MapNews::Unchanged);
        if is_same { Ok(()) } else { Err(()) }
    });
    assert_eq!(told, Ok(true), "{name}");
    true
}

#[test] // req: J-009, J-021, J-028, J-029, J-030, J-034
fn maps_that_make_sense_are_applied_kept_and_told() {
    let mut refused = Vec::new();
    for entry in entries(GOLDEN) {
        let is_taken = match entry.target() {
            "SequenceMergeMapAnnounce" => is_taken::<InSequence>(&entry),
            "TimestampMergeMapAnnounce" => is_taken::<InTime>(&entry),
            _ => continue,
        };
        if !is_taken {
            refused.push(entry.name);
        }
    }
    // What the codec alone can read.
    let expected = ["extremes", "no_rules"];
    let expected = ["Sequence", "Timestamp"]
        .map(|kind| expected.map(|name| format!("{kind}MergeMapAnnounce/{name}")));
    assert_eq!(refused, expected.concat());
}

/// Whether a senseless announce stops a barrier that joins. It does, unless it does not say whose map it is.
fn stops<K: JoinKind>(golden: &str, entry: &Entry) -> bool {
    let golden = entries(GOLDEN).find(|entry| entry.name == golden);
    let valid = bytes(&golden.expect("a golden map"));
    let view = K::Rule::parse(&valid).expect("a golden map");
    let scope = K::Rule::scope_of_view(&view).expect("an output");
    let mut barrier = barrier::<K>(scope);
    assert_eq!(barrier.handle_map(view), MapNews::Applied);
    let senseless = bytes(entry);
    let view = K::Rule::parse(&senseless).expect(&entry.name);
    match barrier.handle_map(view) {
        MapNews::Void(_) => assert_eq!(barrier.wanted(), Some(scope), "{}", entry.name),
        MapNews::Ignored => assert_eq!(barrier.wanted(), None, "{}", entry.name),
        news => panic!("{}: {news:?}", entry.name),
    }
    barrier.wanted().is_some()
}

#[test] // req: J-015, J-022, J-023, J-024
fn maps_that_make_none_stop_the_join() {
    let mut ignored = Vec::new();
    let semantic = entries(MALFORMED).filter(|entry| entry.layer == "semantic");
    for entry in semantic {
        let stops = match entry.target() {
            "SequenceMergeMapAnnounce" => {
                stops::<InSequence>("SequenceMergeMapAnnounce/offset_zero", &entry)
            }
            "TimestampMergeMapAnnounce" => {
                stops::<InTime>("TimestampMergeMapAnnounce/offset_zero", &entry)
            }
            _ => continue,
        };
        if !stops {
            ignored.push(entry.name);
        }
    }
    // These do not say whose map they are.
    let names = ["out_stream_0", "epoch_0"];
    let expected =
        ["Sequence", "Timestamp"].map(|kind| names.map(|name| format!("{kind}Map/{name}")));
    assert_eq!(ignored, expected.concat());
}
