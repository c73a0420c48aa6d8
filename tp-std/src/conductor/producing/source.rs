//! The beacon of a source, and its metadata (wire 4.7).

use tp_core_nostd::ids::{ClientId, StreamId};
use tp_core_nostd::proto::metadata::{Due, NAME_MAX, SUMMARY_MAX, SourceMetadata};
use tp_core_nostd::time::{Duration, Instant};
use tp_core_nostd::transport::SendError;

use super::telling::Teller;
use crate::medium::Sender;
use crate::producer::Voice;

/// Bytes of a message besides texts and attributes; more than either of the two has.
const OVERHEAD: usize = 128;
/// Versions told in one duty cycle at most (C-146).
const VERSIONS_PER_CYCLE: u32 = 4;

#[derive(Debug)]
pub(super) struct Source {
    /// `None` only if there is no memory for an empty list of attributes.
    machine: Option<SourceMetadata<Box<[u8]>>>,
    message: Box<[u8]>,
}

impl Source {
    pub(super) fn new(
        stream: StreamId,
        client: ClientId,
        period: Duration,
        capacity: usize,
    ) -> Self {
        let storage = vec![0; capacity].into_boxed_slice();
        let longest = capacity.max(NAME_MAX.saturating_add(SUMMARY_MAX));
        Self {
            machine: SourceMetadata::new(stream, client, period, storage),
            message: vec![0; longest.saturating_add(OVERHEAD)].into_boxed_slice(),
        }
    }

    pub(super) const fn asked(&mut self) {
        if let Some(machine) = &mut self.machine {
            machine.asked();
        }
    }

    /// Tells each version in turn, since frames name it; where nobody listens only the last one counts.
    pub(super) fn tend(
        &mut self,
        now: Instant,
        teller: Teller,
        voice: &Voice,
        sender: &mut dyn Sender,
    ) -> u32 {
        let Some(machine) = &mut self.machine else {
            return 0;
        };
        if voice.is_source_asked() {
            machine.asked();
        }
        machine.set_producer(teller.client);
        if !sender.is_connected() {
            while let Some(description) = voice.next_description() {
                machine.adopt(description);
            }
            return 0;
        }
        let mut told = 0_u32;
        for _ in 0..VERSIONS_PER_CYCLE {
            let message = &mut self.message;
            loop {
                let sent =
                    machine.transmit(now, Some(teller.epoch), |due| send(&due, message, sender));
                match sent {
                    Ok(true) => told = told.saturating_add(1),
                    Ok(false) => break,
                    Err(_) => return told,
                }
            }
            match voice.next_description() {
                Some(description) => drop(machine.adopt(description)),
                None => break,
            }
        }
        told
    }
}

fn send(due: &Due<'_>, message: &mut [u8], sender: &mut dyn Sender) -> Result<(), SendError> {
    let encoded = match due {
        Due::Announce(announce) => announce.encode(message),
        Due::Meta(meta) => meta.encode(message),
    };
    // The buffer was made for the longest there can be.
    let length = encoded.map_err(|_| SendError::Closed)?;
    match sender.offer(message.get(..length).unwrap_or_default()) {
        // It will not fit the next time either.
        Err(SendError::TooLong { len, max }) => {
            tracing::warn!(
                len,
                max,
                "metadata is too long for its stream and is not told"
            );
            Ok(())
        }
        result => result,
    }
}

#[cfg(test)]
mod tests;
