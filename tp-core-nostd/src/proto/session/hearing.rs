//! What a session makes of each message.

use super::{Cycle, Happened, Hold, Inbound, Session, happened};
use crate::ids::CorrelationId;
use crate::proto::announce::{Arrival, Stamp};
use crate::proto::dispatch::Message;
use crate::proto::lease_client::{Event, LeaseLost};
use crate::time::Instant;
use crate::wire::control::{ShmPoolAnnounce, ShmPoolAnnounceView};
use crate::wire::driver::{
    Role, ShmAttachResponse, ShmDriverShutdown, ShmLeaseRevoked, ShmLeaseRevokedView,
};
use crate::wire::enums::ClockDomain;

impl Session {
    /// A message arrived, for us or for somebody else.
    pub fn handle<'m>(
        &mut self,
        cycle: &mut Cycle<'_>,
        inbound: &Inbound<'m>,
    ) -> Option<Happened<'m>> {
        match inbound.message {
            Message::ShmPoolAnnounce(view) if view.block.stream_id.get() == self.stream.get() => {
                self.announced(cycle, inbound, view)
            }
            Message::ShmLeaseRevoked(view) => self.revoked(cycle, view),
            _ => self.answered(cycle, inbound),
        }
    }

    /// The driver says something about our lease, or about itself.
    fn answered<'m>(
        &mut self,
        cycle: &mut Cycle<'_>,
        inbound: &Inbound<'m>,
    ) -> Option<Happened<'m>> {
        let Hold::Leased(lease) = &mut self.hold else {
            return None;
        };
        let now = cycle.now;
        match inbound.message {
            Message::ShmAttachResponse(view) => {
                let asked_as = lease.client();
                let Ok(response) = ShmAttachResponse::try_from(view) else {
                    let correlation = CorrelationId(view.block.correlation_id.get());
                    return lease
                        .handle_broken_response(now, cycle.ids, correlation)
                        .map(happened);
                };
                match (
                    lease.handle_attach_response(now, cycle.ids, &response)?,
                    response.outcome,
                ) {
                    (Event::Attached(_), Ok(grant)) => {
                        self.heard = now;
                        self.granted = Some(grant.epoch);
                        Some(Happened::Granted(grant))
                    }
                    (Event::Refused(code), Err(refusal)) => Some(Happened::Refused {
                        code,
                        text: refusal.error_message,
                        // Another id was taken in place of the refused one (C-028).
                        will_retry: lease.client() != asked_as,
                    }),
                    (event, _) => Some(happened(event)),
                }
            }
            Message::ShmDetachResponse(view) => {
                let correlation = CorrelationId(view.block.correlation_id.get());
                lease.handle_detach_response(correlation).map(happened)
            }
            Message::ShmDriverShutdown(view) => {
                ShmDriverShutdown::try_from(view).ok()?;
                self.lost(cycle, LeaseLost::DriverShutdown)
            }
            _ => None,
        }
    }

    /// A lease ended: ours, or that of the stream's producer.
    fn revoked(
        &mut self,
        cycle: &mut Cycle<'_>,
        view: ShmLeaseRevokedView<'_>,
    ) -> Option<Happened<'static>> {
        let ShmLeaseRevoked {
            lease_id,
            stream_id,
            client_id,
            role,
            reason,
            timestamp_ns,
            ..
        } = ShmLeaseRevoked::try_from(view).ok()?;
        let ours = match &mut self.hold {
            Hold::Leased(lease) => {
                lease.handle_revoked(cycle.now, cycle.ids, lease_id, stream_id, role, reason)
            }
            Hold::Direct { .. } => None,
        };
        // A lease of an earlier driver may be revoked long after somebody else produces (D-154).
        let of_producer = stream_id == self.stream
            && role == Role::Producer
            && self.producer.is_none_or(|producer| producer == client_id);
        ours.map(happened)
            .or(of_producer.then_some(Happened::ProducerRevoked { timestamp_ns }))
    }

    /// Somebody announces our stream.
    fn announced<'m>(
        &mut self,
        cycle: &mut Cycle<'_>,
        inbound: &Inbound<'m>,
        view: ShmPoolAnnounceView<'m>,
    ) -> Option<Happened<'m>> {
        let now = cycle.now;
        let announce = ShmPoolAnnounce::try_from(view).ok()?;
        let stamp = Stamp {
            epoch: announce.epoch,
            timestamp_ns: announce.announce_timestamp_ns,
            domain: announce.announce_clock_domain,
        };
        let arrival = Arrival {
            now,
            real_ns: cycle.real_ns,
            joined: inbound.joined,
        };
        self.filter.judge(stamp, arrival).ok()?;
        self.heard = self.heard.max(sent_at(stamp, now));
        self.producer = announce.producer_id;
        if !self.is_held() {
            return None;
        }
        // Somebody else's epoch: whatever a producer holds, it is not the stream any more (D-155).
        if self.role == Role::Producer
            && self.granted.is_some_and(|granted| announce.epoch > granted)
        {
            return self.lost(cycle, LeaseLost::Superseded);
        }
        Some(Happened::Announced(announce))
    }
}

/// When an announce that counts was sent. It may have waited for us; its sender may have died since.
fn sent_at(stamp: Stamp, now: Instant) -> Instant {
    match stamp.domain {
        ClockDomain::Monotonic => Instant::from_ns(stamp.timestamp_ns).min(now),
        ClockDomain::RealtimeSynced => now,
    }
}
