//! Two consumers with descriptor streams of their own, where nobody else's slowness is theirs. They ask for one, the driver
//! assigns it from its `driver.descriptor_stream_id_range`, the producer opens it; no frame is lost on the way.

use core::time::Duration;
use std::thread;

use tp_examples::{
    Outcome, Patience, attach_timeout, check, context, frames, meet, pattern, producer_config,
    require, stream, switch,
};
use tp_std::aeron::Channel;
use tp_std::{Client, ConsumerConfig, Dtype, Endpoint, Frame, MajorOrder, Producer, TensorHeader};

fn main() -> Outcome {
    let (pattern, patience, frames) = (pattern()?, Patience::new()?, frames()?);
    let (client, conductor) = Client::start(context("private_streams")?)?;
    let attaching = client.producer(producer_config(stream()?)?)?;
    let mut producer = attaching.wait(attach_timeout()?)?;
    let channel = switch("DESCRIPTOR_CHANNEL")?.unwrap_or_else(Channel::ipc);
    let mut consumers = Vec::new();
    for wish in [
        switch("FIRST_STREAM_ID")?.unwrap_or(31_000),
        switch("SECOND_STREAM_ID")?.unwrap_or(31_001),
    ] {
        // Without descriptors nothing is found, so that this shows what it says.
        let config = ConsumerConfig::new(stream()?)
            .with_own_descriptors(&Endpoint::new(channel.clone(), wish))?
            .with_watched_memory(false);
        let consumer = client.consumer(config)?.wait(attach_timeout()?)?;
        consumers.push((consumer, 0));
    }
    meet(&mut producer, &patience)?;

    let tensor = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[32, 32])?;
    let mut pixels = vec![0; 32 * 32];
    let mut number = 0;
    while number < frames || !is_private(&producer, consumers.len()) {
        patience.wait_for("streams of their own")?;
        pattern.fill(number, &mut pixels);
        producer.offer(&Frame::new(tensor, &pixels))?;
        number += 1;
        while consumers.iter().any(|(_, received)| *received < number) {
            for (consumer, received) in &mut consumers {
                let mut outcome = Ok(());
                consumer.poll(8, |descriptor, reader| {
                    outcome = require(descriptor.seq.get() == *received, || {
                        format!("{descriptor:?}")
                    })
                    .and_then(|()| check(pattern, *received, reader));
                    *received += 1;
                })?;
                outcome?;
            }
            patience.wait_for("a frame at both consumers")?;
        }
        thread::sleep(Duration::from_millis(1));
    }
    let ids: Vec<_> = consumers
        .iter()
        .filter_map(|(consumer, _)| consumer.status().assigned_descriptor_stream())
        .collect();
    println!("{number} frames to each of two consumers, none lost, in the end on streams {ids:?}");
    require(ids.len() == 2 && ids.first() != ids.last(), || {
        format!("assigned: {ids:?}")
    })?;
    conductor.close()?;
    Ok(())
}

/// Whether so many consumers get their descriptors on streams of their own.
fn is_private(producer: &Producer, consumers: usize) -> bool {
    let own = producer.private_deliveries();
    own.filter(|own| own.deliveries.sent > 20).count() == consumers
}
