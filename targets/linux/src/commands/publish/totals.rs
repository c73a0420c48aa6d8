//! What `tp publish` has sent.

use core::fmt;
use core::time::Duration;
use std::time::Instant;

use serde_json::{Value, json};
use tp_core_nostd::ids::StreamId;
use tp_std::DeliveryCounts;

/// Frames, bytes and what became of them.
#[derive(Debug)]
pub(super) struct Totals {
    stream: StreamId,
    pub(super) frames: u64,
    bytes: u64,
    /// Epochs that were published in.
    pub(super) epochs: u64,
    /// Attempts that came to nothing because the lease was gone; the frame was sent later.
    pub(super) refused: u64,
    deliveries: DeliveryCounts,
    started: Instant,
    took: Option<Duration>,
}

impl Totals {
    pub(super) fn new(stream: StreamId) -> Self {
        Self {
            stream,
            frames: 0,
            bytes: 0,
            epochs: 0,
            refused: 0,
            deliveries: DeliveryCounts::default(),
            started: Instant::now(),
            took: None,
        }
    }

    /// The first frame is about to go.
    pub(super) fn start(&mut self) {
        self.started = Instant::now();
    }

    /// The last frame went.
    pub(super) fn end(&mut self, deliveries: DeliveryCounts) {
        self.took = Some(self.started.elapsed());
        self.deliveries = deliveries;
    }

    /// One frame went.
    pub(super) fn count(&mut self, bytes: u32) {
        self.frames = self.frames.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes.into());
    }

    /// All of it as one object.
    pub(super) fn summary(&self) -> Value {
        json!({
            "event": "summary",
            "stream": self.stream.get(),
            "frames_sent": self.frames,
            "bytes": self.bytes,
            "epochs": self.epochs,
            "refused": self.refused,
            "deliveries": {
                "sent": self.deliveries.sent,
                "unconnected": self.deliveries.unconnected,
                "back_pressured": self.deliveries.back_pressured,
                "failed": self.deliveries.failed,
            },
            "seconds": self.seconds(),
        })
    }

    fn seconds(&self) -> f64 {
        self.took
            .unwrap_or_else(|| self.started.elapsed())
            .as_secs_f64()
    }
}

/// All of it as one line.
impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.seconds().max(f64::EPSILON);
        write!(
            f,
            "stream {}: {} frames sent, {:.1} frames/s, {:.1} MB/s",
            self.stream,
            self.frames,
            self.frames as f64 / seconds,
            self.bytes as f64 / seconds / 1e6,
        )?;
        if self.took.is_some() && self.deliveries.sent != self.frames {
            write!(
                f,
                " | descriptors: {} sent, {} without subscriber, {} back-pressured, {} failed",
                self.deliveries.sent,
                self.deliveries.unconnected,
                self.deliveries.back_pressured,
                self.deliveries.failed,
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_tells_what_became_of_the_descriptors() {
        let mut totals = Totals::new(StreamId::new(10_000).unwrap());
        totals.start();
        totals.count(100);
        totals.count(50);
        totals.end(DeliveryCounts {
            sent: 1,
            unconnected: 1,
            ..DeliveryCounts::default()
        });
        let summary = totals.summary();
        assert_eq!(
            (&summary["frames_sent"], &summary["bytes"]),
            (&json!(2), &json!(150))
        );
        assert_eq!(summary["deliveries"]["unconnected"], 1);
        assert!(
            totals.to_string().contains("1 without subscriber"),
            "{totals}"
        );
    }
}
