//! A program of ours as a child: what it says is kept, and it never outlives us.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};

use crate::stage::wait_until;

/// Lines that are kept of each.
const LINES: usize = 30;

/// What a process said last, and what its frames came to.
#[derive(Debug, Default)]
struct Said {
    lines: Vec<String>,
    frames: u64,
    torn: u64,
}

#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    said: Arc<Mutex<Said>>,
    listeners: Vec<JoinHandle<()>>,
}

impl Process {
    pub(crate) fn start(name: &str, program: &str, args: &[&str]) -> Result<Self, String> {
        let path = beside_us(program);
        let child = Command::new(&path)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.map_err(|error| format!("{}: {error}", path.display()))?;
        let said = Arc::new(Mutex::new(Said::default()));
        let listeners = vec![
            listen(child.stdout.take().unwrap(), said.clone()),
            listen(child.stderr.take().unwrap(), said.clone()),
        ];
        let name = name.to_owned();
        Ok(Self {
            name,
            child,
            said,
            listeners,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal)
            .expect("a process that was not waited for");
    }

    /// Kills it and waits for it.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, which it must do without complaint.
    pub(crate) fn stop(&mut self) -> Result<(), String> {
        self.signal(Signal::TERM);
        wait_until(&format!("the end of {}", self.name), || {
            Ok(self.has_ended().is_some())
        })?;
        match self.has_ended() {
            Some(status) if status.success() => Ok(()),
            status => Err(self.complaint(&format!("ended with {status:?}"))),
        }
    }

    /// How it ended, if it did; then its last words were heard.
    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().expect("a child of ours")?;
        for listener in self.listeners.drain(..) {
            let _ = listener.join();
        }
        Some(status)
    }

    /// Whether it said so.
    pub(crate) fn has_said(&self, text: &str) -> bool {
        self.said
            .lock()
            .unwrap()
            .lines
            .iter()
            .any(|line| line.contains(text))
    }

    /// Frames it received, as far as it told, and those of them that were other than sent.
    pub(crate) fn frames(&self) -> (u64, u64) {
        let said = self.said.lock().unwrap();
        (said.frames, said.torn)
    }

    pub(crate) fn complaint(&self, what: &str) -> String {
        let said = self.said.lock().unwrap();
        format!(
            "{} {what}; it said last:\n{}",
            self.name,
            said.lines.join("\n")
        )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Keeps what a process says, and the figures in it.
fn listen(pipe: impl Read + Send + 'static, said: Arc<Mutex<Said>>) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let mut said = said.lock().unwrap();
            // As `tp subscribe` tells every second: "… | 120 frames, gaps 0, late drops 0, torn 0 | …".
            if let Some(frames) = number_before(&line, " frames, gaps ") {
                said.frames = frames;
            }
            if let Some((_, rest)) = line.split_once(", torn ")
                && let Some(torn) = rest.split(' ').next().and_then(|text| text.parse().ok())
            {
                said.torn = torn;
            }
            if said.lines.len() == LINES {
                said.lines.remove(0);
            }
            said.lines.push(line);
        }
    })
}

fn number_before(line: &str, what: &str) -> Option<u64> {
    let (before, _) = line.split_once(what)?;
    before.rsplit(' ').next()?.parse().ok()
}

/// A program in our directory, or, for a test of ours, in the one above.
fn beside_us(program: &str) -> PathBuf {
    let us = std::env::current_exe().expect("a program has a path");
    let places = us.ancestors().skip(1).take(2).map(|dir| dir.join(program));
    places
        .clone()
        .find(|path| path.is_file())
        .unwrap_or_else(|| program.into())
}
