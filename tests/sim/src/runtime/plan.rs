//! A plan from a seed: which streams, which clients with what roles, what goes wrong and when.

use core::time::Duration;

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::driver::Retention;
use tp_tests::fake_transport::{Dice, Faults};

use crate::act::Act;
use crate::fact::Who;
use crate::plan::{Capacities, Policy};
use crate::{GRACE, LONGEST_DELAY, PERIOD};

/// The first stream of a plan; the others follow.
const FIRST_STREAM: u32 = 10_000;
/// How long everybody has in the end to get over it: an attach that waits for the last lease to expire, with pauses, twice.
const REST: Duration = Duration::from_secs(40);

/// What happens in a run.
#[derive(Clone, Debug)]
pub struct RuntimePlan {
    /// Of this seed.
    pub seed: u64,
    /// The driver's streams.
    pub streams: Vec<StreamId>,
    /// Client processes, each with its cameras and viewers.
    pub clients: Vec<Roles>,
    /// What the driver can hold.
    pub capacities: Capacities,
    /// What the driver is told to do.
    pub policy: Policy,
    /// What happens when, counted from the start.
    pub acts: Vec<(Duration, Act)>,
    /// How long it is left alone at the end.
    pub rest: Duration,
}

/// The roles of one client.
#[derive(Clone, Debug)]
pub struct Roles {
    /// The streams it writes.
    pub cameras: Vec<StreamId>,
    /// The streams it reads.
    pub viewers: Vec<StreamId>,
}

/// The plan that follows from `seed`.
pub fn runtime_plan(seed: u64) -> RuntimePlan {
    // The world throws dice of the same seed; these are others.
    let mut dice = Dice::seeded(seed ^ 0x6361_6D65_7261_7321);
    let streams: Vec<_> = (FIRST_STREAM..)
        .filter_map(StreamId::new)
        .take(below(&mut dice, 1, 2))
        .collect();
    let clients = clients(&mut dice, &streams);
    let leases: usize = clients
        .iter()
        .map(|roles| roles.cameras.len() + roles.viewers.len())
        .sum();
    RuntimePlan {
        seed,
        acts: acts(&mut dice, clients.len()),
        policy: Policy {
            retention: Some(Retention {
                keep: dice.pick(&[1, 2]),
                min_age: dice.pick(&[PERIOD, GRACE]),
                on_startup: dice.happens(50),
            }),
            consumer_limit: 32,
        },
        // Leases of the dead are in nobody's way.
        capacities: Capacities {
            leases: leases * 8,
            streams: streams.len(),
            consumers: 8,
            nodes: leases * 8 + 8,
            answers: 64,
        },
        streams,
        clients,
        rest: REST,
    }
}

/// One camera of each stream, sometimes a second that waits for the first to go, and viewers here and there; often two
/// roles and more in one client.
fn clients(dice: &mut Dice, streams: &[StreamId]) -> Vec<Roles> {
    let mut clients: Vec<_> = (0..below(dice, 2, 4))
        .map(|_| Roles {
            cameras: Vec::new(),
            viewers: Vec::new(),
        })
        .collect();
    let last = clients.len() - 1;
    for stream in streams {
        let first = below(dice, 0, last);
        clients[first].cameras.push(*stream);
        let second = below(dice, 0, last);
        if second != first && dice.happens(30) {
            clients[second].cameras.push(*stream);
        }
        for client in &mut clients {
            for _ in 0..below(dice, 0, 2) {
                client.viewers.push(*stream);
            }
        }
    }
    if clients.iter().all(|roles| roles.viewers.is_empty()) {
        clients[last].viewers.push(streams[0]);
    }
    clients
}

/// Everybody comes, a handful of misfortunes follows, and then it all ends well.
fn acts(dice: &mut Dice, clients: usize) -> Vec<(Duration, Act)> {
    let mut acts = vec![(Duration::ZERO, Act::Start(Who::Driver))];
    for at in 0..clients {
        acts.push((dice.delay(0..=1_000), Act::Start(Who::Client(at))));
    }
    for _ in 0..below(dice, 1, 6) {
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
    let begins = dice.delay(500..=12_000);
    let ends = begins + dice.delay(100..=9_000);
    let client = Who::Client(below(dice, 0, clients - 1));
    let other = Who::Client(below(dice, 0, clients - 1));
    let someone = dice.pick(&[Who::Driver, client, other]);
    let left = u32::try_from(dice.within(0..=12)).unwrap_or(0);
    let span = dice.delay(200..=7_000);
    let alone = |act| vec![(begins, act)];
    let until = |act, end| vec![(begins, act), (ends, end)];
    match dice.within(0..=17) {
        0 | 1 => alone(Act::Weather(weather(dice))),
        2 => {
            let (from, to) = (someone, client);
            until(Act::Cut { from, to }, Act::Mend)
        }
        3 => until(Act::Part(Who::Driver, client), Act::Mend),
        4 => until(Act::Part(client, other), Act::Mend),
        5 | 6 => until(Act::Kill(Who::Driver, left), Act::Start(Who::Driver)),
        7 | 8 => until(Act::Kill(client, left), Act::Start(client)),
        9 => until(Act::Leave(client, Duration::ZERO), Act::Start(client)),
        10 => until(Act::Leave(Who::Driver, span / 4), Act::Start(Who::Driver)),
        11 => alone(Act::Stall(someone, span)),
        // Sometimes so long that the medium gives a client up.
        12 => alone(Act::Stall(someone, span * 2)),
        13 => alone(Act::Suspend(span)),
        14 => alone(Act::Jam(someone, span)),
        15 | 16 => alone(Act::Evict(client)),
        _ => alone(Act::Pace(span / 4)),
    }
}

fn weather(dice: &mut Dice) -> Faults {
    let longest = u64::try_from(LONGEST_DELAY.as_millis()).unwrap_or(0);
    Faults {
        loss_pct: dice.pick(&[0, 5, 20]),
        delay_ms: 0..=dice.pick(&[0, 50, longest]),
        duplicate_pct: dice.pick(&[0, 5]),
    }
}

/// A number from `least` to `most`.
fn below(dice: &mut Dice, least: usize, most: usize) -> usize {
    let drawn = dice.within(least as u64..=most as u64);
    usize::try_from(drawn).unwrap_or(least)
}
