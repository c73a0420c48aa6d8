//! A plan from a seed: which streams, who wants them, what goes wrong and when.

use core::time::Duration;

use tp_core_nostd::ids::{ClientId, StreamId};
use tp_core_nostd::wire::driver::Role;
use tp_tests::fake_transport::{Dice, Faults};

use crate::LONGEST_DELAY;
use crate::act::Act;
use crate::disk::Trouble;
use crate::fact::Who;
use crate::plan::{Capacities, ClientPlan, Plan};

/// The first stream of a plan; the others follow.
const FIRST_STREAM: u32 = 10_000;
/// How long everybody has in the end to get over it: an attach that waits for the last lease to expire, with pauses, twice.
const REST: Duration = Duration::from_secs(40);

/// The plan that follows from `seed`.
pub fn plan(seed: u64) -> Plan {
    // The world throws dice of the same seed; these are others.
    let mut dice = Dice::seeded(seed ^ 0x7072_6F67_6E6F_7369);
    let streams: Vec<_> = (FIRST_STREAM..)
        .filter_map(StreamId::new)
        .take(below(&mut dice, 1, 3))
        .collect();
    let clients: Vec<_> = (0..below(&mut dice, 2, 7))
        .map(|at| client(&mut dice, &streams, at))
        .collect();
    let capacities = Capacities {
        // Sometimes just enough, so that leases of the dead are in the way of the living.
        leases: clients.len() + below(&mut dice, 0, 4),
        streams: streams.len(),
        nodes: below(&mut dice, 1, 12),
        answers: below(&mut dice, 1, 16),
    };
    Plan {
        seed,
        acts: acts(&mut dice, clients.len()),
        streams,
        clients,
        capacities,
        rest: REST,
    }
}

fn client(dice: &mut Dice, streams: &[StreamId], at: usize) -> ClientPlan {
    let is_producer = at == 0 || dice.happens(35);
    let id = u32::try_from(at)
        .ok()
        .and_then(|at| ClientId::new(100 + at));
    ClientPlan {
        stream: dice.pick(streams),
        role: if is_producer {
            Role::Producer
        } else {
            Role::Consumer
        },
        id: id.filter(|_| dice.happens(30)),
    }
}

/// What happens: everybody comes, a handful of misfortunes follows, and then it all ends well.
fn acts(dice: &mut Dice, clients: usize) -> Vec<(Duration, Act)> {
    let mut acts = vec![(Duration::ZERO, Act::Start(Who::Driver))];
    for at in 0..clients {
        acts.push((dice.delay(0..=3_000), Act::Start(Who::Client(at))));
    }
    let mut end = Duration::from_secs(4);
    for _ in 0..below(dice, 2, 12) {
        let at = dice.delay(500..=30_000);
        let (act, sequel) = misfortune(dice, clients);
        let after = at + dice.delay(100..=12_000);
        end = end.max(after);
        acts.push((at, act));
        acts.extend(sequel.map(|sequel| (after, sequel)));
    }
    acts.push((end, Act::Heal));
    acts.sort_by_key(|(at, _)| *at);
    acts
}

/// Something that goes wrong, and what ends it, if it does not end by itself.
fn misfortune(dice: &mut Dice, clients: usize) -> (Act, Option<Act>) {
    let someone = |dice: &mut Dice| match dice.within(0..=clients as u64) {
        0 => Who::Driver,
        at => Who::Client(usize::try_from(at).unwrap_or(1) - 1),
    };
    let one_client = |dice: &mut Dice| Who::Client(below(dice, 0, clients - 1));
    let fuse = |dice: &mut Dice| u32::try_from(dice.within(0..=12)).unwrap_or(0);
    match dice.within(0..=19) {
        0..=2 => (Act::Weather(weather(dice)), None),
        3 => {
            let (from, to) = (Who::Driver, one_client(dice));
            (Act::Cut { from, to }, Some(Act::Mend))
        }
        4 => {
            let (from, to) = (one_client(dice), Who::Driver);
            (Act::Cut { from, to }, Some(Act::Mend))
        }
        5 => (Act::Part(Who::Driver, one_client(dice)), Some(Act::Mend)),
        6 | 7 => (
            Act::Kill(Who::Driver, fuse(dice)),
            Some(Act::Start(Who::Driver)),
        ),
        8 | 9 => {
            let who = one_client(dice);
            (Act::Kill(who, fuse(dice)), Some(Act::Start(who)))
        }
        10 => {
            let who = one_client(dice);
            (Act::Leave(who, Duration::ZERO), Some(Act::Start(who)))
        }
        11 => {
            let grace = dice.delay(0..=2_000);
            (
                Act::Leave(Who::Driver, grace),
                Some(Act::Start(Who::Driver)),
            )
        }
        12 | 13 => (Act::Stall(someone(dice), dice.delay(200..=9_000)), None),
        14 => (Act::Suspend(dice.delay(200..=15_000)), None),
        15 => (
            Act::Reboot(dice.delay(10..=5_000)),
            Some(Act::Start(Who::Driver)),
        ),
        16 => (Act::Jam(someone(dice), dice.delay(100..=6_000)), None),
        17 => (Act::Evict(one_client(dice)), None),
        18 => (Act::Disk(trouble(dice)), Some(Act::Disk(Trouble::None))),
        _ => (Act::Pace(dice.delay(0..=4_000)), None),
    }
}

fn weather(dice: &mut Dice) -> Faults {
    let longest = u64::try_from(LONGEST_DELAY.as_millis()).unwrap_or(0);
    Faults {
        loss_pct: dice.pick(&[0, 5, 20, 60]),
        delay_ms: 0..=dice.pick(&[0, 50, longest]),
        duplicate_pct: dice.pick(&[0, 5, 30]),
    }
}

fn trouble(dice: &mut Dice) -> Trouble {
    dice.pick(&[
        Trouble::Full,
        Trouble::NoHugePages,
        Trouble::NotLocked,
        Trouble::NotPermitted,
        Trouble::Unreadable,
    ])
}

/// A number from `least` to `most`.
fn below(dice: &mut Dice, least: usize, most: usize) -> usize {
    let drawn = dice.within(least as u64..=most as u64);
    usize::try_from(drawn).unwrap_or(least)
}
