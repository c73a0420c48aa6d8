//! What benches over Aeron have in common: regions of a producer's own, and what frames are made of.
#![allow(dead_code, reason = "each bench uses its part")]

use core::task::Poll;
use core::time::Duration;
use std::time::Instant;

use tempfile::TempDir;
use tp_core_nostd::ids::{Epoch, PoolId, StreamId};
use tp_core_nostd::seq::SlotCount;
use tp_core_nostd::shm::{Stride, TensorHeader};
use tp_core_nostd::time::Clock;
use tp_core_nostd::wire::enums::{Dtype, MajorOrder};
use tp_linux_hugepages::{CanonicalTree, EpochShape, FileMode, Namespace, Residency, UserName};
use tp_std::aeron::{MediaDriver, MediaDriverConfig};
use tp_std::clock::MonotonicClock;
use tp_std::{
    Client, Conductor, Consumer, ConsumerConfig, Context, OwnRegions, Producer, ProducerConfig,
};

/// What takes longer hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The stream of all benches.
pub(crate) fn stream() -> StreamId {
    StreamId::new(10_000).unwrap()
}

/// Regions with `slots` slots, and a pool of as many of each of `strides` bytes.
pub(crate) fn regions(root: &TempDir, slots: u32, strides: &[u32]) -> OwnRegions {
    let user = UserName::effective();
    let namespace = Namespace::new("bench").unwrap();
    let tree = CanonicalTree::new(root.path(), &user, namespace, FileMode::PRIVATE).unwrap();
    let pool = |(id, stride): (u16, &u32)| {
        let id = PoolId::new(id).unwrap();
        (id, Stride::new(*stride).unwrap())
    };
    let pools: Vec<_> = (1..).zip(strides).map(pool).collect();
    let shape = EpochShape {
        stream: stream(),
        epoch: Epoch::new(1).unwrap(),
        slots: SlotCount::new(slots).unwrap(),
        pools: &pools,
    };
    let made = tree.create_epoch(&shape, MonotonicClock.now(), Residency::default());
    OwnRegions::created(&made.unwrap()).unwrap()
}

/// A tensor of so many bytes.
pub(crate) fn bytes(len: u32) -> TensorHeader {
    let dims = [i32::try_from(len).unwrap()];
    TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &dims).unwrap()
}

/// How long so many calls take.
pub(crate) fn timed(calls: u64, mut call: impl FnMut()) -> Duration {
    let started = Instant::now();
    (0..calls).for_each(|_| call());
    started.elapsed()
}

/// A producer and its consumer in one client, whose conductor is driven by hand.
pub(crate) struct Pair {
    pub(crate) conductor: Conductor,
    pub(crate) producer: Producer,
    pub(crate) consumer: Consumer,
    _media: MediaDriver,
    _root: TempDir,
}

impl Pair {
    pub(crate) fn new(slots: u32, stride: u32) -> Self {
        let root = tempfile::tempdir_in("/dev/shm").unwrap();
        let media = MediaDriver::start(MediaDriverConfig::new(root.path().join("aeron"))).unwrap();
        let context = Context::new()
            .with_aeron_dir(media.dir())
            .unwrap()
            .allow_dir(root.path())
            .with_announce_period(Duration::from_millis(100));
        let (client, mut conductor) = Client::invoker(context).unwrap();
        let config = ProducerConfig::direct(stream(), regions(&root, slots, &[stride]));
        let producer = ready(&mut conductor, client.producer(config).unwrap());
        let config = ConsumerConfig::direct(stream());
        let consumer = ready(&mut conductor, client.consumer(config).unwrap());
        Self {
            conductor,
            producer,
            consumer,
            _media: media,
            _root: root,
        }
    }
}

fn ready<T>(conductor: &mut Conductor, mut asked: tp_std::Pending<T>) -> T {
    let started = Instant::now();
    loop {
        assert!(started.elapsed() < PATIENCE, "it does not come");
        let _ = conductor.do_work().unwrap();
        if let Poll::Ready(role) = asked.poll() {
            return role.unwrap();
        }
    }
}
