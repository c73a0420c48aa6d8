//! The driver's side of the status stream: questions in, lines out, a little per duty cycle.

use std::collections::VecDeque;

use tp_core_nostd::proto::driver::Driver;
use tp_core_nostd::time::Instant;
use tp_core_nostd::transport::{Publication, SendError, Subscription};
use tracing::{debug, warn};

use super::lines::{Facts, RefusedLine, write};
use super::question::{Heard, Question, hear};
use super::report::{Report, Step};
use super::{LINES_PER_CYCLE, MESSAGES_PER_CYCLE, PATIENCE, PLACES_PER_CYCLE, WAITING};

/// Answers what is asked on the status stream. See the module's documentation.
#[derive(Debug)]
pub(in crate::driver) struct StatusDesk<P, S> {
    answers: P,
    questions: S,
    inbox: Inbox,
    report: Option<Report>,
    /// The line that is to be said; empty if none is.
    line: Vec<u8>,
    /// Since when the stream has been full.
    full_since: Option<Instant>,
    given_up: u64,
}

impl<P: Publication, S: Subscription> StatusDesk<P, S> {
    /// Answers on `answers` what is asked on `questions`, both on one stream.
    pub(in crate::driver) fn new(answers: P, questions: S) -> Self {
        Self {
            answers,
            questions,
            inbox: Inbox::new(),
            report: None,
            line: Vec::new(),
            full_since: None,
            given_up: 0,
        }
    }

    /// Hears and says what one duty cycle has room for; returns how much that was. Whatever goes wrong here is no reason
    /// for a driver to stop.
    pub(in crate::driver) fn do_work<'e>(
        &mut self,
        now: Instant,
        engine: &Driver<'e>,
        facts: Facts<'e>,
    ) -> u32 {
        self.listen();
        self.speak(now, engine, facts)
    }

    /// Its own lines come back to it; they are no work, or an answer would keep the driver busy with itself.
    fn listen(&mut self) {
        self.questions.image_events(&mut |_, _| {});
        let Self {
            questions,
            inbox,
            report,
            ..
        } = self;
        let at_work = report.as_ref().map(|report| report.question);
        let handler = &mut |message: &[u8], _| inbox.take(hear(message), at_work);
        // A subscription that is closed was closed with the whole client, which ends the driver elsewhere.
        let _ = questions.poll(MESSAGES_PER_CYCLE, handler);
    }

    fn speak<'e>(&mut self, now: Instant, engine: &Driver<'e>, facts: Facts<'e>) -> u32 {
        let mut places = PLACES_PER_CYCLE;
        let mut said = 0;
        while said < LINES_PER_CYCLE {
            if self.line.is_empty() && !self.compose(now, engine, facts, &mut places) {
                break;
            }
            match self.answers.offer(&self.line) {
                Ok(()) => {
                    said = said.saturating_add(1);
                    self.full_since = None;
                    self.line.clear();
                }
                Err(SendError::BackPressured | SendError::AdminAction) => {
                    let since = *self.full_since.get_or_insert(now);
                    if now.since(since) > PATIENCE {
                        self.give_up("nobody reads the status stream");
                    }
                    break;
                }
                Err(SendError::TooLong { len, max }) => {
                    debug!(len, max, "line too long for the status stream");
                    self.line.clear();
                    if let Some(report) = &mut self.report {
                        report.leave_out();
                    }
                }
                Err(SendError::NotConnected) => {
                    self.give_up("nobody listens to the status stream");
                    break;
                }
                Err(error) => {
                    warn!(?error, "the status stream cannot be written");
                    self.give_up("it failed");
                    break;
                }
            }
            if self.line.is_empty() && self.report.as_ref().is_some_and(Report::is_over) {
                self.report = None;
            }
        }
        // Places without leases are work, too: the report goes on at once.
        if said == 0 && places < PLACES_PER_CYCLE {
            1
        } else {
            said
        }
    }

    /// Puts what is to be said next into `line`; `false` if that is nothing, for now.
    fn compose<'e>(
        &mut self,
        now: Instant,
        engine: &Driver<'e>,
        facts: Facts<'e>,
        places: &mut u32,
    ) -> bool {
        if let Some((request, reason)) = self.inbox.refused.pop_front() {
            write(
                &mut self.line,
                &RefusedLine {
                    r#type: "refused",
                    request,
                    reason,
                },
            );
            return true;
        }
        if self.report.is_none() {
            self.report = self.inbox.waiting.pop_front().map(Report::new);
        }
        let Some(report) = &mut self.report else {
            return false;
        };
        let counts = self.inbox.counts(self.given_up);
        let step = report.next(now, engine, facts, &counts, places, &mut self.line);
        step != Step::Later
    }

    /// Forgets every question: whoever asked has gone by now.
    fn give_up(&mut self, why: &'static str) {
        debug!(why, "gave up on a report");
        self.given_up = self.given_up.saturating_add(1);
        self.full_since = None;
        self.report = None;
        self.line.clear();
        self.inbox.waiting.clear();
        self.inbox.refused.clear();
    }
}

/// What was asked and not begun.
#[derive(Debug)]
struct Inbox {
    waiting: VecDeque<Question>,
    /// Questions that get nothing but a sentence.
    refused: VecDeque<(u64, &'static str)>,
    questions: u64,
    refusals: u64,
    noise: u64,
}

impl Inbox {
    fn new() -> Self {
        Self {
            waiting: VecDeque::with_capacity(WAITING),
            refused: VecDeque::with_capacity(WAITING),
            questions: 0,
            refusals: 0,
            noise: 0,
        }
    }

    /// Takes a message in; `at_work` is the question that is being answered. One that was asked again is in hand already.
    fn take(&mut self, heard: Heard, at_work: Option<Question>) {
        match heard {
            Heard::Answer => {}
            Heard::Noise => self.noise = self.noise.saturating_add(1),
            Heard::Unknown { request } => {
                self.refuse(request, "what must be status, leases, streams or counters");
            }
            Heard::Question(question) => {
                if at_work == Some(question) || self.waiting.contains(&question) {
                    return;
                }
                if self.waiting.len() >= WAITING {
                    return self.refuse(
                        question.request,
                        "too many questions are waiting, ask again later",
                    );
                }
                self.questions = self.questions.saturating_add(1);
                self.waiting.push_back(question);
            }
        }
    }

    /// Without room even for that the asker hears nothing and asks again.
    fn refuse(&mut self, request: u64, reason: &'static str) {
        self.refusals = self.refusals.saturating_add(1);
        if self.refused.len() < WAITING {
            self.refused.push_back((request, reason));
        }
    }

    fn counts(&self, given_up: u64) -> [(&'static str, u64); 4] {
        [
            ("status_questions", self.questions),
            ("status_refused", self.refusals),
            ("status_noise", self.noise),
            ("status_given_up", given_up),
        ]
    }
}
