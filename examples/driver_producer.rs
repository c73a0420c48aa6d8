//! The sending half of the first pair: attach, wait until somebody listens, offer frames. Run it beside `driver_consumer`.

use core::time::Duration;
use std::thread;

use tp_examples::{
    Outcome, Patience, attach_timeout, context, frames, pattern, producer_config, require, stream,
    switch,
};
use tp_std::{Client, Delivery, Dtype, Frame, MajorOrder, TensorHeader};

fn main() -> Outcome {
    let (pattern, patience) = (pattern()?, Patience::new()?);
    // The conductor keeps the lease alive on a thread of its own, until it is closed.
    let (client, conductor) = Client::start(context("driver_producer")?)?;
    let attaching = client.producer(producer_config(stream()?)?)?;
    let mut producer = attaching.wait(attach_timeout()?)?;

    let consumers = switch("CONSUMERS")?.unwrap_or(1);
    while producer.consumer_count() < consumers || !producer.is_connected() {
        patience.wait_for("consumers")?;
    }
    let tensor = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[32, 32])?;
    let mut pixels = vec![0; 32 * 32];
    for number in 0..frames()? {
        pattern.fill(number, &mut pixels);
        let published = producer.offer(&Frame::new(tensor, &pixels))?;
        require(published.seq.get() == number, || format!("{published:?}"))?;
        require(published.delivery == Delivery::Sent, || {
            format!("{published:?}")
        })?;
        thread::sleep(Duration::from_millis(5));
    }
    // Memory goes with the lease, so nobody leaves before the readers did.
    while producer.is_connected() {
        patience.wait_for("the end of the consumers")?;
    }
    conductor.close_and_wait(Duration::from_secs(1))?;
    Ok(())
}
