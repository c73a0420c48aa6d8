//! What an answer is good for: a choice, never a fact.

use crate::wire::control::ShmPoolAnnounce;
use crate::wire::discovery::{DiscoveryResult, Results};
use crate::wire::driver::Grant;

/// What became of the results of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Collected {
    /// How many there are.
    pub kept: usize,
    /// How many had no room.
    pub left_out: usize,
}

/// Puts the results into `out`, one per driver and stream, of its newest epoch. It takes the square of their
/// number.
pub fn collect<'m>(results: Results<'m>, out: &mut [Option<DiscoveryResult<'m>>]) -> Collected {
    out.fill(None);
    let mut collected = Collected::default();
    for result in results.iter() {
        let (kept, free) = out.split_at_mut(collected.kept);
        let mut kept = kept.iter_mut().flatten();
        match (kept.find(|kept| is_same(kept, &result)), free.first_mut()) {
            (Some(kept), _) if kept.epoch < result.epoch => *kept = result,
            (Some(_), _) => {}
            (None, Some(free)) => {
                *free = Some(result);
                collected.kept = collected.kept.saturating_add(1);
            }
            (None, None) => collected.left_out = collected.left_out.saturating_add(1),
        }
    }
    collected
}

/// Whether both are of one stream of one driver. Drivers without a name are told apart by where they listen.
fn is_same(one: &DiscoveryResult<'_>, other: &DiscoveryResult<'_>) -> bool {
    let listens_at = |result: &DiscoveryResult<'_>| result.driver_control_stream_id;
    one.stream_id == other.stream_id
        && one.driver_instance_id == other.driver_instance_id
        && (one.driver_instance_id.is_some()
            || listens_at(one) == listens_at(other)
                && one.driver_control_channel == other.driver_control_channel)
}

/// What the driver that a result named says to it. The driver's word counts in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Agreement {
    /// The result was up to date.
    Same,
    /// The epoch is another one by now.
    OtherEpoch,
    /// The regions look different from what was said.
    OtherLayout,
}

/// Compares a result with what was granted. `None` if the grant is for another stream, and so no answer to it.
pub fn agreement(result: &DiscoveryResult<'_>, grant: &Grant<'_>) -> Option<Agreement> {
    if grant.stream_id != result.stream_id {
        return None;
    }
    let granted = (grant.layout_version, grant.header_nslots);
    Some(
        if granted != (result.layout_version, result.header_nslots) {
            Agreement::OtherLayout
        } else if grant.epoch != result.epoch {
            Agreement::OtherEpoch
        } else {
            Agreement::Same
        },
    )
}

/// Whether an announce shows that a result is out of date: discard it and ask again.
pub fn is_contradicted(result: &DiscoveryResult<'_>, announce: &ShmPoolAnnounce<'_>) -> bool {
    let announced = (
        announce.epoch,
        announce.layout_version,
        announce.header_nslots,
    );
    announce.stream_id == result.stream_id
        && announced != (result.epoch, result.layout_version, result.header_nslots)
}
