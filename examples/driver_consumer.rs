//! The receiving half of the first pair: attach, poll, check each byte of each frame. Run it beside `driver_producer`.

use core::time::Duration;

use tp_examples::{
    Outcome, Patience, attach_timeout, check, consumer_config, context, frames, pattern, require,
    stream,
};
use tp_std::Client;

fn main() -> Outcome {
    let (pattern, patience, frames) = (pattern()?, Patience::new()?, frames()?);
    let (client, conductor) = Client::start(context("driver_consumer")?)?;
    let attaching = client.consumer(consumer_config(stream()?)?)?;
    let mut consumer = attaching.wait(attach_timeout()?)?;

    let mut received = 0;
    while received < frames {
        let mut outcome = Ok(());
        let polled = consumer.poll(64, |descriptor, reader| {
            if outcome.is_ok() {
                outcome = require(descriptor.seq.get() == received, || {
                    format!("frame {} came in the place of {received}", descriptor.seq)
                })
                .and_then(|()| check(pattern, received, reader));
            }
            received += 1;
        })?;
        outcome?;
        if polled == 0 {
            patience.wait_for("frames")?;
        }
    }
    println!("{received} frames, none lost, every byte right");
    conductor.close_and_wait(Duration::from_secs(5))?;
    Ok(())
}
