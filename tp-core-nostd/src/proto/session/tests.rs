//! A consumer's session hears of its lease, its stream and its stream's producer.

use super::*;
use crate::ids::{ClientId, CorrelationId, LeaseId, PoolId};
use crate::proto::dispatch::classify;
use crate::seq::SlotCount;
use crate::uri::RegionUri;
use crate::wire::control::ShmPoolAnnounce;
use crate::wire::driver::{
    LeaseRevokeReason, ShmAttachRequestView, ShmAttachResponse, ShmLeaseRevoked,
};
use crate::wire::enums::ClockDomain;
use crate::wire::{PoolEntry, Pools, Stride};
use std::vec::Vec;

const STREAM: StreamId = StreamId::new(10_000).unwrap();
const WINDOW: Duration = Duration::from_secs(3);
const SECOND: u64 = 1_000_000_000;

/// A control publication that keeps what it is given.
#[derive(Default)]
struct Sent(Vec<Vec<u8>>);

impl Publication for Sent {
    fn offer(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.0.push(message.to_vec());
        Ok(())
    }
    fn is_connected(&self) -> bool {
        true
    }
}

struct Bench {
    session: Session,
    ids: Ids,
    now: Instant,
}

impl Bench {
    /// A role without a driver, at 10 s.
    fn direct(role: Role) -> Self {
        let mut ids = Ids::seeded(1);
        let session = Session::direct(STREAM, role, ClientId::new(9), WINDOW, &mut ids);
        let now = Instant::from_ns(10 * SECOND);
        Self { session, ids, now }
    }

    fn poll(&mut self, now: Instant) -> Option<Happened<'static>> {
        let (real_ns, ids) = (None, &mut self.ids);
        let mut cycle = Cycle { now, real_ns, ids };
        self.session.poll(&mut cycle)
    }

    /// A consumer that was granted epoch 5 at 10 s.
    fn attached() -> Self {
        let mut ids = Ids::seeded(1);
        let session = Session::new(LeaseConfig::new(STREAM, Role::Consumer), WINDOW, &mut ids);
        let now = Instant::from_ns(10 * SECOND);
        let mut bench = Self { session, ids, now };
        let (mut sent, ids) = (Sent::default(), &mut bench.ids);
        let (now, real_ns) = (bench.now, None);
        let mut cycle = Cycle { now, real_ns, ids };
        assert!(bench.session.poll(&mut cycle).is_none());
        assert_eq!(bench.session.transmit(&mut cycle, &mut sent), 1);
        let asked = ShmAttachRequestView::parse(&sent.0[0]).unwrap();
        let response = ShmAttachResponse {
            correlation_id: CorrelationId(asked.block.correlation_id.get()),
            outcome: Ok(Grant {
                lease_id: LeaseId::new(77).unwrap(),
                lease_expires_at: Some(now.after(WINDOW)),
                stream_id: STREAM,
                epoch: Epoch::new(5).unwrap(),
                layout_version: 1,
                header_nslots: SlotCount::new(8).unwrap(),
                node_id: None,
                payload_pools: pools(),
                header_region_uri: RegionUri::parse(b"shm:file?path=/h").unwrap(),
            }),
        };
        let heard = bench.hear(
            |buffer| response.encode(buffer),
            |happened| matches!(happened, Some(Happened::Granted(_))),
        );
        assert!(heard);
        bench
    }

    /// Hands in a message and asks what came of it.
    fn hear(
        &mut self,
        encode: impl FnOnce(&mut [u8]) -> Result<usize, EncodeError>,
        judge: impl FnOnce(Option<Happened<'_>>) -> bool,
    ) -> bool {
        let mut buffer = [0; 512];
        let len = encode(&mut buffer).unwrap();
        let inbound = Inbound {
            message: classify(&buffer[..len]).unwrap(),
            image: ImageId(1),
            joined: Instant::from_ns(0),
        };
        let (now, real_ns, ids) = (self.now, None, &mut self.ids);
        let mut cycle = Cycle { now, real_ns, ids };
        judge(self.session.handle(&mut cycle, &inbound))
    }

    fn announce(&mut self, producer: Option<u32>) {
        assert!(self.hears_announce(producer, 5));
    }

    /// Whether an announce of this epoch counts.
    fn hears_announce(&mut self, producer: Option<u32>, epoch: u64) -> bool {
        let announce = ShmPoolAnnounce {
            stream_id: STREAM,
            producer_id: producer.and_then(ClientId::new),
            epoch: Epoch::new(epoch).unwrap(),
            announce_timestamp_ns: self.now.as_ns(),
            announce_clock_domain: ClockDomain::Monotonic,
            layout_version: 1,
            header_nslots: SlotCount::new(8).unwrap(),
            payload_pools: pools(),
            header_region_uri: RegionUri::parse(b"shm:file?path=/h").unwrap(),
        };
        self.hear(
            |buffer| announce.encode(buffer),
            |happened| matches!(happened, Some(Happened::Announced(_))),
        )
    }

    /// Whether a revocation of this producer's lease is one of our stream's producer.
    fn is_told_of(&mut self, producer: u32) -> bool {
        let revoked = ShmLeaseRevoked {
            timestamp_ns: self.now.as_ns(),
            lease_id: LeaseId::new(1234).unwrap(),
            stream_id: STREAM,
            client_id: ClientId::new(producer).unwrap(),
            role: Role::Producer,
            reason: LeaseRevokeReason::Revoked,
            error_message: None,
        };
        self.hear(
            |buffer| revoked.encode(buffer),
            |happened| matches!(happened, Some(Happened::ProducerRevoked { .. })),
        )
    }
}

fn pools() -> Pools<'static> {
    Pools::from_slice(&[PoolEntry {
        pool_id: PoolId::new(1).unwrap(),
        stride: Stride::new(64).unwrap(),
        region_uri: RegionUri::parse(b"shm:file?path=/p").unwrap(),
    }])
    .unwrap()
}

#[test] // req: D-115, D-154
fn only_the_announced_producer_takes_the_stream_with_it() {
    let mut bench = Bench::attached();
    assert!(bench.is_told_of(7), "nobody was announced yet");
    bench.announce(Some(7));
    assert!(!bench.is_told_of(8), "the lease of an earlier driver");
    assert!(bench.is_told_of(7));
    bench.announce(Some(8));
    assert!(!bench.is_told_of(7));
    assert!(bench.is_told_of(8));
    bench.announce(None);
    assert!(bench.is_told_of(7), "nobody produces, as far as we know");
}

#[test] // req: D-155
fn a_driver_that_falls_silent_is_gone_after_one_window() {
    let mut bench = Bench::attached();
    bench.announce(Some(7));
    let last = bench.now.after(WINDOW);
    assert!(bench.poll(last).is_none());
    let later = last.after(Duration::from_nanos(1));
    assert!(matches!(bench.poll(later), Some(Happened::Lost(_))));
}

#[test] // req: C-048
fn a_role_without_a_driver_begins_at_once_and_asks_nobody() {
    for role in [Role::Producer, Role::Consumer] {
        let mut bench = Bench::direct(role);
        let now = bench.now;
        assert!(!bench.hears_announce(Some(9), 5), "not begun");
        assert!(matches!(bench.poll(now), Some(Happened::Begun)));
        assert!(bench.poll(now).is_none(), "begins once");
        assert!(bench.session.lease().is_none());
        assert_eq!(bench.session.client().get(), 9);
        assert_eq!(bench.session.poll_timeout(), Instant::NEVER);

        let mut sent = Sent::default();
        let (real_ns, ids) = (None, &mut bench.ids);
        let mut cycle = Cycle { now, real_ns, ids };
        let lost = bench.session.lost(&mut cycle, LeaseLost::DriverGone);
        assert!(lost.is_none(), "there is no driver to be lost");
        bench.session.detach(&mut cycle);
        assert!(bench.session.is_done());
        assert_eq!(bench.session.transmit(&mut cycle, &mut sent), 0);
    }
}

#[test] // req: C-048, W-038
fn a_consumer_without_a_driver_goes_by_announces_alone() {
    let mut bench = Bench::direct(Role::Consumer);
    let now = bench.now;
    assert!(bench.poll(now).is_some());
    assert!(bench.hears_announce(Some(7), 5));
    assert!(!bench.hears_announce(Some(7), 4), "a lower epoch");
    assert!(bench.hears_announce(Some(7), 6));
    assert!(bench.is_told_of(7), "a driver ended its producer's lease");
    let silent = bench.now.after(WINDOW).after(WINDOW);
    assert!(bench.poll(silent).is_none(), "stamps in memory tell that");
}
