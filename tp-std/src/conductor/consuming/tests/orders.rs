//! Orders of whoever answers hellos: private streams, and back (C-110, C-188).

use tp_core_nostd::ids::{ClientId, StreamId};
use tp_core_nostd::wire::control::{ConsumerConfig as Ordered, Endpoint, ProgressHints};
use tp_core_nostd::wire::enums::Mode;

use super::world::World;
use crate::aeron::Channel;
use crate::consumer::bench::STREAM;
use crate::consumer::{Consumer, ConsumerConfig};
use crate::{ConfigError, context};

const ANN: ClientId = ClientId::new(77).unwrap();
const BOB: ClientId = ClientId::new(78).unwrap();
const OWN: i32 = 31_000;

fn asking(id: i32) -> ConsumerConfig {
    let endpoint = context::Endpoint::new(Channel::ipc(), id);
    ConsumerConfig::new(STREAM)
        .with_client(ANN)
        .with_watched_memory(false)
        .with_own_descriptors(&endpoint)
        .unwrap()
}

fn assigned(id: Option<i32>) -> Ordered<'static> {
    let endpoint = |id: i32| Endpoint {
        channel: "aeron:ipc",
        stream_id: StreamId::new(u32::try_from(id).unwrap()).unwrap(),
    };
    Ordered {
        stream_id: STREAM,
        consumer_id: ANN,
        use_shm: true,
        mode: Mode::Stream,
        payload_fallback_uri: None,
        descriptor: id.map(endpoint),
        control: None,
    }
}

fn own_stream(consumer: &Consumer) -> Option<u32> {
    let status = consumer.status();
    status.assigned_descriptor_stream().map(StreamId::get)
}

/// Sends frames one by one through whichever outlets there are; every one arrives once and in order.
struct Traffic {
    next: u64,
    got: Vec<u64>,
}

impl Traffic {
    fn flow(
        &mut self,
        world: &mut World,
        consumer: &mut Consumer,
        outlets: &mut [&mut super::world::Outlet],
        frames: u64,
    ) {
        for raw in self.next..self.next + frames {
            world.stage.write([raw]);
            for outlet in outlets.iter_mut() {
                outlet.send(&world.stage, raw);
            }
            self.got.extend(world.run_polling(2, consumer));
        }
        self.next += frames;
        self.got.extend(world.run_polling(2, consumer));
        assert_eq!(self.got, (0..self.next).collect::<Vec<_>>());
        let counters = consumer.counters();
        assert_eq!((counters.gap_drops(), counters.late_drops()), (0, 0));
    }
}

fn traffic() -> Traffic {
    Traffic {
        next: 0,
        got: Vec::new(),
    }
}

#[test] // req: C-110, C-188, W-198, W-201, T-16, T-41
fn a_private_stream_is_joined_and_left_without_a_frame_lost_or_doubled() {
    let mut world = World::new();
    let mut consumer = world.consumer(asking(OWN));
    let mut shared = world.shared_outlet();
    let mut traffic = traffic();
    traffic.flow(&mut world, &mut consumer, &mut [&mut shared], 20);
    let asked = world.hellos[0].descriptor.map(StreamId::get);
    assert_eq!(asked, Some(31_000));

    // Another one than the asked one is assigned; its publication is there before the answer, or after it.
    world.order(&assigned(Some(OWN + 1)));
    traffic.flow(&mut world, &mut consumer, &mut [&mut shared], 5);
    assert_eq!(own_stream(&consumer), Some(31_001));
    let mut own = world.outlet(OWN + 1);
    traffic.flow(&mut world, &mut consumer, &mut [&mut shared, &mut own], 20);
    // The shared stream is no longer listened to.
    traffic.flow(&mut world, &mut consumer, &mut [&mut own], 20);

    // Assigned elsewhere: back to the shared stream, and on from there.
    world.order(&assigned(Some(OWN + 2)));
    let mut third = world.outlet(OWN + 2);
    let all = &mut [&mut shared, &mut own, &mut third];
    traffic.flow(&mut world, &mut consumer, all, 40);
    traffic.flow(&mut world, &mut consumer, &mut [&mut third], 20);
    assert_eq!(own_stream(&consumer), Some(31_002));

    // Declined.
    world.order(&assigned(None));
    traffic.flow(
        &mut world,
        &mut consumer,
        &mut [&mut shared, &mut third],
        40,
    );
    assert_eq!(own_stream(&consumer), None);
    traffic.flow(&mut world, &mut consumer, &mut [&mut shared], 20);
}

#[test] // req: C-110, C-188, W-192
fn orders_of_others_and_refusals_leave_the_shared_stream_as_it_is() {
    let mut world = World::new();
    let mut consumer = world.consumer(asking(OWN));
    let mut shared = world.shared_outlet();
    let mut traffic = traffic();
    let to_bob = Ordered {
        consumer_id: BOB,
        use_shm: false,
        ..assigned(Some(OWN))
    };
    let elsewhere = Ordered {
        stream_id: StreamId::new(10_001).unwrap(),
        ..assigned(Some(OWN))
    };
    for order in [to_bob, elsewhere, assigned(None)] {
        world.order(&order);
        traffic.flow(&mut world, &mut consumer, &mut [&mut shared], 10);
        assert_eq!(own_stream(&consumer), None);
    }
    assert_eq!(consumer.status().mappings(), 1);
}

#[test] // req: C-110, C-188
fn an_assigned_stream_that_nobody_publishes_on_is_given_up_and_tried_again() {
    let mut world = World::new();
    let mut consumer = world.consumer(asking(OWN));
    let mut shared = world.shared_outlet();
    let mut traffic = traffic();
    world.order(&assigned(Some(OWN)));
    // Longer than the five seconds that a step of a switch may take.
    for _ in 0..60 {
        traffic.flow(&mut world, &mut consumer, &mut [&mut shared], 1);
        traffic.got.extend(world.run_polling(100, &mut consumer));
    }
    let mut own = world.outlet(OWN);
    for _ in 0..12 {
        let both = &mut [&mut shared, &mut own];
        traffic.flow(&mut world, &mut consumer, both, 1);
        traffic.got.extend(world.run_polling(100, &mut consumer));
    }
    traffic.flow(&mut world, &mut consumer, &mut [&mut own], 10);
}

#[test] // req: C-110, C-188, T-14
fn a_lost_private_publication_returns_to_the_shared_stream() {
    let mut world = World::new();
    let mut consumer = world.consumer(asking(OWN));
    let mut shared = world.shared_outlet();
    let mut own = world.outlet(OWN);
    let mut traffic = traffic();
    world.order(&assigned(Some(OWN)));
    traffic.flow(&mut world, &mut consumer, &mut [&mut shared, &mut own], 30);
    traffic.flow(&mut world, &mut consumer, &mut [&mut own], 5);
    drop(own);
    // Until the consumer has noticed, the shared stream alone brings nothing.
    traffic.got.extend(world.run_polling(200, &mut consumer));
    traffic.flow(&mut world, &mut consumer, &mut [&mut shared], 20);
}

#[test] // req: C-110, C-188
fn a_lost_lease_takes_the_private_stream_with_it() {
    let mut world = World::new();
    let mut consumer = world.consumer(asking(OWN));
    let mut shared = world.shared_outlet();
    let mut own = world.outlet(OWN);
    let mut traffic = traffic();
    world.order(&assigned(Some(OWN)));
    traffic.flow(&mut world, &mut consumer, &mut [&mut shared, &mut own], 30);
    traffic.flow(&mut world, &mut consumer, &mut [&mut own], 5);
    world.revoke(ANN);
    world.run_polling(1_500, &mut consumer);
    assert_eq!(own_stream(&consumer), None);
    assert_eq!(world.attached.len(), 2);
    // The same memory again: the first descriptor tells where it goes on.
    for raw in 35..40 {
        world.stage.write([raw]);
        shared.send(&world.stage, raw);
    }
    assert_eq!(world.run_polling(5, &mut consumer), [35, 36, 37, 38, 39]);
}

#[test] // req: C-110
fn a_consumer_that_does_not_poll_is_given_no_end_of_orders() {
    let mut world = World::new();
    let mut consumer = world.consumer(asking(OWN));
    let mut shared = world.shared_outlet();
    let mut traffic = traffic();
    traffic.flow(&mut world, &mut consumer, &mut [&mut shared], 5);
    let outlets: Vec<_> = (0..40).map(|n| world.outlet(OWN + n)).collect();
    for n in 0..40 {
        world.order(&assigned(Some(OWN + n)));
        world.run(20);
        world.order(&assigned(None));
        world.run(20);
    }
    drop(outlets);
    traffic.got.extend(world.run_polling(200, &mut consumer));
    traffic.flow(&mut world, &mut consumer, &mut [&mut shared], 20);
}

#[test] // req: C-094, W-183, W-187
fn half_a_request_cannot_be_made() {
    for id in [0, -1] {
        let endpoint = context::Endpoint::new(Channel::ipc(), id);
        let refused = ConsumerConfig::new(STREAM).with_own_descriptors(&endpoint);
        assert!(matches!(refused, Err(ConfigError::Zero { .. })), "{id}");
    }
    // A control stream is asked for together with progress, or not at all.
    let endpoint = context::Endpoint::new(Channel::ipc(), OWN);
    let config = ConsumerConfig::new(STREAM)
        .with_own_control(&endpoint)
        .unwrap();
    let mut world = World::new();
    let _consumer = world.consumer(config.clone());
    world.run(5);
    assert_eq!(world.hellos[0].control, None);
    let mut world = World::new();
    let _consumer = world.consumer(config.with_progress(ProgressHints::default()));
    world.run(5);
    assert_eq!(world.hellos[0].control.map(StreamId::get), Some(31_000));
}
