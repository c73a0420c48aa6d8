//! Which frames a frame was made from: each frame of two cameras has a trace id, and a stage that makes one of two names
//! both. Whoever listens to the control stream can draw the family tree.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::mpsc::{Sender, channel};

use tp_core_nostd::wire::tracelink::TraceLinkSet;
use tp_examples::{Cameras, Outcome, Patience, attach_timeout, context, frames, require, streams};
use tp_std::handlers::ControlHandler;
use tp_std::{
    Client, Dtype, Frame, JoinConfig, LinkSent, MajorOrder, ProducerConfig, SequenceJoinBarrier,
    SequenceMap, Stage, TensorHeader, Tracing,
};

/// Hands on who has which parents.
struct Genealogist(Sender<(u64, Vec<u64>)>);

impl ControlHandler for Genealogist {
    fn on_trace_link_set(&mut self, links: &TraceLinkSet<'_>) {
        let parents = links.parents.iter().map(|parent| parent.get()).collect();
        // Nobody listens any more only at the end.
        let _ = self.0.send((links.trace_id.get(), parents));
    }
}

fn main() -> Outcome {
    let (patience, frames) = (Patience::new()?, frames()?);
    let (client, conductor) = Client::start(context("trace_n_to_1")?)?;
    let (births, told) = channel();
    let _genealogist = client.on_control(Genealogist(births))?;
    let [left, right, out] = streams()?;
    let (mut cameras, mut inputs) = Cameras::attach(&client)?;
    let config = ProducerConfig::new(out).with_tracing(Tracing::of(Stage::NToOne));
    let mut stage = client.producer(config)?.wait(attach_timeout()?)?;

    let map = SequenceMap::new(out)
        .with_offset(left, 0)?
        .with_offset(right, 0)?;
    let mut join: SequenceJoinBarrier = client.join(JoinConfig::new(out))?;
    join.begin_epoch(stage.epoch().ok_or("the lease is gone")?);
    let _ = join.apply(&map.into());

    let tensor = TensorHeader::contiguous(Dtype::Uint64, MajorOrder::Row, &[1])?;
    let mut expected = BTreeMap::new();
    for number in 0..frames {
        cameras.left(None)?;
        cameras.right(None)?;
        let next = stage.next_seq().ok_or("the lease is gone")?;
        while !join.ready(next).is_ready() {
            if join.poll(&mut inputs, 16)? == 0 {
                patience.wait_for("frames")?;
            }
        }
        let read = join.read(&mut inputs, |input, view| cameras.is_theirs(input, view));
        require(read.is_whole(), || format!("{number}: {read:?}"))?;

        // A new id, with both as parents. It goes out with the frame, the parents behind it.
        let parents: Vec<_> = join.parents().flatten().collect();
        let traced = stage.trace(join.parents()).ok_or("there is no node id")?;
        expected.insert(traced.trace_id().get(), parents);
        let bytes = number.to_le_bytes();
        let published = stage.offer(&Frame::new(tensor, &bytes).with_trace(&traced))?;
        let sent = stage.link(&published, traced);
        require(sent == LinkSent::Offered, || format!("{number}: {sent:?}"))?;
    }
    while !expected.is_empty() {
        for (id, parents) in told.try_iter() {
            let known = expected.remove(&id);
            require(known.as_deref() == Some(&parents[..]), || {
                format!("{id} was made from {parents:?}")
            })?;
        }
        patience.wait_for("all links")?;
    }
    println!("{:?}", stage.link_counters());
    conductor.close_and_wait(Duration::from_secs(1))?;
    Ok(())
}
