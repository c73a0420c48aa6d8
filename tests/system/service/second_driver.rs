//! A second driver for a stream is kept away.

use std::fs;
use std::process::Stdio;

use rustix::process::Signal;
use tp_std::{ConsumerConfig, ProducerConfig};

use crate::host::{Host, PATIENCE, Service, files_below, stream, wait_until};

#[test] // req: D-008
fn a_second_driver_of_the_namespace_is_kept_away_by_the_lock() {
    let host = Host::new();
    let first = host.start(&[]);
    let said = host.refused(&[]);
    let lock = host.base().join("tensorpool-test/default/driver.lock");
    let sentence = format!(
        "tp_driver: stream 10000 belongs to another driver, process {}: {} is locked; stop that driver first",
        first.child.id(),
        lock.display()
    );
    assert!(said.contains(&sentence), "{said}");
    // Nobody noticed.
    let (client, _conductor) = host.client(&host.base());
    let producer = client.producer(ProducerConfig::new(stream())).unwrap();
    assert!(producer.wait(PATIENCE).is_ok());

    // A killed driver holds no lock.
    first.signal(Signal::KILL);
    let mut first = first;
    assert_eq!(first.exit_code(), None);
    host.start(&[]).stop();
}

#[test] // req: D-008, D-183
fn a_second_driver_in_another_namespace_is_kept_away_by_the_announces_of_the_first() {
    let host = Host::new();
    let first = host.start(&[]);
    let (client, _conductor) = host.client(&host.base());
    let pending = client.producer(ProducerConfig::new(stream())).unwrap();
    let mut producer = pending.wait(PATIENCE).unwrap();
    let epoch = producer.epoch().unwrap();

    let said = host.refused(&[("SHM_NAMESPACE", "other")]);
    let sentence = format!("stream 10000 is announced by another driver (epoch {epoch}, producer ");
    assert!(said.contains(&sentence), "{said}");
    assert!(said.contains("stop that driver first"), "{said}");
    // It said no goodbye in the name of the first one, made no files, and left no lock.
    let consumer = client.consumer(ConsumerConfig::new(stream())).unwrap();
    consumer.wait(PATIENCE).unwrap();
    assert_eq!(producer.epoch(), Some(epoch));
    assert!(files_below(&host.base().join("tensorpool-test/other")).is_empty());

    // Where it has streams of its own it may live beside the first.
    let elsewhere = [
        ("SHM_NAMESPACE", "other"),
        ("DRIVER_CONTROL_STREAM_ID", "2000"),
        ("DRIVER_ANNOUNCE_STREAM_ID", "2001"),
    ];
    let out = host.files.path().join("second.out");
    let second = host
        .command(&[], &elsewhere)
        .stdout(fs::File::create(&out).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let second = Service {
        child: second,
        log: out.clone(),
    };
    wait_until("the second driver", || second.log().contains(" ready on "));
    second.stop();
    drop(producer);
    first.stop();
}
