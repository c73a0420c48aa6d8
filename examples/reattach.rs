//! A lease is lost and comes back: this producer sends no keepalives, so the driver takes its lease away. It is stopped at
//! once, attaches again by itself, and goes on in a new epoch, where its consumer follows it.

use core::time::Duration;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use tp_examples::{
    Outcome, Patience, attach_timeout, check, consumer_config, context, meet, pattern,
    producer_config, require, stream, switch,
};
use tp_std::handlers::{DriverHandler, LeaseChange, LeaseNews};
use tp_std::{Client, Dtype, Frame, MajorOrder, OfferError, TensorHeader};

/// Passes on what becomes of the lease.
struct Leases(Sender<LeaseChange>);

impl DriverHandler for Leases {
    fn on_lease(&mut self, news: &LeaseNews) {
        let _ = self.0.send(news.change.clone());
    }
}

fn main() -> Outcome {
    let (pattern, patience) = (pattern()?, Patience::new()?);
    let is_expected = switch("EXPECT_LEASE_EXPIRY")?.unwrap_or(true);
    let silence = Duration::from_millis(switch("KEEPALIVE_MS")?.unwrap_or(0));
    let (client, conductor) = Client::start(context("reattach")?.with_keepalive_interval(silence))?;
    let (say, news) = channel();
    let _listening = client.on_driver(Leases(say))?;
    let attaching = client.producer(producer_config(stream()?)?)?;
    let mut producer = attaching.wait(attach_timeout()?)?;
    let usual = Duration::from_secs(1);
    let (reader, reading) =
        Client::start(context("reattach reader")?.with_keepalive_interval(usual))?;
    let attaching = reader.consumer(consumer_config(stream()?)?)?;
    let mut consumer = attaching.wait(attach_timeout()?)?;
    meet(&mut producer, &patience)?;

    let tensor = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[32, 32])?;
    let mut pixels = vec![0; 32 * 32];
    let (mut number, mut fenced) = (0, 0);
    // Epoch and number of each frame that was read.
    let mut received: Vec<(u64, u64)> = Vec::new();
    let epochs = |received: &[(u64, u64)]| {
        let mut epochs: Vec<_> = received.iter().map(|(epoch, _)| *epoch).collect();
        epochs.dedup();
        epochs.len()
    };
    let wanted = if is_expected { 2 } else { 1 };
    while epochs(&received) < wanted || received.len() < 50 {
        pattern.fill(number, &mut pixels);
        match producer.offer(&Frame::new(tensor, &pixels)) {
            Ok(published) => {
                require(published.seq.get() == number, || format!("{published:?}"))?;
                number += 1;
            }
            // No lease, no writing. The numbers of the next epoch begin at 0.
            Err(OfferError::Fenced) => (number, fenced) = (0, fenced + 1),
            Err(error) => return Err(error.into()),
        }
        let mut outcome = Ok(());
        consumer.poll(8, |descriptor, reader| {
            let got = (descriptor.epoch.get(), descriptor.seq.get());
            outcome = require(received.last().is_none_or(|last| got > *last), || {
                format!("{descriptor:?}")
            })
            .and_then(|()| check(pattern, descriptor.seq.get(), reader));
            received.push(got);
        })?;
        outcome?;
        patience.wait_for("a second epoch")?;
        thread::sleep(Duration::from_millis(4));
    }
    let changes: Vec<_> = news.try_iter().collect();
    println!(
        "{} frames, {fenced} refused in between; the lease: {changes:?}",
        received.len()
    );
    let was_lost = changes
        .iter()
        .any(|change| matches!(change, LeaseChange::Lost(_)));
    require(was_lost == is_expected, || format!("{changes:?}"))?;
    reading.close()?;
    conductor.close()?;
    Ok(())
}
