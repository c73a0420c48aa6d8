//! What is told and when, and the list of attributes against a model.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::*;
use crate::sbe::DecodeError;
use crate::wire::control::{Attribute, DataSourceMetaView};
use proptest::prelude::*;
use std::format;
use std::string::{String as Line, ToString};
use std::vec::Vec;

const STREAM: StreamId = StreamId::new(10_000).unwrap();
const ANN: ClientId = ClientId::new(1).unwrap();
const EPOCH: Option<Epoch> = Epoch::new(3);
const PERIOD: Duration = Duration::from_nanos(100);

type Source = SourceMetadata<[u8; 64]>;

fn at(ns: u64) -> Instant {
    Instant::from_ns(ns)
}

/// All that is told at `ns`: `announce1 meta1:2@7` is version 1 with 2 attributes, of the time 7.
fn told(source: &mut Source, ns: u64) -> Line {
    let mut told = Vec::new();
    while source
        .transmit(at(ns), EPOCH, |due| {
            told.push(match due {
                Due::Announce(announce) => format!("announce{}", announce.meta_version),
                Due::Meta(meta) => {
                    let count = meta.attributes.iter().count();
                    format!("meta{}:{count}@{}", meta.meta_version, meta.timestamp_ns)
                }
            });
            Ok::<_, ()>(())
        })
        .unwrap()
    {}
    if told.is_empty() {
        "-".into()
    } else {
        told.join(" ")
    }
}

fn bare() -> Source {
    let mut source = SourceMetadata::new(STREAM, ANN, PERIOD, [0; 64]).unwrap();
    assert_eq!(told(&mut source, 0), "announce0");
    source
}

fn described() -> Source {
    let mut source = bare();
    source.set(at(10), "gain", "text/plain", b"2").unwrap();
    assert_eq!(told(&mut source, 10), "announce1 meta1:1@10");
    source
}

// req: C-080, W-217, W-223, W-224, W-225, W-226
#[test]
fn every_input_in_both_states() {
    type Change<'t> = &'t dyn Fn(&mut Source);
    #[rustfmt::skip]
    let rows: [(&str, Change<'_>, &str, &str); 8] = [
        // input      change                 told if bare, told if described
        ("nothing", &|_| (), "-", "-"),
        ("set", &|s| s.set(at(50), "x", "text/plain", b"1").unwrap(), "announce1 meta1:1@50", "announce2 meta2:2@50"),
        ("set again", &|s| s.set(at(50), "gain", "text/plain", b"2").unwrap(), "announce1 meta1:1@50", "-"),
        ("set anew", &|s| s.set(at(50), "gain", "text/plain", b"3").unwrap(), "announce1 meta1:1@50", "announce2 meta2:1@50"),
        ("remove", &|s| s.remove(at(50), "gain").unwrap(), "-", "announce2 meta2:0@50"),
        ("remove none", &|s| s.remove(at(50), "x").unwrap(), "-", "-"),
        ("describe", &|s| s.describe(at(50), "cam", "").unwrap(), "announce1", "announce2 meta2:1@50"),
        ("asked", &|s| s.asked(), "announce0", "announce1 meta1:1@10"),
    ];
    for (input, apply, of_bare, of_described) in rows {
        for (mut source, expected) in [(bare(), of_bare), (described(), of_described)] {
            apply(&mut source);
            assert_eq!(told(&mut source, 50), expected, "{input}");
            assert_eq!(told(&mut source, 51), "-", "{input}");
        }
    }
}

#[test] // req: C-080, W-217, W-225
fn everything_is_told_again_each_period() {
    let mut source = described();
    assert_eq!(source.poll_timeout(), at(110));
    assert_eq!(told(&mut source, 109), "-");
    assert_eq!(told(&mut source, 110), "announce1 meta1:1@10");
    // Without an epoch there is nothing to announce, and what was not taken stays due.
    let alone = source.transmit(at(210), None, |due| match due {
        Due::Meta(_) => Err("full"),
        Due::Announce(_) => Ok(()),
    });
    assert_eq!(alone, Err("full"));
    assert_eq!(told(&mut source, 211), "announce1 meta1:1@10");
    // A period of zero tells changes, and what was asked for.
    let mut quiet = SourceMetadata::new(STREAM, ANN, Duration::ZERO, [0; 64]).unwrap();
    assert_eq!(
        (told(&mut quiet, 0).as_str(), quiet.poll_timeout()),
        ("-", Instant::NEVER)
    );
    quiet.asked();
    assert_eq!(told(&mut quiet, 1), "announce0");
}

#[test] // req: C-080, W-224
fn a_description_made_elsewhere_is_told_at_once() {
    let mut elsewhere = SourceDescription::new([0; 64]).unwrap();
    assert_eq!(elsewhere.set(at(20), "gain", "", b"1"), Ok(true));
    assert_eq!(elsewhere.set(at(21), "gain", "", b"1"), Ok(false));
    assert_eq!(elsewhere.describe(at(22), "cam", ""), Ok(true));
    assert_eq!(elsewhere.remove(at(23), "x"), Ok(false));
    let mut source = bare();
    let before = source.adopt(elsewhere.clone());
    assert_eq!((before.version(), source.version()), (0, 2));
    assert_eq!(told(&mut source, 30), "announce2 meta2:1@22");
    assert_eq!(told(&mut source, 31), "-");
    assert_eq!(elsewhere.remove(at(40), "gain"), Ok(true));
    source.adopt(elsewhere);
    assert_eq!(told(&mut source, 41), "announce3 meta3:0@40");
}

#[test] // req: W-223, T-08
fn the_beacon_names_source_and_producer() {
    let mut source = bare();
    source
        .describe(at(1), "cam", "UINT16 ROW 2048x2048")
        .unwrap();
    source.set_producer(ClientId::new(9).unwrap());
    let mut seen = None;
    let _ = source.transmit(at(1), EPOCH, |due| {
        if let Due::Announce(announce) = due {
            let shown = |text: Option<Text<'_>>| text.map(|text| text.to_string());
            seen = Some((
                announce.producer_id,
                announce.epoch,
                shown(announce.name),
                shown(announce.summary),
            ));
        }
        Ok::<_, ()>(())
    });
    let expected = (
        ClientId::new(9),
        EPOCH.unwrap(),
        Some("cam".into()),
        Some("UINT16 ROW 2048x2048".into()),
    );
    assert_eq!(seen, Some(expected));
}

#[test] // req: W-224, C-132
fn what_does_not_fit_changes_nothing() {
    let mut source = described();
    let before: Vec<_> = source
        .attributes()
        .iter()
        .map(|a| a.value.to_vec())
        .collect();
    let full = source.set(at(50), "gain", "text/plain", &[0; 50]);
    assert_eq!(
        full,
        Err(MetadataError::Full {
            needed: 80,
            got: 64
        })
    );
    assert_eq!(
        source.set(at(50), "", "text/plain", b""),
        Err(MetadataError::NoKey)
    );
    let long = "x".repeat(NAME_MAX + 1);
    assert!(source.describe(at(50), &long, "").is_err());
    assert!(
        source
            .describe(at(50), "", &"x".repeat(SUMMARY_MAX + 1))
            .is_err()
    );
    source.description.pretend(u32::MAX - 1);
    assert_eq!(
        source.set(at(50), "x", "", b"1"),
        Err(MetadataError::VersionsUsedUp)
    );
    assert_eq!(
        source.remove(at(50), "gain"),
        Err(MetadataError::VersionsUsedUp)
    );
    assert_eq!(
        source.describe(at(50), "cam", ""),
        Err(MetadataError::VersionsUsedUp)
    );
    let after: Vec<_> = source
        .attributes()
        .iter()
        .map(|a| a.value.to_vec())
        .collect();
    assert_eq!(before, after);
    assert_eq!(told(&mut source, 50), "-");
    assert!(SourceMetadata::new(STREAM, ANN, PERIOD, [0; 3]).is_none());
}

#[test] // req: C-120
fn events_come_after_the_whole_message_proved_valid() {
    let mut source = described();
    source.set(at(20), "mask", "", &[0xFF]).unwrap();
    let mut bytes = [0; 128];
    let mut length = 0;
    let _ = source.transmit(at(20), None, |due| {
        if let Due::Meta(meta) = due {
            length = meta.encode(&mut bytes).unwrap();
        }
        Ok::<_, ()>(())
    });
    let view = DataSourceMetaView::parse(&bytes[..length]).unwrap();
    let meta = DataSourceMeta::try_from(view).unwrap();
    let attribute = |index, key: &'static str, format: &'static str, value| {
        let (key, format) = (key.into(), format.into());
        MetaEvent::Attribute {
            index,
            attribute: Attribute { key, format, value },
        }
    };
    let expected = [
        MetaEvent::Begin {
            stream: STREAM,
            meta_version: 2,
            timestamp_ns: 20,
            count: 2,
        },
        attribute(0, "gain", "text/plain", b"2"),
        attribute(1, "mask", "", &[0xFF]),
        MetaEvent::End,
    ];
    assert_eq!(events(&meta).collect::<Vec<_>>(), expected);
    for cut in 0..length {
        let cut = DataSourceMetaView::parse(&bytes[..cut]);
        assert!(matches!(cut, Err(DecodeError::Truncated { .. })));
    }
}

#[derive(Clone, Debug)]
enum Op {
    Set(u8, usize, u8),
    Remove(u8),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (0..6_u8, 0..12_usize, 0..3_u8).prop_map(|(key, len, fill)| Op::Set(key, len, fill)),
        1 => (0..6_u8).prop_map(Op::Remove),
    ]
}

proptest! {
    #[test] // req: C-080, W-224
    fn the_attributes_are_those_of_a_list(ops in prop::collection::vec(op(), 0..60)) {
        let mut source = bare();
        let mut model: Vec<(Line, Vec<u8>)> = Vec::new();
        let mut version = 0;
        for op in ops {
            let before = model.clone();
            match op {
                Op::Set(key, len, fill) => {
                    let (key, value) = (format!("k{key}"), std::vec![fill; len]);
                    let result = source.set(at(1), &key, "t", &value);
                    if !model.contains(&(key.clone(), value.clone())) {
                        model.retain(|(known, _)| *known != key);
                        model.push((key, value));
                    }
                    let size: usize = model.iter().map(|(k, v)| 12 + k.len() + 1 + v.len()).sum();
                    prop_assert_eq!(result.is_ok(), size + 4 <= 64);
                    if result.is_err() {
                        model = before.clone();
                    }
                }
                Op::Remove(key) => {
                    source.remove(at(1), &format!("k{key}")).unwrap();
                    model.retain(|(known, _)| *known != format!("k{key}"));
                }
            }
            version += u32::from(model != before);
            prop_assert_eq!(source.version(), version);
            let listed: Vec<_> = source.attributes().iter().map(|a| (a.key.to_string(), a.value.to_vec())).collect();
            prop_assert_eq!(&listed, &model);
        }
    }
}
