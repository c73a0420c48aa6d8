//! The driver is killed and started again, round after round, under traffic: producer and consumers come back by
//! themselves each time, in an ever higher epoch, and in the end nothing is left over.
//!
//! `RESTART_ROUNDS` says how often (50 unless set).

use std::collections::BTreeSet;
use std::path::PathBuf;

use rustix::process::Signal;
use tp_std::Client;

use crate::crashes::go_on;
use crate::rig::{Rig, Shape, consumer, paths_below, producer, wait_until};
use crate::watcher::{Watcher, settle};

/// Short, so that many rounds take little time.
const PERIOD_MS: u64 = 100;

fn rounds() -> u32 {
    let rounds = std::env::var("RESTART_ROUNDS").ok();
    rounds.map_or(50, |rounds| rounds.parse().unwrap())
}

#[test] // req: D-088, D-129, D-141, D-152, D-154
fn killed_and_restarted_again_and_again_the_driver_gets_everybody_back() {
    let mut rig = Rig::start(&Shape {
        slots: 64,
        strides: &[1024],
        announce_ms: PERIOD_MS,
        keepalive_ms: PERIOD_MS,
        policies: "epoch_gc_on_startup = true",
        ..Shape::default()
    });
    let period = core::time::Duration::from_millis(PERIOD_MS);
    let context = rig.context().with_announce_period(period);
    let (client, conductor) = Client::start(context.with_keepalive_interval(period)).unwrap();
    let mut producer = producer(&client);
    let watchers = [0, 1].map(|_| Watcher::start(consumer(&client)));
    settle(&mut producer, &watchers.each_ref());

    let mut seen = BTreeSet::from([producer.epoch().unwrap()]);
    let mut slowest = core::time::Duration::ZERO;
    for _ in 0..rounds() {
        let old = *seen.last().unwrap();
        assert!(!rig.end_driver(Signal::KILL).success());
        // Nobody has noticed yet, or somebody has; frames go on or are refused.
        for _ in 0..20 {
            go_on(&mut producer);
        }
        rig.start_driver();
        let took = wait_until("producer and consumers in a higher epoch", || {
            go_on(&mut producer).is_some_and(|epoch| {
                epoch > old && watchers.iter().all(|w| w.mapped() == epoch.get())
            })
        });
        slowest = slowest.max(took);
        assert!(seen.insert(producer.epoch().unwrap()));
        settle(&mut producer, &watchers.each_ref());
    }
    println!("{} rounds, back after {slowest:?} at the latest", rounds());
    for watcher in watchers {
        assert_eq!(watcher.stop().torn, 0);
    }

    // What the killed drivers left is collected, and what the last one made goes with it.
    wait_until("old epochs to be collected", || {
        rig.epochs_on_disk().len() <= 2
    });
    drop(producer);
    conductor.close().unwrap();
    assert!(rig.end_driver(Signal::TERM).success());
    rig.stop_media();
    let mut left = paths_below(rig.root());
    left.retain(|path| !path.is_dir());
    assert_eq!(left, Vec::<PathBuf>::new());
}
