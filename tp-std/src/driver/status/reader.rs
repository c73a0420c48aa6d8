//! The asker's side of the status stream.

use core::task::Poll;
use core::time::Duration;
use std::borrow::Cow;
use std::path::Path;
use std::thread;

use serde::Deserialize;
use tp_core_nostd::time::{Clock, Instant};
use tp_core_nostd::transport::{
    ImageEvent, ImageId, PollError, Publication, SendError, Subscription,
};

use super::question::{Question, What, write};
use crate::Endpoint;
use crate::aeron::{AeronClient, ClientConfig, Pending, TransportError};
use crate::clock::MonotonicClock;
use crate::seed::random_seed;

/// How long an answer may stay away before the question is asked again: the driver may not have been connected yet.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(300);
/// Messages read at a time.
const BATCH: u32 = 256;
/// What a waiting asker does between two looks.
const PAUSE: Duration = Duration::from_micros(200);

/// Why there is no complete answer.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// No media driver, or it is gone.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// Nobody answered.
    #[error(
        "no driver answered within {within:?} on {channel} stream {stream_id}: is a tp_driver running on this media \
         driver, and are these its driver.control_channel and driver.status_stream_id?"
    )]
    NoAnswer {
        /// How long was waited.
        within: Duration,
        /// The channel that was asked on.
        channel: String,
        /// The stream that was asked on.
        stream_id: i32,
    },
    /// An answer began and did not end.
    #[error(
        "the answer stopped after {lines} lines; the driver went, or the lines came faster than they were read"
    )]
    Broken {
        /// Lines that came.
        lines: u64,
    },
    /// Lines got lost on the way.
    #[error("{lines} lines came of {sent}; ask again")]
    Lost {
        /// Lines that came.
        lines: u64,
        /// Lines that were sent.
        sent: u64,
    },
    /// The driver said no.
    #[error("the driver refused: {0}")]
    Refused(String),
    /// The question cannot be sent.
    #[error("the status stream cannot be written: {0:?}")]
    Send(SendError),
    /// The answer cannot be read.
    #[error("the status stream cannot be read: {0:?}")]
    Poll(PollError),
}

/// What every line says, whatever it is about.
#[derive(Deserialize)]
struct Envelope<'m> {
    #[serde(borrow)]
    r#type: Cow<'m, str>,
    request: u64,
    #[serde(default)]
    count: u64,
    #[serde(default, borrow)]
    reason: Option<Cow<'m, str>>,
}

/// One question to whichever driver answers first, and its answer. Never waits; [`ask_driver`] does.
#[derive(Debug)]
pub struct StatusReader<P, S> {
    questions: P,
    answers: S,
    question: Question,
    ask_at: Instant,
    /// Whose answer is read; another driver on the same stream may answer, too.
    driver: Option<ImageId>,
    lines: u64,
}

impl<P: Publication, S: Subscription> StatusReader<P, S> {
    /// Asks on `questions` and reads on `answers`, both on one stream. `request` tells this question from those of others.
    pub const fn new(questions: P, answers: S, request: u64, what: What) -> Self {
        Self {
            questions,
            answers,
            question: Question { request, what },
            ask_at: Instant::from_ns(0),
            driver: None,
            lines: 0,
        }
    }

    /// Lines read so far.
    pub const fn lines(&self) -> u64 {
        self.lines
    }

    /// Goes on; hands each line of the answer to `line`, except the last, which only says how many there were.
    ///
    /// # Errors
    /// See [`StatusError`].
    pub fn poll(
        &mut self,
        now: Instant,
        line: &mut dyn FnMut(&str),
    ) -> Poll<Result<(), StatusError>> {
        if self.lines == 0 && now >= self.ask_at {
            match self.questions.offer(write(self.question).as_bytes()) {
                Ok(()) => self.ask_at = now.after(ASK_AGAIN_AFTER),
                Err(
                    SendError::BackPressured | SendError::NotConnected | SendError::AdminAction,
                ) => {}
                Err(error) => return Poll::Ready(Err(StatusError::Send(error))),
            }
        }
        let mut lost = false;
        let Self {
            answers,
            question,
            driver,
            lines,
            ..
        } = self;
        answers.image_events(&mut |image, event| {
            lost |= event == ImageEvent::Unavailable && *driver == Some(image);
        });
        let mut outcome = None;
        let polled = answers.poll(BATCH, &mut |message, image| {
            if outcome.is_some() || driver.is_some_and(|driver| driver != image) {
                return;
            }
            if let Some((text, envelope)) = read(message, question.request) {
                *driver = Some(image);
                outcome = take(text, &envelope, lines, line);
            }
        });
        if let Err(error) = polled {
            return Poll::Ready(Err(StatusError::Poll(error)));
        }
        match outcome {
            Some(outcome) => Poll::Ready(outcome),
            None if lost => Poll::Ready(Err(StatusError::Broken { lines: self.lines })),
            None => Poll::Pending,
        }
    }
}

/// A line of the answer to `request`, if these bytes are one.
fn read(message: &[u8], request: u64) -> Option<(&str, Envelope<'_>)> {
    let text = core::str::from_utf8(message).ok()?;
    let envelope: Envelope<'_> = serde_json::from_str(text).ok()?;
    (envelope.request == request).then_some((text, envelope))
}

/// Takes a line; `Some` once it was the last.
fn take(
    text: &str,
    envelope: &Envelope<'_>,
    lines: &mut u64,
    line: &mut dyn FnMut(&str),
) -> Option<Result<(), StatusError>> {
    match &*envelope.r#type {
        "end" if envelope.count == *lines => Some(Ok(())),
        "end" => Some(Err(StatusError::Lost {
            lines: *lines,
            sent: envelope.count,
        })),
        "refused" => {
            let reason = envelope.reason.as_deref().unwrap_or("without a reason");
            Some(Err(StatusError::Refused(reason.to_owned())))
        }
        _ => {
            *lines = lines.saturating_add(1);
            line(text);
            None
        }
    }
}

/// Asks the driver behind `status` on the media driver in `dir`, and hands on its lines as they come. Waits for the answer.
///
/// # Errors
/// See [`StatusError`].
pub fn ask_driver(
    dir: &Path,
    status: &Endpoint,
    what: What,
    within: Duration,
    line: &mut dyn FnMut(&str),
) -> Result<(), StatusError> {
    let mut client = ClientConfig::new(dir);
    client.name = "tp driver".into();
    let mut aeron = AeronClient::connect(&client)?;
    let give_up_at = MonotonicClock.now().after(within);
    let (channel, stream_id) = (&status.channel, status.stream_id);
    let answers = aeron.add_subscription(&channel.clone().for_client_subscription(), stream_id)?;
    let questions = aeron.add_publication(&channel.clone().for_publication(), stream_id)?;
    let no_answer = || StatusError::NoAnswer {
        within,
        channel: channel.to_string(),
        stream_id,
    };
    let (answers, questions) = (
        wait(&mut aeron, answers, give_up_at)?.ok_or_else(no_answer)?,
        wait(&mut aeron, questions, give_up_at)?.ok_or_else(no_answer)?,
    );
    let mut reader = StatusReader::new(questions, answers, random_seed(), what);
    loop {
        aeron.drive()?;
        let now = MonotonicClock.now();
        match reader.poll(now, line) {
            Poll::Ready(outcome) => return outcome,
            Poll::Pending if now > give_up_at => {
                return Err(match reader.lines() {
                    0 => no_answer(),
                    lines => StatusError::Broken { lines },
                });
            }
            Poll::Pending => thread::sleep(PAUSE),
        }
    }
}

/// Waits for an endpoint; `None` where the media driver did not answer in time.
fn wait<T>(
    aeron: &mut AeronClient,
    mut pending: Pending<T>,
    give_up_at: Instant,
) -> Result<Option<T>, TransportError> {
    loop {
        aeron.drive()?;
        match pending.poll() {
            Poll::Ready(endpoint) => return endpoint.map(Some),
            Poll::Pending if MonotonicClock.now() > give_up_at => return Ok(None),
            Poll::Pending => thread::sleep(PAUSE),
        }
    }
}
