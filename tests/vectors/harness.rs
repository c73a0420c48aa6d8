//! Reads the vector files and runs the codecs of a schema against them.

use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use tp_core_nostd::sbe::{EncodeError, MessageLayout, Tail};
use tp_linux::wire_json;

use crate::refusal::Refusal;

/// One record of a vector file.
#[derive(Debug, Deserialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    #[serde(alias = "message")]
    target: String,
    hex: String,
    /// Golden ones: whether the bytes start with a message header.
    #[serde(default)]
    pub(crate) header: bool,
    /// Golden ones, and some tolerated ones: what the bytes say.
    pub(crate) fields: Option<Value>,
    /// Malformed ones: `codec` or `semantic`.
    #[serde(default)]
    pub(crate) layer: String,
    #[serde(default)]
    pub(crate) why: String,
    /// What the receiver knows: announced, mapped, leased.
    #[serde(default)]
    pub(crate) context: Value,
}

impl Entry {
    /// The message or memory structure the bytes are meant for.
    pub(crate) fn target(&self) -> &str {
        &self.target
    }
}

macro_rules! files {
    ($($file:literal),* $(,)?) => { &[$(include_str!($file)),*] };
}

/// Vectors that encode and decode.
pub(crate) const GOLDEN: &[&str] = files![
    "wire.json",
    "driver.json",
    "discovery.json",
    "tracelink.json",
    "merge.json"
];
/// Vectors that must be refused.
pub(crate) const MALFORMED: &[&str] = files!["wire_malformed.json", "services_malformed.json"];
/// Odd vectors that must not be refused.
pub(crate) const TOLERATED: &[&str] = files!["wire_tolerated.json", "services_tolerated.json"];

/// The records of some files.
pub(crate) fn entries(files: &'static [&'static str]) -> impl Iterator<Item = Entry> {
    files
        .iter()
        .flat_map(|text| serde_json::from_str::<Vec<Entry>>(text).expect("a list of vectors"))
}

/// The bytes of a record.
pub(crate) fn bytes(entry: &Entry) -> Vec<u8> {
    wire_json::bytes_of_hex(&entry.hex).expect("hex")
}

/// The bytes of one tolerated record.
pub(crate) fn tolerated(name: &str) -> Vec<u8> {
    let entry = entries(TOLERATED).find(|entry| entry.name == name);
    bytes(&entry.expect(name))
}

/// One message with both of its layers.
#[derive(Debug)]
pub(crate) struct Codec {
    /// Its table.
    pub(crate) layout: MessageLayout,
    /// Bytes to view to value to bytes.
    pub(crate) round_trip: fn(&[u8]) -> Result<Vec<u8>, Refusal>,
    /// Bytes to view to value, which is encoded into everything too short for it; how many bytes it takes.
    pub(crate) into_short: fn(&[u8]) -> Result<usize, Refusal>,
}

/// The [`Codec`] of a view and its value.
macro_rules! codec {
    ($view:ident => $value:ident) => {
        crate::harness::Codec {
            layout: $value::LAYOUT,
            round_trip: |bytes| {
                let view = $view::parse(bytes).map_err(crate::refusal::Refusal::Codec)?;
                let value = $value::try_from(view).map_err(crate::refusal::Refusal::Semantic)?;
                Ok(crate::harness::encoded(|out| value.encode(out)))
            },
            into_short: |bytes| {
                let view = $view::parse(bytes).map_err(crate::refusal::Refusal::Codec)?;
                let value = $value::try_from(view).map_err(crate::refusal::Refusal::Semantic)?;
                Ok(crate::harness::refused_when_short(|out| value.encode(out)))
            },
        }
    };
}
pub(crate) use codec;

/// What `encode` writes: exactly into a buffer that fits, and with a clear error into any shorter one.
pub(crate) fn encoded(encode: impl Fn(&mut [u8]) -> Result<usize, EncodeError>) -> Vec<u8> {
    let Err(EncodeError::DoesNotFit { needed, got: 0 }) = encode(&mut []) else {
        panic!("an empty buffer fits nothing");
    };
    let mut out = vec![0; needed];
    let got = needed.saturating_sub(1);
    assert_eq!(
        encode(&mut out[1..]),
        Err(EncodeError::DoesNotFit { needed, got })
    );
    assert_eq!(encode(&mut out), Ok(needed));
    out
}

/// Encodes into each length that is too short, with bytes behind it that stay as they are; returns the length that is not.
pub(crate) fn refused_when_short(
    encode: impl Fn(&mut [u8]) -> Result<usize, EncodeError>,
) -> usize {
    const BEHIND: usize = 16;
    const UNTOUCHED: u8 = 0xA5;
    let mut out = vec![UNTOUCHED; BEHIND];
    for got in 0.. {
        let encoded = encode(&mut out[..got]);
        assert_eq!(out[got..], [UNTOUCHED; BEHIND], "written past {got} bytes");
        match encoded {
            Ok(len) => {
                assert_eq!(len, got);
                return got;
            }
            Err(EncodeError::DoesNotFit { needed, got: said }) => {
                assert!(needed > got && said == got, "{needed} bytes into {got}");
            }
            Err(other) => panic!("{other}"),
        }
        out.push(UNTOUCHED);
    }
    unreachable!("no length fits");
}

/// Golden bytes survive the way to the value and back. Some are whole messages `without_value`, as the error says; some
/// are read but `rewritten`.
pub(crate) fn check_golden(
    codecs: &'static [Codec],
    without_value: &[(&'static str, Refusal)],
    rewritten: &[&'static str],
) {
    let mut without_value = table(without_value);
    let mut rewritten: BTreeSet<_> = rewritten.iter().copied().collect();
    for (entry, codec) in with_codecs(GOLDEN, codecs) {
        let name = entry.name.as_str();
        let written = (codec.round_trip)(&bytes(&entry));
        if let Some(error) = without_value.remove(name) {
            assert_eq!(written, Err(error), "{name}");
        } else if rewritten.remove(name) {
            assert!(
                written.is_ok_and(|written| written != bytes(&entry)),
                "{name}"
            );
        } else {
            assert_eq!(written, Ok(bytes(&entry)), "{name}");
        }
    }
    assert!(
        without_value.is_empty() && rewritten.is_empty(),
        "in no file: {without_value:?} {rewritten:?}"
    );
}

/// Malformed bytes are refused with the expected error, at the layer the file names. Some make sense by themselves and
/// are `left_to` somebody who knows more, refuses them, and proves it in tests of its own.
pub(crate) fn check_malformed(
    codecs: &'static [Codec],
    refused: &[(&'static str, Refusal)],
    left_to: &[(&'static str, &'static [&'static str])],
) {
    let mut refused = table(refused);
    let mut left = table(left_to)
        .into_iter()
        .flat_map(|(judge, names)| names.iter().map(move |name| (*name, judge)))
        .collect::<BTreeMap<_, _>>();
    for (entry, codec) in with_codecs(MALFORMED, codecs) {
        let name = entry.name.as_str();
        let verdict = (codec.round_trip)(&bytes(&entry)).map(drop);
        let expected = match (refused.remove(name), left.remove(name)) {
            (Some(refusal), None) => Err(refusal),
            (None, Some(_)) => Ok(()),
            _ => panic!(
                "{name} must stand in exactly one table ({}); it is {verdict:?}",
                entry.why
            ),
        };
        assert_eq!(verdict, expected, "{name}: {}", entry.why);
        let layer = if matches!(verdict, Err(Refusal::Codec(_))) {
            "codec"
        } else {
            "semantic"
        };
        assert_eq!(layer, entry.layer, "{name}");
    }
    assert!(
        refused.is_empty() && left.is_empty(),
        "in no file: {refused:?} {left:?}"
    );
}

/// Odd bytes have a value, and where the file says what they mean, the table agrees.
pub(crate) fn check_tolerated(codecs: &'static [Codec]) {
    for (entry, codec) in with_codecs(TOLERATED, codecs) {
        let verdict = (codec.round_trip)(&bytes(&entry));
        assert!(verdict.is_ok(), "{}: {verdict:?}", entry.name);
        let object = wire_json::decode(&bytes(&entry), None).expect(&entry.name);
        if let Some(expected) = &entry.fields {
            let mut fields = object["fields"].clone();
            for part in codec.layout.tail {
                // The tables tell text left out from empty text; the files do not.
                if matches!(part, Tail::OptionalData(..)) && fields[part.name()].is_null() {
                    fields[part.name()] = "".into();
                }
            }
            assert_eq!(&fields, expected, "{}", entry.name);
        }
        assert_eq!(
            wire_json::encode(&object, None).expect(&entry.name),
            bytes(&entry),
            "{}",
            entry.name
        );
    }
}

fn with_codecs(
    files: &'static [&'static str],
    codecs: &'static [Codec],
) -> impl Iterator<Item = (Entry, &'static Codec)> {
    entries(files).filter_map(|entry| {
        let codec = codecs
            .iter()
            .find(|codec| codec.layout.name == entry.target());
        Some((entry, codec?))
    })
}

fn table<T: Copy>(rows: &[(&'static str, T)]) -> BTreeMap<&'static str, T> {
    let table: BTreeMap<_, _> = rows.iter().copied().collect();
    assert_eq!(table.len(), rows.len(), "a name stands twice in a table");
    table
}
