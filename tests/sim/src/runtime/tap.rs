//! What goes over the wire of one client process, overheard: its leases, and the descriptors it sends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tp_core_nostd::ids::{CorrelationId, LeaseId, StreamId};
use tp_core_nostd::proto::dispatch::{Message, classify};
use tp_core_nostd::time::Instant;
use tp_core_nostd::wire::control::FrameDescriptor;
use tp_core_nostd::wire::driver::{Role, ShmAttachRequest, ShmAttachResponse, ShmLeaseKeepalive};

use crate::GRACE;

/// A tap as the endpoints of a process hold it.
#[derive(Clone, Debug, Default)]
pub(super) struct Tap(Arc<Mutex<Overheard>>);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Overheard {
    asked: BTreeMap<CorrelationId, (StreamId, Role)>,
    leases: BTreeMap<LeaseId, Held>,
    /// Descriptors that were taken by the medium, each with a number of its publication.
    pub(super) told: Vec<(u32, FrameDescriptor)>,
}

/// A lease, as somebody sees it who hears what its holder hears and says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) stream: StreamId,
    pub(super) role: Role,
    /// When the answer was read.
    pub(super) granted_at: Instant,
    /// Until when it allows to start a frame (D-094).
    pub(super) deadline: Instant,
}

impl Tap {
    pub(super) fn lock(&self) -> MutexGuard<'_, Overheard> {
        self.0.lock().unwrap()
    }
}

impl Overheard {
    /// The lease that was granted last for this.
    pub(super) fn held(&self, stream: StreamId, role: Role) -> Option<Held> {
        let of = self.leases.values().copied();
        of.filter(|held| (held.stream, held.role) == (stream, role))
            .max_by_key(|held| (held.granted_at, held.deadline))
    }

    /// How many leases were granted.
    pub(super) fn leases(&self) -> usize {
        self.leases.len()
    }

    /// The process said something, and the medium took it.
    pub(super) fn said(&mut self, now: Instant, publication: u32, message: &[u8]) {
        match classify(message) {
            Ok(Message::ShmAttachRequest(view)) => {
                if let Ok(ShmAttachRequest {
                    correlation_id,
                    stream_id: Some(stream),
                    role,
                    ..
                }) = ShmAttachRequest::try_from(view)
                {
                    self.asked.insert(correlation_id, (stream, role));
                }
            }
            Ok(Message::ShmLeaseKeepalive(view)) => {
                let keepalive = ShmLeaseKeepalive::try_from(view);
                let held = keepalive.map(|keepalive| self.leases.get_mut(&keepalive.lease_id));
                // One that comes too late revives nothing.
                if let Ok(Some(held)) = held
                    && now <= held.deadline
                {
                    held.deadline = now.after(GRACE);
                }
            }
            Ok(Message::FrameDescriptor(view)) => {
                if let Ok(descriptor) = FrameDescriptor::try_from(view) {
                    self.told.push((publication, descriptor));
                }
            }
            _ => {}
        }
    }

    /// The process was handed something.
    pub(super) fn heard(&mut self, now: Instant, message: &[u8]) {
        let Ok(Message::ShmAttachResponse(view)) = classify(message) else {
            return;
        };
        let Ok(response) = ShmAttachResponse::try_from(view) else {
            return;
        };
        let asked = self.asked.get(&response.correlation_id);
        if let (Some((stream, role)), Ok(grant)) = (asked, response.outcome) {
            let held = Held {
                stream: *stream,
                role: *role,
                granted_at: now,
                deadline: grant.lease_expires_at.unwrap_or(Instant::NEVER),
            };
            // A second answer to the same request brings nothing new.
            self.leases.entry(grant.lease_id).or_insert(held);
        }
    }
}
