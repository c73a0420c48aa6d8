//! One stream of two, by number: frame n is made from frame n of the left camera and the last three up to n of the right
//! one.

use core::time::Duration;

use tp_examples::{Cameras, Outcome, Patience, attach_timeout, context, frames, require, streams};
use tp_std::{
    Client, CommitMeta, Dtype, JoinConfig, MajorOrder, ProducerConfig, Seq, SequenceJoinBarrier,
    SequenceMap, TensorHeader,
};

/// Frames of the right camera in each output.
const WINDOW: u32 = 3;
/// The first output.
const FIRST: u64 = 2;

fn main() -> Outcome {
    let (patience, frames) = (Patience::new()?, frames()?);
    let (client, conductor) = Client::start(context("join_sequence")?)?;
    let [left, right, out] = streams()?;
    let (mut cameras, mut inputs) = Cameras::attach(&client)?;
    let attaching = client.producer(ProducerConfig::new(out))?;
    let mut stage = attaching.wait(attach_timeout()?)?;

    // Who produces the output says what it is made from, in whatever epoch it is.
    let map = SequenceMap::new(out)
        .with_offset(left, 0)?
        .with_window(right, WINDOW)?;
    let _announcing = client.announce_merge_map(map)?;
    let mut join: SequenceJoinBarrier = client.join(JoinConfig::new(out))?;
    join.begin_epoch(stage.epoch().ok_or("the lease is gone")?);
    while !join.has_map() {
        patience.wait_for("the merge map")?;
    }

    // Before it no window is full. Numbers are passed over, so that those of inputs and output stay the same.
    let skipped = Seq::new(FIRST).is_some_and(|first| stage.skip_to(first));
    require(skipped, || "numbers cannot be passed over".into())?;
    let tensor = TensorHeader::contiguous(Dtype::Uint64, MajorOrder::Row, &[4])?;
    for number in 0..frames {
        cameras.left(None)?;
        cameras.right(None)?;
        if number < FIRST {
            continue;
        }
        let mut claim = stage.try_claim(32)?;
        require(claim.seq().get() == number, || format!("{claim:?}"))?;
        while !join.ready(claim.seq()).is_ready() {
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
        require(seqs == [number, number - 2, number - 1, number], || {
            format!("{number} of {seqs:?}")
        })?;
        let words = seqs.iter().flat_map(|seq| seq.to_le_bytes());
        claim
            .bytes()
            .iter_mut()
            .zip(words)
            .for_each(|(to, from)| *to = from);
        stage
            .commit(claim, &tensor, CommitMeta::default())
            .map_err(|refused| refused.reason)?;
    }
    println!("{:?}", join.counters());
    conductor.close_and_wait(Duration::from_secs(1))?;
    Ok(())
}
