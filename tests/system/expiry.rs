//! Leases that run out, because their client keeps none of them alive.

use core::time::Duration;

use tp_std::{Client, Error, ProducerConfig};

use crate::crashes::go_on;
use crate::rig::{PATIENCE, Rig, Shape, consumer, producer, stream, wait_until};
use crate::watcher::{Watcher, settle};

/// Eight of them are the life of a lease.
const KEEPALIVE_MS: u64 = 100;
/// How often the lease is to run out.
const EXPIRIES: usize = 3;

#[test] // req: C-039, C-041, C-046, C-197, D-093, D-108, D-111
fn a_producer_that_is_never_kept_alive_loses_its_lease_and_gets_it_again() {
    let rig = Rig::start(&Shape {
        slots: 64,
        announce_ms: KEEPALIVE_MS,
        keepalive_ms: KEEPALIVE_MS,
        ..Shape::default()
    });
    // Consumers of another client, which is kept alive.
    let period = Duration::from_millis(KEEPALIVE_MS);
    let context = || rig.context().with_announce_period(period);
    let kept = context().with_keepalive_interval(period);
    let (reading, _reading_conductor) = Client::start(kept).unwrap();
    let silent = context().with_keepalive_interval(Duration::ZERO);
    let (writing, _writing_conductor) = Client::start(silent).unwrap();
    let mut producer = producer(&writing);
    let watcher = Watcher::start(consumer(&reading));

    let mut epochs = vec![producer.epoch().unwrap()];
    let mut refused = 0_u64;
    wait_until("the lease to run out again and again", || {
        match go_on(&mut producer) {
            Some(epoch) if epoch > *epochs.last().unwrap() => epochs.push(epoch),
            Some(epoch) => assert_eq!(Some(&epoch), epochs.last(), "an epoch comes back"),
            None => refused += 1,
        }
        epochs.len() > EXPIRIES
    });
    println!("{refused} frames refused between {} epochs", epochs.len());
    assert!(refused > 0, "fenced before it had the next lease");
    wait_until("the driver to have said so", || {
        let said = rig.said();
        said.lines()
            .filter(|line| line.contains("reason=Expired"))
            .count()
            >= EXPIRIES
    });
    drop(producer);

    // Nothing of it hurt the consumer, whose lease was kept.
    let mut next = None;
    wait_until("the last lease to be given back", || {
        let asked = reading.producer(ProducerConfig::new(stream())).unwrap();
        match asked.wait(PATIENCE) {
            Ok(producer) => next = Some(producer),
            Err(Error::Rejected { .. }) => {}
            Err(other) => panic!("{other}"),
        }
        next.is_some()
    });
    let mut producer = next.unwrap();
    settle(&mut producer, &[&watcher]);
    assert_eq!(watcher.stop().torn, 0);
}
