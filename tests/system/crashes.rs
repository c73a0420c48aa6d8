//! A producer, or the driver, is killed: whoever is left comes back by itself.

use rustix::process::Signal;
use tp_core_nostd::ids::Epoch;
use tp_std::{Error, OfferError, Producer, ProducerConfig};

use crate::frames::publish;
use crate::peer::Peer;
use crate::rig::{PATIENCE, Rig, Shape, consumer, producer, stream, wait_until};
use crate::watcher::{Watcher, settle};

#[test] // req: C-043, C-097, D-111, D-125, W-049, W-051, W-057
fn a_producer_killed_while_it_writes_costs_one_epoch_and_no_frame_is_torn() {
    let rig = Rig::start(&Shape {
        slots: 64,
        ..Shape::default()
    });
    let (client, _conductor) = rig.client();
    let mut killed = Peer::start(&rig, "producer");
    let watcher = Watcher::start(consumer(&client));
    let [old, last] = killed.ask("frames 500")[..] else {
        panic!()
    };
    wait_until("frames", || watcher.is_past(old, last));
    let half = killed.ask("half");
    assert_eq!(half, [old, last + 1]);
    killed.kill();

    let took = wait_until("a higher epoch", || watcher.mapped() > old);
    println!("a higher epoch {took:?} after the kill");
    let mut next = None;
    wait_until("the lease of the killed producer to end", || {
        match client
            .producer(ProducerConfig::new(stream()))
            .unwrap()
            .wait(PATIENCE)
        {
            Ok(producer) => next = Some(producer),
            Err(Error::Rejected { .. }) => {}
            Err(other) => panic!("{other}"),
        }
        next.is_some()
    });
    let mut producer = next.unwrap();
    let epoch = producer.epoch().unwrap().get();
    assert!(epoch > old);
    wait_until("the consumer to map it", || watcher.mapped() == epoch);
    let before = watcher.received();
    let sent = settle(&mut producer, &[&watcher]);
    assert!(watcher.received() > before);
    println!("{sent} frames until the consumer had the newest");
    assert_eq!(watcher.stop().torn, 0);
}

#[test] // req: C-041, C-044, C-046, C-197, D-129, D-152, T-55
fn after_a_killed_driver_comes_back_all_come_back_in_a_higher_epoch() {
    let mut rig = Rig::start(&Shape::default());
    let (client, _conductor) = rig.client();
    let mut producer = producer(&client);
    let watcher = Watcher::start(consumer(&client));
    settle(&mut producer, &[&watcher]);
    assert!(!rig.end_driver(Signal::KILL).success());
    let old = rig.epochs_on_disk();
    assert!(!old.is_empty());
    settle(&mut producer, &[&watcher]);

    rig.start_driver();
    let took = wait_until("producer and consumer in a higher epoch", || {
        let epoch = go_on(&mut producer).map_or(0, Epoch::get);
        epoch > *old.last().unwrap() && watcher.mapped() == epoch
    });
    println!("back after {took:?}");
    let epoch = producer.epoch().unwrap().get();
    assert_eq!(rig.epochs_on_disk().last(), Some(&epoch));
    settle(&mut producer, &[&watcher]);
    assert_eq!(watcher.stop().torn, 0);
}

/// Publishes if it may, and says in which epoch.
pub(crate) fn go_on(producer: &mut Producer) -> Option<Epoch> {
    match publish(producer, 1024) {
        Ok(_) => producer.epoch(),
        Err(OfferError::Fenced) => None,
        Err(other) => panic!("{other}"),
    }
}
