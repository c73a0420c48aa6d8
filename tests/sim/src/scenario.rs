//! A plan from a seed: which streams, who wants them, what goes wrong and when.

use core::time::Duration;

use tp_core_nostd::ids::{ClientId, StreamId};
use tp_core_nostd::proto::driver::Retention;
use tp_core_nostd::wire::driver::Role;
use tp_tests::fake_transport::Dice;

use crate::act::Act;
use crate::disk::Trouble;
use crate::fact::Who;
use crate::misfortune::{Blow, FIRST_STREAM, REST, acts, below, weather};
use crate::plan::{Capacities, ClientPlan, Plan, Policy};
use crate::{GRACE, PERIOD};

/// The first of those that clients bring into being.
const FIRST_DYNAMIC: u32 = 20_000;

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
        acts: acts(&mut dice, clients.len(), 3_000, 2..=12, misfortune),
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

/// Something that goes wrong, and what ends it, if it does not end by itself.
fn misfortune(dice: &mut Dice, clients: usize) -> Vec<(Duration, Act)> {
    let blow = Blow::any(dice, clients, 500..=30_000, 200..=12_000);
    let Blow {
        begins,
        ends,
        client,
        left,
        span,
    } = blow;
    let someone = if dice.happens(30) {
        Who::Driver
    } else {
        client
    };
    match dice.within(0..=21) {
        0..=2 => blow.alone(Act::Weather(weather(dice, &[0, 5, 20, 60], &[0, 5, 30]))),
        3 => {
            let (from, to) = (Who::Driver, client);
            blow.until(Act::Cut { from, to }, Act::Mend)
        }
        4 => {
            let (from, to) = (client, Who::Driver);
            blow.until(Act::Cut { from, to }, Act::Mend)
        }
        5 => blow.until(Act::Part(Who::Driver, client), Act::Mend),
        6 | 7 => blow.restarts(Who::Driver, Act::Kill(Who::Driver, left)),
        8 | 9 => blow.restarts(client, Act::Kill(client, left)),
        10 => blow.restarts(client, Act::Leave(client, Duration::ZERO)),
        11 => blow.restarts(Who::Driver, Act::Leave(Who::Driver, span / 4)),
        12 => blow.restarts(Who::Driver, Act::AskToEnd { knows_secret: true }),
        13 => blow.alone(Act::AskToEnd {
            knows_secret: false,
        }),
        14 | 15 => blow.alone(Act::Stall(someone, span)),
        16 => blow.alone(Act::Suspend(span)),
        17 => blow.restarts(Who::Driver, Act::Reboot(span)),
        18 => blow.alone(Act::Jam(someone, span)),
        19 => blow.alone(Act::Evict(client)),
        20 => {
            let mut acts = blow.until(Act::Disk(trouble(dice)), Act::Disk(Trouble::None));
            // Old epochs are read by drivers that start, new ones are made when somebody comes.
            let victim = dice.pick(&[Who::Driver, client]);
            acts.push((begins, Act::Kill(victim, left)));
            acts.push((begins + (ends - begins) / 2, Act::Start(victim)));
            acts
        }
        _ => blow.alone(Act::Pace(span / 2)),
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
