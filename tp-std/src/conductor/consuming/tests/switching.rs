//! Frames that cross the switch between the shared stream and one of a consumer's own (C-110, W-198).

use core::time::Duration;

use tp_core_nostd::ids::{ClientId, StreamId};
use tp_core_nostd::proto::read::DropReason;
use tp_core_nostd::wire::control::{ConsumerConfig as Ordered, Endpoint};
use tp_core_nostd::wire::enums::Mode;

use super::world::{Outlet, World};
use crate::aeron::Channel;
use crate::consumer::bench::{STREAM, note};
use crate::consumer::{Consumer, ConsumerConfig};
use crate::context;

const ANN: ClientId = ClientId::new(77).unwrap();
const OWN: i32 = 31_000;
/// Between two frames.
const MS: u64 = 16;

fn asking() -> ConsumerConfig {
    let endpoint = context::Endpoint::new(Channel::ipc(), OWN);
    ConsumerConfig::new(STREAM)
        .with_client(ANN)
        .with_watched_memory(false)
        .with_own_descriptors(&endpoint)
        .unwrap()
}

fn assigned(is_assigned: bool) -> Ordered<'static> {
    Ordered {
        stream_id: STREAM,
        consumer_id: ANN,
        use_shm: true,
        mode: Mode::Stream,
        payload_fallback_uri: None,
        descriptor: is_assigned.then_some(Endpoint {
            channel: "aeron:ipc",
            stream_id: StreamId::new(OWN.cast_unsigned()).unwrap(),
        }),
        control: None,
    }
}

/// A producer of both streams, and what became of its frames.
struct Stage {
    world: World,
    consumer: Consumer,
    shared: Outlet,
    own: Option<Outlet>,
    next: u64,
    got: Vec<u64>,
}

impl Stage {
    fn new(config: ConsumerConfig) -> Self {
        let mut world = World::new();
        let mut consumer = world.consumer(config);
        world.run_polling(10, &mut consumer);
        Self {
            shared: world.shared_outlet(),
            own: None,
            world,
            consumer,
            next: 0,
            got: Vec::new(),
        }
    }

    /// Writes the next frame and sends it through the shared stream, and through the other one if `is_owns`; whether the
    /// shared stream is listened to.
    fn publish(&mut self, is_owns: bool) -> bool {
        let raw = self.next;
        self.next += 1;
        let image = self.world.stage.timed(raw, Duration::from_millis(MS * raw));
        self.world.stage.commit(raw, &image, 8);
        if is_owns {
            self.pass(raw);
        }
        self.shared.send(&self.world.stage, raw)
    }

    /// Frame `raw` goes through the consumer's own stream.
    fn pass(&mut self, raw: u64) {
        if let Some(own) = &mut self.own {
            own.send(&self.world.stage, raw);
        }
    }

    fn poll(&mut self, limit: u32) {
        let mut got = Vec::new();
        self.consumer.poll(limit, note(&mut got)).unwrap();
        self.got.extend(got.into_iter().map(|(raw, whole)| {
            assert_eq!(whole, Some(true), "frame {raw}");
            raw
        }));
    }

    fn thinned(&self) -> u64 {
        self.consumer.counters().drops(DropReason::RateLimited)
    }

    fn assert_no_gap(&self, what: &str) {
        let counters = self.consumer.counters();
        assert!(
            self.got.is_sorted_by(|a, b| a < b),
            "{what}: {:?}",
            self.got
        );
        assert_eq!(
            (counters.gap_drops(), counters.late_drops()),
            (0, 0),
            "{what}"
        );
    }
}

/// Whoever polls once for each frame finds the stream it is to leave empty at no time.
#[test] // req: C-110, W-198, T-41
fn a_stream_that_is_never_empty_is_left_all_the_same() {
    // How many frames lie behind when the switch begins, how many a poll takes, how late the producer takes the own
    // stream into use after its publication is there.
    for (behind, limit, late) in [
        (0, 1, 0),
        (0, 100, 0),
        (5, 1, 0),
        (5, 2, 9),
        (0, 1, 9),
        (3, 100, 9),
    ] {
        let what = format!("{behind} behind, {limit} at once, {late} late");
        let mut stage = Stage::new(asking());
        for _ in 0..behind {
            stage.publish(false);
        }
        for is_assigned in [true, false, true] {
            let begun = stage.next;
            stage.world.order(&assigned(is_assigned));
            if is_assigned {
                stage.own = Some(stage.world.outlet(OWN));
            }
            let mut is_shared_heard = true;
            for n in 0..60 {
                is_shared_heard = stage.publish(!is_assigned || n >= late + 12);
                stage.world.run(2);
                stage.poll(limit);
            }
            assert_eq!(is_shared_heard, !is_assigned, "{what}, from {begun}");
            stage.assert_no_gap(&what);
        }
        for _ in 0..10 {
            stage.poll(limit);
        }
        assert_eq!(stage.got, (0..stage.next).collect::<Vec<_>>(), "{what}");
    }
}

/// Ten frames a second of sixty: by its own hand on the shared stream, by the producer's on its own.
#[test] // req: C-110, C-115, W-198, W-213
fn a_limited_consumer_leaves_the_shared_stream_with_its_first_own_frame() {
    for first in 20..34 {
        let mut stage = Stage::new(asking().with_max_rate_hz(10));
        stage.world.order(&assigned(true));
        stage.own = Some(stage.world.outlet(OWN));
        while stage.next < first {
            assert!(stage.publish(false), "nothing came through the other yet");
            stage.world.run(MS);
            stage.poll(100);
        }
        // Every third through its own stream is more than it would take from the shared one.
        stage.publish(true);
        stage.world.run(MS);
        stage.poll(100);
        assert_eq!(
            stage.got.last(),
            Some(&first),
            "what its own stream brings is its"
        );
        assert_eq!(stage.got.len() as u64 + stage.thinned(), stage.next);
        stage.assert_no_gap("with the first");
        let (got, thinned) = (stage.got.len(), stage.thinned());
        for n in 1..=30 {
            assert!(!stage.publish(n % 3 == 0), "the shared stream was left");
            stage.world.run(MS);
            stage.poll(100);
        }
        assert_eq!(stage.got.len() - got, 10);
        assert_eq!(stage.thinned(), thinned);
        // The producer left these out.
        assert_eq!(stage.consumer.counters().gap_drops(), 20);
    }
}

/// A producer holds the newest frame back until it is due; the shared stream has brought it long before.
#[test] // req: C-110, C-115, W-198
fn a_frame_thinned_by_its_consumer_still_comes_through_the_other_stream() {
    for thinned in [true, false] {
        let mut stage = Stage::new(asking().with_max_rate_hz(10));
        stage.world.order(&assigned(true));
        stage.own = Some(stage.world.outlet(OWN));
        // Every seventh is taken.
        let last = if thinned { 23 } else { 21 };
        while stage.next <= last {
            stage.publish(false);
            stage.world.run(MS);
            stage.poll(100);
        }
        assert_eq!(stage.got.last(), Some(&21));
        stage.pass(last);
        for _ in 0..3 {
            stage.poll(100);
        }
        assert_eq!(
            stage.got,
            if thinned {
                vec![0, 7, 14, 21, 23]
            } else {
                vec![0, 7, 14, 21]
            }
        );
        assert_eq!(stage.got.len() as u64 + stage.thinned(), last + 1);
        assert!(!stage.publish(false), "the shared stream was left");
        stage.assert_no_gap("once");
    }
}
