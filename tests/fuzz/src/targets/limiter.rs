//! A rate limiter between two ends that come and go, with frames of any number: what goes on is what came, its numbers
//! rise within a destination's epoch, and not more goes on than its rate allows.

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::rate_limiter::{DropCause, Limiter, Mapping, Step};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::time::{Duration, Instant};

use crate::Input;
use crate::reach::Reached;

const RATES: [Option<u32>; 4] = [None, Some(0), Some(10), Some(1000)];

/// What an observer knows of a limiter.
struct Between {
    limiter: Limiter,
    rate: Option<u32>,
    now: Instant,
    source: Option<Epoch>,
    destination: Option<Epoch>,
    /// The last frame that went on, since something began anew.
    went_on_at: Option<Instant>,
    /// The same, in the destination's epoch.
    last: Option<Seq>,
    /// The frame that waits for its time.
    kept: Option<Seq>,
    reached: Reached,
}

pub(super) fn run(bytes: &[u8]) {
    play(bytes);
}

fn play(bytes: &[u8]) -> Reached {
    let mut input = Input::new(bytes);
    let [source, destination] = [1, 2].map(|raw| StreamId::new(raw).unwrap());
    let mapping = Mapping {
        source,
        destination,
    };
    let rate = input.pick(&RATES).unwrap();
    let mut between = Between {
        limiter: Limiter::new(mapping, rate),
        rate,
        now: Instant::from_ns(1),
        source: None,
        destination: None,
        went_on_at: None,
        last: None,
        kept: None,
        reached: Reached::new(),
    };
    while !input.is_empty() {
        between.step(&mut input);
    }
    between.reached
}

impl Between {
    fn step(&mut self, input: &mut Input<'_>) {
        let pause = Duration::from_millis(input.u8().into());
        self.now = self.now.after(pause);
        let epoch = Epoch::new(1 + u64::from(input.u8() % 3)).unwrap();
        match input.u8() % 16 {
            0 => {
                self.limiter.source_mapped(epoch);
                if self.source.replace(epoch) != Some(epoch) {
                    self.begin_anew();
                }
            }
            1 => {
                self.limiter.source_lost();
                self.source = None;
                self.begin_anew();
            }
            2 => {
                self.limiter.destination_attached(epoch);
                if self.destination.replace(epoch) != Some(epoch) {
                    self.last = None;
                    self.begin_anew();
                    assert!(!self.limiter.wants_reattach());
                }
            }
            3 => {
                self.limiter.destination_lost();
                (self.destination, self.last) = (None, None);
                self.begin_anew();
            }
            4 => {
                self.rate = input.pick(&RATES).unwrap();
                self.limiter.set_rate(self.rate);
            }
            5..9 => self.poll(),
            _ => self.frame(self.source.unwrap_or(epoch), input.number()),
        }
        self.check();
    }

    fn frame(&mut self, epoch: Epoch, raw: u64) {
        // Mostly the next one.
        let next = self.kept.max(self.last).map_or(0, |seq| seq.get() + 1);
        let number = match raw {
            ..200 => next,
            200..240 => next.saturating_sub(raw - 200),
            _ => raw,
        };
        let Some(seq) = Seq::new(number) else {
            return;
        };
        let was_spent = self.limiter.wants_reattach();
        let seen = match self.limiter.frame(self.now, epoch, seq) {
            Step::Publish => {
                assert!(!was_spent);
                self.kept = None;
                self.go_on(seq);
                "went on at once"
            }
            Step::Keep => {
                self.kept = Some(seq);
                "kept"
            }
            Step::Drop(DropCause::SourceEpoch) => {
                assert_ne!(self.source, Some(epoch));
                "of no source"
            }
            Step::Drop(DropCause::NoDestination) => {
                assert!(self.destination.is_none() || was_spent);
                match was_spent {
                    true => "another destination's epoch is needed",
                    false => "no destination",
                }
            }
            Step::Drop(DropCause::Repeated) => {
                assert_eq!(self.last, Some(seq));
                "repeated"
            }
            Step::Drop(DropCause::Fell) => {
                assert!(self.last > Some(seq) && self.limiter.wants_reattach());
                self.begin_anew();
                "fell"
            }
        };
        self.reached.insert(seen);
    }

    fn poll(&mut self) {
        if let Some(seq) = self.limiter.poll(self.now) {
            assert_eq!(self.kept.take(), Some(seq));
            self.go_on(seq);
            self.reached.insert("went on in its time");
        }
    }

    /// Between two ends, in rising order, and not before its time.
    fn go_on(&mut self, seq: Seq) {
        assert!(self.source.is_some() && self.destination.is_some());
        assert!(self.last.is_none_or(|last| last < seq), "numbers fell");
        if let (Some(before), Some(hz @ 1..)) = (self.went_on_at, self.rate) {
            let period = Duration::from_nanos(1_000_000_000 / u64::from(hz));
            assert!(self.now >= before.after(period), "too early");
        }
        (self.last, self.went_on_at) = (Some(seq), Some(self.now));
    }

    /// Nothing waits any more, and the next frame goes on at once.
    fn begin_anew(&mut self) {
        (self.kept, self.went_on_at) = (None, None);
    }

    /// What waits has a time, and nothing else has.
    fn check(&self) {
        let due_at = self.limiter.poll_timeout();
        assert_eq!(due_at == Instant::NEVER, self.kept.is_none());
    }
}

#[cfg(test)]
mod tests {
    #[test] // req: C-201
    fn frames_go_on_wait_and_fall() {
        let ways = [
            "another destination's epoch is needed",
            "fell",
            "kept",
            "no destination",
            "of no source",
            "repeated",
            "went on at once",
            "went on in its time",
        ];
        crate::reach::assert_reached("rate_limiter", super::play, &ways);
    }
}
