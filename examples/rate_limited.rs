//! A consumer that wants ten frames a second of a stream that has two hundred: a rate limiter makes a stream for it, with
//! the newest frame each time and under the numbers of the source.

use core::time::Duration;
use std::thread;

use tp_examples::{
    Outcome, Patience, attach_timeout, check, context, meet, pattern, producer_config, require,
    stream, switch,
};
use tp_std::aeron::Channel;
use tp_std::agent::{AgentRunner, Placement};
use tp_std::idle::Idle;
use tp_std::rate_limiter::{LaneConfig, RateLimiter, RateLimiterConfig};
use tp_std::{Client, ConsumerConfig, Dtype, Endpoint, Frame, MajorOrder, StreamId, TensorHeader};

const HZ: u32 = 10;
const FRAMES: usize = 20;

fn main() -> Outcome {
    let (pattern, patience, source) = (pattern()?, Patience::new()?, stream()?);
    let thin = StreamId::new(switch("DEST_STREAM_ID")?.unwrap_or(10_001)).ok_or("no stream")?;
    let descriptors = Endpoint::new(Channel::ipc(), 1110);
    // An agent of its own, usually a process of its own: `tp rate-limit`.
    let mut config =
        RateLimiterConfig::new(descriptors.clone(), vec![LaneConfig::new(source, thin)]);
    if let Some(dir) = switch::<String>("ALLOW_DIR")? {
        config.allowed_dirs = vec![dir.into()];
    }
    let idle = Idle::sleeping(Duration::from_micros(200));
    let limiter =
        AgentRunner::new(RateLimiter::connect(config)?, idle).start(&Placement::default())?;

    let (client, conductor) = Client::start(context("rate_limited")?)?;
    let attaching = client.producer(producer_config(source)?)?;
    let mut producer = attaching.wait(attach_timeout()?)?;
    let (reader, reading) =
        Client::start(context("rate_limited reader")?.with_descriptor(descriptors))?;
    let config = ConsumerConfig::new(thin).with_max_rate_hz(HZ);
    let mut consumer = reader.consumer(config)?.wait(attach_timeout()?)?;
    meet(&mut producer, &patience)?;

    let tensor = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[32, 32])?;
    let mut pixels = vec![0; 32 * 32];
    let mut received: Vec<(u64, u64)> = Vec::new();
    let mut number = 0;
    while received.len() < FRAMES {
        pattern.fill(number, &mut pixels);
        producer.offer(&Frame::new(tensor, &pixels))?;
        number += 1;
        let mut outcome = Ok(());
        consumer.poll(8, |descriptor, reader| {
            // The number is the source's, so it says what the frame holds.
            outcome = check(pattern, descriptor.seq.get(), reader);
            received.push((descriptor.seq.get(), descriptor.timestamp_ns.unwrap_or(0)));
        })?;
        outcome?;
        patience.wait_for("frames")?;
        thread::sleep(Duration::from_millis(4));
    }
    let apart = Duration::from_secs(1) / HZ;
    for pair in received.windows(2) {
        let [(before, left), (after, right)] = pair else {
            continue;
        };
        let is_later =
            after > before && right.saturating_sub(*left) >= u64::try_from(apart.as_nanos())?;
        require(is_later, || format!("{pair:?} are closer than {apart:?}"))?;
    }
    println!(
        "{} of {number} frames, at least {apart:?} apart",
        received.len()
    );
    reading.close()?;
    conductor.close()?;
    limiter.close().map_err(|ended| format!("{ended:?}"))?;
    Ok(())
}
