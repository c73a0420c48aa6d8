//! Which hellos are of consumers that were not there before: they are told at once what is told each period (W-225, T-11).
//!
//! Consumers repeat their hello, and there may be many, so that an answer to each would be a storm.

use crate::ids::ClientId;
use crate::time::{Duration, Instant};

/// Consumers that are remembered. Beyond them the pause alone holds the storm off.
const REMEMBERED: usize = 64;
/// The least time between two answers, so that consumers that come together get one.
const PAUSE: Duration = Duration::from_millis(20);

/// The consumers of one stream that were heard last.
#[derive(Clone, Debug)]
pub struct Newcomers {
    known: [Option<(ClientId, Instant)>; REMEMBERED],
    forget_after: Duration,
    /// Somebody waits to be told.
    waiting: bool,
    told_at: Option<Instant>,
}

impl Newcomers {
    /// Nobody yet. A consumer that was silent for `forget_after` is new when it is heard again.
    pub const fn new(forget_after: Duration) -> Self {
        Self {
            known: [None; REMEMBERED],
            forget_after,
            waiting: false,
            told_at: None,
        }
    }

    /// A consumer said hello.
    pub fn hear(&mut self, now: Instant, consumer: ClientId) {
        let forget_after = self.forget_after;
        let is_it =
            |known: &Option<(ClientId, Instant)>| known.is_some_and(|(id, _)| id == consumer);
        // Its own place, else an empty one, else that of the one that was silent for longest.
        let heard_at = |place: &Option<(ClientId, Instant)>| place.map(|(_, heard)| heard);
        let at = self.known.iter().position(is_it).or_else(|| {
            let places = self.known.iter().enumerate();
            places
                .min_by_key(|(_, place)| heard_at(place))
                .map(|(at, _)| at)
        });
        let Some(place) = at.and_then(|at| self.known.get_mut(at)) else {
            return;
        };
        let is_known =
            place.is_some_and(|(id, heard)| id == consumer && now.since(heard) <= forget_after);
        *place = Some((consumer, now));
        self.waiting |= !is_known;
    }

    /// Whether it is time to tell everything, because of somebody new. Says so once.
    pub fn are_to_be_told(&mut self, now: Instant) -> bool {
        let paused = self.told_at.is_some_and(|told| now.since(told) < PAUSE);
        if !self.waiting || paused {
            return false;
        }
        self.waiting = false;
        self.told_at = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(raw: u32) -> ClientId {
        ClientId::new(raw).unwrap()
    }

    fn at(ms: u64) -> Instant {
        Instant::from_ns(ms.saturating_mul(1_000_000))
    }

    fn newcomers() -> Newcomers {
        Newcomers::new(Duration::from_secs(5))
    }

    #[test] // req: W-225, T-11
    fn a_consumer_is_new_once_and_again_after_a_long_silence() {
        let mut newcomers = newcomers();
        assert!(!newcomers.are_to_be_told(at(0)));
        newcomers.hear(at(0), id(1));
        assert!(newcomers.are_to_be_told(at(0)));
        assert!(!newcomers.are_to_be_told(at(1000)));
        for second in 1..=10 {
            newcomers.hear(at(second * 1000), id(1));
            assert!(!newcomers.are_to_be_told(at(second * 1000)));
        }
        newcomers.hear(at(15_000), id(1));
        assert!(
            !newcomers.are_to_be_told(at(15_000)),
            "five seconds are not too long"
        );
        newcomers.hear(at(20_001), id(1));
        assert!(newcomers.are_to_be_told(at(20_001)));
    }

    #[test]
    fn consumers_that_come_together_are_told_together() {
        let mut newcomers = newcomers();
        newcomers.hear(at(0), id(1));
        assert!(newcomers.are_to_be_told(at(0)));
        newcomers.hear(at(5), id(2));
        assert!(!newcomers.are_to_be_told(at(5)));
        newcomers.hear(at(6), id(3));
        assert!(newcomers.are_to_be_told(at(20)), "nobody is forgotten");
        assert!(!newcomers.are_to_be_told(at(40)));
    }

    #[test]
    fn more_consumers_than_are_remembered_cannot_make_a_storm() {
        let mut newcomers = newcomers();
        let mut told = 0;
        for ms in 0..1000 {
            newcomers.hear(at(ms), id(1 + (ms as u32) % 100));
            told += u32::from(newcomers.are_to_be_told(at(ms)));
        }
        assert!(told <= 50, "{told} times in a second");
    }
}
