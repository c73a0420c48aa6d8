//! One stream of two, of whatever is newest of each: for lowest latency, where it does not matter that they are not of the
//! same moment.

use core::time::Duration;

use tp_examples::{Cameras, Outcome, Patience, attach_timeout, context, frames, require, streams};
use tp_std::{
    Client, Dtype, Frame, JoinConfig, LatestJoinBarrier, MajorOrder, ProducerConfig, SequenceMap,
    TensorHeader,
};

fn main() -> Outcome {
    let (patience, frames) = (Patience::new()?, frames()?);
    let (client, conductor) = Client::start(context("join_latest")?)?;
    let [left, right, out] = streams()?;
    let (mut cameras, mut inputs) = Cameras::attach(&client)?;
    let attaching = client.producer(ProducerConfig::new(out))?;
    let mut stage = attaching.wait(attach_timeout()?)?;

    // The map names the inputs; what it says of numbers does not matter here.
    let map = SequenceMap::new(out)
        .with_offset(left, 0)?
        .with_offset(right, 0)?;
    let mut join: LatestJoinBarrier = client.join(JoinConfig::new(out))?;
    join.begin_epoch(stage.epoch().ok_or("the lease is gone")?);
    // A stage that knows its map needs nobody to tell it.
    let _ = join.apply(&map.into());
    require(join.has_map(), || "the map does not apply".into())?;

    let tensor = TensorHeader::contiguous(Dtype::Uint64, MajorOrder::Row, &[2])?;
    for number in 0..frames {
        cameras.left(None)?;
        if number % 3 == 0 {
            cameras.right(None)?;
        }
        let newest = [number, number / 3];
        loop {
            while join.poll(&mut inputs, 16)? > 0 {}
            let mut seqs = Vec::new();
            if join.ready(()).is_ready() {
                let read = join.read(&mut inputs, |input, view| {
                    seqs.push(input.seq.get());
                    cameras.is_theirs(input, view)
                });
                require(read.is_whole(), || format!("{number}: {read:?}"))?;
            }
            if seqs == newest {
                break;
            }
            patience.wait_for("the newest frames")?;
        }
        let bytes = newest.map(u64::to_le_bytes);
        stage.offer(&Frame::new(tensor, bytes.as_flattened()))?;
    }
    println!("{:?}", join.counters());
    conductor.close_and_wait(Duration::from_secs(1))?;
    Ok(())
}
