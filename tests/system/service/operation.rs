//! Signals, systemd and log lines.

use core::time::Duration;
use std::os::unix::net::UnixDatagram;
use std::thread;

use rustix::process::Signal;
use tp_core_nostd::wire::driver::RefusalCode;
use tp_std::{ConsumerConfig, Error, ProducerConfig};

use crate::host::{Host, PATIENCE, stream, wait_until};

#[test] // req: D-150, D-153, D-065
fn a_signal_drains_and_a_second_one_ends_at_once() {
    let host = Host::new();
    let mut driver = host.start(&[("POLICIES_SHUTDOWN_TIMEOUT_MS", "3600000")]);
    let (client, _conductor) = host.client(&host.base());
    let pending = client.producer(ProducerConfig::new(stream())).unwrap();
    let mut producer = pending.wait(PATIENCE).unwrap();
    let epoch = producer.epoch();
    driver.signal(Signal::TERM);
    wait_until("draining", || driver.log().contains("stopping"));
    let refused = client.consumer(ConsumerConfig::new(stream())).unwrap();
    match refused.wait(PATIENCE) {
        Err(Error::Rejected { code, text }) => {
            assert_eq!(
                (code, text.as_str()),
                (RefusalCode::Rejected, "driver draining")
            );
        }
        other => panic!("{other:?}"),
    }
    // Longer than a lease lives without keepalives that are heard.
    thread::sleep(Duration::from_secs(2));
    assert_eq!(producer.epoch(), epoch);
    driver.signal(Signal::TERM);
    assert_eq!(driver.exit_code(), Some(1));
}

#[test]
fn systemd_hears_when_the_driver_is_ready_alive_and_stopping() {
    let host = Host::new();
    let path = host.files.path().join("notify");
    let systemd = UnixDatagram::bind(&path).unwrap();
    systemd.set_read_timeout(Some(PATIENCE)).unwrap();
    let driver = host.start(&[
        ("NOTIFY_SOCKET", path.to_str().unwrap()),
        ("WATCHDOG_USEC", "20000"),
    ]);
    let hear = || {
        let mut buffer = [0; 1024];
        let len = systemd.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..len].to_vec()).unwrap()
    };
    let ready = hear();
    assert!(
        ready.starts_with("READY=1\nSTATUS=driver driver-01 ready on "),
        "{ready}"
    );
    for _ in 0..5 {
        assert_eq!(hear(), "WATCHDOG=1");
    }
    driver.stop();
    let stopping = core::iter::repeat_with(hear).find(|said| said != "WATCHDOG=1");
    assert!(stopping.unwrap().starts_with("STOPPING=1"));
}

#[test] // req: C-173
fn log_lines_are_what_was_asked_for() {
    let host = Host::new();
    let attach = || {
        let (client, _conductor) = host.client(&host.base());
        let pending = client.producer(ProducerConfig::new(stream())).unwrap();
        pending.wait(PATIENCE).unwrap();
    };
    let driver = host.start(&[("TP_LOG_FORMAT", "json"), ("TP_LOG_LEVEL", "debug")]);
    attach();
    driver.signal(Signal::TERM);
    let mut driver = driver;
    driver.exit_code();
    let lines: Vec<serde_json::Value> = driver
        .log()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let attached = lines.iter().find(|line| line["msg"] == "attached").unwrap();
    assert_eq!(
        (&attached["stream"], &attached["level"]),
        (&"10000".into(), &"info".into())
    );
    drop(driver);

    let driver = host.start(&[
        ("TP_LOG_FORMAT", "logfmt"),
        ("TP_LOG_LEVEL", "error,tp_std::driver::agent=info"),
    ]);
    attach();
    wait_until("a line", || driver.log().contains("msg=attached "));
    assert!(
        driver
            .log()
            .lines()
            .all(|line| line.contains(" target=tp_std::driver::agent ")),
        "{}",
        driver.log()
    );
}
