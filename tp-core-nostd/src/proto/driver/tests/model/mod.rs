//! The engine against a slow observer that knows the rules, over arbitrary histories: messages in any order, publications
//! that refuse, files that fail, a clock that jumps, drivers that are killed and restarted.

mod observer;
mod rules;

use proptest::prelude::*;
use std::vec;

use super::super::*;
use super::rig::*;
use crate::ids::StreamId;
use crate::time::Duration;
use observer::Observer;

const fn id(raw: u32) -> StreamId {
    StreamId::new(raw).unwrap()
}

/// Ids of streams that clients bring into being.
const DYNAMIC: [StreamId; 2] = [id(20_000), id(20_001)];
/// What clients ask for; `None`: any stream.
const STREAMS: [Option<StreamId>; 5] = [
    Some(CAMERA),
    Some(LIDAR),
    Some(DYNAMIC[0]),
    Some(DYNAMIC[1]),
    None,
];
/// Ids of streams for one consumer alone.
const DESCRIPTORS: IdRange = IdRange::new(id(31_000), id(31_001)).unwrap();
const CONTROLS: IdRange = IdRange::new(id(32_000), id(32_001)).unwrap();
const CONSUMERS_MAX: u32 = 2;
const MIN_AGE: Duration = Duration::from_secs(3);

/// Everything is allowed, and nothing is plenty.
const MODEL: Config<'static> = Config {
    dynamic: Some(Dynamic {
        ids: const { &[IdRange::new(DYNAMIC[0], DYNAMIC[1]).unwrap()] },
        profile: 0,
    }),
    private_descriptors: const { &[DESCRIPTORS] },
    private_controls: const { &[CONTROLS] },
    answers_hellos: true,
    consumer_limit: Some(CONSUMERS_MAX),
    retention: Some(Retention {
        keep: 1,
        min_age: MIN_AGE,
        on_startup: true,
    }),
    ..CONFIG
};

#[derive(Clone, Copy, Debug)]
enum Step {
    Attach {
        client: u32,
        stream: usize,
        producer: bool,
        creates: bool,
        node: Option<u32>,
    },
    Repeat {
        client: u32,
    },
    /// Of some lease, whether it still lives or not.
    Keepalive(usize),
    Detach(usize),
    Revoke(usize),
    /// The holder of some lease asks for a descriptor stream, a control stream, both or none.
    Hello(usize, Option<u32>, Option<u32>),
    Pass(u64),
    /// The control publication takes so many messages.
    Take(usize),
    Announce(usize),
    Order,
    /// The oldest order is carried out, or fails.
    CarryOut(Outcome),
    /// For a moment everything works.
    Settle,
    /// The process is killed and comes back; `true`: after a reboot, with a clock near zero.
    Restart(bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Works,
    Fails,
    NoRoom,
}

fn step() -> impl Strategy<Value = Step> {
    let attach = (
        1_u32..7,
        0..STREAMS.len(),
        any::<bool>(),
        prop::bool::weighted(0.8),
        prop::option::weighted(0.2, 0_u32..4),
    );
    let own = || prop::option::of(0_u32..4);
    let outcome = prop_oneof![
        6 => Just(Outcome::Works),
        1 => Just(Outcome::Fails),
        1 => Just(Outcome::NoRoom),
    ];
    prop_oneof![
        6 => attach.prop_map(|(client, stream, producer, creates, node)| {
            Step::Attach { client, stream, producer, creates, node }
        }),
        1 => (1_u32..7).prop_map(|client| Step::Repeat { client }),
        4 => (0_usize..40).prop_map(Step::Keepalive),
        2 => (0_usize..40).prop_map(Step::Detach),
        1 => (0_usize..40).prop_map(Step::Revoke),
        3 => (0_usize..40, own(), own()).prop_map(|(at, descriptor, control)| {
            Step::Hello(at, descriptor, control)
        }),
        4 => prop::sample::select(&[1, MS, 400 * MS, SECOND, 2 * SECOND, 5 * SECOND][..]).prop_map(Step::Pass),
        6 => (1_usize..4).prop_map(Step::Take),
        3 => (1_usize..4).prop_map(Step::Announce),
        5 => Just(Step::Order),
        5 => outcome.prop_map(Step::CarryOut),
        4 => Just(Step::Settle),
        1 => any::<bool>().prop_map(Step::Restart),
    ]
}

proptest! {
    #[test] // req: D-055, D-056, D-057, D-083, D-086, D-087, D-108, D-110, D-112, D-113, D-124, D-128, D-131, D-137, D-154, D-166, D-167, D-168, D-169, D-174, D-197, D-198, D-204
    fn no_history_breaks_the_rules(steps in prop::collection::vec(step(), 1..200)) {
        let mut observer = Observer::new();
        for step in steps {
            observer.apply(step);
        }
        observer.heal();
    }

    #[test] // req: D-029
    fn no_bytes_make_the_driver_panic_or_speak_out_of_turn(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..20),
        templates in prop::collection::vec(0_u8..10, 20),
    ) {
        let mut rig = Rig::fresh(MODEL, Rig::new().now, Default::default());
        rig.files();
        for (body, template) in messages.iter().zip(templates) {
            rig.send(body);
            // Right on the outside, arbitrary within.
            let lengths = [0, 27, 54, 25, 12, 25, 9, 26, 9, 0];
            let mut message = vec![lengths[usize::from(template)], 0, template, 0, 0x85, 3, 1, 0];
            message.extend_from_slice(body);
            rig.send(&message);
            // The same as a hello.
            let mut message = vec![39, 0, 2, 0, 0x84, 3, 1, 0];
            message.extend_from_slice(body);
            rig.send(&message);
        }
        let answers = rig.hear().len();
        prop_assert!(answers <= 2 * messages.len());
    }
}
