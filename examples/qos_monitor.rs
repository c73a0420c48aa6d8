//! Watches how the others are doing: the newest report of each producer and consumer. Run it beside `driver_consumer` and
//! `driver_producer`; it fails when a consumer reports losses.

use core::time::Duration;

use tp_examples::{Outcome, Patience, context, require, stream};
use tp_std::handlers::{Qos, QosCache};
use tp_std::{Client, Poller, QOS_STREAM, aeron::DEFAULT_CHANNEL};

fn main() -> Outcome {
    let (stream, patience) = (stream()?, Patience::new()?);
    let (client, conductor) = Client::start(context("qos_monitor")?)?;
    let mut poller = Poller::<Qos>::new(&client, DEFAULT_CHANNEL, QOS_STREAM)?;
    let mut reports = QosCache::new(64);

    loop {
        poller.poll(&mut reports)?;
        let producer = reports
            .producers()
            .find(|report| report.stream_id == stream);
        let consumer = reports
            .consumers()
            .find(|report| report.stream_id == stream);
        if let (Some(producer), Some(consumer)) = (producer, consumer)
            && consumer.last_seq_seen.get() > 0
        {
            let lost = consumer.drops_gap + consumer.drops_late;
            require(lost == 0, || {
                format!("{lost} frames were lost: {consumer:?}")
            })?;
            println!(
                "written {}, read {}, none lost",
                producer.current_seq, consumer.last_seq_seen
            );
            break;
        }
        patience.wait_for("reports of a producer and a consumer")?;
    }
    conductor.close_and_wait(Duration::from_secs(1))?;
    Ok(())
}
