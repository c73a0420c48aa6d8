//! Their listeners while a stream of ours does everything it can: each message has to come out as an object of its type.

use std::collections::BTreeSet;

use serde_json::Value;
use tp_core_nostd::wire::control::ProgressHints;
use tp_std::{CommitMeta, ConsumerConfig, Dtype, MajorOrder, ProducerConfig, TensorHeader};

use crate::pairs::{Driver, consumer, producer, stream};
use crate::pattern::{LEN, fill};
use crate::peers::{CHANNEL, Peers, Place, Process, wait_until};

/// What has to be heard of our stream.
const TYPES: [&str; 8] = [
    "ShmPoolAnnounce",
    "ConsumerHello",
    "QosProducer",
    "QosConsumer",
    "DataSourceAnnounce",
    "DataSourceMeta",
    "FrameProgress",
    "FrameDescriptor",
];

pub(crate) fn decode(peers: &Peers) -> Result<(), String> {
    let place = Place::new(peers)?;
    let mut driver = Driver::Ours.start(&place, peers)?;
    let aeron = place.aeron();
    let at = ["-a", aeron.to_str().unwrap(), "-c", CHANNEL];
    let others = [
        "-m", CHANNEL, "-M", "1300", "-q", CHANNEL, "-Q", "1200", "-j",
    ];
    let on = |stream| [&at[..], &["-C", stream], &others].concat();
    let mut listeners = [
        place.theirs(peers, "tp_control_listen", &on("1000"))?,
        place.theirs(peers, "tp_descriptor_listen", &[&at[..], &["-j"]].concat())?,
    ];
    // Announces have a stream of their own.
    let mut announces = place.theirs(peers, "tp_control_listen", &on("1001"))?;

    let (client, _conductor) = place.our_client();
    let mut producer = producer(&client, ProducerConfig::new(stream()))?;
    producer.describe("camera", "a pattern").unwrap();
    producer.set_attribute("gain", "text/plain", b"2").unwrap();
    let progress = ConsumerConfig::new(stream()).with_progress(ProgressHints::default());
    let mut consumer = consumer(&client, progress)?;
    let tensor = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[LEN as i32]).unwrap();
    let mut heard = BTreeSet::new();
    let listened = wait_until("every message of ours at their listeners", || {
        driver.must_run()?;
        let Ok(mut claim) = producer.try_claim(LEN as u32) else {
            return Ok(false);
        };
        let meta = CommitMeta::default();
        producer.start(&mut claim, &tensor, meta).unwrap();
        fill(claim.seq().get(), claim.bytes());
        let _ = producer.commit(claim, &tensor, meta);
        consumer.poll(64, |_, reader| drop(reader.read())).unwrap();
        for listener in listeners.iter_mut().chain([&mut announces]) {
            listener.must_run()?;
            hear(listener, &mut heard)?;
        }
        Ok(TYPES.iter().all(|one| heard.contains(*one)))
    });
    listened.map_err(|why| format!("{why}; heard: {heard:?}"))
}

/// Types of what was said of our stream. The last line may still be in the making.
fn hear(listener: &Process, heard: &mut BTreeSet<String>) -> Result<(), String> {
    let said = listener.said();
    let whole = said.rsplit_once('\n').map_or("", |(whole, _)| whole);
    for line in whole.lines().filter(|line| line.starts_with('{')) {
        let object: Value =
            serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
        if object["stream"].as_u64() == Some(u64::from(stream().get())) {
            heard.extend(object["type"].as_str().map(str::to_owned));
        }
    }
    Ok(())
}
