//! Rate and latency of received frames, since the start and since the last look.

use std::time::Instant;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::commands::output::span;

/// Latencies from 1 ns to a minute, three digits each; longer ones count as a minute.
const LONGEST_NS: u64 = 60_000_000_000;
const DIGITS: u8 = 3;

/// Frames, bytes and latencies from some moment on.
#[derive(Debug)]
pub(super) struct Figures {
    since: Instant,
    pub(super) frames: u64,
    bytes: u64,
    /// From capture to the frame's being read whole, in nanoseconds.
    latency: Option<Histogram<u64>>,
}

impl Figures {
    pub(super) fn new() -> Self {
        Self {
            since: Instant::now(),
            frames: 0,
            bytes: 0,
            // The bounds are constants that a histogram accepts.
            latency: Histogram::new_with_bounds(1, LONGEST_NS, DIGITS).ok(),
        }
    }

    /// Starts anew.
    pub(super) fn reset(&mut self) {
        self.since = Instant::now();
        (self.frames, self.bytes) = (0, 0);
        if let Some(latency) = &mut self.latency {
            latency.reset();
        }
    }

    /// One frame; its latency is unknown if it was captured by another clock.
    pub(super) fn count(&mut self, bytes: usize, latency_ns: Option<u64>) {
        self.frames = self.frames.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if let (Some(latency), Some(ns)) = (&mut self.latency, latency_ns) {
            latency.saturating_record(ns);
        }
    }

    /// Frames and megabytes per second.
    pub(super) fn rates(&self) -> String {
        let seconds = self.seconds().max(f64::EPSILON);
        let rate = self.frames as f64 / seconds;
        let megabytes = self.bytes as f64 / seconds / 1e6;
        format!("{rate:.1} frames/s, {megabytes:.1} MB/s")
    }

    /// Median and 99th percentile of the latency.
    pub(super) fn latencies(&self) -> String {
        match (self.latency_ns(0.5), self.latency_ns(0.99)) {
            (Some(p50), Some(p99)) => format!("latency p50 {}, p99 {}", span(p50), span(p99)),
            _ => "latency unknown".into(),
        }
    }

    /// The fields of a summary.
    pub(super) fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("frames_received", json!(self.frames)),
            ("bytes", json!(self.bytes)),
            ("p50_ns", json!(self.latency_ns(0.5))),
            ("p99_ns", json!(self.latency_ns(0.99))),
            ("seconds", json!(self.seconds())),
        ]
    }

    fn latency_ns(&self, quantile: f64) -> Option<u64> {
        let latency = self.latency.as_ref()?;
        (!latency.is_empty()).then(|| latency.value_at_quantile(quantile))
    }

    fn seconds(&self) -> f64 {
        self.since.elapsed().as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_those_of_the_frames_that_have_one() {
        let mut figures = Figures::new();
        assert_eq!(figures.latencies(), "latency unknown");
        figures.count(10, None);
        for ns in 1..=100 {
            figures.count(10, Some(ns * 1000));
        }
        figures.count(10, Some(u64::MAX));
        assert_eq!(figures.frames, 102);
        assert_eq!(figures.latencies(), "latency p50 51.0 us, p99 100 us");
        figures.reset();
        assert_eq!(
            (figures.frames, figures.latencies().as_str()),
            (0, "latency unknown")
        );
    }
}
