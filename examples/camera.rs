//! A camera SDK that is told of its buffers once: it fills them in any order, cancels some, and no byte is copied. Address,
//! index and payload slot of a buffer never change, and the number of a frame says in which slot it lies.

use tp_examples::{
    Outcome, Patience, attach_timeout, check, context, frames, meet, pattern, require, stream,
};
use tp_std::{
    Client, CommitMeta, ConsumerConfig, Dtype, FixedPoolConfig, MajorOrder, ProducerConfig, Queued,
    Slot, TensorHeader,
};

const BUFFERS: u32 = 8;
const LEN: u32 = 32 * 32;

/// Where a buffer is, as the SDK was told when it was registered.
struct Registered {
    index: u32,
    address: *const u8,
}

impl Registered {
    fn is_still(&self, slot: &Slot<impl Sized>) -> bool {
        slot.index().get() == self.index && slot.as_ptr() == self.address
    }
}

/// The order in which a camera is done with its buffers: none that the application could foresee.
fn any_of(queued: usize, turn: u64) -> usize {
    usize::try_from(turn.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33).map_or(0, |at| at % queued)
}

fn main() -> Outcome {
    let (pattern, patience) = (pattern()?, Patience::new()?);
    let (client, conductor) = Client::start(context("camera")?)?;
    let attaching = client.producer(ProducerConfig::new(stream()?))?;
    let mut streaming = attaching.wait(attach_timeout()?)?;
    let attaching = client.consumer(ConsumerConfig::new(stream()?))?;
    let mut consumer = attaching.wait(attach_timeout()?)?;
    meet(&mut streaming, &patience)?;

    let config = FixedPoolConfig {
        buffers: BUFFERS,
        len: LEN,
    };
    let (mut producer, mut queued) = streaming.into_fixed_pool(config)?;
    let register = |slot: &Slot<Queued>| Registered {
        index: slot.index().get(),
        address: slot.as_ptr(),
    };
    let registered: Vec<_> = queued.iter().map(register).collect();
    let is_known = |slot: &Slot<Queued>| registered.iter().any(|buffer| buffer.is_still(slot));

    let tensor = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[32, 32])?;
    let meta = CommitMeta {
        len: Some(LEN),
        ..CommitMeta::default()
    };
    let (mut content, mut received) = (0, 0);
    for turn in 0.. {
        if content == frames()? {
            break;
        }
        let mut slot = queued.swap_remove(any_of(queued.len(), turn));
        require(is_known(&slot), || format!("{slot:?} is no buffer of ours"))?;
        pattern.fill(content, slot.bytes());
        if turn % 5 == 0 {
            queued.push(producer.queue(slot)?); // the camera cancelled it
            continue;
        }
        let (published, filled) = producer.commit(slot, &tensor, meta)?;
        // What was written at the registered address is the payload: its place follows from the number of the frame.
        let (number, index) = (published.seq.get(), u64::from(filled.index().get()));
        require(
            number % u64::from(BUFFERS) == index % u64::from(BUFFERS),
            || format!("frame {number} lies in buffer {index}"),
        )?;
        while received <= content {
            let mut outcome = Ok(());
            let polled = consumer.poll(1, |descriptor, reader| {
                outcome = require(descriptor.seq == published.seq, || {
                    format!("{descriptor:?}")
                })
                .and_then(|()| check(pattern, content, reader));
                received += 1;
            })?;
            outcome?;
            if polled == 0 {
                patience.wait_for("a frame")?;
            }
        }
        queued.push(producer.queue(filled)?);
        content += 1;
    }
    require(
        queued.len() == registered.len() && queued.iter().all(is_known),
        || "a buffer moved".into(),
    )?;
    println!("{content} frames in {BUFFERS} buffers that never moved");
    drop(queued); // acquisition ended: the slots go back
    drop(
        producer
            .into_streaming()
            .map_err(|_| "a buffer is still lent")?,
    );
    conductor.close()?;
    Ok(())
}
