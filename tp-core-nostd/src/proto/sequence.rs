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
    /// The last frame, which was thinned on the stream that was left, came through the new one after all. Read it.
    Again,
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

/// The descriptors so far.
#[derive(Clone, Copy, Debug)]
struct Described {
    /// The image of the last one.
    image: ImageId,
    /// A number of that image below this one is a regression.
    floor: Seq,
    /// The highest number. Above it, up to the last frame seen, are frames that were found in memory.
    highest: Seq,
}

/// Follows the descriptors of one stream.
#[derive(Clone, Debug)]
pub struct Sequencer {
    /// The last frame seen, by descriptor or in memory.
    last: Option<Seq>,
    described: Option<Described>,
    /// Whether the last frame was thinned by its consumer.
    is_thinned: bool,
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
            described: None,
            is_thinned: false,
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
            Arrival::Regression => return arrival,
            Arrival::Duplicate => {
                // The descriptor of a frame that was found in memory before.
                if self.switch == Switch::Settled {
                    let highest = self.described.map(|described| described.highest);
                    self.described = Some(Described {
                        image,
                        floor: seq,
                        highest: highest.map_or(seq, |highest| highest.max(seq)),
                    });
                }
                return arrival;
            }
            Arrival::Gap { missed } | Arrival::Resync { missed } => {
                self.gap_drops = self.gap_drops.saturating_add(missed);
            }
            Arrival::First | Arrival::Next | Arrival::Again | Arrival::NewWriter => {}
        }
        self.last = Some(seq);
        self.is_thinned = false;
        self.described = Some(Described {
            image,
            floor: seq,
            highest: seq,
        });
        if self.switch == Switch::CatchingUp {
            self.switch = Switch::Settled;
        }
        arrival
    }

    fn judge(&self, image: ImageId, seq: Seq) -> Arrival {
        let Some(last) = self.last else {
            return Arrival::First;
        };
        if seq > last {
            return match missed(last, seq) {
                0 => Arrival::Next,
                missed if missed > self.max_gap => Arrival::Resync { missed },
                missed => Arrival::Gap { missed },
            };
        }
        let Some(described) = self.described else {
            return Arrival::Duplicate;
        };
        let same_image = described.image == image;
        let is_switching = self.switch != Switch::Settled;
        let comes_again = seq == last && self.is_thinned && !same_image && is_switching;
        // One that was found in memory is no news of a writer, whichever image describes it.
        let was_found = seq > described.highest;
        match same_image {
            true if seq < described.floor => Arrival::Regression,
            false if comes_again => Arrival::Again,
            false if !is_switching && !was_found => Arrival::NewWriter,
            true | false => Arrival::Duplicate,
        }
    }

    /// Frame `seq`, above all seen so far, was found in memory without its descriptor (E-01); that will be a duplicate if
    /// it still comes. Returns how many frames were missed before it.
    pub fn follow(&mut self, seq: Seq) -> u64 {
        let missed = self.last.map_or(0, |last| missed(last, seq));
        self.gap_drops = self.gap_drops.saturating_add(missed);
        self.last = self.last.max(Some(seq));
        self.is_thinned = false;
        missed
    }

    /// The last frame was not read because its consumer asked for fewer. A stream of its own brings those that it asked
    /// for: what it brings counts, even if the shared one showed it before (W-198, C-115).
    pub const fn thinned(&mut self) {
        self.is_thinned = true;
    }

    /// Whether nothing is missing before frame `seq`, with which the new stream begins: then the old one may be left, though
    /// it may never be found empty (W-198).
    pub fn reaches(&self, seq: Seq) -> bool {
        self.last.is_some_and(|last| missed(last, seq) == 0)
    }

    /// The frame just observed is not read because a newer one is at hand: a gap, too (wire 3.4, resync).
    pub fn passed_over(&mut self) {
        self.gap_drops = self.gap_drops.saturating_add(1);
    }

    /// A ConsumerConfig assigned another descriptor stream; until [`Self::end_switch`] both are read.
    pub fn begin_switch(&mut self) {
        self.switch = Switch::BothOpen;
    }

    /// The stream before the switch was left, or every stream was given up and another one follows.
    pub const fn end_switch(&mut self) {
        self.switch = Switch::CatchingUp;
    }

    /// The descriptors come through a new subscription to the same stream. It joins an image where the image's slowest
    /// subscriber is, so numbers may arrive once more.
    pub fn resubscribed(&mut self) {
        if let Some(described) = &mut self.described {
            described.floor = Seq::FIRST;
        }
    }

    /// The image that the last descriptor came through.
    pub fn image(&self) -> Option<ImageId> {
        self.described.map(|described| described.image)
    }

    /// Forgets the last number, for a new mapping. Counters stay (T-45).
    pub fn reset(&mut self) {
        self.last = None;
        self.described = None;
        self.is_thinned = false;
    }

    /// The last number seen, for QosConsumer; 0 goes on the wire while there is none (T-42).
    pub fn last_seq(&self) -> Option<Seq> {
        self.last
    }

    /// Frames never announced to us, in this consumer's life (`drops_gap`, T-45).
    pub const fn gap_drops(&self) -> u64 {
        self.gap_drops
    }
}

/// Frames between `last` and `seq`.
const fn missed(last: Seq, seq: Seq) -> u64 {
    seq.get().saturating_sub(last.get()).saturating_sub(1)
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

    fn states() -> [(&'static str, Sequencer); 9] {
        let [
            mut both,
            mut behind,
            mut left,
            mut reset,
            mut capped,
            mut again,
            mut found,
        ] = [(); 7].map(|()| at_1000());
        both.begin_switch();
        behind.begin_switch();
        behind.end_switch();
        left.end_switch();
        reset.reset();
        capped.set_max_gap(None);
        again.resubscribed();
        found.follow(seq(1002));
        [
            ("unseen", Sequencer::new()),
            ("reset", reset),
            ("at 1000", at_1000()),
            ("rate cap", capped),
            ("both open", both),
            ("catching up", behind),
            ("all left", left),
            ("again", again),
            ("found 1002", found),
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
all left    A: Regression Regression Duplicate Next gap1 gap256 resync257
again       A: Duplicate Duplicate Duplicate Next gap1 gap256 resync257
found 1002  A: Regression Regression Duplicate Duplicate Duplicate gap254 gap255
unseen      B: First First First First First First First
reset       B: First First First First First First First
at 1000     B: NewWriter NewWriter NewWriter Next gap1 gap256 resync257
rate cap    B: NewWriter NewWriter NewWriter Next gap1 gap256 gap257
both open   B: Duplicate Duplicate Duplicate Next gap1 gap256 resync257
catching up B: Duplicate Duplicate Duplicate Next gap1 gap256 resync257
all left    B: Duplicate Duplicate Duplicate Next gap1 gap256 resync257
again       B: NewWriter NewWriter NewWriter Next gap1 gap256 resync257
found 1002  B: NewWriter NewWriter NewWriter Duplicate Duplicate gap254 gap255
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

    #[test] // req: W-198
    fn the_old_stream_may_be_left_where_the_new_one_begins() {
        assert!(
            !Sequencer::new().reaches(seq(0)),
            "what came before is unknown"
        );
        let table = [999, 1000, 1001, 1002].map(|first| at_1000().reaches(seq(first)));
        assert_eq!(table, [true, true, true, false]);
    }

    #[test] // req: W-198, C-115
    fn a_thinned_frame_comes_again_through_the_stream_of_its_own() {
        // Thinned; what else happens; through which image which number comes.
        type Step = fn(&mut Sequencer);
        let switched: Step = |sequencer| {
            sequencer.begin_switch();
            sequencer.end_switch();
        };
        let both: Step = |sequencer| sequencer.begin_switch();
        let settled: Step = |_| {};
        #[rustfmt::skip]
        let rows = [
            (true,  switched, B, 1000, Arrival::Again),
            (true,  both,     B, 1000, Arrival::Again),
            (false, switched, B, 1000, Arrival::Duplicate),
            (true,  switched, A, 1000, Arrival::Duplicate),
            (true,  switched, B, 999,  Arrival::Duplicate),
            (true,  switched, B, 1001, Arrival::Next),
            (true,  settled,  A, 1000, Arrival::Duplicate),
            (true,  settled,  B, 1000, Arrival::NewWriter),
        ];
        for (n, (is_thinned, step, image, raw, expected)) in rows.into_iter().enumerate() {
            let mut sequencer = at_1000();
            if is_thinned {
                sequencer.thinned();
            }
            step(&mut sequencer);
            assert_eq!(sequencer.observe(image, seq(raw)), expected, "row {n}");
            if expected == Arrival::Again {
                assert_eq!(
                    sequencer.observe(image, seq(raw)),
                    Arrival::Duplicate,
                    "once"
                );
            }
            let last = sequencer.last_seq().unwrap();
            assert_eq!(last, seq(1000.max(raw)));
        }
    }

    #[test] // req: T-14
    fn a_rejoined_image_counts_its_gap_and_goes_on() {
        let mut sequencer = at_1000();
        assert_eq!(sequencer.observe(B, seq(1011)), Arrival::Gap { missed: 10 });
        assert_eq!(sequencer.observe(B, seq(1012)), Arrival::Next);
        assert_eq!(sequencer.gap_drops(), 10);
    }

    #[test] // req: T-14
    fn a_new_subscription_may_repeat_its_image_but_not_go_back_in_it() {
        let mut sequencer = at_1000();
        sequencer.resubscribed();
        assert_eq!(sequencer.image(), Some(A));
        assert_eq!(sequencer.observe(A, seq(998)), Arrival::Duplicate);
        assert_eq!(sequencer.observe(A, seq(999)), Arrival::Duplicate);
        assert_eq!(sequencer.observe(A, seq(998)), Arrival::Regression);
        sequencer.resubscribed();
        assert_eq!(sequencer.observe(A, seq(1001)), Arrival::Next);
        assert_eq!(sequencer.observe(A, seq(1000)), Arrival::Regression);
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
                    2 => sequencer.resubscribed(),
                    3 => {
                        if let Some(next) = sequencer.last_seq().and_then(Seq::next) {
                            prop_assert_eq!(sequencer.follow(next), 0);
                            run.push(next.get());
                        }
                    }
                    _ => {}
                }
                match sequencer.observe(ImageId(image), seq(raw)) {
                    Arrival::Duplicate => prop_assert!(run.iter().any(|taken| *taken >= raw)),
                    Arrival::Again => prop_assert!(false, "nothing was thinned"),
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

    #[test] // req: E-01, T-14
    fn descriptors_of_frames_found_in_memory_are_duplicates() {
        let mut sequencer = at_1000();
        assert_eq!(sequencer.follow(seq(1001)), 0);
        assert_eq!(sequencer.follow(seq(1004)), 2);
        assert_eq!(sequencer.gap_drops(), 2);
        for late in [1001, 1002, 1004] {
            assert_eq!(sequencer.observe(A, seq(late)), Arrival::Duplicate);
        }
        assert_eq!(
            sequencer.observe(A, seq(1003)),
            Arrival::Regression,
            "the publisher itself went back"
        );
        assert_eq!(sequencer.observe(A, seq(1005)), Arrival::Next);
    }

    #[test] // req: E-01, T-14
    fn another_image_describes_what_was_found_in_memory_without_being_a_new_writer() {
        let mut sequencer = at_1000();
        assert_eq!(sequencer.follow(seq(1004)), 3);
        for late in [1001, 1002, 1004] {
            assert_eq!(sequencer.observe(B, seq(late)), Arrival::Duplicate);
        }
        assert_eq!(sequencer.observe(B, seq(1003)), Arrival::Regression);
        assert_eq!(sequencer.observe(B, seq(1005)), Arrival::Next);
        assert_eq!(sequencer.observe(A, seq(1005)), Arrival::NewWriter);
    }

    #[test] // req: E-01
    fn the_first_frame_may_be_found_in_memory() {
        let mut sequencer = Sequencer::new();
        assert_eq!(sequencer.follow(seq(0)), 0);
        assert_eq!(sequencer.observe(B, seq(0)), Arrival::Duplicate);
        assert_eq!(sequencer.observe(B, seq(1)), Arrival::Next);
        assert_eq!(sequencer.last_seq(), Some(seq(1)));
    }
}
