//! A recorder: writes down which frames there are without being a consumer, then goes over to what is said on control. It
//! reads no memory, asks no driver, and holds nobody up.

use core::time::Duration;

use tp_core_nostd::wire::control::{FrameDescriptor, ShmPoolAnnounce};
use tp_examples::{
    Outcome, Patience, attach_timeout, context, frames, producer_config, require, stream,
};
use tp_std::handlers::{Control, ControlHandler, DescriptorHandler, Descriptors, StreamUse};
use tp_std::{
    ANNOUNCE_STREAM, CONTROL_STREAM, Client, DESCRIPTOR_STREAM, Dtype, Epoch, Frame, MajorOrder,
    Poller, StreamId, TensorHeader, aeron::DEFAULT_CHANNEL,
};

/// The numbers of the frames of one stream, in the order they came.
struct Recording(StreamId, Vec<u64>);

impl DescriptorHandler for Recording {
    fn on_descriptor(&mut self, descriptor: &FrameDescriptor) {
        if descriptor.stream_id == self.0 {
            self.1.push(descriptor.seq.get());
        }
    }
}

/// The newest announced epoch of one stream.
struct Announced(StreamId, Option<Epoch>);

impl ControlHandler for Announced {
    fn on_pool_announce(&mut self, announce: &ShmPoolAnnounce<'_>, _: StreamUse) {
        if announce.stream_id == self.0 {
            self.1 = Some(announce.epoch);
        }
    }
}

fn main() -> Outcome {
    let (stream, patience, frames) = (stream()?, Patience::new()?, frames()?);
    let (client, conductor) = Client::start(context("recorder_tap")?)?;
    let tap = Poller::<Descriptors>::new(&client, DEFAULT_CHANNEL, DESCRIPTOR_STREAM)?;
    let mut tap = tap.with_fragment_limit(64);
    let mut recording = Recording(stream, Vec::new());

    let mut producer = client
        .producer(producer_config(stream)?)?
        .wait(attach_timeout()?)?;
    while !tap.is_connected() {
        tap.poll(&mut recording)?;
        patience.wait_for("the tap")?;
    }
    let tensor = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[32, 32])?;
    for _ in 0..frames {
        producer.offer(&Frame::new(tensor, &[0; 32 * 32]))?;
        tap.poll(&mut recording)?;
    }
    while (recording.1.len() as u64) < frames {
        tap.poll(&mut recording)?;
        patience.wait_for("descriptors")?;
    }
    require(recording.1.iter().copied().eq(0..frames), || {
        format!("recorded {:?}", recording.1)
    })?;
    let (unfit, interruptions) = (tap.malformed_messages(), tap.interruptions());
    require(unfit + interruptions == 0, || {
        format!("{unfit} misfits, {interruptions} gaps")
    })?;

    // The same way to any other stream; first to where nobody announces, then to where the driver does.
    let mut announces = Poller::<Control>::new(&client, DEFAULT_CHANNEL, CONTROL_STREAM)?;
    announces.rebind(DEFAULT_CHANNEL, ANNOUNCE_STREAM)?;
    let mut announced = Announced(stream, None);
    while announced.1.is_none() {
        announces.poll(&mut announced)?;
        patience.wait_for("an announce")?;
    }
    require(announced.1 == producer.epoch(), || "another epoch".into())?;
    println!("{frames} frames recorded, of epoch {:?}", announced.1);
    conductor.close_and_wait(Duration::from_secs(1))?;
    Ok(())
}
