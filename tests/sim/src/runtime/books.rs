//! What a viewer's application keeps account of: each number of its mapping was taken, or is counted by its consumer.

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::read::DropReason;
use tp_core_nostd::seq::Seq;
use tp_core_nostd::wire::control::QosProducer;
use tp_std::{Consumer, ConsumerCounters};

use super::ledger::Ledger;

/// From the first frame that was seen of a mapping on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Books {
    pub(super) epoch: Epoch,
    first: Seq,
    last: Seq,
    pub(super) accepted: u64,
    /// Drops of the consumer before the first frame: the gap before it is nobody's.
    drops_before: u64,
}

impl Books {
    pub(super) fn begin(epoch: Epoch, first: Seq, counters: &ConsumerCounters) -> Self {
        Self {
            epoch,
            first,
            last: first,
            accepted: 0,
            drops_before: drops(counters),
        }
    }

    /// Whether the consumer still reads what these were begun with: what was mapped anew begins anew.
    pub(super) fn are_of(&self, consumer: &mut Consumer) -> bool {
        consumer.epoch() == Some(self.epoch) && consumer.last_seq() == Some(self.last)
    }

    /// The consumer came so far.
    pub(super) fn close(&mut self, stream: StreamId, consumer: &Consumer, ledger: &mut Ledger) {
        self.last = consumer.last_seq().unwrap_or(self.last);
        let spanned = self.last.get() + 1 - self.first.get();
        let (accepted, dropped) = (self.accepted, self.dropped(&consumer.counters()));
        if spanned != accepted + dropped {
            let Self { first, last, .. } = self;
            let detail = format!(
                "{stream}: {accepted} accepted and {dropped} dropped from {first} to {last}"
            );
            ledger.broken("every_frame_is_accounted_for", detail);
        }
    }

    /// Once all is quiet: published less accepted is what the consumer counts, and the tail that its producer tells of.
    pub(super) fn balance(
        &self,
        stream: StreamId,
        counters: &ConsumerCounters,
        told: Option<&QosProducer>,
        ledger: &mut Ledger,
    ) {
        let next = ledger.next_number(stream, self.epoch);
        let published = next.saturating_sub(self.first.get());
        let (accepted, dropped) = (self.accepted, self.dropped(counters));
        let next_told = told.map(|told| told.current_seq.get());
        let tail = next_told.and_then(|next| next.checked_sub(self.last.get() + 1));
        if tail.is_none_or(|tail| published != accepted + dropped + tail) {
            let Self { first, last, .. } = self;
            let detail = format!(
                "{stream}: {published} published from {first} on, {accepted} accepted, {dropped} dropped to {last}, \
                 the next is {next_told:?} by QoS"
            );
            ledger.broken("what_is_missing_is_the_tail", detail);
        }
    }

    fn dropped(&self, counters: &ConsumerCounters) -> u64 {
        drops(counters) - self.drops_before
    }
}

/// Of frames of the mapped epoch.
fn drops(counters: &ConsumerCounters) -> u64 {
    counters.gap_drops() + counters.late_drops() + counters.drops(DropReason::RateLimited)
}
