//! `tp media-driver` as people and service managers run it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of tests fails the test"
)]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tp_std::aeron::{AeronClient, ClientConfig};

/// A `tp media-driver` and what it said first; killed when dropped.
struct Program {
    child: Child,
    ready: String,
}

impl Program {
    fn start(dir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tp"))
            .args(["media-driver", "--json", "--dir"])
            .arg(dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut ready).unwrap();
        Self { child, ready }
    }

    fn end(&mut self, signal: Signal) -> ExitStatus {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
        self.child.wait().unwrap()
    }

    fn complaint(&mut self) -> String {
        let mut text = String::new();
        let errors = self.child.stderr.as_mut().unwrap();
        errors.read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_says_that_it_is_ready_and_leaves_in_good_order() {
    for signal in [Signal::INT, Signal::TERM] {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("aeron");
        let mut program = Program::start(&dir);
        let ready: serde_json::Value = serde_json::from_str(&program.ready).unwrap();
        assert_eq!(ready["ready"], "media-driver");
        assert_eq!(ready["dir"], dir.to_str().unwrap());
        assert_eq!(ready["pid"], program.child.id());
        AeronClient::connect(&ClientConfig::new(&dir)).unwrap();
        assert_eq!(program.end(signal).code(), Some(0));
        assert!(!dir.exists());
    }
}

#[test]
fn a_second_one_says_who_is_there_and_exits_with_1() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("aeron");
    let first = Program::start(&dir);
    let mut second = Program::start(&dir);
    assert_eq!(second.ready, "");
    assert_eq!(second.child.wait().unwrap().code(), Some(1));
    let complaint = second.complaint();
    let told = format!(
        "a media driver is already running in {} (process {})",
        dir.display(),
        first.child.id()
    );
    assert!(complaint.contains(&told), "{complaint}");
    AeronClient::connect(&ClientConfig::new(&dir)).unwrap();
}

#[test]
fn after_a_kill_the_next_one_takes_over_without_waiting_for_aerons_timeout() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("aeron");
    let mut first = Program::start(&dir);
    assert_eq!(first.end(Signal::KILL).code(), None);
    let second = Program::start(&dir);
    assert!(second.ready.contains("media-driver"), "{}", second.ready);
    AeronClient::connect(&ClientConfig::new(&dir)).unwrap();
}

#[test]
fn misuse_exits_with_2() {
    let output = Command::new(env!("CARGO_BIN_EXE_tp"))
        .args(["media-driver", "--client-liveness-ms", "soon"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}
