//! One stream of two of different rates, by time: for each frame of the slow camera, those of the fast one that were
//! captured in the 25 ms before.

use core::time::Duration;

use tp_examples::{Cameras, Outcome, Patience, attach_timeout, context, frames, require, streams};
use tp_std::{
    Client, ClockDomain, Dtype, Frame, JoinConfig, MajorOrder, OutTime, ProducerConfig,
    TensorHeader, TimestampJoinBarrier, TimestampMap, TimestampSource,
};

/// The fast camera captures a frame so often, the slow one every fourth time.
const EVERY_NS: u64 = 10_000_000;
const WINDOW: Duration = Duration::from_millis(25);

fn main() -> Outcome {
    let (patience, frames) = (Patience::new()?, frames()?);
    let (client, conductor) = Client::start(context("join_timestamp")?)?;
    let [fast, slow, out] = streams()?;
    let (mut cameras, mut inputs) = Cameras::attach(&client)?;
    let attaching = client.producer(ProducerConfig::new(out))?;
    let mut stage = attaching.wait(attach_timeout()?)?;

    let captured = TimestampSource::SlotHeader;
    let map = TimestampMap::new(out, ClockDomain::Monotonic)
        .with_window(fast, captured, WINDOW)?
        .with_offset(slow, captured, 0)?;
    let _announcing = client.announce_merge_map(map)?;
    let mut join: TimestampJoinBarrier = client.join(JoinConfig::new(out))?;
    join.begin_epoch(stage.epoch().ok_or("the lease is gone")?);
    // Times count from the first announce of an input on: it says of which clock they are.
    while !join.has_map() || inputs.iter().any(|input| input.clock_domain().is_none()) {
        patience.wait_for("the merge map, and announces")?;
    }

    let tensor = TensorHeader::contiguous(Dtype::Uint64, MajorOrder::Row, &[1])?;
    for number in 0..frames {
        let time = (number + 100) * EVERY_NS;
        cameras.left(Some(time))?;
        if number % 4 != 0 {
            continue;
        }
        cameras.right(Some(time))?;
        let output = OutTime {
            ns: time,
            clock: ClockDomain::Monotonic,
        };
        while !join.ready(output).is_ready() {
            if join.poll(&mut inputs, 16)? == 0 {
                patience.wait_for("frames")?;
            }
        }
        let mut seqs = Vec::new();
        let read = join.read(&mut inputs, |input, view| {
            seqs.push(input.seq.get());
            cameras.is_theirs(input, view)
        });
        require(read.is_whole(), || format!("{number}: {read:?}"))?;
        let mut expected: Vec<_> = (number.saturating_sub(2)..=number).collect();
        expected.push(number / 4);
        require(seqs == expected, || format!("{number} of {seqs:?}"))?;
        stage.offer(&Frame::new(tensor, &time.to_le_bytes()))?;
    }
    println!("{:?}", join.counters());
    conductor.close_and_wait(Duration::from_secs(1))?;
    Ok(())
}
