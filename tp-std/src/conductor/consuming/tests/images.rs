//! Images of streams that several publishers share.

use tp_core_nostd::ids::{ClientId, Epoch, StreamId};
use tp_core_nostd::wire::control::{ConsumerConfig as Ordered, Endpoint};
use tp_core_nostd::wire::enums::Mode;
use tp_tests::fake_transport::Owner;

use super::world::{CLIENT, Outlet, World, order};
use crate::aeron::Channel;
use crate::consumer::bench::{STREAM, Stage};
use crate::consumer::{Consumer, ConsumerConfig};
use crate::{CONTROL_STREAM, context};

const ANN: ClientId = ClientId::new(77).unwrap();
/// A producer that takes over.
const NEXT: Owner = Owner(4);

/// A consumer by descriptors alone that has read the last writer's first frame, and both writers.
fn two_writers() -> (World, Consumer, Outlet, Outlet) {
    let mut world = World::new();
    let config = ConsumerConfig::new(STREAM).with_watched_memory(false);
    let mut consumer = world.consumer(config.with_client(ANN));
    let (mut last, next) = (world.shared_outlet(), world.outlet_of(NEXT));
    world.run_polling(10, &mut consumer);
    world.stage.write([0]);
    assert!(last.send(&world.stage, 0));
    assert_eq!(world.run_polling(10, &mut consumer), [0]);
    (world, consumer, last, next)
}

fn lose_image_of(next: &mut Outlet, world: &mut World) {
    world.net.cut_one_way(NEXT, CLIENT);
    assert!(next.send(&world.stage, 0), "it is lost on the way");
    world.net.heal();
    world.net.end_gaps();
}

/// The next writer's image may go while the last one's, of which nothing will come any more, is still there.
#[test]
fn the_image_of_the_next_writer_is_missed_though_it_went_while_nothing_was_mapped() {
    let (mut world, mut consumer, _last, mut next) = two_writers();

    world.is_driver_there = false;
    world.revoke(ANN);
    world.run_polling(10, &mut consumer);
    assert_eq!(consumer.epoch(), None);
    lose_image_of(&mut next, &mut world);
    world.run_polling(100, &mut consumer);

    world.is_driver_there = true;
    world.run_polling(10_000, &mut consumer);
    assert!(consumer.epoch().is_some());
    world.stage.write([1]);
    assert!(next.send(&world.stage, 1));
    assert_eq!(world.run_polling(10, &mut consumer), [1]);
}

/// Or it goes while the last one's stream is read, and only then another epoch makes it the writer.
#[test]
fn the_image_of_the_next_writer_is_missed_though_the_last_one_was_read_meanwhile() {
    let (mut world, mut consumer, mut last, mut next) = two_writers();

    lose_image_of(&mut next, &mut world);
    world.run_polling(100, &mut consumer);
    world.stage.write([1]);
    assert!(last.send(&world.stage, 1));
    assert_eq!(world.run_polling(10, &mut consumer), [1]);

    world.stage = Stage::new(6, 64);
    world.announce();
    world.run_polling(100, &mut consumer);
    assert_eq!(consumer.epoch().map(Epoch::get), Some(6));
    world.stage.write([0]);
    assert!(next.send(&world.stage, 0));
    assert_eq!(world.run_polling(10, &mut consumer), [0]);
}

/// Producers answer hellos and announce on the control stream, too, and were not heard any more by whoever had a lease.
#[test] // req: C-110
fn others_are_heard_on_the_control_stream_again_and_the_driver_all_the_time() {
    let mut world = World::new();
    let own = context::Endpoint::new(Channel::ipc(), 31_000);
    let config = ConsumerConfig::new(STREAM).with_client(ANN);
    let mut consumer = world.consumer(config.with_own_descriptors(&own).unwrap());
    let mut other = world.net.publication(CONTROL_STREAM, NEXT);
    let assigned = |stream: u32| Ordered {
        stream_id: STREAM,
        consumer_id: ANN,
        use_shm: true,
        mode: Mode::Stream,
        payload_fallback_uri: None,
        descriptor: StreamId::new(stream).map(|stream_id| Endpoint {
            channel: "aeron:ipc",
            stream_id,
        }),
        control: None,
    };
    world.run_polling(10, &mut consumer);

    world.net.cut_one_way(NEXT, CLIENT);
    order(&mut other, &assigned(31_000));
    world.net.heal();
    world.net.end_gaps();
    // The driver speaks in each cycle of the change.
    for stream in 31_001..31_010 {
        world.order(&assigned(stream));
        world.run_polling(1, &mut consumer);
        let assigned = consumer.status().assigned_descriptor_stream();
        assert_eq!(assigned.map(StreamId::get), Some(stream));
    }
    order(&mut other, &assigned(31_010));
    world.run_polling(10, &mut consumer);
    let assigned = consumer.status().assigned_descriptor_stream();
    assert_eq!(assigned.map(StreamId::get), Some(31_010));
    assert_eq!(world.attached.len(), 1, "the lease was ours all the time");
}
