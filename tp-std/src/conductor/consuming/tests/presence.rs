//! What a consumer says of itself, and where it stands.

use core::time::Duration;

use tp_core_nostd::ids::ClientId;
use tp_core_nostd::proto::read::DropReason;
use tp_core_nostd::wire::control::{ConsumerConfig as Ordered, QosConsumer};
use tp_core_nostd::wire::enums::Mode;

use super::world::{Said, World};
use crate::ConsumerState;
use crate::consumer::ConsumerConfig;
use crate::consumer::bench::{STREAM, Stage, seq};

const ANN: ClientId = ClientId::new(77).unwrap();

fn plain() -> ConsumerConfig {
    ConsumerConfig::new(STREAM)
}

#[test] // req: C-094, C-096, C-031, C-156, W-177
fn hello_follows_the_mapping_and_then_each_period() {
    let mut world = World::new();
    let consumer = world.consumer(plain());
    world.run(5);
    let said = Said {
        consumer: world.attached[0].client_id,
        mode: Mode::Stream,
        max_rate_hz: None,
        progress: None,
        descriptor: None,
        control: None,
    };
    assert_eq!(world.hellos, core::slice::from_ref(&said));
    assert_eq!(consumer.status().consumer(), Some(said.consumer));
    // Ten announces of the same epoch are no reason to say it again.
    world.run(900);
    assert_eq!(world.hellos, core::slice::from_ref(&said));
    world.run(200);
    assert_eq!(world.hellos, [said.clone(), said]);
    assert_eq!(consumer.status().mappings(), 1);
}

#[test] // req: C-096, C-097, C-114, W-059
fn only_a_higher_epoch_is_mapped_anew_and_no_counter_begins_again() {
    let mut world = World::new();
    let mut consumer = world.consumer(plain());
    let mut outlet = world.shared_outlet();
    world.stage.write(0..5);
    for raw in [0, 4] {
        outlet.send(&world.stage, raw);
    }
    let old = world.stage.descriptor(4).epoch;
    assert_eq!(world.run_polling(500, &mut consumer), [0, 1, 2, 3, 4]);
    assert_eq!(
        (consumer.status().mappings(), consumer.epoch()),
        (1, Some(old))
    );
    world.stage = Stage::new(6, 64);
    world.stage.write([0]);
    outlet.send(&world.stage, 0);
    assert_eq!(world.run_polling(500, &mut consumer), [0]);
    let new = world.stage.descriptor(0).epoch;
    assert_eq!(
        (consumer.status().mappings(), consumer.epoch()),
        (2, Some(new))
    );
    assert_eq!(consumer.counters().found_in_memory(), 4);
    let dropped = consumer.counters().drops(DropReason::WrongEpoch);
    assert!(dropped <= 1, "its descriptor may come before its announce");
    assert_eq!(consumer.counters().late_drops(), 0);
}

#[test] // req: C-041, C-099
fn memory_that_is_lost_before_the_first_poll_is_never_read() {
    let mut world = World::new();
    let mut consumer = world.consumer(plain().with_client(ANN));
    let mut outlet = world.shared_outlet();
    world.run(5);
    assert_eq!(consumer.state(), ConsumerState::Mapped);
    world.order(&Ordered {
        stream_id: STREAM,
        consumer_id: ANN,
        use_shm: false,
        mode: Mode::Stream,
        payload_fallback_uri: Some("bridge://7"),
        descriptor: None,
        control: None,
    });
    world.run(5);
    assert_eq!(consumer.state(), ConsumerState::Fallback);
    world.stage.write([0]);
    outlet.send(&world.stage, 0);
    assert!(world.run_polling(50, &mut consumer).is_empty());
    assert_eq!(consumer.epoch(), None);
}

#[test] // req: C-093, C-099, C-030, W-280
fn its_state_can_be_watched_through_its_life() {
    let mut world = World::new();
    let mut consumer = world.consumer(plain().with_client(ANN));
    world.run(5);
    assert_eq!(consumer.state(), ConsumerState::Mapped);
    assert!(consumer.status().uses_shm());

    // Another producer is announced whose regions are not there yet.
    let next = Stage::new(6, 64);
    let ahead = next.descriptor(0);
    let mut outlet = world.shared_outlet();
    outlet.send(&next, 0);
    assert_eq!(ahead.stream_id, STREAM);
    world.run_polling(5, &mut consumer);
    assert_eq!(consumer.state(), ConsumerState::Remapping);
    world.stage = next;
    world.run_polling(150, &mut consumer);
    assert_eq!(consumer.state(), ConsumerState::Mapped);

    let ordered = Ordered {
        stream_id: STREAM,
        consumer_id: ANN,
        use_shm: false,
        mode: Mode::Stream,
        payload_fallback_uri: Some("bridge://7"),
        descriptor: None,
        control: None,
    };
    world.order(&ordered);
    world.run_polling(250, &mut consumer);
    assert_eq!(consumer.state(), ConsumerState::Fallback);
    assert_eq!(consumer.epoch(), None);
    assert_eq!(
        consumer.status().fallback_uri().as_deref(),
        Some("bridge://7")
    );
    world.order(&Ordered {
        payload_fallback_uri: Some("http://elsewhere"),
        ..ordered
    });
    world.run_polling(5, &mut consumer);
    assert_eq!(consumer.state(), ConsumerState::Unmapped);
    assert_eq!(consumer.status().fallback_uri(), None);
    world.order(&Ordered {
        use_shm: true,
        ..ordered
    });
    world.run_polling(150, &mut consumer);
    assert_eq!(consumer.state(), ConsumerState::Mapped);

    world.is_driver_there = false;
    world.revoke(ANN);
    world.run_polling(5, &mut consumer);
    assert_eq!(consumer.state(), ConsumerState::Backoff);
    world.is_driver_there = true;
    world.run_polling(1_500, &mut consumer);
    assert_eq!(consumer.state(), ConsumerState::Mapped);
}

#[test] // req: C-113, T-42, T-45, W-110, W-117
fn it_reports_each_period_what_it_saw_and_dropped() {
    let mut world = World::new();
    let mut consumer = world.consumer(plain().with_watched_memory(false));
    world.run_polling(20, &mut consumer);
    let first = QosConsumer {
        stream_id: STREAM,
        consumer_id: world.attached[0].client_id,
        epoch: consumer.epoch(),
        last_seq_seen: seq(0),
        drops_gap: 0,
        drops_late: 0,
        mode: Mode::Stream,
    };
    assert_eq!(world.qos, [first]);
    let mut outlet = world.shared_outlet();
    world.stage.write([0, 3]);
    for raw in [0, 3, 4] {
        outlet.send(&world.stage, raw);
    }
    let mut late = Vec::new();
    for _ in 0..1_010 {
        world.step();
        consumer
            .poll(10, |_, reader| late.extend(reader.read().err()))
            .unwrap();
    }
    assert_eq!(late, [DropReason::InProgress]);
    let second = QosConsumer {
        last_seq_seen: seq(4),
        drops_gap: 2,
        drops_late: 1,
        ..first
    };
    assert_eq!(world.qos, [first, second]);
}

/// A report of somebody who goes by the id `consumer`.
fn of_another(consumer: ClientId) -> QosConsumer {
    QosConsumer {
        stream_id: STREAM,
        consumer_id: consumer,
        epoch: None,
        last_seq_seen: seq(1_000),
        drops_gap: 5,
        drops_late: 5,
        mode: Mode::Stream,
    }
}

#[test] // req: C-112, C-031, W-180
fn an_id_that_another_has_is_given_up_with_its_lease() {
    let mut world = World::new();
    let mut consumer = world.consumer(plain());
    world.run_polling(10, &mut consumer);
    let taken = world.attached[0].client_id;
    world.report(&of_another(taken));
    world.run_polling(1_000, &mut consumer);
    assert_eq!(world.detached.len(), 1);
    let again = world.attached.last().unwrap().client_id;
    assert_ne!(again, taken);
    assert_eq!(consumer.state(), ConsumerState::Mapped);
    assert_eq!(consumer.status().consumer(), Some(again));
    assert_eq!(consumer.status().id_collisions(), 1);
    assert_eq!(world.hellos.last().unwrap().consumer, again);
    assert_eq!(world.qos.last().unwrap().consumer_id, again);
}

#[test] // req: C-112
fn an_id_that_the_application_set_is_kept_and_the_collision_told() {
    let mut world = World::new();
    let mut consumer = world.consumer(plain().with_client(ANN));
    world.run_polling(10, &mut consumer);
    for _ in 0..3 {
        world.report(&of_another(ANN));
    }
    world.run_polling(1_000, &mut consumer);
    assert_eq!((world.attached.len(), world.detached.len()), (1, 0));
    assert_eq!(consumer.status().id_collisions(), 3);
}

/// Sixty frames a second for two seconds of which ten a second are wanted.
#[test] // req: C-115, C-101, T-51, W-208, W-210
fn a_rate_is_kept_on_the_shared_stream_by_dropping_the_rest() {
    let mut world = World::new();
    let mut consumer = world.consumer(plain().with_max_rate_hz(10));
    world.run_polling(10, &mut consumer);
    assert_eq!(world.hellos[0].mode, Mode::RateLimited);
    assert_eq!(world.hellos[0].max_rate_hz, Some(10));
    let mut outlet = world.shared_outlet();
    let mut got = Vec::new();
    for raw in 0..120 {
        let image = world.stage.timed(raw, Duration::from_millis(16 * raw));
        world.stage.commit(raw, &image, 8);
        outlet.send(&world.stage, raw);
        got.extend(world.run_polling(16, &mut consumer));
    }
    // By the capture times of the slots: the first at or after each tenth of a second since the last.
    let wanted: Vec<_> = (0..120).step_by(7).collect();
    assert_eq!(got, wanted);
    let counters = consumer.counters();
    assert_eq!(
        counters.drops(DropReason::RateLimited),
        120 - wanted.len() as u64
    );
    assert_eq!((counters.gap_drops(), counters.late_drops()), (0, 0));
}
