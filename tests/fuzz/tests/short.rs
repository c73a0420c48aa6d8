//! The short run of every change: each target over its seeds and some thousand mutants of them.

use std::collections::BTreeSet;
use std::fs;

use tp_fuzz::TARGETS;

const MUTANTS: u32 = 5000;

#[test] // req: C-201
fn every_target_survives_its_seeds_and_thousands_of_mutants() {
    for target in TARGETS {
        assert!(!(target.seeds)().is_empty(), "{}", target.name);
        target.run_short(MUTANTS, 1);
    }
}

#[test] // req: C-201
fn every_kind_of_input_has_a_target_and_every_target_a_program() {
    let named: BTreeSet<_> = TARGETS
        .iter()
        .map(|target| target.name.to_owned())
        .collect();
    let kinds = [
        "control_decode",
        "control_dispatch",
        "discovery",
        "merge_map",
        "metadata",
        "qos",
        "claims",
        "progress",
        "superblock",
        "slot",
        "slot_tensor",
        "tensor_header",
        "tracelink",
        "uri",
        "uri_stride",
        "driver_messages",
        "config",
    ];
    for kind in kinds {
        assert!(named.contains(kind), "{kind}");
    }
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/fuzz_targets");
    let programs = fs::read_dir(dir).unwrap();
    let programs = programs.map(|entry| {
        let path = entry.unwrap().path();
        path.file_stem().unwrap().to_str().unwrap().to_owned()
    });
    assert_eq!(programs.collect::<BTreeSet<_>>(), named);
}
