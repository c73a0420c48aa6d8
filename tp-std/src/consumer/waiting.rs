//! Waiting for a frame (E-01): by watching the memory, or asleep until the producer rings. `docs/wake-up.md` says why it
//! is done in this order.

use core::cell::Cell;
use core::hint::spin_loop;
use core::time::Duration;
use std::thread;

use tp_core_nostd::time::{Clock, Instant};
use tp_core_nostd::wire::control::FrameDescriptor;

use super::view::FrameReader;
use super::{ConsumeError, Consumer};
use crate::clock::MonotonicClock;

/// Frames handed out by one look at the memory.
const BATCH: u32 = 64;
/// Looks between two polls of the descriptors and readings of the clock. Frames found in memory leave their descriptors
/// behind, and a subscription that nobody reads is taken away.
const LOOKS: u32 = 64;
/// How long a consumer looks on after it asked to be woken, before it sleeps: far longer than a commit can stay out of sight.
const SETTLE: Duration = Duration::from_micros(20);
/// Longest sleep: a closed client, new memory and a ringing that was missed are noticed within it.
const SLEEP: Duration = Duration::from_millis(10);
/// First and longest nap where there is no bell.
const NAPS: [Duration; 2] = [Duration::from_micros(50), Duration::from_millis(1)];

/// How [`Consumer::wait`] waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Watches the memory until a frame is there, however long that takes. A core is busy with it.
    Spin,
    /// Watches the memory until a frame is there, for so long at most.
    Deadline(Duration),
    /// Watches the memory for a while, then sleeps until the producer wakes it. A system call each time it sleeps.
    SpinThenPark {
        /// How long it watches before it sleeps; 50 µs are twice what waking up costs.
        spin: Duration,
        /// How long it waits in all.
        at_most: Duration,
    },
}

impl Wait {
    /// How long it waits in all.
    const fn at_most(self) -> Option<Duration> {
        match self {
            Self::Spin => None,
            Self::Deadline(at_most) | Self::SpinThenPark { at_most, .. } => Some(at_most),
        }
    }
}

impl Consumer {
    /// Waits until a frame is there, hands all that are there to `handler`, at most a ring of them, and returns how many; 0
    /// when time is up. Frames are found by looking at the memory (E-01), so they need neither media driver nor driver; what
    /// only a descriptor tells (time of sending, trace) is absent then. A consumer that does not
    /// [watch the memory](super::ConsumerConfig::with_watched_memory) waits for descriptors in the same way.
    ///
    /// While nothing is mapped it waits for new memory. It must not be called on the thread that drives the conductor,
    /// except with a deadline.
    ///
    /// # Errors
    /// [`ConsumeError::Closed`], at once while it watches, within 10 ms while it sleeps.
    pub fn wait(
        &mut self,
        how: Wait,
        mut handler: impl FnMut(&FrameDescriptor, FrameReader<'_>),
    ) -> Result<u32, ConsumeError> {
        let handed = Cell::new(0_u32);
        let mut counting = |descriptor: &FrameDescriptor, reader: FrameReader<'_>| {
            handed.set(handed.get().saturating_add(1));
            handler(descriptor, reader);
        };
        let mut waiting = Waiting::new(how);
        loop {
            let step = waiting.step(self, &mut counting, &handed)?;
            match handed.get() {
                0 if step == Step::GoOn => {}
                handed => return Ok(handed),
            }
        }
    }

    /// One look at the memory, and no more than a load at the conductor.
    #[inline]
    fn look(
        &mut self,
        handler: &mut impl FnMut(&FrameDescriptor, FrameReader<'_>),
    ) -> Result<(), ConsumeError> {
        self.looks = self.looks.wrapping_add(1);
        if !self.hot.watches() {
            return self.poll(BATCH, handler).map(|_| ());
        }
        self.catch_up();
        if !self.seen.is_active() {
            self.check()?;
        }
        self.hot.look_ahead(BATCH, handler);
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    GoOn,
    TimeIsUp,
}

/// One call of [`Consumer::wait`].
struct Waiting {
    how: Wait,
    /// When the first look was in vain.
    begun: Option<Instant>,
    nap: Duration,
}

impl Waiting {
    const fn new(how: Wait) -> Self {
        let [nap, _] = NAPS;
        Self {
            how,
            begun: None,
            nap,
        }
    }

    /// Looks for a while, until something was handed out.
    fn step(
        &mut self,
        consumer: &mut Consumer,
        handler: &mut impl FnMut(&FrameDescriptor, FrameReader<'_>),
        handed: &Cell<u32>,
    ) -> Result<Step, ConsumeError> {
        loop {
            if consumer.looks.is_multiple_of(LOOKS) {
                // Twice as many as were found meanwhile, so that it catches up.
                consumer.poll(LOOKS.saturating_mul(BATCH).saturating_mul(2), &mut *handler)?;
            }
            consumer.look(handler)?;
            if handed.get() > 0 {
                return Ok(Step::GoOn);
            }
            spin_loop();
            if consumer.looks.is_multiple_of(LOOKS) {
                break;
            }
        }
        let now = MonotonicClock.now();
        let waited = now.since(*self.begun.get_or_insert(now));
        let left = self.how.at_most().map(|limit| limit.saturating_sub(waited));
        match (self.how, left) {
            (_, Some(Duration::ZERO)) => return Ok(Step::TimeIsUp),
            (Wait::SpinThenPark { spin, .. }, Some(left)) if waited >= spin => {
                self.park(consumer, left, handler, handed)?;
            }
            // Without memory there is nothing to watch.
            _ if consumer.hot.reading.is_none() => thread::yield_now(),
            _ => {}
        }
        Ok(Step::GoOn)
    }

    /// Sleeps until the producer rings, or for a while.
    fn park(
        &mut self,
        consumer: &mut Consumer,
        left: Duration,
        handler: &mut impl FnMut(&FrameDescriptor, FrameReader<'_>),
        handed: &Cell<u32>,
    ) -> Result<(), ConsumeError> {
        let bell = consumer.bell.clone();
        let ticket = bell.as_ref().and_then(|bell| bell.announce());
        let (Some(bell), Some(ticket)) = (bell, ticket) else {
            let [_, longest] = NAPS;
            thread::sleep(self.nap.min(left));
            self.nap = self.nap.saturating_mul(2).min(longest);
            return Ok(());
        };
        let begun = MonotonicClock.now();
        loop {
            consumer.look(handler)?;
            if handed.get() > 0 {
                return Ok(());
            }
            if MonotonicClock.now().since(begun) >= SETTLE {
                break;
            }
            spin_loop();
        }
        bell.sleep(ticket, SLEEP.min(left));
        consumer.check()
    }
}

#[cfg(test)]
mod tests;
