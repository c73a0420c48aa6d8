//! The demo's processes: started in order, listened to, stopped, and never left behind.

use core::time::Duration;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::commands::stop::Stop;

/// How long an exit or a signal may go unnoticed.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// One of the processes, in the order in which they were started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(usize);

/// What a process did.
enum Sign {
    /// It printed a JSON line.
    Event(Value),
    /// It closed its standard output.
    Silence,
}

/// Processes that print JSON lines. Whatever still runs when this is dropped is killed, the last one first.
pub(super) struct Processes {
    stop: Stop,
    /// Whether what they write to standard error is shown.
    shown: bool,
    running: Vec<Process>,
    sender: Sender<(Id, Sign)>,
    signs: Receiver<(Id, Sign)>,
    heard: Vec<(Id, Value)>,
}

struct Process {
    name: &'static str,
    child: Child,
    stdin: Option<ChildStdin>,
    last_words: Arc<Mutex<String>>,
    /// It was told to end, or found ended.
    may_end: bool,
}

impl Processes {
    pub(super) fn new(shown: bool) -> Result<Self, String> {
        let stop = Stop::on_signals().map_err(|error| format!("cannot catch signals: {error}"))?;
        let (sender, signs) = channel();
        Ok(Self {
            stop,
            shown,
            running: Vec::new(),
            sender,
            signs,
            heard: Vec::new(),
        })
    }

    /// Says something about the demo's progress.
    pub(super) fn say(&self, line: &str) {
        if self.shown {
            eprintln!("demo: {line}");
        }
    }

    /// Starts one more.
    pub(super) fn start(
        &mut self,
        name: &'static str,
        command: &mut Command,
    ) -> Result<Id, String> {
        let program = command.get_program().to_owned();
        let pipes = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = pipes
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let id = Id(self.running.len());
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let last_words = Arc::new(Mutex::new(String::new()));
        self.running.push(Process {
            name,
            child,
            stdin,
            last_words: last_words.clone(),
            may_end: false,
        });
        if let Some(stdout) = stdout {
            let sender = self.sender.clone();
            thread::spawn(move || listen(stdout, id, &sender));
        }
        if let Some(stderr) = stderr {
            let shown = self.shown;
            thread::spawn(move || pass_on(stderr, name, shown, &last_words));
        }
        Ok(id)
    }

    /// The first event of a process for which `is_it` holds, be it in the past or to come.
    ///
    /// # Errors
    /// It does not come within the time, a process ends that should not, or somebody wants the demo to stop.
    pub(super) fn wait_for(
        &mut self,
        id: Id,
        what: &str,
        within: Duration,
        is_it: impl Fn(&Value) -> bool,
    ) -> Result<Value, String> {
        let started = Instant::now();
        let mut seen = 0;
        loop {
            let news = self.heard.iter().skip(seen);
            if let Some((_, event)) = news
                .clone()
                .find(|(whose, event)| *whose == id && is_it(event))
            {
                return Ok(event.clone());
            }
            seen = self.heard.len();
            if self.stop.is_asked() {
                return Err("interrupted".into());
            }
            if started.elapsed() > within {
                return Err(format!("no word of {what} within {} s", within.as_secs()));
            }
            match self.signs.recv_timeout(LOOK_EVERY) {
                Ok((whose, Sign::Event(event))) => self.heard.push((whose, event)),
                Ok((whose, Sign::Silence)) => self.require_alive(whose, what)?,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }

    /// Writes a line to the standard input of a process.
    pub(super) fn write_line(&mut self, id: Id) -> Result<(), String> {
        let Some(process) = self.running.get_mut(id.0) else {
            return Ok(());
        };
        let written = process.stdin.as_mut().map(|stdin| stdin.write_all(b"\n"));
        written
            .unwrap_or(Ok(()))
            .map_err(|error| format!("cannot write to the {}: {error}", process.name))
    }

    /// Ends the standard input of a process, which takes it as a sign to leave.
    pub(super) fn close_stdin(&mut self, id: Id) {
        if let Some(process) = self.running.get_mut(id.0) {
            process.may_end = true;
            process.stdin = None;
        }
    }

    /// Sends SIGTERM.
    pub(super) fn terminate(&mut self, id: Id) {
        if let Some(process) = self.running.get_mut(id.0) {
            process.may_end = true;
            // A process that ended already is found out by whoever waits for it.
            let _ = kill_process(Pid::from_child(&process.child), Signal::TERM);
        }
    }

    /// Waits for the end of a process.
    ///
    /// # Errors
    /// It does not end in time and is killed, or it says by its exit status that something went wrong.
    pub(super) fn wait_end(&mut self, id: Id, within: Duration) -> Result<(), String> {
        let Some(process) = self.running.get_mut(id.0) else {
            return Ok(());
        };
        let started = Instant::now();
        loop {
            match process.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(process.obituary(status)),
                Ok(None) if started.elapsed() < within => thread::sleep(LOOK_EVERY),
                Ok(None) => {
                    process.kill();
                    let (name, seconds) = (process.name, within.as_secs());
                    return Err(format!(
                        "{name} did not end within {seconds} s and was killed"
                    ));
                }
                Err(error) => return Err(format!("cannot wait for the {}: {error}", process.name)),
            }
        }
    }

    /// A process that closed its standard output without being told to is about to end.
    fn require_alive(&mut self, id: Id, what: &str) -> Result<(), String> {
        match self.running.get_mut(id.0) {
            Some(process) if !process.may_end => {
                process.may_end = true;
                let status = process.child.wait().map_err(|error| error.to_string())?;
                Err(format!("{} (waiting for {what})", process.obituary(status)))
            }
            _ => Ok(()),
        }
    }
}

impl Process {
    fn obituary(&self, status: ExitStatus) -> String {
        let last_words = self
            .last_words
            .lock()
            .map(|words| words.clone())
            .unwrap_or_default();
        match last_words.is_empty() {
            true => format!("{} ended with {status}", self.name),
            false => format!("{} ended with {status}: {last_words}", self.name),
        }
    }

    fn kill(&mut self) {
        // One that ended by itself cannot be killed, but has to be waited for all the same.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for process in self.running.iter_mut().rev() {
            if !matches!(process.child.try_wait(), Ok(Some(_))) {
                process.kill();
            }
        }
    }
}

/// Passes on the JSON lines of a process, and the end of them.
fn listen(stdout: impl Read, id: Id, sender: &Sender<(Id, Sign)>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        if let Ok(event) = serde_json::from_str(&line)
            && sender.send((id, Sign::Event(event))).is_err()
        {
            return;
        }
    }
    let _ = sender.send((id, Sign::Silence));
}

/// Shows what a process writes to standard error, and keeps the last line.
fn pass_on(stderr: impl Read, name: &str, shown: bool, last_words: &Mutex<String>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        if shown {
            eprintln!("{name}: {line}");
        }
        if let Ok(mut words) = last_words.lock() {
            *words = line;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    fn start(processes: &mut Processes, script: &str) -> Id {
        processes
            .start("script", Command::new("sh").args(["-c", script]))
            .unwrap()
    }

    #[test]
    fn events_are_found_whenever_they_came() {
        let mut processes = Processes::new(false).unwrap();
        let script =
            r#"echo '{"event":"one"}'; echo noise; read x; echo '{"event":"two"}'; read x"#;
        let id = start(&mut processes, script);
        let mut wait = |name: &str| {
            processes.write_line(id).unwrap();
            processes
                .wait_for(id, name, SOON, |event| event["event"] == name)
                .unwrap()
        };
        assert_eq!(wait("two")["event"], "two");
        assert_eq!(wait("one")["event"], "one");
    }

    #[test]
    fn a_process_that_ends_unasked_is_an_error_with_its_last_words() {
        let mut processes = Processes::new(false).unwrap();
        let waiting = start(&mut processes, "read x");
        // Words that come later than the end of the output are words all the same.
        start(&mut processes, "echo help >&2; sleep 0.2; exit 3");
        let error = processes
            .wait_for(waiting, "nothing", SOON, |_| false)
            .unwrap_err();
        assert!(
            error.contains("exit status: 3") && error.contains("help"),
            "{error}"
        );
    }

    #[test]
    fn a_process_ends_by_the_end_of_its_input_or_by_a_signal() {
        let mut processes = Processes::new(false).unwrap();
        let reader = start(&mut processes, "cat; exit 0");
        processes.close_stdin(reader);
        assert_eq!(processes.wait_end(reader, SOON), Ok(()));
        let sleeper = start(&mut processes, "exec sleep 60");
        processes.terminate(sleeper);
        let error = processes.wait_end(sleeper, SOON).unwrap_err();
        assert!(error.contains("signal: 15"), "{error}");
    }

    #[test]
    fn a_process_that_does_not_end_is_killed() {
        let mut processes = Processes::new(false).unwrap();
        let id = start(&mut processes, "exec sleep 60");
        let error = processes
            .wait_end(id, Duration::from_millis(50))
            .unwrap_err();
        assert!(error.contains("was killed"), "{error}");
        let pid = Pid::from_child(&processes.running[0].child);
        assert!(kill_process(pid, Signal::TERM).is_err(), "still there");
    }
}
