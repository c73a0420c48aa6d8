//! The control stream as a tool uses it: one message, perhaps one answer.

use core::error::Error;
use core::task::Poll;
use core::time::Duration;
use std::thread;
use std::time::Instant;

use tp_core_nostd::ids::CorrelationId;
use tp_core_nostd::proto::dispatch::{Message, classify};
use tp_core_nostd::sbe::EncodeError;
use tp_core_nostd::time::Clock;
use tp_core_nostd::transport::{Publication, SendError, Subscription};
use tp_std::CONTROL_STREAM;
use tp_std::aeron::{AeronClient, AeronPublication, AeronSubscription, ClientConfig, Pending};
use tp_std::clock::MonotonicClock;

use super::{Reach, aeron_stream};

/// How long an answer may stay away before the same request is sent again: the driver may not have been connected yet.
/// A repeated request changes nothing (D-059).
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(300);
/// What goes on after the last message, so that it is on its way before the connection goes.
const LINGER: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_micros(500);

/// Which control stream, and how to get there.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    pub(super) reach: Reach,
    /// The driver's control stream, driver.control_stream_id
    #[arg(long, short = 'C', value_name = "ID", env = "TP_CONTROL_STREAM_ID",
        default_value_t = CONTROL_STREAM, value_parser = aeron_stream)]
    control_stream: i32,
}

/// A connection to the control stream.
pub(super) struct Control<'o> {
    options: &'o Options,
    // Before the client, so that they go first.
    requests: AeronPublication,
    answers: Option<AeronSubscription>,
    aeron: AeronClient,
    give_up_at: Instant,
}

impl<'o> Control<'o> {
    /// Connects, to hear answers too if `hears`. Who only speaks is connected only when somebody else listens.
    pub(super) fn connect(options: &'o Options, hears: bool) -> Result<Self, Box<dyn Error>> {
        let give_up_at = Instant::now()
            .checked_add(options.reach.timeout())
            .ok_or("the timeout is too long")?;
        let mut client = ClientConfig::new(options.reach.dir());
        client.name = "tp driver".into();
        let mut aeron = AeronClient::connect(&client)?;
        let (channel, stream) = (&options.reach.channel, options.control_stream);
        let answers = match hears {
            true => {
                let channel = channel.clone().for_client_subscription();
                let pending = aeron.add_subscription(&channel, stream)?;
                Some(wait(&mut aeron, pending, give_up_at)?)
            }
            false => None,
        };
        let pending = aeron.add_publication(&channel.clone().for_publication(), stream)?;
        let requests = wait(&mut aeron, pending, give_up_at)?;
        Ok(Self {
            options,
            requests,
            answers,
            aeron,
            give_up_at,
        })
    }

    /// Sends a message that gets no answer.
    pub(super) fn tell(
        &mut self,
        encode: impl FnOnce(&mut [u8]) -> Result<usize, EncodeError>,
    ) -> Result<(), Box<dyn Error>> {
        let message = encoded(encode)?;
        while !self.offer(&message)? {
            self.pause()?;
        }
        let until = Instant::now().checked_add(LINGER);
        while until.is_some_and(|until| Instant::now() < until) {
            self.aeron.drive()?;
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Sends a request, again and again, until `hear` finds its answer.
    pub(super) fn ask<T>(
        &mut self,
        encode: impl FnOnce(&mut [u8]) -> Result<usize, EncodeError>,
        mut hear: impl FnMut(Message<'_>) -> Option<T>,
    ) -> Result<T, Box<dyn Error>> {
        let message = encoded(encode)?;
        let mut ask_at = Instant::now();
        loop {
            if Instant::now() >= ask_at && self.offer(&message)? {
                ask_at = ask_at.checked_add(ASK_AGAIN_AFTER).unwrap_or(ask_at);
            }
            let mut answer = None;
            if let Some(answers) = &mut self.answers {
                let polled = answers.poll(64, &mut |bytes, _| {
                    if answer.is_none() {
                        answer = classify(bytes).ok().and_then(&mut hear);
                    }
                });
                polled.map_err(|error| format!("the control stream cannot be read: {error:?}"))?;
            }
            match answer {
                Some(answer) => return Ok(answer),
                None => self.pause()?,
            }
        }
    }

    /// Whether the message was taken; nobody may listen yet.
    fn offer(&mut self, message: &[u8]) -> Result<bool, String> {
        match self.requests.offer(message) {
            Ok(()) => Ok(true),
            Err(SendError::NotConnected | SendError::BackPressured | SendError::AdminAction) => {
                Ok(false)
            }
            Err(error) => Err(format!("the control stream cannot be written: {error:?}")),
        }
    }

    fn pause(&mut self) -> Result<(), Box<dyn Error>> {
        if Instant::now() > self.give_up_at {
            let Options {
                reach,
                control_stream,
            } = self.options;
            let (channel, within) = (&reach.channel, reach.timeout());
            return Err(format!(
                "no driver answered within {within:?} on {channel} stream {control_stream}: is a tp_driver running on \
                 this media driver, and are these its driver.control_channel and driver.control_stream_id?"
            )
            .into());
        }
        self.aeron.drive()?;
        thread::sleep(PAUSE);
        Ok(())
    }
}

fn encoded(
    encode: impl FnOnce(&mut [u8]) -> Result<usize, EncodeError>,
) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut message = vec![0; 4096];
    let len = encode(&mut message).map_err(|_| "the message is too long")?;
    message.truncate(len);
    Ok(message)
}

fn wait<T>(
    aeron: &mut AeronClient,
    mut pending: Pending<T>,
    give_up_at: Instant,
) -> Result<T, Box<dyn Error>> {
    loop {
        aeron.drive()?;
        match pending.poll() {
            Poll::Ready(endpoint) => return Ok(endpoint?),
            Poll::Pending if Instant::now() > give_up_at => {
                return Err("the media driver does not answer".into());
            }
            Poll::Pending => thread::sleep(PAUSE),
        }
    }
}

/// A number that no earlier call of this tool used, as good as certainly: time and process.
pub(super) fn correlation() -> CorrelationId {
    let id = MonotonicClock.now().as_ns() ^ (u64::from(std::process::id()) << 40);
    CorrelationId(id.cast_signed())
}
