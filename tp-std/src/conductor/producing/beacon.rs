//! A producer without a driver announces its regions itself, on the control stream, where consumers of every kind listen.

use tp_core_nostd::ids::{ClientId, StreamId};
use tp_core_nostd::proto::pool_beacon::PoolBeacon;
use tp_core_nostd::time::{Duration, Instant};
use tp_core_nostd::transport::SendError;

use crate::medium::Sender;
use crate::own_regions::OwnRegions;

/// Bytes of an announce besides its URIs: header, block, and 16 pools.
const OVERHEAD: usize = 512;

#[derive(Debug)]
pub(super) struct Beacon {
    machine: PoolBeacon,
    own: OwnRegions,
    message: Box<[u8]>,
}

impl Beacon {
    pub(super) fn new(
        stream: StreamId,
        client: ClientId,
        period: Duration,
        own: OwnRegions,
    ) -> Self {
        Self {
            machine: PoolBeacon::new(stream, client, period),
            message: vec![0; own.uri_bytes().saturating_add(OVERHEAD)].into_boxed_slice(),
            own,
        }
    }

    pub(super) const fn hasten(&mut self) {
        self.machine.hasten();
    }

    pub(super) fn tend(&mut self, now: Instant, control: &mut dyn Sender) -> u32 {
        if !self.machine.is_due(now) || !control.is_connected() {
            return 0;
        }
        let message = &mut self.message;
        let Some(regions) = self.own.announced() else {
            return 0;
        };
        let sent = self.machine.transmit(now, regions, |announce| {
            // The buffer was made for these regions.
            let length = announce.encode(message).map_err(|_| SendError::Closed)?;
            match control.offer(message.get(..length).unwrap_or_default()) {
                // It will not fit the next time either.
                Err(SendError::TooLong { len, max }) => {
                    tracing::warn!(len, max, "the announce is too long for the control stream");
                    Ok(())
                }
                result => result,
            }
        });
        u32::from(sent == Ok(true))
    }
}
