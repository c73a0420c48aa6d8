//! What plans of both worlds have in common: everybody comes, a handful of misfortunes follows, and then it all ends well.

use core::ops::RangeInclusive;
use core::time::Duration;

use tp_tests::fake_transport::{Dice, Faults};

use crate::LONGEST_DELAY;
use crate::act::Act;
use crate::fact::Who;

/// The first stream of a plan; the others follow.
pub(crate) const FIRST_STREAM: u32 = 10_000;
/// How long everybody has in the end to get over it: an attach that waits for the last lease to expire, with pauses, twice.
pub(crate) const REST: Duration = Duration::from_secs(40);

/// When something goes wrong, and whom it may hit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blow {
    pub(crate) begins: Duration,
    pub(crate) ends: Duration,
    pub(crate) client: Who,
    /// Messages and file orders that whoever is killed has left.
    pub(crate) left: u32,
    pub(crate) span: Duration,
}

impl Blow {
    /// Begins within the first of the times and lasts as long as within the second, both in milliseconds.
    pub(crate) fn any(
        dice: &mut Dice,
        clients: usize,
        begins_ms: RangeInclusive<u64>,
        lasts_ms: RangeInclusive<u64>,
    ) -> Self {
        let begins = dice.delay(begins_ms);
        Self {
            begins,
            ends: begins + dice.delay(100..=*lasts_ms.end()),
            client: Who::Client(below(dice, 0, clients - 1)),
            left: u32::try_from(dice.within(0..=12)).unwrap_or(0),
            span: dice.delay(lasts_ms),
        }
    }

    /// It ends by itself, if it does.
    pub(crate) fn alone(&self, act: Act) -> Vec<(Duration, Act)> {
        vec![(self.begins, act)]
    }

    /// Something else ends it.
    pub(crate) fn until(&self, act: Act, end: Act) -> Vec<(Duration, Act)> {
        vec![(self.begins, act), (self.ends, end)]
    }

    /// Somebody goes in this way, and comes again.
    pub(crate) fn restarts(&self, who: Who, act: Act) -> Vec<(Duration, Act)> {
        self.until(act, Act::Start(who))
    }
}

/// All that happens: clients come in their first `come_within_ms`, then there are so many misfortunes.
pub(crate) fn acts(
    dice: &mut Dice,
    clients: usize,
    come_within_ms: u64,
    misfortunes: RangeInclusive<usize>,
    mut misfortune: impl FnMut(&mut Dice, usize) -> Vec<(Duration, Act)>,
) -> Vec<(Duration, Act)> {
    let mut acts = vec![(Duration::ZERO, Act::Start(Who::Driver))];
    for at in 0..clients {
        acts.push((dice.delay(0..=come_within_ms), Act::Start(Who::Client(at))));
    }
    for _ in 0..below(dice, *misfortunes.start(), *misfortunes.end()) {
        acts.extend(misfortune(dice, clients));
    }
    let last = acts.iter().map(|(at, _)| *at).max();
    let end = last.unwrap_or_default().max(Duration::from_secs(4));
    acts.push((end, Act::Heal));
    acts.sort_by_key(|(at, _)| *at);
    acts
}

/// Loses and duplicates one of these percentages.
pub(crate) fn weather(dice: &mut Dice, losses: &[u8], duplicates: &[u8]) -> Faults {
    let longest = u64::try_from(LONGEST_DELAY.as_millis()).unwrap_or(0);
    Faults {
        loss_pct: dice.pick(losses),
        delay_ms: 0..=dice.pick(&[0, 50, longest]),
        duplicate_pct: dice.pick(duplicates),
    }
}

/// A number from `least` to `most`.
pub(crate) fn below(dice: &mut Dice, least: usize, most: usize) -> usize {
    let drawn = dice.within(least as u64..=most as u64);
    usize::try_from(drawn).unwrap_or(least)
}
