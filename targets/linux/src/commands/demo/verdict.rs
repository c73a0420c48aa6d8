//! How the demo went: figures, and what there is to complain about.

use serde_json::{Value, json};

/// What one subscriber reported in its summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Received {
    frames: u64,
    torn: u64,
    gap_drops: u64,
    late_drops: u64,
    p50_ns: Option<u64>,
    p99_ns: Option<u64>,
}

impl Received {
    /// Reads the summary that `tp subscribe --json --check` prints last.
    pub(super) fn of_summary(summary: &Value) -> Result<Self, String> {
        let number = |name: &str| {
            let value = summary.get(name).and_then(Value::as_u64);
            value.ok_or_else(|| format!("a subscriber's summary has no {name}: {summary}"))
        };
        let optional = |name| summary.get(name).and_then(Value::as_u64);
        Ok(Self {
            frames: number("frames_received")?,
            torn: number("torn")?,
            gap_drops: number("gap_drops")?,
            late_drops: number("late_drops")?,
            p50_ns: optional("p50_ns"),
            p99_ns: optional("p99_ns"),
        })
    }

    fn accounted(&self) -> u64 {
        let drops = self.gap_drops.saturating_add(self.late_drops);
        self.frames.saturating_add(drops)
    }
}

/// The outcome. Good only if there is nothing to complain about and the figures add up.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) frames_sent: u64,
    pub(super) received: Vec<Received>,
    complaint: Option<String>,
}

impl Verdict {
    /// Something went wrong; what comes first is what counts.
    pub(super) fn complain(&mut self, complaint: String) {
        self.complaint.get_or_insert(complaint);
    }

    /// What is wrong, if anything is.
    pub(super) fn complaint(&self) -> Option<String> {
        let discrepancies = self.discrepancies();
        let found = (!discrepancies.is_empty()).then(|| discrepancies.join("; "));
        self.complaint.clone().or(found)
    }

    fn discrepancies(&self) -> Vec<String> {
        let sent = self.frames_sent;
        let mut found = Vec::new();
        if sent == 0 || self.received.is_empty() {
            found.push("no frame was sent, or nobody was there to receive it".into());
        }
        for (number, received) in (1..).zip(&self.received) {
            let Received {
                frames,
                torn,
                gap_drops,
                late_drops,
                ..
            } = received;
            if *frames == 0 {
                found.push(format!("subscriber {number} received nothing"));
            }
            if *torn != 0 {
                found.push(format!(
                    "subscriber {number} got {torn} frames that differ from their picture"
                ));
            }
            if received.accounted() != sent {
                found.push(format!(
                    "subscriber {number} received {frames} frames and counted {gap_drops} + {late_drops} drops, \
                     but {sent} were sent"
                ));
            }
        }
        found
    }

    /// The last line of the demo. Latencies are those of the slower subscriber.
    pub(super) fn json(&self) -> Value {
        let each =
            |field: fn(&Received) -> u64| self.received.iter().map(field).collect::<Vec<_>>();
        let slowest =
            |field: fn(&Received) -> Option<u64>| self.received.iter().filter_map(field).max();
        let mut line = match self.complaint() {
            None => json!({"demo": "ok"}),
            Some(reason) => json!({"demo": "failed", "reason": reason}),
        };
        let figures = [
            ("frames_sent", json!(self.frames_sent)),
            ("frames_received", json!(each(|received| received.frames))),
            (
                "torn",
                json!(each(|received| received.torn).iter().sum::<u64>()),
            ),
            ("gap_drops", json!(each(|received| received.gap_drops))),
            ("late_drops", json!(each(|received| received.late_drops))),
            ("p50_ns", json!(slowest(|received| received.p50_ns))),
            ("p99_ns", json!(slowest(|received| received.p99_ns))),
        ];
        if let Value::Object(fields) = &mut line {
            fields.extend(figures.map(|(name, value)| (name.to_owned(), value)));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(frames: u64, torn: u64, gap_drops: u64, late_drops: u64) -> Received {
        let (p50_ns, p99_ns) = (Some(frames), Some(300));
        Received {
            frames,
            torn,
            gap_drops,
            late_drops,
            p50_ns,
            p99_ns,
        }
    }

    fn verdict(received: &[Received]) -> Verdict {
        let received = received.to_vec();
        Verdict {
            frames_sent: 150,
            received,
            complaint: None,
        }
    }

    #[test]
    fn all_is_well_if_every_frame_is_received_or_counted_as_dropped() {
        let verdict = verdict(&[received(150, 0, 0, 0), received(140, 0, 7, 3)]);
        assert_eq!(
            verdict.json().to_string(),
            r#"{"demo":"ok","frames_sent":150,"frames_received":[150,140],"torn":0,"gap_drops":[0,7],"late_drops":[0,3],"p50_ns":150,"p99_ns":300}"#
        );
        assert_eq!(verdict.complaint(), None);
    }

    #[test]
    fn every_discrepancy_makes_the_demo_fail() {
        for (received, reason) in [
            (vec![], "nobody was there"),
            (
                vec![received(150, 0, 0, 0), received(149, 0, 0, 0)],
                "subscriber 2 received 149",
            ),
            (vec![received(150, 0, 1, 0)], "but 150 were sent"),
            (vec![received(150, 2, 0, 0)], "2 frames that differ"),
            (vec![received(0, 0, 150, 0)], "received nothing"),
        ] {
            let verdict = verdict(&received);
            let complaint = verdict.complaint().unwrap();
            assert!(complaint.contains(reason), "{complaint}");
            assert_eq!(verdict.json()["demo"], "failed");
        }
    }

    #[test]
    fn a_complaint_outweighs_good_figures() {
        let mut verdict = verdict(&[received(150, 0, 0, 0)]);
        verdict.complain("the driver did not stop".into());
        assert_eq!(verdict.json()["reason"], "the driver did not stop");
    }

    #[test]
    fn a_summary_without_a_figure_is_no_summary() {
        let mut summary = json!({"frames_received": 1, "torn": 0, "gap_drops": 0, "late_drops": 0, "p50_ns": null});
        assert_eq!(
            Received::of_summary(&summary).map(|received| received.frames),
            Ok(1)
        );
        summary["torn"] = Value::Null;
        assert!(Received::of_summary(&summary).unwrap_err().contains("torn"));
    }
}
