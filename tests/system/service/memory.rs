//! Memory that is not to be had.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use tp_core_nostd::wire::driver::RefusalCode;
use tp_std::ProducerConfig;
use tp_tests::skip;

use crate::host::{Host, PATIENCE, files_below, stream};

/// A file system of its own, taken away with the value; `None`, and a word why, where none may be mounted.
pub(crate) struct Mounted(TempDir);

impl Mounted {
    pub(crate) fn new(test: &str, kind: &str, options: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", kind, "-o", options, kind])
            .arg(dir.path())
            .output();
        match mount {
            Ok(output) if output.status.success() => Some(Self(dir)),
            other => {
                skip(
                    test,
                    kind,
                    format_args!("{kind} cannot be mounted here: {other:?}"),
                );
                None
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn text(&self) -> &str {
        self.0.path().to_str().unwrap()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

#[test] // req: D-189
fn memory_that_cannot_be_locked_is_a_refusal_with_its_reason() {
    let test = "memory_that_cannot_be_locked_is_a_refusal_with_its_reason";
    // Without the capability the limit counts, also for root.
    let without = [
        "setpriv",
        "--bounding-set=-ipc_lock",
        "--inh-caps=-ipc_lock",
        "prlimit",
        "--memlock=65536",
    ];
    let probe = Command::new(without[0])
        .args(&without[1..])
        .arg("true")
        .output();
    if !probe.is_ok_and(|output| output.status.success()) {
        skip(
            test,
            "capabilities",
            "capabilities and limits cannot be changed here",
        );
        return;
    }
    let host = Host::new();
    let driver = host.start_through(&without, &[("POLICIES_MLOCK_SHM", "true")]);
    let (code, text) = host.attach_refused(&host.base());
    assert_eq!(code, RefusalCode::InternalError);
    assert_eq!(text, "the regions could not be locked into memory");
    assert!(
        driver.log().contains("files not created"),
        "{}",
        driver.log()
    );
    // Nothing of it is left, and nothing is announced.
    let stream_dir = host.base().join("tensorpool-test/default/10000");
    assert!(files_below(&stream_dir).is_empty());
    driver.stop();
}

#[test] // req: D-201
fn a_full_file_system_is_a_refusal_with_its_reason_and_heals() {
    let test = "a_full_file_system_is_a_refusal_with_its_reason_and_heals";
    let Some(small) = Mounted::new(test, "tmpfs", "size=1m") else {
        return;
    };
    let host = Host::new();
    let driver = host.start(&[("SHM_BASE_DIR", small.text())]);
    let ballast = small.path().join("ballast");
    fs::write(&ballast, vec![1; 700 << 10]).unwrap();
    let (code, text) = host.attach_refused(small.path());
    assert_eq!(code, RefusalCode::InternalError);
    assert!(
        text.starts_with("no space: 526464 bytes needed, "),
        "{text}"
    );
    assert!(driver.log().contains("no room for "), "{}", driver.log());

    fs::remove_file(ballast).unwrap();
    let (client, _conductor) = host.client(small.path());
    let pending = client.producer(ProducerConfig::new(stream())).unwrap();
    pending.wait(PATIENCE).unwrap();
    driver.stop();
}

#[test] // req: D-193, D-201
fn huge_pages_that_are_not_there_are_a_refusal_with_its_reason() {
    let host = Host::new();
    let said = host.refused(&[("SHM_REQUIRE_HUGEPAGES", "true")]);
    assert!(said.contains("shm.require_hugepages: "), "{said}");
    assert!(said.contains("is no hugetlbfs; mount one"), "{said}");

    let test = "huge_pages_that_are_not_there_are_a_refusal_with_its_reason";
    // One page, and the ring alone would take it.
    let Some(huge) = Mounted::new(test, "hugetlbfs", "size=2M") else {
        return;
    };
    let said = host.refused(&[("SHM_BASE_DIR", huge.text())]);
    assert!(said.contains("set shm.require_hugepages = true"), "{said}");
    let there = [
        ("SHM_BASE_DIR", huge.text()),
        ("SHM_REQUIRE_HUGEPAGES", "true"),
    ];
    let wrong = [there[0], there[1], ("SHM_PAGE_SIZE_BYTES", "1073741824")];
    let said = host.refused(&wrong);
    assert!(
        said.contains("1073741824 expected, the huge pages there have "),
        "{said}"
    );

    let driver = host.start(&there);
    let (code, text) = host.attach_refused(huge.path());
    assert_eq!(code, RefusalCode::InternalError);
    assert!(text.starts_with("no space: "), "{text}");
    driver.stop();
}

#[test] // req: D-060, D-112
fn a_read_only_base_directory_is_a_refusal_with_its_reason() {
    let test = "a_read_only_base_directory_is_a_refusal_with_its_reason";
    let Some(base) = Mounted::new(test, "tmpfs", "size=4m") else {
        return;
    };
    let remount = |how: &str| {
        let options = format!("remount,{how}");
        let mut mount = Command::new("mount");
        let mount = mount.args(["-o", &options]).arg(base.path());
        assert!(mount.status().unwrap().success());
    };
    let host = Host::new();
    let there = [("SHM_BASE_DIR", base.text())];
    remount("ro");
    let said = host.refused(&there);
    assert!(
        said.contains("tp_driver: shm.base_dir: cannot make directory "),
        "{said}"
    );
    assert!(said.contains("Read-only file system"), "{said}");

    remount("rw");
    let driver = host.start(&there);
    // A file system with an open lock file does not become read-only; its directory does.
    let namespace = base.path().join("tensorpool-test/default");
    let frozen = Command::new("chattr").arg("+i").arg(&namespace).output();
    if !frozen.is_ok_and(|output| output.status.success()) {
        skip(
            test,
            "immutable",
            "in its second half directories have to be made immutable",
        );
        return;
    }
    let (code, text) = host.attach_refused(base.path());
    assert_eq!(code, RefusalCode::InternalError);
    assert_eq!(text, "the driver may not create the regions");
    drop(driver);
}
