//! What a driver is told and lent before it runs.

use tp_core_nostd::ids::{LeaseId, PoolId, StreamId};
use tp_core_nostd::proto::driver::{
    AnswerEntry, Config, ConsumerEntry, Dynamic, IdRange, LeaseEntry, NodeEntry, Profile,
    ShutdownPolicy, Storage, StreamEntry, TEXT_MAX,
};
use tp_core_nostd::seq::SlotCount;
use tp_core_nostd::shm::PoolClass;
use tp_core_nostd::wire::Stride;

use crate::PERIOD;
use crate::plan::{Capacities, Plan, Policy};
use crate::planted::Planted;

const PROFILES: &[Profile<'static>] = &[Profile {
    header_nslots: SlotCount::new(8).unwrap(),
    pools: &[PoolClass {
        pool_id: PoolId::new(1).unwrap(),
        stride: Stride::new(4096).unwrap(),
    }],
}];

/// Ids of streams that clients bring into being.
const DYNAMIC: &[IdRange] = &[ids(20_000, 20_003)];
/// Ids of descriptor streams for single consumers; few, so that some go without.
const PRIVATE_DESCRIPTORS: &[IdRange] = &[ids(31_000, 31_002)];
/// Ids of control streams for single consumers.
const PRIVATE_CONTROLS: &[IdRange] = &[ids(32_000, 32_001)];
/// The driver's own streams.
const SHARED: &[StreamId] = &[StreamId::new(1_000).unwrap(), StreamId::new(1_001).unwrap()];

const fn ids(first: u32, last: u32) -> IdRange {
    IdRange::new(StreamId::new(first).unwrap(), StreamId::new(last).unwrap()).unwrap()
}

/// What a driver is told that differs from plan to plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Orders<'a> {
    /// Where its files are.
    pub(crate) root: &'a str,
    /// The streams it is to have.
    pub(crate) streams: &'a [StreamId],
    /// By what rules.
    pub(crate) policy: Policy,
}

impl<'a> Orders<'a> {
    /// Those of a plan, for a disk that is imagined.
    pub(crate) fn of(plan: &'a Plan) -> Self {
        Self {
            root: "/dev/shm/tensorpool-sim/default",
            streams: &plan.streams,
            policy: plan.policy,
        }
    }
}

/// Everything on, by this policy.
pub(super) fn config<'a>(orders: &Orders<'a>, seed: u64, planted: Planted) -> Config<'a> {
    let policy = orders.policy;
    Config {
        root: orders.root,
        hugepages: false,
        profiles: PROFILES,
        announce_period: PERIOD,
        keepalive_interval: PERIOD,
        expiry_grace_intervals: 3,
        node_id_cooldown: PERIOD,
        seed: planted.driver_seed(seed),
        dynamic: Some(Dynamic {
            ids: DYNAMIC,
            profile: 0,
        }),
        private_descriptors: PRIVATE_DESCRIPTORS,
        private_controls: PRIVATE_CONTROLS,
        shared_streams: SHARED,
        answers_hellos: true,
        consumer_limit: Some(policy.consumer_limit),
        retention: policy.retention,
        shutdown: Some(ShutdownPolicy {
            token: planted.secret(),
        }),
        shutdown_timeout: PERIOD,
    }
}

/// The memory one driver borrows.
#[derive(Debug)]
pub struct Tables {
    leases: Vec<LeaseEntry>,
    streams: Vec<StreamEntry>,
    consumers: Vec<ConsumerEntry>,
    nodes: Vec<NodeEntry>,
    answers: Vec<AnswerEntry>,
    strangers: Vec<Option<LeaseId>>,
    text: Vec<u8>,
}

impl Tables {
    /// Of these lengths.
    pub fn new(capacities: &Capacities, planted: Planted) -> Self {
        Self {
            leases: vec![LeaseEntry::new(); planted.leases(capacities.leases)],
            streams: vec![StreamEntry::new(); capacities.streams],
            consumers: vec![ConsumerEntry::new(); capacities.consumers],
            nodes: vec![NodeEntry::new(); capacities.nodes],
            answers: vec![AnswerEntry::new(); capacities.answers],
            strangers: vec![None; 8],
            text: vec![0; TEXT_MAX],
        }
    }

    pub(super) fn lend(&mut self) -> Storage<'_> {
        Storage {
            leases: &mut self.leases,
            streams: &mut self.streams,
            consumers: &mut self.consumers,
            nodes: &mut self.nodes,
            answers: &mut self.answers,
            strangers: &mut self.strangers,
            text: &mut self.text,
        }
    }
}
