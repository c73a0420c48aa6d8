//! The driver's messages, written from what the tables hold.

use heapless::String;

use super::answers::{Asker, Why};
use super::config::Config;
use super::event::{Event, Output};
use super::files::FileError;
use super::lease::Lease;
use super::regions::{RegionPath, Regions};
use super::stream::Stream;
use crate::ids::{ClientId, CorrelationId, Epoch, LeaseId, StreamId};
use crate::sbe::EncodeError;
use crate::seq::SlotCount;
use crate::shm::LAYOUT_VERSION;
use crate::time::Instant;
use crate::wire::Text;
use crate::wire::control::{ConsumerConfig, Endpoint, ShmPoolAnnounce};
use crate::wire::driver::{
    Grant, LeaseRevokeReason, Refusal, RefusalCode, Role, ShmAttachResponse, ShmDetachResponse,
    ShmDriverShutdown, ShmLeaseRevoked, ShutdownReason,
};
use crate::wire::enums::ClockDomain;

/// Room for the text of a [`FileError`].
const FILE_ERROR_MAX: usize = 96;

/// A message in the adapter's buffer, or none if it did not fit.
#[derive(Clone, Copy)]
pub(super) struct Message {
    len: Option<usize>,
    event: Event,
}

impl Message {
    fn new(len: Result<usize, EncodeError>, event: Event) -> Self {
        Self {
            len: len.ok(),
            event,
        }
    }

    /// What it says.
    pub(super) const fn event(&self) -> Event {
        self.event
    }

    /// Hands the message out. One that does not fit is dropped and counted: it never will.
    pub(super) fn offer<E>(
        &self,
        buffer: &[u8],
        too_long: &mut u64,
        emit: impl FnOnce(Output<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.len.and_then(|len| buffer.get(..len)) {
            Some(bytes) => emit(Output {
                bytes,
                event: self.event,
            }),
            None => {
                *too_long = too_long.wrapping_add(1);
                Ok(())
            }
        }
    }
}

/// The epoch of a stream that is in use, with the lists of its regions.
pub(super) struct Current<'t> {
    stream: StreamId,
    epoch: Epoch,
    nslots: SlotCount,
    regions: Regions<'t>,
}

impl<'t> Current<'t> {
    /// `None` if the stream has no epoch.
    pub(super) fn of(config: &Config<'_>, stream: &Stream, text: &'t mut [u8]) -> Option<Self> {
        let profile = config.profiles.get(stream.profile)?;
        let ring = RegionPath {
            root: config.root,
            stream: stream.id,
            epoch: stream.epoch?,
            pool: None,
        };
        Some(Self {
            stream: stream.id,
            epoch: ring.epoch,
            nslots: profile.header_nslots,
            regions: Regions::list(ring, profile, config.hugepages, text)?,
        })
    }

    /// The OK of a lease (D-034 to D-039, D-215).
    pub(super) fn grant(
        self,
        id: LeaseId,
        lease: &Lease,
        expires_at: Instant,
        again: bool,
        buffer: &mut [u8],
    ) -> Message {
        let response = ShmAttachResponse {
            correlation_id: lease.correlation,
            outcome: Ok(Grant {
                lease_id: id,
                lease_expires_at: Some(expires_at),
                stream_id: self.stream,
                epoch: self.epoch,
                layout_version: LAYOUT_VERSION,
                header_nslots: self.nslots,
                node_id: lease.node,
                payload_pools: self.regions.pools,
                header_region_uri: self.regions.header_uri,
            }),
        };
        let event = Event::Attached {
            lease: id,
            stream: self.stream,
            epoch: self.epoch,
            client: lease.client,
            role: lease.role,
            node: lease.node,
            again,
        };
        Message::new(response.encode(buffer), event)
    }

    /// The announce of the stream (D-136 to D-139).
    pub(super) fn announce(
        self,
        now: Instant,
        producer: Option<ClientId>,
        buffer: &mut [u8],
    ) -> Message {
        let announce = ShmPoolAnnounce {
            stream_id: self.stream,
            producer_id: producer,
            epoch: self.epoch,
            announce_timestamp_ns: now.as_ns(),
            announce_clock_domain: ClockDomain::Monotonic,
            layout_version: LAYOUT_VERSION,
            header_nslots: self.nslots,
            payload_pools: self.regions.pools,
            header_region_uri: self.regions.header_uri,
        };
        let event = Event::Announced {
            stream: self.stream,
            epoch: self.epoch,
            producer,
        };
        Message::new(announce.encode(buffer), event)
    }
}

/// No lease for this one.
pub(super) fn attach_refused(asker: Asker, why: Why, buffer: &mut [u8]) -> Message {
    let mut text = String::<FILE_ERROR_MAX>::new();
    let refusal = match why {
        Why::Check(refusal) => refusal,
        Why::Files(error) => {
            describe(error, &mut text);
            Refusal::new(RefusalCode::InternalError, &text)
        }
    };
    let response = ShmAttachResponse {
        correlation_id: asker.correlation,
        outcome: Err(refusal),
    };
    let event = Event::AttachRefused {
        correlation: asker.correlation,
        client: asker.client,
        stream: asker.stream,
        code: refusal.code,
    };
    Message::new(response.encode(buffer), event)
}

fn describe(error: FileError, text: &mut String<FILE_ERROR_MAX>) {
    use core::fmt::Write;
    // Too long a text keeps its beginning.
    let _ = write!(text, "{error}");
}

/// The answer to a detach.
pub(super) fn detach(
    correlation: CorrelationId,
    outcome: Result<(), Refusal<'_>>,
    buffer: &mut [u8],
) -> Message {
    let response = ShmDetachResponse {
        correlation_id: correlation,
        outcome,
    };
    let event = match outcome {
        Ok(()) => Event::Detached { correlation },
        Err(refusal) => Event::DetachRefused {
            correlation,
            code: refusal.code,
        },
    };
    Message::new(response.encode(buffer), event)
}

/// A lease as messages name it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holder {
    pub(super) lease: LeaseId,
    pub(super) stream: StreamId,
    pub(super) client: ClientId,
    pub(super) role: Role,
}

/// The end of a lease (D-108).
pub(super) fn revocation(
    now: Instant,
    holder: Holder,
    reason: LeaseRevokeReason,
    buffer: &mut [u8],
) -> Message {
    let event = Event::Revoked {
        lease: holder.lease,
        stream: holder.stream,
        client: holder.client,
        role: holder.role,
        reason,
    };
    Message::new(revoke(now, holder, reason, None, buffer), event)
}

/// The end of a lease that this driver never issued (D-154).
pub(super) fn stranger(now: Instant, holder: Holder, buffer: &mut [u8]) -> Message {
    let event = Event::StrangerRevoked {
        lease: holder.lease,
        stream: holder.stream,
        client: holder.client,
    };
    let reason = LeaseRevokeReason::Revoked;
    let text = "this driver did not issue the lease";
    Message::new(revoke(now, holder, reason, Some(text), buffer), event)
}

fn revoke(
    now: Instant,
    holder: Holder,
    reason: LeaseRevokeReason,
    text: Option<&str>,
    buffer: &mut [u8],
) -> Result<usize, EncodeError> {
    let revoked = ShmLeaseRevoked {
        timestamp_ns: now.as_ns(),
        lease_id: holder.lease,
        stream_id: holder.stream,
        client_id: holder.client,
        role: holder.role,
        reason,
        error_message: text.map(Into::into),
    };
    revoked.encode(buffer)
}

/// What a consumer has for itself (driver 11).
pub(super) fn config(config: &ConsumerConfig<'_>, buffer: &mut [u8]) -> Message {
    let id = |endpoint: Option<Endpoint<'_>>| endpoint.map(|endpoint| endpoint.stream_id);
    let event = Event::Configured {
        stream: config.stream_id,
        consumer: config.consumer_id,
        descriptor: id(config.descriptor),
        control: id(config.control),
    };
    Message::new(config.encode(buffer), event)
}

/// The end of the driver (D-150).
pub(super) fn shutdown(
    now: Instant,
    reason: ShutdownReason,
    text: Option<Text<'_>>,
    buffer: &mut [u8],
) -> Message {
    let notice = ShmDriverShutdown {
        timestamp_ns: now.as_ns(),
        reason,
        error_message: text,
    };
    Message::new(notice.encode(buffer), Event::Shutdown { reason })
}
