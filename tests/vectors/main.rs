//! Golden, malformed and tolerated bytes against the codecs (formats: wire 7).
//!
//! Each schema has a file with its codecs and tables; `harness` reads the vectors and runs them. A golden vector is
//! checked both ways, typed (bytes, view, value, bytes) and by table (bytes, JSON, bytes). What is refused must be
//! refused with the error in the table, and every entry of the files must stand in exactly one table.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of tests fails the test"
)]

mod control;
mod discovery;
mod driver;
mod harness;
mod leases;
mod merge_machines;
mod merge_map;
mod properties;
mod refusal;
mod shm;
mod trace_id;
mod tracelink;

use harness::{Codec, GOLDEN, MALFORMED, TOLERATED, bytes, entries};
use std::collections::BTreeSet;
use tp_linux::wire_json;

/// One per schema.
const SCHEMAS: &[&[Codec]] = &[
    control::CODECS,
    driver::CODECS,
    merge_map::CODECS,
    tracelink::CODECS,
    discovery::CODECS,
];

fn codecs() -> impl Iterator<Item = &'static Codec> {
    SCHEMAS.iter().copied().flatten()
}

#[test]
fn every_vector_has_a_codec() {
    let known: BTreeSet<_> = codecs()
        .map(|codec| codec.layout.name)
        .chain(shm::TARGETS.iter().copied())
        .collect();
    for entry in [GOLDEN, MALFORMED, TOLERATED].into_iter().flat_map(entries) {
        assert!(known.contains(entry.target()), "{}: no codec", entry.name);
    }
}

#[test] // req: C-125
fn no_golden_message_is_written_into_less_than_it_needs() {
    for entry in entries(GOLDEN) {
        let Some(codec) = codecs().find(|codec| codec.layout.name == entry.target()) else {
            continue; // memory, or the body of a message that has a codec of its own
        };
        // Some golden ones have no value to encode, as the tables of their schemas say; rewritten ones need another length.
        let needed = (codec.into_short)(&bytes(&entry));
        let written = (codec.round_trip)(&bytes(&entry));
        assert_eq!(
            needed,
            written.map(|written| written.len()),
            "{}",
            entry.name
        );
    }
}

#[test]
fn golden_vectors_by_table_both_ways() {
    for entry in entries(GOLDEN) {
        let body = (!entry.header).then(|| {
            let mut bodies = wire_json::BODIES.iter();
            bodies
                .find(|layout| layout.name == entry.target())
                .expect("a body")
        });
        let object = wire_json::decode(&bytes(&entry), body).expect(&entry.name);
        assert_eq!(object["message"], entry.target(), "{}", entry.name);
        assert_eq!(
            Some(&object["fields"]),
            entry.fields.as_ref(),
            "{}",
            entry.name
        );
        assert_eq!(
            wire_json::encode(&object, None).expect(&entry.name),
            bytes(&entry),
            "{}",
            entry.name
        );
    }
}

#[test] // req: T-37, T-38
fn malformed_messages_are_refused_by_table_too() {
    let targets: BTreeSet<_> = codecs().map(|codec| codec.layout.name).collect();
    for entry in entries(MALFORMED).filter(|entry| targets.contains(entry.target())) {
        // By table the header names the message, so that another message's template is fine.
        let refused = match wire_json::decode(&bytes(&entry), None) {
            Ok(object) => object["message"] != entry.target(),
            Err(_) => true,
        };
        assert_eq!(
            refused,
            entry.layer == "codec",
            "{}: {}",
            entry.name,
            entry.why
        );
    }
}
