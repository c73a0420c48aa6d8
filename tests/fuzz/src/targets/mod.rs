//! The targets, a file for each group of them.

mod claims;
mod config;
mod decoders;
mod discovery;
mod driver;
mod lease;
mod limiter;
mod listeners;
mod mapping;
mod memory;
mod progress;
mod stream;
mod uri;

use crate::Target;
use crate::seeds::{random, vectors};

/// All of them.
pub const TARGETS: &[Target] = &[
    target("control_decode", decoders::control, || of_schema(900)),
    target("control_dispatch", decoders::dispatch, || vectors(|_| true)),
    target("driver_messages", decoders::driver, || of_schema(901)),
    target("merge_map", decoders::merge_map, || {
        vectors(|name| name.contains("MergeMap"))
    }),
    target("tracelink", decoders::tracelink, || {
        vectors(|name| name.starts_with("TraceLink"))
    }),
    target("discovery", decoders::discovery, || of_schema(910)),
    target("qos", decoders::qos, || {
        vectors(|name| name.starts_with("Qos"))
    }),
    target("metadata", listeners::metadata, listeners::metadata_seeds),
    target("discovery_client", discovery::run, discovery::seeds),
    target("superblock", memory::superblock, || {
        vectors(|name| name == "ShmRegionSuperblock")
    }),
    target("slot", memory::slot, || vectors(|name| name == "Slot")),
    target("slot_tensor", memory::slot_tensor, || {
        vectors(|name| name == "Slot")
    }),
    target("tensor_header", memory::tensor_header, memory::tensor_seeds),
    target("uri", uri::uri, uri::seeds),
    target("uri_stride", uri::uri_stride, uri::stride_seeds),
    target("claims", claims::run, random),
    target("progress", progress::run, random),
    target("mapping", mapping::run, mapping::seeds),
    target("rate_limiter", limiter::run, random),
    target("lease_client", lease::run, lease::seeds),
    target("driver_engine", driver::run, random),
    target("config", config::run, config::seeds),
];

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, run, seeds }
}

/// The vectors of the messages of a schema.
fn of_schema(schema: u16) -> Vec<Vec<u8>> {
    let layouts = tp_core_nostd::wire::MESSAGES.iter().copied().flatten();
    let names: Vec<_> = layouts
        .filter(|layout| layout.schema == schema)
        .map(|layout| layout.name)
        .collect();
    vectors(|name| names.contains(&name))
}
