//! The loop of `tp publish`: one frame after the other, at its time and with the number that belongs to it.

use core::error::Error;
use core::time::Duration;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use serde_json::json;
use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::time::Clock;
use tp_std::clock::MonotonicClock;
use tp_std::{CommitMeta, OfferError, Producer};

use super::Args;
use super::input::{Input, Next};
use super::pace::{Pace, Rate};
use super::totals::Totals;
use crate::commands::client::Session;
use crate::commands::output::{Events, LiveLine};
use crate::commands::sources::Source;

/// How long a signal or the end of the media driver may go unnoticed.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Leaving takes the memory away, so subscribers get this long for the last frames.
const LINGER: Duration = Duration::from_millis(500);

/// A running publication.
pub(super) struct Publishing<'a> {
    args: &'a Args,
    stream: StreamId,
    /// Frames to send in all, if that is known.
    limit: Option<u64>,
    session: &'a Session,
    input: Input,
    producer: Producer,
    pace: Pace,
    epoch: Option<Epoch>,
    next: Seq,
    totals: Totals,
    events: Events,
    live: LiveLine,
}

/// What one attempt to send a frame came to.
enum Step {
    Sent,
    /// No frame, or nowhere to put it, for the moment.
    Wait,
    End,
}

impl<'a> Publishing<'a> {
    pub(super) fn new(
        args: &'a Args,
        session: &'a Session,
        input: Input,
        producer: Producer,
    ) -> Self {
        let usual = match &input {
            Input::Files(_) => Rate::Hz(10.0),
            Input::Raw { .. } => Rate::Unlimited,
        };
        let once = if args.again { None } else { input.round() };
        let stream = args.client.stream;
        Self {
            args,
            stream,
            limit: args.count.or(once),
            session,
            input,
            producer,
            pace: Pace::new(args.rate.unwrap_or(usual), Instant::now()),
            epoch: None,
            next: Seq::FIRST,
            totals: Totals::new(stream),
            events: Events::new(args.json),
            live: LiveLine::new(),
        }
    }

    pub(super) fn run(mut self) -> Result<(), Box<dyn Error>> {
        while self.session.goes_on() && !self.has_epoch()? {
            thread::sleep(Duration::from_millis(1));
        }
        let stdin = (self.args.hold || self.args.stay).then(watch_stdin);
        if let (true, Some(stdin)) = (self.args.hold, &stdin) {
            if !self.args.json {
                self.live.say("attached; press Enter to publish");
            }
            self.wait_for_line(stdin)?;
            self.pace.restart(Instant::now());
        }
        self.totals.start();
        let published = self.publish();
        self.totals.end(self.producer.deliveries());
        let done = json!({"event": "done", "frames_sent": self.totals.frames});
        self.events.emit(&done)?;
        self.stay_for_readers(stdin.filter(|_| self.args.stay && published.is_ok()));
        self.live.say(&self.totals);
        self.events.emit(&self.totals.summary())?;
        published
    }

    fn publish(&mut self) -> Result<(), Box<dyn Error>> {
        while self.session.goes_on() && Some(self.totals.frames) != self.limit {
            if self.live.is_due() {
                self.live.show(&self.totals);
            }
            let wait = self.pace.wait(Instant::now());
            if !wait.is_zero() {
                thread::sleep(wait.min(LOOK_EVERY));
                continue;
            }
            match self.step()? {
                Step::Sent => self.pace.step(Instant::now()),
                Step::Wait => thread::sleep(Duration::from_millis(1)),
                Step::End => break,
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Result<Step, Box<dyn Error>> {
        if !self.has_epoch()? {
            return Ok(Step::Wait);
        }
        let next = self.input.frame(self.next);
        let source = match next.map_err(|error| format!("standard input: {error}"))? {
            Next::Frame(source) => source,
            Next::NotYet => return Ok(Step::Wait),
            Next::End => return Ok(Step::End),
        };
        match send(&mut self.producer, source, self.next) {
            Ok(true) => {
                self.totals.count(source.len);
                self.next = self.next.next().unwrap_or(Seq::LAST);
                self.input.sent();
                Ok(Step::Sent)
            }
            Ok(false) => {
                self.totals.refused = self.totals.refused.saturating_add(1);
                Ok(Step::Wait)
            }
            Err(error) => Err(format!("{}: {error}", source.path.display()).into()),
        }
    }

    /// Whether there is an epoch to publish in. A new one is reported, and begins with frame 0.
    fn has_epoch(&mut self) -> io::Result<bool> {
        let last = core::mem::replace(&mut self.epoch, self.producer.epoch());
        if self.epoch != last {
            let stream = self.stream.get();
            let event = match self.epoch {
                Some(_) if self.totals.epochs == 0 => "attached",
                Some(_) => "reattached",
                None => "fenced",
            };
            match self.epoch {
                Some(_) => {
                    self.totals.epochs = self.totals.epochs.saturating_add(1);
                    self.next = Seq::FIRST;
                    self.pace.restart(Instant::now());
                }
                None => self.live.say("the lease is gone; asking for it again"),
            }
            let epoch = self.epoch.or(last).map(Epoch::get);
            self.events
                .emit(&json!({"event": event, "stream": stream, "epoch": epoch}))?;
        }
        Ok(self.epoch.is_some())
    }

    fn wait_for_line(&self, stdin: &Receiver<()>) -> Result<(), Box<dyn Error>> {
        while self.session.goes_on() {
            match stdin.recv_timeout(LOOK_EVERY) {
                Ok(()) => break,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err("standard input ended before the line that starts".into());
                }
            }
        }
        Ok(())
    }

    /// Until standard input ends, or for a moment.
    fn stay_for_readers(&self, stdin: Option<Receiver<()>>) {
        let until = Instant::now().checked_add(LINGER);
        let stays = || match &stdin {
            Some(stdin) => stdin.recv_timeout(LOOK_EVERY) != Err(RecvTimeoutError::Disconnected),
            None => {
                thread::sleep(LOOK_EVERY);
                until.is_some_and(|until| Instant::now() < until)
            }
        };
        while self.session.goes_on() && stays() {}
    }
}

/// Sends one frame with the number `seq`; `false` if the lease went meanwhile.
///
/// A new epoch can begin at any call, and with it the numbers: only the claim tells for sure which number a frame will
/// have, and it is given back where that is not the one whose turn it is.
fn send(producer: &mut Producer, source: &Source, seq: Seq) -> Result<bool, OfferError> {
    let capture_ns = Some(MonotonicClock.now().as_ns());
    let mut claim = match producer.try_claim(source.len) {
        Ok(claim) => claim,
        Err(OfferError::Fenced) => return Ok(false),
        Err(error) => return Err(error),
    };
    if claim.seq() != seq || claim.write_at(0, &source.bytes).is_err() {
        producer.abort(claim);
        return Ok(false);
    }
    let meta = CommitMeta {
        capture_ns,
        ..CommitMeta::default()
    };
    match producer.commit(claim, &source.header, meta) {
        Ok(_) => Ok(true),
        Err(refused) => {
            producer.abort(refused.claim);
            Ok(false)
        }
    }
}

/// A message for each line on standard input; disconnected at its end. Read by a thread of its own because nothing
/// interrupts such a read.
fn watch_stdin() -> Receiver<()> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in io::stdin().lines() {
            if line.is_err() || sender.send(()).is_err() {
                break;
            }
        }
    });
    lines
}
