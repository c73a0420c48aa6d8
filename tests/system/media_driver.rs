//! The media driver goes: clients and driver end soon, and say why.

use core::time::Duration;

use tp_std::{Client, ConsumeError, OfferError};

use crate::frames::publish;
use crate::peer::Peer;
use crate::rig::{Rig, Shape, consumer, producer, wait_until};
use crate::watcher::{Watcher, settle};

#[test] // req: C-012, C-013, C-158
fn clients_of_a_stopped_media_driver_end_and_name_it() {
    let mut rig = Rig::start(&Shape::default());
    ended_by(&mut rig, Rig::stop_media);
}

#[test] // req: C-012, C-013, C-158
fn clients_of_a_killed_media_driver_end_and_name_it() {
    let mut rig = Rig::without_media(&Shape::default());
    let media = Peer::start(&rig, "media-driver");
    rig.start_driver();
    ended_by(&mut rig, |_| media.kill());
}

fn ended_by(rig: &mut Rig, end: impl FnOnce(&mut Rig)) {
    let context = rig.context().with_driver_timeout(Duration::from_secs(2));
    let (client, conductor) = Client::start(context).unwrap();
    let mut producer = producer(&client);
    let watcher = Watcher::start(consumer(&client));
    settle(&mut producer, &[&watcher]);
    end(rig);
    let took = wait_until("the end of the client", || conductor.is_finished());
    let error = conductor.close().unwrap_err().to_string();
    println!("the client ended after {took:?}: {error}");
    assert!(error.contains(rig.root().to_str().unwrap()), "{error}");
    let (tally, ended) = watcher.closed();
    assert_eq!((tally.torn, ended), (0, ConsumeError::Closed));
    assert_eq!(publish(&mut producer, 40), Err(OfferError::Fenced));
    assert_eq!(producer.try_claim(40).err(), Some(OfferError::Closed));
    assert!(!rig.driver_ended().success());
}
