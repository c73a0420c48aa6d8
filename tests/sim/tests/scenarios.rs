//! Scenarios with a story, each in many variations, and many without one.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]
#![allow(missing_docs, reason = "a test")]

use core::time::Duration;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::driver::Retention;
use tp_core_nostd::wire::driver::Role;
use tp_sim::{
    Act, Capacities, ClientPlan, Plan, Planted, Policy, Tables, Violation, Who, World, run,
};
use tp_tests::fake_transport::Faults;

const CAMERA: StreamId = StreamId::new(10_000).unwrap();
const LIDAR: StreamId = StreamId::new(10_001).unwrap();

const PRODUCER: usize = 0;
const CONSUMER: usize = 1;
const LIDAR_CONSUMER: usize = 3;
/// Comes only when called.
const SECOND_PRODUCER: usize = 4;

const VARIATIONS: core::ops::RangeInclusive<u64> = 1..=20;

/// A producer and two consumers of the camera, a consumer of the lidar, and a producer that waits to be called.
fn crew(seed: u64) -> Plan {
    let client = |stream, role| ClientPlan {
        stream,
        role,
        id: None,
        is_private: false,
    };
    Plan {
        seed,
        streams: vec![CAMERA, LIDAR],
        clients: vec![
            client(CAMERA, Role::Producer),
            client(CAMERA, Role::Consumer),
            client(CAMERA, Role::Consumer),
            client(LIDAR, Role::Consumer),
            client(CAMERA, Role::Producer),
        ],
        capacities: Capacities {
            leases: 16,
            streams: 2,
            consumers: 0,
            nodes: 32,
            answers: 32,
        },
        policy: Policy {
            retention: Some(Retention {
                keep: 2,
                min_age: Duration::from_secs(3),
                on_startup: true,
            }),
            consumer_limit: 16,
        },
        acts: Vec::new(),
        rest: Duration::ZERO,
    }
}

/// A story on stage: what breaks a promise ends the test, with the seed and what happened last.
struct Stage<'a> {
    world: World<'a>,
    seed: u64,
}

impl Stage<'_> {
    fn acts(&mut self, acts: &[Act]) {
        for act in acts {
            let result = self.world.apply(act);
            self.expect(result);
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.pass_ms(seconds * 1_000);
    }

    fn pass_ms(&mut self, ms: u64) {
        let result = self.world.run_for(Duration::from_millis(ms));
        self.expect(result);
    }

    fn settled(&mut self) {
        let result = self.world.settle();
        self.expect(result);
    }

    fn epoch(&self, stream: StreamId) -> Epoch {
        self.world.epoch(stream).expect("the stream has an epoch")
    }

    fn expect(&self, result: Result<(), Violation>) {
        if let Err(violation) = result {
            let told: Vec<_> = self.world.told().map(ToString::to_string).collect();
            panic!(
                "{}\nvariation {} breaks {violation}",
                told.join("\n"),
                self.seed
            );
        }
    }
}

/// Plays `story` once for each variation, with driver and crew on stage.
fn play(story: impl Fn(&mut Stage<'_>)) {
    for seed in VARIATIONS {
        let plan = crew(seed);
        let planted = Planted::default();
        let mut tables: Vec<_> = (0..4)
            .map(|_| Tables::new(&plan.capacities, planted))
            .collect();
        let world = World::new(&plan, &mut tables, planted);
        let mut stage = Stage { world, seed };
        stage.acts(&[Act::Start(Who::Driver)]);
        for at in PRODUCER..=LIDAR_CONSUMER {
            stage.acts(&[Act::Start(Who::Client(at))]);
        }
        story(&mut stage);
    }
}

#[test] // req: D-034, D-048, D-140, C-010
fn everybody_attaches_on_a_calm_day() {
    play(|stage| {
        stage.pass(2);
        stage.settled();
    });
}

#[test] // req: D-055, D-059, D-066, D-124, D-131, C-033, C-046
fn loss_delay_and_duplication_do_no_harm_and_pass() {
    play(|stage| {
        stage.acts(&[Act::Weather(Faults {
            loss_pct: 20,
            delay_ms: 0..=50,
            duplicate_pct: 5,
        })]);
        stage.pass(60);
        stage.acts(&[Act::Mend]);
        stage.pass(20);
        stage.settled();
    });
}

#[test] // req: D-093, D-111, D-115, D-125, D-132, C-043
fn a_dead_producer_makes_room_for_the_next_in_a_higher_epoch() {
    play(|stage| {
        stage.pass(5);
        let before = stage.epoch(CAMERA);
        let lidar = stage.world.epoch_of(LIDAR_CONSUMER);
        stage.acts(&[Act::Kill(Who::Client(PRODUCER), 0)]);
        stage.pass(5);
        let between = stage.epoch(CAMERA);
        assert!(between > before, "expiry raises the epoch");
        stage.settled();
        stage.acts(&[Act::Start(Who::Client(SECOND_PRODUCER))]);
        stage.pass(2);
        assert!(stage.epoch(CAMERA) > between, "attach raises it again");
        stage.settled();
        let after = stage.world.epoch_of(LIDAR_CONSUMER);
        assert_eq!(after, lidar, "another stream does not notice");
    });
}

#[test] // req: D-129, D-131, D-141, D-152, D-154, D-155
fn a_restarted_driver_raises_every_epoch_and_everybody_comes_back() {
    play(|stage| {
        stage.pass(5);
        let before = [CAMERA, LIDAR].map(|stream| stage.epoch(stream));
        stage.acts(&[Act::Kill(Who::Driver, 0)]);
        stage.pass(1 + stage.seed % 15);
        stage.acts(&[Act::Start(Who::Driver)]);
        stage.pass(25);
        let after = [CAMERA, LIDAR].map(|stream| stage.epoch(stream));
        assert!(before[0] < after[0] && before[1] < after[1]);
        stage.settled();
    });
}

#[test] // req: D-131, D-204
fn epochs_rise_over_a_boot_that_sets_the_clock_back() {
    play(|stage| {
        stage.pass(5);
        let before = stage.epoch(CAMERA);
        stage.acts(&[
            Act::Reboot(Duration::from_millis(10)),
            Act::Start(Who::Driver),
        ]);
        stage.pass(2);
        assert!(stage.epoch(CAMERA) > before);
        assert!(
            before.get() > stage.world.now().as_ns(),
            "the clock is behind"
        );
    });
}

#[test] // req: D-094, D-099, C-039, C-041
fn a_producer_cut_off_from_the_driver_stops_by_itself() {
    play(|stage| {
        stage.pass(5);
        stage.acts(&[Act::Part(Who::Driver, Who::Client(PRODUCER))]);
        stage.pass(4);
        assert_eq!(stage.world.epoch_of(PRODUCER), None, "still writes");
        stage.pass(6);
        stage.acts(&[Act::Mend]);
        stage.pass(15);
        stage.settled();
    });
}

#[test] // req: D-055, D-128
fn a_second_producer_waits_until_the_first_is_gone() {
    play(|stage| {
        stage.pass(2);
        stage.acts(&[Act::Start(Who::Client(SECOND_PRODUCER))]);
        stage.pass(10);
        assert!(!stage.world.is_attached(SECOND_PRODUCER), "two producers");
        stage.acts(&[Act::Kill(Who::Client(PRODUCER), 0)]);
        stage.pass(10);
        assert!(stage.world.is_attached(SECOND_PRODUCER));
        stage.settled();
    });
}

#[test] // req: D-155
fn a_client_that_lost_its_images_between_two_leases_hears_the_driver_again() {
    play(|stage| {
        stage.pass(2);
        let consumer = Who::Client(CONSUMER);
        stage.acts(&[Act::Kill(Who::Driver, 0)]);
        stage.pass(6);
        assert!(!stage.world.is_attached(CONSUMER));
        stage.acts(&[Act::Evict(consumer), Act::Start(Who::Driver)]);
        stage.pass(15);
        stage.settled();
    });
}

#[test] // req: D-155
fn an_announce_that_waited_unread_is_no_sign_of_life() {
    play(|stage| {
        stage.pass(5);
        let consumer = Who::Client(CONSUMER);
        stage.acts(&[Act::Stall(consumer, Duration::from_millis(2_800))]);
        stage.pass_ms(1_500);
        stage.acts(&[Act::Kill(Who::Driver, 0)]);
        stage.pass_ms(3_200);
        assert_eq!(stage.world.epoch_of(CONSUMER), None, "still reads");
    });
}

#[test] // req: D-197, D-198, D-200
fn old_epochs_do_not_pile_up() {
    play(|stage| {
        for _ in 0..3 {
            stage.pass(5);
            stage.acts(&[
                Act::Kill(Who::Driver, 0),
                Act::Kill(Who::Client(PRODUCER), 0),
            ]);
            stage.pass(1);
            stage.acts(&[Act::Start(Who::Driver), Act::Start(Who::Client(PRODUCER))]);
            stage.pass(20);
            stage.settled();
            // Those that are kept, and those whose maker's process id lives on in somebody else.
            let kept = stage.world.epochs_on_disk(CAMERA);
            assert!((1..=2).contains(&kept), "{kept} epochs");
        }
    });
}

// req: D-055, D-056, D-087, D-089, D-094, D-108, D-111, D-125, D-128, D-129, D-131, D-144, D-146, D-155, D-156, D-157
// req: D-161, D-168, D-169, D-174, D-196, D-198, D-201, D-204
#[test]
fn nothing_breaks_a_promise() {
    for seed in 1..=60 {
        let outcome = run(seed, Planted::default(), false);
        if let Some(violation) = outcome.violation {
            panic!(
                "{}\nSEED={seed} breaks {violation}",
                outcome.told.join("\n")
            );
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let [one, other] = [7, 7].map(|seed| run(seed, Planted::default(), true));
    assert!(!one.told.is_empty());
    assert_eq!(one.told, other.told);
    assert_ne!(one.told, run(8, Planted::default(), true).told);
}
