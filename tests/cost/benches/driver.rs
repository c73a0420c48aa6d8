//! How long a driver with 1,000 streams and 10,000 leases takes. `cargo bench -p tp-cost --bench driver`.
#![allow(missing_docs, reason = "criterion's macros define functions without")]
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "what fails here fails the run"
)]

use core::hint::black_box;
use core::time::Duration;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use tp_cost::house::House;

const STREAMS: u32 = 1000;
/// Small and large: what a call costs must not depend on it.
const LEASES: [u32; 2] = [100, 10_000];

/// One keepalive, each of another lease, in even turns: it moves from the first to expire to the last.
fn keepalives(criterion: &mut Criterion) {
    for leases in LEASES {
        let mut house = House::new(STREAMS, leases, 0);
        let messages: Vec<_> = (0..leases).map(|n| house.keepalive(n)).collect();
        let mut messages = messages.iter().cycle();
        criterion.bench_function(&format!("driver/keepalive/{leases}"), |bench| {
            bench.iter(|| {
                house.pass(Duration::from_secs(1) / leases);
                house.hear(black_box(messages.next().unwrap()));
            });
        });
    }
}

/// An attach to a stream that is there, from the request to the answer taken.
fn attaches(criterion: &mut Criterion) {
    for leases in LEASES {
        let mut house = House::new(STREAMS, leases, 1);
        let mut client = leases;
        criterion.bench_function(&format!("driver/attach/{leases}"), |bench| {
            bench.iter_custom(|times| {
                let mut taken = Duration::ZERO;
                for _ in 0..times {
                    client += 1;
                    let request = house.attach_request(client);
                    let started = Instant::now();
                    house.hear(black_box(&request));
                    let granted = house.talk();
                    taken += started.elapsed();
                    house.give_back(granted.unwrap());
                }
                taken
            });
        });
    }
}

/// A duty cycle each millisecond, with the keepalives, announces and stamps that fall into it.
fn cycles(criterion: &mut Criterion) {
    for leases in LEASES {
        let mut house = House::new(STREAMS, leases, 0);
        let per_cycle = leases.div_ceil(1000);
        let mut next = 0;
        criterion.bench_function(&format!("driver/cycle/{leases}"), |bench| {
            bench.iter(|| {
                house.pass(Duration::from_millis(1));
                for _ in 0..per_cycle {
                    let message = house.keepalive(next);
                    next = next.wrapping_add(1);
                    house.hear(&message);
                }
                house.cycle();
            });
        });
        assert_eq!(house.engine.leases().count(), leases as usize);
    }
}

criterion_group!(benches, keepalives, attaches, cycles);
criterion_main!(benches);
