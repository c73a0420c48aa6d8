//! What a generator mints at which clock, and which generators are refused.

use serde::Deserialize;
use tp_core_nostd::proto::trace_id::{
    SharedTraceIdGenerator, TraceIdError, TraceIdGenerator, TraceIdLayout,
};

#[derive(Deserialize)]
struct Case {
    name: String,
    node_bits: u8,
    sequence_bits: u8,
    offset_ms: u64,
    node: u64,
    /// Of a refused generator alone.
    now_ms: Option<u64>,
    #[serde(default)]
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    now_ms: u64,
    calls: u64,
    first: u64,
    last: u64,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("trace_id_generator.json")).expect("a list of cases")
}

#[test] // req: K-004, K-005, K-044, C-091
fn generators_mint_what_the_vectors_say() {
    for case in cases().iter().filter(|case| case.now_ms.is_none()) {
        let layout = TraceIdLayout::new(case.node_bits, case.sequence_bits, case.offset_ms);
        let layout = layout.expect(&case.name);
        // A clock may fall below the offset later, not at the start.
        let start = case.steps[0].now_ms.max(case.offset_ms);
        let mut owned = TraceIdGenerator::new(layout, case.node, start).expect(&case.name);
        let shared = SharedTraceIdGenerator::new(layout, case.node, start).expect(&case.name);
        for step in &case.steps {
            let ids: Vec<_> = (0..step.calls)
                .map(|_| {
                    let id = owned.mint(step.now_ms).get();
                    assert_eq!(shared.mint(step.now_ms).get(), id, "{}", case.name);
                    id
                })
                .collect();
            let ends = (ids.first().copied(), ids.last().copied());
            assert_eq!(ends, (Some(step.first), Some(step.last)), "{}", case.name);
        }
    }
}

#[test]
fn generators_are_refused_where_the_vectors_say() {
    let mut refused = Vec::new();
    for case in cases() {
        let Some(now_ms) = case.now_ms else { continue };
        let layout = TraceIdLayout::new(case.node_bits, case.sequence_bits, case.offset_ms);
        let generator = layout.and_then(|layout| TraceIdGenerator::new(layout, case.node, now_ms));
        refused.push((case.name, generator.err()));
    }
    let too_large = |got, max| Some(TraceIdError::NodeTooLarge { got, max });
    let expected = [
        ("refused/node_1024", too_large(1_024, 1_023)),
        ("refused/node_null", too_large(u64::from(u32::MAX), 1_023)),
        ("refused/node_256_of_8_bits", too_large(256, 255)),
        (
            "refused/bits_11_12",
            Some(TraceIdError::TooManyBits { got: 23 }),
        ),
        (
            "refused/offset_in_future",
            Some(TraceIdError::OffsetInFuture {
                offset_ms: 1_700_000_000_001,
                now_ms: 1_700_000_000_000,
            }),
        ),
    ];
    let expected: Vec<_> = expected
        .map(|(name, error)| (name.to_owned(), error))
        .into();
    assert_eq!(refused, expected);
}
