//! Who is on stage: a media driver, a driver, two streams with a publisher each, and subscribers. One publisher and the
//! subscribers of its stream but one are never touched; they have to live through everything.

use core::time::Duration;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Instant;

use tempfile::TempDir;

use crate::process::Process;

/// What takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pictures per second on each stream.
const RATE_HZ: &str = "40";
/// The stream whose publisher is never touched, and the other one.
const STREAMS: [&str; 2] = ["10000", "10001"];
const PICTURES: [&str; 2] = ["astronaut.png", "moon.png"];

pub(crate) struct Stage {
    pub(crate) driver: Process,
    /// Of the second stream.
    pub(crate) publisher: Process,
    /// Of the first stream.
    pub(crate) subscriber: Process,
    /// Never touched: a publisher of the first stream, a subscriber of each.
    steady: Vec<Process>,
    media: Process,
    root: TempDir,
    files: TempDir,
    /// Frames that subscribers told of which are gone.
    past: u64,
}

impl Stage {
    pub(crate) fn set() -> Result<Self, String> {
        let temporary = |dir: &Path| {
            let dir = tempfile::Builder::new().prefix("tp-soak-").tempdir_in(dir);
            dir.map_err(|error| format!("no directory to work in: {error}"))
        };
        let (root, files) = (
            temporary(Path::new("/dev/shm"))?,
            temporary(&std::env::temp_dir())?,
        );
        let aeron = text(&root.path().join("aeron"));
        let shm = root.path().join("shm");
        fs::create_dir(&shm).map_err(|error| error.to_string())?;
        fs::write(
            files.path().join("driver.toml"),
            config(&aeron, &text(&shm)),
        )
        .map_err(|error| error.to_string())?;
        let media = Process::start("the media driver", "tp", &["media-driver", "--dir", &aeron])?;
        wait_until("the media driver", || Ok(media.has_said("ready in")))?;
        let driver = driver(files.path())?;
        wait_until("the driver", || Ok(driver.has_said(" ready on ")))?;
        let mut stage = Self {
            publisher: publisher(root.path(), STREAMS[1])?,
            subscriber: subscriber(root.path(), STREAMS[0])?,
            steady: vec![publisher(root.path(), STREAMS[0])?],
            driver,
            media,
            root,
            files,
            past: 0,
        };
        for stream in STREAMS {
            stage.steady.push(subscriber(stage.root.path(), stream)?);
        }
        Ok(stage)
    }

    pub(crate) fn start_driver(&mut self) -> Result<(), String> {
        self.driver = driver(self.files.path())?;
        wait_until("the driver", || Ok(self.driver.has_said(" ready on ")))
    }

    /// A new publisher. The lease of a killed one has to run out first.
    pub(crate) fn start_publisher(&mut self) -> Result<(), String> {
        wait_until("a publisher in place of the old one", || {
            self.publisher = publisher(self.root.path(), STREAMS[1])?;
            wait_until("a word of the publisher", || {
                Ok(self.publisher.has_ended().is_some() || self.publisher.has_said("\"attached\""))
            })?;
            match self.publisher.has_ended() {
                None => Ok(true),
                Some(_)
                    if self.publisher.has_said("already")
                        || self.publisher.has_said("REJECTED") =>
                {
                    Ok(false)
                }
                Some(_) => Err(self.publisher.complaint("ended")),
            }
        })
    }

    pub(crate) fn start_subscriber(&mut self) -> Result<(), String> {
        self.past += self.subscriber.frames().0;
        self.subscriber = subscriber(self.root.path(), STREAMS[0])?;
        Ok(())
    }

    /// Waits until every subscriber received frames from now on, and nobody ended.
    pub(crate) fn flow(&mut self) -> Result<(), String> {
        let before = self
            .subscribers()
            .map(|one| one.frames().0)
            .collect::<Vec<_>>();
        let everybody = wait_until("frames at every subscriber", || {
            for process in self.steady.iter_mut().chain([
                &mut self.driver,
                &mut self.publisher,
                &mut self.subscriber,
                &mut self.media,
            ]) {
                if process.has_ended().is_some() {
                    return Err(process.complaint("ended by itself"));
                }
            }
            let mut now = self.subscribers().zip(&before);
            Ok(now.all(|(one, before)| one.frames().0 > *before))
        });
        everybody.map_err(|why| {
            let said = self
                .subscribers()
                .chain(&self.steady[..1])
                .chain([&self.driver, &self.publisher]);
            let said: Vec<_> = said.map(|one| one.complaint("is there")).collect();
            format!("{why}\n{}", said.join("\n"))
        })?;
        match self.subscribers().find(|one| one.frames().1 > 0) {
            Some(torn) => Err(torn.complaint("got frames that nobody sent")),
            None => Ok(()),
        }
    }

    fn subscribers(&self) -> impl Iterator<Item = &Process> {
        self.steady.iter().skip(1).chain([&self.subscriber])
    }

    /// Frames that all subscribers told of.
    pub(crate) fn frames(&self) -> u64 {
        self.past + self.subscribers().map(|one| one.frames().0).sum::<u64>()
    }

    /// Those that live through everything.
    pub(crate) fn survivors(&self) -> impl Iterator<Item = &Process> {
        self.steady.iter().chain([&self.media])
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// Everybody is asked to end, the last one first; how many frames were received.
    pub(crate) fn end(mut self) -> Result<u64, String> {
        self.subscriber.stop()?;
        self.publisher.stop()?;
        // A subscriber ends with a failure if one of its frames was torn.
        for process in self.steady.iter_mut().rev() {
            process.stop()?;
        }
        self.driver.stop()?;
        self.media.stop()?;
        let frames = self.frames();
        let left = crate::meter::files_below(self.root.path());
        match left.is_empty() {
            true => Ok(frames),
            false => Err(format!("left in shared memory: {left:?}")),
        }
    }
}

fn driver(files: &Path) -> Result<Process, String> {
    Process::start(
        "the driver",
        "tp_driver",
        &["-c", &text(&files.join("driver.toml"))],
    )
}

/// Arguments of a client of this stage, and the pictures.
fn client(root: &Path, stream: &str) -> Vec<String> {
    let [aeron, shm] = ["aeron", "shm"].map(|name| text(&root.join(name)));
    [
        "--stream",
        stream,
        "--aeron-dir",
        &aeron,
        "--allow",
        &shm,
        "--json",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn pictures() -> impl Iterator<Item = String> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data");
    PICTURES.iter().map(move |name| text(&data.join(name)))
}

fn start(
    name: &str,
    command: &[&str],
    root: &Path,
    stream: &str,
    files: &str,
) -> Result<Process, String> {
    let mut args: Vec<_> = command.iter().map(|arg| (*arg).to_owned()).collect();
    args.extend(client(root, stream));
    args.push(files.to_owned());
    args.extend(pictures());
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    Process::start(&format!("{name} {stream}"), "tp", &args)
}

fn publisher(root: &Path, stream: &str) -> Result<Process, String> {
    let command = ["publish", "--loop", "--rate", RATE_HZ];
    start("the publisher of", &command, root, stream, "--input")
}

fn subscriber(root: &Path, stream: &str) -> Result<Process, String> {
    start("a subscriber of", &["subscribe"], root, stream, "--check")
}

fn config(aeron: &str, shm: &str) -> String {
    let stream = |id| format!("[streams.s{id}]\nstream_id = {id}\nprofile = \"pictures\"\n");
    format!(
        r#"
[driver]
aeron_dir = "{aeron}"
announce_stream_id = 1001
[shm]
base_dir = "{shm}"
namespace = "soak"
[policies]
announce_period_ms = 200
lease_keepalive_interval_ms = 500
lease_expiry_grace_intervals = 4
epoch_gc_enabled = true
epoch_gc_on_startup = true
epoch_gc_keep = 1
epoch_gc_min_age_ns = 1_000_000_000
cleanup_shm_on_exit = true
shutdown_timeout_ms = 0
[profiles.pictures]
header_nslots = 8
payload_pools = [{{ pool_id = 1, stride_bytes = 1048576 }}]
{}"#,
        STREAMS.map(stream).concat()
    )
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Waits until `done`, or until it fails.
pub(crate) fn wait_until(
    what: &str,
    mut done: impl FnMut() -> Result<bool, String>,
) -> Result<(), String> {
    let started = Instant::now();
    while !done()? {
        if started.elapsed() > PATIENCE {
            return Err(format!("in vain: {what}"));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
