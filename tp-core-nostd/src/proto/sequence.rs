//! Which frame a descriptor announces, seen against the ones before it (wire 3.3 step 2, 3.4, T-14).
//!
//! ```
//! use tp_core_nostd::proto::sequence::{Arrival, Sequencer};
//! use tp_core_nostd::{seq::Seq, transport::ImageId};
//!
//! let mut sequencer = Sequencer::new();
//! let image = ImageId(1);
//! let seq = |raw| Seq::new(raw).unwrap();
//! assert_eq!(sequencer.observe(image, seq(0)), Arrival::First);
//! assert_eq!(sequencer.observe(image, seq(1)), Arrival::Next);
//! assert_eq!(sequencer.observe(image, seq(4)), Arrival::Gap { missed: 2 });
//! assert_eq!(sequencer.observe(image, seq(3)), Arrival::Regression); // unmap, wait for the next announce
//! assert_eq!(sequencer.gap_drops(), 2);
//! ```

use core::cmp::Ordering;

use crate::seq::Seq;
use crate::transport::ImageId;

/// Gaps above this many frames resynchronise a consumer, unless it chose another limit (W-116).
pub const DEFAULT_MAX_OUTSTANDING_SEQ_GAP: u64 = 256;

/// What a descriptor's sequence number means for its consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Arrival {
    /// The first one since mapping; compared with nothing. Read it.
    First,
    /// The one after the last. Read it.
    Next,
    /// `missed` frames were never announced to us. Read it.
    Gap {
        /// Frames between this one and the last.
        missed: u64,
    },
    /// So many were missed that catching up is pointless: read the newest descriptor at hand, and tell the ones passed
    /// over to [`Sequencer::passed_over`].
    Resync {
        /// Frames between this one and the last.
        missed: u64,
    },
    /// Another publisher began below the last number: the per-slot words of the reader start afresh. Then read it.
    NewWriter,
    /// Seen before, or behind while two streams overlap. Ignore it; no counter moves.
    Duplicate,
    /// The same publisher went back: unmap and take the next fresh announce.
    Regression,
}

/// A switch between the shared and a private descriptor stream, during which numbers arrive twice (wire 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Switch {
    /// One stream is read.
    Settled,
    /// Both are read.
    BothOpen,
    /// The old one was left; the new one has not shown a number above the last yet.
    CatchingUp,
}

/// Follows the descriptors of one stream.
#[derive(Clone, Debug)]
pub struct Sequencer {
    last: Option<(ImageId, Seq)>,
    switch: Switch,
    /// Longest gap that is followed frame by frame.
    max_gap: u64,
    gap_drops: u64,
}

impl Default for Sequencer {
    fn default() -> Self {
        Self::new()
    }
}

impl Sequencer {
    /// Has seen nothing; resynchronises above [`DEFAULT_MAX_OUTSTANDING_SEQ_GAP`].
    pub const fn new() -> Self {
        Self {
            last: None,
            switch: Switch::Settled,
            max_gap: DEFAULT_MAX_OUTSTANDING_SEQ_GAP,
            gap_drops: 0,
        }
    }

    /// Resynchronises above gaps of `frames`; `None` never does, for consumers that asked for a rate cap and so must
    /// expect gaps (W-114, T-51).
    pub fn set_max_gap(&mut self, frames: Option<u64>) {
        self.max_gap = frames.unwrap_or(u64::MAX);
    }

    /// Judges the descriptor of frame `seq` that came through `image`. Unless it is a duplicate or a regression it is
    /// the last one seen from now on, whatever becomes of its slot.
    pub fn observe(&mut self, image: ImageId, seq: Seq) -> Arrival {
        let arrival = self.judge(image, seq);
        match arrival {
            Arrival::Duplicate | Arrival::Regression => return arrival,
            Arrival::Gap { missed } | Arrival::Resync { missed } => {
                self.gap_drops = self.gap_drops.saturating_add(missed);
            }
            Arrival::First | Arrival::Next | Arrival::NewWriter => {}
        }
        self.last = Some((image, seq));
        if self.switch == Switch::CatchingUp {
            self.switch = Switch::Settled;
        }
        arrival
    }

    fn judge(&self, image: ImageId, seq: Seq) -> Arrival {
        let Some((current, last)) = self.last else {
            return Arrival::First;
        };
        let same_image = image == current;
        match seq.cmp(&last) {
            Ordering::Greater => {
                // At least 1 apart, so neither step wraps.
                let missed = seq.get().wrapping_sub(last.get()).wrapping_sub(1);
                match missed {
                    0 => Arrival::Next,
                    _ if missed > self.max_gap => Arrival::Resync { missed },
                    _ => Arrival::Gap { missed },
                }
            }
            Ordering::Equal if same_image => Arrival::Duplicate,
            Ordering::Less if same_image => Arrival::Regression,
            _ if self.switch != Switch::Settled => Arrival::Duplicate,
            _ => Arrival::NewWriter,
        }
    }

    /// The frame just observed is not read because a newer one is at hand: a gap, too (wire 3.4, resync).
    pub fn passed_over(&mut self) {
        self.gap_drops = self.gap_drops.saturating_add(1);
    }

    /// A ConsumerConfig assigned another descriptor stream; until [`Self::end_switch`] both are read.
    pub fn begin_switch(&mut self) {
        self.switch = Switch::BothOpen;
    }

    /// The stream before the switch was left.
    pub fn end_switch(&mut self) {
        if self.switch == Switch::BothOpen {
            self.switch = Switch::CatchingUp;
        }
    }

    /// Forgets the last number, for a new mapping. Counters stay (T-45).
    pub fn reset(&mut self) {
        self.last = None;
    }

    /// The last number seen, for QosConsumer; 0 goes on the wire while there is none (T-42).
    pub fn last_seq(&self) -> Option<Seq> {
        self.last.map(|(_, seq)| seq)
    }

    /// Frames never announced to us, in this consumer's life (`drops_gap`, T-45).
    pub const fn gap_drops(&self) -> u64 {
        self.gap_drops
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]
    use super::*;
    use proptest::prelude::*;
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    const A: ImageId = ImageId(1);
    const B: ImageId = ImageId(2);

    fn seq(raw: u64) -> Seq {
        Seq::new(raw).unwrap()
    }

    /// Has seen frame 1000 through image A.
    fn at_1000() -> Sequencer {
        let mut sequencer = Sequencer::new();
        sequencer.observe(A, seq(1000));
        sequencer
    }

    fn states() -> [(&'static str, Sequencer); 6] {
        let [mut both, mut behind, mut reset, mut capped] = [(); 4].map(|()| at_1000());
        both.begin_switch();
        behind.begin_switch();
        behind.end_switch();
        reset.reset();
        capped.set_max_gap(None);
        [
            ("unseen", Sequencer::new()),
            ("reset", reset),
            ("at 1000", at_1000()),
            ("rate cap", capped),
            ("both open", both),
            ("catching up", behind),
        ]
    }

    // req: W-110, W-115, W-116, T-14, T-51, C-097, C-101
    #[test]
    fn every_number_in_every_state() {
        let inputs = [0, 999, 1000, 1001, 1002, 1257, 1258];
        let mut table = String::new();
        for image in [A, B] {
            for (name, state) in states() {
                table += &format!("{name:11} {}:", if image == A { "A" } else { "B" });
                for input in inputs {
                    let arrival = state.clone().observe(image, seq(input));
                    table += &match arrival {
                        Arrival::Gap { missed } => format!(" gap{missed}"),
                        Arrival::Resync { missed } => format!(" resync{missed}"),
                        other => format!(" {other:?}"),
                    };
                }
                table += "\n";
            }
        }
        // Columns: 0, 999, 1000, 1001, 1002, 1257, 1258.
        let reviewed = "\
unseen      A: First First First First First First First
reset       A: First First First First First First First
at 1000     A: Regression Regression Duplicate Next gap1 gap256 resync257
rate cap    A: Regression Regression Duplicate Next gap1 gap256 gap257
both open   A: Regression Regression Duplicate Next gap1 gap256 resync257
catching up A: Regression Regression Duplicate Next gap1 gap256 resync257
unseen      B: First First First First First First First
reset       B: First First First First First First First
at 1000     B: NewWriter NewWriter NewWriter Next gap1 gap256 resync257
rate cap    B: NewWriter NewWriter NewWriter Next gap1 gap256 gap257
both open   B: Duplicate Duplicate Duplicate Next gap1 gap256 resync257
catching up B: Duplicate Duplicate Duplicate Next gap1 gap256 resync257
";
        assert_eq!(table, reviewed);
    }

    #[test] // req: W-114
    fn the_longest_gap_can_be_chosen() {
        let mut sequencer = at_1000();
        sequencer.set_max_gap(Some(2));
        assert_eq!(
            sequencer.observe(A, seq(1003)),
            Arrival::Gap { missed: 2 },
            "as long as allowed"
        );
        assert_eq!(
            sequencer.observe(A, seq(1007)),
            Arrival::Resync { missed: 3 }
        );
    }

    #[test] // req: T-14
    fn a_new_stream_behind_the_old_one_is_no_new_writer() {
        let mut sequencer = at_1000();
        sequencer.begin_switch();
        assert_eq!(sequencer.observe(B, seq(998)), Arrival::Duplicate);
        assert_eq!(sequencer.observe(A, seq(1001)), Arrival::Next);
        sequencer.end_switch();
        assert_eq!(sequencer.observe(B, seq(999)), Arrival::Duplicate);
        assert_eq!(sequencer.observe(B, seq(1001)), Arrival::Duplicate);
        assert_eq!(sequencer.observe(B, seq(1002)), Arrival::Next);
        assert_eq!(sequencer.observe(A, seq(0)), Arrival::NewWriter);
    }

    #[test] // req: T-14
    fn a_rejoined_image_counts_its_gap_and_goes_on() {
        let mut sequencer = at_1000();
        assert_eq!(sequencer.observe(B, seq(1011)), Arrival::Gap { missed: 10 });
        assert_eq!(sequencer.observe(B, seq(1012)), Arrival::Next);
        assert_eq!(sequencer.gap_drops(), 10);
    }

    #[test] // req: T-42, T-45, W-117
    fn a_reset_forgets_the_number_but_not_the_counters() {
        let mut sequencer = Sequencer::new();
        assert_eq!(sequencer.last_seq(), None);
        sequencer.observe(A, seq(0));
        assert_eq!(sequencer.last_seq(), Some(Seq::FIRST));
        sequencer.observe(A, seq(5));
        sequencer.passed_over();
        sequencer.reset();
        assert_eq!(sequencer.last_seq(), None);
        assert_eq!(sequencer.gap_drops(), 5);
        assert_eq!(sequencer.observe(A, Seq::LAST), Arrival::First);
    }

    proptest! {
        // Whatever arrives, between two restarts every number is either announced once or counted as a gap.
        #[test] // req: W-110, W-117
        fn announced_and_missed_add_up(
            arrivals in prop::collection::vec((0..3i64, 0..600u64), 0..200),
            switches in prop::collection::vec(0..40usize, 200),
        ) {
            let mut sequencer = Sequencer::new();
            let mut run: Vec<u64> = Vec::new(); // numbers taken since the last restart
            let mut missed_before = 0;
            for ((image, raw), switch) in arrivals.into_iter().zip(switches) {
                match switch {
                    0 => sequencer.begin_switch(),
                    1 => sequencer.end_switch(),
                    _ => {}
                }
                match sequencer.observe(ImageId(image), seq(raw)) {
                    Arrival::Duplicate => prop_assert!(run.iter().any(|taken| *taken >= raw)),
                    Arrival::Regression => {
                        prop_assert!(run.last().is_some_and(|last| raw < *last));
                        sequencer.reset();
                        run.clear();
                        missed_before = sequencer.gap_drops();
                    }
                    Arrival::First | Arrival::NewWriter => {
                        prop_assert!(run.last().is_none_or(|last| raw <= *last));
                        run.clear();
                        run.push(raw);
                        missed_before = sequencer.gap_drops();
                    }
                    Arrival::Next | Arrival::Gap { .. } | Arrival::Resync { .. } => {
                        prop_assert!(run.last().is_some_and(|last| raw > *last));
                        run.push(raw);
                    }
                }
                if let (Some(first), Some(last)) = (run.first(), run.last()) {
                    let missed = sequencer.gap_drops() - missed_before;
                    prop_assert_eq!(run.len() as u64 + missed, last - first + 1);
                }
            }
        }
    }
}
