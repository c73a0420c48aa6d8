//! A plan from a seed: which streams, who wants them, what goes wrong and when.

use core::time::Duration;

use tp_core_nostd::ids::{ClientId, StreamId};
use tp_core_nostd::proto::driver::Retention;
use tp_core_nostd::wire::driver::Role;
use tp_tests::fake_transport::{Dice, Faults};

use crate::act::Act;
use crate::disk::Trouble;
use crate::fact::Who;
use crate::plan::{Capacities, ClientPlan, Plan, Policy};
use crate::{GRACE, LONGEST_DELAY, PERIOD};

/// The first stream of a plan; the others follow.
const FIRST_STREAM: u32 = 10_000;
/// The first of those that clients bring into being.
const FIRST_DYNAMIC: u32 = 20_000;
/// How long everybody has in the end to get over it: an attach that waits for the last lease to expire, with pauses, twice.
const REST: Duration = Duration::from_secs(40);

/// The plan that follows from `seed`.
pub fn plan(seed: u64) -> Plan {
    // The world throws dice of the same seed; these are others.
    let mut dice = Dice::seeded(seed ^ 0x7072_6F67_6E6F_7369);
    let streams = ids(FIRST_STREAM, below(&mut dice, 1, 3));
    let dynamic = ids(FIRST_DYNAMIC, below(&mut dice, 0, 2));
    let wanted: Vec<_> = streams.iter().chain(&dynamic).copied().collect();
    let clients: Vec<_> = (0..below(&mut dice, 2, 7))
        .map(|at| client(&mut dice, &wanted, at))
        .collect();
    let capacities = Capacities {
        // Sometimes just enough, so that leases of the dead are in the way of the living.
        leases: clients.len() + below(&mut dice, 0, 4),
        streams: wanted.len(),
        consumers: below(&mut dice, 0, 4),
        nodes: below(&mut dice, 1, 12),
        answers: below(&mut dice, 1, 16),
    };
    Plan {
        seed,
        acts: acts(&mut dice, clients.len()),
        policy: policy(&mut dice, &clients),
        streams,
        clients,
        capacities,
        rest: REST,
    }
}

fn ids(first: u32, count: usize) -> Vec<StreamId> {
    (first..).filter_map(StreamId::new).take(count).collect()
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
        is_private: !is_producer && dice.happens(40),
    }
}

fn policy(dice: &mut Dice, clients: &[ClientPlan]) -> Policy {
    let retention = Retention {
        keep: dice.pick(&[1, 2, 3]),
        min_age: dice.pick(&[PERIOD, GRACE]),
        on_startup: dice.happens(50),
    };
    let consumers_of = |stream| {
        let consumers = clients
            .iter()
            .filter(|client| client.role == Role::Consumer);
        consumers.filter(|client| client.stream == stream).count()
    };
    let crowds = clients.iter().map(|client| consumers_of(client.stream));
    let crowd = crowds.max().unwrap_or(0) + below(dice, 0, 2);
    Policy {
        retention: Some(retention).filter(|_| !dice.happens(10)),
        // Enough for everybody, not always for the dead as well.
        consumer_limit: u32::try_from(crowd).unwrap_or(u32::MAX),
    }
}

/// What happens: everybody comes, a handful of misfortunes follows, and then it all ends well.
fn acts(dice: &mut Dice, clients: usize) -> Vec<(Duration, Act)> {
    let mut acts = vec![(Duration::ZERO, Act::Start(Who::Driver))];
    for at in 0..clients {
        acts.push((dice.delay(0..=3_000), Act::Start(Who::Client(at))));
    }
    for _ in 0..below(dice, 2, 12) {
        acts.extend(misfortune(dice, clients));
    }
    let last = acts.iter().map(|(at, _)| *at).max();
    let end = last.unwrap_or_default().max(Duration::from_secs(4));
    acts.push((end, Act::Heal));
    acts.sort_by_key(|(at, _)| *at);
    acts
}

/// Something that goes wrong, and what ends it, if it does not end by itself.
fn misfortune(dice: &mut Dice, clients: usize) -> Vec<(Duration, Act)> {
    let begins = dice.delay(500..=30_000);
    let ends = begins + dice.delay(100..=12_000);
    let client = Who::Client(below(dice, 0, clients - 1));
    let someone = if dice.happens(30) {
        Who::Driver
    } else {
        client
    };
    let left = u32::try_from(dice.within(0..=12)).unwrap_or(0);
    let span = dice.delay(200..=9_000);
    let alone = |act| vec![(begins, act)];
    let until = |act, end| vec![(begins, act), (ends, end)];
    let restart = |end| until(end, Act::Start(Who::Driver));
    match dice.within(0..=21) {
        0..=2 => alone(Act::Weather(weather(dice))),
        3 => {
            let (from, to) = (Who::Driver, client);
            until(Act::Cut { from, to }, Act::Mend)
        }
        4 => {
            let (from, to) = (client, Who::Driver);
            until(Act::Cut { from, to }, Act::Mend)
        }
        5 => until(Act::Part(Who::Driver, client), Act::Mend),
        6 | 7 => restart(Act::Kill(Who::Driver, left)),
        8 | 9 => until(Act::Kill(client, left), Act::Start(client)),
        10 => until(Act::Leave(client, Duration::ZERO), Act::Start(client)),
        11 => restart(Act::Leave(Who::Driver, span / 4)),
        12 => restart(Act::AskToEnd { knows_secret: true }),
        13 => alone(Act::AskToEnd {
            knows_secret: false,
        }),
        14 | 15 => alone(Act::Stall(someone, span)),
        16 => alone(Act::Suspend(span)),
        17 => restart(Act::Reboot(span)),
        18 => alone(Act::Jam(someone, span)),
        19 => alone(Act::Evict(client)),
        20 => {
            let mut acts = until(Act::Disk(trouble(dice)), Act::Disk(Trouble::None));
            // Old epochs are read by drivers that start, new ones are made when somebody comes.
            let victim = dice.pick(&[Who::Driver, client]);
            acts.push((begins, Act::Kill(victim, left)));
            acts.push((begins + (ends - begins) / 2, Act::Start(victim)));
            acts
        }
        _ => alone(Act::Pace(span / 2)),
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
