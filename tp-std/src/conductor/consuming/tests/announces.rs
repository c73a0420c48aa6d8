//! Which announces count, and what a look at the superblocks brings (C-187).

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::seq::SlotCount;
use tp_core_nostd::time::Instant;
use tp_core_nostd::wire::control::ShmPoolAnnounce;
use tp_core_nostd::wire::enums::ClockDomain;

use super::world::World;
use crate::ConsumerState;
use crate::consumer::ConsumerConfig;
use crate::consumer::bench::{STREAM, Stage, epoch};

const SECOND: u64 = 1_000_000_000;

/// Changes an announce that would count, at this moment.
type Change = fn(&mut ShmPoolAnnounce<'_>, Instant);

/// A consumer that has mapped epoch 5 hears of epoch 6, or of what the row makes of that.
// req: C-095, C-096, C-097, C-187, W-037, W-038, W-039, W-040, W-041, W-042, W-043, W-044, W-047, T-10, T-11, T-12
#[test]
fn an_announce_counts_if_every_rule_lets_it() {
    #[rustfmt::skip]
    let rows: [(&str, u64, bool, Change, bool); 14] = [
        // name                          after ms  stamped  change                                              counts
        ("a fresh one",                      500,  true,  |_, _| (),                                               true),
        ("at the edge of freshness",       4_000,  true,  |it, now| it.announce_timestamp_ns = now.as_ns() - 3 * SECOND + 5_000_000, true),
        ("a stale one",                    4_000,  true,  |it, now| it.announce_timestamp_ns = now.as_ns() - 3 * SECOND - 2_000_000, false),
        ("one of the future",                500,  true,  |it, now| it.announce_timestamp_ns = now.as_ns() + 4 * SECOND, false),
        ("one without a time",               500,  true,  |it, _| it.announce_timestamp_ns = 0,                    false),
        ("one from before we joined",        500,  true,  |it, _| it.announce_timestamp_ns = SECOND,               false),
        ("the same by the time of day",      500,  true,  |it, _| {
            it.announce_timestamp_ns = SECOND;
            it.announce_clock_domain = ClockDomain::RealtimeSynced;
        }, true),
        ("a stale time of day",            4_000,  true,  |it, _| {
            it.announce_timestamp_ns = SECOND;
            it.announce_clock_domain = ClockDomain::RealtimeSynced;
        }, false),
        ("of another stream",                500,  true,  |it, _| it.stream_id = StreamId::new(10_001).unwrap(),   false),
        ("of another layout",                500,  true,  |it, _| it.layout_version = 2,                           false),
        ("of a lower epoch",                 500,  true,  |it, _| it.epoch = epoch(4),                             false),
        ("of an epoch that is not there",    500,  true,  |it, _| it.epoch = epoch(7),                             false),
        ("with other slots",                 500,  true,  |it, _| it.header_nslots = SlotCount::new(32).unwrap(), false),
        ("whose producer is silent",       4_000,  false, |_, _| (),                                               false),
    ];
    for (name, after_ms, stamped, change, counts) in rows {
        let mut world = World::new();
        let mut consumer = world.consumer(ConsumerConfig::new(STREAM));
        world.run(after_ms);
        let next = Stage::new(6, 64);
        let now = world.now();
        if stamped {
            next.touch(now);
        }
        let mut announce = next.announce(now);
        change(&mut announce, now);
        world.send_announce(&announce);
        world.run(3);
        let mapped = consumer.epoch() == Some(epoch(6));
        assert_eq!(mapped, counts, "{name}");
        if counts {
            assert_eq!(consumer.status().mappings(), 2, "{name}");
            // Repeats, and the old epoch again, change nothing (T-12).
            world.send_announce(&next.announce(world.now()));
            world.run(150);
            assert_eq!(consumer.status().mappings(), 2, "{name}");
            assert_eq!(consumer.epoch(), Some(epoch(6)), "{name}");
        }
    }
}

#[test] // req: C-098, C-187, W-275, T-58
fn another_writer_ends_the_mapping_until_a_higher_epoch() {
    let mut world = World::new();
    let consumer = world.consumer(ConsumerConfig::new(STREAM));
    world.run(10);
    world.stage.change_pid(4_711);
    world.run(8_000);
    assert_eq!(consumer.state(), ConsumerState::Remapping);
    assert_eq!(consumer.status().mappings(), 1);
    world.stage = Stage::new(6, 64);
    world.run(200);
    assert_eq!(consumer.state(), ConsumerState::Mapped);
}

#[test] // req: E-05, T-58
fn a_rewritten_epoch_is_read_on_where_that_was_allowed() {
    let mut world = World::new();
    let config = ConsumerConfig::new(STREAM).with_same_epoch_restart(true);
    let mut consumer = world.consumer(config);
    world.run(10);
    world.stage.change_pid(4_711);
    world.run(2_000);
    assert_eq!(consumer.state(), ConsumerState::Remapping);
    world.run(3_000);
    assert_eq!(consumer.state(), ConsumerState::Mapped);
    let mut outlet = world.shared_outlet();
    world.stage.write([0]);
    outlet.send(&world.stage, 0);
    assert_eq!(world.run_polling(10, &mut consumer), [0]);
}

#[test] // req: C-098, C-187, W-032, W-273, T-34, W-276, I-06
fn a_stamp_that_stands_still_ends_the_mapping_after_a_window() {
    let mut world = World::new();
    let consumer = world.consumer(ConsumerConfig::new(STREAM));
    world.run(10);
    world.is_producer_alive = false;
    world.run(2_500);
    assert_eq!(consumer.state(), ConsumerState::Mapped);
    world.run(2_000);
    assert_eq!(consumer.state(), ConsumerState::Remapping);
    world.is_producer_alive = true;
    world.run(200);
    assert_eq!(consumer.state(), ConsumerState::Mapped);
}
