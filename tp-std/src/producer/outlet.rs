//! What a producer has in any mode: the link to its conductor, and the way out for descriptors.

use std::sync::Arc;

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::claim::Overtaking;
use tp_core_nostd::proto::publish::{FrameMeta, HeaderOrder};
use tp_core_nostd::role::Generation;
use tp_core_nostd::shm::{SlotImage, TensorHeader};
use tp_core_nostd::time::Clock;
use tp_core_nostd::transport::SendError;
use tp_core_nostd::wire::control::FrameDescriptor;
use tp_linux_hugepages::MappedBell;

use super::ProducerLink;
use super::config::{Flush, ProducerConfig};
use super::exchange::Exchange;
use super::frame::{CommitMeta, Delivery, DeliveryCounts, OfferError};
use super::privates::Privates;
use super::progress::Started;
use super::trace::Tracer;
use super::voice::{Description, Voice};
use crate::clock::SharedClock;
use crate::medium::Sender;

/// Bytes of a FrameDescriptor message: header and block (wire 4.5).
const DESCRIPTOR_LEN: usize = 48;

/// See the module. Dropping it gives the lease back.
pub(super) struct Outlet {
    pub(super) link: Arc<ProducerLink>,
    seen: Generation,
    /// The memory in use is of an epoch that is gone, and nothing newer was adopted.
    pub(super) is_stale: bool,
    publication: Option<Box<dyn Sender>>,
    /// How sleeping consumers are woken, if they are.
    bell: Option<MappedBell>,
    wake_ups: bool,
    /// The header of the last tensor, ready to be written again.
    prepared: Option<(TensorHeader, SlotImage)>,
    pub(super) overtaking: Overtaking,
    pub(super) flush: Flush,
    descriptor_timestamp: bool,
    test_first: bool,
    pub(super) deliveries: DeliveryCounts,
    /// The streams of single consumers.
    pub(super) privates: Privates,
    pub(super) header_order: HeaderOrder,
    /// Where frames are traced.
    pub(super) tracer: Option<Tracer>,
    pub(super) clock: SharedClock,
    pub(super) stream: StreamId,
    pub(super) voice: Arc<Voice>,
    /// What applies to the source. `None` only if there is no memory for an empty list of attributes.
    pub(super) source: Option<Description>,
    /// Its version, which frames carry unless they name another.
    pub(super) meta_version: Option<u32>,
}

impl Outlet {
    pub(super) fn new(
        link: Arc<ProducerLink>,
        config: &ProducerConfig,
        clock: SharedClock,
        voice: Arc<Voice>,
        exchange: Arc<Exchange>,
    ) -> Self {
        let storage = vec![0; config.metadata_capacity].into_boxed_slice();
        Self {
            link,
            stream: config.stream,
            voice,
            source: Description::new(storage),
            meta_version: None,
            seen: Generation::START,
            is_stale: false,
            publication: None,
            bell: None,
            wake_ups: config.wake_ups,
            prepared: None,
            overtaking: config.overtaking,
            flush: config.flush.clone(),
            descriptor_timestamp: config.descriptor_timestamp,
            test_first: config.test_first,
            deliveries: DeliveryCounts::default(),
            privates: Privates::new(exchange, config.consumers.streams()),
            header_order: config.header_order,
            tracer: config.tracing.as_ref().map(Tracer::new),
            clock,
        }
    }

    /// One load while nothing changed (C-092).
    #[inline]
    pub(super) fn moved(&self) -> bool {
        self.link.cell.moved(self.seen)
    }

    /// Notes what the conductor did, except for new memory.
    pub(super) fn catch_up(&mut self) {
        self.seen = self.link.cell.catch_up();
        self.is_stale |= !self.seen.is_active();
        if let Some(publication) = self.link.endpoint.take()
            && let Some(old) = self.publication.replace(publication)
        {
            self.privates.exchange().retire(old);
        }
        self.privates.catch_up();
        if let (Some(tracer), Some(ids)) = (&mut self.tracer, self.privates.exchange().ids.take()) {
            tracer.mint_by(ids);
        }
        if let Some(bell) = self.link.bell.take() {
            self.bell = bell.filter(|_| self.wake_ups);
        }
    }

    /// Whether frames can be taken.
    #[inline]
    pub(super) fn standing(&self) -> Result<(), OfferError> {
        match self.seen.is_active() && !self.is_stale {
            true => Ok(()),
            false if self.link.is_closed() => Err(OfferError::Closed),
            false => Err(OfferError::Fenced),
        }
    }

    /// Whether the shared descriptor stream has a subscriber.
    pub(super) fn is_connected(&self) -> bool {
        let publication = self.publication.as_ref();
        publication.is_some_and(|publication| publication.is_connected())
    }

    /// Whether a descriptor could be sent now, where that is asked for (C-056).
    #[inline]
    pub(super) fn test(&self) -> Result<(), OfferError> {
        if !self.test_first {
            return Ok(());
        }
        let publication = self.publication.as_ref();
        match publication.map(|publication| publication.can_accept(DESCRIPTOR_LEN)) {
            Some(Ok(())) => Ok(()),
            Some(Err(SendError::BackPressured | SendError::AdminAction)) => {
                Err(OfferError::BackPressured)
            }
            Some(Err(_)) | None => Err(OfferError::NotConnected),
        }
    }

    /// The time of sending, where descriptors carry it (W-144).
    #[inline]
    pub(super) fn sent_ns(&self) -> Option<u64> {
        self.descriptor_timestamp.then(|| self.clock.now().as_ns())
    }

    /// What is said of a frame; captured now, where nobody says when, or says 0 (C-055).
    #[inline]
    pub(super) fn meta(
        &self,
        capture_ns: Option<u64>,
        meta_version: Option<u32>,
        trace_id: Option<u64>,
    ) -> FrameMeta {
        FrameMeta {
            timestamp_ns: capture_ns
                .filter(|captured| *captured != 0)
                .unwrap_or_else(|| self.clock.now().as_ns()),
            meta_version: meta_version.or(self.meta_version),
            trace_id: match &self.tracer {
                Some(tracer) => tracer.id_of(trace_id, &self.clock),
                None => trace_id,
            },
        }
    }

    /// What a commit says, where a start said something before: that holds unless it is said again.
    #[inline]
    pub(super) fn meta_after(&self, started: Option<Started>, said: CommitMeta) -> FrameMeta {
        let before = started.and_then(|started| started.meta);
        self.meta(
            said.capture_ns.or(before.map(|meta| meta.timestamp_ns)),
            said.meta_version
                .or(before.and_then(|meta| meta.meta_version)),
            said.trace_id.or(before.and_then(|meta| meta.trace_id)),
        )
    }

    /// The header image of a tensor: most producers send the same one again and again.
    #[inline]
    pub(super) fn prepare(&mut self, tensor: &TensorHeader) -> &mut SlotImage {
        let prepared = &mut self.prepared;
        if prepared.as_ref().is_some_and(|(last, _)| last != tensor) {
            *prepared = None;
        }
        let (_, image) = prepared.get_or_insert_with(|| (*tensor, SlotImage::new(tensor)));
        image
    }

    /// Sends the descriptor of a frame just committed to everybody; what became of it on the shared stream is counted and
    /// returned (C-059). Then wakes consumers that sleep: those that poll have it by then.
    pub(super) fn send(&mut self, descriptor: &FrameDescriptor) -> Delivery {
        let delivery = match &mut self.publication {
            Some(publication) => send(publication.as_mut(), descriptor),
            None => Delivery::Failed,
        };
        let count = match delivery {
            Delivery::Sent => &mut self.deliveries.sent,
            Delivery::Unconnected => &mut self.deliveries.unconnected,
            Delivery::BackPressured => &mut self.deliveries.back_pressured,
            Delivery::Failed | Delivery::Held => &mut self.deliveries.failed,
        };
        *count = count.wrapping_add(1);
        self.privates.send(descriptor, &self.clock);
        if let Some(bell) = &self.bell {
            bell.ring_if_wanted();
        }
        delivery
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.link.abandon();
    }
}

/// Sends a descriptor to one stream.
pub(super) fn send(publication: &mut dyn Sender, descriptor: &FrameDescriptor) -> Delivery {
    let mut message = [0; DESCRIPTOR_LEN];
    if descriptor.encode(&mut message).is_err() {
        return Delivery::Failed;
    }
    deliver(publication, &message)
}

/// Sends a message, once.
pub(super) fn deliver(publication: &mut dyn Sender, message: &[u8]) -> Delivery {
    match publication.offer(message) {
        Ok(()) => Delivery::Sent,
        Err(SendError::NotConnected) => Delivery::Unconnected,
        Err(SendError::BackPressured | SendError::AdminAction) => Delivery::BackPressured,
        Err(_) => Delivery::Failed,
    }
}
