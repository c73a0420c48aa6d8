//! What happens in the demo, from the first process to the last.

use core::time::Duration;
use std::env;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::Args;
use super::processes::{Id, Processes};
use super::verdict::{Received, Verdict};
use crate::commands::scratch::Scratch;

const STREAM: &str = "10000";

/// Sent in turn.
const PICTURES: [&str; 3] = ["hubble_deep_field.jpg", "astronaut.png", "moon.png"];

/// Frames per second, as many as a film has: with four slots a subscriber may be late by 100 ms.
const RATE_HZ: u64 = 30;

/// How long any step may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Pools for pictures of up to 1 MiB and up to 2.5 MiB. The three epochs that exist at most (before, with and after the
/// publisher) take 42 MiB, which leaves room for the media driver in the 64 MiB that containers have.
const CONFIG: &str = r#"
[policies]
cleanup_shm_on_exit = true

[profiles.pictures]
header_nslots = 4
payload_pools = [
    { pool_id = 1, stride_bytes = 1048576 },
    { pool_id = 2, stride_bytes = 2621440 },
]

[streams.pictures]
stream_id = 10000
profile = "pictures"
"#;

/// The demo before its first process.
pub(super) struct Play<'a> {
    scratch: &'a Scratch,
    seconds: u64,
    pictures: Vec<PathBuf>,
    tp: PathBuf,
    tp_driver: PathBuf,
    processes: Processes,
}

impl<'a> Play<'a> {
    /// Makes sure that everything is there.
    pub(super) fn new(args: &Args, scratch: &'a Scratch) -> Result<Self, String> {
        let pictures = PICTURES.map(|name| args.data.join(name));
        if let Some(missing) = pictures.iter().find(|path| !path.is_file()) {
            let missing = missing.display();
            return Err(format!(
                "{missing} is missing: say with --data where the pictures are"
            ));
        }
        let tp =
            env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
        let tp_driver = tp.with_file_name("tp_driver");
        if !tp_driver.is_file() {
            let missing = tp_driver.display();
            return Err(format!(
                "{missing} is missing: build it with cargo build --release -p tp-linux"
            ));
        }
        Ok(Self {
            scratch,
            seconds: args.seconds,
            pictures: pictures.into(),
            tp,
            tp_driver,
            processes: Processes::new(!args.json)?,
        })
    }

    /// Everything in order. What the processes reported is in `verdict` also if something fails later.
    pub(super) fn perform(mut self, verdict: &mut Verdict) -> Result<(), String> {
        let media_driver = self.start_media_driver()?;
        self.processes.say("media driver is ready");
        let driver = self.start_driver()?;
        self.processes.say("driver is ready");
        let subscribers = [
            self.start_subscriber("subscriber 1")?,
            self.start_subscriber("subscriber 2")?,
        ];
        for id in subscribers {
            self.wait_for(id, "a subscriber's attach", "attached")?;
        }
        self.processes.say("two subscribers are attached");
        let publisher = self.start_publisher()?;
        let attached = self.wait_for(publisher, "the publisher's attach", "attached")?;
        for id in subscribers {
            let what = "the publisher's memory at a subscriber";
            let is_mapped = |event: &Value| {
                event["event"] == "mapped" && event.get("epoch") == attached.get("epoch")
            };
            self.processes.wait_for(id, what, PATIENCE, is_mapped)?;
        }
        self.processes
            .say("a publisher is attached, both subscribers see its memory");

        let (pictures, seconds) = (self.pictures.len(), self.seconds);
        self.processes.say(&format!(
            "sending {pictures} pictures in turn, {RATE_HZ} frames/s for {seconds} s"
        ));
        self.processes.write_line(publisher)?;
        let sending = PATIENCE.saturating_add(Duration::from_secs(seconds));
        let is_done = |event: &Value| event["event"] == "done";
        let done = self
            .processes
            .wait_for(publisher, "the last frame", sending, is_done)?;
        verdict.frames_sent = done.get("frames_sent").and_then(Value::as_u64).unwrap_or(0);

        self.processes
            .say("all frames are sent; the last to come leave first");
        // Only the publisher waits a little: it takes the memory with it, so everybody has to have read what is there.
        for id in subscribers {
            self.processes.terminate(id);
            let summary = self.wait_for(id, "a subscriber's summary", "summary")?;
            verdict.received.push(Received::of_summary(&summary)?);
        }
        self.processes.close_stdin(publisher);
        for id in [publisher, subscribers[1], subscribers[0]] {
            self.processes.wait_end(id, PATIENCE)?;
        }
        for id in [driver, media_driver] {
            self.processes.terminate(id);
            self.processes.wait_end(id, PATIENCE)?;
        }
        self.processes.say("everybody is gone");
        Ok(())
    }

    fn start_media_driver(&mut self) -> Result<Id, String> {
        let mut command = Command::new(&self.tp);
        command
            .args(["media-driver", "--json", "--dir"])
            .arg(self.scratch.aeron_dir());
        let id = self.processes.start("media driver", &mut command)?;
        self.wait_ready(id, "media-driver")
    }

    fn start_driver(&mut self) -> Result<Id, String> {
        let regions = self.scratch.regions_dir()?;
        let places = format!(
            "[driver]\naeron_dir = {:?}\n\n[shm]\nbase_dir = {regions:?}\n{CONFIG}",
            self.scratch.aeron_dir(),
        );
        let config = self.scratch.write_config(&places)?;
        let mut command = Command::new(&self.tp_driver);
        // Variables of the caller would override the file. No warnings: strides other than powers of two are meant.
        command.env_clear().env("TP_LOG_LEVEL", "error");
        command.arg("--json").arg("-c").arg(config);
        let id = self.processes.start("driver", &mut command)?;
        self.wait_ready(id, "driver")
    }

    fn wait_ready(&mut self, id: Id, name: &str) -> Result<Id, String> {
        let is_ready = |event: &Value| event["ready"] == name;
        self.processes.wait_for(id, name, PATIENCE, is_ready)?;
        Ok(id)
    }

    fn start_subscriber(&mut self, name: &'static str) -> Result<Id, String> {
        let mut command = self.client("subscribe");
        command.arg("--check").args(&self.pictures);
        self.processes.start(name, &mut command)
    }

    fn start_publisher(&mut self) -> Result<Id, String> {
        let frames = self.seconds.saturating_mul(RATE_HZ).to_string();
        let mut command = self.client("publish");
        command.args([
            "--hold",
            "--stay",
            "--count",
            &frames,
            "--rate",
            &RATE_HZ.to_string(),
        ]);
        command.arg("--input").args(&self.pictures);
        self.processes.start("publisher", &mut command)
    }

    fn client(&self, name: &str) -> Command {
        let mut command = Command::new(&self.tp);
        command.args([name, "--json", "--stream", STREAM, "--aeron-dir"]);
        command.arg(self.scratch.aeron_dir());
        command
    }

    fn wait_for(&mut self, id: Id, what: &str, event: &str) -> Result<Value, String> {
        self.processes
            .wait_for(id, what, PATIENCE, |said| said["event"] == event)
    }
}
