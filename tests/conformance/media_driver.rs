//! The embedded media driver and its directory.

use std::fs;
use std::process;

use tp_std::aeron::{AeronClient, ClientConfig, MediaDriver, MediaDriverConfig, MediaDriverError};

#[test]
fn it_serves_clients_and_leaves_nothing_behind() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("aeron");
    let driver = MediaDriver::start(MediaDriverConfig::new(&dir)).unwrap();
    assert!(driver.is_running());
    AeronClient::connect(&ClientConfig::new(&dir)).unwrap();
    driver.stop().unwrap();
    assert!(!dir.exists());
}

#[test] // Must fit 64 MiB of shared memory beside the demo's regions.
fn it_takes_little_shared_memory() {
    let parent = tempfile::tempdir().unwrap();
    let driver = MediaDriver::start(MediaDriverConfig::new(parent.path().join("aeron"))).unwrap();
    let bytes = driver.bytes_used();
    assert!((1..12 << 20).contains(&bytes), "{bytes} bytes");
}

#[test]
fn a_second_one_in_the_same_directory_is_refused_and_the_first_goes_on() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("aeron");
    let driver = MediaDriver::start(MediaDriverConfig::new(&dir)).unwrap();
    let error = MediaDriver::start(MediaDriverConfig::new(&dir)).unwrap_err();
    let MediaDriverError::InUse { dir: of, pid } = &error else {
        panic!("{error}");
    };
    assert_eq!((of, *pid), (&dir, i64::from(process::id())));
    assert!(driver.is_running());
    AeronClient::connect(&ClientConfig::new(&dir)).unwrap();
}

#[test]
fn a_directory_with_other_files_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.txt"), "years of work").unwrap();
    let error = MediaDriver::start(MediaDriverConfig::new(dir.path())).unwrap_err();
    assert!(
        matches!(&error, MediaDriverError::ForeignFiles { name, .. } if name == "thesis.txt"),
        "{error}"
    );
    assert!(dir.path().join("thesis.txt").exists());
}

#[test]
fn what_a_stopped_one_left_is_taken_over() {
    let parent = tempfile::tempdir().unwrap();
    let mut config = MediaDriverConfig::new(parent.path().join("aeron"));
    config.remove_dir = false;
    MediaDriver::start(config.clone()).unwrap().stop().unwrap();
    assert!(config.dir.join("cnc.dat").exists());
    let driver = MediaDriver::start(config).unwrap();
    AeronClient::connect(&ClientConfig::new(driver.dir())).unwrap();
}

#[test]
fn an_unusable_directory_is_an_error_with_its_name() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    let error = MediaDriver::start(MediaDriverConfig::new(&file)).unwrap_err();
    assert!(
        matches!(error, MediaDriverError::Directory { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("file"), "{error}");
}
