//! A frame that a device writes: claim the largest it may become, flush caches when it is complete, commit what came.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use tp_examples::{
    Outcome, Patience, attach_timeout, check, context, frames, meet, pattern, producer_config,
    require, stream,
};
use tp_std::{Client, CommitMeta, ConsumerConfig, Dtype, MajorOrder, TensorHeader};

const MOST: u32 = 1024;

fn main() -> Outcome {
    let (pattern, patience) = (pattern()?, Patience::new()?);
    let flushed = Arc::new(AtomicUsize::new(0));
    let (client, conductor) = Client::start(context("dma")?)?;
    // Runs on the publishing thread, after the last byte and before the commit. Here a device's cache would be flushed.
    let config = producer_config(stream()?)?.with_payload_flush({
        let flushed = flushed.clone();
        move |_payload, len| {
            flushed.fetch_add(len, Ordering::Relaxed);
        }
    });
    let mut producer = client.producer(config)?.wait(attach_timeout()?)?;
    let attaching = client.consumer(ConsumerConfig::new(stream()?))?;
    let mut consumer = attaching.wait(attach_timeout()?)?;
    meet(&mut producer, &patience)?;

    let mut expected = 0;
    for number in 0..frames()? {
        let mut claim = producer.try_claim(MOST)?;
        // A device gets `claim.as_mut_ptr()`; ours is a loop. This time it fills that many bytes:
        let len = MOST - u32::try_from(number % 1000)?;
        let bytes = claim.bytes().get_mut(..usize::try_from(len)?);
        pattern.fill(number, bytes.ok_or("a short slot")?);
        let tensor =
            TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[i32::try_from(len)?])?;
        let meta = CommitMeta {
            len: Some(len),
            ..CommitMeta::default()
        };
        let published = producer.commit(claim, &tensor, meta)?;
        expected += usize::try_from(len)?;
        let so_far = flushed.load(Ordering::Relaxed);
        require(so_far == expected, || {
            format!("{so_far} bytes flushed of {expected}")
        })?;

        let mut outcome = Ok(());
        while consumer.poll(1, |descriptor, reader| {
            outcome = require(descriptor.seq == published.seq, || {
                format!("{descriptor:?}")
            })
            .and_then(|()| check(pattern, number, reader));
        })? == 0
        {
            patience.wait_for("a frame")?;
        }
        outcome?;
    }
    println!("{expected} bytes, all flushed before they were seen");
    conductor.close()?;
    Ok(())
}
