//! The receiving half of the first pair: attach, poll, check each byte of each frame. Run it beside `driver_producer`.

use core::time::Duration;

use tp_examples::{
    Outcome, Patience, attach_timeout, consumer_config, context, frames, pattern, require, stream,
};
use tp_std::{Client, FrameReader};

fn main() -> Outcome {
    let (pattern, patience, frames) = (pattern()?, Patience::new()?, frames()?);
    let (client, conductor) = Client::start(context("driver_consumer")?)?;
    let attaching = client.consumer(consumer_config(stream()?)?)?;
    let mut consumer = attaching.wait(attach_timeout()?)?;

    let mut pixels = vec![0; 32 * 32];
    let mut check = |number, reader: FrameReader<'_>| -> Outcome {
        // The producer may write a slot again at any time. A copy says so then, and is not used.
        let len = reader.read()?.copy_to(&mut pixels)?;
        pattern.check(number, pixels.get(..len).unwrap_or(&[]))
    };
    let mut received = 0;
    while received < frames {
        let mut outcome = Ok(());
        let polled = consumer.poll(64, |_, reader| {
            if outcome.is_ok() {
                outcome = check(received, reader);
            }
            received += 1;
        })?;
        outcome?;
        if polled == 0 {
            patience.wait_for("frames")?;
        }
    }
    let lost = consumer.counters().gap_drops();
    require(lost == 0, || format!("{lost} frames were lost"))?;
    println!("{received} frames, every byte right");
    conductor.close_and_wait(Duration::from_secs(1))?;
    Ok(())
}
