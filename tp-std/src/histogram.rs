//! How long things took: counts in buckets of fixed ranges, recorded without a lock and read from any thread (C-159).
//!
//! Below 16 ns each nanosecond has a bucket; above, each power of two has 16, so no bucket is wider than a sixteenth of what
//! is in it. What takes longer than 18 minutes counts as that.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

/// Buckets for each power of two, as a power of two.
const FINE: u32 = 4;
const PER_POWER: u64 = 1 << FINE;
/// The longest time is just below this power of two, in nanoseconds.
const POWERS: u32 = 40;
const LONGEST_NS: u64 = (1 << POWERS) - 1;
const BUCKETS: usize = ((POWERS - FINE + 1) << FINE) as usize;

/// A histogram of times. Recording is two additions, from any thread, and allocates nothing.
pub struct Histogram {
    buckets: Box<[AtomicU64]>,
    sum_ns: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// Empty; about 5 KB.
    pub fn new() -> Self {
        Self {
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            sum_ns: AtomicU64::new(0),
        }
    }

    /// Counts one time.
    pub fn record(&self, time: Duration) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let ns = ns.min(LONGEST_NS);
        if let Some(bucket) = self.buckets.get(bucket_of(ns)) {
            bucket.fetch_add(1, Ordering::Relaxed);
            self.sum_ns.fetch_add(ns, Ordering::Relaxed);
        }
    }

    /// What was counted so far. What is recorded meanwhile may be in it or not.
    pub fn snapshot(&self) -> HistogramSnapshot {
        let load = |bucket: &AtomicU64| bucket.load(Ordering::Relaxed);
        HistogramSnapshot {
            buckets: self.buckets.iter().map(load).collect(),
            sum_ns: self.sum_ns.load(Ordering::Relaxed),
        }
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}

/// What a histogram had counted at one moment.
#[derive(Clone, PartialEq, Eq)]
pub struct HistogramSnapshot {
    buckets: Box<[u64]>,
    sum_ns: u64,
}

impl HistogramSnapshot {
    /// How many times were counted.
    pub fn count(&self) -> u64 {
        let add = |sum: u64, count: &u64| sum.saturating_add(*count);
        self.buckets.iter().fold(0, add)
    }

    /// Their mean; nothing if there are none.
    pub fn mean(&self) -> Option<Duration> {
        let mean = self.sum_ns.checked_div(self.count())?;
        Some(Duration::from_nanos(mean))
    }

    /// At most this long took `percent` of them, such as 50.0 or 99.9: the end of its bucket, at most a sixteenth too much.
    /// Nothing if there are none, or `percent` is not from 0 to 100.
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        if !(0.0..=100.0).contains(&percent) {
            return None;
        }
        let count = self.count();
        // Precise enough for counts of 2^53, which take centuries.
        let wanted = (count as f64 * percent / 100.0).ceil().max(1.0) as u64;
        let mut seen = 0_u64;
        let at = self.buckets.iter().position(|count| {
            seen = seen.saturating_add(*count);
            seen >= wanted
        });
        Some(Duration::from_nanos(end_of(at?)))
    }

    /// The end of the bucket of the longest.
    pub fn max(&self) -> Option<Duration> {
        self.percentile(100.0)
    }

    /// What was counted after `earlier`, which is a snapshot of the same histogram: figures of an interval.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let pairs = self.buckets.iter().zip(&earlier.buckets);
        Self {
            buckets: pairs
                .map(|(later, earlier)| later.saturating_sub(*earlier))
                .collect(),
            sum_ns: self.sum_ns.saturating_sub(earlier.sum_ns),
        }
    }

    /// One JSON object: `count`, and in nanoseconds `mean`, `p50`, `p90`, `p99`, `p999` and `max`, `null` without a count.
    pub fn to_json(&self) -> String {
        let ns = |time: Option<Duration>| match time {
            Some(time) => time.as_nanos().to_string(),
            None => "null".to_owned(),
        };
        let percentile = |percent| ns(self.percentile(percent));
        format!(
            r#"{{"count":{},"mean":{},"p50":{},"p90":{},"p99":{},"p999":{},"max":{}}}"#,
            self.count(),
            ns(self.mean()),
            percentile(50.0),
            percentile(90.0),
            percentile(99.0),
            percentile(99.9),
            ns(self.max()),
        )
    }
}

impl fmt::Display for HistogramSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(mean), Some(max)) = (self.mean(), self.max()) else {
            return f.write_str("nothing yet");
        };
        write!(f, "{} times, mean {mean:?}", self.count())?;
        for percent in [50.0, 90.0, 99.0, 99.9] {
            let time = self.percentile(percent).unwrap_or_default();
            write!(f, ", {percent} % in {time:?}")?;
        }
        write!(f, ", all in {max:?}")
    }
}

impl fmt::Debug for HistogramSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const fn bucket_of(ns: u64) -> usize {
    match ns.checked_ilog2() {
        Some(power) if power >= FINE => {
            let shift = power.wrapping_sub(FINE);
            let within = (ns >> shift) & (PER_POWER - 1);
            ((shift.wrapping_add(1) as u64) << FINE | within) as usize
        }
        _ => ns as usize,
    }
}

/// The longest time of a bucket.
const fn end_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    match (bucket >> FINE).checked_sub(1) {
        None => bucket,
        Some(shift) => {
            let next = (PER_POWER | (bucket & (PER_POWER - 1))).wrapping_add(1);
            (next << shift).wrapping_sub(1)
        }
    }
}

/// What a client measures of itself, if it is asked to ([`Context::with_histograms`](crate::Context::with_histograms)).
#[derive(Debug, Default)]
pub struct ClientHistograms {
    /// How long one duty cycle takes.
    pub cycle: Histogram,
    /// From one keepalive of a lease to the next.
    pub keepalive_gap: Histogram,
    /// From asking for a lease to its grant.
    pub attach: Histogram,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_in_a_bucket_that_is_at_most_a_sixteenth_too_long() {
        let powers = (0..POWERS).map(|power| 1_u64 << power);
        let times = powers.flat_map(|ns| [ns.saturating_sub(1), ns, ns + ns / 3]);
        for ns in times {
            let (bucket, end) = (bucket_of(ns), end_of(bucket_of(ns)));
            assert!(bucket < BUCKETS, "{ns}");
            assert!(ns <= end && end - ns <= ns / 16, "{ns} in {end}");
            assert!(
                bucket == 0 || end_of(bucket - 1) < ns,
                "{ns} fits the one before"
            );
        }
        assert_eq!(bucket_of(LONGEST_NS), BUCKETS - 1);
    }

    #[test]
    fn figures_follow_from_what_was_recorded() {
        let histogram = Histogram::new();
        assert_eq!(histogram.snapshot().percentile(50.0), None);
        assert_eq!(histogram.snapshot().to_string(), "nothing yet");
        for ns in 1..=1000 {
            histogram.record(Duration::from_nanos(ns));
        }
        let first = histogram.snapshot();
        assert_eq!(first.count(), 1000);
        assert_eq!(first.mean(), Some(Duration::from_nanos(500)));
        let median = first.percentile(50.0).unwrap().as_nanos();
        assert!((500..=531).contains(&median), "{median}");
        assert_eq!(first.percentile(0.0), Some(Duration::from_nanos(1)));
        assert_eq!(first.percentile(100.1), None);
        let json =
            r#"{"count":1000,"mean":500,"p50":511,"p90":927,"p99":991,"p999":1023,"max":1023}"#;
        assert_eq!(first.to_json(), json);

        histogram.record(Duration::MAX);
        let interval = histogram.snapshot().since(&first);
        assert_eq!(interval.count(), 1);
        assert_eq!(interval.max(), Some(Duration::from_nanos(LONGEST_NS)));
        assert!(interval.to_string().starts_with("1 times"));
    }

    #[test]
    fn any_thread_records_and_reads() {
        let histogram = Histogram::new();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..1000).for_each(|_| histogram.record(Duration::from_nanos(7))));
            }
            assert!(histogram.snapshot().count() <= 2000);
        });
        assert_eq!(histogram.snapshot().count(), 2000);
    }
}
