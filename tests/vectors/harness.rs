//! Reads the vector files and runs codecs against them.

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
    #[expect(dead_code, reason = "for the judges of memory")]
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

/// One message with both of its layers.
#[derive(Debug)]
pub(crate) struct Codec {
    /// Its table.
    pub(crate) layout: MessageLayout,
    /// Bytes to view to value to bytes.
    pub(crate) round_trip: fn(&[u8]) -> Result<Vec<u8>, Refusal>,
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

/// The codecs of one schema and the verdicts its vectors expect.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) codecs: &'static [Codec],
    /// Golden bytes that are whole messages without a sensible meaning.
    pub(crate) without_value: &'static [(&'static str, Refusal)],
    /// Golden bytes that we read but would write otherwise.
    pub(crate) rewritten: &'static [&'static str],
    /// Malformed messages.
    pub(crate) refused: &'static [(&'static str, Refusal)],
    /// Malformed messages that make sense by themselves; whoever holds the named context refuses them, and proves it in
    /// tests of its own.
    pub(crate) left_to: &'static [(&'static str, &'static [&'static str])],
}

impl Suite {
    fn codec(&self, target: &str) -> Option<&Codec> {
        self.codecs.iter().find(|codec| codec.layout.name == target)
    }

    fn entries(&self, files: &'static [&'static str]) -> impl Iterator<Item = (Entry, &Codec)> {
        entries(files)
            .filter_map(|entry| Some((self.codec(entry.target())?, entry)))
            .map(|(codec, entry)| (entry, codec))
    }

    /// Golden bytes survive the way to the value and back, or stop at the expected error.
    pub(crate) fn check_golden(&self) {
        let mut without_value = table(self.without_value);
        let mut rewritten: BTreeSet<_> = self.rewritten.iter().copied().collect();
        for (entry, codec) in self.entries(GOLDEN) {
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

    /// Malformed bytes are refused with the expected error, at the layer the file names.
    pub(crate) fn check_malformed(&self) {
        let mut refused = table(self.refused);
        let mut left = table(self.left_to)
            .into_iter()
            .flat_map(|(judge, names)| names.iter().map(move |name| (*name, judge)))
            .collect::<BTreeMap<_, _>>();
        for (entry, codec) in self.entries(MALFORMED) {
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
    pub(crate) fn check_tolerated(&self) {
        for (entry, codec) in self.entries(TOLERATED) {
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
}

fn table<T: Copy>(rows: &[(&'static str, T)]) -> BTreeMap<&'static str, T> {
    let table: BTreeMap<_, _> = rows.iter().copied().collect();
    assert_eq!(table.len(), rows.len(), "a name stands twice in a table");
    table
}
