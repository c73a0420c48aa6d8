//! Listening before the first lease: a driver that has our streams already gives itself away (D-008).
//!
//! Every driver announces each stream with an epoch once per announce period (D-136). Whoever is about to own the same
//! streams therefore stays silent for one period and listens. Nothing on the wire names the driver of an announce, but
//! before our own first announce every fresh one of our streams is somebody else's.

use crate::ids::{ClientId, Epoch, StreamId};
use crate::proto::announce::{AnnounceFilter, Arrival, Stamp};
use crate::proto::dispatch::{Message, classify};
use crate::time::{Duration, Instant};
use crate::wire::control::ShmPoolAnnounce;

/// Somebody else who announces a stream of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Rival {
    /// The stream.
    pub stream: StreamId,
    /// The epoch that is announced.
    pub epoch: Epoch,
    /// Its producer, if it has one.
    pub producer: Option<ClientId>,
}

/// A driver's first announce period, in which it does nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Listening {
    since: Instant,
    until: Instant,
    window: Duration,
}

impl Listening {
    /// Listens from `now` on, for one announce period and a quarter more, as no announce comes at the very moment it is
    /// due.
    pub const fn new(now: Instant, announce_period: Duration) -> Self {
        let quarter = match announce_period.checked_div(4) {
            Some(quarter) => quarter,
            None => Duration::ZERO,
        };
        Self {
            since: now,
            until: now.after(announce_period).after(quarter),
            window: announce_period.saturating_mul(3),
        }
    }

    /// What came on the announce stream; `real_ns` is the time of day, where there is such a clock. Announces that were
    /// sent before we listened, of a driver that left since, say nothing.
    pub fn hear(
        &self,
        now: Instant,
        real_ns: Option<u64>,
        message: &[u8],
        is_ours: impl Fn(StreamId) -> bool,
    ) -> Option<Rival> {
        let Ok(Message::ShmPoolAnnounce(view)) = classify(message) else {
            return None;
        };
        let announce = ShmPoolAnnounce::try_from(view).ok()?;
        if !is_ours(announce.stream_id) {
            return None;
        }
        let stamp = Stamp {
            epoch: announce.epoch,
            timestamp_ns: announce.announce_timestamp_ns,
            domain: announce.announce_clock_domain,
        };
        let arrival = Arrival {
            now,
            real_ns,
            joined: self.since,
        };
        AnnounceFilter::new(self.window)
            .judge(stamp, arrival)
            .ok()?;
        Some(Rival {
            stream: announce.stream_id,
            epoch: announce.epoch,
            producer: announce.producer_id,
        })
    }

    /// Whether enough was listened.
    pub fn is_over(&self, now: Instant) -> bool {
        now >= self.until
    }

    /// When it will be over.
    pub const fn poll_timeout(&self) -> Instant {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::PoolId;
    use crate::seq::SlotCount;
    use crate::shm::Stride;
    use crate::uri::RegionUri;
    use crate::wire::enums::ClockDomain;
    use crate::wire::{PoolEntry, Pools};
    use std::vec;
    use std::vec::Vec;

    const PERIOD: Duration = Duration::from_secs(1);
    const BEGAN: Instant = Instant::from_ns(50_000_000_000);

    fn stream(raw: u32) -> StreamId {
        StreamId::new(raw).unwrap()
    }

    fn announce(of: u32, timestamp_ns: u64, domain: ClockDomain) -> Vec<u8> {
        let pool = PoolEntry {
            pool_id: PoolId::new(1).unwrap(),
            stride: Stride::new(4096).unwrap(),
            region_uri: RegionUri::new("/dev/shm/1.pool", false).unwrap(),
        };
        let message = ShmPoolAnnounce {
            stream_id: stream(of),
            producer_id: ClientId::new(7),
            epoch: Epoch::new(9).unwrap(),
            announce_timestamp_ns: timestamp_ns,
            announce_clock_domain: domain,
            layout_version: 1,
            header_nslots: SlotCount::new(8).unwrap(),
            payload_pools: Pools::from_slice(&[pool]).unwrap(),
            header_region_uri: RegionUri::new("/dev/shm/header.ring", false).unwrap(),
        };
        let mut bytes = vec![0; 1024];
        let len = message.encode(&mut bytes).unwrap();
        bytes.truncate(len);
        bytes
    }

    fn hear(message: &[u8]) -> Option<Rival> {
        let now = BEGAN.after(Duration::from_millis(800));
        let real_ns = Some(1_000_000_000_000);
        let is_ours = |id: StreamId| id.get() == 10_000;
        Listening::new(BEGAN, PERIOD).hear(now, real_ns, message, is_ours)
    }

    #[test] // req: D-008
    fn a_fresh_announce_of_our_stream_is_a_rival() {
        let rival = Rival {
            stream: stream(10_000),
            epoch: Epoch::new(9).unwrap(),
            producer: ClientId::new(7),
        };
        let began = BEGAN.as_ns();
        for (timestamp_ns, domain) in [
            (began, ClockDomain::Monotonic),
            (began + 700_000_000, ClockDomain::Monotonic),
            (999_000_000_000, ClockDomain::RealtimeSynced),
        ] {
            let heard = hear(&announce(10_000, timestamp_ns, domain));
            assert_eq!(heard, Some(rival), "{timestamp_ns}");
        }
    }

    #[test] // req: D-008, W-041
    fn everything_else_is_no_rival() {
        let began = BEGAN.as_ns();
        let monotonic = ClockDomain::Monotonic;
        for (message, what) in [
            (announce(10_001, began + 1, monotonic), "another stream"),
            (announce(10_000, began - 1, monotonic), "sent before"),
            (announce(10_000, 0, monotonic), "never stamped"),
            (
                announce(10_000, 1_000_000_000, ClockDomain::RealtimeSynced),
                "an old one",
            ),
            (b"garbage".to_vec(), "garbage"),
        ] {
            assert_eq!(hear(&message), None, "{what}");
        }
    }

    #[test] // req: D-136
    fn listening_takes_a_period_and_some() {
        let listening = Listening::new(BEGAN, PERIOD);
        assert!(!listening.is_over(BEGAN.after(PERIOD)));
        assert_eq!(
            listening.poll_timeout(),
            BEGAN.after(Duration::from_millis(1250))
        );
        assert!(listening.is_over(listening.poll_timeout()));
        // However long the period is.
        assert!(!Listening::new(BEGAN, Duration::MAX).is_over(BEGAN));
    }
}
