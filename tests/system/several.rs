//! Several roles in one process, and several clients.

use tp_core_nostd::ids::StreamId;
use tp_std::{Delivery, OfferError};

use crate::frames::{Pace, publish};
use crate::rig::{Rig, Shape, consumer_of, producer_of, stream};
use crate::watcher::{Watcher, assert_accounted, settle};

/// A second stream of the same driver.
const OTHER: u32 = 10_001;
const FRAMES: u32 = 5_000;

fn streams() -> [StreamId; 2] {
    [stream(), StreamId::new(OTHER).unwrap()]
}

fn rig() -> Rig {
    Rig::start(&Shape {
        streams: &[OTHER],
        ..Shape::default()
    })
}

// One descriptor stream, one control stream, four leases, each with an id of its own: nobody takes a message from
// anybody, and each counts what is its own.
#[test] // req: C-030, C-100, C-118, W-221
fn two_producers_and_two_consumers_of_one_client_do_not_disturb_each_other() {
    let rig = rig();
    let (client, conductor) = rig.client();
    let mut producers = streams().map(|stream| producer_of(&client, stream));
    let watchers = streams().map(|stream| Watcher::start(consumer_of(&client, stream)));
    for (producer, watcher) in producers.iter_mut().zip(&watchers) {
        settle(producer, &[watcher]);
    }
    let mut pace = Pace::hz(2_000);
    for _ in 0..FRAMES {
        for producer in &mut producers {
            assert_eq!(publish(producer, 1024).unwrap().1, Delivery::Sent);
        }
        pace.wait();
    }
    for (mut producer, watcher) in producers.into_iter().zip(watchers) {
        let sent = settle(&mut producer, &[&watcher]);
        assert!(sent > u64::from(FRAMES));
        let drops = watcher.drops.clone();
        assert_accounted(sent, &watcher.stop(), &drops);
    }
    conductor.close().unwrap();
}

#[test] // req: C-012, C-133
fn clients_of_one_process_end_independently_of_each_other() {
    let rig = rig();
    let clients = [rig.client(), rig.client()];
    let [mut first, mut second] = [0, 1].map(|at| producer_of(&clients[at].0, streams()[at]));
    // Each hears the other's stream.
    let watchers = [0, 1].map(|at| Watcher::start(consumer_of(&clients[1 - at].0, streams()[at])));
    settle(&mut first, &[&watchers[0]]);
    settle(&mut second, &[&watchers[1]]);

    let [(_, first_conductor), (second_client, second_conductor)] = clients;
    first_conductor.close().unwrap();
    assert_eq!(first.try_claim(64).map(drop), Err(OfferError::Closed));
    let [follows_first, follows_second] = watchers;
    let (_, ended) = follows_second.closed();
    println!("the consumer of the first client: {ended}");

    let watcher = Watcher::start(consumer_of(&second_client, streams()[1]));
    settle(&mut second, &[&watcher]);
    let mut first = producer_of(&second_client, streams()[0]);
    settle(&mut first, &[&follows_first]);
    assert_eq!(watcher.stop().torn + follows_first.stop().torn, 0);
    second_conductor.close().unwrap();
}
