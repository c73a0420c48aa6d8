//! One report under way: how far it has come, and its next line.

use tp_core_nostd::proto::driver::Driver;
use tp_core_nostd::time::Instant;

use super::lines::{CountersLine, EndLine, Facts, LeaseLine, StatusLine, StreamLine, write};
use super::question::{Question, What};

/// A question that is being answered.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) question: Question,
    /// The next place of the table to look at; 1 behind the only line of a report without table.
    place: u32,
    said: u64,
    left_out: u64,
    is_over: bool,
}

/// What [`Report::next`] made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A line to be said.
    Line,
    /// The last line to be said.
    End,
    /// Nothing yet: all places that may be looked at in this cycle were empty.
    Later,
}

impl Report {
    pub(super) const fn new(question: Question) -> Self {
        Self {
            question,
            place: 0,
            said: 0,
            left_out: 0,
            is_over: false,
        }
    }

    /// Makes the next line, looking at no more than `places` places of a table, which are used up.
    pub(super) fn next<'e>(
        &mut self,
        now: Instant,
        engine: &Driver<'e>,
        facts: Facts<'e>,
        desk: &[(&'static str, u64)],
        places: &mut u32,
        line: &mut Vec<u8>,
    ) -> Step {
        let request = self.question.request;
        let end = match self.question.what {
            What::Leases => engine.lease_places(),
            What::Streams => engine.stream_places(),
            What::Status | What::Counters => 1,
        };
        while self.place < end {
            if *places == 0 {
                return Step::Later;
            }
            *places = places.saturating_sub(1);
            let place = self.place;
            self.place = place.saturating_add(1);
            match self.question.what {
                What::Status => write(line, &StatusLine::new(request, engine, facts)),
                What::Counters => {
                    let counters = engine.counters();
                    write(
                        line,
                        &CountersLine {
                            request,
                            counters,
                            cycles: facts.cycles,
                            desk,
                        },
                    );
                }
                What::Leases => match engine.lease_at(place) {
                    Some(lease) => write(line, &LeaseLine::new(request, now, &lease)),
                    None => continue,
                },
                What::Streams => match engine.stream_at(place) {
                    Some(stream) => {
                        let huge = engine.config().hugepages;
                        write(line, &StreamLine::new(request, place, &stream, huge, facts))
                    }
                    None => continue,
                },
            }
            self.said = self.said.saturating_add(1);
            return Step::Line;
        }
        write(
            line,
            &EndLine {
                r#type: "end",
                request,
                what: self.question.what.name(),
                count: self.said,
                left_out: self.left_out,
            },
        );
        self.is_over = true;
        Step::End
    }

    /// The last line was longer than any message may be.
    pub(super) const fn leave_out(&mut self) {
        self.said = self.said.saturating_sub(1);
        self.left_out = self.left_out.saturating_add(1);
    }

    /// Whether its last line was made.
    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }
}
