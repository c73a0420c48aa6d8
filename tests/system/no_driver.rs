//! A producer and its consumers without any driver: regions made beforehand, found through the producer's announces.

use core::time::Duration;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tp_core_nostd::ids::{ClientId, Epoch, PoolId};
use tp_core_nostd::memory::{RegionMapper, WritableRegion};
use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::seq::SlotCount;
use tp_core_nostd::shm::{
    RegionKind, RegionShape, Stride, Superblock, TensorHeader, load_activity,
};
use tp_core_nostd::time::{Clock, Instant};
use tp_core_nostd::uri::RegionUri;
use tp_core_nostd::wire::control::ShmPoolAnnounce;
use tp_core_nostd::wire::enums::{ClockDomain, Dtype, MajorOrder};
use tp_linux_hugepages::{
    AllowedBases, CanonicalTree, EpochShape, FileMode, LinuxMapper, Namespace, Residency, UserName,
};
use tp_std::clock::MonotonicClock;
use tp_std::{
    ANNOUNCE_STREAM, CONTROL_STREAM, Client, Consumer, ConsumerConfig, Context, Error, Frame,
    OfferRefused, OwnRegions, Producer, ProducerConfig,
};

use crate::ears::Ears;
use crate::frames::publish;
use crate::rig::{PATIENCE, Rig, Shape, base_dir, stream, wait_until};
use crate::watcher::{Watcher, settle};

const PERIOD: Duration = Duration::from_millis(100);
const SLOTS: u32 = 4;

fn context(rig: &Rig) -> Context {
    rig.context().with_announce_period(PERIOD)
}

/// Regions of four slots of 1024 bytes, as a tool makes them.
fn created(rig: &Rig, epoch: u64) -> OwnRegions {
    regions(rig, epoch, SLOTS, 1024)
}

/// Regions with one pool, as a tool makes them.
pub(crate) fn regions(rig: &Rig, epoch: u64, slots: u32, stride: u32) -> OwnRegions {
    let base = base_dir(rig.root());
    let namespace = Namespace::new("system").unwrap();
    let (user, mode) = (UserName::effective(), FileMode::PRIVATE);
    let tree = CanonicalTree::new(&base, &user, namespace, mode).unwrap();
    let shape = EpochShape {
        stream: stream(),
        epoch: Epoch::new(epoch).unwrap(),
        slots: SlotCount::new(slots).unwrap(),
        pools: &[(PoolId::new(1).unwrap(), Stride::new(stride).unwrap())],
    };
    let made = tree
        .create_epoch(&shape, MonotonicClock.now(), Residency::default())
        .unwrap();
    OwnRegions::created(&made).unwrap()
}

fn direct(client: &Client, regions: OwnRegions) -> Result<Producer, Error> {
    let id = ClientId::new(77).unwrap();
    let config = ProducerConfig::direct(stream(), regions).with_client(id);
    client.producer(config).unwrap().wait(PATIENCE)
}

fn consumer(client: &Client) -> Consumer {
    let pending = client.consumer(ConsumerConfig::direct(stream())).unwrap();
    pending.wait(PATIENCE).unwrap()
}

fn announce<T>(message: Message<'_>, look: impl FnOnce(&ShmPoolAnnounce<'_>) -> T) -> Option<T> {
    match message {
        Message::ShmPoolAnnounce(view) => Some(look(&ShmPoolAnnounce::try_from(view).unwrap())),
        _ => None,
    }
}

/// The elements of frame `number`, two rows of two.
fn elements(number: u16) -> [f32; 4] {
    [0.0, 0.25, 0.5, 0.75].map(|part| f32::from(number) + part)
}

#[test] // req: C-048, C-054, C-078, W-244
fn frames_flow_over_four_turns_of_a_ring_that_no_driver_knows() {
    let rig = Rig::start_without_driver(&Shape::default());
    let (at_producer, _conductor) = Client::start(context(&rig)).unwrap();
    let (at_consumer, mut conductor) = Client::invoker(context(&rig)).unwrap();
    let mut producer = direct(&at_producer, created(&rig, 5)).unwrap();
    // Nobody told it where the memory is: it hears the announces.
    let asked = at_consumer
        .consumer(ConsumerConfig::direct(stream()))
        .unwrap();
    let mut consumer = asked.wait_with(&mut conductor, PATIENCE).unwrap();
    assert_eq!(consumer.epoch(), Epoch::new(5));
    let tensor = TensorHeader::contiguous(Dtype::Float32, MajorOrder::Row, &[2, 2]).unwrap();
    for number in 0..16 {
        let payload = elements(number).map(f32::to_le_bytes).concat();
        let published = producer.offer(&Frame::new(tensor, &payload)).unwrap();
        assert_eq!(published.seq.get(), u64::from(number));
        let mut got = None;
        wait_until("the frame", || {
            conductor.do_work().unwrap();
            consumer
                .poll(10, |descriptor, reader| {
                    let frame = reader.read().unwrap();
                    let mut bytes = [0; 16];
                    assert_eq!(frame.copy_to(&mut bytes), Ok(16));
                    assert_eq!(frame.tensor(), &tensor);
                    let (words, _) = bytes.as_chunks();
                    let values: Vec<_> =
                        words.iter().map(|word| f32::from_le_bytes(*word)).collect();
                    got = Some((descriptor.seq.get(), descriptor.epoch.get(), values));
                })
                .unwrap();
            got.is_some()
        });
        assert_eq!(got, Some((number.into(), 5, elements(number).to_vec())));
    }
    let counters = consumer.counters();
    assert_eq!((counters.gap_drops(), counters.late_drops()), (0, 0));
}

#[test] // req: C-078, C-079, W-031, W-035, T-10
fn without_a_driver_the_producer_announces_and_stamps_each_period() {
    let rig = Rig::start_without_driver(&Shape::default());
    let (client, _conductor) = Client::start(context(&rig)).unwrap();
    let mut ears = Ears::open(rig.root(), &[CONTROL_STREAM]);
    let regions = created(&rig, 5);
    let _producer = direct(&client, regions.clone()).unwrap();
    let mut last = (0, 0);
    for _ in 0..3 {
        let (epoch, producer, sent_ns, clock, uris) = ears.wait_for("an announce", |message| {
            announce(message, |announce| {
                let pools = announce.payload_pools.iter();
                let uris = core::iter::once(announce.header_region_uri.to_string())
                    .chain(pools.map(|pool| pool.region_uri.to_string()));
                (
                    announce.epoch.get(),
                    announce.producer_id,
                    announce.announce_timestamp_ns,
                    announce.announce_clock_domain,
                    uris.collect::<Vec<_>>(),
                )
            })
        });
        assert_eq!((epoch, producer), (5, ClientId::new(77)));
        assert_eq!(clock, ClockDomain::Monotonic);
        assert!(sent_ns <= MonotonicClock.now().as_ns());
        // Each region is named, and each was stamped since.
        let stamps = uris.iter().map(|uri| {
            let uri = RegionUri::parse(uri.as_bytes()).unwrap();
            let mapped = mapper(&rig).map_read(&uri, 64).unwrap();
            load_activity(tp_core_nostd::memory::Region::view(&mapped)).unwrap()
        });
        let stamps: Vec<_> = stamps.collect();
        assert_eq!(stamps.len(), 2);
        assert!(sent_ns > last.0 && stamps.iter().all(|stamp| *stamp >= last.1));
        assert!(stamps.iter().all(|stamp| *stamp >= sent_ns));
        last = (sent_ns, stamps[0]);
    }
}

#[test] // req: C-078, W-036
fn with_a_driver_the_producer_announces_nothing() {
    let rig = Rig::start(&Shape {
        announce_ms: 100,
        ..Shape::default()
    });
    let (client, _conductor) = Client::start(context(&rig)).unwrap();
    let [mut control, mut announces] =
        [CONTROL_STREAM, ANNOUNCE_STREAM].map(|stream| Ears::open(rig.root(), &[stream]));
    let pending = client.producer(ProducerConfig::new(stream())).unwrap();
    let _producer = pending.wait(PATIENCE).unwrap();
    // The driver says where the memory is, on its own stream; the producer would say so on the control stream.
    for _ in 0..10 {
        announces.wait_for("an announce of the driver", |message| {
            announce(message, |_| ())
        });
        control.hear(|message| assert_eq!(announce(message, |announce| announce.epoch), None));
    }
}

#[test] // req: C-048, W-049, T-58
fn a_producer_that_comes_again_needs_a_new_epoch_and_is_followed_there() {
    let rig = Rig::start_without_driver(&Shape::default());
    let (client, _conductor) = Client::start(context(&rig)).unwrap();
    let first = created(&rig, 5);
    let mut producer = direct(&client, first.clone()).unwrap();
    let watcher = Watcher::start(consumer(&client));
    settle(&mut producer, &[&watcher]);
    drop(producer);

    let refused = direct(&client, first).unwrap_err();
    let epoch = Epoch::new(5).unwrap();
    assert_eq!(refused, Error::Memory(OfferRefused::Used { epoch }));
    let mut producer = direct(&client, created(&rig, 6)).unwrap();
    wait_until("the new epoch at the consumer", || watcher.mapped() == 6);
    settle(&mut producer, &[&watcher]);
    assert_eq!(watcher.stop().torn, 0);
}

fn mapper(rig: &Rig) -> LinuxMapper {
    LinuxMapper {
        bases: AllowedBases::new(&[base_dir(rig.root())]).unwrap(),
        ..LinuxMapper::default()
    }
}

/// A region without its space: what is never touched takes none.
fn sparse(rig: &Rig, dir: &Path, name: &str, shape: &RegionShape) -> (PathBuf, String) {
    let path = dir.join(name);
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path);
    file.unwrap().set_len(shape.region_len()).unwrap();
    let uri = format!("shm:file?path={}", path.display());
    let region = RegionUri::parse(uri.as_bytes()).unwrap();
    let mapped = mapper(rig).map_write(&region, shape.region_len()).unwrap();
    let now: Instant = MonotonicClock.now();
    let superblock = Superblock {
        shape: *shape,
        pid: std::process::id().into(),
        start_ns: now.as_ns(),
        activity_ns: now.as_ns(),
    };
    superblock.create(mapped.writer()).unwrap();
    (path, uri)
}

#[test] // req: C-050, C-200, T-29
fn frames_beyond_4_gib_are_where_they_belong() {
    const STRIDE: u32 = 1 << 30;
    const LEN: u32 = 4096;
    let rig = Rig::start_without_driver(&Shape::default());
    let (client, _conductor) = Client::start(context(&rig)).unwrap();
    let epoch = Epoch::new(5).unwrap();
    let slots = SlotCount::new(8).unwrap();
    let (pool_id, stride) = (PoolId::new(1).unwrap(), Stride::new(STRIDE).unwrap());
    let of = |kind| RegionShape {
        stream_id: stream(),
        epoch,
        slots,
        kind,
    };
    let dir = base_dir(rig.root()).canonicalize().unwrap();
    let ring = of(RegionKind::HeaderRing);
    let pool = of(RegionKind::PayloadPool { pool_id, stride });
    assert!(pool.region_len() > 8 << 30);
    let (_, ring) = sparse(&rig, &dir, "header.ring", &ring);
    let (path, pool) = sparse(&rig, &dir, "1.pool", &pool);
    let regions = OwnRegions::new(epoch, slots, ring).unwrap();
    let regions = regions.with_pool(pool_id, stride, pool).unwrap();
    let mut producer = direct(&client, regions).unwrap();
    let watcher = Watcher::start(consumer(&client));
    settle(&mut producer, &[&watcher]);

    // Two turns: each slot is written and read, six of them behind the fourth gibibyte.
    let before = watcher.received();
    let mut sent = Vec::new();
    for _ in 0..16 {
        let (seq, _) = publish(&mut producer, LEN).unwrap();
        wait_until("the frame", || watcher.is_past(epoch.get(), seq));
        sent.push(seq);
    }
    assert_eq!(watcher.received() - before, 16);
    assert_eq!(watcher.stop().torn, 0);
    // In the file each of the last eight lies at the offset of its slot.
    let file = File::open(&path).unwrap();
    for seq in &sent[8..] {
        let mut payload = [0; LEN as usize];
        let offset = 64 + (seq % 8) * u64::from(STRIDE);
        file.read_exact_at(&mut payload, offset).unwrap();
        assert!(
            crate::frames::is_whole(epoch.get(), *seq, &payload),
            "frame {seq} at {offset}"
        );
    }
    assert!(
        file.metadata().unwrap().blocks() * 512 < 16 << 20,
        "the file is not sparse"
    );
}
