//! A client without any thread: one loop drives the conductor, publishes and reads.

use tp_examples::{
    Outcome, Patience, attach_timeout, check, consumer_config, context, frames, pattern,
    producer_config, require, stream,
};
use tp_std::{Client, Dtype, Frame, MajorOrder, TensorHeader};

fn main() -> Outcome {
    let (pattern, patience, frames) = (pattern()?, Patience::new()?, frames()?);
    let (client, mut conductor) = Client::invoker(context("invoker")?)?;
    let attaching = client.producer(producer_config(stream()?)?)?;
    let mut producer = attaching.wait_with(&mut conductor, attach_timeout()?)?;
    let attaching = client.consumer(consumer_config(stream()?)?)?;
    let mut consumer = attaching.wait_with(&mut conductor, attach_timeout()?)?;

    let tensor = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[32, 32])?;
    let mut pixels = vec![0; 32 * 32];
    let (mut sent, mut received) = (0, 0);
    while received < frames {
        // Leases, announces, timers: whoever drives the conductor calls it at least some times a second.
        let mut work = conductor.do_work()?;
        if sent == received && producer.is_connected() {
            pattern.fill(sent, &mut pixels);
            producer.offer(&Frame::new(tensor, &pixels))?;
            sent += 1;
        }
        let mut outcome = Ok(());
        work += consumer.poll(8, |descriptor, reader| {
            outcome = require(descriptor.seq.get() == received, || {
                format!("{descriptor:?}")
            })
            .and_then(|()| check(pattern, received, reader));
            received += 1;
        })?;
        outcome?;
        if work == 0 {
            patience.wait_for("frames")?;
        }
    }
    println!("{received} frames, none lost, without a thread");
    conductor.close();
    Ok(())
}
