//! Two cameras, for examples that make one stream of two.

use tp_std::{
    Client, CommitMeta, Consumer, ConsumerConfig, Dtype, FrameView, JoinInput, MajorOrder,
    Producer, ProducerConfig, Stage, StreamId, TensorHeader, Tracing,
};

use crate::switches::{attach_timeout, pattern, stream};
use crate::{Outcome, Pattern};

/// Bytes of each frame.
const LEN: u32 = 32 * 32;

/// The streams of the two cameras, and that of what is made of them: `TP_EXAMPLE_STREAM_ID` and the two that follow.
///
/// # Errors
/// The switch makes no sense.
pub fn streams() -> Result<[StreamId; 3], Box<dyn core::error::Error>> {
    let left = stream()?;
    let following = |count| StreamId::new(left.get().checked_add(count)?);
    let (right, out) = following(1).zip(following(2)).ok_or("too high a stream")?;
    Ok([left, right, out])
}

/// Both of them, on the thread of the example.
#[derive(Debug)]
pub struct Cameras {
    left: Producer,
    right: Producer,
    pattern: Pattern,
}

impl Cameras {
    /// The cameras, and consumers of their streams in the same order. Each frame has a trace id.
    ///
    /// # Errors
    /// A lease is refused, or a switch makes no sense.
    pub fn attach(client: &Client) -> Result<(Self, [Consumer; 2]), Box<dyn core::error::Error>> {
        let [left, right, _] = streams()?;
        let camera = |stream| {
            let config = ProducerConfig::new(stream).with_tracing(Tracing::of(Stage::Root));
            attach_timeout()
                .map_err(Into::into)
                .and_then(|timeout| Ok(client.producer(config)?.wait(timeout)?))
        };
        let (left_camera, right_camera): (Producer, Producer) = match (camera(left), camera(right))
        {
            (Ok(left), Ok(right)) => (left, right),
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        // A frame that is found in memory before its descriptor comes has no trace id.
        let config = |stream| ConsumerConfig::new(stream).with_watched_memory(false);
        let consumer = |stream| client.consumer(config(stream));
        let timeout = attach_timeout()?;
        let inputs = [
            consumer(left)?.wait(timeout)?,
            consumer(right)?.wait(timeout)?,
        ];
        let cameras = Self {
            left: left_camera,
            right: right_camera,
            pattern: pattern()?,
        };
        Ok((cameras, inputs))
    }

    /// The left one sends its next frame, captured at `capture_ns`, or now.
    ///
    /// # Errors
    /// It is not taken.
    pub fn left(&mut self, capture_ns: Option<u64>) -> Outcome {
        shoot(&mut self.left, self.pattern, capture_ns)
    }

    /// The right one does.
    ///
    /// # Errors
    /// It is not taken.
    pub fn right(&mut self, capture_ns: Option<u64>) -> Outcome {
        shoot(&mut self.right, self.pattern, capture_ns)
    }

    /// Whether a frame that a join hands out is what the camera sent.
    pub fn is_theirs(&self, input: &JoinInput, view: &FrameView<'_>) -> bool {
        let mut pixels = [0; LEN as usize];
        let copied = view.copy_to(&mut pixels) == Ok(pixels.len());
        copied && self.pattern.check(input.seq.get(), &pixels).is_ok()
    }
}

fn shoot(camera: &mut Producer, pattern: Pattern, capture_ns: Option<u64>) -> Outcome {
    let tensor = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[32, 32])?;
    let mut claim = camera.try_claim(LEN)?;
    pattern.fill(claim.seq().get(), claim.bytes());
    let meta = CommitMeta {
        capture_ns,
        ..CommitMeta::default()
    };
    camera
        .commit(claim, &tensor, meta)
        .map_err(|refused| refused.reason)?;
    Ok(())
}
