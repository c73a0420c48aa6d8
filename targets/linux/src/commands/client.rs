//! What commands that are clients have in common: the options, and a client that lives until it is told to stop.

use core::error::Error;
use core::task::Poll;
use core::time::Duration;
use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use tp_core_nostd::ids::StreamId;
use tp_std::{Client, ConductorThread, Context, Pending};

use super::stop::Stop;

/// How long one request to the driver may take; there are several before the client gives up and says so.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Longer than that, so that the client's own reason is heard.
const ATTACH_WITHIN: Duration = Duration::from_secs(30);

/// Which stream, through which media driver, and whose memory to trust.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Stream to attach to
    #[arg(long, value_name = "ID", value_parser = stream_id)]
    pub(super) stream: StreamId,
    /// Directory of the media driver [default: AERON_DIR, or Aeron's own default]
    #[arg(long, value_name = "DIR")]
    aeron_dir: Option<PathBuf>,
    /// Directory below which memory may be mapped; can be given several times
    #[arg(long = "allow", value_name = "DIR", default_value = "/dev/shm")]
    allowed_dirs: Vec<PathBuf>,
}

impl Options {
    fn context(&self, name: &str) -> Result<Context, Box<dyn Error>> {
        let mut context = Context::new()
            .with_client_name(name)?
            .with_message_timeout(ANSWER_WITHIN);
        if let Some(dir) = &self.aeron_dir {
            context = context.with_aeron_dir(dir)?;
        }
        Ok(self
            .allowed_dirs
            .iter()
            .fold(context, |context, dir| context.allow_dir(dir)))
    }
}

pub(super) fn stream_id(text: &str) -> Result<StreamId, &'static str> {
    let id = text.parse().ok().and_then(StreamId::new);
    id.ok_or("a stream id is a number from 1 to 2147483647, such as 10000")
}

/// A running client.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: Client,
    conductor: ConductorThread,
    pub(super) stop: Stop,
}

impl Session {
    /// Connects to the media driver.
    pub(super) fn start(options: &Options, name: &str) -> Result<Self, Box<dyn Error>> {
        let stop = Stop::on_signals()?;
        let (client, conductor) = Client::start(options.context(name)?)?;
        Ok(Self {
            client,
            conductor,
            stop,
        })
    }

    /// Whether there is a reason to go on: nobody asked to stop, and the media driver is there.
    pub(super) fn goes_on(&self) -> bool {
        !self.stop.is_asked() && !self.conductor.is_finished()
    }

    /// Waits for a role, but not beyond a signal. `None` after a signal, or if the client ended; then
    /// [`Self::close`] says why.
    pub(super) fn attach<T>(&self, mut pending: Pending<T>) -> Result<Option<T>, tp_std::Error> {
        let started = Instant::now();
        while self.goes_on() {
            match pending.poll() {
                Poll::Ready(Err(tp_std::Error::Closed)) => return Ok(None),
                Poll::Ready(outcome) => return outcome.map(Some),
                Poll::Pending if started.elapsed() > ATTACH_WITHIN => {
                    return Err(tp_std::Error::Timeout);
                }
                Poll::Pending => thread::sleep(Duration::from_millis(1)),
            }
        }
        Ok(None)
    }

    /// Gives the leases back and disconnects.
    ///
    /// # Errors
    /// What ended the client before, if something did.
    pub(super) fn close(self) -> Result<(), tp_std::Error> {
        self.conductor.close()
    }
}
