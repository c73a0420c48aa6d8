//! Finds a stream by its name, then reads it. Run it beside `discovery_provider` and `driver_producer`. What was found is
//! advice: the epoch and the files that the provider invents do no harm, since only the driver's word counts.

use core::time::Duration;

use tp_examples::{Outcome, Patience, attach_timeout, context, frames, pattern, require};
use tp_std::discovery::{Discovery, DiscoveryConfig, Filter};
use tp_std::{Client, ConsumerConfig};

fn main() -> Outcome {
    let (pattern, patience, frames) = (pattern()?, Patience::new()?, frames()?);
    let (client, conductor) = Client::start(context("discovery_consumer")?)?;
    let mut discovery = Discovery::new(&client, &DiscoveryConfig::default())?;
    let camera = Filter {
        data_source_name: Some("camera"),
        ..Filter::default()
    };
    let found = discovery.find(&camera)?;
    let camera = found
        .named("camera")
        .ok_or("no provider knows the camera")?;
    require(camera.has_tag("example"), || format!("{camera:?}"))?;
    println!(
        "stream {}, of the driver at {:?}",
        camera.stream, camera.driver_control
    );

    // A camera of another driver would be refused here; `Context::for_driver_of` makes a client of that one.
    let mut consumer = client
        .consumer(ConsumerConfig::found(camera))?
        .wait(attach_timeout()?)?;
    let mut pixels = vec![0; 32 * 32];
    let mut received = 0;
    while received < frames {
        let mut outcome: Outcome = Ok(());
        let polled = consumer.poll(64, |_, reader| {
            if outcome.is_ok() {
                outcome = (|| {
                    let len = reader.read()?.copy_to(&mut pixels)?;
                    pattern.check(received, pixels.get(..len).unwrap_or(&[]))
                })();
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
