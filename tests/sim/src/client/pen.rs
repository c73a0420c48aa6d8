//! What a producer does with the regions it has mapped: it writes frames into them, at its own pace.

use core::time::Duration;
use std::rc::Rc;

use tp_core_nostd::time::Instant;
use tp_tests::fake_transport::Dice;

use crate::disk::Regions;
use crate::fact::{Holding, What, Write};

/// The pause between two frames.
const PAUSE: Duration = Duration::from_millis(330);

/// The writing half of a producer. A frame that was begun is finished, whatever becomes of the lease: the thread that
/// writes it looks at its role again only with the next frame.
pub(crate) struct Pen {
    dice: Dice,
    next_at: Instant,
    /// The frame being written, and when its last byte is.
    writing: Option<(Write, Instant)>,
}

impl Pen {
    pub(crate) const fn new(dice: Dice) -> Self {
        Self {
            dice,
            next_at: Instant::from_ns(0),
            writing: None,
        }
    }

    /// Finishes what is due. Comes before anything else of a duty cycle: a process that slept has written before it
    /// looks at its lease.
    pub(crate) fn finish(&mut self, now: Instant) -> Option<Write> {
        let (write, _) = self.writing.take_if(|(_, until)| now >= *until)?;
        Some(write)
    }

    /// Begins a frame, if it is time for one and the last is finished.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        regions: &Rc<Regions>,
        holding: Holding,
        deadline: Instant,
        facts: &mut Vec<What>,
    ) {
        if self.writing.is_some() || now < self.next_at {
            return;
        }
        let write = Write {
            holding,
            deadline,
            memory: regions.memory,
        };
        // Most frames take a moment; some producers are slow, or are interrupted in the middle.
        let takes_ms = if self.dice.happens(10) {
            500..=6_000
        } else {
            0..=40
        };
        self.writing = Some((write, now.after(self.dice.delay(takes_ms))));
        self.next_at = now.after(PAUSE);
        facts.push(What::WriteBegan(write));
    }

    /// When there is something to do, given a mapping or not.
    pub(crate) fn poll_timeout(&self, mapped: bool) -> Instant {
        match self.writing {
            Some((_, until)) => until,
            None if mapped => self.next_at,
            None => Instant::NEVER,
        }
    }
}
