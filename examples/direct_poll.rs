//! A consumer that watches the memory instead of waiting for descriptors: the lowest latency, and it reads on when driver
//! and media driver are gone.

use core::time::Duration;
use std::thread;

use tp_examples::{
    Outcome, Patience, attach_timeout, check, consumer_config, context, frames, meet, pattern,
    producer_config, require, stream,
};
use tp_std::{Client, Dtype, Frame, MajorOrder, TensorHeader, Wait};

fn main() -> Outcome {
    let (pattern, patience, frames) = (pattern()?, Patience::new()?, frames()?);
    let (client, conductor) = Client::start(context("direct_poll")?)?;
    let attaching = client.producer(producer_config(stream()?)?)?;
    let mut producer = attaching.wait(attach_timeout()?)?;
    let config = consumer_config(stream()?)?.with_direct_poll(true);
    let mut consumer = client.consumer(config)?.wait(attach_timeout()?)?;
    let counters = consumer.counters();
    meet(&mut producer, &patience)?;

    let reading = thread::spawn(move || {
        // Spins for as long as waking up would take twice, then sleeps until the producer rings.
        let patient = Wait::SpinThenPark {
            spin: Duration::from_micros(50),
            at_most: Duration::from_secs(5),
        };
        let (mut received, mut outcome) = (0, Ok(()));
        while received < frames && outcome.is_ok() {
            let waited = consumer.wait(patient, |descriptor, reader| {
                if outcome.is_ok() {
                    outcome = require(descriptor.seq.get() == received, || {
                        format!("{descriptor:?}")
                    })
                    .and_then(|()| check(pattern, received, reader))
                    .map_err(|error| error.to_string());
                }
                received += 1;
            });
            match waited {
                Ok(0) => outcome = Err("no frame came".to_owned()),
                Ok(_) => {}
                Err(error) => outcome = Err(error.to_string()),
            }
        }
        outcome
    });
    let tensor = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[32, 32])?;
    let mut pixels = vec![0; 32 * 32];
    for number in 0..frames {
        pattern.fill(number, &mut pixels);
        producer.offer(&Frame::new(tensor, &pixels))?;
        thread::sleep(Duration::from_millis(5));
    }
    reading.join().map_err(|_| "the reader failed")??;
    let found = counters.found_in_memory();
    println!("{frames} frames, {found} of them before their descriptor");
    require(found > 0, || {
        "every frame was found by its descriptor".into()
    })?;
    conductor.close()?;
    Ok(())
}
