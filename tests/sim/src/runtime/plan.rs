//! A plan from a seed: which streams, which clients with what roles, what goes wrong and when.

use core::time::Duration;

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::driver::Retention;
use tp_std::TimestampSource;
use tp_tests::fake_transport::Dice;

use super::wishes::{CameraWish, JoinWish, Joins, ViewerWish};
use crate::act::Act;
use crate::fact::Who;
use crate::misfortune::{Blow, FIRST_STREAM, REST, acts, below, weather};
use crate::plan::{Capacities, Policy};
use crate::{GRACE, PERIOD};

/// A stream that has no driver.
const DIRECT_STREAM: StreamId = StreamId::new(40_000).unwrap();

const JOINS: &[Joins] = &[
    Joins::ByNumber,
    Joins::ByNumber,
    Joins::ByTime(TimestampSource::FrameDescriptor),
    Joins::ByTime(TimestampSource::SlotHeader),
    Joins::Newest,
];

/// What happens in a run.
#[derive(Clone, Debug)]
pub struct RuntimePlan {
    /// Of this seed.
    pub seed: u64,
    /// The driver's streams.
    pub streams: Vec<StreamId>,
    /// A stream that has no driver.
    pub direct: Option<StreamId>,
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
    /// Those that write.
    pub cameras: Vec<CameraWish>,
    /// Those that read.
    pub viewers: Vec<ViewerWish>,
    /// It joins two streams,
    pub joins: Option<JoinWish>,
    /// or is the authority for somebody who does.
    pub announces: Option<JoinWish>,
}

/// The plan that follows from `seed`.
pub fn runtime_plan(seed: u64) -> RuntimePlan {
    // The world throws dice of the same seed; these are others.
    let mut dice = Dice::seeded(seed ^ 0x6361_6D65_7261_7321);
    let streams: Vec<_> = (FIRST_STREAM..)
        .filter_map(StreamId::new)
        .take(below(&mut dice, 1, 2))
        .collect();
    let direct = dice.happens(30).then_some(DIRECT_STREAM);
    let clients = clients(&mut dice, &streams, direct);
    let leases: usize = clients
        .iter()
        .map(|roles| roles.cameras.len() + roles.viewers.len() + roles.joins.map_or(0, |_| 2))
        .sum();
    RuntimePlan {
        seed,
        acts: acts(&mut dice, clients.len(), 1_000, 1..=6, misfortune),
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
        direct,
        clients,
        rest: REST,
    }
}

/// One camera of each stream, where there is a driver sometimes a second that waits for the first to go, and viewers here
/// and there; often two roles and more in one client.
fn clients(dice: &mut Dice, streams: &[StreamId], direct: Option<StreamId>) -> Vec<Roles> {
    let mut clients: Vec<_> = (0..below(dice, 2, 4))
        .map(|_| Roles {
            cameras: Vec::new(),
            viewers: Vec::new(),
            joins: None,
            announces: None,
        })
        .collect();
    let last = clients.len() - 1;
    let mut numbers = 0..;
    let all = streams.iter().map(|stream| (*stream, false));
    for (stream, is_direct) in all.chain(direct.map(|stream| (stream, true))) {
        let first = below(dice, 0, last);
        let camera = CameraWish::any(dice, stream, is_direct);
        clients[first].cameras.push(camera);
        let second = below(dice, 0, last);
        if second != first && !is_direct && dice.happens(30) {
            let camera = CameraWish::any(dice, stream, is_direct);
            clients[second].cameras.push(camera);
        }
        for client in &mut clients {
            for number in numbers.by_ref().take(below(dice, 0, 2)) {
                let viewer = ViewerWish::any(dice, stream, is_direct, number);
                client.viewers.push(viewer);
            }
        }
    }
    if let [first, second] = *streams
        && dice.happens(70)
    {
        let join = JoinWish {
            inputs: [first, second],
            joins: dice.pick(JOINS),
        };
        clients[below(dice, 0, last)].joins = Some(join);
        clients[below(dice, 0, last)].announces = Some(join);
    }
    if clients.iter().all(|roles| roles.viewers.is_empty()) {
        let viewer = ViewerWish::any(dice, streams[0], false, 0);
        clients[last].viewers.push(viewer);
    }
    clients
}

/// Something that goes wrong, and what ends it, if it does not end by itself.
fn misfortune(dice: &mut Dice, clients: usize) -> Vec<(Duration, Act)> {
    let blow = Blow::any(dice, clients, 500..=12_000, 200..=9_000);
    let Blow {
        client, left, span, ..
    } = blow;
    let other = Who::Client(below(dice, 0, clients - 1));
    let someone = dice.pick(&[Who::Driver, client, other]);
    match dice.within(0..=17) {
        0 | 1 => blow.alone(Act::Weather(weather(dice, &[0, 5, 20], &[0, 5]))),
        2 => {
            let (from, to) = (someone, client);
            blow.until(Act::Cut { from, to }, Act::Mend)
        }
        3 => blow.until(Act::Part(Who::Driver, client), Act::Mend),
        4 => blow.until(Act::Part(client, other), Act::Mend),
        5 | 6 => blow.restarts(Who::Driver, Act::Kill(Who::Driver, left)),
        7 | 8 => blow.restarts(client, Act::Kill(client, left)),
        9 => blow.restarts(client, Act::Leave(client, Duration::ZERO)),
        10 => blow.restarts(Who::Driver, Act::Leave(Who::Driver, span / 4)),
        11 => blow.alone(Act::Stall(someone, span)),
        // Sometimes so long that the medium gives a client up.
        12 => blow.alone(Act::Stall(someone, span * 2)),
        13 => blow.alone(Act::Suspend(span)),
        14 => blow.alone(Act::Jam(someone, span)),
        15 | 16 => blow.alone(Act::Evict(client)),
        _ => blow.alone(Act::Pace(span / 4)),
    }
}
