//! The sending half of a pair without a driver: it makes the regions itself and announces them. Run it beside
//! `no_driver_consumer`; of the services only the media driver is needed.

use core::time::Duration;
use std::thread;

use tp_core_nostd::ids::PoolId;
use tp_core_nostd::seq::SlotCount;
use tp_core_nostd::shm::Stride;
use tp_core_nostd::time::Clock;
use tp_examples::{Outcome, Patience, attach_timeout, context, meet, require, stream_or, switch};
use tp_linux_hugepages::{CanonicalTree, EpochShape, FileMode, Namespace, Residency, UserName};
use tp_std::clock::MonotonicClock;
use tp_std::{Client, Dtype, Epoch, Frame, MajorOrder, OwnRegions, ProducerConfig, TensorHeader};

fn main() -> Outcome {
    let (stream, patience) = (stream_or(10_100)?, Patience::new()?);
    // As `tp_shm_create` makes them. An epoch is used once: the clock is above that of every run before.
    let now = MonotonicClock.now();
    let base = switch::<String>("ALLOW_DIR")?.unwrap_or_else(|| "/dev/shm".into());
    let namespace = Namespace::new("examples").ok_or("no name")?;
    let tree = CanonicalTree::new(
        base.as_ref(),
        &UserName::effective(),
        namespace,
        FileMode::PRIVATE,
    )?;
    let pool = PoolId::new(1).zip(Stride::new(64)).ok_or("no pool")?;
    let shape = EpochShape {
        stream,
        epoch: Epoch::new(now.as_ns()).ok_or("no epoch")?,
        slots: SlotCount::new(8).ok_or("no ring")?,
        pools: &[pool],
    };
    let regions = tree.create_epoch(&shape, now, Residency::default())?;

    let (client, _conductor) = Client::start(context("no_driver_producer")?)?;
    let config = ProducerConfig::direct(stream, OwnRegions::created(&regions)?);
    let mut producer = client.producer(config)?.wait(attach_timeout()?)?;
    meet(&mut producer, &patience)?;
    let tensor = TensorHeader::contiguous(Dtype::Float32, MajorOrder::Row, &[2, 2])?;
    for number in 0..16_u8 {
        let elements = [0.0, 0.25, 0.5, 0.75].map(|part| f32::from(number) + part);
        let published = producer.offer(&Frame::new(
            tensor,
            &elements.map(f32::to_le_bytes).concat(),
        ))?;
        require(published.seq.get() == u64::from(number), || {
            format!("{published:?}")
        })?;
        thread::sleep(Duration::from_millis(20));
    }
    while producer.is_connected() {
        patience.wait_for("the end of the consumers")?;
    }
    for region in &regions {
        std::fs::remove_file(&region.path)?;
    }
    Ok(())
}
