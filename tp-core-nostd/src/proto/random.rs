//! Ids and jitter from one seed, so that any run can be replayed.

use crate::ids::{ClientId, CorrelationId};
use crate::time::Duration;

/// Source of correlation ids, client ids and jitter of one client.
#[derive(Clone, Debug)]
pub struct Ids {
    random: SplitMix,
    correlation: i64,
}

impl Ids {
    /// Starts from `seed`, which the adapter takes from the system's randomness (C-027, D-069).
    pub const fn seeded(seed: u64) -> Self {
        let mut random = SplitMix(seed);
        // Positive, and with room for 2^62 requests before the sign is reached.
        let correlation = (random.next() >> 2) as i64;
        Self {
            random,
            correlation,
        }
    }

    /// The next correlation id: positive and rising within the process, unlikely to meet one of an earlier run.
    pub const fn correlation(&mut self) -> CorrelationId {
        self.correlation = self.correlation.wrapping_add(1) & i64::MAX;
        CorrelationId(self.correlation)
    }

    /// A random client id for a lease that was not given one (D-073).
    pub fn client(&mut self) -> ClientId {
        loop {
            if let Some(id) = ClientId::new((self.random.next() >> 32) as u32) {
                return id;
            }
        }
    }

    /// `delay` made up to a fifth shorter or longer, so that clients of a restarted driver do not come at once.
    pub fn jittered(&mut self, delay: Duration) -> Duration {
        let percent = 80_u32.saturating_add((self.random.next() % 41) as u32);
        delay
            .saturating_mul(percent)
            .checked_div(100)
            .unwrap_or(delay)
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, seedable, good enough for ids and jitter.
#[derive(Clone, Debug)]
struct SplitMix(u64);

impl SplitMix {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: C-027, D-068, D-069, D-070
    fn correlation_ids_are_positive_rise_and_depend_on_the_seed() {
        let mut ids = Ids::seeded(7);
        let first = ids.correlation();
        assert!(first.0 > 0);
        assert!(ids.correlation() > first);
        assert_ne!(Ids::seeded(8).correlation(), first);
        assert_eq!(Ids::seeded(7).correlation(), first);
    }

    #[test] // req: C-028, D-073
    fn client_ids_are_never_null() {
        let mut ids = Ids::seeded(3);
        let drawn: std::vec::Vec<_> = (0..1_000).map(|_| ids.client().get()).collect();
        assert!(!drawn.contains(&0) && !drawn.contains(&u32::MAX));
        assert_ne!(drawn[0], drawn[1]);
    }

    #[test] // req: C-046
    fn jitter_stays_within_a_fifth() {
        let mut ids = Ids::seeded(1);
        for _ in 0..1_000 {
            let delay = ids.jittered(Duration::from_millis(100));
            assert!((80..=120).contains(&delay.as_millis()));
        }
    }
}
