//! The receiving half of a pair without a driver: it finds the memory by the producer's announces, and reads 16 frames of
//! 2 x 2 numbers as numbers. Run it beside `no_driver_producer`.

use tp_examples::{Outcome, Patience, attach_timeout, context, require, stream_or};
use tp_std::{Client, ConsumerConfig, FrameReader};

fn main() -> Outcome {
    let (stream, patience) = (stream_or(10_100)?, Patience::new()?);
    let (client, conductor) = Client::start(context("no_driver_consumer")?)?;
    let config = ConsumerConfig::direct(stream);
    let mut consumer = client.consumer(config)?.wait(attach_timeout()?)?;

    let mut received = 0_u8;
    while received < 16 {
        let mut outcome = Ok(());
        let polled = consumer.poll(8, |_, reader| {
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
    println!("{received} frames, none lost, every number right");
    conductor.close()?;
    Ok(())
}

/// The four numbers of a frame, by row and column.
fn check(number: u8, reader: FrameReader<'_>) -> Outcome {
    let frame = reader.read()?;
    let numbers = frame.elements::<f32>()?;
    for (index, part) in [([0, 0], 0.0), ([0, 1], 0.25), ([1, 0], 0.5), ([1, 1], 0.75)] {
        let right = Some(f32::from(number) + part);
        let got = numbers.get(&index)?;
        require(got == right, || {
            format!("{got:?} of frame {number} is not {right:?}")
        })?;
    }
    Ok(())
}
