//! The sending half of the first pair: attach, wait until somebody listens, offer frames. Run it beside `driver_consumer`.

use core::time::Duration;
use std::thread;

use tp_examples::{
    Outcome, Patience, attach_timeout, context, frames, meet, pattern, producer_config, require,
    stream,
};
use tp_std::{Client, Delivery, Dtype, Frame, MajorOrder, TensorHeader};

fn main() -> Outcome {
    let (pattern, patience) = (pattern()?, Patience::new()?);
    // The conductor keeps the lease alive on a thread of its own, until it is closed.
    let (client, conductor) = Client::start(context("driver_producer")?)?;
    let attaching = client.producer(producer_config(stream()?)?)?;
    let mut producer = attaching.wait(attach_timeout()?)?;
    meet(&mut producer, &patience)?;

    let tensor = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[32, 32])?;
    let mut pixels = vec![0; 32 * 32];
    for number in 0..frames()? {
        pattern.fill(number, &mut pixels);
        let published = producer.offer(&Frame::new(tensor, &pixels))?;
        let went_well = published.seq.get() == number && published.delivery == Delivery::Sent;
        require(went_well, || format!("frame {number}: {published:?}"))?;
        thread::sleep(Duration::from_millis(5));
    }
    // Memory goes with the lease, so nobody leaves before the readers did.
    while producer.is_connected() {
        patience.wait_for("the end of the consumers")?;
    }
    // Detaches, and waits for the driver's answer.
    conductor.close_and_wait(Duration::from_secs(5))?;
    Ok(())
}
