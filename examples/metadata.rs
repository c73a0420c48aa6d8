//! A source says what it is like, with attributes and a table that is too large for one; somebody else remembers it.

use core::time::Duration;

use tp_core_nostd::proto::blob::Blob;
use tp_examples::{Outcome, Patience, attach_timeout, context, producer_config, require, stream};
use tp_std::handlers::{Blobs, Metadata, MetadataCache, MetadataHandler};
use tp_std::{Client, METADATA_STREAM, Poller, aeron::DEFAULT_CHANNEL};

/// What the table is for, as both sides agreed.
const LENS_TABLE: u32 = 7;

/// The newest table.
#[derive(Default)]
struct Table(Option<Vec<u8>>);

impl MetadataHandler for Table {
    fn on_blob(&mut self, blob: &Blob<'_>) {
        if blob.blob_type == LENS_TABLE {
            self.0 = Some(blob.bytes.to_vec());
        }
    }
}

fn main() -> Outcome {
    let (stream, patience) = (stream()?, Patience::new()?);
    let (client, conductor) = Client::start(context("metadata")?)?;
    // Two pollers of one stream: each hears everything.
    let poller = || Poller::<Metadata>::new(&client, DEFAULT_CHANNEL, METADATA_STREAM);
    let (mut sources, mut tables) = (poller()?, poller()?);
    let mut cache = MetadataCache::new(64);
    // Room for two tables at a time, each of up to 1 MiB. Only whole ones come, with the right checksum.
    let mut blobs = Blobs::new(Table::default(), 2, 1 << 20);

    let mut producer = client
        .producer(producer_config(stream)?)?
        .wait(attach_timeout()?)?;
    producer.describe("north camera", "visible, 10 bit")?;
    let version = producer.set_attribute("exposure_us", "text/plain", b"1500")?;
    let table: Vec<u8> = (0..200_000_u32).map(|i| (i % 251) as u8).collect();
    producer.send_blob(LENS_TABLE, table.clone(), true)?;

    let known = |cache: &MetadataCache| {
        let source = cache.source(stream);
        source.is_some_and(|source| source.meta_version() == Some(version))
    };
    while !known(&cache) || blobs.handler().0.is_none() {
        sources.poll(&mut cache)?;
        tables.poll(&mut blobs)?;
        patience.wait_for("metadata")?;
    }
    let source = cache.source(stream).ok_or("no source")?;
    require(source.name() == "north camera", || format!("{source:?}"))?;
    let exposure = source.attribute("exposure_us").ok_or("no exposure")?;
    require(exposure.value() == b"1500", || format!("{exposure:?}"))?;
    require(blobs.handler().0.as_deref() == Some(&*table), || {
        "another table".into()
    })?;
    println!(
        "{}: exposure {} us",
        source.name(),
        String::from_utf8_lossy(exposure.value())
    );
    conductor.close_and_wait(Duration::from_secs(1))?;
    Ok(())
}
