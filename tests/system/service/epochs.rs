//! What a driver leaves on disk, and what it takes away.

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;
use tp_core_nostd::ids::StreamId;
use tp_core_nostd::wire::driver::{PublishMode, RefusalCode};
use tp_std::{Error, ProducerConfig};

use crate::host::{Host, PATIENCE, files_below, produce, wait_until};
use crate::memory::Mounted;

#[test] // req: D-150, D-204
fn a_stopped_driver_leaves_nothing_in_shared_memory_but_the_record_of_its_epoch() {
    let host = Host::new();
    // What a killed one left goes too.
    for _ in 0..2 {
        let driver = host.start(&[]);
        let (client, _conductor) = host.client(&host.base());
        produce(&client);
        driver.signal(Signal::KILL);
    }
    assert!(!files_below(&host.base()).is_empty());
    let driver = host.start(&[]);
    let (client, _conductor) = host.client(&host.base());
    produce(&client);
    driver.stop();
    assert_eq!(files_below(&host.base()), Vec::<PathBuf>::new());
    let epochs = fs::read_dir(host.base().join("tensorpool-test/default/10000")).unwrap();
    assert_eq!(epochs.count(), 1);
}

#[test] // req: D-197, D-199, D-200, D-202
fn old_epochs_are_collected_while_the_driver_runs_and_when_it_starts() {
    let host = Host::new();
    let stream_dir = host.base().join("tensorpool-test/default/10000");
    let epochs = || fs::read_dir(&stream_dir).unwrap().count();
    let (client, _conductor) = host.client(&host.base());
    let without = [
        ("POLICIES_EPOCH_GC_ENABLED", "false"),
        ("POLICIES_CLEANUP_SHM_ON_EXIT", "false"),
    ];
    let driver = host.start(&without);
    for _ in 0..4 {
        produce(&client);
    }
    // Two for each change of producer.
    assert!(epochs() >= 7, "{}", epochs());
    driver.signal(Signal::KILL);
    drop(driver);

    let with = [
        ("POLICIES_EPOCH_GC_ON_STARTUP", "true"),
        ("POLICIES_EPOCH_GC_KEEP", "2"),
        ("POLICIES_EPOCH_GC_MIN_AGE_NS", "1"),
    ];
    let driver = host.start(&with);
    wait_until("the collection at the start", || epochs() == 2);
    for _ in 0..4 {
        produce(&client);
    }
    wait_until("the collection after the last change", || epochs() == 2);
    assert!(driver.log().contains("old epochs removed"));
    driver.stop();
}

#[test] // req: D-201
fn space_that_a_dead_driver_holds_is_taken_back_when_it_runs_out() {
    let test = "space_that_a_dead_driver_holds_is_taken_back_when_it_runs_out";
    // Two epochs fit, a third does not.
    let Some(small) = Mounted::new(test, "tmpfs", "size=1300k") else {
        return;
    };
    let host = Host::new();
    let there = ("SHM_BASE_DIR", small.text());
    let (client, _conductor) = host.client(small.path());
    let driver = host.start(&[there, ("POLICIES_EPOCH_GC_ENABLED", "false")]);
    produce(&client);
    let (code, text) = host.attach_refused(small.path());
    assert_eq!(code, RefusalCode::InternalError, "{text}");
    driver.signal(Signal::KILL);
    drop(driver);

    let driver = host.start(&[
        there,
        ("POLICIES_EPOCH_GC_KEEP", "1"),
        ("POLICIES_EPOCH_GC_MIN_AGE_NS", "1"),
    ]);
    produce(&client);
    assert!(
        driver.log().contains("old epochs removed"),
        "{}",
        driver.log()
    );
    driver.stop();
}

#[test] // req: D-202
fn streams_of_a_dead_driver_that_nobody_comes_back_for_are_collected() {
    let host = Host::new();
    let dynamic = [
        ("POLICIES_ALLOW_DYNAMIC_STREAMS", "true"),
        ("DRIVER_STREAM_ID_RANGE", "20000-20009"),
        ("POLICIES_EPOCH_GC_ON_STARTUP", "true"),
        ("POLICIES_EPOCH_GC_MIN_AGE_NS", "1000000000"),
    ];
    let driver = host.start(&dynamic);
    let (client, conductor) = host.client(&host.base());
    let config = ProducerConfig::new(StreamId::new(20_005).unwrap());
    let config = config.with_publish_mode(PublishMode::ExistingOrCreate);
    let producer = client.producer(config).unwrap().wait(PATIENCE).unwrap();
    let dir = host.base().join("tensorpool-test/default/20005");
    assert!(!files_below(&dir).is_empty());
    driver.signal(Signal::KILL);
    drop(driver);
    drop(producer);
    conductor.close().unwrap();

    let driver = host.start(&dynamic);
    wait_until("the collection of what is left", || {
        files_below(&dir).is_empty()
    });
    assert_eq!(
        fs::read_dir(&dir).unwrap().count(),
        1,
        "the record of the last epoch (D-204)"
    );
    driver.stop();
}

#[test] // req: D-156, D-157, D-166, D-167, D-168, D-179
fn streams_that_clients_bring_into_being_have_files_like_any_other() {
    let host = Host::new();
    let driver = host.start(&[
        ("POLICIES_ALLOW_DYNAMIC_STREAMS", "true"),
        ("DRIVER_STREAM_ID_RANGE", "20000-20009"),
    ]);
    let (client, _conductor) = host.client(&host.base());
    let on = |id| {
        let config = ProducerConfig::new(StreamId::new(id).unwrap());
        let config = config.with_publish_mode(PublishMode::ExistingOrCreate);
        client.producer(config).unwrap().wait(PATIENCE)
    };
    let mut producer = on(20_005).unwrap();
    let epoch = producer.epoch().unwrap();
    let dir = host
        .base()
        .join("tensorpool-test/default/20005")
        .join(epoch.to_string());
    // Header ring, pool, and the bell beside them.
    assert_eq!(files_below(&dir).len(), 3);
    match on(30_000) {
        Err(Error::Rejected { code, text }) => {
            assert_eq!(code, RefusalCode::InvalidParams);
            assert_eq!(text, "stream_id is outside of the dynamic range");
        }
        other => panic!("{other:?}"),
    }
    // The whole range is this driver's, also where nothing uses it yet.
    let said = host.refused(&[
        ("POLICIES_ALLOW_DYNAMIC_STREAMS", "true"),
        ("DRIVER_STREAM_ID_RANGE", "20009-20100"),
    ]);
    assert!(said.contains("belongs to another driver"), "{said}");
    drop(producer);
    driver.stop();
    assert_eq!(files_below(&host.base()), Vec::<PathBuf>::new());
}
