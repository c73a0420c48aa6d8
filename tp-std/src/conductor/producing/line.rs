//! A stream whose listeners are as a test says, for what a producer tells.

use tp_core_nostd::proto::dispatch::{Message, classify};
use tp_core_nostd::transport::{Publication, SendError};

use crate::medium::Sender;

#[derive(Debug)]
pub(super) struct Line {
    pub(super) connected: bool,
    /// What becomes of every message.
    pub(super) refuses: Option<SendError>,
    /// The longest message it takes.
    pub(super) max: usize,
    said: Vec<Vec<u8>>,
}

impl Line {
    pub(super) const fn open() -> Self {
        Self {
            connected: true,
            refuses: None,
            max: usize::MAX,
            said: Vec::new(),
        }
    }

    /// What was said since the last call.
    pub(super) fn said<T>(&mut self, look: impl Fn(Message<'_>) -> T) -> Vec<T> {
        let said = core::mem::take(&mut self.said);
        said.iter()
            .map(|bytes| look(classify(bytes).unwrap()))
            .collect()
    }
}

impl Publication for Line {
    fn offer(&mut self, message: &[u8]) -> Result<(), SendError> {
        let (len, max) = (message.len(), self.max);
        match self.refuses {
            Some(refusal) => Err(refusal),
            None if !self.connected => Err(SendError::NotConnected),
            None if len > max => Err(SendError::TooLong { len, max }),
            None => {
                self.said.push(message.to_vec());
                Ok(())
            }
        }
    }

    fn is_connected(&self) -> bool {
        self.connected
    }
}

impl Sender for Line {
    fn can_accept(&self, _: usize) -> Result<(), SendError> {
        self.refuses.map_or(Ok(()), Err)
    }
}
