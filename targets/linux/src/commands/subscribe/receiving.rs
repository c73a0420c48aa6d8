//! The loop of `tp subscribe`: frames out of shared memory, one after the other.

use core::error::Error;
use core::mem;
use core::time::Duration;
use std::io;
use std::time::Instant;

use serde_json::{Value, json};
use tp_core_nostd::agent::IdleStrategy;
use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::time::Clock;
use tp_core_nostd::wire::control::FrameDescriptor;
use tp_std::clock::MonotonicClock;
use tp_std::idle::BackoffIdle;
use tp_std::{Consumer, ConsumerCounters, FrameReader};

use super::Args;
use super::check::Check;
use super::figures::Figures;
use super::files::{Files, Outcome};
use crate::commands::client::Session;
use crate::commands::output::{Events, LiveLine};

/// Descriptors per poll.
const POLL_LIMIT: u32 = 10;

/// Longest sleep of an idle subscriber: what it may add to the latency of a frame.
const LONGEST_SLEEP: Duration = Duration::from_micros(200);

/// Whoever is asked to stop reads what is there, but not for longer.
const LAST_FRAMES_WITHIN: Duration = Duration::from_secs(1);

/// So many empty polls in a row say that nothing is left: one may have met padding only.
const EMPTY_POLLS: u32 = 3;

/// What is done with frames, and what they came to.
pub(super) struct Receiving {
    stream: StreamId,
    limit: Option<u64>,
    check: Option<Check>,
    files: Option<Files>,
    /// Writing failed; the writer says why.
    files_failed: bool,
    buffer: Vec<u8>,
    torn: u64,
    first_difference: Option<String>,
    total: Figures,
    lately: Figures,
    /// The memory that is mapped.
    epoch: Option<Epoch>,
    /// The last one that was.
    last_epoch: Option<Epoch>,
    events: Events,
    live: LiveLine,
}

impl Receiving {
    pub(super) fn new(args: &Args, check: Option<Check>, files: Option<Files>) -> Self {
        Self {
            stream: args.client.stream,
            limit: args.count,
            check,
            files,
            files_failed: false,
            buffer: Vec::new(),
            torn: 0,
            first_difference: None,
            total: Figures::new(),
            lately: Figures::new(),
            epoch: None,
            last_epoch: None,
            events: Events::new(args.json),
            live: LiveLine::new(),
        }
    }

    pub(super) fn run(
        mut self,
        session: &Session,
        mut consumer: Consumer,
    ) -> Result<(), Box<dyn Error>> {
        let stream = self.stream.get();
        self.events
            .emit(&json!({"event": "attached", "stream": stream}))?;
        self.total.reset();
        let counters = consumer.counters();
        let received = self.receive(session, &mut consumer, &counters);
        let line = self.line(&self.total, &counters);
        self.live.say(line);
        let written = self.files.take().map(Files::finish);
        let summary = self.summary(&counters, written.as_ref());
        self.events.emit(&summary)?;
        received?;
        if let Some(Outcome { written, lost }) = written.transpose()? {
            self.live.say(written_text(written, lost));
        }
        match self.first_difference {
            Some(first) => {
                let (torn, frames) = (self.torn, self.total.frames);
                Err(format!("{torn} of {frames} frames differ from their file: {first}").into())
            }
            None => Ok(()),
        }
    }

    /// Until there is a reason to end.
    fn receive(
        &mut self,
        session: &Session,
        consumer: &mut Consumer,
        counters: &ConsumerCounters,
    ) -> Result<(), Box<dyn Error>> {
        let mut idle = BackoffIdle::new(LONGEST_SLEEP);
        while session.goes_on() && self.wants_more() {
            self.follow_epoch(consumer)?;
            idle.idle(self.poll(consumer)?);
            if self.live.is_due() {
                let line = self.line(&self.lately, counters);
                self.live.show(line);
                self.lately.reset();
            }
        }
        match session.stop.is_asked() {
            true => self.read_last_frames(consumer),
            false => Ok(()),
        }
    }

    fn wants_more(&self) -> bool {
        !self.files_failed && self.limit.is_none_or(|limit| self.total.frames < limit)
    }

    fn poll(&mut self, consumer: &mut Consumer) -> Result<u32, Box<dyn Error>> {
        Ok(consumer.poll(POLL_LIMIT, |descriptor, reader| {
            self.take(descriptor, reader);
        })?)
    }

    fn read_last_frames(&mut self, consumer: &mut Consumer) -> Result<(), Box<dyn Error>> {
        let started = Instant::now();
        let mut empty = 0_u32;
        while self.wants_more() && empty < EMPTY_POLLS && started.elapsed() < LAST_FRAMES_WITHIN {
            empty = match self.poll(consumer)? {
                0 => empty.saturating_add(1),
                _ => 0,
            };
        }
        Ok(())
    }

    /// One frame: copied, found whole, then everything else. Drops are counted by the consumer.
    fn take(&mut self, descriptor: &FrameDescriptor, reader: FrameReader<'_>) {
        if !self.wants_more() {
            return;
        }
        let Ok(view) = reader.read() else { return };
        let len = view.payload_len();
        if self.buffer.len() < len {
            self.buffer.resize(len, 0);
        }
        let Ok(len) = view.copy_to(&mut self.buffer) else {
            return;
        };
        let payload = self.buffer.get(..len).unwrap_or_default();
        let now_ns = MonotonicClock.now().as_ns();
        let latency_ns = view.capture_ns().and_then(|ns| now_ns.checked_sub(ns));
        for figures in [&mut self.total, &mut self.lately] {
            figures.count(len, latency_ns);
        }
        let (seq, header) = (view.seq(), view.tensor());
        if let Some(check) = &self.check
            && let Some(difference) = check.difference(seq, header, payload)
        {
            self.torn = self.torn.saturating_add(1);
            self.first_difference.get_or_insert(difference);
        }
        if let Some(files) = &mut self.files {
            let mut payload = mem::take(&mut self.buffer);
            payload.truncate(len);
            self.files_failed = !files.take(descriptor.epoch, seq, header, payload);
        }
    }

    /// Reports the memory that is mapped, whenever it is another.
    fn follow_epoch(&mut self, consumer: &mut Consumer) -> io::Result<()> {
        let epoch = consumer.epoch();
        if epoch == self.epoch {
            return Ok(());
        }
        self.epoch = epoch;
        self.last_epoch = epoch.or(self.last_epoch);
        let stream = self.stream.get();
        self.events.emit(&match epoch {
            Some(epoch) => json!({"event": "mapped", "stream": stream, "epoch": epoch.get()}),
            None => json!({"event": "unmapped", "stream": stream}),
        })
    }

    fn line(&self, figures: &Figures, counters: &ConsumerCounters) -> String {
        let torn = match &self.check {
            Some(_) => format!(", torn {}", self.torn),
            None => String::new(),
        };
        format!(
            "stream {}: {} | {} frames, gaps {}, late drops {}{torn} | {}",
            self.stream,
            figures.rates(),
            self.total.frames,
            counters.gap_drops(),
            counters.late_drops(),
            figures.latencies(),
        )
    }

    fn summary(
        &self,
        counters: &ConsumerCounters,
        files: Option<&Result<Outcome, String>>,
    ) -> Value {
        let mut summary = json!({
            "event": "summary",
            "stream": self.stream.get(),
            "epoch": self.last_epoch.map(Epoch::get),
        });
        let mut add = |name: &str, value: Value| {
            if let Value::Object(fields) = &mut summary {
                fields.insert(name.into(), value);
            }
        };
        for (name, value) in self.total.fields() {
            add(name, value);
        }
        if self.check.is_some() {
            add("torn", json!(self.torn));
        }
        add("gap_drops", json!(counters.gap_drops()));
        add("late_drops", json!(counters.late_drops()));
        add("local_drops", json!(counters.local_drops()));
        if let Some(Ok(Outcome { written, lost })) = files {
            add("written", json!(written));
            add("not_written", json!(lost));
        }
        summary
    }
}

fn written_text(written: u64, lost: u64) -> String {
    match lost {
        0 => format!("{written} files written"),
        _ => format!("{written} files written, {lost} frames not: the disk was too slow for them"),
    }
}
