//! Where frames come from: files in turn, or raw frames on standard input.

use core::error::Error;
use core::time::Duration;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;

use tp_core_nostd::seq::Seq;
use tp_core_nostd::shm::Dtype;

use crate::commands::sources::{Source, Sources};
use crate::tensor::{RawFrames, Shape, Tensor, TensorError};

/// The input that stands for standard input.
pub(super) const STDIN: &str = "-";

/// How many raw frames are read ahead.
const READ_AHEAD: usize = 2;

/// How long to wait for a raw frame before looking at the rest of the world.
const WAIT: Duration = Duration::from_millis(20);

/// What there is to send.
#[derive(Debug)]
pub(super) enum Input {
    /// Again and again, by sequence number.
    Files(Sources),
    /// Each frame once, in order.
    Raw {
        arriving: Receiver<Result<Tensor, TensorError>>,
        next: Option<Source>,
    },
}

/// The frame to send next.
#[derive(Debug)]
pub(super) enum Next<'a> {
    Frame(&'a Source),
    /// Ask again.
    NotYet,
    End,
}

impl Input {
    /// Files that are sent in turn.
    pub(super) fn files(paths: &[PathBuf]) -> Result<Self, Box<dyn Error>> {
        Ok(Self::Files(Sources::read(paths)?))
    }

    /// Raw frames from standard input, read by a thread of its own because nothing interrupts such a read.
    pub(super) fn raw(dtype: Dtype, shape: Shape) -> Result<Self, TensorError> {
        let mut frames = RawFrames::new(io::stdin(), dtype, shape)?;
        let (sender, arriving) = sync_channel(READ_AHEAD);
        thread::spawn(move || {
            while let Some(frame) = frames.next_frame().transpose() {
                let failed = frame.is_err();
                if sender.send(frame).is_err() || failed {
                    break;
                }
            }
        });
        Ok(Self::Raw {
            arriving,
            next: None,
        })
    }

    /// How many frames one round has, if that is known.
    pub(super) fn round(&self) -> Option<u64> {
        match self {
            Self::Files(sources) => Some(sources.count()),
            Self::Raw { .. } => None,
        }
    }

    /// What frame `seq` carries. Waits for a raw frame, but not for long; only raw frames can be faulty by now.
    pub(super) fn frame(&mut self, seq: Seq) -> Result<Next<'_>, TensorError> {
        let (arriving, next) = match self {
            Self::Files(sources) => return Ok(sources.of(seq).map_or(Next::End, Next::Frame)),
            Self::Raw { arriving, next } => (arriving, next),
        };
        if next.is_none() {
            *next = match arriving.recv_timeout(WAIT) {
                Ok(tensor) => Some(Source::new(Path::new(STDIN), tensor?)?),
                Err(RecvTimeoutError::Timeout) => return Ok(Next::NotYet),
                Err(RecvTimeoutError::Disconnected) => return Ok(Next::End),
            };
        }
        Ok(next.as_ref().map_or(Next::NotYet, Next::Frame))
    }

    /// The frame was sent.
    pub(super) fn sent(&mut self) {
        if let Self::Raw { next, .. } = self {
            *next = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tp_core_nostd::shm::MajorOrder;

    #[test]
    fn a_raw_frame_stays_next_until_it_was_sent() {
        let (sender, arriving) = sync_channel(2);
        let next = None;
        let mut input = Input::Raw { arriving, next };
        assert!(matches!(input.frame(Seq::FIRST), Ok(Next::NotYet)));
        for byte in [1, 2] {
            let tensor = Tensor {
                dtype: Dtype::Uint8,
                order: MajorOrder::Row,
                dims: vec![1],
                bytes: vec![byte],
            };
            sender.send(Ok(tensor)).unwrap();
        }
        drop(sender);
        let next = |input: &mut Input| match input.frame(Seq::FIRST).unwrap() {
            Next::Frame(source) => Some(source.bytes[0]),
            _ => None,
        };
        assert_eq!(next(&mut input), Some(1));
        assert_eq!(next(&mut input), Some(1));
        input.sent();
        assert_eq!(next(&mut input), Some(2));
        input.sent();
        assert!(matches!(input.frame(Seq::FIRST), Ok(Next::End)));
    }
}
