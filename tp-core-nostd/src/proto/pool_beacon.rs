//! A producer without a driver says where its regions are (wire 5.3, C-078). With a driver it never does: that is the
//! driver's to say (W-036).
//!
//! ```text
//!  each period, new regions, a new consumer ──▶ ShmPoolAnnounce, stamped with the monotonic clock (T-10)
//! ```

use crate::ids::{ClientId, Epoch, StreamId};
use crate::proto::cadence::Cadence;
use crate::seq::SlotCount;
use crate::shm::LAYOUT_VERSION;
use crate::time::{Duration, Instant};
use crate::uri::RegionUri;
use crate::wire::Pools;
use crate::wire::control::ShmPoolAnnounce;
use crate::wire::enums::ClockDomain;

/// Regions that a producer has from its owner, as it announces them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced<'a> {
    /// Their incarnation.
    pub epoch: Epoch,
    /// Slots of the ring and of each pool.
    pub slots: SlotCount,
    /// The payload pools, at least one.
    pub pools: Pools<'a>,
    /// Where the header ring is.
    pub header_uri: RegionUri<'a>,
}

/// Announces the regions of one producer.
#[derive(Clone, Copy, Debug)]
pub struct PoolBeacon {
    stream: StreamId,
    producer: ClientId,
    cadence: Cadence,
}

impl PoolBeacon {
    /// Due at once, then each period; a period of zero announces only at the start and when asked to.
    pub const fn new(stream: StreamId, producer: ClientId, period: Duration) -> Self {
        let mut cadence = Cadence::new(period);
        cadence.hasten();
        Self {
            stream,
            producer,
            cadence,
        }
    }

    /// A consumer came, whose subscription counts no announce from before it (T-11).
    pub const fn hasten(&mut self) {
        self.cadence.hasten();
    }

    /// Whether an announce is due.
    pub fn is_due(&self, now: Instant) -> bool {
        self.cadence.is_due(now)
    }

    /// Offers the message to `emit`, if it is due; returns whether it was sent.
    ///
    /// # Errors
    /// What `emit` returned; the message stays due.
    pub fn transmit<E>(
        &mut self,
        now: Instant,
        regions: Announced<'_>,
        emit: impl FnOnce(&ShmPoolAnnounce<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        if !self.cadence.is_due(now) {
            return Ok(false);
        }
        emit(&ShmPoolAnnounce {
            stream_id: self.stream,
            producer_id: Some(self.producer),
            epoch: regions.epoch,
            announce_timestamp_ns: now.as_ns(),
            announce_clock_domain: ClockDomain::Monotonic,
            layout_version: LAYOUT_VERSION,
            header_nslots: regions.slots,
            payload_pools: regions.pools,
            header_region_uri: regions.header_uri,
        })?;
        self.cadence.sent(now);
        Ok(true)
    }

    /// When to come back.
    pub const fn poll_timeout(&self) -> Instant {
        self.cadence.due_at()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::PoolId;
    use crate::wire::{PoolEntry, Stride};
    use std::string::{String, ToString};

    const PERIOD: Duration = Duration::from_secs(1);

    fn regions() -> Announced<'static> {
        let pool = PoolEntry {
            pool_id: PoolId::new(1).unwrap(),
            stride: Stride::new(640).unwrap(),
            region_uri: RegionUri::new("/shm/1.pool", false).unwrap(),
        };
        Announced {
            epoch: Epoch::new(5).unwrap(),
            slots: SlotCount::new(8).unwrap(),
            pools: Pools::from_slice(&[pool]).unwrap(),
            header_uri: RegionUri::new("/shm/header.ring", false).unwrap(),
        }
    }

    fn beacon(period: Duration) -> PoolBeacon {
        let (stream, producer) = (StreamId::new(3).unwrap(), ClientId::new(7).unwrap());
        PoolBeacon::new(stream, producer, period)
    }

    fn says(beacon: &mut PoolBeacon, now: Instant) -> bool {
        beacon
            .transmit(now, regions(), |_| Ok::<_, ()>(()))
            .unwrap()
    }

    fn at(ms: u64) -> Instant {
        Instant::from_ns(ms.saturating_mul(1_000_000))
    }

    #[test] // req: C-078, W-035, W-217, T-11
    fn regions_are_announced_each_period_and_for_a_new_consumer() {
        let mut beacon = beacon(PERIOD);
        let refused = beacon.transmit(at(9), regions(), |_| Err("full"));
        assert_eq!(refused, Err("full"));
        assert!(says(&mut beacon, at(10)), "what was refused stays due");
        assert!(!says(&mut beacon, at(1009)));
        assert_eq!(beacon.poll_timeout(), at(1010));
        assert!(says(&mut beacon, at(1010)));
        beacon.hasten();
        assert!(says(&mut beacon, at(1011)));
        assert!(!says(&mut beacon, at(2010)));
    }

    #[test] // req: C-078
    fn without_a_period_regions_are_announced_once_and_on_demand() {
        let mut beacon = beacon(Duration::ZERO);
        assert!(says(&mut beacon, at(10)));
        assert!(!says(&mut beacon, at(1_000_000)));
        beacon.hasten();
        assert!(says(&mut beacon, at(1_000_001)));
    }

    #[test] // req: C-078, W-244, T-10
    fn an_announce_names_each_region_and_the_time_it_was_sent() {
        let mut said = String::new();
        let emit = |announce: &ShmPoolAnnounce<'_>| {
            let clock = announce.announce_clock_domain;
            assert_eq!(
                (announce.announce_timestamp_ns, clock),
                (77, ClockDomain::Monotonic)
            );
            assert_eq!(announce.producer_id, ClientId::new(7));
            assert_eq!((announce.stream_id.get(), announce.epoch.get()), (3, 5));
            assert_eq!(
                (announce.layout_version, announce.header_nslots.get()),
                (1, 8)
            );
            assert_eq!(announce.payload_pools, regions().pools);
            said = announce.header_region_uri.to_string();
            Ok::<_, ()>(())
        };
        assert_eq!(
            beacon(PERIOD).transmit(Instant::from_ns(77), regions(), emit),
            Ok(true)
        );
        assert_eq!(said, "shm:file?path=/shm/header.ring");
    }
}
