//! Rows are used while their frame is still being written: the producer writes headers first and tells how far it is, the
//! consumer reads the front part and checks that it stayed the frame's.

use core::time::Duration;
use std::thread;

use tp_core_nostd::wire::control::ProgressHints;
use tp_core_nostd::wire::enums::ProgressUnit;
use tp_examples::{
    Outcome, Patience, attach_timeout, check, consumer_config, context, frames, meet, pattern,
    producer_config, require, stream, switch,
};
use tp_std::{Client, CommitMeta, Dtype, MajorOrder, TensorHeader};

const LEN: u32 = 32 * 32;

fn main() -> Outcome {
    let (pattern, patience) = (pattern()?, Patience::new()?);
    let is_required = switch("REQUIRE_PROGRESS")?.unwrap_or(true);
    let (client, conductor) = Client::start(context("progress")?)?;
    let config = producer_config(stream()?)?.with_header_first(true);
    let mut producer = client.producer(config)?.wait(attach_timeout()?)?;
    let mut config = consumer_config(stream()?)?;
    if switch("POLL_PROGRESS")?.unwrap_or(true) {
        // As often as there is news.
        config = config.with_progress(ProgressHints {
            interval_us: Some(0),
            bytes_delta: Some(1),
            major_delta_units: None,
        });
    }
    let mut consumer = client.consumer(config)?.wait(attach_timeout()?)?;
    meet(&mut producer, &patience)?;
    // Prefixes may be read once the metadata of the stream said so, and progress is told once a hello asked for it.
    while is_required
        && (consumer.status().header_first().is_none() || producer.progress_policy().is_none())
    {
        patience.wait_for("an agreement on progress")?;
    }

    let tensor = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[32, 32])?
        .with_progress(ProgressUnit::Rows)?;
    let mut early = 0;
    for number in 0..frames()? {
        let mut claim = producer.try_claim(LEN)?;
        producer.start(&mut claim, &tensor, CommitMeta::default())?;
        let (mut ready, half) = (0, LEN / 2);
        pattern.fill(number, claim.bytes());
        producer.offer_progress(&mut claim, half)?;
        for _ in 0..20 {
            producer.poll(); // sends what came too soon after the last report
            let mut outcome = Ok(());
            consumer.poll_progress(16, |progress, reader| {
                // What cannot be read yet is a hint, and no error.
                let Ok(prefix) = reader.read() else { return };
                if progress.seq != claim.seq() {
                    return;
                }
                let mut rows = vec![0; prefix.ready_bytes()];
                outcome = prefix
                    .copy_to(0, &mut rows)
                    .map_err(Into::into)
                    .and_then(|_| pattern.check(number, &rows));
                ready = prefix.ready_lines().unwrap_or(0);
            })?;
            outcome?;
            if ready > 0 {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        early += u64::from(ready == 16);
        let published = producer.commit(claim, &tensor, CommitMeta::default())?;

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
    println!(
        "the first half of {early} frames of {} was read before their end",
        frames()?
    );
    // Progress may be lost; frames may not.
    require(early > 0 || !is_required, || {
        "no frame was read before its end".into()
    })?;
    conductor.close()?;
    Ok(())
}
